import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { putRiskScoring, riskScoringQuery, tryRiskScoring } from '../api/risk-scoring.ts';
import type { RiskFactor, RiskScoring } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import {
  factorsMax,
  factorWords,
  type OutcomeField,
  outcomeFields,
  pointsField,
  pointsWords,
  readDraft,
  type ScoringDraft,
  type ScoringProblems,
  triedWords,
} from '../lib/risk-scoring.ts';
import { Badge, Notice } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog, Facts, Part } from './finance-desk.tsx';
import { RiskFactorDialog } from './finance-risk-factor-dialog.tsx';

const fields = Object.keys(outcomeFields) as OutcomeField[];

/** What a payment's score is made of, and from where on it has an outcome. */
export function RiskScore() {
  const query = useQuery(riskScoringQuery);
  const [isEditing, setEditing] = useState(false);
  return (
    <Part
      title="Score"
      actions={
        query.data && (
          <>
            <Badge>{query.data.version === 0 ? 'As delivered' : `Version ${query.data.version}`}</Badge>
            {!isEditing && (
              <Button small onPress={() => setEditing(true)}>
                Change the score
              </Button>
            )}
          </>
        )
      }
    >
      <p className="list-note">
        Weak signs add up to a score from 0 to 100. The gravest of blocklist, rules and score decides.
      </p>
      <QueryView query={query}>
        {(scoring) =>
          isEditing ? <ScoreEditor inForce={scoring} onEnd={() => setEditing(false)} /> : <InForce scoring={scoring} />
        }
      </QueryView>
    </Part>
  );
}

function InForce({ scoring }: { scoring: RiskScoring }) {
  return (
    <>
      <Facts
        items={fields.map(
          (name) => [outcomeFields[name], scoring[name] === 0 ? 'No score has this outcome' : scoring[name]] as const,
        )}
      />
      <Table caption="Factors of the score" columns={columns} rows={scoring.factors} rowKey={({ name }) => name} />
    </>
  );
}

const columns: readonly Column<RiskFactor>[] = [
  { name: 'Factor', render: (factor) => <code>{factor.name}</code> },
  { name: 'Looks at', wide: true, render: factorWords },
  { name: 'Adds', render: pointsWords },
];

interface EditorProps {
  /** As it was read: what is put in force replaces this version and no other. */
  inForce: RiskScoring;
  onEnd: () => void;
}

function ScoreEditor({ inForce, onEnd }: EditorProps) {
  const [factors, setFactors] = useState<readonly RiskFactor[]>(inForce.factors);
  const [problems, setProblems] = useState<ScoringProblems>({});
  const [draft, setDraft] = useState<ScoringDraft>();
  const [isAdding, setAdding] = useState(false);
  const keep = (factor: RiskFactor) => {
    setFactors([...factors, factor]);
    setAdding(false);
  };
  const submit = (values: Readonly<Record<string, string>>) => {
    const read = readDraft(factors, values);
    setProblems(read.problems);
    if (Object.keys(read.problems).length === 0) setDraft(read.draft);
  };
  return (
    <>
      <Form label="Score" onSubmit={submit} error={undefined} fields={[]}>
        <Notice title="A draft on this page">
          <p>Payments are judged by the score in force until you put this in its place.</p>
        </Notice>
        <div className="field-row">
          {fields.map((name) => (
            <TextField
              key={name}
              label={outcomeFields[name]}
              name={name}
              inputMode="numeric"
              maxLength={3}
              defaultValue={String(inForce[name])}
              hint="1 to 100; 0: never."
              error={problems[name]}
            />
          ))}
        </div>
        {factors.map((factor) => (
          <div key={factor.name} className="field-row">
            <TextField
              label={`Points of ${factor.name}`}
              name={pointsField(factor)}
              maxLength={4}
              defaultValue={String(factor.points)}
              hint={factorWords(factor)}
              error={problems[pointsField(factor)]}
            />
            <Button
              small
              look="quiet"
              aria-label={`Remove the factor ${factor.name}`}
              onPress={() => setFactors(factors.filter(({ name }) => name !== factor.name))}
            >
              Remove
            </Button>
          </div>
        ))}
        <div className="button-row">
          <Button small isDisabled={factors.length >= factorsMax} onPress={() => setAdding(true)}>
            Add a factor
          </Button>
        </div>
        <div className="button-row">
          <Button type="submit" look="primary">
            Try the draft
          </Button>
          <Button onPress={onEnd}>Leave the score as it is</Button>
        </div>
      </Form>
      {isAdding && <RiskFactorDialog others={factors} onKeep={keep} onClose={() => setAdding(false)} />}
      {draft && <PutDialog inForce={inForce} draft={draft} onClose={() => setDraft(undefined)} onDone={onEnd} />}
    </>
  );
}

interface PutProps {
  inForce: RiskScoring;
  draft: ScoringDraft;
  onClose: () => void;
  onDone: () => void;
}

/** What it would have decided comes first, then it may be put in force. */
function PutDialog({ inForce, draft, onClose, onDone }: PutProps) {
  const tried = useQuery({ queryKey: ['finance', 'risk-tried', draft], queryFn: () => tryRiskScoring(draft) });
  return (
    <ActDialog
      title="Put this score in force"
      confirm="Put in force"
      act={() => putRiskScoring(inForce.version, draft).then(onDone)}
      said="The score is in force."
      onClose={onClose}
    >
      <QueryView query={tried}>
        {(answer) => (
          <>
            {triedWords(answer).map((line) => (
              <p key={line}>{line}</p>
            ))}
          </>
        )}
      </QueryView>
      <p>If somebody else has changed the score meanwhile, this is refused and nothing is overwritten.</p>
    </ActDialog>
  );
}
