/**
 * The documents that a release is searched by, and the marks that say who may see them.
 *
 * Titles are public, the text of a paid lesson is not. Such a lesson has two documents: one with its title for those who
 * may not read it, one with its text for those who may. A viewer holds marks for exactly one of the two.
 */
import {
  type GetReleaseResponse,
  LessonKind,
  Level,
  type ReleasedLesson,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { SearchDocument } from '@suuupra/platform/search/search';

export const publicMark = 'public';
/** On the title of every paid lesson: for viewers who may read no course beyond its previews. */
export const outlineMark = 'outline';
export const outlineOf = (courseId: string) => `outline:${courseId}`;
export const textOf = (courseId: string) => `course:${courseId}`;

/** Raised when documents of the same release come out differently, so that all are made anew. */
export const documentForm = 1;

export const kinds = ['course', 'lesson'] as const;
export const levels = ['beginner', 'intermediate', 'advanced'] as const;

const levelWords: ReadonlyMap<Level, string> = new Map([
  [Level.BEGINNER, 'beginner'],
  [Level.INTERMEDIATE, 'intermediate'],
  [Level.ADVANCED, 'advanced'],
]);

/** Shown where nothing in the text matched. */
const excerptCharsMax = 240;

/** Every document of a release; their version is its number. */
export function documentsOf(answer: GetReleaseResponse): SearchDocument[] {
  const { course, release, lessons } = answer;
  if (course === undefined) throw new Error('A release came without its course.');
  const shared: SharedParts = {
    courseId: course.id,
    version: release,
    language: course.language,
    values: {
      level: levelWords.get(course.level) ?? '',
      language: course.language,
      courseId: course.id,
      courseTitle: course.title,
      courseSlug: course.slug,
    },
  };
  const author = course.instructor?.displayName ?? '';
  const courseDocument: SearchDocument = {
    ...base(shared, `course:${course.id}`, 'course', course.id, course.title, course.summary),
    text: { title: course.title, summary: course.summary, body: textOfHtml(course.descriptionHtml), author },
    visibleTo: [publicMark],
  };
  return [courseDocument, ...lessons.flatMap((lesson) => documentsOfLesson(shared, lesson))];
}

interface SharedParts {
  readonly courseId: string;
  readonly version: number;
  readonly language: string;
  readonly values: Readonly<Record<string, string>>;
}

function base(
  shared: SharedParts,
  id: string,
  kind: (typeof kinds)[number],
  itemId: string,
  title: string,
  excerpt: string,
) {
  const { version, language } = shared;
  return { id, version, language, values: { ...shared.values, kind, itemId, title, excerpt } };
}

function documentsOfLesson(shared: SharedParts, lesson: ReleasedLesson): SearchDocument[] {
  const { id, title, plainText, preview, kind } = lesson;
  const isOpen = preview || plainText === '' || kind === LessonKind.QUIZ;
  const excerpt = isOpen ? excerptOf(plainText) : '';
  const full: SearchDocument = {
    ...base(shared, `lesson:${id}:full`, 'lesson', id, title, excerpt),
    text: { title, body: kind === LessonKind.QUIZ ? '' : plainText },
    visibleTo: [isOpen ? publicMark : textOf(shared.courseId)],
  };
  if (isOpen) return [full];
  const outline: SearchDocument = {
    ...base(shared, `lesson:${id}:outline`, 'lesson', id, title, ''),
    text: { title },
    visibleTo: [outlineMark, outlineOf(shared.courseId)],
  };
  return [outline, full];
}

function excerptOf(text: string): string {
  if (text.length <= excerptCharsMax) return text;
  const cut = text.slice(0, excerptCharsMax).toWellFormed();
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), 1))} …`;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

/** The words of HTML that content has sanitised. */
export function textOfHtml(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(amp|lt|gt|quot);/g, (_all, name: string) => entities[name] ?? '')
    .replace(/\s+/g, ' ')
    .trim();
}
