import { useState } from 'react';
import { type ExchangeAsked, proposeExchange } from '../api/ledger-desk.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { boughtAt, followsRate, impliedRate, readRate, type Side } from '../lib/exchange-rate.ts';
import { formatMoney, parseAmount } from '../lib/money.ts';
import { Notice } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { useAct } from './finance-desk.tsx';

interface Draft {
  readonly sold: string;
  readonly soldCurrency: string;
  readonly bought: string;
  readonly boughtCurrency: string;
  readonly rate: string;
}

const empty: Draft = { sold: '', soldCurrency: 'USD', bought: '', boughtCurrency: 'INR', rate: '' };

const fields = [
  'currency',
  'reason',
  'reference',
  'exchange.fromAccount',
  'exchange.fromMinor',
  'exchange.toAccount',
  'exchange.toCurrency',
  'exchange.toMinor',
  'exchange.rate',
  'exchange.source',
] as const;

/** Money that changed its currency at a quoted rate: two journals, both or neither, after a second person approved. */
export function ExchangeDialog({ onClose }: { onClose: () => void }) {
  const [draft, setDraft] = useState(empty);
  const [isChecked, setChecked] = useState(false);
  const propose = useAct(proposeExchange, 'The exchange waits for a second person.', onClose);
  const errorOf = (field: (typeof fields)[number]) => fieldError(propose.error, field);
  const submit = (values: Readonly<Record<string, string>>) => {
    setChecked(true);
    const asked = read(draft, values);
    if (asked) propose.mutate(asked);
  };
  return (
    <Dialog title="Propose an exchange" isOpen onClose={onClose} busy={propose.isPending}>
      <Form label="Propose an exchange" onSubmit={submit} error={propose.error} fields={fields}>
        <Amounts draft={draft} setDraft={setDraft} isChecked={isChecked} errorOf={errorOf} />
        <RateCheck draft={draft} />
        <TextField
          label="Whose quote"
          name="source"
          maxLength={100}
          hint="E.g. bank:quote-7, or the provider’s id of the conversion."
          error={errorOf('exchange.source')}
        />
        <TextField
          label="What it is about (optional)"
          name="reference"
          maxLength={100}
          hint="E.g. bank:, with the line of the statement."
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

interface AmountsProps {
  draft: Draft;
  setDraft: (draft: Draft) => void;
  isChecked: boolean;
  errorOf: (field: (typeof fields)[number]) => string | undefined;
}

function Amounts({ draft, setDraft, isChecked, errorOf }: AmountsProps) {
  const { sold, bought } = sidesOf(draft);
  const set = (name: keyof Draft) => (value: string) =>
    setDraft({ ...draft, [name]: name.endsWith('Currency') ? value.toUpperCase() : value });
  const wrong = (side: Side | undefined, currency: string) =>
    isChecked && side === undefined ? `Give an amount in ${currency || 'the currency'}.` : undefined;
  return (
    <>
      <div className="field-row">
        <TextField
          label="Sold"
          value={draft.sold}
          onChange={set('sold')}
          inputMode="decimal"
          error={wrong(sold, draft.soldCurrency) ?? errorOf('exchange.fromMinor')}
        />
        <TextField
          label="Its currency"
          value={draft.soldCurrency}
          onChange={set('soldCurrency')}
          maxLength={3}
          error={errorOf('currency')}
        />
        <TextField
          label="From the account"
          name="fromAccount"
          defaultValue="1000"
          maxLength={100}
          error={errorOf('exchange.fromAccount')}
        />
      </div>
      <div className="field-row">
        <TextField
          label="Bought"
          value={draft.bought}
          onChange={set('bought')}
          inputMode="decimal"
          error={wrong(bought, draft.boughtCurrency) ?? errorOf('exchange.toMinor')}
        />
        <TextField
          label="In the currency"
          value={draft.boughtCurrency}
          onChange={set('boughtCurrency')}
          maxLength={3}
          error={errorOf('exchange.toCurrency')}
        />
        <TextField
          label="To the account"
          name="toAccount"
          defaultValue="1000"
          maxLength={100}
          error={errorOf('exchange.toAccount')}
        />
      </div>
      <TextField
        label="Rate as quoted"
        value={draft.rate}
        onChange={set('rate')}
        inputMode="decimal"
        maxLength={31}
        hint={`How many ${draft.boughtCurrency || 'of the bought'} for one ${draft.soldCurrency || 'of the sold'}, e.g. 83.125.`}
        error={
          (isChecked && !readRate(draft.rate) ? 'Give the rate as a decimal above zero.' : undefined) ??
          errorOf('exchange.rate')
        }
      />
    </>
  );
}

/** Says whether the amounts follow from the rate, before the ledger is asked. */
function RateCheck({ draft }: { draft: Draft }) {
  const { sold, bought } = sidesOf(draft);
  const rate = readRate(draft.rate);
  if (!sold || !bought) return null;
  const pair = `${draft.boughtCurrency} for 1 ${draft.soldCurrency}`;
  const made = `The amounts make ${impliedRate(sold, bought) ?? '–'} ${pair}.`;
  if (!rate) return <Notice title={made} live />;
  if (followsRate(sold, bought, rate)) return <Notice tone="good" title="The amounts follow from the rate" live />;
  const worth = { currency: bought.currency, amountMinor: boughtAt(sold, rate, bought.currency).toString() };
  return (
    <Notice tone="warn" title="The amounts do not follow from the rate" live>
      <p>
        At {draft.rate.trim()} {pair} it is {formatMoney(worth)}. {made}
      </p>
      <p>What the bank or the provider kept as a fee is a journal of its own.</p>
    </Notice>
  );
}

function sidesOf(draft: Draft): { readonly sold: Side | undefined; readonly bought: Side | undefined } {
  return { sold: sideOf(draft.sold, draft.soldCurrency), bought: sideOf(draft.bought, draft.boughtCurrency) };
}

function sideOf(text: string, currency: string): Side | undefined {
  const amountMinor = /^[A-Z]{3}$/.test(currency) ? parseAmount(text, currency) : undefined;
  return amountMinor === undefined || amountMinor === 0n ? undefined : { currency, amountMinor };
}

/** Undefined when an amount or the rate is none; whether they fit is said by the ledger too. */
function read(draft: Draft, values: Readonly<Record<string, string>>): ExchangeAsked | undefined {
  const { sold, bought } = sidesOf(draft);
  if (!sold || !bought || !readRate(draft.rate)) return undefined;
  const text = (name: string) => values[name]?.trim() ?? '';
  return {
    currency: sold.currency,
    reference: text('reference'),
    reason: text('reason'),
    exchange: {
      fromAccount: text('fromAccount'),
      fromMinor: sold.amountMinor.toString(),
      toAccount: text('toAccount'),
      toCurrency: bought.currency,
      toMinor: bought.amountMinor.toString(),
      rate: draft.rate.trim(),
      source: text('source'),
    },
  };
}
