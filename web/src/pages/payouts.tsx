/** Where an instructor is paid, for tax who they are, what was paid, and the statements behind it. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import {
  payoutAccountsQuery,
  requestInstantPayout,
  setTaxProfile,
  statementsQuery,
  taxProfileQuery,
} from '../api/payouts.ts';
import type { GetMyTaxProfileResponse, PayoutAccount, SettlementBatch, WithholdingRule } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { formatMoney } from '../lib/money.ts';
import { useTitle } from '../lib/use-title.ts';
import { percent } from '../lib/withholding-draft.ts';
import { sentence } from '../lib/words.ts';
import { Badge, Money, Notice, PageHead, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Checkbox, TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toast, toastProblem } from '../ui/toast.tsx';
import { AccountForm } from './payout-account-form.tsx';
import { PayoutList } from './payout-list.tsx';
import { RequireUser } from './require-user.tsx';
import { TeachNav } from './teach-nav.tsx';

export function PayoutsPage() {
  useTitle('Payouts');
  const [wishes, setWishes] = useState(0);
  return (
    <RequireUser holding="instructor">
      {() => (
        <div className="page">
          <TeachNav />
          <PageHead title="Payouts" />
          <Accounts onWish={() => setWishes((before) => before + 1)} />
          <TaxProfile />
          <PayoutList wishes={wishes} />
          <Statements />
        </div>
      )}
    </RequireUser>
  );
}

const methodWords: Readonly<Record<string, string>> = { bank_in: 'Bank account', upi: 'UPI', iban: 'Bank account' };

function Accounts({ onWish }: { onWish: () => void }) {
  const query = useQuery(payoutAccountsQuery);
  const [editing, setEditing] = useState(false);
  return (
    <section className="panel" aria-labelledby="accounts-title">
      <h2 id="accounts-title" className="section-title">
        Where you are paid
      </h2>
      <QueryView query={query}>
        {(data) => (
          <>
            {data.accounts.length === 0 ? (
              <p>You have given no account yet; nothing is paid out until you do.</p>
            ) : (
              <ul className="list">
                {data.accounts.map((account) => (
                  <AccountRow key={account.currency} account={account} onWish={onWish} />
                ))}
              </ul>
            )}
            {editing || data.accounts.length === 0 ? (
              <AccountForm onSaved={() => setEditing(false)} />
            ) : (
              <div>
                <Button onPress={() => setEditing(true)}>Change or add an account</Button>
              </div>
            )}
          </>
        )}
      </QueryView>
    </section>
  );
}

function AccountRow({ account, onWish }: { account: PayoutAccount; onWish: () => void }) {
  const cools = new Date(account.payableFrom ?? 0).getTime() > Date.now();
  return (
    <li className="list-row">
      <div className="list-main">
        <span className="list-title">
          {methodWords[account.method] ?? account.method} <span className="tabular">{account.maskedAccount}</span>
        </span>
        <span className="list-note">
          {account.currency}, of {account.holderName}, changed <Time at={account.changedAt} />
        </span>
      </div>
      {cools ? (
        <Badge tone="warn">
          Paid from <Time at={account.payableFrom} />
        </Badge>
      ) : (
        <PayNow currency={account.currency} onWish={onWish} />
      )}
    </li>
  );
}

/** A wish to be paid before the weekly run: the same reckoning, once a day. */
function PayNow({ currency, onWish }: { currency: string; onWish: () => void }) {
  const wish = useMutation({
    mutationFn: () => requestInstantPayout(currency),
    onSuccess: ({ payout }) => {
      const owed = payout.owed === undefined ? 'What is' : formatMoney(payout.owed);
      toast(`${owed} owed to you is being settled; what is left after tax and reserve is paid out.`);
      onWish();
    },
    onError: toastProblem,
  });
  return (
    <span className="button-row">
      <Badge tone="good">In use</Badge>
      <Button small isPending={wish.isPending} onPress={() => wish.mutate()}>
        Pay out {currency} now
      </Button>
    </span>
  );
}

function TaxProfile() {
  const query = useQuery(taxProfileQuery);
  return (
    <section className="panel" aria-labelledby="tax-title">
      <h2 id="tax-title" className="section-title">
        Tax
      </h2>
      <QueryView query={query}>{(data) => <TaxForm key={data.profile?.changedAt ?? ''} data={data} />}</QueryView>
    </section>
  );
}

