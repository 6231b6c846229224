import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { trialBalanceQuery } from '../api/ledger.ts';
import type { AccountBalance, CurrencyBalance } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { useTitle } from '../lib/use-title.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView, Skeleton } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { FinanceNav } from './finance-nav.tsx';
import { RequireUser } from './require-user.tsx';

const route = getRouteApi('/finance');

export function TrialBalancePage() {
  useTitle('Trial balance');
  return <RequireUser holding="finance">{() => <TrialBalance />}</RequireUser>;
}

function TrialBalance() {
  const { at } = route.useSearch();
  const query = useQuery(trialBalanceQuery(at ?? ''));
  return (
    <div className="page">
      <FinanceNav />
      <PageHead
        title="Trial balance"
        lead={
          at ? (
            <>
              As the books stood on <Time at={at} />.
            </>
          ) : (
            'As the books stand now.'
          )
        }
      />
      <AtForm at={at} />
      <QueryView query={query} skeleton={<Skeleton lines={8} label="Loading the balances" />}>
        {(data) =>
          data.currencies.length === 0 ? (
            <EmptyState icon="shield" title="The books are empty">
              <p>No journal had been posted by then.</p>
            </EmptyState>
          ) : (
            data.currencies.map((one) => <Currency key={one.currency} balance={one} />)
          )
        }
      </QueryView>
    </div>
  );
}

function AtForm({ at }: { at: string | undefined }) {
  const navigate = useNavigate();
  const submit = (values: Readonly<Record<string, string>>) => {
    const when = new Date(values.at ?? '');
    void navigate({ to: '/finance', search: { at: Number.isNaN(when.getTime()) ? undefined : when.toISOString() } });
  };
  return (
    <div className="filter-form">
      <Form key={at ?? ''} label="Moment" onSubmit={submit} error={undefined} fields={[]}>
        <TextField label="At a past moment" name="at" type="datetime-local" defaultValue={at ? localInput(at) : ''} />
        <Button type="submit">Show</Button>
        {at && (
          <ButtonLink to="/finance" search={{ at: undefined }} look="quiet">
            Now
          </ButtonLink>
        )}
      </Form>
    </div>
  );
}

/** What a datetime-local field holds: the reader's own time without a zone. */
function localInput(at: string): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

type Row = AccountBalance & { currency: string };

function onSide(row: Row, side: 'debit' | 'credit') {
  const amount = BigInt(row.balanceMinor);
  const stands = amount >= 0n ? row.normalSide : row.normalSide === 'debit' ? 'credit' : 'debit';
  if (stands !== side || amount === 0n) return '';
  return <Money value={{ currency: row.currency, amountMinor: (amount < 0n ? -amount : amount).toString() }} />;
}

const columns: readonly Column<Row>[] = [
  {
    name: 'Account',
    render: (row) => (
      <Link to="/finance/journals" search={{ account: row.code, order: undefined }}>
        {row.name}
      </Link>
    ),
  },
  { name: 'Code', render: (row) => <code>{row.code}</code> },
  { name: 'Kind', render: (row) => sentence(row.type) },
  { name: 'Debit', numeric: true, render: (row) => onSide(row, 'debit') },
  { name: 'Credit', numeric: true, render: (row) => onSide(row, 'credit') },
];

function Currency({ balance }: { balance: CurrencyBalance }) {
  const isEven = BigInt(balance.debitMinor) === BigInt(balance.creditMinor);
  const rows = balance.accounts.map((account) => ({ ...account, currency: balance.currency }));
  return (
    <section className="receipt-part" aria-label={balance.currency}>
      <h2 className="section-title section-title-row">
        {balance.currency}
        {isEven ? (
          <Badge tone="good" icon="check">
            In balance
          </Badge>
        ) : (
          <Badge tone="danger" icon="warning">
            Out of balance
          </Badge>
        )}
      </h2>
      <Table
        caption={`Balances in ${balance.currency}`}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.code}
        foot={
          <tr>
            <th scope="row" colSpan={3}>
              Total
            </th>
            <td className="numeric">
              <Money value={{ currency: balance.currency, amountMinor: balance.debitMinor }} />
            </td>
            <td className="numeric">
              <Money value={{ currency: balance.currency, amountMinor: balance.creditMinor }} />
            </td>
          </tr>
        }
      />
    </section>
  );
}
