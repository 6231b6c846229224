import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { QuestionKind, QuizSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { describe, expect, it } from 'vitest';
import { quizMessage, readQuiz, type StoredQuiz } from './quiz.ts';

type QuestionInit = NonNullable<MessageInitShape<typeof QuizSchema>['questions']>[number];

const options = [{ text: 'one' }, { text: 'two' }, { text: 'three' }];
const single: QuestionInit = { kind: QuestionKind.SINGLE, stem: 'Which?', options, key: { optionPositions: [1] } };

function read(...questions: QuestionInit[]) {
  return readQuiz(create(QuizSchema, { questions }), 'content.quiz');
}

function stored(...questions: QuestionInit[]): StoredQuiz {
  const result = read(...questions);
  if (Array.isArray(result)) throw new Error(JSON.stringify(result));
  return result.quiz;
}

function fieldsOf(...questions: QuestionInit[]): string[] {
  const result = read(...questions);
  return Array.isArray(result) ? result.map(({ field }) => field) : [];
}

describe('a quiz that an author sends', () => {
  it('gets ids, positions become ids, points and pass share get their defaults', () => {
    const quiz = stored(single);
    const [question] = quiz.questions;
    expect(question?.id).toMatch(/^q_/);
    expect(question?.key.optionIds).toEqual([question?.options[1]?.id]);
    expect(new Set(question?.options.map(({ id }) => id)).size).toBe(3);
    expect(question?.points).toBe(1);
    expect(quiz.passFraction).toBe(0.7);
  });

  it('is the same quiz when it is sent again, and keeps ids that were given', () => {
    expect(stored(single)).toEqual(stored(single));
    const given = { ...single, id: 'mine', options: options.map((one, at) => ({ ...one, id: `o${at}` })) };
    expect(stored({ ...given, key: { optionIds: ['o2'] } }).questions[0]).toMatchObject({
      id: 'mine',
      key: { optionIds: ['o2'] },
    });
  });

  it('tells two questions with the same words apart', () => {
    const [first, second] = stored(single, single).questions;
    expect(first?.id).not.toBe(second?.id);
  });

  it.each<[string, QuestionInit, string]>([
    ['no key', { kind: QuestionKind.SINGLE, stem: 'Which?', options }, 'content.quiz.questions[1].key'],
    ['two right options', { ...single, key: { optionPositions: [0, 1] } }, 'content.quiz.questions[1].key'],
    ['no right option', { ...single, kind: QuestionKind.MULTIPLE, key: {} }, 'content.quiz.questions[1].key'],
    [
      'a position that is none',
      { ...single, key: { optionPositions: [3] } },
      'content.quiz.questions[1].key.optionPositions[0]',
    ],
    [
      'a negative position',
      { ...single, key: { optionPositions: [-1] } },
      'content.quiz.questions[1].key.optionPositions[0]',
    ],
    ['an id that is none', { ...single, key: { optionIds: ['x'] } }, 'content.quiz.questions[1].key.optionIds[0]'],
    [
      'an option twice',
      { ...single, kind: QuestionKind.MULTIPLE, key: { optionPositions: [1, 1] } },
      'content.quiz.questions[1].key',
    ],
    [
      'an order that leaves one out',
      { ...single, kind: QuestionKind.ORDERING, key: { optionPositions: [1, 0] } },
      'content.quiz.questions[1].key',
    ],
    [
      'a number with options',
      { kind: QuestionKind.NUMERIC, stem: 'n?', options, key: { value: 1 } },
      'content.quiz.questions[1].options',
    ],
    ['a number without a value', { kind: QuestionKind.NUMERIC, stem: 'n?' }, 'content.quiz.questions[1].key'],
    [
      'a number that is none',
      { kind: QuestionKind.NUMERIC, stem: 'n?', key: { value: Number.NaN } },
      'content.quiz.questions[1].key.value',
    ],
    [
      'a negative tolerance',
      { kind: QuestionKind.NUMERIC, stem: 'n?', key: { value: 1, tolerance: -1 } },
      'content.quiz.questions[1].key.tolerance',
    ],
    [
      'one option',
      { ...single, options: [{ text: 'one' }], key: { optionPositions: [0] } },
      'content.quiz.questions[1].options',
    ],
    ['a blank stem', { ...single, stem: ' ' }, 'content.quiz.questions[1].stem'],
    ['no kind', { ...single, kind: QuestionKind.UNSPECIFIED }, 'content.quiz.questions[1].kind'],
    [
      'an option id twice',
      {
        ...single,
        options: [
          { id: 'a', text: '1' },
          { id: 'a', text: '2' },
        ],
        key: { optionPositions: [0] },
      },
      'content.quiz.questions[1].options[1].id',
    ],
  ])('is refused for %s, naming the place', (_why, question, field) => {
    expect(fieldsOf(single, question)).toEqual([field]);
  });

  it('is refused without a question, with a question id twice, with a share above one', () => {
    expect(fieldsOf()).toEqual(['content.quiz.questions']);
    expect(fieldsOf({ ...single, id: 'a' }, { ...single, id: 'a' })).toEqual(['content.quiz.questions[1].id']);
    const share = readQuiz(create(QuizSchema, { questions: [single], passFraction: 1.1 }), 'content.quiz');
    expect(share).toMatchObject([{ field: 'content.quiz.passFraction' }]);
  });

  it('shows a learner no key and no feedback', () => {
    const question = {
      ...single,
      options: options.map((one) => ({ ...one, feedback: 'SECRET' })),
      feedback: { correct: 'SECRET', incorrect: 'SECRET' },
    };
    const shown = JSON.stringify(create(QuizSchema, quizMessage(stored(question), false)));
    expect(shown).not.toMatch(/SECRET|optionIds|"key"/);
    expect(JSON.stringify(quizMessage(stored(question), true))).toContain('SECRET');
  });
});
