import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { providersQuery } from '../api/routing.ts';
import type { MethodType, RouteRule, RouteShare, RouteStrategy } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { limitText } from '../lib/account-limits.ts';
import { parseAmount } from '../lib/money.ts';
import { type RuleField, ruleProblems, strategyWords } from '../lib/routing-draft.ts';
import { sentence } from '../lib/words.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { QueryView } from '../ui/states.tsx';

const fresh: RouteRule = {
  name: '',
  currency: '',
  amountAtLeastMinor: '0',
  amountBelowMinor: '0',
  strategy: 'fixed',
  shares: [],
};

interface RuleProps {
  /** Absent: a new one. */
  rule: RouteRule | undefined;
  others: readonly RouteRule[];
  /** It goes into the draft; nothing is sent. */
  onKeep: (rule: RouteRule) => void;
  onClose: () => void;
}

export function RoutingRuleDialog({ rule, others, onKeep, onClose }: RuleProps) {
  const [draft, setDraft] = useState(rule ?? fresh);
  const [problems, setProblems] = useState<Problems>({});
  const submit = (values: Readonly<Record<string, string>>) => {
    const { made, wrong } = read(draft, values);
    const found = { ...ruleProblems(made, others), ...wrong };
    setProblems(found);
    if (Object.keys(found).length === 0) onKeep(made);
  };
  return (
    <Dialog title={rule ? `Change the rule ${rule.name}` : 'Add a rule'} isOpen onClose={onClose}>
      <Form label="Routing rule" onSubmit={submit} error={undefined} fields={[]}>
        <TextField
          label="Name"
          name="name"
          maxLength={40}
          defaultValue={draft.name}
          hint="It stands in every decision made by it."
          error={problems.name}
        />
        <Which draft={draft} setDraft={setDraft} problems={problems} />
        <Select
          label="How they take turns"
          value={draft.strategy ?? 'fixed'}
          options={strategies.map((value) => ({ value, label: strategyWords[value] }))}
          onChange={(value) => setDraft({ ...draft, strategy: strategies.find((one) => one === value) ?? 'fixed' })}
        />
        <Shares draft={draft} setDraft={setDraft} />
        {problems.shares && (
          <p className="field-error" role="alert">
            {problems.shares}
          </p>
        )}
        <div className="button-row button-row-end">
          <Button onPress={onClose}>Not now</Button>
          <Button type="submit" look="primary">
            Keep in the draft
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

type Problems = Partial<Record<RuleField | 'least', string>>;
const strategies = Object.keys(strategyWords) as RouteStrategy[];

interface PartProps {
  draft: RouteRule;
  setDraft: (draft: RouteRule) => void;
}

/** For which payments it is. */
function Which({ draft, setDraft, problems }: PartProps & { problems: Problems }) {
  const amount = (minor: string) => (minor === '0' ? '' : limitText(minor, draft.currency));
  const choose = (value: string) => {
    const { method: _, ...rest } = draft;
    setDraft(value === 'any' ? rest : { ...rest, method: value as MethodType });
  };
  return (
    <>
      <Select
        label="Paid with"
        value={draft.method ?? 'any'}
        options={[
          { value: 'any', label: 'Any method' },
          { value: 'card', label: 'Card' },
          { value: 'upi', label: 'UPI' },
        ]}
        onChange={choose}
      />
      <div className="field-row">
        <TextField
          label="Currency"
          name="currency"
          maxLength={3}
          defaultValue={draft.currency}
          hint="Empty: every one."
          error={problems.currency}
        />
        <TextField
          label="From the amount"
          name="least"
          inputMode="decimal"
          defaultValue={amount(draft.amountAtLeastMinor)}
          hint="Empty: any."
          error={problems.least}
        />
        <TextField
          label="Below the amount"
          name="below"
          inputMode="decimal"
          defaultValue={amount(draft.amountBelowMinor)}
          hint="Empty: any."
          error={problems.below}
        />
      </div>
    </>
  );
}

/** Who takes them, in the order in which they were chosen. */
function Shares({ draft, setDraft }: PartProps) {
  const query = useQuery(providersQuery);
  const isSplit = draft.strategy === 'split';
  const set = (shares: RouteShare[]) => setDraft({ ...draft, shares });
  const toggle = (provider: string, on: boolean) =>
    set([...draft.shares.filter((one) => one.provider !== provider), ...(on ? [{ provider, percent: 0 }] : [])]);
  const give = (provider: string, text: string) =>
    set(draft.shares.map((one) => (one.provider === provider ? { provider, percent: percentOf(text) } : one)));
  return (
    <fieldset className="choices choices-many">
      <legend className="field-label">Providers, in the order you choose them</legend>
      <QueryView query={query}>
        {(providers) => (
          <div className="form">
            {providers.map(({ name }) => {
              const at = draft.shares.findIndex((one) => one.provider === name);
              return (
                <div key={name} className="field">
                  <Checkbox isSelected={at >= 0} onChange={(on) => toggle(name, on)}>
                    {sentence(name)}
                    {at >= 0 && !isSplit && draft.shares.length > 1 && `, no. ${at + 1}`}
                  </Checkbox>
                  {at >= 0 && isSplit && (
                    <TextField
                      label={`Percent of ${sentence(name)}`}
                      inputMode="numeric"
                      maxLength={3}
                      value={String(draft.shares[at]?.percent ?? 0)}
                      onChange={(text) => give(name, text)}
                    />
                  )}
                </div>
              );
            })}
          </div>
        )}
      </QueryView>
    </fieldset>
  );
}

function percentOf(text: string): number {
  return Math.min(100, Number.parseInt(text.replaceAll(/\D/g, ''), 10) || 0);
}

/** The rule as typed; an amount that is none counts as wrong and not as left out. */
function read(
  draft: RouteRule,
  values: Readonly<Record<string, string>>,
): { readonly made: RouteRule; readonly wrong: Problems } {
  const currency = values.currency?.trim().toUpperCase() ?? '';
  const amount = (name: string) => {
    const text = values[name]?.trim() ?? '';
    return text === '' ? 0n : parseAmount(text, currency);
  };
  const [least, below] = [amount('least'), amount('below')];
  const say = `Give an amount${currency && ` in ${currency}`}, or nothing.`;
  return {
    made: {
      ...draft,
      name: values.name?.trim() ?? '',
      currency,
      amountAtLeastMinor: String(least ?? 0n),
      amountBelowMinor: String(below ?? 0n),
    },
    wrong: { ...(least === undefined && { least: say }), ...(below === undefined && { below: say }) },
  };
}
