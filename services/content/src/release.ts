/** What a release is: a draft frozen under a number and a hash, and which files it opens to whom. */
import type { FieldError } from '@suuupra/contracts/errors';
import { type CourseBody, type CourseFields, contentHash, type KindWord, type TreeBody } from './course.ts';
import type { LessonHead } from './lesson.ts';

/** A document of `releases`, by `<course id>.<number>`; written once. */
export interface ReleaseBody {
  readonly courseId: string;
  readonly number: number;
  /** SHA-256 of the canonical JSON of `shown`, hex. */
  readonly hash: string;
  readonly notes: string;
  readonly releasedAt: string;
  readonly releasedBy: string;
  readonly shown: ReleasedCourse;
}

export interface ReleasedCourse extends CourseFields {
  readonly descriptionHtml: string;
  readonly sections: readonly ReleasedSection[];
}

export interface ReleasedSection {
  readonly id: string;
  readonly title: string;
  readonly lessons: readonly ReleasedLessonHead[];
}

export interface ReleasedLessonHead {
  readonly id: string;
  readonly title: string;
  readonly kind: KindWord;
  readonly durationSeconds: number;
  readonly preview: boolean;
  /** Key in `lesson_versions`: releases share what did not change. */
  readonly version: string;
}

/** A document of `listings`, in the order of first release: what the catalogue shows. */
export interface ListingBody {
  readonly courseId: string;
  readonly slug: string;
  readonly instructorId: string;
  readonly title: string;
  readonly summary: string;
  readonly level: CourseFields['level'];
  readonly language: string;
  readonly price: CourseFields['price'];
  readonly release: number;
  /** Of the first release: the catalogue's order. */
  readonly releasedAt: string;
  readonly lessonCount: number;
  readonly durationSeconds: number;
}

/** A document of `file_grants`, by `<file id>.<course id>`: the file is used in the course's releases. */
export interface FileGrant {
  readonly fileId: string;
  readonly courseId: string;
  /** The newest release shows it to everybody: in the description or in a preview lesson. */
  readonly public: boolean;
}

export function releaseId(courseId: string, number: number): string {
  return `${courseId}.${number}`;
}

/** The draft as a release would show it. */
export function freeze(
  course: CourseBody,
  descriptionHtml: string,
  tree: TreeBody,
  heads: ReadonlyMap<string, LessonHead>,
): ReleasedCourse {
  const { title, summary, description, level, language, price } = course;
  return {
    ...{ title, summary, description, descriptionHtml, level, language, price },
    sections: tree.sections
      .map((section) => ({
        id: section.id,
        title: section.title,
        lessons: section.lessonIds.flatMap((id) => releasedHead(id, heads.get(id))),
      }))
      // An empty section is a plan of the author's, nothing for a learner.
      .filter((section) => section.lessons.length > 0),
  };
}

function releasedHead(id: string, head: LessonHead | undefined): ReleasedLessonHead[] {
  if (head === undefined) return [];
  const { title, kind, durationSeconds, preview } = head;
  return [{ id, title, kind, durationSeconds, preview, version: head.contentHash }];
}

export function hashOf(shown: ReleasedCourse): string {
  return contentHash(shown);
}

/** What a course still lacks before it can be published; empty when nothing. */
export function whatIsMissing(tree: TreeBody): FieldError[] {
  if (tree.sections.length === 0) {
    return [
      { field: 'sections', code: 'too_few', detail: 'the course has no section yet; add one with a lesson in it' },
    ];
  }
  if (tree.sections.every((section) => section.lessonIds.length === 0)) {
    return [{ field: 'sections[0].lessons', code: 'too_few', detail: 'no section has a lesson yet; add at least one' }];
  }
  return [];
}

export function lessonsOf(shown: ReleasedCourse): ReleasedLessonHead[] {
  return shown.sections.flatMap((section) => section.lessons);
}

/** What the catalogue shows of a release, but for the time of the first one. */
export function listingOf(course: CourseBody, courseId: string, number: number, shown: ReleasedCourse) {
  const lessons = lessonsOf(shown);
  return {
    ...{ courseId, slug: course.slug, instructorId: course.instructorId, release: number },
    ...{ title: shown.title, summary: shown.summary, level: shown.level, language: shown.language, price: shown.price },
    lessonCount: lessons.length,
    durationSeconds: lessons.reduce((sum, lesson) => sum + lesson.durationSeconds, 0),
  } satisfies Omit<ListingBody, 'releasedAt'>;
}

/** The files that a release uses, each with whether everybody may see it. */
export function filesOf(
  course: CourseBody,
  tree: TreeBody,
  heads: ReadonlyMap<string, LessonHead>,
): Map<string, boolean> {
  const files = new Map<string, boolean>();
  const use = (fileId: string, isPublic: boolean) => files.set(fileId, isPublic || files.get(fileId) === true);
  for (const fileId of course.descriptionFileIds) use(fileId, true);
  for (const section of tree.sections) {
    for (const lessonId of section.lessonIds) {
      const head = heads.get(lessonId);
      for (const fileId of head?.fileIds ?? []) use(fileId, head?.preview === true);
    }
  }
  return files;
}
