/** What of a release is searched, and by whom. No I/O. */
import {
  type Course,
  type GetReleaseResponse,
  LessonKind,
  Level,
  type ReleasedLesson,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';

/** As the `search` port takes it. */
export interface SearchedDocument {
  readonly id: string;
  readonly version: number;
  readonly text: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, string>>;
  readonly visibleTo: readonly string[];
  readonly language: string;
}

/** The mark of what anybody may find. */
export const publicMark = 'public';

/** The mark of what those who may read a course find. */
export function courseMark(courseId: string): string {
  return `course:${courseId}`;
}

/** A lesson's body that not everybody may read is a document of its own, so that no hit or snippet gives it away. */
export const bodySuffix = '~body';

const levelWords: Readonly<Record<number, string>> = {
  [Level.BEGINNER]: 'beginner',
  [Level.INTERMEDIATE]: 'intermediate',
  [Level.ADVANCED]: 'advanced',
};

const tags = /<[^>]*>/g;
const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

/** Every document of a release: the course, each lesson by its title, each lesson's body. */
export function documentsOf(answer: GetReleaseResponse): SearchedDocument[] {
  const { course, lessons, release } = answer;
  if (course === undefined) return [];
  return [courseDocument(course, release), ...lessons.flatMap((lesson) => lessonDocuments(course, lesson, release))];
}

function courseDocument(course: Course, version: number): SearchedDocument {
  return {
    id: course.id,
    version,
    text: { title: course.title, summary: course.summary, body: textOf(course.descriptionHtml) },
    values: { ...valuesOf(course), kind: 'course', title: course.title, shownId: course.id },
    visibleTo: [publicMark],
    language: course.language,
  };
}

function lessonDocuments(course: Course, lesson: ReleasedLesson, version: number): SearchedDocument[] {
  const shared = {
    version,
    values: { ...valuesOf(course), kind: 'lesson', title: lesson.title, shownId: lesson.id },
    language: course.language,
  };
  const body = lesson.kind === LessonKind.QUIZ ? '' : lesson.plainText;
  if (lesson.preview) {
    return [{ ...shared, id: lesson.id, text: { title: lesson.title, body }, visibleTo: [publicMark] }];
  }
  const titled = { ...shared, id: lesson.id, text: { title: lesson.title }, visibleTo: [publicMark] };
  if (body === '') return [titled];
  const closed = {
    ...shared,
    id: `${lesson.id}${bodySuffix}`,
    text: { title: lesson.title, body },
    visibleTo: [courseMark(course.id)],
  };
  return [titled, closed];
}

function valuesOf(course: Course): Record<string, string> {
  return {
    courseId: course.id,
    courseTitle: course.title,
    courseSlug: course.slug,
    level: levelWords[course.level] ?? '',
    language: course.language,
  };
}

/** Readable text of sanitised HTML. */
function textOf(html: string): string {
  return html
    .replace(tags, ' ')
    .replace(/&(amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity)
    .replace(/\s+/g, ' ')
    .trim();
}
