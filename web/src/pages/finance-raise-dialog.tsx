import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { orderQuery } from '../api/orders.ts';
import { raiseAuthorization } from '../api/payments-desk.ts';
import type { Money as MoneyJson, Payment } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { decimalText, parseAmount } from '../lib/money.ts';
import { Money, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { QueryView } from '../ui/states.tsx';
import { useAct } from './finance-desk.tsx';

interface RaiseProps {
  payment: Payment;
  refresh: () => Promise<void>;
  onClose: () => void;
}

/** Has the payer's bank hold more of what is authorized. */
export function RaiseDialog({ payment, refresh, onClose }: RaiseProps) {
  const order = useQuery(orderQuery(payment.orderId));
  return (
    <Dialog title="Hold more" isOpen onClose={onClose}>
      <QueryView query={order}>
        {({ total }) =>
          total && payment.amount ? (
            <RaiseForm payment={payment} held={payment.amount} costs={total} refresh={refresh} onClose={onClose} />
          ) : (
            <p>Nothing is held for this order.</p>
          )
        }
      </QueryView>
    </Dialog>
  );
}

interface RaiseFormProps extends RaiseProps {
  held: MoneyJson;
  costs: MoneyJson;
}

function RaiseForm({ payment, held, costs, refresh, onClose }: RaiseFormProps) {
  const { currency } = held;
  const [text, setText] = useState(() => decimalText(BigInt(costs.amountMinor), currency));
  const [isMisread, setMisread] = useState(false);
  const raise = useAct(
    (amount: MoneyJson) => raiseAuthorization(payment.id, amount).finally(refresh),
    'The payer’s bank holds more now.',
    onClose,
  );
  const submit = () => {
    const minor = parseAmount(text, currency);
    setMisread(minor === undefined);
    if (minor !== undefined) raise.mutate({ currency, amountMinor: String(minor) });
  };
  return (
    <Form label="Hold more" onSubmit={submit} error={raise.error} fields={['amount', 'amount.amountMinor']}>
      <p>
        <Money value={held} /> is held
        {payment.capturableUntil && (
          <>
            {' '}
            until <Time at={payment.capturableUntil} />
          </>
        )}
        , and the order costs <Money value={costs} />. Nothing is charged by it.
      </p>
      {BigInt(costs.amountMinor) <= BigInt(held.amountMinor) && (
        <Notice title="The whole price is held">
          <p>More than the order costs is held for nobody.</p>
        </Notice>
      )}
      <TextField
        label={`To hold in all, in ${currency}`}
        inputMode="decimal"
        value={text}
        onChange={setText}
        hint="The payer’s bank may decline; what is held now is then held on."
        error={
          (isMisread ? `Give an amount in ${currency}.` : undefined) ??
          fieldError(raise.error, 'amount.amountMinor') ??
          fieldError(raise.error, 'amount')
        }
      />
      <div className="button-row button-row-end">
        <Button onPress={onClose} isDisabled={raise.isPending}>
          Not now
        </Button>
        <Button type="submit" look="primary" isPending={raise.isPending}>
          Hold more
        </Button>
      </div>
    </Form>
  );
}
