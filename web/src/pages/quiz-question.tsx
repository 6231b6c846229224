import { useId, useState } from 'react';
import { CheckboxGroup } from 'react-aria-components/CheckboxGroup';
import { GridList, GridListItem } from 'react-aria-components/GridList';
import { useDragAndDrop } from 'react-aria-components/useDragAndDrop';
import type { AttemptOption, AttemptQuestion } from '../api/types.ts';
import { moved } from '../lib/reorder.ts';
import { plural } from '../lib/words.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, Radio, RadioGroup, TextField } from '../ui/fields.tsx';
import { Icon } from '../ui/icons.tsx';
import { InlineHtml } from '../ui/prose.tsx';
import type { GivenAnswer } from './use-answers.ts';

interface QuestionProps {
  question: AttemptQuestion;
  number: number;
  answer: GivenAnswer | undefined;
  onAnswer: (answer: GivenAnswer) => void;
}

export function QuestionView({ question, number, answer, onAnswer }: QuestionProps) {
  const id = useId();
  return (
    <fieldset className="question-box" aria-labelledby={id}>
      <div className="question-head" id={id}>
        <span className="question-number">Question {number}</span>
        <InlineHtml html={question.stemHtml} />
        <span className="question-points">{plural(question.points, 'point')}</span>
      </div>
      <AnswerControl question={question} number={number} answer={answer} onAnswer={onAnswer} />
    </fieldset>
  );
}

function AnswerControl({ question, number, answer, onAnswer }: QuestionProps) {
  const name = `Answer to question ${number}`;
  const chosen = answer?.optionIds ?? [];
  switch (question.kind) {
    case 'single':
      return (
        <RadioGroup
          label={name}
          hideLabel
          value={chosen[0] ?? null}
          onChange={(optionId) => onAnswer({ optionIds: [optionId] })}
        >
          {question.options.map((option) => (
            <Radio key={option.id} value={option.id}>
              <InlineHtml html={option.textHtml} />
            </Radio>
          ))}
        </RadioGroup>
      );
    case 'multiple':
      return (
        <CheckboxGroup
          aria-label={name}
          className="choices"
          value={chosen}
          onChange={(optionIds) => onAnswer({ optionIds })}
        >
          <span className="field-hint">Choose every one that is right.</span>
          {question.options.map((option) => (
            <Checkbox key={option.id} value={option.id}>
              <InlineHtml html={option.textHtml} />
            </Checkbox>
          ))}
        </CheckboxGroup>
      );
    case 'numeric':
      return (
        <NumericAnswer
          question={question}
          label={name}
          value={answer?.value}
          onValue={(value) => onAnswer({ value })}
        />
      );
    case 'ordering':
      return (
        <OrderingAnswer
          question={question}
          label={name}
          order={chosen}
          onOrder={(optionIds) => onAnswer({ optionIds })}
        />
      );
    default:
      return <p className="field-hint">This kind of question cannot be answered here yet.</p>;
  }
}

interface NumericProps {
  question: AttemptQuestion;
  label: string;
  value: number | undefined;
  onValue: (value: number) => void;
}

function NumericAnswer({ question, label, value, onValue }: NumericProps) {
  const [text, setText] = useState(value === undefined ? '' : String(value));
  const number = Number(text.replace(',', '.'));
  const isNumber = text.trim() !== '' && Number.isFinite(number);
  const change = (next: string) => {
    setText(next);
    const parsed = Number(next.replace(',', '.'));
    if (next.trim() !== '' && Number.isFinite(parsed)) onValue(parsed);
  };
  return (
    <div className="numeric-answer">
      <TextField
        label={question.unit ? `${label}, in ${question.unit}` : label}
        value={text}
        onChange={change}
        inputMode="decimal"
        error={text.trim() !== '' && !isNumber ? 'Write a number.' : undefined}
      />
    </div>
  );
}

interface OrderingProps {
  question: AttemptQuestion;
  label: string;
  order: readonly string[];
  onOrder: (optionIds: string[]) => void;
}

function OrderingAnswer({ question, label, order, onOrder }: OrderingProps) {
  const ids = order.length === question.options.length ? [...order] : question.options.map((option) => option.id);
  const byId = new Map(question.options.map((option) => [option.id, option]));
  const options = ids.map((id) => byId.get(id)).filter((option): option is AttemptOption => option !== undefined);
  const { dragAndDropHooks } = useDragAndDrop({
    getItems: (keys) => [...keys].map((key) => ({ 'text/plain': String(key) })),
    onReorder: ({ keys, target }) =>
      onOrder(moved(ids, [...keys].map(String), String(target.key), target.dropPosition === 'after')),
  });
  const step = (index: number, by: number) => {
    const next = [...ids];
    const [taken] = next.splice(index, 1);
    if (taken !== undefined) next.splice(index + by, 0, taken);
    onOrder(next);
  };
  return (
    <>
      <p className="field-hint">Put them in order: drag, or use the arrows.</p>
      <GridList
        className="ordering"
        aria-label={label}
        items={options.map((option, index) => ({ ...option, index }))}
        dragAndDropHooks={dragAndDropHooks}
      >
        {(option) => (
          <GridListItem id={option.id} textValue={plainText(option.textHtml)} className="ordering-item">
            <Button slot="drag" look="quiet" small iconOnly aria-label={`Drag ${plainText(option.textHtml)}`}>
              <Icon name="grip" />
            </Button>
            <span className="ordering-number tabular">{option.index + 1}</span>
            <span className="ordering-text">
              <InlineHtml html={option.textHtml} />
            </span>
            <Button
              look="quiet"
              small
              iconOnly
              aria-label={`Move ${plainText(option.textHtml)} up`}
              isDisabled={option.index === 0}
              onPress={() => step(option.index, -1)}
            >
              <Icon name="arrowUp" size={18} />
            </Button>
            <Button
              look="quiet"
              small
              iconOnly
              aria-label={`Move ${plainText(option.textHtml)} down`}
              isDisabled={option.index === options.length - 1}
              onPress={() => step(option.index, 1)}
            >
              <Icon name="arrowDown" size={18} />
            </Button>
          </GridListItem>
        )}
      </GridList>
    </>
  );
}

function plainText(html: string): string {
  return html
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .trim();
}
