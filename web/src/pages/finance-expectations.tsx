import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { expectationsQuery } from '../api/settlement.ts';
import type { Expectation } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { FilterChips, FinanceRoom, ListPart, StateBadge } from './finance-desk.tsx';

const route = getRouteApi('/finance/expectations');

export function FinanceExpectationsPage() {
  return (
    <FinanceRoom
      title="Expectations"
      lead="What the book expects of providers and the bank. What is not there when it is due becomes a break."
    >
      <Expectations />
    </FinanceRoom>
  );
}

function Expectations() {
  const asked = route.useSearch();
  const query = useInfiniteQuery(expectationsQuery(asked));
  return (
    <>
      <div className="filter-rows">
        <FilterChips
          label="Filter expectations by state"
          allWords="Any state"
          value={asked.state}
          values={['open', 'matched', 'break']}
          placeOf={(state) => ({ to: '/finance/expectations', search: { ...asked, state } })}
        />
        <FilterChips
          label="Filter expectations by side"
          allWords="Any side"
          value={asked.side}
          values={['provider', 'bank']}
          placeOf={(side) => ({ to: '/finance/expectations', search: { ...asked, side } })}
        />
      </div>
      <ReferenceForm />
      <ListPart
        query={query}
        rowsOf={(page) => page.expectations}
        caption="Expectations"
        columns={placedColumns}
        rowKey={(one) => one.id}
        icon="outline"
        nothing="Nothing is expected here"
      />
    </>
  );
}

function ReferenceForm() {
  const asked = route.useSearch();
  const navigate = useNavigate();
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({
      to: '/finance/expectations',
      search: { ...asked, reference: values.reference?.trim() || undefined },
    });
  return (
    <div className="filter-form">
      <Form key={asked.reference ?? ''} label="Find by reference" onSubmit={submit} error={undefined} fields={[]}>
        <TextField label="Reference" name="reference" defaultValue={asked.reference ?? ''} maxLength={200} />
        <Button type="submit">Find</Button>
      </Form>
    </div>
  );
}

/** What was expected, wherever it stands. */
export const expectationColumns: readonly Column<Expectation>[] = [
  { name: 'Kind', render: (one) => sentence(one.kind) },
  { name: 'Side', render: (one) => sentence(one.side) },
  { name: 'References', render: (one) => one.references.join(', ') || '–' },
  { name: 'Amount', numeric: true, render: (one) => <Money value={one.amount} /> },
  { name: 'Since', render: (one) => <Time at={one.expectedAt} /> },
  { name: 'Due', render: (one) => <Time at={one.dueAt} /> },
];

const placedColumns: readonly Column<Expectation>[] = [
  ...expectationColumns,
  {
    name: 'State',
    render: (one) =>
      one.breakId ? (
        <Link to="/finance/breaks/$breakId" params={{ breakId: one.breakId }}>
          In a break
        </Link>
      ) : (
        <StateBadge state={one.state} />
      ),
  },
];
