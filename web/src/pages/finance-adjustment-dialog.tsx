import { useState } from 'react';
import { type AdjustmentAsked, proposeAdjustment } from '../api/ledger-reports.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { parseAmount } from '../lib/money.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { useAct } from './finance-desk.tsx';

type Kind = 'transfers' | 'reversal';
type Values = Readonly<Record<string, string>>;

const fields = [
  'currency',
  'reference',
  'reason',
  'reversesJournalId',
  'transfers[0].debit',
  'transfers[0].credit',
  'transfers[0].amountMinor',
] as const;

/** Of one transfer, or the reversal of a journal. The ledger checks it as if it were booked now. */
export function ProposeDialog({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState<Kind>('transfers');
  const [wrongAmount, setWrongAmount] = useState<string>();
  const propose = useAct(proposeAdjustment, 'The adjustment waits for a second person.', onClose);
  const errorOf = (field: (typeof fields)[number]) => fieldError(propose.error, field);
  const submit = (values: Values) => {
    const asked = read(kind, values);
    setWrongAmount(asked ? undefined : 'Give an amount of this currency.');
    if (asked) propose.mutate(asked);
  };
  return (
    <Dialog title="Propose an adjustment" isOpen onClose={onClose} busy={propose.isPending}>
      <Form label="Propose an adjustment" onSubmit={submit} error={propose.error} fields={fields}>
        <RadioGroup label="What" value={kind} onChange={(value) => setKind(value === 'reversal' ? value : 'transfers')}>
          <Radio value="transfers">Move an amount from one account to another</Radio>
          <Radio value="reversal">Undo a journal</Radio>
        </RadioGroup>
        <TextField label="Currency" name="currency" defaultValue="INR" maxLength={3} error={errorOf('currency')} />
        {kind === 'reversal' ? (
          <TextField label="Id of the journal" name="journal" maxLength={40} error={errorOf('reversesJournalId')} />
        ) : (
          <>
            <TextField
              label="Account to debit"
              name="debit"
              maxLength={100}
              hint="Its code, e.g. 5300."
              error={errorOf('transfers[0].debit')}
            />
            <TextField
              label="Account to credit"
              name="credit"
              maxLength={100}
              hint="Its code, e.g. 1190."
              error={errorOf('transfers[0].credit')}
            />
            <TextField
              label="Amount"
              name="amount"
              inputMode="decimal"
              error={wrongAmount ?? errorOf('transfers[0].amountMinor')}
            />
          </>
        )}
        <TextField
          label="What it is about (optional)"
          name="reference"
          maxLength={100}
          hint="order:…, payout:… or break:…, with its id."
          error={errorOf('reference')}
        />
        <TextField label="Why" name="reason" maxLength={300} error={errorOf('reason')} />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={propose.isPending}>
            Not now
          </Button>
          <Button type="submit" look="primary" isPending={propose.isPending}>
            Propose
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** Undefined when the amount is none. */
function read(kind: Kind, values: Values): AdjustmentAsked | undefined {
  const text = (name: string) => values[name]?.trim() ?? '';
  const currency = text('currency').toUpperCase();
  const about = { currency, reference: text('reference'), reason: text('reason') };
  if (kind === 'reversal') return { ...about, reversesJournalId: text('journal') };
  const minor = parseAmount(text('amount'), currency);
  if (minor === undefined || minor <= 0n) return undefined;
  return { ...about, transfers: [{ debit: text('debit'), credit: text('credit'), amountMinor: minor.toString() }] };
}
