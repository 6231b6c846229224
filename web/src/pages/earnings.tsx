import { useInfiniteQuery } from '@tanstack/react-query';
import { earningsQuery } from '../api/ledger.ts';
import type { Earning, Money as MoneyJson } from '../api/types.ts';
import { isZero } from '../lib/money.ts';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { PayoutList } from './payout-list.tsx';
import { RequireUser } from './require-user.tsx';
import { TeachNav } from './teach-nav.tsx';

export function EarningsPage() {
  useTitle('Earnings');
  return <RequireUser holding="instructor">{() => <Earnings />}</RequireUser>;
}

function Earnings() {
  const query = useInfiniteQuery(earningsQuery);
  return (
    <div className="page">
      <TeachNav />
      <PageHead title="Earnings" />
      <QueryView query={query}>
        {(data) => (
          <>
            <Balances balances={balancesOf(data.pages[0])} />
            <PayoutList />
            <Sales earnings={data.pages.flatMap((page) => page.earnings)} />
          </>
        )}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older sales
        </Button>
      )}
    </div>
  );
}

function balancesOf(page: { balance?: MoneyJson; balances?: MoneyJson[] } | undefined): MoneyJson[] {
  if (page?.balances?.length) return page.balances;
  return page?.balance ? [page.balance] : [];
}

function Balances({ balances }: { balances: readonly MoneyJson[] }) {
  return (
    <dl className="figures">
      {balances.map((balance) => (
        <div key={balance.currency} className="figure-box">
          <dt>Owed to you in {balance.currency}</dt>
          <dd>
            <Money value={balance} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

const tones = { earned: 'good', partially_refunded: 'info', refunded: 'neutral' } as const;

const columns: readonly Column<Earning>[] = [
  { name: 'Sold', render: (one) => <Time at={one.at} /> },
  { name: 'Course', render: (one) => one.courseTitle || one.courseId },
  { name: 'State', render: (one) => <Badge tone={tones[one.status ?? 'earned']}>{sentence(one.status ?? '')}</Badge> },
  { name: 'Paid', numeric: true, render: (one) => <Money value={one.gross} /> },
  { name: 'Tax', numeric: true, render: (one) => <Money value={one.tax} /> },
  { name: 'Platform fee', numeric: true, render: (one) => <Money value={one.platformFee} /> },
  { name: 'Your share', numeric: true, render: (one) => <Money value={one.share} /> },
  {
    name: 'Given back',
    numeric: true,
    render: (one) => (isZero(one.refundedShare) ? '–' : <Money value={one.refundedShare} />),
  },
];

function Sales({ earnings }: { earnings: readonly Earning[] }) {
  if (earnings.length === 0) {
    return (
      <EmptyState icon="card" title="No sales yet">
        <p>Each sale of your courses shows here with its tax, the platform’s fee and your share.</p>
      </EmptyState>
    );
  }
  return (
    <Table
      caption="Sales of your courses"
      columns={columns}
      rows={earnings}
      rowKey={(one) => `${one.orderId}.${one.courseId}`}
    />
  );
}
