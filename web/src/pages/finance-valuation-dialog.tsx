import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { proposeRevaluation, type RevaluationAsked } from '../api/ledger-desk.ts';
import { accountsQuery } from '../api/ledger-reports.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { QueryView } from '../ui/states.tsx';
import { instantOf, useAct } from './finance-desk.tsx';

/** Where one currency became another: what is left of each is valued at the end of a period. */
const exchangeAccount = '1800';

/** What is left in account 1800 at the end of a period, at closing rates: booked then and taken back in the next moment. */
export function ValuationDialog({ onClose }: { onClose: () => void }) {
  const accounts = useInfiniteQuery(accountsQuery({ parent: exchangeAccount }));
  return (
    <QueryView query={accounts}>
      {({ pages }) => (
        <Rates currencies={pages.flatMap((page) => page.accounts).map((one) => one.currency)} onClose={onClose} />
      )}
    </QueryView>
  );
}

function Rates({ currencies, onClose }: { currencies: readonly string[]; onClose: () => void }) {
  const [currency, setCurrency] = useState('INR');
  const [asked, setAsked] = useState<RevaluationAsked>();
  const [isMissing, setMissing] = useState(false);
  const propose = useAct(proposeRevaluation, 'The valuation waits for a second person.', onClose);
  const others = currencies.filter((one) => one !== currency);
  const submit = (values: Readonly<Record<string, string>>) => {
    const next = read(currency, others, values);
    setMissing(next === undefined);
    setAsked(next);
    if (next) propose.mutate(next);
  };
  const errorOf = (one: string, name: 'rate' | 'source') => {
    const at = asked?.rates.findIndex((each) => each.currency === one) ?? -1;
    return at < 0 ? undefined : fieldError(propose.error, `rates[${at}].${name}`);
  };
  const fields = [
    'currency',
    'until',
    'reason',
    ...others.flatMap((_, at) => [`rates[${at}].rate`, `rates[${at}].source`]),
  ];
  return (
    <Dialog title="Propose a valuation" isOpen onClose={onClose} busy={propose.isPending}>
      <Form label="Propose a valuation" onSubmit={submit} error={propose.error} fields={fields}>
        <p>
          What is left in account {exchangeAccount} at the end of a period is worth more or less than it was. The
          difference is booked in the period’s last moment and taken back in the first of the next.
        </p>
        <div className="field-row">
          <TextField
            label="The period’s end"
            name="until"
            type="datetime-local"
            error={isMissing ? 'Give a moment in the past.' : fieldError(propose.error, 'until')}
          />
          <TextField
            label="Valued in"
            value={currency}
            onChange={(value) => setCurrency(value.toUpperCase())}
            maxLength={3}
            error={fieldError(propose.error, 'currency')}
          />
        </div>
        {others.length === 0 && <p>Nothing was ever exchanged into or out of another currency.</p>}
        {others.map((one) => (
          <div className="field-row" key={one}>
            <TextField
              label={`Closing rate of ${one}`}
              name={`rate.${one}`}
              inputMode="decimal"
              maxLength={31}
              hint={`How many ${currency || 'of the valuation’s'} for one ${one}. Empty where nothing is left.`}
              error={errorOf(one, 'rate')}
            />
            <TextField
              label={`Whose quote of ${one}`}
              name={`source.${one}`}
              maxLength={100}
              error={errorOf(one, 'source')}
            />
          </div>
        ))}
        <TextField label="Why" name="reason" maxLength={300} error={fieldError(propose.error, 'reason')} />
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

/** Undefined without a time; everything else is said by the ledger. */
function read(
  currency: string,
  others: readonly string[],
  values: Readonly<Record<string, string>>,
): RevaluationAsked | undefined {
  const until = instantOf(values.until);
  const text = (name: string) => values[name]?.trim() ?? '';
  const rates = others
    .map((one) => ({ currency: one, rate: text(`rate.${one}`), source: text(`source.${one}`) }))
    .filter(({ rate, source }) => rate !== '' || source !== '');
  return until === undefined ? undefined : { currency, until, rates, reason: text('reason') };
}
