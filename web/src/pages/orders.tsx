import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ordersQuery } from '../api/orders.ts';
import type { Order } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { Money, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { OrderBadge } from './order-badge.tsx';
import { RequireUser } from './require-user.tsx';

export function OrdersPage() {
  useTitle('Orders');
  return <RequireUser>{() => <Orders />}</RequireUser>;
}

function Orders() {
  const query = useInfiniteQuery(ordersQuery({}));
  return (
    <div className="page page-medium">
      <PageHead title="Orders and receipts" />
      <QueryView query={query}>{(data) => <OrderList orders={data.pages.flatMap((page) => page.orders)} />}</QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older orders
        </Button>
      )}
    </div>
  );
}

function OrderList({ orders }: { orders: readonly Order[] }) {
  if (orders.length === 0) {
    return (
      <EmptyState icon="receipt" title="No orders yet" action={<ButtonLink to="/courses">See the courses</ButtonLink>}>
        <p>What you buy, and its receipt, will be kept here.</p>
      </EmptyState>
    );
  }
  return (
    <ul className="list">
      {orders.map((order) => (
        <li key={order.id} className="list-row">
          <div className="list-main">
            <Link to="/orders/$orderId" params={{ orderId: order.id }} className="list-title">
              {order.lines.map((line) => line.title).join(', ')}
            </Link>
            <span className="list-note">
              {order.number}, <Time at={order.placedAt} style="date" />
            </span>
          </div>
          <OrderBadge order={order} />
          <Money value={order.total} />
        </li>
      ))}
    </ul>
  );
}
