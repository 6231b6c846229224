/** Rows and statements that more than one operation of learning needs. PostgreSQL, in this service's own database. */
import { retrying, type Sql, type SqlExecutor, type SqlRow, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { AccessFact } from './access.ts';
import type { LessonStanding } from './outline.ts';
import type { LessonProgress } from './progress.ts';

/** A course somebody bought and gave back this often is a case for a person. */
const factsMax = 1_000;

/**
 * Takes the learners' rows, in the order given, until the transaction ends. Everything that changes for a person happens
 * under their row, so two calls at once take turns and their events keep the order of their commits.
 */
export async function lockLearners(tx: SqlTransaction, userIds: readonly string[]): Promise<void> {
  await tx.execute(
    `INSERT INTO learners (user_id) SELECT unnest($1::text[])
     ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id`,
    [userIds],
  );
}

/** Runs the work in a transaction under the learner's lock, from its beginning again when it lost a race. */
export function underLock<T>(sql: Sql, userId: string, work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
  return retrying(() =>
    sql.transaction(async (tx) => {
      await lockLearners(tx, [userId]);
      return await work(tx);
    }),
  );
}

interface FactRow extends SqlRow {
  kind: 'granted' | 'ended';
  line_id: string;
  order_id: string;
  release: number;
  refund_id: string;
  source: string;
  at: Date;
}

function factOf(row: FactRow): AccessFact {
  const source = row.source === '' ? {} : { source: row.source };
  const common = { lineId: row.line_id, orderId: row.order_id, ...source, at: row.at };
  return row.kind === 'granted'
    ? { kind: 'granted', ...common, release: row.release }
    : { kind: 'ended', ...common, refundId: row.refund_id };
}

/** An enrolment as its facts left it. */
export interface StoredEnrolment {
  readonly id: string;
  readonly status: 'active' | 'ended';
  readonly release: number;
}

interface HistoryRow extends FactRow {
  enrolment_id: string | null;
  enrolment_status: 'active' | 'ended';
  enrolment_release: number;
}

/** The facts, and the enrolment that they came to so far, at one moment. */
export async function readHistory(
  sql: SqlExecutor,
  userId: string,
  courseId: string,
): Promise<{ facts: AccessFact[]; enrolment: StoredEnrolment | undefined }> {
  const rows = await sql.query<HistoryRow>(
    `SELECT kind, line_id, order_id, f.release, refund_id, source, at, e.id AS enrolment_id,
       e.status AS enrolment_status, e.release AS enrolment_release
     FROM access_facts f LEFT JOIN enrolments e ON e.user_id = f.user_id AND e.course_id = f.course_id
     WHERE f.user_id = $1 AND f.course_id = $2 ORDER BY f.id LIMIT $3`,
    [userId, courseId, factsMax],
  );
  const [first] = rows;
  return {
    facts: rows.map(factOf),
    enrolment:
      first === undefined || first.enrolment_id === null
        ? undefined
        : { id: first.enrolment_id, status: first.enrolment_status, release: first.enrolment_release },
  };
}

/** False when the fact was there before. */
export async function addFact(
  tx: SqlTransaction,
  whose: { readonly userId: string; readonly courseId: string },
  fact: AccessFact,
): Promise<boolean> {
  const added = await tx.execute(
    `INSERT INTO access_facts (user_id, course_id, kind, line_id, order_id, release, refund_id, source, at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (line_id, kind) DO NOTHING`,
    [
      whose.userId,
      whose.courseId,
      fact.kind,
      fact.lineId,
      fact.orderId,
      fact.kind === 'granted' ? fact.release : 0,
      fact.kind === 'ended' ? fact.refundId : '',
      fact.source ?? '',
      fact.at,
    ],
  );
  return added === 1;
}

export interface KnownCourse {
  readonly instructorId: string;
  readonly newestRelease: number;
}

/** Without facts one row that has none. */
interface StandingRow extends FactRow {
  instructor_id: string | null;
  newest_release: number;
}

/**
 * The facts of a person in a course, and what content's events have told of the course: undefined before its first
 * release was heard of.
 */
export async function readStanding(
  sql: SqlExecutor,
  userId: string,
  courseId: string,
): Promise<{ facts: AccessFact[]; course: KnownCourse | undefined }> {
  const rows = await sql.query<StandingRow>(
    `SELECT kind, line_id, order_id, release, refund_id, source, at, instructor_id, newest_release
     FROM (SELECT $2::text AS course_id) AS wanted
     LEFT JOIN courses c ON c.course_id = wanted.course_id
     LEFT JOIN access_facts f ON f.user_id = $1 AND f.course_id = wanted.course_id
     ORDER BY f.id LIMIT $3`,
    [userId, courseId, factsMax],
  );
  const [first] = rows;
  return {
    facts: rows.filter((row) => row.line_id !== null).map(factOf),
    course:
      first === undefined || first.instructor_id === null
        ? undefined
        : { instructorId: first.instructor_id, newestRelease: first.newest_release },
  };
}

/** What content's events have told of a course; undefined before its first release was heard of. */
export async function readCourse(sql: SqlExecutor, courseId: string): Promise<KnownCourse | undefined> {
  const [row] = await sql.query<{ instructor_id: string; newest_release: number }>(
    'SELECT instructor_id, newest_release FROM courses WHERE course_id = $1',
    [courseId],
  );
  return row === undefined ? undefined : { instructorId: row.instructor_id, newestRelease: row.newest_release };
}

/** Events of one course come in order, yet a rebuild may tell old ones again: the newest release stays. */
export async function putCourse(sql: SqlExecutor, courseId: string, course: KnownCourse): Promise<void> {
  await sql.execute(
    `INSERT INTO courses (course_id, instructor_id, newest_release) VALUES ($1, $2, $3)
     ON CONFLICT (course_id) DO UPDATE SET instructor_id = excluded.instructor_id, newest_release = excluded.newest_release
     WHERE courses.newest_release <= excluded.newest_release`,
    [courseId, course.instructorId, course.newestRelease],
  );
}

export interface StoredProgress extends LessonProgress, LessonStanding {
  readonly courseId: string;
  readonly bestFraction?: number;
}

interface ProgressRow extends SqlRow {
  lesson_id: string;
  course_id: string;
  completed: boolean;
  position_seconds: number;
  completed_at: Date | null;
  was_completed: boolean;
  best_fraction: number | null;
  updated_at: Date;
}

function progressOf(row: ProgressRow): StoredProgress {
  return {
    lessonId: row.lesson_id,
    courseId: row.course_id,
    completed: row.completed,
    positionSeconds: row.position_seconds,
    wasCompleted: row.was_completed,
    updatedAt: row.updated_at,
    ...(row.completed_at === null ? {} : { completedAt: row.completed_at }),
    ...(row.best_fraction === null ? {} : { bestFraction: row.best_fraction }),
  };
}

/** A learner's progress in all lessons of these courses that were ever touched. */
export async function readCourseProgress(
  sql: SqlExecutor,
  userId: string,
  courseIds: readonly string[],
): Promise<StoredProgress[]> {
  const rows = await sql.query<ProgressRow>(
    'SELECT * FROM lesson_progress WHERE user_id = $1 AND course_id = ANY($2)',
    [userId, courseIds],
  );
  return rows.map(progressOf);
}

export async function readLessonProgress(
  sql: SqlExecutor,
  userId: string,
  lessonId: string,
): Promise<StoredProgress | undefined> {
  const [row] = await sql.query<ProgressRow>('SELECT * FROM lesson_progress WHERE user_id = $1 AND lesson_id = $2', [
    userId,
    lessonId,
  ]);
  return row === undefined ? undefined : progressOf(row);
}

export async function writeLessonProgress(tx: SqlTransaction, userId: string, progress: StoredProgress): Promise<void> {
  await tx.execute(
    `INSERT INTO lesson_progress (user_id, lesson_id, course_id, completed, position_seconds, completed_at,
       was_completed, best_fraction, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (user_id, lesson_id) DO UPDATE SET completed = excluded.completed,
       position_seconds = excluded.position_seconds, completed_at = excluded.completed_at,
       was_completed = excluded.was_completed, best_fraction = excluded.best_fraction, updated_at = excluded.updated_at`,
    [
      userId,
      progress.lessonId,
      progress.courseId,
      progress.completed,
      progress.positionSeconds,
      progress.completedAt ?? null,
      progress.wasCompleted,
      progress.bestFraction ?? null,
      progress.updatedAt,
    ],
  );
}
