import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { runsQuery } from '../api/settlement.ts';
import type { SettlementRun } from '../api/types.ts';
import { Time } from '../ui/bits.tsx';
import type { Column } from '../ui/table.tsx';
import { FinanceRoom, Hash, ListPart, StateBadge, Who } from './finance-desk.tsx';
import { StartRun } from './finance-payouts.tsx';

export function FinanceRunsPage() {
  return (
    <FinanceRoom
      title="Settlement runs"
      lead="A run settles with every instructor up to one journal of the book. The same inputs give the same hash."
      actions={<StartRun />}
    >
      <Runs />
    </FinanceRoom>
  );
}

const refreshMs = 5_000;

function Runs() {
  const query = useInfiniteQuery({ ...runsQuery, refetchInterval: refreshMs });
  return (
    <ListPart
      query={query}
      rowsOf={(page) => page.runs}
      caption="Settlement runs"
      columns={columns}
      rowKey={(run) => run.id}
      icon="outline"
      nothing="No run has been made yet"
    />
  );
}

const columns: readonly Column<SettlementRun>[] = [
  {
    name: 'Run',
    render: (run) => (
      <Link to="/finance/runs/$runId" params={{ runId: run.id }}>
        {run.id}
      </Link>
    ),
  },
  { name: 'Started', render: (run) => <Time at={run.createdAt} /> },
  { name: 'State', render: (run) => <StateBadge state={run.status} /> },
  { name: 'Up to journal', numeric: true, render: (run) => run.cutoffSequence },
  { name: 'Settled', numeric: true, render: (run) => `${run.accountsSettled} of ${run.accounts}` },
  { name: 'Started by', render: (run) => <Who id={run.makerId} /> },
  { name: 'Output hash', render: (run) => <Hash value={run.outputSha256} /> },
];
