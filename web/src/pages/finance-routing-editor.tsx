import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { providersQuery, putRoutingRules } from '../api/routing.ts';
import type { RouteRule, RouteRuleInput, RoutingRules } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import {
  draftOf,
  isChanged,
  type RoutingDraft,
  type RoutingNumber,
  raised,
  readNumber,
  routingNumbers,
  ruleThen,
  ruleWhen,
  withRule,
} from '../lib/routing-draft.ts';
import { plural, sentence } from '../lib/words.ts';
import { Notice } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog } from './finance-desk.tsx';
import { RoutingRuleDialog } from './finance-routing-rule-dialog.tsx';

const rulesMax = 50;

interface EditorProps {
  /** As they were read: what is put in force replaces these and no others. */
  inForce: RoutingRules;
  onEnd: () => void;
}

/** A draft of all the rules, kept on this page alone until it is put in force. */
export function RoutingEditor({ inForce, onEnd }: EditorProps) {
  const [draft, setDraft] = useState(() => draftOf(inForce));
  const [asked, setAsked] = useState<RoutingDraft>();
  const [wrong, setWrong] = useState<readonly RoutingNumber[]>([]);
  const submit = (values: Readonly<Record<string, string>>) => {
    const numbers = numberNames.map((name) => [name, readNumber(name, values[name])] as const);
    const misread = numbers.flatMap(([name, value]) => (value === undefined ? [name] : []));
    setWrong(misread);
    if (misread.length === 0) setAsked({ ...draft, ...Object.fromEntries(numbers) });
  };
  return (
    <div className="form">
      <Notice title="A draft on this page">
        <p>Payments go by the rules in force until you put this in their place.</p>
      </Notice>
      <DraftRules draft={draft} setDraft={setDraft} />
      <Fallback draft={draft} setDraft={setDraft} />
      <Form label="Routing rules" onSubmit={submit} error={undefined} fields={[]}>
        <Numbers draft={draft} wrong={wrong} />
        <div className="button-row">
          <Button type="submit" look="primary">
            Put in force
          </Button>
          <Button onPress={onEnd}>Leave the rules as they are</Button>
        </div>
      </Form>
      {asked && <PutDialog inForce={inForce} draft={asked} onClose={() => setAsked(undefined)} onDone={onEnd} />}
    </div>
  );
}

interface DraftProps {
  draft: RoutingDraft;
  setDraft: (draft: RoutingDraft) => void;
}

function DraftRules({ draft, setDraft }: DraftProps) {
  /** Absent: a new one. */
  const [editing, setEditing] = useState<{ readonly at?: number }>();
  const columns = ruleColumns({
    change: (at) => setEditing({ at }),
    raise: (at) => setDraft({ ...draft, rules: raised(draft.rules, at) }),
    remove: (at) => setDraft({ ...draft, rules: draft.rules.toSpliced(at, 1) }),
  });
  return (
    <>
      {draft.rules.length > 0 && (
        <Table
          caption="Draft of the rules; the first that fits decides"
          columns={columns}
          rows={draft.rules.map((rule, at) => ({ rule, at }))}
          rowKey={({ rule }) => rule.name}
        />
      )}
      <div className="button-row">
        <Button small isDisabled={draft.rules.length >= rulesMax} onPress={() => setEditing({})}>
          Add a rule
        </Button>
      </div>
      {editing && (
        <RoutingRuleDialog
          rule={editing.at === undefined ? undefined : draft.rules[editing.at]}
          others={draft.rules.filter((_, at) => at !== editing.at)}
          onKeep={(rule) => {
            setDraft(withRule(draft, rule, editing.at));
            setEditing(undefined);
          }}
          onClose={() => setEditing(undefined)}
        />
      )}
    </>
  );
}

interface DraftRow {
  readonly rule: RouteRule;
  readonly at: number;
}

interface RowActs {
  readonly change: (at: number) => void;
  readonly raise: (at: number) => void;
  readonly remove: (at: number) => void;
}

function ruleColumns({ change, raise, remove }: RowActs): readonly Column<DraftRow>[] {
  return [
    { name: 'Rule', render: ({ rule }) => <code>{rule.name}</code> },
    { name: 'For', render: ({ rule }) => ruleWhen(rule) },
    { name: 'Who', wide: true, render: ({ rule }) => ruleThen(rule, sentence) },
    {
      name: 'Change',
      render: ({ rule, at }) => (
        <span className="button-row">
          <Button small aria-label={`Change the rule ${rule.name}`} onPress={() => change(at)}>
            Change
          </Button>
          <Button
            small
            look="quiet"
            isDisabled={at === 0}
            aria-label={`Earlier: the rule ${rule.name}`}
            onPress={() => raise(at)}
          >
            Earlier
          </Button>
          <Button small look="quiet" aria-label={`Remove the rule ${rule.name}`} onPress={() => remove(at)}>
            Remove
          </Button>
        </span>
      ),
    },
  ];
}

