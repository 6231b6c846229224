import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { disputesQuery } from '../api/disputes.ts';
import type { DisputeCase, DisputeStatus } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import type { Column } from '../ui/table.tsx';
import { Deadline, FilterChips, FinanceRoom, ListPart, oneOf, Simulated, StateBadge } from './finance-desk.tsx';

const route = getRouteApi('/finance/disputes');
const statuses: readonly DisputeStatus[] = ['opened', 'challenged', 'accepted', 'expired', 'won', 'lost'];

export function FinanceDisputesPage() {
  return (
    <FinanceRoom
      title="Disputes"
      lead="Payers who asked their bank for the money back. Evidence counts until the deadline."
    >
      <Disputes />
    </FinanceRoom>
  );
}

function Disputes() {
  const status = oneOf(statuses, route.useSearch().status);
  const query = useInfiniteQuery(disputesQuery({ status }));
  return (
    <>
      <FilterChips
        label="Filter disputes by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({ to: '/finance/disputes', search: { status: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.disputes}
        caption="Disputes"
        columns={columns}
        rowKey={(one) => one.id}
        icon="shield"
        nothing="No disputes here"
      />
    </>
  );
}

const columns: readonly Column<DisputeCase>[] = [
  {
    name: 'Dispute',
    render: (one) => (
      <Link to="/finance/disputes/$disputeId" params={{ disputeId: one.id }}>
        {sentence(one.reason)}
      </Link>
    ),
  },
  { name: 'Opened', render: (one) => <Time at={one.openedAt} /> },
  {
    name: 'State',
    render: (one) => (
      <span className="badge-row">
        <StateBadge state={one.status} />
        {one.simulated && <Simulated />}
      </span>
    ),
  },
  { name: 'Stage', render: (one) => sentence(one.stage ?? '') },
  { name: 'Amount', numeric: true, render: (one) => <Money value={one.amount} /> },
  { name: 'Evidence due', render: (one) => <Deadline at={one.evidenceDueAt} counts={one.status === 'opened'} /> },
];
