/** A payment under way: the bank's page, the payer's app, or an answer that has not come yet. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { encode } from 'uqr';
import { cancelPayment, confirmPayment, paymentQuery } from '../api/orders.ts';
import type { Order, Payment, PaymentStatus } from '../api/types.ts';
import { backOffMs, pollAttemptsMax } from '../lib/interval.ts';
import { formatPosition } from '../lib/time.ts';
import { Badge, Money, Notice, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { toastProblem } from '../ui/toast.tsx';

interface WaitProps {
  payment: Payment;
  order: Order;
  onSettled: (payment: Payment) => void;
}

export function PaymentWait({ payment, order, onSettled }: WaitProps) {
  const { payment: current, gaveUp, askAgain } = useSettling(payment, order, onSettled);
  if (current.nextAction?.type === 'upi_intent') {
    return <UpiIntent payment={current} />;
  }
  if (current.nextAction?.type === 'upi_collect') {
    return <UpiCollect payment={current} gaveUp={gaveUp} askAgain={askAgain} />;
  }
  if (current.status === 'requires_action') {
    return (
      <section className="wait" aria-label="Payment">
        <Notice tone="info" title="Your bank wants you to approve this payment">
          <p>Nothing is charged before you do.</p>
        </Notice>
        <ButtonLink to="/sandbox/3ds/$paymentId" params={{ paymentId: current.id }} look="primary" wide>
          Go to the bank’s page
        </ButtonLink>
        <CancelRow payment={current} />
      </section>
    );
  }
  return <Waiting status={current.status ?? 'processing'} gaveUp={gaveUp} askAgain={askAgain} />;
}

/** Asks with growing pauses until the payment is settled and the order has heard of it. */
function useSettling(payment: Payment, order: Order, onSettled: (payment: Payment) => void) {
  const client = useQueryClient();
  const query = useQuery({
    ...paymentQuery(payment.id),
    staleTime: 0,
    refetchInterval: (state) =>
      state.state.dataUpdateCount > pollAttemptsMax ? false : backOffMs(state.state.dataUpdateCount),
  });
  const current = query.data ?? payment;
  const settled = current.status === 'succeeded' || current.status === 'failed' || current.status === 'cancelled';
  const { dataUpdatedAt } = query;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer, also an equal one, asks for the order again.
  useEffect(() => {
    if (!settled) return;
    void client.invalidateQueries({ queryKey: ['order', order.id] });
    if (current.status !== 'succeeded') onSettled(current);
  }, [settled, dataUpdatedAt, current.status, order.id, client]);
  const rounds = client.getQueryState(['payment', payment.id])?.dataUpdateCount ?? 0;
  return { payment: current, gaveUp: rounds > pollAttemptsMax, askAgain: () => void query.refetch() };
}

const waits: Readonly<Record<string, readonly [string, string]>> = {
  unknown: [
    'The bank has not answered yet',
    'Its answer was lost on the way, so we are asking again. You are charged once or not at all; do not pay again.',
  ],
  succeeded: ['The bank said yes', 'Your order is being completed.'],
  processing: [
    'The bank is working on it',
    'This usually takes a second or two. You can leave this page; the order will know.',
  ],
};

function Waiting({ status, gaveUp, askAgain }: { status: PaymentStatus; gaveUp: boolean; askAgain: () => void }) {
  const [title, explains] = waits[status] ?? waits.processing ?? [];
  return (
    <section className="wait" aria-label="Payment">
      <div className="wait-box" role="status">
        <span className="spinner spinner-large" aria-hidden="true" />
        <div>
          <strong>{title}</strong>
          <p>{explains}</p>
        </div>
      </div>
      {gaveUp && <Button onPress={askAgain}>Ask again now</Button>}
    </section>
  );
}

