import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { reconciliationQuery } from '../api/settlement.ts';
import type { BreakCount, GetReconciliationResponse, ReconciliationSum } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Badge } from '../ui/bits.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { FinanceRoom, Minor, Part } from './finance-desk.tsx';

export const breakTypes = ['missing_here', 'missing_there', 'amount', 'currency', 'duplicate', 'late', 'fee'] as const;
export const breakAges = ['0-1', '2-3', '4-7', '8-30', '30+'] as const;

export function FinanceReconciliationPage() {
  return (
    <FinanceRoom
      title="Reconciliation"
      lead="What providers and the bank say in their files, held line by line against what the book expects."
    >
      <Overview />
    </FinanceRoom>
  );
}

function Overview() {
  const query = useQuery(reconciliationQuery);
  return (
    <QueryView query={query}>
      {(data) => (
        <>
          <Sums data={data} />
          <Part title="Open breaks by age in days">
            {data.breaks.length === 0 ? (
              <EmptyState icon="check" good title="No open breaks" />
            ) : (
              <Table
                caption="Open breaks"
                columns={ageColumns(data.breaks)}
                rows={breakTypes}
                rowKey={(type) => type}
              />
            )}
          </Part>
        </>
      )}
    </QueryView>
  );
}

function Sums({ data }: { data: GetReconciliationResponse }) {
  return (
    <section className="receipt-part" aria-label="Sums">
      <h2 className="section-title section-title-row">
        Sums
        <Badge tone={data.partitionHolds ? 'good' : 'danger'} icon={data.partitionHolds ? 'check' : 'warning'}>
          {data.partitionHolds ? 'Everything is in one place' : 'The sums do not agree'}
        </Badge>
        {Number(data.journalsWaiting) > 0 && <Badge tone="warn">{data.journalsWaiting} journals wait</Badge>}
        {Number(data.journalsRefused) > 0 && <Badge tone="danger">{data.journalsRefused} journals refused</Badge>}
      </h2>
      {data.sums.length === 0 ? (
        <EmptyState icon="outline" title="Nothing is expected and no file was read yet" />
      ) : (
        <Table
          caption="Lines and expectations by side and currency"
          columns={sumColumns}
          rows={data.sums}
          rowKey={(sum) => `${sum.side}.${sum.currency}`}
        />
      )}
    </section>
  );
}

const figure = (name: string, of: (sum: ReconciliationSum) => string): Column<ReconciliationSum> => ({
  name,
  numeric: true,
  render: (sum) => <Minor currency={sum.currency} minor={of(sum)} />,
});
const sumColumns: readonly Column<ReconciliationSum>[] = [
  { name: 'Side', render: (sum) => sentence(sum.side) },
  { name: 'Currency', render: (sum) => sum.currency },
  figure('Lines', (sum) => sum.linesMinor),
  figure('of them matched', (sum) => sum.linesMatchedMinor),
  figure('in breaks', (sum) => sum.linesInBreaksMinor),
  figure('Expected', (sum) => sum.expectedMinor),
  figure('of it matched', (sum) => sum.expectedMatchedMinor),
  figure('in breaks too', (sum) => sum.expectedInBreaksMinor),
  figure('not yet due', (sum) => sum.expectedOpenMinor),
];

function ageColumns(counts: readonly BreakCount[]): readonly Column<(typeof breakTypes)[number]>[] {
  const countOf = (type: string, age: string) => counts.find((one) => one.type === type && one.age === age)?.breaks;
  return [
    {
      name: 'Type',
      render: (type) => (
        <Link to="/finance/breaks" search={{ type, status: 'open', age: undefined }}>
          {sentence(type)}
        </Link>
      ),
    },
    ...breakAges.map((age) => ({
      name: age,
      numeric: true,
      render: (type: string) => {
        const count = countOf(type, age);
        return count === undefined || count === '0' ? (
          '–'
        ) : (
          <Link to="/finance/breaks" search={{ type, age, status: 'open' }}>
            {count}
          </Link>
        );
      },
    })),
  ];
}
