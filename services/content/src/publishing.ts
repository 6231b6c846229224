/** Freezing a draft as the next release: one transaction that holds the course's row lock. */
import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import type { PublishCourseRequest } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { DocumentOf, DocumentTransaction } from '@suuupra/platform/documents/documents';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Content, userIdOf } from './content.ts';
import { type CourseBody, releasesPerCourseMax, type TreeBody } from './course.ts';
import { lockCourse, replaceLocked } from './drafts.ts';
import type { LessonBody, LessonHead } from './lesson.ts';
import { renderMarkdown } from './markdown.ts';
import {
  type FileGrant,
  filesOf,
  freeze,
  hashOf,
  type ListingBody,
  lessonsOf,
  listingOf,
  type ReleaseBody,
  type ReleasedCourse,
  releaseId,
  whatIsMissing,
} from './release.ts';
import { type Course, headsOf, refusable, treeOf } from './store.ts';

/** Contents read and written at once: a lesson has at most some hundred kilobytes. */
const versionsPerBatch = 50;
const grantsPerPage = 1_000;

interface Draft {
  readonly course: Course;
  readonly tree: TreeBody;
  readonly heads: ReadonlyMap<string, LessonHead>;
  readonly shown: ReleasedCourse;
  readonly hash: string;
}

/**
 * Publishes the draft under the next number and tells of it; a draft equal to the newest release changes nothing.
 * Refuses `course_incomplete` naming what is missing. Lessons keep their ids over all releases.
 */
export async function publishCourse(
  content: Content,
  request: PublishCourseRequest,
  context: CallContext,
): Promise<Course | Refusal> {
  return await refusable(content.store.documents, async (tx) => {
    const course = await lockCourse(tx, request.id, context);
    if (isRefusal(course)) return course;
    const draft = await readDraft(tx, course);
    if (isRefusal(draft)) return draft;
    if (course.body.release > 0 && draft.hash === course.body.releaseHash) return course;
    if (course.body.release >= releasesPerCourseMax) {
      return refuse('limit_reached', `A course has at most ${releasesPerCourseMax} releases.`);
    }
    return await writeRelease(content, tx, draft, request.notes, context);
  });
}

async function readDraft(tx: DocumentTransaction, course: Course): Promise<Draft | Refusal> {
  const { body: tree } = await treeOf(tx, course.id);
  const missing = whatIsMissing(tree);
  if (missing.length > 0) {
    return refuse('course_incomplete', `The course cannot be published yet: ${missing[0]?.detail}.`, missing);
  }
  const heads = await headsOf(tx, course.id);
  const description = renderMarkdown(course.body.description);
  if (description === undefined) throw new Error(`The description of ${course.id} was stored and cannot be read.`);
  const shown = freeze(course.body, description.html, tree, heads);
  return { course, tree, heads, shown, hash: hashOf(shown) };
}

async function writeRelease(
  content: Content,
  tx: DocumentTransaction,
  draft: Draft,
  notes: string,
  context: CallContext,
): Promise<Course> {
  const { course, shown, hash } = draft;
  const number = course.body.release + 1;
  const releasedAt = new Date(content.world.now()).toISOString();
  await copyVersions(tx, course, shown);
  const release: ReleaseBody = {
    ...{ courseId: course.id, number, hash, notes, releasedAt, shown },
    releasedBy: userIdOf(context),
  };
  await tx.insert('releases', releaseId(course.id, number), release);
  const listingId = await list(content, tx, course, listingOf(course.body, course.id, number, shown), releasedAt);
  await grantFiles(tx, course.id, filesOf(course.body, draft.tree, draft.heads));
  const body: CourseBody = { ...course.body, release: number, releaseHash: hash, listingId };
  const version = await replaceLocked(tx, 'courses', course, body);
  const { instructorId } = course.body;
  const published = { courseId: course.id, release: number, instructorId, contentHash: hash };
  await tx.publish(ReleasePublishedSchema, published, context);
  return { id: course.id, version, body };
}

/** Keeps the content of lessons that no release held yet; all others are shared with earlier releases. */
async function copyVersions(tx: DocumentTransaction, course: Course, shown: ReleasedCourse): Promise<void> {
  const before = await tx.get<ReleaseBody>('releases', releaseId(course.id, course.body.release));
  const known = new Set(before === undefined ? [] : lessonsOf(before.body.shown).map((lesson) => lesson.version));
  const changed = lessonsOf(shown).filter((lesson) => !known.has(lesson.version));
  for (let at = 0; at < changed.length; at += versionsPerBatch) {
    const batch = changed.slice(at, at + versionsPerBatch);
    const contents = await tx.getMany<LessonBody>(
      'lesson_contents',
      batch.map((lesson) => lesson.id),
    );
    const byLesson = new Map(contents.map(({ id, body }) => [id, body]));
    // A lesson that went back to what an older release held.
    const held = await tx.getMany<LessonBody>(
      'lesson_versions',
      batch.map((lesson) => lesson.version),
    );
    const heldIds = new Set(held.map(({ id }) => id));
    for (const { id, version } of batch) {
      if (heldIds.has(version)) continue;
      const body = byLesson.get(id);
      if (body === undefined) throw new Error(`The lesson ${id} has no content.`);
      await tx.insert('lesson_versions', version, body);
    }
  }
}

/** Shows the release in the catalogue, at the place that its first release took. */
async function list(
  content: Content,
  tx: DocumentTransaction,
  course: Course,
  listing: Omit<ListingBody, 'releasedAt'>,
  releasedAt: string,
): Promise<string> {
  const { listingId } = course.body;
  if (listingId === '') {
    const id = content.world.id('lst');
    await tx.insert('listings', id, { ...listing, releasedAt } satisfies ListingBody);
    return id;
  }
  const before = await tx.get<ListingBody>('listings', listingId);
  if (before === undefined) throw new Error(`The course ${course.id} has lost its listing.`);
  await replaceLocked(tx, 'listings', before, { ...listing, releasedAt: before.body.releasedAt });
  return listingId;
}

/**
 * Opens the files of the release. A file that only older releases use stays open to the learners of those, but no
 * longer to everybody.
 */
async function grantFiles(
  tx: DocumentTransaction,
  courseId: string,
  files: ReadonlyMap<string, boolean>,
): Promise<void> {
  const missing = new Map(files);
  for await (const grant of grantsOf(tx, courseId)) {
    const { fileId } = grant.body;
    missing.delete(fileId);
    const isPublic = files.get(fileId) === true;
    if (grant.body.public !== isPublic)
      await replaceLocked(tx, 'file_grants', grant, { ...grant.body, public: isPublic });
  }
  for (const [fileId, isPublic] of missing) {
    await tx.insert('file_grants', `${fileId}.${courseId}`, { fileId, courseId, public: isPublic } satisfies FileGrant);
  }
}

async function* grantsOf(tx: DocumentTransaction, courseId: string): AsyncGenerator<DocumentOf<FileGrant>> {
  let afterId: string | undefined;
  for (;;) {
    const page: DocumentOf<FileGrant>[] = await tx.find<FileGrant>(
      'file_grants',
      { courseId },
      { limit: grantsPerPage, order: 'id_ascending', ...(afterId !== undefined && { afterId }) },
    );
    yield* page;
    afterId = page.at(-1)?.id;
    if (page.length < grantsPerPage) return;
  }
}