function UpiIntent({ payment }: { payment: Payment }) {
  const leftSeconds = useSecondsLeft(payment.nextAction?.expiresAt);
  const uri = payment.nextAction?.uri ?? '';
  return (
    <section className="wait" aria-label="Payment by UPI">
      <div className="upi">
        <QrCode text={uri} />
        <div className="upi-text">
          <h2 className="section-title">Scan with a UPI app</h2>
          <p>
            To pay: <Money value={payment.amount} />. On a phone, <a href={uri}>open the app</a>.
          </p>
          {leftSeconds !== undefined && (
            <p className="upi-left">
              {leftSeconds > 0 ? (
                <>
                  Expires in <span className="tabular">{formatPosition(leftSeconds)}</span>
                </>
              ) : (
                'The time is over; waiting for the last word of the bank.'
              )}
            </p>
          )}
        </div>
      </div>
      {payment.status === 'requires_action' && (
        <>
          <PayerApp payment={payment} />
          <CancelRow payment={payment} />
        </>
      )}
    </section>
  );
}

/** The payer's app asks by itself: there is nothing to show but until when. */
function UpiCollect({ payment, gaveUp, askAgain }: { payment: Payment; gaveUp: boolean; askAgain: () => void }) {
  return (
    <section className="wait" aria-label="Payment by UPI">
      <div className="wait-box" role="status">
        <span className="spinner spinner-large" aria-hidden="true" />
        <div>
          <strong>Approve the request in your UPI app</strong>
          <p>
            It asks for <Money value={payment.amount} />
            {payment.nextAction?.expiresAt && (
              <>
                , until <Time at={payment.nextAction.expiresAt} />
              </>
            )}
            . In this sandbox the address itself decides what its owner does.
          </p>
        </div>
      </div>
      <Badge tone="warn" icon="info">
        Simulated payer’s app
      </Badge>
      {gaveUp && <Button onPress={askAgain}>Ask again now</Button>}
    </section>
  );
}

/** For who wants to pay in another way, and not to wait until this one has run out. */
function CancelRow({ payment }: { payment: Payment }) {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelPayment(payment.id),
    onSuccess: (data) => client.setQueryData(paymentQuery(payment.id).queryKey, data),
    onError: toastProblem,
  });
  return (
    <p className="pay-foot">
      <span>If you cancel it and the bank takes it all the same, the money comes back by itself.</span>
      <Button look="quiet" small isPending={cancel.isPending} onPress={() => cancel.mutate()}>
        Cancel the payment
      </Button>
    </p>
  );
}

/** There is no phone in a sandbox: its screen is here. */
function PayerApp({ payment }: { payment: Payment }) {
  const client = useQueryClient();
  const answer = useMutation({
    mutationFn: (response: 'approve' | 'reject') => confirmPayment(payment.id, response),
    onSuccess: (data) => client.setQueryData(paymentQuery(payment.id).queryKey, data),
    onError: toastProblem,
  });
  return (
    <div className="payer">
      <Badge tone="warn" icon="info">
        Simulated payer’s app
      </Badge>
      <p>There is no real app behind this code. Decide here what it would say.</p>
      <div className="button-row">
        <Button look="primary" isPending={answer.isPending} onPress={() => answer.mutate('approve')}>
          Approve
        </Button>
        <Button isDisabled={answer.isPending} onPress={() => answer.mutate('reject')}>
          Reject
        </Button>
      </div>
    </div>
  );
}

/** Black on white in both themes: cameras expect it. */
export function QrCode({ text, label = 'QR code of the UPI payment' }: { text: string; label?: string }) {
  const code = encode(text, { border: 2 });
  const dark = code.data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return (
    <svg
      className="qr"
      viewBox={`0 0 ${code.size} ${code.size}`}
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <rect width={code.size} height={code.size} fill="#fff" />
      <path d={dark} fill="#000" />
    </svg>
  );
}

function useSecondsLeft(until: string | undefined): number | undefined {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (!until) return undefined;
  return Math.max(0, Math.round((new Date(until).getTime() - now) / 1000));
}
