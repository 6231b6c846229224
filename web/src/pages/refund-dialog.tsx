import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type RefundAsked, requestRefund } from '../api/orders.ts';
import type { Money as MoneyJson, Order } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { decimalText, formatMoney, parseAmount, subtract } from '../lib/money.ts';
import { Money } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { toast } from '../ui/toast.tsx';

/** Paid, something of it left, and (for the buyer) the window open. The server decides in the end. */
export function isRefundable(order: Order, now = Date.now()): boolean {
  if (order.status !== 'paid' && order.status !== 'partially_refunded') return false;
  if (BigInt(leftOf(order).amountMinor) <= 0n) return false;
  return order.refundableUntil === undefined || new Date(order.refundableUntil).getTime() > now;
}

/** What has been paid and not been given back. */
export function leftOf(order: Order): MoneyJson {
  return subtract(order.total ?? { currency: 'INR', amountMinor: '0' }, order.refunded);
}

const reasons: readonly [string, string][] = [
  ['requested_by_customer', 'I do not want it any more'],
  ['bought_by_mistake', 'I bought it by mistake'],
  ['not_as_described', 'It is not what was described'],
];

interface RefundDialogProps {
  order: Order;
  onClose: () => void;
  /** Finance may give back a part, at any time. */
  staff?: boolean;
}

export function RefundDialog({ order, onClose, staff = false }: RefundDialogProps) {
  const left = leftOf(order);
  const [reason, setReason] = useState(reasons[0]?.[0] ?? '');
  const [part, setPart] = useState(decimalText(BigInt(left.amountMinor), left.currency));
  const client = useQueryClient();
  const minor = staff ? parseAmount(part, left.currency) : BigInt(left.amountMinor);
  const whole = minor === BigInt(left.amountMinor);
  const refund = useMutation({
    mutationFn: (asked: RefundAsked) => requestRefund(order.id, asked),
    onSuccess: async () => {
      toast('The refund is on its way.');
      for (const key of ['order', 'orders', 'entries', 'access', 'enrolments', 'lesson'])
        await client.invalidateQueries({ queryKey: [key] });
      onClose();
    },
  });
  const submit = () => {
    if (minor === undefined || minor <= 0n) return;
    refund.mutate({ reason, ...(!whole && { amount: { currency: left.currency, amountMinor: minor.toString() } }) });
  };
  const wrong = minor === undefined || minor <= 0n ? `Give an amount up to ${formatMoney(left)}.` : undefined;
  return (
    <Dialog title="Refund this order" isOpen onClose={onClose} busy={refund.isPending}>
      <Form label="Refund" onSubmit={submit} error={refund.error} fields={['reason', 'amount', 'amount.amountMinor']}>
        <RefundEffects
          order={order}
          whole={whole}
          amount={{ currency: left.currency, amountMinor: (minor ?? 0n).toString() }}
        />
        {staff && (
          <TextField
            label={`Amount in ${left.currency}`}
            value={part}
            onChange={setPart}
            inputMode="decimal"
            error={wrong ?? fieldError(refund.error, 'amount.amountMinor') ?? fieldError(refund.error, 'amount')}
            hint={`${formatMoney(left)} is left to refund.`}
          />
        )}
        <RadioGroup label="Why" value={reason} onChange={setReason}>
          {reasons.map(([value, words]) => (
            <Radio key={value} value={value}>
              {staff ? words.replace('I do not', 'The buyer does not').replace('I bought it', 'Bought') : words}
            </Radio>
          ))}
        </RadioGroup>
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={refund.isPending}>
            Keep the order
          </Button>
          <Button type="submit" look="danger" isPending={refund.isPending}>
            Refund {formatMoney({ currency: left.currency, amountMinor: (minor ?? 0n).toString() })}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function RefundEffects({ order, whole, amount }: { order: Order; whole: boolean; amount: MoneyJson }) {
  return (
    <div className="effects">
      <p>This is what will happen:</p>
      <ul>
        <li>
          <Money value={amount} /> goes back the way it was paid.
        </li>
        <li>
          {whole
            ? `Access to ${order.lines.map((line) => line.title).join(', ')} ends as soon as the refund succeeds.`
            : 'Access to the courses stays unless a whole course is refunded.'}
        </li>
        <li>
          {whole
            ? 'Progress is kept, and is there again if the course is bought again.'
            : 'What is left can be refunded later.'}
        </li>
        <li>It cannot be taken back.</li>
      </ul>
    </div>
  );
}
