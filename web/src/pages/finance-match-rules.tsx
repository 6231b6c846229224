import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { deleteMatchRule, matchRulesQuery, setMatchRule, tryMatchRules } from '../api/settlement.ts';
import type { MatchRule, ProposedMatch, RequestedMatchRule, TryMatchRulesResponse } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { useMe } from '../lib/use-me.ts';
import { plural, sentence } from '../lib/words.ts';
import { Badge, Money, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Checkbox, TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { toastProblem } from '../ui/toast.tsx';
import { ActDialog, FinanceRoom, Part, useAct, Who } from './finance-desk.tsx';

const fresh: MatchRule = {
  id: '',
  priority: 100,
  side: 'provider',
  shape: 'one_to_one',
  reference: 'equals',
  amountToleranceMinor: '0',
  amountToleranceBps: 0,
  daysApartMax: 3,
  groupMax: 0,
  enabled: true,
};

export function FinanceMatchRulesPage() {
  return (
    <FinanceRoom
      title="Matching rules"
      lead="How lines find what was expected. Smaller priorities are tried first; ties fall the same way every time."
    >
      <Asked />
      <Rules />
      <DryRun />
    </FinanceRoom>
  );
}

/** A rule that tolerates a difference writes off by itself: it is in force when a second person sets the same. */
function Asked() {
  const query = useQuery(matchRulesQuery);
  const me = useMe();
  const [deciding, setDeciding] = useState<{ asked: RequestedMatchRule; act: 'approve' | 'reject' }>();
  if (query.data === undefined || query.data.requested.length === 0) return null;
  const { rules, requested } = query.data;
  const inForce = deciding && rules.find(({ id }) => id === deciding.asked.rule?.id);
  return (
    <Part title="Waits for a second person">
      <Table
        caption="Rules that are asked for"
        columns={askedColumns(me.user?.id, (asked, act) => setDeciding({ asked, act }))}
        rows={requested}
        rowKey={({ rule }) => rule?.id ?? ''}
      />
      {deciding?.asked.rule && (
        <DecideDialog
          rule={deciding.asked.rule}
          inForce={inForce}
          act={deciding.act}
          onClose={() => setDeciding(undefined)}
        />
      )}
    </Part>
  );
}

function askedColumns(
  myId: string | undefined,
  decide: (asked: RequestedMatchRule, act: 'approve' | 'reject') => void,
): readonly Column<RequestedMatchRule>[] {
  return [
    { name: 'Rule', render: ({ rule }) => <code>{rule?.id}</code> },
    { name: 'What it does', render: ({ rule }) => rule && wordsOf(rule) },
    { name: 'Amounts apart', render: ({ rule }) => rule && toleranceOf(rule) },
    {
      name: 'Asked for',
      render: ({ requestedBy, requestedAt }) => (
        <>
          <Who id={requestedBy} />, <Time at={requestedAt} />
        </>
      ),
    },
    {
      name: 'Decide',
      render: (asked) => {
        const [id, isOwn] = [asked.rule?.id ?? '', asked.requestedBy === myId];
        return (
          <span className="button-row">
            {!isOwn && (
              <Button small aria-label={`Put the rule ${id} in force`} onPress={() => decide(asked, 'approve')}>
                Put in force
              </Button>
            )}
            <Button
              small
              look="quiet"
              aria-label={`${isOwn ? 'Take back' : 'Turn down'} the rule ${id}`}
              onPress={() => decide(asked, 'reject')}
            >
              {isOwn ? 'Take back' : 'Turn down'}
            </Button>
          </span>
        );
      },
    },
  ];
}

function wordsOf({ side, shape, reference, priority, daysApartMax, groupMax, enabled }: MatchRule): string {
  const joined = groupMax === 0 ? '' : `, ${groupMax} joined at most`;
  return `${sentence(side)}, ${sentence(shape).toLowerCase()}, reference ${reference}, ${plural(daysApartMax, 'day')} apart at most${joined}, priority ${priority}${enabled ? '' : ', off'}`;
}

interface DecideProps {
  rule: MatchRule;
  /** What is in force under this name and stays so when it is turned down. */
  inForce: MatchRule | undefined;
  act: 'approve' | 'reject';
  onClose: () => void;
}

function DecideDialog({ rule, inForce, act, onClose }: DecideProps) {
  const approves = act === 'approve';
  const keep = () => (inForce === undefined ? deleteMatchRule(rule.id) : setMatchRule(inForce));
  return (
    <ActDialog
      title={approves ? `Put the rule ${rule.id} in force` : `Turn the rule ${rule.id} down`}
      confirm={approves ? 'Put it in force' : 'Turn it down'}
      look={approves ? 'danger' : 'primary'}
      act={() => (approves ? setMatchRule(rule) : keep())}
      said={approves ? `The rule ${rule.id} is in force.` : `The rule ${rule.id} is turned down.`}
      onClose={onClose}
    >
      {approves ? (
        <p>
          {wordsOf(rule)}. What is apart by up to {toleranceOf(rule)} is matched by it, and the difference written off,
          without anybody asking.
        </p>
      ) : (
        <p>{inForce === undefined ? 'There is no rule of this name then.' : 'The rule stays as it is in force now.'}</p>
      )}
    </ActDialog>
  );
}

function Rules() {
  const query = useQuery(matchRulesQuery);
  const [editing, setEditing] = useState<MatchRule>();
  const [removing, setRemoving] = useState<MatchRule>();
  return (
    <Part
      title="In force"
      actions={
        <Button small onPress={() => setEditing(fresh)}>
          Add a rule
        </Button>
      }
    >
      <QueryView query={query}>
        {({ rules }) => (
          <Table
            caption="Matching rules"
            columns={ruleColumns(setEditing, setRemoving)}
            rows={rules}
            rowKey={(rule) => rule.id}
          />
        )}
      </QueryView>
      {editing && <RuleDialog rule={editing} onClose={() => setEditing(undefined)} />}
      {removing && (
        <ActDialog
          title={`Remove the rule ${removing.id}`}
          confirm="Remove the rule"
          look="danger"
          act={() => deleteMatchRule(removing.id)}
          said="The rule is removed."
          onClose={() => setRemoving(undefined)}
        >
          <p>What it matched stays matched. From now on nothing is matched by it.</p>
        </ActDialog>
      )}
    </Part>
  );
}

function ruleColumns(edit: (rule: MatchRule) => void, remove: (rule: MatchRule) => void): readonly Column<MatchRule>[] {
  return [
    { name: 'Priority', render: (rule) => rule.priority },
    { name: 'Rule', render: (rule) => <code>{rule.id}</code> },
    { name: 'Side', render: (rule) => sentence(rule.side) },
    { name: 'Shape', render: (rule) => sentence(rule.shape) },
    { name: 'Reference', render: (rule) => sentence(rule.reference) },
    { name: 'Amounts apart', render: toleranceOf },
    { name: 'Days apart', numeric: true, render: (rule) => rule.daysApartMax },
    {
      name: 'State',
      render: (rule) => <Badge tone={rule.enabled ? 'good' : 'neutral'}>{rule.enabled ? 'On' : 'Off'}</Badge>,
    },
    {
      name: 'Change',
      render: (rule) => (
        <span className="button-row">
          <Button small aria-label={`Change the rule ${rule.id}`} onPress={() => edit(rule)}>
            Change
          </Button>
          <Button small look="quiet" aria-label={`Remove the rule ${rule.id}`} onPress={() => remove(rule)}>
            Remove
          </Button>
        </span>
      ),
    },
  ];
}

function toleranceOf(rule: MatchRule): string {
  const parts = [
    ...(rule.amountToleranceMinor === '0' ? [] : [`${rule.amountToleranceMinor} minor units`]),
    ...(rule.amountToleranceBps === 0 ? [] : [`${rule.amountToleranceBps / 100} %`]),
  ];
  return parts.length === 0 ? 'Never' : parts.join(' or ');
}

const options = (values: readonly string[]) => values.map((value) => ({ value, label: sentence(value) }));
const numberFields = ['priority', 'amountToleranceMinor', 'amountToleranceBps', 'daysApartMax', 'groupMax'] as const;
const numberWords: Readonly<Record<(typeof numberFields)[number], string>> = {
  priority: 'Priority',
  amountToleranceMinor: 'Amounts apart, in minor units',
  amountToleranceBps: 'Amounts apart, in hundredths of a percent',
  daysApartMax: 'Days apart at most',
  groupMax: 'Joined at most (0: the platform’s own limit)',
};

function RuleDialog({ rule, onClose }: { rule: MatchRule; onClose: () => void }) {
  const [draft, setDraft] = useState(rule);
  const save = useAct(
    setMatchRule,
    ({ requestedBy }) =>
      requestedBy === ''
        ? 'The rule is in force.'
        : 'The rule is asked for. It tolerates a difference, so another person puts it in force.',
    onClose,
  );
  const isNew = rule.id === '';
  const errorOf = (field: string) => fieldError(save.error, `rule.${field}`) ?? fieldError(save.error, field);
  const submit = (values: Readonly<Record<string, string>>) => {
    const whole = (name: string) => Number.parseInt(values[name] ?? '', 10) || 0;
    save.mutate({
      ...draft,
      id: isNew ? (values.id?.trim() ?? '') : rule.id,
      priority: whole('priority'),
      amountToleranceMinor: String(whole('amountToleranceMinor')),
      amountToleranceBps: whole('amountToleranceBps'),
      daysApartMax: whole('daysApartMax'),
      groupMax: whole('groupMax'),
    });
  };
  const fields = ['id', ...numberFields].flatMap((field) => [field, `rule.${field}`]);
  return (
    <Dialog title={isNew ? 'Add a rule' : `Change the rule ${rule.id}`} isOpen onClose={onClose} busy={save.isPending}>
      <Form label="Matching rule" onSubmit={submit} error={save.error} fields={fields}>
        {isNew && <TextField label="Name" name="id" maxLength={40} error={errorOf('id')} />}
        <Select
          label="Side"
          value={draft.side}
          options={options(['provider', 'bank'])}
          onChange={(side) => setDraft({ ...draft, side })}
        />
        <Select
          label="Shape: lines to expectations"
          value={draft.shape}
          options={options(['one_to_one', 'one_to_many', 'many_to_one', 'many_to_many'])}
          onChange={(shape) => setDraft({ ...draft, shape })}
        />
        <Select
          label="Reference"
          value={draft.reference}
          options={options(['equals', 'contains', 'any'])}
          onChange={(reference) => setDraft({ ...draft, reference })}
        />
        {numberFields.map((field) => (
          <TextField
            key={field}
            label={numberWords[field]}
            name={field}
            inputMode="numeric"
            defaultValue={String(rule[field])}
            error={errorOf(field)}
          />
        ))}
        <Checkbox isSelected={draft.enabled} onChange={(enabled) => setDraft({ ...draft, enabled })}>
          In force
        </Checkbox>
        <div className="button-row button-row-end">
          <Button onPress={onClose}>Leave as it is</Button>
          <Button type="submit" look="primary" isPending={save.isPending}>
            Save the rule
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function DryRun() {
  const attempt = useMutation({ mutationFn: tryMatchRules, onError: toastProblem });
  return (
    <Part title="Dry run">
      <p>What the rules in force would match among what is open now. Nothing is changed.</p>
      <div className="button-row">
        {['provider', 'bank'].map((side) => (
          <Button
            key={side}
            isPending={attempt.isPending && attempt.variables === side}
            onPress={() => attempt.mutate(side)}
          >
            Try the {side}’s side
          </Button>
        ))}
      </div>
      {attempt.data && <Outcome outcome={attempt.data} />}
    </Part>
  );
}

function Outcome({ outcome }: { outcome: TryMatchRulesResponse }) {
  return (
    <>
      <Notice title={`${plural(outcome.matches.length, 'match', 'matches')} would be made`} live>
        <p>
          {plural(Number(outcome.linesLeft), 'line')} and {plural(Number(outcome.expectationsLeft), 'expectation')}{' '}
          would stay open.
        </p>
      </Notice>
      {outcome.matches.length > 0 && (
        <Table caption="Matches" columns={matchColumns} rows={outcome.matches} rowKey={matchKey} />
      )}
    </>
  );
}

const matchKey = (match: ProposedMatch) => [...match.lines, ...match.expectations].map((item) => item.id).join('.');
const matchColumns: readonly Column<ProposedMatch>[] = [
  { name: 'Rule', render: (match) => <code>{match.ruleId}</code> },
  { name: 'Lines', render: (match) => match.lines.map((line) => line.references[0] ?? line.id).join(', ') },
  {
    name: 'Expectations',
    render: (match) => match.expectations.map((one) => `${sentence(one.kind)} ${one.references[0] ?? ''}`).join(', '),
  },
  { name: 'Difference', numeric: true, render: (match) => <Money value={match.difference} /> },
];
