import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { markRead, notificationsQuery } from '../api/session.ts';
import type { Notification } from '../api/types.ts';
import { useTitle } from '../lib/use-title.ts';
import { PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { toastProblem } from '../ui/toast.tsx';
import { RequireUser } from './require-user.tsx';

const icons: Readonly<Record<string, IconName>> = {
  receipt: 'receipt',
  enrolment: 'book',
  refund: 'refund',
  payment_failed: 'warning',
  welcome: 'mail',
};

export function NotificationsPage() {
  useTitle('Notifications');
  return <RequireUser>{() => <Notifications />}</RequireUser>;
}

function Notifications() {
  const query = useInfiniteQuery(notificationsQuery);
  const client = useQueryClient();
  const read = useMutation({
    mutationFn: markRead,
    onSuccess: () => client.invalidateQueries({ queryKey: notificationsQuery.queryKey }),
    onError: toastProblem,
  });
  const unread = query.data?.pages[0]?.unreadCount ?? 0;
  const actions = unread > 0 && (
    <Button isPending={read.isPending} onPress={() => read.mutate([])}>
      Mark all as read
    </Button>
  );
  return (
    <div className="page page-medium">
      <PageHead title="Notifications" actions={actions} />
      <QueryView query={query}>
        {(data) => (
          <NotificationList
            items={data.pages.flatMap((page) => page.notifications)}
            onRead={(id) => read.mutate([id])}
          />
        )}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older ones
        </Button>
      )}
    </div>
  );
}

function NotificationList({ items, onRead }: { items: readonly Notification[]; onRead: (id: string) => void }) {
  if (items.length === 0) {
    return (
      <EmptyState icon="bell" title="Nothing yet">
        <p>Receipts, new courses and refunds are announced here as they happen.</p>
      </EmptyState>
    );
  }
  return (
    <ul className="list">
      {items.map((item) => (
        <li key={item.id} className={item.readAt ? 'list-row note' : 'list-row note note-unread'}>
          <span className="note-icon">
            <Icon name={icons[item.kind] ?? 'bell'} />
          </span>
          <div className="list-main">
            {item.link.startsWith('/') ? (
              <a href={item.link} className="list-title" onClick={() => !item.readAt && onRead(item.id)}>
                {item.title}
              </a>
            ) : (
              <span className="list-title">{item.title}</span>
            )}
            <p className="note-body">{item.body}</p>
            <span className="list-note">
              <Time at={item.createdAt} style="ago" />
              {!item.readAt && <span className="visually-hidden">, unread</span>}
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}
