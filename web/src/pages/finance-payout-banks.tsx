/** Which bank pays in which currency. One person asks for it, another approves it. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { approveBank, type BankAsked, payoutBanksQuery, requestBank } from '../api/payout-banks.ts';
import type { PayoutBank } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { useMe } from '../lib/use-me.ts';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog, FinanceRoom, StateBadge, useAct, Who } from './finance-desk.tsx';

export function FinancePayoutBanksPage() {
  const [asking, setAsking] = useState(false);
  return (
    <FinanceRoom
      title="Payout banks"
      lead="Batches are made for the bank of their currency, and keep it. Where no bank is set, the sandbox bank takes them and no real money moves."
      actions={
        <Button look="primary" onPress={() => setAsking(true)}>
          Ask for a bank
        </Button>
      }
    >
      <Banks />
      {asking && <AskDialog onClose={() => setAsking(false)} />}
    </FinanceRoom>
  );
}

function Banks() {
  const me = useMe();
  const query = useQuery(payoutBanksQuery);
  const [approving, setApproving] = useState<PayoutBank>();
  return (
    <>
      <QueryView query={query}>
        {(banks) =>
          banks.length === 0 ? (
            <EmptyState icon="card" title="No bank is set">
              <p>Every payout goes to the sandbox bank. No real money moves.</p>
            </EmptyState>
          ) : (
            <Table
              caption="Payout banks"
              columns={columnsWith(me.user?.id ?? '', setApproving)}
              rows={banks}
              rowKey={(bank) => bank.id}
            />
          )
        }
      </QueryView>
      {approving && <ApproveDialog bank={approving} onClose={() => setApproving(undefined)} />}
    </>
  );
}

function columnsWith(myId: string, onApprove: (bank: PayoutBank) => void): readonly Column<PayoutBank>[] {
  return [
    { name: 'Currency', render: (bank) => bank.currency },
    {
      name: 'Bank',
      render: (bank) => (
        <>
          {bank.name}
          <span className="list-note list-note-below">{bank.bankCode}</span>
        </>
      ),
    },
    {
      name: 'Account',
      render: (bank) => (
        <>
          {bank.debtorName}
          <span className="list-note list-note-below tabular">{bank.maskedAccount}</span>
        </>
      ),
    },
    { name: 'Legal entity', render: (bank) => bank.legalEntity },
    { name: 'State', render: (bank) => <StateBadge state={bank.status} /> },
    {
      name: 'Asked for',
      render: (bank) => (
        <>
          <Who id={bank.requestedBy} />
          <span className="list-note list-note-below">
            <Time at={bank.requestedAt} />
          </span>
        </>
      ),
    },
    {
      name: 'Approved',
      render: (bank) => <Approval bank={bank} own={bank.requestedBy === myId} onApprove={() => onApprove(bank)} />,
    },
  ];
}

function Approval({ bank, own, onApprove }: { bank: PayoutBank; own: boolean; onApprove: () => void }) {
  if (bank.status !== 'requested') {
    return (
      <>
        <Who id={bank.approvedBy} />
        <span className="list-note list-note-below">
          <Time at={bank.approvedAt} />
        </span>
      </>
    );
  }
  if (own) return 'Waits for a second person.';
  return (
    <Button small aria-label={`Approve ${bank.name} for ${bank.currency}`} onPress={onApprove}>
      Approve
    </Button>
  );
}

function ApproveDialog({ bank, onClose }: { bank: PayoutBank; onClose: () => void }) {
  return (
    <ActDialog
      title={`Approve ${bank.name}`}
      confirm="Approve this bank"
      look="danger"
      act={() => approveBank(bank.id)}
      said={`${bank.name} pays in ${bank.currency} from now on.`}
      onClose={onClose}
    >
      <p>
        Batches in {bank.currency} that are made from now on are paid from {bank.debtorName},{' '}
        <span className="tabular money">{bank.maskedAccount}</span> at {bank.name} ({bank.bankCode}). Compare it with
        what the bank told you, not with what you were told here.
      </p>
    </ActDialog>
  );
}

const fields = ['legalEntity', 'currency', 'name', 'debtorName', 'accountNumber', 'bankCode'] as const;

function AskDialog({ onClose }: { onClose: () => void }) {
  const ask = useAct(requestBank, 'The bank waits for a second person.', onClose);
  const errorOf = (field: (typeof fields)[number]) => fieldError(ask.error, field);
  const submit = (values: Readonly<Record<string, string>>) => ask.mutate(read(values));
  return (
    <Dialog title="Ask for a bank" isOpen onClose={onClose} busy={ask.isPending}>
      <Form label="Ask for a bank" onSubmit={submit} error={ask.error} fields={fields}>
        <p>Somebody else of finance approves it. What was asked for in this currency before, and waits, is replaced.</p>
        <TextField label="Currency" name="currency" defaultValue="INR" maxLength={3} error={errorOf('currency')} />
        <TextField label="Name of the bank" name="name" maxLength={70} error={errorOf('name')} />
        <TextField
          label="Holder of the account"
          name="debtorName"
          maxLength={70}
          hint="In Latin letters, as the bank writes it."
          error={errorOf('debtorName')}
        />
        <TextField
          label="Account number"
          name="accountNumber"
          autoComplete="off"
          maxLength={34}
          hint="For rupees 9 to 18 digits, else an IBAN. Only its end is shown afterwards."
          error={errorOf('accountNumber')}
        />
        <TextField
          label="Code of the bank"
          name="bankCode"
          maxLength={11}
          hint="For rupees the IFSC, else the BIC."
          error={errorOf('bankCode')}
        />
        <TextField
          label="Legal entity that pays"
          name="legalEntity"
          maxLength={40}
          hint="Its short name in the books, e.g. suuupra-in."
          error={errorOf('legalEntity')}
        />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={ask.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={ask.isPending}>
            Ask for it
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function read(values: Readonly<Record<string, string>>): BankAsked {
  const text = (name: (typeof fields)[number]) => values[name]?.trim() ?? '';
  return {
    legalEntity: text('legalEntity'),
    currency: text('currency').toUpperCase(),
    name: text('name'),
    debtorName: text('debtorName'),
    accountNumber: text('accountNumber'),
    bankCode: text('bankCode').toUpperCase(),
  };
}
