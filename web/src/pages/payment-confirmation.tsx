import { useMutation, useQueryClient } from '@tanstack/react-query';
import { cancelPayment, confirmPayment, paymentQuery } from '../api/orders.ts';
import type { Payment } from '../api/types.ts';
import { Money, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';

interface ConfirmationProps {
  payment: Payment;
  /** It is on its way, another stands in its place, or it is cancelled. */
  onAnswered: (payment: Payment) => void;
}

/** A payment that has its method and waits for its payer's word. */
export function PaymentConfirmation({ payment, onAnswered }: ConfirmationProps) {
  const client = useQueryClient();
  const answer = useMutation({
    mutationFn: (confirms: boolean) => (confirms ? confirmPayment(payment.id) : cancelPayment(payment.id)),
    onSuccess: async (data) => {
      client.setQueryData(paymentQuery(data.payment.id).queryKey, data);
      await client.invalidateQueries({ queryKey: ['payments', payment.orderId] });
      if (data.payment.status === 'cancelled') toast('The payment is cancelled. Nothing is charged.');
      onAnswered(data.payment);
    },
    // It may have ended meanwhile; then the list says so.
    onError: (error) => {
      toastProblem(error);
      void client.invalidateQueries({ queryKey: ['payments', payment.orderId] });
    },
  });
  const under = answer.isPending ? answer.variables : undefined;
  return (
    <section className="wait" aria-label="Payment to confirm">
      <Notice tone="info" title="This payment waits for you to confirm it">
        <p>
          Nothing of <Money value={payment.amount} /> is charged before you do.
          {payment.confirmBy && (
            <>
              {' '}
              Not confirmed, it is cancelled <Time at={payment.confirmBy} />.
            </>
          )}
        </p>
      </Notice>
      <div className="button-row">
        <Button
          look="primary"
          isPending={under === true}
          isDisabled={under === false}
          onPress={() => answer.mutate(true)}
        >
          Confirm the payment
        </Button>
        <Button isPending={under === false} isDisabled={under === true} onPress={() => answer.mutate(false)}>
          Cancel the payment
        </Button>
      </div>
    </section>
  );
}
