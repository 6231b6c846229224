/** What the header shows a person who is signed in: the bell and their menu. */
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { notificationsQuery, setMe, signOut } from '../api/session.ts';
import { useMe } from '../lib/use-me.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { Icon, type IconName } from '../ui/icons.tsx';
import { Menu, MenuItem } from '../ui/menu.tsx';
import { toastProblem } from '../ui/toast.tsx';

export function PersonMenus() {
  return (
    <>
      <Bell />
      <PersonMenu />
    </>
  );
}

function Bell() {
  useLiveNotifications();
  const { data } = useInfiniteQuery(notificationsQuery);
  const unread = data?.pages[0]?.unreadCount ?? 0;
  return (
    <ButtonLink
      to="/notifications"
      look="quiet"
      small
      className="bell"
      aria-label={unread === 0 ? 'Notifications' : `Notifications, ${unread} unread`}
    >
      <Icon name="bell" />
      {unread > 0 && <span className="bell-count">{unread > 99 ? '99+' : unread}</span>}
    </ButtonLink>
  );
}

/** The stream says that something happened; what it is comes from the ordinary queries. */
function useLiveNotifications(): void {
  const client = useQueryClient();
  useEffect(() => {
    const source = new EventSource('/api/v1/notifications/stream');
    const refresh = () => {
      for (const key of ['notifications', 'enrolments', 'access', 'mailbox'])
        void client.invalidateQueries({ queryKey: [key] });
    };
    source.addEventListener('message', refresh);
    source.addEventListener('notification', refresh);
    return () => source.close();
  }, [client]);
}

interface Place {
  readonly to: string;
  readonly label: string;
  readonly icon: IconName;
  readonly role?: string;
}

export const places: readonly Place[] = [
  { to: '/learn', label: 'My learning', icon: 'book' },
  { to: '/cart', label: 'Cart', icon: 'cart' },
  { to: '/orders', label: 'Orders and receipts', icon: 'receipt' },
  { to: '/invoices', label: 'Invoices', icon: 'receipt' },
  { to: '/plans', label: 'Plans and bundles', icon: 'book' },
  { to: '/subscriptions', label: 'Subscriptions', icon: 'refund' },
  { to: '/gifts', label: 'Gifts', icon: 'mail' },
  { to: '/seats', label: 'Seats for a team', icon: 'user' },
  { to: '/notifications', label: 'Notifications', icon: 'bell' },
  { to: '/account', label: 'Account', icon: 'user' },
  { to: '/mailbox', label: 'Mailbox', icon: 'mail' },
  { to: '/teach', label: 'My courses', icon: 'text', role: 'instructor' },
  { to: '/teach/offers', label: 'Offers', icon: 'plus', role: 'instructor' },
  { to: '/teach/earnings', label: 'Earnings', icon: 'card', role: 'instructor' },
  { to: '/teach/payouts', label: 'Payouts', icon: 'card', role: 'instructor' },
  { to: '/finance', label: 'Trial balance', icon: 'shield', role: 'finance' },
  { to: '/finance/journals', label: 'Journals', icon: 'outline', role: 'finance' },
  { to: '/finance/orders', label: 'All orders', icon: 'receipt', role: 'finance' },
  { to: '/admin/users', label: 'Users and roles', icon: 'user', role: 'admin' },
  { to: '/operations', label: 'Operations', icon: 'screen', role: 'admin' },
];

function PersonMenu() {
  const me = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      setMe(client, null);
      void navigate({ to: '/' });
    },
    onError: toastProblem,
  });
  const name = me.user?.displayName ?? '';
  const trigger = (
    <Button look="quiet" small iconOnly aria-label={`Your menu, ${name}`}>
      <span className="avatar" aria-hidden="true">
        {Array.from(name)[0]?.toUpperCase()}
      </span>
    </Button>
  );
  return (
    <Menu trigger={trigger} label="Your menu">
      {places
        .filter((place) => !place.role || me.has(place.role))
        .map((place) => (
          <MenuItem key={place.to} icon={place.icon} onAction={() => void navigate({ to: place.to })}>
            {place.label}
          </MenuItem>
        ))}
      <MenuItem icon="arrowRight" onAction={() => leave.mutate()}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
