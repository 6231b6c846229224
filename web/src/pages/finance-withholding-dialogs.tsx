/** Asks for another rate from a day on, or for the end of a rule. Both ask for a version of all rules. */
import { useState } from 'react';
import type { WithholdingTerms, WithholdingVersion } from '../api/types.ts';
import { requestVersion } from '../api/withholding.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { decimalText, parseAmount } from '../lib/money.ts';
import { changedFrom, endedOn, parsePercent, percentText, soonestChange } from '../lib/withholding-draft.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { useAct } from './finance-desk.tsx';

interface DialogProps {
  rule: WithholdingTerms;
  active: WithholdingVersion;
  settledUntil: string;
  onClose: () => void;
}

type Values = Readonly<Record<string, string>>;

const waitsWords = 'It waits for a second person.';
const percentWords = 'A percentage from 0 to 100, with at most four decimals.';

interface Read {
  readonly ratePpm: number | undefined;
  readonly ratePpmWithoutPan: number | undefined;
  readonly thresholdMinor: bigint | undefined;
}

function read(values: Values, currency: string): Read {
  const without = values.ratePpmWithoutPan ?? '';
  const threshold = values.thresholdMinor ?? '';
  return {
    ratePpm: parsePercent(values.ratePpm ?? ''),
    ratePpmWithoutPan: without.trim() === '' ? 0 : parsePercent(without),
    thresholdMinor: threshold.trim() === '' ? 0n : parseAmount(threshold, currency),
  };
}

export function ChangeRateDialog({ rule, active, settledUntil, onClose }: DialogProps) {
  const [given, setGiven] = useState<Read>();
  const [index, setIndex] = useState(0);
  const ask = useAct(requestVersion, waitsWords, onClose);
  const at = (field: string) => `rules[${index}].${field}`;
  const errorOf = (field: string) => fieldError(ask.error, at(field));
  const wrong = (field: keyof Read, words: string) => (given && given[field] === undefined ? words : errorOf(field));
  const submit = (values: Values) => {
    const { ratePpm, ratePpmWithoutPan, thresholdMinor } = read(values, rule.currency);
    setGiven({ ratePpm, ratePpmWithoutPan, thresholdMinor });
    if (ratePpm === undefined || ratePpmWithoutPan === undefined || thresholdMinor === undefined) return;
    const draft = changedFrom(active.rules, rule, {
      ...{ ratePpm, ratePpmWithoutPan, thresholdMinor: thresholdMinor.toString() },
      ...{ validFrom: values.validFrom ?? '', source: (values.source ?? '').trim() },
    });
    setIndex(draft.index);
    ask.mutate({ rules: draft.rules, reason: (values.reason ?? '').trim(), basedOn: active.version });
  };
  return (
    <Dialog title={`Change the rate of ${rule.kind.toUpperCase()}`} isOpen onClose={onClose} busy={ask.isPending}>
      <Form label="Change a rate" onSubmit={submit} error={ask.error} fields={[...changeFields.map(at), 'reason']}>
        <p>Up to the day before, the rate stays as it is. What was asked for before, and waits, is replaced.</p>
        <TextField
          label="First day, in India"
          name="validFrom"
          type="date"
          defaultValue={soonestChange(rule, settledUntil)}
          error={errorOf('validFrom')}
        />
        <TextField
          label="Rate in percent"
          name="ratePpm"
          inputMode="decimal"
          defaultValue={percentText(rule.ratePpm)}
          error={wrong('ratePpm', percentWords)}
        />
        <TextField
          label="Rate without a PAN in percent"
          name="ratePpmWithoutPan"
          inputMode="decimal"
          defaultValue={rule.ratePpmWithoutPan > 0 ? percentText(rule.ratePpmWithoutPan) : ''}
          hint="Empty: the same."
          error={wrong('ratePpmWithoutPan', percentWords)}
        />
        <TextField
          label={`Threshold in ${rule.currency}`}
          name="thresholdMinor"
          inputMode="decimal"
          defaultValue={rule.thresholdMinor === '0' ? '' : decimalText(BigInt(rule.thresholdMinor), rule.currency)}
          hint="Up to it, a person with a PAN is not taxed in the period. Empty: from the first rupee."
          error={wrong('thresholdMinor', 'Give an amount of this currency.')}
        />
        <TextField
          label="The law"
          name="source"
          maxLength={300}
          defaultValue={rule.source}
          hint="It stands on statements."
          error={errorOf('source')}
        />
        <Ending error={fieldError(ask.error, 'reason')} isPending={ask.isPending} onClose={onClose} />
      </Form>
    </Dialog>
  );
}

const changeFields = ['validFrom', 'ratePpm', 'ratePpmWithoutPan', 'thresholdMinor', 'source'] as const;

export function EndRuleDialog({ rule, active, settledUntil, onClose }: DialogProps) {
  const ask = useAct(requestVersion, waitsWords, onClose);
  const index = active.rules.findIndex(({ id }) => id === rule.id);
  const field = `rules[${index}].validUntil`;
  const submit = (values: Values) => {
    const { rules } = endedOn(active.rules, rule, values.validUntil ?? '');
    ask.mutate({ rules, reason: (values.reason ?? '').trim(), basedOn: active.version });
  };
  return (
    <Dialog title={`End ${rule.kind.toUpperCase()}`} isOpen onClose={onClose} busy={ask.isPending}>
      <Form label="End a rule" onSubmit={submit} error={ask.error} fields={[field, 'reason']}>
        <p>After its last day nothing is withheld by it. What was asked for before, and waits, is replaced.</p>
        <TextField
          label="Last day, in India"
          name="validUntil"
          type="date"
          defaultValue={rule.validUntil || settledUntil}
          hint="Empty: no end."
          error={fieldError(ask.error, field)}
        />
        <Ending error={fieldError(ask.error, 'reason')} isPending={ask.isPending} onClose={onClose} />
      </Form>
    </Dialog>
  );
}

function Ending({ error, isPending, onClose }: { error: string | undefined; isPending: boolean; onClose: () => void }) {
  return (
    <>
      <TextField label="Why" name="reason" maxLength={200} hint="Who approves it reads this." error={error} />
      <div className="button-row button-row-end">
        <Button onPress={onClose} isDisabled={isPending}>
          Not now
        </Button>
        <Button type="submit" look="primary" isPending={isPending}>
          Ask for it
        </Button>
      </div>
    </>
  );
}
