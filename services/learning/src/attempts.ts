/**
 * Attempts at quizzes: started on the learner's release, answered, submitted, graded on the server.
 *
 * What a learner gets of a question is kept with the attempt, so an attempt can be read and answered while content is
 * away; the key is asked of content only for grading.
 */

import type { Quiz } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { AttemptGradedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import { answerErrors, type DeliveredQuestion, deliver, type GivenAnswer } from './attempt.ts';
import { notEnrolled, type OpenLesson, openLesson, readAccess } from './enrolments.ts';
import { type Grade, grade, maxScoreOf, type QuestionResult } from './grading.ts';
import { accessNow, recordAttempt } from './lessons.ts';
import type { LearningParts } from './parts.ts';
import { underLock } from './store.ts';

export interface Attempt {
  readonly id: string;
  readonly userId: string;
  readonly lessonId: string;
  readonly courseId: string;
  readonly release: number;
  readonly number: number;
  readonly questions: readonly DeliveredQuestion[];
  readonly maxScore: number;
  readonly passFraction: number;
  readonly startedAt: Date;
  /** Absent while it is open. */
  readonly submission?: {
    readonly at: Date;
    readonly score: number;
    readonly passed: boolean;
    readonly results: readonly QuestionResult[];
  };
}

export interface SavedAnswer extends GivenAnswer {
  readonly questionId: string;
  readonly savedAt: Date;
}

/** An attempt with the answers saved so far. */
export interface AnsweredAttempt {
  readonly attempt: Attempt;
  readonly answers: readonly SavedAnswer[];
}

/** Gives the open attempt if there is one. Refuses `not_found`, `not_enrolled`, `not_a_quiz`, `attempts_exhausted`. */
export async function startAttempt(
  parts: LearningParts,
  lessonId: string,
  context: CallContext,
): Promise<AnsweredAttempt | Refusal> {
  const opened = await openLesson(parts.sql, parts.outlines, lessonId, context);
  if (isRefusal(opened)) return opened;
  if (opened.lesson.kind !== 'quiz') return refuse('not_a_quiz', 'Only a quiz can be attempted.');
  const quiz = await readQuiz(parts, lessonId, opened.outline.release, context);
  return underLock(parts.sql, opened.userId, async (tx) => {
    if (!(await accessNow(tx, opened, context)).entitled) return notEnrolled();
    const open = await readOpenAttempt(tx, opened.userId, lessonId);
    if (open !== undefined) return { attempt: open, answers: await readAnswers(tx, open.id) };
    const made = await countAttempts(tx, opened.userId, lessonId);
    if (quiz.attemptsMax > 0 && made >= quiz.attemptsMax)
      return refuse('attempts_exhausted', `This quiz can be attempted ${quiz.attemptsMax} times.`);
    return { attempt: await insertAttempt(tx, parts, opened, quiz, made + 1), answers: [] };
  });
}

/** A release holds its quizzes for good, so a missing one is a fault. */
async function readQuiz(parts: LearningParts, lessonId: string, release: number, context: CallContext): Promise<Quiz> {
  const answer = await parts.content.getQuiz({ lessonId, release }, { context });
  if (isRefusal(answer) || answer.quiz === undefined)
    throw new Error(`content has no quiz ${lessonId} in release ${release}`);
  return answer.quiz;
}

async function insertAttempt(
  tx: SqlTransaction,
  parts: LearningParts,
  opened: OpenLesson,
  quiz: Quiz,
  number: number,
): Promise<Attempt> {
  const id = parts.world.id('att');
  const attempt: Attempt = {
    id,
    userId: opened.userId,
    lessonId: opened.lesson.id,
    courseId: opened.outline.courseId,
    release: opened.outline.release,
    number,
    questions: deliver(quiz, id),
    maxScore: maxScoreOf(quiz),
    passFraction: quiz.passFraction,
    startedAt: new Date(parts.world.now()),
  };
  await tx.execute(
    `INSERT INTO attempts (id, user_id, lesson_id, course_id, release, number, status, questions, max_score,
       pass_fraction, started_at) VALUES ($1, $2, $3, $4, $5, $6, 'in_progress', $7, $8, $9, $10)`,
    [
      id,
      attempt.userId,
      attempt.lessonId,
      attempt.courseId,
      attempt.release,
      number,
      JSON.stringify(attempt.questions),
      attempt.maxScore,
      attempt.passFraction,
      attempt.startedAt,
    ],
  );
  return attempt;
}

/** One of the caller's attempts. Refuses `not_found`, also for somebody else's. */
export async function getAttempt(
  parts: LearningParts,
  attemptId: string,
  context: CallContext,
): Promise<AnsweredAttempt | Refusal> {
  const attempt = await readMine(parts.sql, attemptId, context);
  return isRefusal(attempt) ? attempt : { attempt, answers: await readAnswers(parts.sql, attemptId) };
}

/** The caller's attempts at a quiz below the given number, newest first. */
export async function listAttempts(
  parts: LearningParts,
  userId: string,
  lessonId: string,
  before: number,
  limit: number,
): Promise<Attempt[]> {
  const rows = await parts.sql.query<AttemptRow>(
    `SELECT * FROM attempts WHERE user_id = $1 AND lesson_id = $2 AND number < $3 ORDER BY number DESC LIMIT $4`,
    [userId, lessonId, before, limit],
  );
  return rows.map(attemptOf);
}

/**
 * Saves an answer; the last one to arrive counts. Refuses `not_found`, `attempt_submitted`, `not_enrolled` after a refund,
 * and `invalid_request` where the answer does not fit the question.
 */
export async function putAnswer(
  parts: LearningParts,
  place: { readonly attemptId: string; readonly questionId: string },
  answer: GivenAnswer,
  context: CallContext,
): Promise<SavedAnswer | Refusal> {
  const found = await readMine(parts.sql, place.attemptId, context);
  if (isRefusal(found)) return found;
  const question = found.questions.find((one) => one.id === place.questionId);
  if (question === undefined) return refuse('not_found', 'The attempt has no such question.');
  const errors = answerErrors(question, answer);
  if (errors.length > 0) return refuse('invalid_request', 'The answer does not fit the question.', errors);
  return underLock(parts.sql, found.userId, async (tx) => {
    const attempt = await readMine(tx, place.attemptId, context);
    if (isRefusal(attempt)) return attempt;
    if (attempt.submission !== undefined)
      return refuse('attempt_submitted', 'The attempt is submitted; its answers stay as they are.');
    if (!(await mayGoOn(tx, attempt, context))) return notEnrolled();
    const saved = { ...answer, questionId: question.id, savedAt: new Date(parts.world.now()) };
    await saveAnswer(tx, attempt.id, saved);
    return saved;
  });
}

async function mayGoOn(tx: SqlTransaction, attempt: Attempt, { principal }: CallContext): Promise<boolean> {
  return principal.kind === 'user' && (await readAccess(tx, principal, attempt.courseId)).entitled;
}

async function saveAnswer(tx: SqlTransaction, attemptId: string, answer: SavedAnswer): Promise<void> {
  await tx.execute(
    `INSERT INTO attempt_answers (attempt_id, question_id, option_ids, value, saved_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (attempt_id, question_id) DO UPDATE SET option_ids = excluded.option_ids, value = excluded.value,
       saved_at = excluded.saved_at`,
    [attemptId, answer.questionId, [...answer.optionIds], answer.value ?? null, answer.savedAt],
  );
}

/** Grades what is saved. A second submission gives the first result. Refuses `not_found`, `not_enrolled` after a refund. */
export async function submitAttempt(
  parts: LearningParts,
  attemptId: string,
  context: CallContext,
): Promise<AnsweredAttempt | Refusal> {
  const found = await readMine(parts.sql, attemptId, context);
  if (isRefusal(found)) return found;
  if (found.submission !== undefined) return { attempt: found, answers: await readAnswers(parts.sql, attemptId) };
  const quiz = await readQuiz(parts, found.lessonId, found.release, context);
  const outline = await parts.outlines.outlineOf(found.courseId, found.release, context);
  if (isRefusal(outline)) throw new Error(`content has no release ${found.release} of ${found.courseId}`);
  return underLock(parts.sql, found.userId, async (tx) => {
    const attempt = await readMine(tx, attemptId, context);
    if (isRefusal(attempt)) return attempt;
    const answers = await readAnswers(tx, attemptId);
    if (attempt.submission !== undefined) return { attempt, answers };
    if (context.principal.kind !== 'user') return notEnrolled();
    const access = await readAccess(tx, context.principal, attempt.courseId);
    if (!access.entitled) return notEnrolled();
    const lesson = { id: attempt.lessonId, kind: 'quiz', durationSeconds: 0 } as const;
    const opened = { userId: attempt.userId, access, outline, lesson };
    return { attempt: await submit(tx, parts, opened, { attempt, answers, quiz }, context), answers };
  });
}

async function submit(
  tx: SqlTransaction,
  parts: LearningParts,
  opened: OpenLesson,
  { attempt, answers, quiz }: AnsweredAttempt & { quiz: Quiz },
  context: CallContext,
): Promise<Attempt> {
  const result = grade(quiz, new Map(answers.map((answer) => [answer.questionId, answer])));
  const at = new Date(parts.world.now());
  await tx.execute(
    `UPDATE attempts SET status = 'submitted', submitted_at = $2, score = $3, passed = $4, results = $5 WHERE id = $1`,
    [attempt.id, at, result.score, result.passed, JSON.stringify(result.results)],
  );
  await tellGrade(tx, parts, opened, attempt, result, context);
  const fraction = result.maxScore === 0 ? 0 : result.score / result.maxScore;
  await recordAttempt(tx, parts, opened, context, { fraction, passed: result.passed });
  const { score, passed, results } = result;
  return { ...attempt, submission: { at, score, passed, results } };
}

async function tellGrade(
  tx: SqlTransaction,
  parts: LearningParts,
  { access }: OpenLesson,
  { id, userId, lessonId }: Attempt,
  { score, maxScore, passed }: Grade,
  context: CallContext,
): Promise<void> {
  if (!access.enrolled) return;
  await parts.publishIn(tx)(AttemptGradedSchema, { attemptId: id, userId, lessonId, score, maxScore, passed }, context);
}

interface AttemptRow extends SqlRow {
  id: string;
  user_id: string;
  lesson_id: string;
  course_id: string;
  release: number;
  number: number;
  questions: DeliveredQuestion[];
  max_score: number;
  pass_fraction: number;
  started_at: Date;
  submitted_at: Date | null;
  score: number | null;
  passed: boolean | null;
  results: QuestionResult[] | null;
}

function attemptOf(row: AttemptRow): Attempt {
  const attempt = {
    id: row.id,
    userId: row.user_id,
    lessonId: row.lesson_id,
    courseId: row.course_id,
    release: row.release,
    number: row.number,
    questions: row.questions,
    maxScore: row.max_score,
    passFraction: row.pass_fraction,
    startedAt: row.started_at,
  };
  if (row.submitted_at === null) return attempt;
  const { score, passed, results } = row;
  return {
    ...attempt,
    submission: { at: row.submitted_at, score: score ?? 0, passed: passed ?? false, results: results ?? [] },
  };
}

async function readMine(sql: SqlExecutor, attemptId: string, { principal }: CallContext): Promise<Attempt | Refusal> {
  const userId = principal.kind === 'user' ? principal.userId : '';
  const [row] = await sql.query<AttemptRow>('SELECT * FROM attempts WHERE id = $1 AND user_id = $2', [
    attemptId,
    userId,
  ]);
  return row === undefined ? refuse('not_found', 'You have no such attempt.') : attemptOf(row);
}

async function readOpenAttempt(tx: SqlTransaction, userId: string, lessonId: string): Promise<Attempt | undefined> {
  const [row] = await tx.query<AttemptRow>(
    "SELECT * FROM attempts WHERE user_id = $1 AND lesson_id = $2 AND status = 'in_progress'",
    [userId, lessonId],
  );
  return row === undefined ? undefined : attemptOf(row);
}

async function countAttempts(tx: SqlTransaction, userId: string, lessonId: string): Promise<number> {
  const [row] = await tx.query<{ made: number }>(
    'SELECT count(*)::int AS made FROM attempts WHERE user_id = $1 AND lesson_id = $2',
    [userId, lessonId],
  );
  return row?.made ?? 0;
}

async function readAnswers(sql: SqlExecutor, attemptId: string): Promise<SavedAnswer[]> {
  const rows = await sql.query<{ question_id: string; option_ids: string[]; value: number | null; saved_at: Date }>(
    'SELECT question_id, option_ids, value, saved_at FROM attempt_answers WHERE attempt_id = $1 ORDER BY question_id',
    [attemptId],
  );
  return rows.map((row) => ({
    questionId: row.question_id,
    optionIds: row.option_ids,
    savedAt: row.saved_at,
    ...(row.value === null ? {} : { value: row.value }),
  }));
}
