/** One attempt at a quiz: the questions as delivered, and which answers fit them. Pure. */
import { createHash } from 'node:crypto';
import type { FieldError } from '@suuupra/contracts/errors';
import { type Question, QuestionKind, type Quiz } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';

export type DeliveredKind = 'single' | 'multiple' | 'numeric' | 'ordering';

/** What a learner gets of a question: never what is right, nor feedback that would tell. */
export interface DeliveredQuestion {
  readonly id: string;
  readonly kind: DeliveredKind;
  readonly stemHtml: string;
  readonly options: readonly { readonly id: string; readonly textHtml: string }[];
  readonly points: number;
  readonly unit: string;
}

/** Numeric questions have a value, the others option ids: the chosen ones, or all in the learner's order. */
export interface GivenAnswer {
  readonly optionIds: readonly string[];
  readonly value?: number;
}

const kinds = new Map<QuestionKind, DeliveredKind>([
  [QuestionKind.SINGLE, 'single'],
  [QuestionKind.MULTIPLE, 'multiple'],
  [QuestionKind.NUMERIC, 'numeric'],
  [QuestionKind.ORDERING, 'ordering'],
]);

/** The quiz as delivered in one attempt. The same attempt always gets the same. */
export function deliver(quiz: Quiz, attemptId: string): DeliveredQuestion[] {
  return quiz.questions.map((question) => ({
    id: question.id,
    kind: kindOf(question),
    stemHtml: question.stemHtml,
    options: optionsFor(question, attemptId).map(({ id, textHtml }) => ({ id, textHtml })),
    points: question.points,
    unit: question.unit,
  }));
}

export function kindOf(question: Question): DeliveredKind {
  const kind = kinds.get(question.kind);
  if (kind === undefined) throw new TypeError(`the question ${question.id} is of a kind that cannot be attempted`);
  return kind;
}

/** What is to be put in order comes shuffled, by the attempt, and never in the right order. */
function optionsFor(question: Question, attemptId: string): Question['options'] {
  if (question.kind !== QuestionKind.ORDERING) return question.options;
  const shuffled = [...question.options].sort((a, b) => (rank(attemptId, a.id) < rank(attemptId, b.id) ? -1 : 1));
  const key = question.key?.optionIds ?? [];
  const isRight = shuffled.every((option, index) => option.id === key[index]);
  return isRight ? [...shuffled.slice(1), ...shuffled.slice(0, 1)] : shuffled;
}

function rank(attemptId: string, optionId: string): string {
  return createHash('sha256').update(`${attemptId}\n${optionId}`).digest('hex');
}

/** What is wrong with an answer to this question; empty when it fits. */
export function answerErrors(question: DeliveredQuestion, answer: GivenAnswer): FieldError[] {
  return question.kind === 'numeric' ? numericErrors(answer) : optionErrors(question, answer);
}

function numericErrors({ optionIds, value }: GivenAnswer): FieldError[] {
  if (optionIds.length > 0)
    return [{ field: 'optionIds', code: 'not_allowed', detail: 'this question takes a value, not options' }];
  if (value === undefined) return [{ field: 'value', code: 'required', detail: 'this question takes a number' }];
  return Number.isFinite(value) ? [] : [{ field: 'value', code: 'out_of_range', detail: 'a finite number' }];
}

function optionErrors(question: DeliveredQuestion, { optionIds, value }: GivenAnswer): FieldError[] {
  if (value !== undefined) return [{ field: 'value', code: 'not_allowed', detail: 'this question takes options' }];
  const known = new Set(question.options.map((option) => option.id));
  const unknown = optionIds.findIndex((id) => !known.has(id));
  if (unknown >= 0)
    return [{ field: `optionIds[${unknown}]`, code: 'not_allowed', detail: 'not an option of this question' }];
  if (new Set(optionIds).size < optionIds.length)
    return [{ field: 'optionIds', code: 'not_allowed', detail: 'each option at most once' }];
  if (question.kind === 'single') return countErrors(optionIds, 1, 'one option');
  return question.kind === 'ordering' ? countErrors(optionIds, known.size, 'all options in your order') : [];
}

function countErrors(optionIds: readonly string[], wanted: number, detail: string): FieldError[] {
  if (optionIds.length === wanted) return [];
  return [{ field: 'optionIds', code: optionIds.length < wanted ? 'too_few' : 'too_many', detail }];
}