function TaxForm({ data }: { data: GetMyTaxProfileResponse }) {
  const { profile, rules } = data;
  const hasPan = Boolean(profile?.maskedPan);
  const [resident, setResident] = useState(profile?.changedAt ? profile.resident : true);
  const [removes, setRemoves] = useState(false);
  const [forgot, setForgot] = useState(false);
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: setTaxProfile,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: taxProfileQuery.queryKey });
      toast('Your tax profile is saved.');
    },
  });
  return (
    <>
      <dl className="facts">
        <div className="fact">
          <dt>PAN</dt>
          <dd className="tabular">{profile?.maskedPan || 'None on file'}</dd>
        </div>
        <div className="fact">
          <dt>GSTIN</dt>
          <dd>{profile?.gstin || 'None'}</dd>
        </div>
        <div className="fact">
          <dt>Resident in India</dt>
          <dd>{profile?.changedAt ? (profile.resident ? 'Yes' : 'No') : 'Not said yet'}</dd>
        </div>
      </dl>
      <Form
        label="Tax profile"
        onSubmit={(values) => {
          const pan = removes ? '' : (values.pan ?? '').trim().toUpperCase();
          setForgot(hasPan && pan === '' && !removes);
          if (hasPan && pan === '' && !removes) return;
          save.mutate({ pan, gstin: (values.gstin ?? '').trim().toUpperCase(), resident });
        }}
        error={save.error}
        fields={['pan', 'gstin']}
      >
        <div className="field-row">
          <TextField
            label="PAN"
            name="pan"
            autoComplete="off"
            maxLength={10}
            isDisabled={removes}
            hint={
              hasPan
                ? 'Only its end is shown; type it again to save a change.'
                : 'Without one on file tax is withheld at the higher rate.'
            }
            error={forgot ? 'Type your PAN again, or say that it is to be removed.' : fieldError(save.error, 'pan')}
          />
          <TextField
            label="GSTIN"
            name="gstin"
            autoComplete="off"
            maxLength={15}
            defaultValue={profile?.gstin ?? ''}
            error={fieldError(save.error, 'gstin')}
          />
        </div>
        {hasPan && (
          <Checkbox isSelected={removes} onChange={setRemoves}>
            Remove my PAN: tax is withheld at the higher rate
          </Checkbox>
        )}
        <Checkbox isSelected={resident} onChange={setResident}>
          I am resident in India for tax
        </Checkbox>
        <div>
          <Button type="submit" isPending={save.isPending}>
            Save the tax profile
          </Button>
        </div>
      </Form>
      {rules.length > 0 && (
        <Table caption="What is withheld" columns={ruleColumns} rows={rules} rowKey={(rule) => rule.id} />
      )}
    </>
  );
}

const ruleColumns: readonly Column<WithholdingRule>[] = [
  { name: 'Withheld', render: (rule) => rule.kind.toUpperCase() },
  { name: 'Source', render: (rule) => rule.source },
  { name: 'Rate', numeric: true, render: (rule) => percent(rule.ratePpm) },
  { name: 'Of', render: (rule) => sentence(rule.base) },
  {
    name: 'Above, in a period',
    numeric: true,
    render: (rule) => (rule.threshold ? `${formatMoney(rule.threshold)}, ${sentence(rule.period).toLowerCase()}` : '–'),
  },
];

const heldWords: Readonly<Record<string, string>> = {
  nothing_due: 'Nothing was due',
  negative_balance: 'More went back than came in',
  below_minimum: 'Below the smallest payout',
  no_account: 'No account given',
  account_cooling: 'The account was changed lately',
};

const statementColumns: readonly Column<SettlementBatch>[] = [
  {
    name: 'Up to',
    render: (one) => (
      <Link to="/teach/statements/$statementId" params={{ statementId: one.id }}>
        <Time at={one.cutoffAt} />
      </Link>
    ),
  },
  { name: 'What became of it', render: (one) => heldWords[one.heldBecause] ?? 'Paid out' },
  { name: 'Opening', numeric: true, render: (one) => <Minor of={one} minor={one.openingMinor} /> },
  { name: 'Earned', numeric: true, render: (one) => <Minor of={one} minor={one.earnedMinor} /> },
  {
    name: 'Withheld',
    numeric: true,
    render: (one) => <Minor of={one} minor={(BigInt(one.tdsMinor) + BigInt(one.tcsMinor)).toString()} />,
  },
  { name: 'Paid out', numeric: true, render: (one) => <Minor of={one} minor={one.payoutMinor} /> },
  { name: 'Carried on', numeric: true, render: (one) => <Minor of={one} minor={one.closingMinor} /> },
];

function Minor({ of, minor }: { of: SettlementBatch; minor: string }) {
  return <Money value={{ currency: of.currency, amountMinor: minor }} />;
}

function Statements() {
  const query = useInfiniteQuery(statementsQuery);
  return (
    <section className="receipt-part" aria-labelledby="statements-title">
      <h2 id="statements-title" className="section-title">
        Statements
      </h2>
      <QueryView query={query}>
        {(data) => {
          const statements = data.pages.flatMap((page) => page.statements);
          if (statements.length === 0) {
            return (
              <EmptyState icon="receipt" title="No statements yet">
                <p>Everybody is settled at least once a week. Each settlement leaves a statement here.</p>
              </EmptyState>
            );
          }
          return (
            <Table
              caption="Your statements"
              columns={statementColumns}
              rows={statements}
              rowKey={(statement) => statement.id}
            />
          );
        }}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older statements
        </Button>
      )}
      <Notice tone="warn" title="Simulated">
        <p>The bank behind this platform is a sandbox: no real money is paid out.</p>
      </Notice>
    </section>
  );
}
