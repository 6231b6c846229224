import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { entriesQuery } from '../api/ledger.ts';
import type { Entry } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { journalWords, sentence } from '../lib/words.ts';
import { Money, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { ExchangeNote } from './exchange-note.tsx';
import { FinanceNav } from './finance-nav.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/finance/journals');

export function JournalsPage() {
  useTitle('Journals');
  return <RequireUser holding="finance">{() => <Journals />}</RequireUser>;
}

function Journals() {
  const { order, account } = route.useSearch();
  const query = useInfiniteQuery(entriesQuery({ reference: order && `order:${order}`, account }));
  return (
    <div className="page">
      <FinanceNav />
      <PageHead
        title="Journals"
        lead="Every movement of money, newest first. Each journal’s debits equal its credits."
      />
      <FilterForm order={order} account={account} />
      <QueryView query={query}>
        {(data) => <EntryTable entries={data.pages.flatMap((page) => page.entries)} />}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older journals
        </Button>
      )}
    </div>
  );
}

function FilterForm({ order, account }: { order: string | undefined; account: string | undefined }) {
  const navigate = useNavigate();
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({
      to: '/finance/journals',
      search: { order: values.order?.trim() || undefined, account: values.account?.trim() || undefined },
    });
  return (
    <div className="filter-form">
      <Form key={`${order}.${account}`} label="Filter journals" onSubmit={submit} error={undefined} fields={[]}>
        <TextField label="Order id" name="order" defaultValue={order ?? ''} maxLength={64} />
        <TextField label="Account code" name="account" defaultValue={account ?? ''} maxLength={100} />
        <Button type="submit">Filter</Button>
        {(order || account) && (
          <ButtonLink to="/finance/journals" search={{ order: undefined, account: undefined }} look="quiet">
            Show all
          </ButtonLink>
        )}
      </Form>
    </div>
  );
}

function EntryTable({ entries }: { entries: readonly Entry[] }) {
  if (entries.length === 0) return <EmptyState icon="outline" title="No journals match" />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="table-scroll" aria-label="Journals" tabIndex={0}>
      <table className="table table-journals">
        <caption className="visually-hidden">Journals, each with its legs</caption>
        <thead>
          <tr>
            <th scope="col">Journal</th>
            <th scope="col">Account</th>
            <th scope="col" className="numeric">
              Debit
            </th>
            <th scope="col" className="numeric">
              Credit
            </th>
          </tr>
        </thead>
        {entries.map((entry) => (
          <EntryRows key={entry.id} entry={entry} />
        ))}
      </table>
    </section>
  );
}

function EntryRows({ entry }: { entry: Entry }) {
  const orderId = entry.reference.startsWith('order:') ? entry.reference.slice('order:'.length) : '';
  return (
    <tbody className="journal-rows">
      {entry.legs.map((leg, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a leg has no identity but its place in the journal.
        <tr key={index}>
          {index === 0 && (
            <th scope="rowgroup" rowSpan={entry.legs.length} className="journal-cell">
              <strong>{journalWords[entry.kind] ?? sentence(entry.kind)}</strong>
              <span className="list-note">
                <Time at={entry.at} />, no. {entry.sequence}
              </span>
              {entry.exchange && <ExchangeNote exchange={entry.exchange} />}
              {orderId && (
                <Link to="/finance/orders/$orderId" params={{ orderId }}>
                  The order’s money
                </Link>
              )}
            </th>
          )}
          <td className={leg.credit ? 'leg-credit' : undefined}>
            <Link to="/finance/journals" search={{ account: leg.account, order: undefined }}>
              {leg.accountName || leg.account}
            </Link>
          </td>
          <td className="numeric">{leg.debit && <Money value={leg.debit} />}</td>
          <td className="numeric">{leg.credit && <Money value={leg.credit} />}</td>
        </tr>
      ))}
    </tbody>
  );
}
