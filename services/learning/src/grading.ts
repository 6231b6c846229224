/**
 * Grading. Pure: the same answers and the same release of the quiz always give the same score.
 *
 * Single choice is all or nothing. Multiple choice gives a part for each right option and takes one away for each wrong
 * one, never below zero. Numeric answers count within the tolerance, its ends included. Ordering gives a part for each
 * item in its right place.
 */
import type { Question, Quiz } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type GivenAnswer, kindOf } from './attempt.ts';

export interface QuestionResult {
  readonly questionId: string;
  readonly score: number;
  readonly maxScore: number;
  /** Sanitised by content, as all its HTML. */
  readonly feedbackHtml: string;
  /** Of the options that were chosen. */
  readonly optionFeedback: readonly { readonly optionId: string; readonly feedbackHtml: string }[];
}

export interface Grade {
  readonly score: number;
  readonly maxScore: number;
  readonly passed: boolean;
  readonly results: readonly QuestionResult[];
}

/** An attempt without a single answer never passes, whatever the threshold. */
export function grade(quiz: Quiz, answers: ReadonlyMap<string, GivenAnswer>): Grade {
  const results = quiz.questions.map((question) => resultOf(question, answers.get(question.id)));
  const score = tidy(results.reduce((sum, result) => sum + result.score, 0));
  const maxScore = maxScoreOf(quiz);
  const isAnswered = quiz.questions.some((question) => answers.has(question.id));
  const passed = isAnswered && maxScore > 0 && score / maxScore >= quiz.passFraction - rounding;
  return { score, maxScore, passed, results };
}

export function maxScoreOf(quiz: Quiz): number {
  return quiz.questions.reduce((sum, question) => sum + question.points, 0);
}

/** The share of the question's points that the answer earns, 0 to 1. */
export function fractionOf(question: Question, answer: GivenAnswer | undefined): number {
  if (answer === undefined) return 0;
  const key = question.key?.optionIds ?? [];
  switch (kindOf(question)) {
    case 'single':
      return answer.optionIds.length === 1 && answer.optionIds[0] === key[0] ? 1 : 0;
    case 'multiple':
      return multipleFraction(new Set(key), answer.optionIds);
    case 'ordering':
      return key.length === 0 ? 0 : key.filter((id, index) => answer.optionIds[index] === id).length / key.length;
    case 'numeric':
      return isWithin(answer.value, question.key?.value ?? 0, question.key?.tolerance ?? 0) ? 1 : 0;
  }
}

/** Where nothing is right, the empty choice is. */
function multipleFraction(right: ReadonlySet<string>, chosen: readonly string[]): number {
  if (right.size === 0) return chosen.length === 0 ? 1 : 0;
  const hits = chosen.filter((id) => right.has(id)).length;
  return Math.max(0, (hits - (chosen.length - hits)) / right.size);
}

/** Decimal numbers are not exact in binary (1.1 - 1 > 0.1): a few units in the last place are forgiven. */
function isWithin(value: number | undefined, wanted: number, tolerance: number): boolean {
  if (value === undefined) return false;
  const slack = 4 * Number.EPSILON * Math.max(Math.abs(value), Math.abs(wanted), tolerance);
  return Math.abs(value - wanted) <= tolerance + slack;
}

function resultOf(question: Question, answer: GivenAnswer | undefined): QuestionResult {
  const fraction = fractionOf(question, answer);
  const chosen = new Set(answer?.optionIds);
  const feedback = fraction === 1 ? question.feedback?.correctHtml : question.feedback?.incorrectHtml;
  return {
    questionId: question.id,
    score: tidy(fraction * question.points),
    maxScore: question.points,
    feedbackHtml: feedback ?? '',
    optionFeedback: question.options
      .filter((option) => chosen.has(option.id) && option.feedbackHtml !== '')
      .map((option) => ({ optionId: option.id, feedbackHtml: option.feedbackHtml })),
  };
}

/** Thirds and the like: six decimals are kept, and a threshold is met within them. */
const rounding = 1e-6;

function tidy(score: number): number {
  return Number(score.toFixed(6));
}
