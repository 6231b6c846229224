/** The outline of one release, and where a learner stands in it. Pure. */

export type LessonKind = 'text' | 'video' | 'quiz' | 'assignment' | 'live' | 'package';

export interface OutlineLesson {
  readonly id: string;
  readonly kind: LessonKind;
  /** 0 when unknown. */
  readonly durationSeconds: number;
}

/** Never changes: a release is frozen. */
export interface Outline {
  readonly courseId: string;
  readonly release: number;
  readonly title: string;
  readonly slug: string;
  /** In the order of the course. */
  readonly lessons: readonly OutlineLesson[];
}

export interface LessonStanding {
  readonly lessonId: string;
  readonly completed: boolean;
  readonly updatedAt: Date;
}

export interface CourseStanding {
  readonly completedLessons: number;
  readonly totalLessons: number;
  /** 0 to 1; 0 for a course without lessons. */
  readonly fraction: number;
  /** Where "continue" leads; '' when all is done. */
  readonly nextLessonId: string;
}

/** Lessons that are not in this release do not count, so publishing another release moves nobody's bar. */
export function courseStanding(outline: Outline, standings: readonly LessonStanding[]): CourseStanding {
  const inOutline = new Set(outline.lessons.map((lesson) => lesson.id));
  const here = standings.filter((standing) => inOutline.has(standing.lessonId));
  const completed = new Set(here.filter((standing) => standing.completed).map((standing) => standing.lessonId));
  const totalLessons = outline.lessons.length;
  return {
    completedLessons: completed.size,
    totalLessons,
    fraction: totalLessons === 0 ? 0 : completed.size / totalLessons,
    nextLessonId: nextLesson(outline, here, completed),
  };
}

/** The lesson touched last, if it is not completed; else the first open one after it; else the first open one at all. */
function nextLesson(outline: Outline, standings: readonly LessonStanding[], completed: ReadonlySet<string>): string {
  const last = standings.reduce<LessonStanding | undefined>(
    (newest, one) => (newest === undefined || one.updatedAt > newest.updatedAt ? one : newest),
    undefined,
  );
  const from = Math.max(
    0,
    outline.lessons.findIndex((lesson) => lesson.id === last?.lessonId),
  );
  const ahead = [...outline.lessons.slice(from), ...outline.lessons.slice(0, from)];
  return ahead.find((lesson) => !completed.has(lesson.id))?.id ?? '';
}
