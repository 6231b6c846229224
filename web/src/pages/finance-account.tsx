import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { accountQuery, accountStatementQuery, generalLedgerPath } from '../api/ledger-reports.ts';
import type { Account, GetStatementResponse, StatementLine, TimeBasis } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { journalWords, sentence } from '../lib/words.ts';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ExchangeNote } from './exchange-note.tsx';
import { AccountActions } from './finance-account-dialogs.tsx';
import { Facts, FinanceRoom, instantOf, localInput, Minor, oneOf, Part, StateBadge } from './finance-desk.tsx';

const route = getRouteApi('/finance/accounts/$code/$currency');
const bases: readonly TimeBasis[] = ['recorded', 'effective'];

export function FinanceAccountPage() {
  return (
    <FinanceRoom
      title="Account statement"
      crumbs={[{ label: 'Accounts', link: { to: '/finance/accounts' } }, { label: 'Account statement' }]}
    >
      <Statement />
    </FinanceRoom>
  );
}

function Statement() {
  const { code, currency } = route.useParams();
  const { from, until, basis } = route.useSearch();
  const query = useInfiniteQuery(accountStatementQuery({ code, currency, from, until, basis: oneOf(bases, basis) }));
  return (
    <>
      <Standing />
      <h2 className="section-title">Statement</h2>
      <RangeForm />
      <QueryView query={query}>
        {({ pages }) => {
          const [first] = pages;
          return first && <StatementView first={first} lines={pages.flatMap((page) => page.lines)} />;
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more lines
        </Button>
      )}
      <p>
        <a href={generalLedgerPath({ from, to: until, account: code })} download>
          The general ledger of this account as CSV
        </a>
        , by when things happened.
      </p>
    </>
  );
}

/** How the account stands now, whatever time the statement is of. */
function Standing() {
  const query = useQuery(accountQuery(route.useParams()));
  return <QueryView query={query}>{({ account }) => <StandingView account={account} />}</QueryView>;
}

function StandingView({ account }: { account: Account }) {
  const minor = (value: string) => <Minor currency={account.currency} minor={value} />;
  const limit = (value: string | undefined) => (value === undefined ? 'None' : minor(value));
  return (
    <Part title={`${account.name} (${account.code})`}>
      <Facts
        items={[
          ['State', <StateBadge key="state" state={account.status} />],
          ['Kind', `${sentence(account.type)}, normal on the ${account.normalSide ?? 'debit'} side`],
          ['Balance', minor(account.balanceMinor)],
          ['Available', minor(account.availableMinor)],
          ['Held, debits', minor(account.pendingDebitMinor)],
          ['Held, credits', minor(account.pendingCreditMinor)],
          ['Not below', limit(account.balanceMinMinor)],
          ['Not above', limit(account.balanceMaxMinor)],
        ]}
      />
      <AccountActions account={account} />
    </Part>
  );
}

function RangeForm() {
  const params = route.useParams();
  const { from, until, basis } = route.useSearch();
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<TimeBasis>(oneOf(bases, basis) ?? 'recorded');
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({
      to: '/finance/accounts/$code/$currency',
      params,
      search: { from: instantOf(values.from), until: instantOf(values.until), basis: chosen },
    });
  return (
    <div className="filter-form">
      <Form key={`${from}.${until}`} label="Time of the statement" onSubmit={submit} error={undefined} fields={[]}>
        <TextField label="From" name="from" type="datetime-local" defaultValue={localInput(from)} />
        <TextField label="Until" name="until" type="datetime-local" defaultValue={localInput(until)} />
        <Select
          label="By when it was"
          value={chosen}
          onChange={(value) => setChosen(oneOf(bases, value) ?? 'recorded')}
          options={[
            { value: 'recorded', label: 'Recorded' },
            { value: 'effective', label: 'Effective' },
          ]}
        />
        <Button type="submit">Show</Button>
      </Form>
    </div>
  );
}

function StatementView({ first, lines }: { first: GetStatementResponse; lines: readonly StatementLine[] }) {
  const { account } = first;
  const minor = (value: string) => <Minor currency={account.currency} minor={value} />;
  return (
    <>
      <Facts
        items={[
          ['Opening', minor(first.openingMinor)],
          ['Debits', minor(first.debitsMinor)],
          ['Credits', minor(first.creditsMinor)],
          ['Closing', minor(first.closingMinor)],
          ['Up to journal', first.sequence],
        ]}
      />
      {lines.length === 0 ? (
        <EmptyState icon="outline" title="Nothing moved in this time" />
      ) : (
        <Table
          caption="Lines of the statement"
          columns={lineColumns(account.currency)}
          rows={lines}
          rowKey={(line) => `${line.sequence}.${line.position}`}
        />
      )}
    </>
  );
}

function lineColumns(currency: string): readonly Column<StatementLine>[] {
  const amount = (minor: string) => (minor === '0' ? '' : <Minor currency={currency} minor={minor} />);
  return [
    { name: 'Recorded', render: (line) => <Time at={line.recordedAt} /> },
    { name: 'Effective', render: (line) => <Time at={line.effectiveAt} style="date" /> },
    {
      name: 'Journal',
      wide: true,
      render: (line) => (
        <>
          {journalWords[line.kind] ?? sentence(line.kind)}
          <span className="list-note list-note-below">
            no. {line.sequence}
            {line.reference && `, ${line.reference}`}
          </span>
          {line.exchange && <ExchangeNote exchange={line.exchange} />}
        </>
      ),
    },
    { name: 'Against', render: (line) => <code>{line.counterpart}</code> },
    { name: 'Debit', numeric: true, render: (line) => amount(line.debitMinor) },
    { name: 'Credit', numeric: true, render: (line) => amount(line.creditMinor) },
    { name: 'Balance', numeric: true, render: (line) => <Minor currency={currency} minor={line.balanceMinor} /> },
  ];
}
