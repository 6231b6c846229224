/**
 * Outlines of releases. They never change, so each is asked of content once, kept in our database, and the recent ones in
 * memory. Never called inside a transaction: it may call another service.
 */
import {
  LessonKind as ContentKind,
  type ContentService,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { type CallContext, type Client, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import type { LessonKind, Outline, OutlineLesson } from './outline.ts';
import { putCourse, readCourse } from './store.ts';

/** An outline of 100 lessons is about 10 KB. */
const inMemoryMax = 500;

export interface Outlines {
  /** Refuses `not_found` for a course or release that is not there. */
  outlineOf(courseId: string, release: number, context: CallContext): Promise<Outline | Refusal>;
  /** The newest release. Refuses `not_found` for a course that was never released. */
  newestOf(courseId: string, context: CallContext): Promise<Outline | Refusal>;
  /** The course a lesson belongs to. Refuses `not_found`. */
  courseOfLesson(lessonId: string, context: CallContext): Promise<string | Refusal>;
}

export function createOutlines(sql: Sql, content: Client<typeof ContentService>): Outlines {
  const recent = new Map<string, Outline>();
  const keep = (outline: Outline): Outline => {
    const [oldest] = recent.keys();
    if (recent.size >= inMemoryMax && oldest !== undefined) recent.delete(oldest);
    recent.set(`${outline.courseId} ${outline.release}`, outline);
    return outline;
  };
  const fetch = async (courseId: string, release: number, context: CallContext): Promise<Outline | Refusal> => {
    const answer = await content.getRelease({ courseId, release }, { context });
    if (isRefusal(answer)) return answer;
    const lessons = answer.lessons.map(({ id, kind, durationSeconds }) => ({
      id,
      kind: kindOf(kind),
      durationSeconds,
    }));
    const { title = '', slug = '', instructor } = answer.course ?? {};
    const outline = { courseId, release: answer.release, title, slug, lessons };
    await store(sql, outline);
    if (release === 0 && instructor !== undefined)
      await putCourse(sql, courseId, { instructorId: instructor.id, newestRelease: answer.release });
    return keep(outline);
  };
  const outlineOf = async (courseId: string, release: number, context: CallContext) => {
    const known = recent.get(`${courseId} ${release}`);
    if (known !== undefined) return known;
    const stored = await load(sql, courseId, release);
    return stored === undefined ? fetch(courseId, release, context) : keep(stored);
  };
  return {
    outlineOf,
    newestOf: async (courseId, context) => {
      const course = await readCourse(sql, courseId);
      return course === undefined ? fetch(courseId, 0, context) : outlineOf(courseId, course.newestRelease, context);
    },
    courseOfLesson: async (lessonId, context) => {
      const [row] = await sql.query<{ course_id: string }>(
        'SELECT course_id FROM outline_lessons WHERE lesson_id = $1 LIMIT 1',
        [lessonId],
      );
      if (row !== undefined) return row.course_id;
      const answer = await content.locateLesson({ lessonId }, { context });
      return isRefusal(answer) ? answer : answer.courseId;
    },
  };
}

async function store(sql: Sql, outline: Outline): Promise<void> {
  const { courseId, release, title, slug, lessons } = outline;
  await sql.transaction(async (tx) => {
    const added = await tx.execute(
      'INSERT INTO outlines (course_id, release, title, slug) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [courseId, release, title, slug],
    );
    if (added === 0) return;
    await tx.execute(
      `INSERT INTO outline_lessons (course_id, release, position, lesson_id, kind, duration_seconds)
       SELECT $1, $2, position, lesson_id, kind, duration_seconds
       FROM unnest($3::text[], $4::text[], $5::int[]) WITH ORDINALITY AS lesson (lesson_id, kind, duration_seconds, position)`,
      [
        courseId,
        release,
        lessons.map((lesson) => lesson.id),
        lessons.map((lesson) => lesson.kind),
        lessons.map((lesson) => lesson.durationSeconds),
      ],
    );
  });
}

async function load(sql: Sql, courseId: string, release: number): Promise<Outline | undefined> {
  const [outline] = await sql.query<{ title: string; slug: string }>(
    'SELECT title, slug FROM outlines WHERE course_id = $1 AND release = $2',
    [courseId, release],
  );
  if (outline === undefined) return undefined;
  const rows = await sql.query<{ lesson_id: string; kind: LessonKind; duration_seconds: number }>(
    `SELECT lesson_id, kind, duration_seconds FROM outline_lessons
     WHERE course_id = $1 AND release = $2 ORDER BY position`,
    [courseId, release],
  );
  const lessons: OutlineLesson[] = rows.map((row) => ({
    id: row.lesson_id,
    kind: row.kind,
    durationSeconds: row.duration_seconds,
  }));
  return { courseId, release, ...outline, lessons };
}

const kinds: Record<ContentKind, LessonKind> = {
  [ContentKind.UNSPECIFIED]: 'text',
  [ContentKind.TEXT]: 'text',
  [ContentKind.VIDEO]: 'video',
  [ContentKind.QUIZ]: 'quiz',
  [ContentKind.ASSIGNMENT]: 'assignment',
  [ContentKind.LIVE]: 'live',
  [ContentKind.PACKAGE]: 'package',
};

function kindOf(kind: ContentKind | number): LessonKind {
  const known = kinds[kind as ContentKind];
  if (known === undefined) throw new TypeError(`content knows a kind of lesson that learning does not: ${kind}`);
  return known;
}
