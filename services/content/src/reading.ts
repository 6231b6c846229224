/** What people read: the catalogue, a course, its outline, its lessons. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CourseSchema,
  GetCourseRequest,
  GetLessonRequest,
  GetOutlineRequest,
  GetOutlineResponseSchema,
  LessonSchema,
  ListCoursesRequest,
  ListCoursesResponseSchema,
  ListMyCoursesRequest,
  ListMyCoursesResponseSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Content, noSuchCourse, refuseStranger, teaches, userIdOf } from './content.ts';
import { type CourseBody, kindOf, levelWord, type TreeBody } from './course.ts';
import { type DraftCounts, draftMessage, listedMessage, releasedMessage } from './course-message.ts';
import { noSuchLesson } from './drafts.ts';
import { etagOf } from './etag.ts';
import type { LessonBody, LessonHead } from './lesson.ts';
import { lessonMessage } from './lesson-message.ts';
import { renderMarkdown } from './markdown.ts';
import type { ListingBody, ReleaseBody, ReleasedLessonHead } from './release.ts';
import { type Course, headsOf, treeOf } from './store.ts';

type CourseMessage = MessageInitShape<typeof CourseSchema>;

/** Released courses in the order of their first release, newest first. */
export async function listCourses(
  content: Content,
  request: ListCoursesRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof ListCoursesResponseSchema> | Refusal> {
  const page = readPage(request, ['text']);
  if (isRefusal(page)) return page;
  const level = levelWord(request.level);
  const where = {
    ...(level !== undefined && { level }),
    ...(request.language !== '' && { language: request.language }),
  };
  const [afterId] = page.after;
  const found = await content.store.documents.find<ListingBody>('listings', where, {
    limit: page.limit + 1,
    ...(afterId !== undefined && { afterId }),
  });
  const shown = found.slice(0, page.limit);
  const names = await content.instructors.names(
    shown.map(({ body }) => body.instructorId),
    context,
  );
  return {
    courses: shown.map(({ body }) => listedMessage(body, names.get(body.instructorId) ?? '')),
    nextPageToken: found.length > page.limit ? pageToken([shown.at(-1)?.id ?? '']) : '',
  };
}

/** The caller's own courses as drafts, newest first. */
export async function listMyCourses(
  content: Content,
  request: ListMyCoursesRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof ListMyCoursesResponseSchema> | Refusal> {
  const page = readPage(request, ['text']);
  if (isRefusal(page)) return page;
  const [afterId] = page.after;
  const { documents } = content.store;
  const instructorId = userIdOf(context);
  const options = { limit: page.limit + 1, ...(afterId !== undefined && { afterId }) };
  const found = await documents.find<CourseBody>('courses', { instructorId }, options);
  const shown = found.slice(0, page.limit);
  const trees = await documents.getMany<TreeBody>(
    'trees',
    shown.map(({ id }) => id),
  );
  const treeById = new Map(trees.map(({ id, body }) => [id, body]));
  const listings = await content.store.listings(shown.map(({ body }) => body.listingId));
  const names = await content.instructors.names([instructorId], context);
  return {
    courses: shown.map(({ id, body }) => {
      const listing = listings.get(id);
      // The length of a draft takes all its lessons to be read; this list shows that of the newest release.
      const counts = { lessonCount: countLessons(treeById.get(id)), durationSeconds: listing?.durationSeconds ?? 0 };
      return draftMessage(id, body, counts, names.get(instructorId) ?? '', listing);
    }),
    nextPageToken: found.length > page.limit ? pageToken([shown.at(-1)?.id ?? '']) : '',
  };
}

function countLessons(tree: TreeBody | undefined): number {
  return tree?.sections.reduce((sum, section) => sum + section.lessonIds.length, 0) ?? 0;
}

export async function getCourse(
  content: Content,
  request: GetCourseRequest,
  context: CallContext,
): Promise<CourseMessage | Refusal> {
  const course = await content.store.course(request.id);
  if (course === undefined) return noSuchCourse();
  const own = teaches(context.principal, course.body);
  if (!own && (request.draft || course.body.release === 0)) return refuseStranger(context.principal, course.body);
  return request.draft || course.body.release === 0
    ? await showDraft(content, course, context)
    : await showReleased(content, course, context);
}

/** The draft of a course for somebody who teaches it, with its ETag. */
export async function showDraft(content: Content, course: Course, context: CallContext): Promise<CourseMessage> {
  const counts = await draftCounts(content, course.id);
  const listings = await content.store.listings([course.body.listingId]);
  const name = await instructorName(content, course.body, context);
  const descriptionHtml = renderMarkdown(course.body.description)?.html ?? '';
  context.answer.etag = etagOf(course.version);
  return { ...draftMessage(course.id, course.body, counts, name, listings.get(course.id)), descriptionHtml };
}

async function draftCounts(content: Content, courseId: string): Promise<DraftCounts> {
  const heads = await headsOf(content.store.documents, courseId);
  const durationSeconds = [...heads.values()].reduce((sum, head) => sum + head.durationSeconds, 0);
  return { lessonCount: heads.size, durationSeconds };
}

/** The newest release of a course; its instructor also gets the description as written and the draft's ETag. */
export async function showReleased(content: Content, course: Course, context: CallContext): Promise<CourseMessage> {
  const own = teaches(context.principal, course.body);
  const release = await releaseOf(content, course, course.body.release);
  const listings = await content.store.listings([course.body.listingId]);
  const listing = listings.get(course.id);
  if (listing === undefined) throw new Error(`The course ${course.id} has lost its listing.`);
  if (own) context.answer.etag = etagOf(course.version);
  return releasedMessage(listing, release, await instructorName(content, course.body, context), own);
}

async function instructorName(content: Content, course: CourseBody, context: CallContext): Promise<string> {
  const names = await content.instructors.names([course.instructorId], context);
  return names.get(course.instructorId) ?? '';
}

async function releaseOf(content: Content, course: Course, number: number): Promise<ReleaseBody> {
  const release = await content.store.release(course.id, number);
  if (release === undefined) throw new Error(`The course ${course.id} has no release ${number}.`);
  return release;
}

export async function getOutline(
  content: Content,
  request: GetOutlineRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof GetOutlineResponseSchema> | Refusal> {
  const course = await content.store.course(request.id);
  if (course === undefined) return noSuchCourse();
  const wantsDraft = request.draft || course.body.release === 0;
  if (wantsDraft) {
    if (!teaches(context.principal, course.body)) return refuseStranger(context.principal, course.body);
    return { sections: await draftOutline(content, course.id), release: 0 };
  }
  const { shown, number } = await releaseOf(content, course, course.body.release);
  const sections = shown.sections.map(({ id, title, lessons }) => ({ id, title, lessons: lessons.map(outlineLesson) }));
  return { sections, release: number };
}

async function draftOutline(content: Content, courseId: string) {
  const { documents } = content.store;
  const tree = await treeOf(documents, courseId);
  const heads = await headsOf(documents, courseId);
  return tree.body.sections.map(({ id, title, lessonIds }) => ({
    id,
    title,
    lessons: lessonIds.flatMap((lessonId) => {
      const head = heads.get(lessonId);
      return head === undefined ? [] : [outlineLesson({ id: lessonId, ...head })];
    }),
  }));
}

function outlineLesson(lesson: Pick<ReleasedLessonHead, 'id' | 'title' | 'kind' | 'durationSeconds' | 'preview'>) {
  const { id, title, kind, durationSeconds, preview } = lesson;
  return { id, title, kind: kindOf(kind), durationSeconds, preview };
}

/** A lesson as a release shows it. */
export interface FoundLesson {
  readonly release: ReleaseBody;
  readonly sectionId: string;
  readonly sectionTitle: string;
  readonly lesson: ReleasedLessonHead;
}

/** The lesson in this release of its course, or in the newest when this one does not hold it. */
export async function findReleased(
  content: Content,
  course: Course,
  lessonId: string,
  number: number,
): Promise<FoundLesson | undefined> {
  const pinned = await content.store.release(course.id, number);
  const inPinned = pinned && locate(pinned, lessonId);
  if (inPinned !== undefined || number === course.body.release) return inPinned;
  const newest = await content.store.release(course.id, course.body.release);
  return newest && locate(newest, lessonId);
}

function locate(release: ReleaseBody, lessonId: string): FoundLesson | undefined {
  for (const section of release.shown.sections) {
    const lesson = section.lessons.find(({ id }) => id === lessonId);
    if (lesson !== undefined) return { release, sectionId: section.id, sectionTitle: section.title, lesson };
  }
  return undefined;
}

/**
 * Previews are for everybody; the rest for those whom learning calls entitled, in the release they are on. Who teaches
 * the course reads any lesson, and the draft with all answers on demand.
 */
export async function getLesson(
  content: Content,
  request: GetLessonRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof LessonSchema> | Refusal> {
  const { documents } = content.store;
  const head = await documents.get<LessonHead>('lessons', request.id);
  const course = head && (await documents.get<CourseBody>('courses', head.body.courseId));
  if (head === undefined || course === undefined) return noSuchLesson();
  const own = teaches(context.principal, course.body);
  if (request.draft && !own)
    return course.body.release === 0 ? noSuchLesson() : refuseStranger(context.principal, course.body);
  const newest = await findReleased(content, course, request.id, course.body.release);
  if (own && (request.draft || newest === undefined)) return await showDraftLesson(content, head.id, context);
  if (own || newest?.lesson.preview === true)
    return newest === undefined ? noSuchLesson() : await showLesson(content, newest);
  if (newest === undefined) return noSuchLesson();
  const pinned = await entitledRelease(content, course.id, context);
  if (isRefusal(pinned)) return pinned;
  const found = await findReleased(content, course, request.id, pinned === 0 ? course.body.release : pinned);
  return found === undefined ? noSuchLesson() : await showLesson(content, found);
}

/** The release that the caller may read, 0 for the newest; refuses `unauthenticated` or `not_enrolled`. */
export async function entitledRelease(
  content: Content,
  courseId: string,
  context: CallContext,
): Promise<number | Refusal> {
  const { principal } = context;
  if (principal.kind !== 'user') return refuse('unauthenticated', 'Sign in to read this lesson.');
  const access = await content.learning.checkAccess(
    { userId: principal.userId, courseId },
    { context, principal: { kind: 'service', name: 'content' } },
  );
  if (isRefusal(access)) throw new Error(`learning refused to say who has access: ${access.code}`);
  return access.entitled ? access.release : refuse('not_enrolled', 'Enrol in the course to read this lesson.');
}

async function showDraftLesson(content: Content, lessonId: string, context: CallContext) {
  const { documents } = content.store;
  const body = await documents.get<LessonBody>('lesson_contents', lessonId);
  const head = await documents.get<LessonHead>('lessons', lessonId);
  if (head === undefined || body === undefined) throw new Error(`The lesson ${lessonId} has no content.`);
  context.answer.etag = etagOf(head.version);
  return lessonMessage({ id: lessonId, head: head.body, body: body.body, release: 0, audience: 'instructor' });
}

async function showLesson(content: Content, found: FoundLesson): Promise<MessageInitShape<typeof LessonSchema>> {
  const { lesson, release, sectionId } = found;
  return lessonMessage({
    id: lesson.id,
    head: { ...lesson, courseId: release.courseId, sectionId },
    body: await content.store.version(lesson.version),
    release: release.number,
    audience: 'learner',
  });
}
