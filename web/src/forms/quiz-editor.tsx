/** Writes a quiz: questions, their options, what is right, and what to say afterwards. */
import type { AnswerKeyInput, OptionInput, Question, QuestionInput, QuestionKind } from '../api/types.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, TextField } from '../ui/fields.tsx';
import { Icon } from '../ui/icons.tsx';
import { Select } from '../ui/select.tsx';

const kinds: readonly { value: QuestionKind; label: string }[] = [
  { value: 'single', label: 'One is right' },
  { value: 'multiple', label: 'Several are right' },
  { value: 'numeric', label: 'A number' },
  { value: 'ordering', label: 'Put in order' },
];

/** What of a stored question may be sent again: all but what the platform adds itself. */
export function sendable(question: Question): QuestionInput {
  const { id, stem, points, unit, key, feedback } = question;
  return {
    id,
    kind: question.kind ?? 'single',
    stem,
    points,
    unit,
    options: question.options.map((option) => ({ id: option.id, text: option.text, feedback: option.feedback })),
    ...(key && { key: keySent(key) }),
    ...(feedback && { feedback: { correct: feedback.correct, incorrect: feedback.incorrect } }),
  };
}

/** By ids or by positions, never both. */
function keySent(key: NonNullable<Question['key']>): AnswerKeyInput {
  if (key.optionIds.length > 0) return { optionIds: key.optionIds };
  if (key.optionPositions.length > 0) return { optionPositions: key.optionPositions };
  return { value: key.value, tolerance: key.tolerance };
}

export function newQuestion(kind: QuestionKind): QuestionInput {
  const options: OptionInput[] = kind === 'numeric' ? [] : [{ text: '' }, { text: '' }];
  return { kind, stem: '', options, points: 1, key: keyFor(kind, options) };
}

function keyFor(kind: QuestionKind, options: readonly OptionInput[]): AnswerKeyInput {
  if (kind === 'numeric') return { value: 0, tolerance: 0 };
  return { optionPositions: kind === 'ordering' ? options.map((_, index) => index) : [0] };
}

/** The right options by position, whatever form the key came in. */
function rightPositions(question: QuestionInput): number[] {
  const options = question.options ?? [];
  const ids = question.key?.optionIds ?? [];
  if (ids.length > 0)
    return ids.map((id) => options.findIndex((option) => option.id === id)).filter((index) => index >= 0);
  return question.key?.optionPositions ?? [];
}

interface QuizEditorProps {
  questions: QuestionInput[];
  onChange: (questions: QuestionInput[]) => void;
  passPercent: number;
}

export function QuizEditor({ questions, onChange, passPercent }: QuizEditorProps) {
  const replace = (index: number, question: QuestionInput) =>
    onChange(questions.map((old, at) => (at === index ? question : old)));
  return (
    <div className="quiz-editor">
      <TextField
        label="Passes with, in percent"
        name="passPercent"
        defaultValue={String(passPercent)}
        inputMode="numeric"
      />
      {questions.map((question, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a new question has no id yet, and questions are not moved.
        <fieldset key={index} className="question-editor">
          <legend className="field-label">Question {index + 1}</legend>
          <QuestionFields question={question} onChange={(changed) => replace(index, changed)} />
          <Button
            small
            look="quiet"
            isDisabled={questions.length === 1}
            onPress={() => onChange(questions.filter((_, at) => at !== index))}
          >
            Remove this question
          </Button>
        </fieldset>
      ))}
      <div>
        <Button onPress={() => onChange([...questions, newQuestion('single')])}>
          <Icon name="plus" /> Add a question
        </Button>
      </div>
    </div>
  );
}

interface FieldsProps {
  question: QuestionInput;
  onChange: (question: QuestionInput) => void;
}

function QuestionFields({ question, onChange }: FieldsProps) {
  const changeKind = (kind: QuestionKind) => {
    const options =
      kind === 'numeric' ? [] : question.options?.length ? question.options : [{ text: '' }, { text: '' }];
    onChange({ ...question, kind, options, key: keyFor(kind, options) });
  };
  return (
    <>
      <Select
        label="Kind"
        value={question.kind ?? 'single'}
        options={kinds}
        onChange={(kind) => changeKind(kind as QuestionKind)}
      />
      <TextField
        label="Question"
        value={question.stem}
        rows={2}
        onChange={(stem) => onChange({ ...question, stem })}
        isRequired
      />
      {question.kind === 'numeric' ? (
        <NumericKey question={question} onChange={onChange} />
      ) : (
        <Options question={question} onChange={onChange} />
      )}
      <TextField
        label="Said when right"
        value={question.feedback?.correct ?? ''}
        onChange={(correct) => onChange({ ...question, feedback: { ...question.feedback, correct } })}
      />
      <TextField
        label="Said when wrong"
        value={question.feedback?.incorrect ?? ''}
        onChange={(incorrect) => onChange({ ...question, feedback: { ...question.feedback, incorrect } })}
      />
    </>
  );
}

function NumericKey({ question, onChange }: FieldsProps) {
  const set = (part: AnswerKeyInput) => onChange({ ...question, key: { ...question.key, ...part } });
  return (
    <div className="field-row">
      <TextField
        label="Right number"
        defaultValue={String(question.key?.value ?? 0)}
        inputMode="decimal"
        onChange={(text) => set({ value: Number(text) || 0 })}
      />
      <TextField
        label="May be off by"
        defaultValue={String(question.key?.tolerance ?? 0)}
        inputMode="decimal"
        onChange={(text) => set({ tolerance: Math.abs(Number(text)) || 0 })}
      />
      <TextField label="Unit" value={question.unit ?? ''} onChange={(unit) => onChange({ ...question, unit })} />
    </div>
  );
}

function Options({ question, onChange }: FieldsProps) {
  const options = question.options ?? [];
  const right = rightPositions(question);
  const isOrdering = question.kind === 'ordering';
  const withOptions = (next: OptionInput[], positions: number[]) =>
    onChange({
      ...question,
      options: next,
      key: { optionPositions: isOrdering ? next.map((_, index) => index) : positions },
    });
  const setRight = (index: number, on: boolean) => {
    const others = question.kind === 'single' ? [] : right.filter((position) => position !== index);
    withOptions(options, on ? [...others, index].sort((a, b) => a - b) : others);
  };
  return (
    <div className="options-editor">
      {isOrdering && <p className="field-hint">Write them in the right order; learners see them shuffled.</p>}
      {options.map((option, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a new option has no id yet.
        <div key={index} className="option-editor">
          <TextField
            label={`Option ${index + 1}`}
            value={option.text}
            onChange={(text) =>
              withOptions(
                options.map((old, at) => (at === index ? { ...old, text } : old)),
                right,
              )
            }
          />
          {!isOrdering && (
            <Checkbox isSelected={right.includes(index)} onChange={(on) => setRight(index, on)}>
              Right
            </Checkbox>
          )}
          <Button
            small
            look="quiet"
            iconOnly
            aria-label={`Remove option ${index + 1}`}
            isDisabled={options.length <= 2}
            onPress={() =>
              withOptions(
                options.filter((_, at) => at !== index),
                right.filter((at) => at !== index).map((at) => (at > index ? at - 1 : at)),
              )
            }
          >
            <Icon name="close" size={16} />
          </Button>
        </div>
      ))}
      <div>
        <Button small isDisabled={options.length >= 20} onPress={() => withOptions([...options, { text: '' }], right)}>
          Add an option
        </Button>
      </div>
    </div>
  );
}
