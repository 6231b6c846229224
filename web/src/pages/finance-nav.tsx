import { Link, type LinkProps, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

interface Door {
  readonly label: string;
  readonly to: NonNullable<LinkProps['to']>;
  /** Open for this address alone, not for those below it. */
  readonly exact?: boolean;
}

interface Room extends Door {
  readonly doors: readonly Door[];
}

const rooms: readonly Room[] = [
  {
    label: 'Books',
    to: '/finance',
    exact: true,
    doors: [
      { label: 'Trial balance', to: '/finance', exact: true },
      { label: 'Journals', to: '/finance/journals' },
      { label: 'Accounts', to: '/finance/accounts' },
      { label: 'Adjustments', to: '/finance/adjustments' },
      { label: 'Bulk', to: '/finance/bulk' },
      { label: 'Monitors', to: '/finance/monitors' },
      { label: 'Periods', to: '/finance/periods' },
    ],
  },
  { label: 'Orders', to: '/finance/orders', doors: [] },
  {
    label: 'Payments',
    to: '/finance/disputes',
    doors: [
      { label: 'Disputes', to: '/finance/disputes' },
      { label: 'Refunds', to: '/finance/refunds' },
      { label: 'Waiting for a person', to: '/finance/attention' },
      { label: 'Risk', to: '/finance/risk' },
      { label: 'Routing', to: '/finance/routing' },
    ],
  },
  {
    label: 'Reconciliation',
    to: '/finance/reconciliation',
    doors: [
      { label: 'Overview', to: '/finance/reconciliation' },
      { label: 'Files', to: '/finance/files' },
      { label: 'Breaks', to: '/finance/breaks' },
      { label: 'Expectations', to: '/finance/expectations' },
      { label: 'Rules', to: '/finance/match-rules' },
    ],
  },
  {
    label: 'Payouts',
    to: '/finance/payouts',
    doors: [
      { label: 'Batches', to: '/finance/payouts' },
      { label: 'Runs', to: '/finance/runs' },
      { label: 'Transfers', to: '/finance/transfers' },
      { label: 'Banks', to: '/finance/payout-banks' },
      { label: 'Tax withheld', to: '/finance/withholding' },
    ],
  },
  {
    label: 'Invoices',
    to: '/finance/invoices',
    doors: [
      { label: 'Invoices of all buyers', to: '/finance/invoices' },
      { label: 'Seller', to: '/finance/seller' },
    ],
  },
  { label: 'Coupons', to: '/finance/coupons', doors: [] },
  { label: 'Webhooks', to: '/finance/webhooks', doors: [] },
];

const leadsTo = ({ to, exact }: Door, path: string) => path === to || (!exact && path.startsWith(`${to}/`));

/** The finance rooms, and below them the doors of the one that is open. */
export function FinanceNav() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const open = rooms.find((room) => leadsTo(room, path) || room.doors.some((door) => leadsTo(door, path)));
  const shown = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page has another link marked.
  useEffect(() => {
    // On a narrow screen the marked one may stand beyond the edge.
    for (const link of shown.current?.querySelectorAll('.subnav-on') ?? [])
      link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [path]);
  return (
    <div ref={shown} className="subnavs no-print">
      <nav className="subnav" aria-label="Finance">
        {rooms.map((room) => (
          <NavLink key={room.label} door={room} on={room === open} />
        ))}
      </nav>
      {open && open.doors.length > 0 && (
        <nav className="subnav subnav-doors" aria-label={open.label}>
          {open.doors.map((door) => (
            <NavLink key={door.label} door={door} on={leadsTo(door, path)} page={path === door.to} />
          ))}
        </nav>
      )}
    </div>
  );
}

/** The router would mark by the beginning of the address alone; rooms are marked by the doors they hold. */
function NavLink({ door, on, page = false }: { door: Door; on: boolean; page?: boolean }) {
  const place: Pick<LinkProps, 'to' | 'search'> = { to: door.to, search: {} };
  return (
    <Link
      {...place}
      className={on ? 'subnav-link subnav-on' : 'subnav-link'}
      activeProps={{ className: '' }}
      activeOptions={{ exact: true, includeSearch: true }}
      aria-current={page ? 'page' : on ? 'true' : undefined}
    >
      {door.label}
    </Link>
  );
}
