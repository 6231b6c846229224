import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { breaksQuery } from '../api/settlement.ts';
import type { ReconciliationBreak } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import type { Column } from '../ui/table.tsx';
import { FilterChips, FinanceRoom, ListPart, StateBadge, Who } from './finance-desk.tsx';
import { breakAges, breakTypes } from './finance-reconciliation.tsx';

const route = getRouteApi('/finance/breaks');
const statuses = ['open', 'write_off_requested', 'written_off', 'matched'] as const;

export function FinanceBreaksPage() {
  return (
    <FinanceRoom title="Breaks" lead="Where what was said and what was expected differ, until it is explained.">
      <Breaks />
    </FinanceRoom>
  );
}

function Breaks() {
  const asked = route.useSearch();
  const me = useMe();
  const { owner, ...narrowed } = asked;
  const query = useInfiniteQuery(breaksQuery({ ...narrowed, ownerId: owner === 'me' ? me.user?.id : undefined }));
  return (
    <>
      <div className="filter-rows">
        <FilterChips
          label="Filter breaks by state"
          allWords="Any state"
          value={asked.status}
          values={statuses}
          placeOf={(status) => ({ to: '/finance/breaks', search: { ...asked, status } })}
        />
        <FilterChips
          label="Filter breaks by type"
          allWords="Any type"
          value={asked.type}
          values={breakTypes}
          placeOf={(type) => ({ to: '/finance/breaks', search: { ...asked, type } })}
        />
        <FilterChips
          label="Filter breaks by age in days"
          allWords="Any age"
          value={asked.age}
          values={breakAges}
          placeOf={(age) => ({ to: '/finance/breaks', search: { ...asked, age } })}
        />
      </div>
      <p>
        {owner === 'me' ? (
          <Link to="/finance/breaks" search={{ ...asked, owner: undefined }}>
            Show everybody’s
          </Link>
        ) : (
          <Link to="/finance/breaks" search={{ ...asked, owner: 'me' }}>
            Show only mine
          </Link>
        )}
      </p>
      <ListPart
        query={query}
        rowsOf={(page) => page.breaks}
        caption="Breaks"
        columns={columns}
        rowKey={(one) => one.id}
        icon="check"
        nothing="No breaks here"
      />
    </>
  );
}

const columns: readonly Column<ReconciliationBreak>[] = [
  {
    name: 'Break',
    render: (one) => (
      <Link to="/finance/breaks/$breakId" params={{ breakId: one.id }}>
        {sentence(one.type)}
      </Link>
    ),
  },
  { name: 'State', render: (one) => <StateBadge state={one.status} /> },
  { name: 'Side', render: (one) => sentence(one.side) },
  { name: 'Difference', numeric: true, render: (one) => <Differences of={one} /> },
  { name: 'Opened', render: (one) => <Time at={one.openedAt} /> },
  { name: 'Age in days', render: (one) => one.age || '–' },
  { name: 'Owner', render: (one) => <Who id={one.ownerId} /> },
];

export function Differences({ of }: { of: ReconciliationBreak }) {
  if (of.differences.length === 0) return '–';
  return of.differences.map((money) => (
    <span key={money.currency} className="list-note-below">
      <Money value={money} />
    </span>
  ));
}
