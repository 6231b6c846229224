/** Enrolments: what money events grant and end, and what a person may see because of it. */
import {
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { type CallContext, hasRole, isRefusal, type Principal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause, Publish } from '@suuupra/platform/stream/outbox';
import type { World } from '@suuupra/platform/world';
import { type Access, type AccessFact, accessOf, enrolmentTimes, nobodySpecial, type Viewer } from './access.ts';
import type { Outline, OutlineLesson } from './outline.ts';
import type { Outlines } from './outlines.ts';
import { addFact, readHistory, readStanding } from './store.ts';

/** Whose access, to which course, and the course's title as it was bought. */
export interface Enrolled {
  readonly userId: string;
  readonly courseId: string;
  readonly courseTitle: string;
}

/**
 * Adds a fact and brings the enrolment in line with what the facts come to. Tells of it when access began or ended by it:
 * not when another order still grants it. The caller holds the learner's lock.
 */
export async function recordFact(
  tx: SqlTransaction,
  parts: { readonly publish: Publish; readonly world: World; readonly cause: EventCause },
  enrolled: Enrolled,
  fact: AccessFact,
): Promise<void> {
  if (!(await addFact(tx, enrolled, fact))) return;
  const { facts, enrolment: before } = await readHistory(tx, enrolled.userId, enrolled.courseId);
  const { enrolledAt, endedAt } = enrolmentTimes(facts);
  // Only an end was heard so far: the grant that it ends will find it.
  if (enrolledAt === undefined) return;
  const access = accessOf(enrolled.courseId, facts, nobodySpecial);
  const id = before?.id ?? parts.world.id('enr');
  await tx.execute(
    `INSERT INTO enrolments (id, user_id, course_id, course_title, status, release, enrolled_at, ended_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (user_id, course_id) DO UPDATE SET status = excluded.status, release = excluded.release,
       ended_at = excluded.ended_at`,
    [
      id,
      enrolled.userId,
      enrolled.courseId,
      enrolled.courseTitle,
      access.enrolled ? 'active' : 'ended',
      access.enrolled ? access.release : (before?.release ?? releaseOf(facts)),
      enrolledAt,
      access.enrolled ? null : (endedAt ?? null),
    ],
  );
  const wasEnrolled = before?.status === 'active';
  const { userId, courseId } = enrolled;
  const event = { enrolmentId: id, userId, courseId, orderId: fact.orderId };
  if (!wasEnrolled && access.enrolled)
    await parts.publish(EnrolmentGrantedSchema, { ...event, release: access.release }, parts.cause);
  if (wasEnrolled && !access.enrolled)
    await parts.publish(
      EnrolmentEndedSchema,
      { ...event, refundId: fact.kind === 'ended' ? fact.refundId : '' },
      parts.cause,
    );
}

function releaseOf(facts: readonly AccessFact[]): number {
  return facts.find((fact) => fact.kind === 'granted')?.release ?? 0;
}

export interface EnrolmentRow extends SqlRow {
  id: string;
  course_id: string;
  course_title: string;
  status: 'active' | 'ended';
  release: number;
  enrolled_at: Date;
  ended_at: Date | null;
  last_active_at: Date | null;
}

/** A person's enrolments after the given one, newest first. */
export function listEnrolments(
  sql: SqlExecutor,
  userId: string,
  after: { readonly enrolledAt: Date; readonly id: string } | undefined,
  limit: number,
): Promise<EnrolmentRow[]> {
  const beyond = after === undefined ? '' : 'AND (enrolled_at, id) < ($3, $4)';
  return sql.query<EnrolmentRow>(
    `SELECT * FROM enrolments WHERE user_id = $1 ${beyond} ORDER BY enrolled_at DESC, id DESC LIMIT $2`,
    after === undefined ? [userId, limit] : [userId, limit, after.enrolledAt, after.id],
  );
}

/** Notes that the learner did something in the course. */
export async function noteActivity(tx: SqlTransaction, userId: string, courseId: string, at: Date): Promise<void> {
  await tx.execute('UPDATE enrolments SET last_active_at = $3 WHERE user_id = $1 AND course_id = $2', [
    userId,
    courseId,
    at,
  ]);
}

/** The access of a person to a course, by the one fold. */
export async function readAccess(
  sql: SqlExecutor,
  principal: Principal & { kind: 'user' },
  courseId: string,
): Promise<Access> {
  const { facts, course } = await readStanding(sql, principal.userId, courseId);
  const viewer: Viewer = { teaches: course?.instructorId === principal.userId, isAdmin: hasRole(principal, 'admin') };
  return accessOf(courseId, facts, viewer);
}

/** A course as one viewer has it: what they may, on which release. */
export interface OpenCourse {
  readonly userId: string;
  readonly access: Access;
  readonly outline: Outline;
}

export interface OpenLesson extends OpenCourse {
  readonly lesson: OutlineLesson;
}

/**
 * The course for a viewer who may learn in it: on the release of their enrolment, or the newest for who teaches it.
 * Refuses `not_found` for an unknown course, `not_enrolled` for somebody without access. Not inside a transaction.
 */
export async function openCourse(
  sql: Sql,
  outlines: Outlines,
  courseId: string,
  context: CallContext,
): Promise<OpenCourse | Refusal> {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('unauthenticated', 'Sign in to learn.');
  const access = await readAccess(sql, principal, courseId);
  if (!access.enrolled) {
    // A course that nobody told us of yet: content knows whether it exists and who teaches it.
    const newest = await outlines.newestOf(courseId, context);
    if (isRefusal(newest)) return newest;
    const now = access.entitled ? access : await readAccess(sql, principal, courseId);
    return now.entitled ? { userId: principal.userId, access: now, outline: newest } : notEnrolled();
  }
  const outline = await outlines.outlineOf(courseId, access.release, context);
  return isRefusal(outline) ? outline : { userId: principal.userId, access, outline };
}

/** The lesson in the viewer's release of its course. Refuses as `openCourse`, and `not_found` for a lesson outside it. */
export async function openLesson(
  sql: Sql,
  outlines: Outlines,
  lessonId: string,
  context: CallContext,
): Promise<OpenLesson | Refusal> {
  const courseId = await outlines.courseOfLesson(lessonId, context);
  if (isRefusal(courseId)) return courseId;
  const course = await openCourse(sql, outlines, courseId, context);
  if (isRefusal(course)) return course;
  const lesson = course.outline.lessons.find((one) => one.id === lessonId);
  if (lesson === undefined) return refuse('not_found', 'The lesson is not part of the release you are on.');
  return { ...course, lesson };
}

export function notEnrolled(): Refusal {
  return refuse('not_enrolled', 'Enrol in the course to learn in it.');
}
