import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { makeBankStatements, payoutBatchesQuery, startRun } from '../api/settlement.ts';
import type { PayoutBatch } from '../api/types.ts';
import { Money, Time } from '../ui/bits.tsx';
import type { Column } from '../ui/table.tsx';
import { ActButton, FilterChips, FinanceRoom, ListPart, Simulated, StateBadge, Who } from './finance-desk.tsx';

const route = getRouteApi('/finance/payouts');
const statuses = ['created', 'approved', 'submitted', 'closed', 'rejected'] as const;

export function FinancePayoutsPage() {
  return (
    <FinanceRoom
      title="Payouts"
      lead="What instructors are owed, sent to the bank in batches. One person makes a batch, another approves it."
      actions={
        <>
          <StartRun />
          <ActButton act={makeBankStatements} said="The sandbox bank has made its statements. No real money.">
            Make statements now (simulated bank)
          </ActButton>
        </>
      }
    >
      <Batches />
    </FinanceRoom>
  );
}

/** Who starts the run is the maker of its payouts. */
export function StartRun() {
  return (
    <ActButton act={startRun} look="primary" said="The run has started.">
      Settle with everybody now
    </ActButton>
  );
}

/** A run makes batches and the bank answers on its own time. */
const refreshMs = 5_000;

function Batches() {
  const { status } = route.useSearch();
  const query = useInfiniteQuery({ ...payoutBatchesQuery({ status }), refetchInterval: refreshMs });
  return (
    <>
      <FilterChips
        label="Filter batches by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({ to: '/finance/payouts', search: { status: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.payoutBatches}
        caption="Payout batches"
        columns={columns}
        rowKey={(batch) => batch.id}
        icon="card"
        nothing="No payout batches here"
      >
        <p>A run makes one for each currency in which something is to be paid. Why nothing was is told with the run.</p>
      </ListPart>
    </>
  );
}

const columns: readonly Column<PayoutBatch>[] = [
  {
    name: 'Batch',
    render: (batch) => (
      <Link to="/finance/payouts/$batchId" params={{ batchId: batch.id }}>
        {batch.id}
      </Link>
    ),
  },
  { name: 'Made', render: (batch) => <Time at={batch.createdAt} /> },
  {
    name: 'State',
    render: (batch) => (
      <span className="badge-row">
        <StateBadge state={batch.status} />
        {batch.simulated && <Simulated />}
      </span>
    ),
  },
  { name: 'Payouts', numeric: true, render: (batch) => batch.payouts },
  { name: 'Total', numeric: true, render: (batch) => <Money value={batch.total} /> },
  { name: 'Made by', render: (batch) => <Who id={batch.makerId} /> },
  { name: 'Approved by', render: (batch) => <Who id={batch.approverId} /> },
];
