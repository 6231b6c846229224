/** One column: what is bought, how it is paid, what happens. An order's price is frozen on the server. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { cancelOrder, orderQuery, pay, payLater, paymentsQuery } from '../api/orders.ts';
import { asProblem } from '../api/problem.ts';
import type { Confirmation, Order, OrderLine, Payment } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { Badge, Money, Notice, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { toastProblem } from '../ui/toast.tsx';
import { OrderSums } from './order-sums.tsx';
import { PaymentConfirmation } from './payment-confirmation.tsx';
import { type ChosenMethod, MethodChoice } from './payment-methods.tsx';
import { PaymentWait } from './payment-wait.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/checkout/$orderId');

export function CheckoutPage() {
  useTitle('Checkout');
  const { orderId } = route.useParams();
  return <RequireUser>{() => <Checkout orderId={orderId} />}</RequireUser>;
}

function Checkout({ orderId }: { orderId: string }) {
  const order = useQuery(orderQuery(orderId));
  return (
    <div className="page page-checkout">
      <QueryView query={order} skeleton={<Skeleton lines={8} label="Loading your order" />}>
        {(data) => (data.status === 'awaiting_payment' ? <AwaitingPayment order={data} /> : <Settled order={data} />)}
      </QueryView>
    </div>
  );
}

/** Paid here and now, or opened again later: either way the order's own page says more. */
function Settled({ order }: { order: Order }) {
  const first = order.lines[0];
  if (order.status === 'cancelled') {
    return (
      <EmptyState
        icon="close"
        title="This order is cancelled"
        action={<ButtonLink to="/courses">See all courses</ButtonLink>}
      >
        <p>
          {order.cancelledBecause === 'expired'
            ? 'It was not paid in time. Nothing was charged.'
            : 'Nothing was charged.'}
        </p>
      </EmptyState>
    );
  }
  return (
    <div className="paid" role="status">
      <EmptyState
        icon="check"
        good
        title="Paid. Thank you."
        action={
          <div className="button-row">
            {first && <Next line={first} />}
            <ButtonLink to="/orders/$orderId" params={{ orderId: order.id }}>
              See the receipt
            </ButtonLink>
          </div>
        }
      >
        <p>
          <Money value={order.total} /> for {first?.title}. The receipt is also in your mail.
        </p>
      </EmptyState>
    </div>
  );
}

/** A gift and seats are for others: what comes next is theirs, not the course. */
function Next({ line }: { line: OrderLine }) {
  if (line.kind === 'gift') {
    return (
      <ButtonLink to="/gifts" look="primary">
        See your gifts
      </ButtonLink>
    );
  }
  if (line.kind === 'seats') {
    return (
      <ButtonLink to="/seats" look="primary">
        Give out the seats
      </ButtonLink>
    );
  }
  return (
    <ButtonLink to="/courses/$slug" params={{ slug: line.courseSlug || line.courseId }} look="primary">
      Start learning
    </ButtonLink>
  );
}

/** Placed as it was asked for; a coupon or a billing address makes another order of it, and this one lapses. */
function ChangeTerms({ order }: { order: Order }) {
  const [line, ...others] = order.lines;
  if (!line || others.length > 0 || line.kind !== 'course' || order.couponCode || order.billing) return null;
  return (
    <p className="pay-foot">
      <Link to="/buy" search={{ course: line.courseId }}>
        Use a coupon or add billing details
      </Link>
    </p>
  );
}

function AwaitingPayment({ order }: { order: Order }) {
  const payments = useQuery({ ...paymentsQuery(order.id), staleTime: 0 });
  const [started, setStarted] = useState<Payment>();
  const newest = started ?? payments.data?.[0];
  // A success that the order has not heard of yet is still under way: nobody must be offered to pay again.
  const open = newest && ['requires_action', 'processing', 'unknown', 'succeeded'].includes(newest.status ?? '');
  return (
    <>
      <header className="page-head">
        <h1 className="page-title">Checkout</h1>
      </header>
      <OrderSums order={order} />
      {newest?.status === 'requires_confirmation' ? (
        <PaymentConfirmation payment={newest} onAnswered={setStarted} />
      ) : open ? (
        <PaymentWait payment={newest} order={order} onSettled={(payment) => setStarted(payment)} />
      ) : (
        <>
          <ChangeTerms order={order} />
          <PayForm order={order} failed={newest?.status === 'failed' ? newest : undefined} onStarted={setStarted} />
        </>
      )}
    </>
  );
}

