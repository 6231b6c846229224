import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ordersQuery } from '../api/orders.ts';
import type { Order } from '../api/types.ts';
import { isZero } from '../lib/money.ts';
import { useTitle } from '../lib/use-title.ts';
import { orderStatusWords } from '../lib/words.ts';
import { Money, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { FinanceNav } from './finance-nav.tsx';
import { OrderBadge } from './order-badge.tsx';
import { PersonCell } from './person-name.tsx';
import { leftOf, RefundDialog } from './refund-dialog.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/finance/orders');

export function FinanceOrdersPage() {
  useTitle('All orders');
  return <RequireUser holding="finance">{() => <AllOrders />}</RequireUser>;
}

function AllOrders() {
  const { status } = route.useSearch();
  const query = useInfiniteQuery(ordersQuery({ all: true, status }));
  const [refunding, setRefunding] = useState<Order>();
  return (
    <div className="page">
      <FinanceNav />
      <PageHead title="Orders" />
      <nav className="filters" aria-label="Filter orders by state">
        <ul className="chips">
          <StatusChip label="All" on={!status} status={undefined} />
          {Object.entries(orderStatusWords).map(([value, label]) => (
            <StatusChip key={value} label={label} on={status === value} status={value} />
          ))}
        </ul>
      </nav>
      <QueryView query={query}>
        {(data) => {
          const orders = data.pages.flatMap((page) => page.orders);
          if (orders.length === 0) return <EmptyState icon="receipt" title="No orders here" />;
          return (
            <Table caption="Orders" columns={columnsWith(setRefunding)} rows={orders} rowKey={(order) => order.id} />
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older orders
        </Button>
      )}
      {refunding && <RefundDialog order={refunding} staff onClose={() => setRefunding(undefined)} />}
    </div>
  );
}

function StatusChip({ label, on, status }: { label: string; on: boolean; status: string | undefined }) {
  return (
    <li>
      <Link
        to="/finance/orders"
        search={{ status }}
        className={on ? 'chip chip-on' : 'chip'}
        aria-current={on ? 'true' : undefined}
      >
        {label}
      </Link>
    </li>
  );
}

function columnsWith(onRefund: (order: Order) => void): readonly Column<Order>[] {
  return [
    {
      name: 'Order',
      render: (order) => (
        <Link to="/finance/orders/$orderId" params={{ orderId: order.id }}>
          {order.number || order.id}
        </Link>
      ),
    },
    { name: 'Placed', render: (order) => <Time at={order.placedAt} /> },
    { name: 'Buyer', render: (order) => <PersonCell id={order.buyerId} /> },
    { name: 'Courses', render: (order) => order.lines.map((line) => line.title).join(', ') },
    { name: 'State', render: (order) => <OrderBadge order={order} /> },
    { name: 'Total', numeric: true, render: (order) => <Money value={order.total} /> },
    {
      name: 'Refunded',
      numeric: true,
      render: (order) => (isZero(order.refunded) ? '–' : <Money value={order.refunded} />),
    },
    { name: 'Refund', render: (order) => <RefundButton order={order} onRefund={onRefund} /> },
  ];
}

function RefundButton({ order, onRefund }: { order: Order; onRefund: (order: Order) => void }) {
  const isOpen =
    (order.status === 'paid' || order.status === 'partially_refunded') && BigInt(leftOf(order).amountMinor) > 0n;
  if (!isOpen) return null;
  return (
    <Button small aria-label={`Refund order ${order.number}`} onPress={() => onRefund(order)}>
      Refund
    </Button>
  );
}
