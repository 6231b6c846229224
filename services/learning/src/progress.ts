/**
 * The progress of one learner in one lesson. Pure.
 *
 * Calls may come late, twice and out of order, so progress only ever grows: the position is the furthest one told, and
 * what is completed stays so. The one way back is to ask for it with completed=false; then the position told with it is
 * taken as it is.
 */
import type { OutlineLesson } from './outline.ts';

export interface LessonProgress {
  readonly completed: boolean;
  readonly positionSeconds: number;
  readonly completedAt?: Date;
  /** Completed at some time, perhaps not now. */
  readonly wasCompleted: boolean;
}

export interface ProgressChange {
  readonly positionSeconds?: number;
  readonly completed?: boolean;
}

export const untouched: LessonProgress = { completed: false, positionSeconds: 0, wasCompleted: false };

/** A video counts as watched from this share of its length on: credits are not content. */
export const watchedPercent = 90;

/** The progress after a call at the given time. A quiz is completed by passing it: see `passed`. */
export function evolve(
  before: LessonProgress,
  lesson: Pick<OutlineLesson, 'kind' | 'durationSeconds'>,
  change: ProgressChange,
  at: Date,
): LessonProgress {
  const told = change.positionSeconds === undefined ? undefined : within(change.positionSeconds, lesson);
  if (change.completed === false)
    return { completed: false, positionSeconds: told ?? before.positionSeconds, wasCompleted: before.wasCompleted };
  const moved = { ...before, positionSeconds: Math.max(before.positionSeconds, told ?? 0) };
  const done = change.completed === true || (told !== undefined && isWatched(told, lesson));
  return done ? complete(moved, at) : moved;
}

/** The progress of a quiz lesson after an attempt that passed. */
export function passed(before: LessonProgress, at: Date): LessonProgress {
  return complete(before, at);
}

function complete(before: LessonProgress, at: Date): LessonProgress {
  return before.completed ? before : { ...before, completed: true, completedAt: at, wasCompleted: true };
}

function isWatched(positionSeconds: number, lesson: Pick<OutlineLesson, 'kind' | 'durationSeconds'>): boolean {
  if (lesson.kind !== 'video' || lesson.durationSeconds === 0) return false;
  return positionSeconds * 100 >= lesson.durationSeconds * watchedPercent;
}

function within(positionSeconds: number, lesson: Pick<OutlineLesson, 'durationSeconds'>): number {
  return lesson.durationSeconds === 0 ? positionSeconds : Math.min(positionSeconds, lesson.durationSeconds);
}