/** The providers that are tried after what a rule chose, and when none fits. */
function Fallback({ draft, setDraft }: DraftProps) {
  const providers = useQuery(providersQuery).data ?? [];
  const missing = providers.map((one) => one.name).filter((name) => !draft.fallback.includes(name));
  const set = (fallback: readonly string[]) => setDraft({ ...draft, fallback });
  const columns: readonly Column<{ name: string; at: number }>[] = [
    { name: 'Without a rule, in this order', render: ({ name }) => sentence(name) },
    {
      name: 'Change',
      render: ({ name, at }) => (
        <span className="button-row">
          <Button
            small
            look="quiet"
            isDisabled={at === 0}
            aria-label={`Earlier: ${name} without a rule`}
            onPress={() => set(raised(draft.fallback, at))}
          >
            Earlier
          </Button>
          <Button
            small
            look="quiet"
            isDisabled={draft.fallback.length === 1}
            aria-label={`Remove ${name} from those without a rule`}
            onPress={() => set(draft.fallback.toSpliced(at, 1))}
          >
            Remove
          </Button>
        </span>
      ),
    },
  ];
  return (
    <>
      <Table
        caption="Providers without a rule"
        columns={columns}
        rows={draft.fallback.map((name, at) => ({ name, at }))}
        rowKey={({ name }) => name}
      />
      {missing.length > 0 && (
        <div className="button-row">
          {missing.map((name) => (
            <Button key={name} small onPress={() => set([...draft.fallback, name])}>
              Fall back to {sentence(name)} too
            </Button>
          ))}
        </div>
      )}
    </>
  );
}

const numberNames = Object.keys(routingNumbers) as RoutingNumber[];
const numberWords: Readonly<Record<RoutingNumber, { readonly label: string; readonly hint: string }>> = {
  triesMax: { label: 'Attempts for one request', hint: '1 to 5, the first included.' },
  explorationPercent: { label: 'Goes on asking all, in percent', hint: '0 to 50: finds out who has recovered.' },
  eliminationBelowPercent: {
    label: 'Leaves out below, in percent',
    hint: '0 to 100 of success, while another is above.',
  },
};

function Numbers({ draft, wrong }: { draft: RoutingDraft; wrong: readonly RoutingNumber[] }) {
  return (
    <div className="field-row">
      {numberNames.map((name) => (
        <TextField
          key={name}
          {...numberWords[name]}
          name={name}
          inputMode="numeric"
          maxLength={3}
          defaultValue={String(draft[name])}
          error={
            wrong.includes(name)
              ? `Give a whole number from ${routingNumbers[name].min} to ${routingNumbers[name].max}.`
              : undefined
          }
        />
      ))}
    </div>
  );
}

interface PutProps {
  inForce: RoutingRules;
  draft: RoutingDraft;
  onClose: () => void;
  onDone: () => void;
}

function PutDialog({ inForce, draft, onClose, onDone }: PutProps) {
  if (!isChanged(draft, inForce)) {
    return (
      <ActDialog
        title="Nothing is changed"
        confirm="Close the draft"
        act={async () => undefined}
        said="The rules are as they were."
        onClose={onDone}
      >
        <p>The draft is the same as the rules in force.</p>
      </ActDialog>
    );
  }
  return (
    <ActDialog
      title="Put these rules in force"
      confirm="Put in force"
      act={() => putRoutingRules({ version: inForce.version, ...draft, rules: draft.rules.map(given) }).then(onDone)}
      said="The rules are in force."
      onClose={onClose}
    >
      <p>
        {draft.rules.length === 0
          ? 'Every payment from now on goes to '
          : `Every payment from now on goes by ${plural(draft.rules.length, 'rule')}, and without one to `}
        {draft.fallback.map(sentence).join(', then ')}. Payments under way stay where they are.
      </p>
      <p>If somebody else has changed the rules meanwhile, this is refused and nothing is overwritten.</p>
    </ActDialog>
  );
}

/** A rule whose strategy the platform did not know cannot have been read from it. */
function given(rule: RouteRule): RouteRuleInput {
  return { ...rule, strategy: rule.strategy ?? 'fixed' };
}
