import { create } from '@bufbuild/protobuf';
import { QuestionKind, QuizSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { describe, expect, it } from 'vitest';
import { answerErrors, type DeliveredQuestion, deliver } from './attempt.ts';

const options = ['a', 'b', 'c'].map((id) => ({ id, text: id, textHtml: `<b>${id}</b>`, feedback: 'secret' }));
const quiz = create(QuizSchema, {
  questions: [
    { id: 'q1', kind: QuestionKind.SINGLE, stemHtml: '<p>?</p>', options, key: { optionIds: ['b'] }, points: 2 },
    { id: 'q2', kind: QuestionKind.MULTIPLE, options, key: { optionIds: ['b', 'c'] } },
    { id: 'q3', kind: QuestionKind.NUMERIC, unit: 'ms', key: { value: 42.5, tolerance: 1 } },
    { id: 'q4', kind: QuestionKind.ORDERING, options, key: { optionIds: ['a', 'b', 'c'] } },
  ],
});

describe('deliver', () => {
  it('gives what a learner needs and nothing of what is right', () => {
    const delivered = deliver(quiz, 'att_1');
    expect(delivered[0]).toEqual({
      id: 'q1',
      kind: 'single',
      stemHtml: '<p>?</p>',
      options: ['a', 'b', 'c'].map((id) => ({ id, textHtml: `<b>${id}</b>` })),
      points: 2,
      unit: '',
    });
    expect(JSON.stringify(delivered)).not.toMatch(/key|correct|answer|secret|42\.5|feedback/i);
  });

  it('shuffles what is to be ordered: the same for one attempt, never in the right order', () => {
    const orders = [...Array(40).keys()].map((number) => {
      const ids = (attemptId: string) =>
        deliver(quiz, attemptId)[3]
          ?.options.map((option) => option.id)
          .join('');
      expect(ids(`att_${number}`)).toBe(ids(`att_${number}`));
      return ids(`att_${number}`);
    });
    expect(new Set(orders)).toEqual(new Set(['acb', 'bac', 'bca', 'cab', 'cba']));
  });
});

describe('answerErrors', () => {
  const [single, multiple, numeric, ordering] = deliver(quiz, 'att_1') as [
    DeliveredQuestion,
    DeliveredQuestion,
    DeliveredQuestion,
    DeliveredQuestion,
  ];

  it.each([
    ['one option of a single choice', single, { optionIds: ['a'] }],
    ['several of a multiple choice', multiple, { optionIds: ['a', 'b', 'c'] }],
    ['none of a multiple choice', multiple, { optionIds: [] }],
    ['a number', numeric, { optionIds: [], value: -0.5 }],
    ['all options in some order', ordering, { optionIds: ['c', 'a', 'b'] }],
  ])('accepts %s', (_what, question, answer) => {
    expect(answerErrors(question, answer)).toEqual([]);
  });

  it.each([
    ['no option of a single choice', single, { optionIds: [] }, 'optionIds', 'too_few'],
    ['two of a single choice', single, { optionIds: ['a', 'b'] }, 'optionIds', 'too_many'],
    ['an option of another question', multiple, { optionIds: ['a', 'x'] }, 'optionIds[1]', 'not_allowed'],
    ['an option twice', multiple, { optionIds: ['a', 'a'] }, 'optionIds', 'not_allowed'],
    ['a value for options', single, { optionIds: ['a'], value: 1 }, 'value', 'not_allowed'],
    ['options for a value', numeric, { optionIds: ['a'], value: 1 }, 'optionIds', 'not_allowed'],
    ['no value', numeric, { optionIds: [] }, 'value', 'required'],
    ['no number', numeric, { optionIds: [], value: Number.NaN }, 'value', 'out_of_range'],
    ['no end', numeric, { optionIds: [], value: Number.POSITIVE_INFINITY }, 'value', 'out_of_range'],
    ['part of an order', ordering, { optionIds: ['a', 'b'] }, 'optionIds', 'too_few'],
  ])('names the field of %s', (_what, question, answer, field, code) => {
    expect(answerErrors(question, answer)).toMatchObject([{ field, code }]);
  });
});
