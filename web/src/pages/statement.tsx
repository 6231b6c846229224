/** One payout statement, line by line, added up again here. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { statementCsvPath, statementQuery } from '../api/payouts.ts';
import type { PayoutStatementLine, SettlementBatch } from '../api/types.ts';
import { whatDiffers } from '../lib/statement-check.ts';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Money, Notice, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { RequireUser } from './require-user.tsx';
import { TeachNav } from './teach-nav.tsx';

const route = getRouteApi('/teach/statements/$statementId');

export function StatementPage() {
  useTitle('Statement');
  const { statementId } = route.useParams();
  return <RequireUser holding="instructor">{() => <Statement id={statementId} />}</RequireUser>;
}

function Statement({ id }: { id: string }) {
  const query = useInfiniteQuery(statementQuery(id));
  return (
    <div className="page">
      <TeachNav />
      <QueryView query={query}>
        {(data) => {
          const statement = data.pages[0]?.statement;
          if (!statement) return null;
          const lines = data.pages.flatMap((page) => page.lines);
          return (
            <>
              <Head statement={statement} />
              <Sums statement={statement} />
              {query.hasNextPage ? null : <Check statement={statement} lines={lines} />}
              <Table
                caption="Lines of the statement"
                columns={columnsOf(statement.currency)}
                rows={lines}
                rowKey={(line) => String(line.number)}
              />
            </>
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more lines
        </Button>
      )}
    </div>
  );
}

function Head({ statement }: { statement: SettlementBatch }) {
  return (
    <PageHead
      title={`Statement in ${statement.currency}`}
      lead={
        <>
          Everything up to <Time at={statement.cutoffAt} />, with version {statement.withholdingVersion} of the rates of
          tax withheld.
        </>
      }
      crumbs={[{ label: 'Payouts', link: { to: '/teach/payouts' } }, { label: 'Statement' }]}
      actions={
        <a className="button button-secondary" href={statementCsvPath(statement.id)} download>
          Download as CSV
        </a>
      }
    />
  );
}

function Sums({ statement }: { statement: SettlementBatch }) {
  const rows: readonly [string, string, sign: '' | '−'][] = [
    ['Carried over', statement.openingMinor, ''],
    ['Earned', statement.earnedMinor, ''],
    ['Adjustments', statement.adjustedMinor, ''],
    ['Payouts that came back', statement.returnedMinor, ''],
    ['Reserve released', statement.reserveReleasedMinor, ''],
    ['Reserve held back', statement.reserveHeldMinor, '−'],
    ['TDS withheld', statement.tdsMinor, '−'],
    ['TCS withheld', statement.tcsMinor, '−'],
    ['Paid out', statement.payoutMinor, '−'],
  ];
  return (
    <section className="sums" aria-label="How it comes together">
      <dl className="sum-table">
        {rows.map(([name, minor, sign]) => (
          <div key={name} className="sum-row">
            <dt>{name}</dt>
            <dd>
              {minor === '0' ? '' : sign}
              <Money value={{ currency: statement.currency, amountMinor: minor }} />
            </dd>
          </div>
        ))}
        <div className="sum-row sum-row-strong">
          <dt>Carried forward</dt>
          <dd>
            <Money value={{ currency: statement.currency, amountMinor: statement.closingMinor }} />
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Check({ statement, lines }: { statement: SettlementBatch; lines: readonly PayoutStatementLine[] }) {
  const differs = whatDiffers(statement, lines);
  if (differs) {
    return (
      <Notice tone="danger" title="This statement does not add up">
        <p>{differs} Tell us; you are owed an explanation.</p>
      </Notice>
    );
  }
  return (
    <Notice tone="good" title="It adds up">
      <p>Your browser added all lines to the opening balance and came to the closing one.</p>
    </Notice>
  );
}

const lineWords: Readonly<Record<string, string>> = { tds: 'TDS', tcs: 'TCS', reserve_held: 'Reserve held back' };

function columnsOf(currency: string): readonly Column<PayoutStatementLine>[] {
  const money = (amountMinor: string) => <Money value={{ currency, amountMinor }} />;
  const ofSale = (line: PayoutStatementLine, minor: string) => (line.grossMinor === '0' ? '–' : money(minor));
  return [
    { name: 'When', render: (line) => <Time at={line.at} /> },
    {
      name: 'What',
      render: (line) => (
        <>
          {lineWords[line.kind] ?? sentence(line.kind)}
          {(line.courseTitle || line.description) && (
            <span className="sum-note">{line.courseTitle || line.description}</span>
          )}
        </>
      ),
    },
    { name: 'Paid by the buyer', numeric: true, render: (line) => ofSale(line, line.grossMinor) },
    { name: 'Tax', numeric: true, render: (line) => ofSale(line, line.taxMinor) },
    { name: 'Platform fee', numeric: true, render: (line) => ofSale(line, line.feeMinor) },
    { name: 'Your share', numeric: true, render: (line) => ofSale(line, line.shareMinor) },
    { name: 'Change', numeric: true, render: (line) => money(line.amountMinor) },
    { name: 'Balance', numeric: true, render: (line) => money(line.balanceMinor) },
  ];
}