interface PayFormProps {
  order: Order;
  failed: Payment | undefined;
  onStarted: (payment: Payment) => void;
}

function PayForm({ order, failed, onStarted }: PayFormProps) {
  const [method, setMethod] = useState<ChosenMethod>({ type: 'card', token: 'tok_ok' });
  const client = useQueryClient();
  const navigate = useNavigate();
  const chosen = { type: method.type, token: method.token.trim() };
  const submit = useMutation({
    mutationFn: (confirmed: Confirmation) => (confirmed === 'later' ? payLater : pay)(order.id, chosen),
    onSuccess: ({ payment }) => {
      onStarted(payment);
      if (payment.status === 'succeeded') void client.invalidateQueries({ queryKey: ['order', order.id] });
      if (payment.nextAction?.type === 'challenge') {
        return navigate({ to: '/sandbox/3ds/$paymentId', params: { paymentId: payment.id } });
      }
      return undefined;
    },
    onError: (error) => {
      if (asProblem(error).status === 409) void client.invalidateQueries({ queryKey: ['order', order.id] });
    },
  });
  const under = submit.isPending ? submit.variables : undefined;
  return (
    <section className="pay" aria-label="Payment">
      <div className="pay-head">
        <h2 className="section-title">Pay</h2>
        <Badge tone="warn" icon="info">
          Simulated payment: no money moves
        </Badge>
      </div>
      <PaymentFailure failed={failed} error={submit.error} />
      <MethodChoice chosen={method} currency={order.total?.currency ?? ''} onChoose={setMethod} />
      <Button
        look="primary"
        wide
        isPending={under === 'now'}
        isDisabled={under === 'later'}
        onPress={() => submit.mutate('now')}
      >
        Pay <Money value={order.total} />
      </Button>
      <Button wide isPending={under === 'later'} isDisabled={under === 'now'} onPress={() => submit.mutate('later')}>
        Confirm later
      </Button>
      <CancelRow order={order} />
    </section>
  );
}

const failureWords: Readonly<Record<string, string>> = {
  card_declined: 'The bank declined the card. Nothing was charged. Choose another way to pay and try again.',
  insufficient_funds: 'There is not enough money on the card. Nothing was charged. Choose another way to pay.',
  authentication_failed: 'The payment was not approved. Nothing was charged. Try again, or choose another way to pay.',
  provider_timeout: 'The bank did not answer, and has since said that nothing was charged. You can try again.',
  vpa_invalid: 'No bank knows this UPI address. Nothing was charged. Check it, or choose another way to pay.',
  expired: 'The time to approve the payment ran out. Nothing was charged. You can try again.',
};

function PaymentFailure({ failed, error }: { failed: Payment | undefined; error: unknown }) {
  if (error) {
    const problem = asProblem(error);
    return (
      <Notice tone="danger" title={problem.title} live>
        <p>
          {problem.passing
            ? `${problem.detail} Pressing “Pay” again is safe: you can never be charged twice.`
            : problem.detail}
        </p>
      </Notice>
    );
  }
  if (!failed) return null;
  const code = failed.failure?.code ?? '';
  return (
    <Notice tone="danger" title="The payment did not go through" live>
      <p>{failureWords[code] ?? failed.failure?.detail ?? 'Nothing was charged. You can try again.'}</p>
    </Notice>
  );
}

function CancelRow({ order }: { order: Order }) {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelOrder(order.id),
    onSettled: () => client.invalidateQueries({ queryKey: ['order', order.id] }),
    onError: toastProblem,
  });
  const isExpired = useExpiry(order);
  return (
    <p className="pay-foot">
      {order.expiresAt && !isExpired && (
        <span>
          The price is held until <Time at={order.expiresAt} />.
        </span>
      )}
      <Button look="quiet" small isPending={cancel.isPending} onPress={() => cancel.mutate()}>
        Cancel this order
      </Button>
    </p>
  );
}

/** Asks for the order again when its time is over. */
function useExpiry(order: Order): boolean {
  const client = useQueryClient();
  const leftMs = order.expiresAt ? new Date(order.expiresAt).getTime() - Date.now() : Number.POSITIVE_INFINITY;
  useEffect(() => {
    if (leftMs > 2 ** 31 - 1) return undefined;
    const timer = setTimeout(
      () => void client.invalidateQueries({ queryKey: ['order', order.id] }),
      Math.max(1_000, leftMs + 1_000),
    );
    return () => clearTimeout(timer);
  }, [client, order.id, leftMs]);
  return leftMs <= 0;
}
