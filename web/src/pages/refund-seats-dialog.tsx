import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { refundSeats, seatPoolQuery } from '../api/seats.ts';
import type { SeatPool } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { formatMoney } from '../lib/money.ts';
import { plural } from '../lib/words.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { toast } from '../ui/toast.tsx';

/** Seats that nobody has go back at the price they were bought for. */
export function RefundSeatsDialog({ pool, onClose }: { pool: SeatPool; onClose: () => void }) {
  const [text, setText] = useState(String(pool.seatsFree));
  const seats = Number(text);
  const isRight = Number.isInteger(seats) && seats >= 1 && seats <= pool.seatsFree;
  const client = useQueryClient();
  const refund = useMutation({
    mutationFn: () => refundSeats(pool.id, seats),
    onSuccess: async (data) => {
      client.setQueryData(seatPoolQuery(pool.id).queryKey, { pool: data.pool });
      for (const key of ['seat-pools', 'order', 'orders']) await client.invalidateQueries({ queryKey: [key] });
      toast(`${formatMoney(data.amount)} is on its way back.`);
      onClose();
    },
  });
  return (
    <Dialog title="Return seats" isOpen onClose={onClose} busy={refund.isPending}>
      <Form label="Return seats" onSubmit={() => isRight && refund.mutate()} error={refund.error} fields={['seats']}>
        <TextField
          label="How many"
          inputMode="numeric"
          value={text}
          onChange={setText}
          hint={`${plural(pool.seatsFree, 'seat')} nobody has. Their price goes back the way it was paid.`}
          error={isRight ? fieldError(refund.error, 'seats') : `Give a number from 1 to ${pool.seatsFree}.`}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={refund.isPending}>
            Keep them
          </Button>
          <Button type="submit" look="danger" isPending={refund.isPending} isDisabled={!isRight}>
            Return {isRight ? plural(seats, 'seat') : 'seats'}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
