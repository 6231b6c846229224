import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { accountsQuery } from '../api/ledger-reports.ts';
import type { Account } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { sentence } from '../lib/words.ts';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { OpenAccountDialog } from './finance-account-dialogs.tsx';
import { FinanceRoom, ListPart, Minor, StateBadge } from './finance-desk.tsx';

const route = getRouteApi('/finance/accounts');

export function FinanceAccountsPage() {
  const [opening, setOpening] = useState(false);
  const navigate = useNavigate();
  return (
    <FinanceRoom
      title="Accounts"
      lead="Every account of the chart with what it holds now."
      actions={<Button onPress={() => setOpening(true)}>Open an account</Button>}
    >
      <Accounts />
      {opening && (
        <OpenAccountDialog
          onClose={() => setOpening(false)}
          onOpened={({ code, currency }) =>
            void navigate({
              to: '/finance/accounts/$code/$currency',
              params: { code, currency },
              search: { from: undefined, until: undefined, basis: undefined },
            })
          }
        />
      )}
    </FinanceRoom>
  );
}

function Accounts() {
  const asked = route.useSearch();
  const navigate = useNavigate();
  const query = useInfiniteQuery(accountsQuery(asked));
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({
      to: '/finance/accounts',
      search: {
        parent: values.parent?.trim() || undefined,
        currency: values.currency?.trim().toUpperCase() || undefined,
      },
    });
  return (
    <>
      <div className="filter-form">
        <Form
          key={`${asked.parent}.${asked.currency}`}
          label="Filter accounts"
          onSubmit={submit}
          error={undefined}
          fields={[]}
        >
          <TextField
            label="Account and those below it"
            name="parent"
            defaultValue={asked.parent ?? ''}
            maxLength={100}
          />
          <TextField label="Currency" name="currency" defaultValue={asked.currency ?? ''} maxLength={3} />
          <Button type="submit">Filter</Button>
        </Form>
      </div>
      <ListPart
        query={query}
        rowsOf={(page) => page.accounts}
        caption="Accounts"
        columns={columns}
        rowKey={(account) => `${account.code}.${account.currency}`}
        icon="outline"
        nothing="No accounts match"
      />
    </>
  );
}

const columns: readonly Column<Account>[] = [
  {
    name: 'Account',
    render: (one) => (
      <Link
        to="/finance/accounts/$code/$currency"
        params={{ code: one.code, currency: one.currency }}
        search={{ from: undefined, until: undefined, basis: undefined }}
      >
        {one.name}
      </Link>
    ),
  },
  { name: 'Code', render: (one) => <code>{one.code}</code> },
  { name: 'Currency', render: (one) => one.currency },
  { name: 'Kind', render: (one) => sentence(one.type) },
  { name: 'State', render: (one) => <StateBadge state={one.status} /> },
  { name: 'Debits', numeric: true, render: (one) => <Minor currency={one.currency} minor={one.debitMinor} /> },
  { name: 'Credits', numeric: true, render: (one) => <Minor currency={one.currency} minor={one.creditMinor} /> },
  { name: 'Balance', numeric: true, render: (one) => <Minor currency={one.currency} minor={one.balanceMinor} /> },
];
