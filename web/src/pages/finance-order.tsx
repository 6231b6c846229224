import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { entriesQuery } from '../api/ledger.ts';
import { orderQuery } from '../api/orders.ts';
import type { Entry, Order } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { Money, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { FinanceNav } from './finance-nav.tsx';
import { OrderPayments, OrderRefunds } from './finance-order-payments.tsx';
import { Journal } from './money-picture.tsx';
import { OrderBadge } from './order-badge.tsx';
import { PersonCell } from './person-name.tsx';
import { leftOf, RefundDialog } from './refund-dialog.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/finance/orders/$orderId');

export function FinanceOrderPage() {
  useTitle('One order’s money');
  const { orderId } = route.useParams();
  return <RequireUser holding="finance">{() => <OneOrder orderId={orderId} />}</RequireUser>;
}

function OneOrder({ orderId }: { orderId: string }) {
  const order = useQuery(orderQuery(orderId));
  const entries = useInfiniteQuery(entriesQuery({ reference: `order:${orderId}` }));
  return (
    <div className="page">
      <FinanceNav />
      <QueryView query={order} skeleton={<Skeleton lines={4} label="Loading the order" />}>
        {(data) => (
          <>
            <OrderHead order={data} />
            <OrderRefunds orderId={orderId} refunds={data.refunds} />
          </>
        )}
      </QueryView>
      <OrderPayments orderId={orderId} />
      <QueryView query={entries}>
        {(data) => <Journals entries={data.pages.flatMap((page) => page.entries)} />}
      </QueryView>
    </div>
  );
}

function OrderHead({ order }: { order: Order }) {
  const [refunding, setRefunding] = useState(false);
  const left = leftOf(order);
  const isOpen = (order.status === 'paid' || order.status === 'partially_refunded') && BigInt(left.amountMinor) > 0n;
  return (
    <>
      <PageHead
        title={`Order ${order.number}`}
        crumbs={[{ label: 'All orders', link: { to: '/finance/orders' } }, { label: order.number || 'Order' }]}
        actions={isOpen && <Button onPress={() => setRefunding(true)}>Refund</Button>}
      />
      <dl className="facts">
        <div className="fact">
          <dt>State</dt>
          <dd>
            <OrderBadge order={order} />
          </dd>
        </div>
        <div className="fact">
          <dt>Buyer</dt>
          <dd>
            <PersonCell id={order.buyerId} />
          </dd>
        </div>
        <div className="fact">
          <dt>Courses</dt>
          <dd>{order.lines.map((line) => line.title).join(', ')}</dd>
        </div>
        <div className="fact">
          <dt>Total</dt>
          <dd>
            <Money value={order.total} />
          </dd>
        </div>
        <div className="fact">
          <dt>Left to refund</dt>
          <dd>
            <Money value={left} />
          </dd>
        </div>
        <div className="fact">
          <dt>Placed</dt>
          <dd>
            <Time at={order.placedAt} />
          </dd>
        </div>
        <div className="fact">
          <dt>Receipt</dt>
          <dd>
            <Link to="/orders/$orderId" params={{ orderId: order.id }}>
              See it
            </Link>
          </dd>
        </div>
      </dl>
      {refunding && <RefundDialog order={order} staff onClose={() => setRefunding(false)} />}
    </>
  );
}

/** In the order of time: what came in first stands first. */
function Journals({ entries }: { entries: readonly Entry[] }) {
  if (entries.length === 0) {
    return (
      <EmptyState icon="outline" title="No journals">
        <p>The books know nothing of this order: no money has moved.</p>
      </EmptyState>
    );
  }
  return [...entries].reverse().map((entry) => <Journal key={entry.id} entry={entry} />);
}
