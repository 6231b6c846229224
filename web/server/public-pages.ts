/** Reads, as a stranger would see it, what a public page shows: the seeds of its rendering. */
import {
  type ContentService,
  GetCourseResponseSchema,
  GetLessonResponseSchema,
  GetOutlineResponseSchema,
  Level,
  ListCoursesResponseSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { RawContext } from '@suuupra/platform/http/route';
import { jsonWriter } from '@suuupra/platform/rpc/json-write';
import { anonymous, type Client, isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Course, Lesson } from '../src/api/types.ts';
import type { Seed } from '../src/embedded-state.ts';
import { catalogueHead, courseHead, lessonHead, type PageHead } from '../src/lib/page-head.ts';
import type { PageMatch } from '../src/route-patterns.ts';

/** The keys of the pages' queries; the renderer knows them. */
export interface SeedKeys {
  courses(level: string | undefined, language: string | undefined): readonly unknown[];
  course(idOrSlug: string): readonly unknown[];
  outline(idOrSlug: string): readonly unknown[];
  lesson(id: string): readonly unknown[];
}

export interface PublicPage {
  readonly head: PageHead;
  readonly seeds: readonly Seed[];
}

export interface Reading {
  readonly content: Client<typeof ContentService>;
  readonly keys: SeedKeys;
  readonly context: RawContext;
  readonly publicUrl: string;
}

const pageSize = 24;

/** The same JSON that the API answers. */
const write = {
  courses: jsonWriter(ListCoursesResponseSchema),
  course: jsonWriter(GetCourseResponseSchema),
  outline: jsonWriter(GetOutlineResponseSchema),
  lesson: jsonWriter(GetLessonResponseSchema),
};

/** `not_found` when strangers cannot see such a thing, `not_public` when the page is not rendered here. */
export async function readPublicPage(
  match: PageMatch,
  reading: Reading,
): Promise<PublicPage | 'not_found' | 'not_public'> {
  switch (match.pattern) {
    case '/':
    case '/courses':
      return readCatalogue(match.pattern, reading);
    case '/courses/$slug':
      return readCourse(match.params.slug ?? '', reading);
    case '/lessons/$lessonId':
      return readLesson(match.params.lessonId ?? '', reading);
    default:
      return 'not_public';
  }
}

const levels: Readonly<Record<string, Level>> = {
  beginner: Level.BEGINNER,
  intermediate: Level.INTERMEDIATE,
  advanced: Level.ADVANCED,
};

async function readCatalogue(path: string, { content, keys, context }: Reading): Promise<PublicPage | 'not_public'> {
  const level = context.query.get('level') || undefined;
  const language = context.query.get('language') || undefined;
  if (level !== undefined && levels[level] === undefined) return 'not_public';
  const asked = { pageSize, language: language ?? '', level: level ? (levels[level] ?? 0) : 0 };
  const answer = await content.listCourses(asked, { principal: anonymous, context });
  if (isRefusal(answer)) return 'not_public';
  const data = { pages: [JSON.parse(write.courses(answer))], pageParams: [''] };
  return { head: catalogueHead(path), seeds: [{ queryKey: keys.courses(level, language), data }] };
}

async function readCourse(slug: string, reading: Reading): Promise<PublicPage | 'not_found'> {
  const about = await readCourseAndOutline(slug, reading);
  if (about === 'not_found') return about;
  return { head: courseHead(about.course, reading.publicUrl), seeds: about.seeds };
}

async function readLesson(id: string, reading: Reading): Promise<PublicPage | 'not_found' | 'not_public'> {
  if (reading.context.query.has('draft')) return 'not_public';
  const answer = await reading.content.getLesson({ id }, { principal: anonymous, context: reading.context });
  if (isRefusal(answer)) return answer.code === 'not_found' ? 'not_found' : 'not_public';
  const data = JSON.parse(write.lesson(answer)) as { lesson: Lesson };
  const about = await readCourseAndOutline(data.lesson.courseId, reading);
  if (about === 'not_found') return about;
  const seeds = [{ queryKey: reading.keys.lesson(id), data }, ...about.seeds];
  return { head: lessonHead(data.lesson, about.course), seeds };
}

async function readCourseAndOutline(idOrSlug: string, { content, keys, context }: Reading) {
  const options = { principal: anonymous, context };
  const [course, outline] = await Promise.all([
    content.getCourse({ id: idOrSlug }, options),
    content.getOutline({ id: idOrSlug }, options),
  ]);
  if (isRefusal(course) || isRefusal(outline)) return 'not_found' as const;
  const data = JSON.parse(write.course(course)) as { course: Course };
  const seeds: Seed[] = [
    { queryKey: keys.course(idOrSlug), data },
    { queryKey: keys.outline(idOrSlug), data: JSON.parse(write.outline(outline)) },
  ];
  return { course: data.course, seeds };
}
