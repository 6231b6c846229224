/** What a learner does with lessons: progress is recorded, completion is told once. */
import {
  CourseCompletedSchema,
  LessonCompletedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Access } from './access.ts';
import { notEnrolled, noteActivity, type OpenLesson, openLesson, readAccess } from './enrolments.ts';
import { courseStanding } from './outline.ts';
import type { LearningParts } from './parts.ts';
import { evolve, type LessonProgress, type ProgressChange, passed, untouched } from './progress.ts';
import {
  readCourseProgress,
  readLessonProgress,
  type StoredProgress,
  underLock,
  writeLessonProgress,
} from './store.ts';

/** Refuses `not_found`, `not_enrolled`, and `completed_by_passing` where a quiz is ticked by hand. */
export async function putProgress(
  parts: LearningParts,
  lessonId: string,
  change: ProgressChange,
  context: CallContext,
): Promise<StoredProgress | Refusal> {
  const opened = await openLesson(parts.sql, parts.outlines, lessonId, context);
  if (isRefusal(opened)) return opened;
  if (opened.lesson.kind === 'quiz' && change.completed !== undefined)
    return refuse('completed_by_passing', 'A quiz is completed by passing it; start an attempt.');
  return underLock(parts.sql, opened.userId, async (tx) => {
    const access = await accessNow(tx, opened, context);
    if (!access.entitled) return notEnrolled();
    return record(tx, parts, { ...opened, access }, context, (before, at) => evolve(before, opened.lesson, change, at));
  });
}

/** The access as it is under the learner's lock: a refund may have been heard since the lesson was opened. */
export async function accessNow(tx: SqlExecutor, opened: OpenLesson, context: CallContext): Promise<Access> {
  if (context.principal.kind !== 'user') return opened.access;
  return readAccess(tx, context.principal, opened.outline.courseId);
}

/** Records that an attempt at a quiz came to this fraction of its points. The caller holds the learner's lock. */
export async function recordAttempt(
  tx: SqlTransaction,
  parts: LearningParts,
  opened: OpenLesson,
  context: CallContext,
  result: { readonly fraction: number; readonly passed: boolean },
): Promise<void> {
  await record(
    tx,
    parts,
    opened,
    context,
    (before, at) => (result.passed ? passed(before, at) : before),
    result.fraction,
  );
}

async function record(
  tx: SqlTransaction,
  parts: LearningParts,
  opened: OpenLesson,
  context: CallContext,
  change: (before: LessonProgress, at: Date) => LessonProgress,
  fraction?: number,
): Promise<StoredProgress> {
  const { userId, lesson, outline } = opened;
  const at = new Date(parts.world.now());
  const before = await readLessonProgress(tx, userId, lesson.id);
  const bestFraction = fraction === undefined ? before?.bestFraction : Math.max(fraction, before?.bestFraction ?? 0);
  const after: StoredProgress = {
    ...change(before ?? untouched, at),
    lessonId: lesson.id,
    courseId: outline.courseId,
    updatedAt: at,
    ...(bestFraction === undefined ? {} : { bestFraction }),
  };
  await writeLessonProgress(tx, userId, after);
  await noteActivity(tx, userId, outline.courseId, at);
  const isNew = after.wasCompleted && before?.wasCompleted !== true;
  if (isNew && opened.access.enrolled) await tellCompletion(tx, parts, opened, context, at);
  return after;
}

/** Told once for each lesson and each course, also when a tick is taken back and set again. */
async function tellCompletion(
  tx: SqlTransaction,
  parts: LearningParts,
  { userId, lesson, outline }: OpenLesson,
  context: CallContext,
  at: Date,
): Promise<void> {
  const { courseId, release } = outline;
  const publish = parts.publishIn(tx);
  await publish(LessonCompletedSchema, { userId, courseId, lessonId: lesson.id }, context);
  const standing = courseStanding(outline, await readCourseProgress(tx, userId, [courseId]));
  if (standing.completedLessons < standing.totalLessons) return;
  const first = await tx.execute(
    `INSERT INTO course_completions (user_id, course_id, release, completed_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT DO NOTHING`,
    [userId, courseId, release, at],
  );
  if (first === 1) await publish(CourseCompletedSchema, { userId, courseId, release }, context);
}
