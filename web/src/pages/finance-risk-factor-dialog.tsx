import { useState } from 'react';
import type { RiskDimension, RiskFactor, RiskMeasure } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import {
  dimensionWords,
  type FactorChoice,
  type FactorField,
  measureWords,
  needsOf,
  readFactor,
  type WindowUnit,
  windowUnits,
} from '../lib/risk-scoring.ts';
import { sentence } from '../lib/words.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { oneOf } from './finance-desk.tsx';

const measures = Object.keys(measureWords) as RiskMeasure[];
const dimensions = Object.keys(dimensionWords) as RiskDimension[];
const units = Object.keys(windowUnits) as WindowUnit[];
const counts = ['attempts', 'failures'] as const;

const fresh: FactorChoice = {
  measure: 'count',
  dimension: 'customer',
  distinct: 'fingerprint',
  counted: 'attempts',
  unit: 'hours',
};

interface FactorProps {
  others: readonly RiskFactor[];
  /** It goes into the draft; nothing is sent. */
  onKeep: (factor: RiskFactor) => void;
  onClose: () => void;
}

type Problems = Partial<Record<FactorField, string>>;

/** A factor that measures something new. */
export function RiskFactorDialog({ others, onKeep, onClose }: FactorProps) {
  const [choice, setChoice] = useState(fresh);
  const [problems, setProblems] = useState<Problems>({});
  const submit = (values: Readonly<Record<string, string>>) => {
    const read = readFactor(choice, values, others);
    setProblems(read.problems);
    if (Object.keys(read.problems).length === 0) onKeep(read.factor);
  };
  return (
    <Dialog title="Add a factor" isOpen onClose={onClose}>
      <Form label="Factor" onSubmit={submit} error={undefined} fields={[]}>
        <TextField
          label="Name"
          name="name"
          maxLength={40}
          hint="It stands in every decision that it has a part in, e.g. cards-of-the-device."
          error={problems.name}
        />
        <Choice
          label="Measures"
          value={choice.measure}
          values={measures}
          words={(value) => measureWords[value]}
          onChange={(measure) => setChoice({ ...choice, measure })}
          error={problems.measure}
        />
        <Measured choice={choice} setChoice={setChoice} problems={problems} />
        <Points measure={choice.measure} problems={problems} />
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

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  values: readonly T[];
  words: (value: T) => string;
  onChange: (value: T) => void;
  error?: string | undefined;
}

function Choice<T extends string>({ label, value, values, words, onChange, error }: ChoiceProps<T>) {
  return (
    <div className="field">
      <Select
        label={label}
        value={value}
        options={values.map((one) => ({ value: one, label: words(one) }))}
        onChange={(text) => onChange(oneOf(values, text) ?? value)}
      />
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

interface PartProps {
  choice: FactorChoice;
  setChoice: (choice: FactorChoice) => void;
  problems: Problems;
}

/** Of whom, of what, and within which time: only what the measure needs. */
function Measured({ choice, setChoice, problems }: PartProps) {
  const needs = needsOf(choice.measure);
  return (
    <>
      {needs.has('counted') && (
        <Choice
          label="Counts"
          value={choice.counted}
          values={counts}
          words={sentence}
          onChange={(counted) => setChoice({ ...choice, counted })}
        />
      )}
      {needs.has('distinct') && (
        <Choice
          label="Counts different values of"
          value={choice.distinct}
          values={dimensions}
          words={(value) => dimensionWords[value]}
          onChange={(distinct) => setChoice({ ...choice, distinct })}
          error={problems.distinct}
        />
      )}
      {needs.has('dimension') && (
        <Choice
          label="Of the same"
          value={choice.dimension}
          values={dimensions}
          words={(value) => dimensionWords[value]}
          onChange={(dimension) => setChoice({ ...choice, dimension })}
        />
      )}
      {needs.has('window') && (
        <div className="field-row">
          <TextField
            label="Within"
            name="window"
            inputMode="numeric"
            maxLength={5}
            defaultValue="24"
            hint="30 days at most."
            error={problems.window}
          />
          <Choice
            label="Unit"
            value={choice.unit}
            values={units}
            words={sentence}
            onChange={(unit) => setChoice({ ...choice, unit })}
          />
        </div>
      )}
    </>
  );
}

const aboveLabels: Readonly<Record<RiskMeasure, string>> = {
  count: 'Adds from more than',
  distinct: 'Adds from more than',
  unseen: '',
  amount: 'Adds above the amount',
  above_usual: 'Adds above this percent of it',
};

function Points({ measure, problems }: { measure: RiskMeasure; problems: Problems }) {
  const needs = needsOf(measure);
  return (
    <>
      {(needs.has('above') || needs.has('currency')) && (
        <div className="field-row">
          {needs.has('currency') && (
            <TextField label="Currency" name="currency" maxLength={3} hint="E.g. INR." error={problems.currency} />
          )}
          <TextField
            label={aboveLabels[measure]}
            name="above"
            inputMode="decimal"
            maxLength={15}
            error={problems.above}
          />
        </div>
      )}
      <div className="field-row">
        <TextField
          label={needs.has('pointsMax') ? 'Points for each more' : 'Points'}
          name="points"
          maxLength={4}
          hint="Below 0 for what speaks for the payer."
          error={problems.points}
        />
        {needs.has('pointsMax') && (
          <TextField
            label="Points at most"
            name="pointsMax"
            inputMode="numeric"
            maxLength={3}
            defaultValue="0"
            hint="0: no limit but the score’s."
            error={problems.pointsMax}
          />
        )}
      </div>
    </>
  );
}
