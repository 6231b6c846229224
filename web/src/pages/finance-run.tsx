import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { runQuery, settlementBatchesQuery } from '../api/settlement.ts';
import type { SettlementBatch } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Time } from '../ui/bits.tsx';
import { QueryView } from '../ui/states.tsx';
import type { Column } from '../ui/table.tsx';
import { Facts, FinanceRoom, ListPart, Minor, Part, StateBadge, Who } from './finance-desk.tsx';
import { PersonCell } from './person-name.tsx';

const route = getRouteApi('/finance/runs/$runId');

export function FinanceRunPage() {
  return (
    <FinanceRoom title="One run" crumbs={[{ label: 'Runs', link: { to: '/finance/runs' } }, { label: 'One run' }]}>
      <OneRun />
    </FinanceRoom>
  );
}

const refreshMs = 3_000;

function OneRun() {
  const { runId } = route.useParams();
  const run = useQuery({
    ...runQuery(runId),
    refetchInterval: ({ state }) => (state.data?.run.status === 'done' ? false : refreshMs),
  });
  const isDone = run.data?.status === 'done';
  const batches = useInfiniteQuery({
    ...settlementBatchesQuery({ runId }),
    refetchInterval: isDone ? false : refreshMs,
  });
  return (
    <>
      <QueryView query={run}>
        {(data) => (
          <Facts
            items={[
              ['State', <StateBadge key="state" state={data.status} />],
              ['Up to journal', data.cutoffSequence],
              ['Cut off', <Time key="cutoff" at={data.cutoffAt} />],
              ['Settled', `${data.accountsSettled} of ${data.accounts}`],
              ['Started by', <Who key="maker" id={data.makerId} />],
              [
                'SHA-256 of what it made',
                <code key="hash" className="breaking">
                  {data.outputSha256 || '–'}
                </code>,
              ],
            ]}
          />
        )}
      </QueryView>
      <Part title="What each instructor was settled with">
        <ListPart
          query={batches}
          rowsOf={(page) => page.batches}
          caption="Settlements of the run"
          columns={columns}
          rowKey={(batch) => batch.id}
          icon="outline"
          nothing="Nobody was settled with"
        />
      </Part>
    </>
  );
}

const figure = (name: string, of: (batch: SettlementBatch) => string): Column<SettlementBatch> => ({
  name,
  numeric: true,
  render: (batch) => <Minor currency={batch.currency} minor={of(batch)} />,
});
const negative = (minor: string) => (-BigInt(minor)).toString();

/** From left to right the figures add up: opening to closing. */
const columns: readonly Column<SettlementBatch>[] = [
  { name: 'Instructor', render: (batch) => <PersonCell id={batch.instructorId} /> },
  figure('Opening', (batch) => batch.openingMinor),
  figure('Earned', (batch) => batch.earnedMinor),
  figure('Adjusted', (batch) => batch.adjustedMinor),
  figure('Came back', (batch) => batch.returnedMinor),
  figure('Reserve freed', (batch) => batch.reserveReleasedMinor),
  figure('Reserve kept', (batch) => negative(batch.reserveHeldMinor)),
  figure('TDS', (batch) => negative(batch.tdsMinor)),
  figure('TCS', (batch) => negative(batch.tcsMinor)),
  {
    name: 'Paid out',
    numeric: true,
    render: (batch) => (
      <>
        <Minor currency={batch.currency} minor={negative(batch.payoutMinor)} />
        {batch.heldBecause && <span className="list-note list-note-below">{sentence(batch.heldBecause)}</span>}
      </>
    ),
  },
  figure('Closing', (batch) => batch.closingMinor),
];
