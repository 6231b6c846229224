import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  QuestionKind,
  QuestionSchema,
  type Quiz,
  QuizSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GivenAnswer } from './attempt.ts';
import { fractionOf, grade } from './grading.ts';

type Init = MessageInitShape<typeof QuestionSchema>;
const options = ['a', 'b', 'c', 'd'].map((id) => ({ id, textHtml: id, feedbackHtml: `<p>${id}</p>` }));
const question = (init: Init) => create(QuestionSchema, { id: 'q', points: 1, options, ...init });
const single = question({ kind: QuestionKind.SINGLE, key: { optionIds: ['b'] } });
const multiple = question({ kind: QuestionKind.MULTIPLE, key: { optionIds: ['a', 'b', 'c'] } });
const ordering = question({ kind: QuestionKind.ORDERING, key: { optionIds: ['a', 'b', 'c', 'd'] } });
const numeric = (value: number, tolerance: number) =>
  question({ kind: QuestionKind.NUMERIC, options: [], key: { value, tolerance } });
const chosen = (...optionIds: string[]): GivenAnswer => ({ optionIds });

describe('fractionOf', () => {
  it.each([
    ['the right one', chosen('b'), 1],
    ['a wrong one', chosen('a'), 0],
    ['nothing', undefined, 0],
  ])('single: %s', (_what, answer, fraction) => {
    expect(fractionOf(single, answer)).toBe(fraction);
  });

  it.each([
    ['all right', chosen('a', 'b', 'c'), 1],
    ['two of three', chosen('a', 'c'), 2 / 3],
    ['two right and one wrong', chosen('a', 'b', 'd'), 1 / 3],
    ['one right and one wrong', chosen('a', 'd'), 0],
    ['only wrong', chosen('d'), 0],
    ['everything', chosen('a', 'b', 'c', 'd'), 2 / 3],
    ['nothing', chosen(), 0],
  ])('multiple: %s', (_what, answer, fraction) => {
    expect(fractionOf(multiple, answer)).toBeCloseTo(fraction, 12);
  });

  it.each([
    ['all in place', chosen('a', 'b', 'c', 'd'), 1],
    ['two changed over', chosen('b', 'a', 'c', 'd'), 0.5],
    ['one step round', chosen('b', 'c', 'd', 'a'), 0],
    ['nothing', undefined, 0],
  ])('ordering: %s', (_what, answer, fraction) => {
    expect(fractionOf(ordering, answer)).toBe(fraction);
  });

  it.each([
    [10, 0, 10, 1],
    [10, 0, 10.000001, 0],
    [10, 0.5, 10.5, 1],
    [10, 0.5, 9.5, 1],
    [10, 0.5, 10.51, 0],
    [1, 0.1, 1.1, 1],
    [0.3, 0, 0.1 + 0.2, 1],
    [-5, 1, -6, 1],
  ])('numeric: %d within %d takes %d: %d', (value, tolerance, given, fraction) => {
    expect(fractionOf(numeric(value, tolerance), { optionIds: [], value: given })).toBe(fraction);
  });

  it('stays between nothing and all, whatever is chosen', () => {
    const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'));
    fc.assert(
      fc.property(ids, (optionIds) => {
        for (const one of [single, multiple, ordering]) {
          expect(fractionOf(one, { optionIds })).toBeGreaterThanOrEqual(0);
          expect(fractionOf(one, { optionIds })).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe('grade', () => {
  const quizOf = (passFraction: number, ...points: number[]): Quiz =>
    create(QuizSchema, {
      passFraction,
      questions: points.map((one, index) => ({
        id: `q${index}`,
        kind: QuestionKind.SINGLE,
        points: one,
        options,
        key: { optionIds: ['b'] },
        feedback: { correctHtml: '<p>yes</p>', incorrectHtml: '<p>no</p>' },
      })),
    });
  const answers = (...ids: (string | undefined)[]) =>
    new Map(ids.flatMap((id, index) => (id === undefined ? [] : [[`q${index}`, chosen(id)] as const])));

  it('weighs questions by their points', () => {
    expect(grade(quizOf(0.7, 1, 3), answers('a', 'b'))).toMatchObject({ score: 3, maxScore: 4, passed: true });
    expect(grade(quizOf(0.7, 1, 3), answers('b', 'a'))).toMatchObject({ score: 1, maxScore: 4, passed: false });
  });

  it('passes at the threshold, not below it', () => {
    const ten = Array(10).fill(1);
    const right = (count: number) => answers(...ten.map((_, index) => (index < count ? 'b' : 'a')));
    expect(grade(quizOf(0.7, ...ten), right(6)).passed).toBe(false);
    expect(grade(quizOf(0.7, ...ten), right(7)).passed).toBe(true);
    expect(grade(quizOf(2 / 3, 1, 1, 1), answers('b', 'b', 'a')).passed).toBe(true);
  });

  it('never passes an attempt without an answer, nor a quiz without points', () => {
    expect(grade(quizOf(0, 1), answers()).passed).toBe(false);
    expect(grade(quizOf(0, 0), answers('b')).passed).toBe(false);
  });

  it('gives feedback on each question and on the options that were chosen', () => {
    expect(grade(quizOf(0.5, 1, 1), answers('b', 'c')).results).toEqual([
      {
        questionId: 'q0',
        score: 1,
        maxScore: 1,
        feedbackHtml: '<p>yes</p>',
        optionFeedback: [{ optionId: 'b', feedbackHtml: '<p>b</p>' }],
      },
      {
        questionId: 'q1',
        score: 0,
        maxScore: 1,
        feedbackHtml: '<p>no</p>',
        optionFeedback: [{ optionId: 'c', feedbackHtml: '<p>c</p>' }],
      },
    ]);
  });

  it('adds up thirds to a whole', () => {
    const questions = [1, 2, 3].map((n) => ({ ...multiple, id: `q${n}` }));
    const quiz = create(QuizSchema, { passFraction: 1, questions });
    const third = new Map(questions.map((one) => [one.id, chosen('a')]));
    expect(grade(quiz, third).score).toBeCloseTo(1, 5);
  });
});
