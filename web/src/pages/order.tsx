import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { orderQuery, paymentsQuery } from '../api/orders.ts';
import type { Order, Payment, User } from '../api/types.ts';
import { stateName } from '../lib/indian-states.ts';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Icon } from '../ui/icons.tsx';
import { QueryView, Skeleton } from '../ui/states.tsx';
import { OrderInvoices } from './invoice-link.tsx';
import { OrderBadge } from './order-badge.tsx';
import { OrderSums } from './order-sums.tsx';
import { PaymentConfirmation } from './payment-confirmation.tsx';
import { PersonName } from './person-name.tsx';
import { isRefundable, RefundDialog } from './refund-dialog.tsx';
import { RequireUser } from './require-user.tsx';
import { useReceivers } from './use-receivers.ts';

const route = getRouteApi('/orders/$orderId');

export function OrderPage() {
  useTitle('Order');
  const { orderId } = route.useParams();
  return <RequireUser>{(user) => <OrderView orderId={orderId} user={user} />}</RequireUser>;
}

function OrderView({ orderId, user }: { orderId: string; user: User }) {
  const query = useQuery({
    ...orderQuery(orderId),
    refetchInterval: (state) => (hasPendingRefund(state.state.data?.order) ? 2_000 : false),
  });
  return (
    <div className="page page-medium receipt">
      <QueryView query={query} skeleton={<Skeleton lines={8} label="Loading the order" />}>
        {(order) => <Receipt order={order} user={user} />}
      </QueryView>
    </div>
  );
}

function hasPendingRefund(order: Order | undefined): boolean {
  return order?.refunds.some((refund) => refund.status === 'pending') ?? false;
}

function Receipt({ order, user }: { order: Order; user: User }) {
  const [asking, setAsking] = useState(false);
  // Its own buyer is not named to a buyer.
  const isBuyer = user.id === order.buyerId || !order.buyerId;
  const payments = useQuery(paymentsQuery(order.id)).data ?? [];
  const waiting = isBuyer ? payments.find(({ status }) => status === 'requires_confirmation') : undefined;
  const receiverOf = useReceivers(hasGift(order) ? [order.id] : []);
  const actions = (
    <>
      {order.status === 'awaiting_payment' && waiting === undefined && (
        <ButtonLink to="/checkout/$orderId" params={{ orderId: order.id }} look="primary">
          Pay now
        </ButtonLink>
      )}
      {isRefundable(order) && (
        <Button onPress={() => setAsking(true)}>
          <Icon name="refund" /> Request a refund
        </Button>
      )}
      {order.paidAt && (
        <Button onPress={() => window.print()}>
          <Icon name="print" /> Print
        </Button>
      )}
    </>
  );
  return (
    <>
      <PageHead
        title={order.paidAt ? `Receipt ${order.number}` : `Order ${order.number}`}
        crumbs={[{ label: 'Orders', link: { to: '/orders' } }, { label: order.number || 'Order' }]}
        actions={actions}
      />
      <dl className="facts">
        <Fact name="State">
          <OrderBadge order={order} />
        </Fact>
        <Fact name="Placed">
          <Time at={order.placedAt} />
        </Fact>
        {order.paidAt && (
          <Fact name="Paid">
            <Time at={order.paidAt} />
          </Fact>
        )}
        <Fact name="Sold to">{isBuyer ? `${user.displayName}, ${user.email}` : <PersonName id={order.buyerId} />}</Fact>
        {order.billing && (
          <Fact name="Billed to">
            {[order.billing.name, order.billing.stateCode && stateName(order.billing.stateCode), order.billing.gstin]
              .filter(Boolean)
              .join(', ')}
          </Fact>
        )}
      </dl>
      <OrderSums order={order} receiverOf={(line) => receiverOf(order.id, line.id)} />
      <Payments order={order} waiting={waiting} />
      <OrderInvoices order={order} />
      <Refunds order={order} />
      {order.refundableUntil && isRefundable(order) && (
        <p className="page-foot no-print">
          You can have this order refunded until <Time at={order.refundableUntil} />.
        </p>
      )}
      {asking && <RefundDialog order={order} onClose={() => setAsking(false)} />}
    </>
  );
}

const hasGift = ({ lines, paidAt }: Order) => paidAt !== undefined && lines.some((line) => line.kind === 'gift');

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const paymentWords: Readonly<Record<string, string>> = { card: 'Card', upi: 'UPI' };

function Payments({ order, waiting }: { order: Order; waiting: Payment | undefined }) {
  const { data } = useQuery(paymentsQuery(order.id));
  const navigate = useNavigate();
  if (!data || data.length === 0) return null;
  // What comes of it is waited for where orders are paid.
  const goOn = ({ status }: Payment) => {
    if (status !== 'cancelled') void navigate({ to: '/checkout/$orderId', params: { orderId: order.id } });
  };
  return (
    <section className="receipt-part" aria-label="Payments">
      <h2 className="section-title">Payments</h2>
      <ul className="list">
        {data.map((payment) => (
          <li key={payment.id} className="list-row">
            <div className="list-main">
              <span className="list-title">{paymentWords[payment.methodType ?? ''] ?? 'Payment'}</span>
              <span className="list-note">
                <Time at={payment.createdAt} />
                {payment.failure && `, ${sentence(payment.failure.code).toLowerCase()}`}
                {payment.dispute && `, disputed by the payer`}
              </span>
            </div>
            {payment.simulated && <Badge tone="warn">Simulated</Badge>}
            <Badge tone={payment.status === 'succeeded' ? 'good' : payment.status === 'failed' ? 'danger' : 'neutral'}>
              {sentence(payment.status ?? '')}
            </Badge>
            <Money value={payment.amount} />
          </li>
        ))}
      </ul>
      {waiting && <PaymentConfirmation payment={waiting} onAnswered={goOn} />}
    </section>
  );
}

const refundTones = { pending: 'warn', succeeded: 'good', failed: 'danger' } as const;

function Refunds({ order }: { order: Order }) {
  if (order.refunds.length === 0) return null;
  return (
    <section className="receipt-part" aria-label="Refunds">
      <h2 className="section-title">Refunds</h2>
      <ul className="list">
        {order.refunds.map((refund) => (
          <li key={refund.id} className="list-row">
            <div className="list-main">
              <span className="list-title">{sentence(refund.reason)}</span>
              <span className="list-note">
                <Time at={refund.createdAt} />
              </span>
            </div>
            <Badge tone={refundTones[refund.status ?? 'pending']}>{sentence(refund.status ?? '')}</Badge>
            <span>
              −<Money value={refund.amount} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
