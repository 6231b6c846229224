/**
 * What authors do with drafts, in the order of a course's making: course, sections, lessons. Every change of a draft
 * holds the row lock of its course, so what is published is one state of it and events follow each other.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FieldError } from '@suuupra/contracts/errors';
import type { Money } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';
import { CourseCreatedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import {
  type CreateCourseRequest,
  type CreateLessonRequest,
  type CreateSectionRequest,
  type LessonContent,
  LessonKind,
  type LessonSchema,
  type OutlineSectionSchema,
  type UpdateCourseRequest,
  type UpdateLessonRequest,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { DocumentFault, type DocumentOf, type DocumentTransaction } from '@suuupra/platform/documents/documents';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Content, noSuchCourse, refuseStranger, teaches, userIdOf } from './content.ts';
import {
  type CourseBody,
  type CourseFields,
  type KindWord,
  kindWord,
  lessonsPerCourseMax,
  levelWord,
  problemOfPrice,
  type StoredPrice,
  sectionsPerCourseMax,
  slugOfTitle,
  type TreeBody,
} from './course.ts';
import { etagOf, refuseStale } from './etag.ts';
import type { FileBody } from './file.ts';
import {
  bodyOf,
  type FileUse,
  type LessonBody,
  type LessonHead,
  type ReadContent,
  readContent,
  unreadable,
} from './lesson.ts';
import { lessonMessage } from './lesson-message.ts';
import { renderMarkdown } from './markdown.ts';
import { type Course, refusable, treeOf } from './store.ts';

const freeInRupees: StoredPrice = { currency: 'INR', amountMinor: '0' };
/** Tries for a free slug: the title's, then with a number, then with letters of the course's own id. */
const slugTriesMax = 6;
const slugSuffixChars = 8;

/** Refuses `slug_taken` for a slug that the author chose; makes another for one of its own. */
export async function createCourse(
  content: Content,
  request: CreateCourseRequest,
  context: CallContext,
): Promise<Course | Refusal> {
  const courseId = content.world.id('crs');
  const fields: CourseFields = {
    title: request.title.trim(),
    summary: request.summary.trim(),
    description: request.description,
    level: levelWord(request.level) ?? 'beginner',
    language: request.language === '' ? 'en' : request.language,
    price: priceOf(request.price) ?? freeInRupees,
  };
  for (let turn = 0; ; turn += 1) {
    const slug = request.slug !== '' ? request.slug : slugCandidate(fields.title, courseId, turn);
    try {
      return await refusable(content.store.documents, (tx) =>
        insertCourse(content, tx, courseId, slug, fields, context),
      );
    } catch (error) {
      if (!(error instanceof DocumentFault) || error.kind !== 'exists' || error.field !== 'slug') throw error;
      if (request.slug !== '') {
        const field = { field: 'slug', code: 'not_allowed', detail: 'another course has it' };
        return refuse('slug_taken', `The slug "${request.slug}" belongs to another course; choose another one.`, [
          field,
        ]);
      }
      if (turn >= slugTriesMax) throw error;
    }
  }
}

function slugCandidate(title: string, courseId: string, turn: number): string {
  const base = slugOfTitle(title) || 'course';
  if (turn === 0 && base !== 'course') return base;
  if (turn < slugTriesMax - 2) return `${base}-${turn + 1}`;
  return `${base}-${courseId.slice(-slugSuffixChars)}`;
}

async function insertCourse(
  content: Content,
  tx: DocumentTransaction,
  courseId: string,
  slug: string,
  fields: CourseFields,
  context: CallContext,
): Promise<Course | Refusal> {
  const instructorId = userIdOf(context);
  const checked = await checkFields(tx, fields, [instructorId]);
  if (isRefusal(checked)) return checked;
  const body: CourseBody = {
    ...fields,
    ...{ slug, instructorId, descriptionFileIds: checked, release: 0, releaseHash: '', listingId: '' },
    createdAt: new Date(content.world.now()).toISOString(),
  };
  await tx.insert('courses', courseId, body);
  await tx.insert('trees', courseId, { sections: [] } satisfies TreeBody);
  await tx.publish(CourseCreatedSchema, { courseId, instructorId }, context);
  return { id: courseId, version: 1, body };
}

export async function updateCourse(
  content: Content,
  request: UpdateCourseRequest,
  context: CallContext,
): Promise<Course | Refusal> {
  return await refusable(content.store.documents, async (tx) => {
    const course = await lockCourse(tx, request.id, context);
    if (isRefusal(course)) return course;
    const stale = refuseStale(context.ifMatch, course.version);
    if (stale !== undefined) return stale;
    const before = course.body;
    const changed: CourseBody = {
      ...before,
      title: request.title?.trim() ?? before.title,
      summary: request.summary?.trim() ?? before.summary,
      description: request.description ?? before.description,
      level: levelWord(request.level) ?? before.level,
      language: request.language === undefined || request.language === '' ? before.language : request.language,
      price: priceOf(request.price) ?? before.price,
    };
    const checked = await checkFields(tx, changed, [before.instructorId, userIdOf(context)]);
    if (isRefusal(checked)) return checked;
    const body = { ...changed, descriptionFileIds: checked };
    return { id: course.id, version: await replaceLocked(tx, 'courses', course, body), body };
  });
}

export async function createSection(
  content: Content,
  request: CreateSectionRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof OutlineSectionSchema> | Refusal> {
  const title = request.title.trim();
  if (title === '') return blankTitle();
  return await refusable(content.store.documents, async (tx) => {
    const course = await lockCourse(tx, request.courseId, context);
    if (isRefusal(course)) return course;
    const tree = await treeOf(tx, course.id);
    if (tree.body.sections.length >= sectionsPerCourseMax) {
      return refuse('limit_reached', `A course has at most ${sectionsPerCourseMax} sections.`);
    }
    const id = content.world.id('sec');
    await tx.insert('sections', id, { courseId: course.id });
    const sections = [...tree.body.sections, { id, title, lessonIds: [] }];
    await replaceLocked(tx, 'trees', tree, { sections } satisfies TreeBody);
    return { id, title, lessons: [] };
  });
}

export async function createLesson(
  content: Content,
  request: CreateLessonRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof LessonSchema> | Refusal> {
  const title = request.title.trim();
  if (title === '') return blankTitle();
  const kind = kindWord(request.kind);
  if (kind === undefined) return refuseKind(request.kind);
  const read = readFor(kind, request.content);
  if (isRefusal(read)) return read;
  return await refusable(content.store.documents, async (tx) => {
    const section = await tx.get<{ courseId: string }>('sections', request.sectionId);
    if (section === undefined) return refuse('not_found', 'There is no such section.');
    const course = await lockCourse(tx, section.body.courseId, context);
    if (isRefusal(course))
      return course.code === 'not_found' ? refuse('not_found', 'There is no such section.') : course;
    const tree = await treeOf(tx, course.id);
    if (tree.body.sections.reduce((sum, one) => sum + one.lessonIds.length, 0) >= lessonsPerCourseMax) {
      return refuse('limit_reached', `A course has at most ${lessonsPerCourseMax} lessons.`);
    }
    const wrongFiles = await checkFiles(tx, read.files, [course.body.instructorId, userIdOf(context)]);
    if (wrongFiles !== undefined) return wrongFiles;
    const id = content.world.id('les');
    const { body, hash } = bodyOf(id, read);
    const head: LessonHead = {
      ...{ courseId: course.id, sectionId: section.id, title, kind, preview: request.preview },
      durationSeconds: request.durationSeconds > 0 ? request.durationSeconds : read.durationSeconds,
      durationGiven: request.durationSeconds > 0,
      contentHash: hash,
      fileIds: filesUsed(read),
    };
    await tx.insert('lessons', id, head);
    await tx.insert('lesson_contents', id, body);
    const sections = tree.body.sections.map((one) =>
      one.id === section.id ? { ...one, lessonIds: [...one.lessonIds, id] } : one,
    );
    await replaceLocked(tx, 'trees', tree, { sections } satisfies TreeBody);
    context.answer.etag = etagOf(1);
    return lessonMessage({ id, head, body, release: 0, audience: 'instructor' });
  });
}

export async function updateLesson(
  content: Content,
  request: UpdateLessonRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof LessonSchema> | Refusal> {
  return await refusable(content.store.documents, async (tx) => {
    const found = await tx.get<LessonHead>('lessons', request.id);
    if (found === undefined) return noSuchLesson();
    const course = await lockCourse(tx, found.body.courseId, context);
    if (isRefusal(course)) return course.code === 'not_found' ? noSuchLesson() : course;
    // Read again under the course's lock: another author may have been here in between.
    const lesson = await tx.get<LessonHead>('lessons', request.id);
    const kept = await tx.get<LessonBody>('lesson_contents', request.id);
    if (lesson === undefined || kept === undefined) return noSuchLesson();
    const stale = refuseStale(context.ifMatch, lesson.version);
    if (stale !== undefined) return stale;
    const read = request.content === undefined ? undefined : readFor(lesson.body.kind, request.content);
    if (isRefusal(read)) return read;
    const wrongFiles = await checkFiles(tx, read?.files ?? [], [course.body.instructorId, userIdOf(context)]);
    if (wrongFiles !== undefined) return wrongFiles;
    const head = changedHead(lesson.body, request, read);
    if (head.title === '') return blankTitle();
    const body = read === undefined ? kept.body : bodyOf(lesson.id, read).body;
    if (read !== undefined) await replaceLocked(tx, 'lesson_contents', kept, body);
    const version = await replaceLocked(tx, 'lessons', lesson, head);
    context.answer.etag = etagOf(version);
    return lessonMessage({ id: lesson.id, head, body, release: 0, audience: 'instructor' });
  });
}

function changedHead(before: LessonHead, request: UpdateLessonRequest, read: ReadContent | undefined): LessonHead {
  const lessonId = request.id;
  const given = request.durationSeconds !== undefined && request.durationSeconds > 0;
  const automatic = given ? undefined : request.durationSeconds === 0 || !before.durationGiven;
  const recounted = automatic ? (read?.durationSeconds ?? before.durationSeconds) : before.durationSeconds;
  return {
    ...before,
    title: request.title?.trim() ?? before.title,
    preview: request.preview ?? before.preview,
    durationSeconds: given ? (request.durationSeconds ?? 0) : recounted,
    durationGiven: given || (before.durationGiven && request.durationSeconds === undefined),
    ...(read !== undefined && { contentHash: bodyOf(lessonId, read).hash, fileIds: filesUsed(read) }),
  };
}

/** The course with its row lock, for somebody who may change it. */
export async function lockCourse(
  tx: DocumentTransaction,
  courseId: string,
  context: CallContext,
): Promise<Course | Refusal> {
  const course = await tx.getForUpdate<CourseBody>('courses', courseId);
  if (course === undefined) return noSuchCourse();
  return teaches(context.principal, course.body) ? course : refuseStranger(context.principal, course.body);
}

/** Replaces a document that is protected by its course's lock; gives the new version. */
export async function replaceLocked(
  tx: DocumentTransaction,
  collection: string,
  document: DocumentOf<unknown>,
  body: unknown,
): Promise<number> {
  const replaced = await tx.replace(collection, document.id, document.version, body);
  if (!replaced) throw new Error(`${collection} ${document.id} changed under the lock of its course.`);
  return document.version + 1;
}

function priceOf(price: Money | undefined): StoredPrice | undefined {
  return price && { currency: price.currency, amountMinor: String(price.amountMinor) };
}

/** The files of the description when all is well. */
async function checkFields(
  tx: DocumentTransaction,
  fields: CourseFields,
  owners: readonly string[],
): Promise<readonly string[] | Refusal> {
  if (fields.title === '') return blankTitle();
  const price = problemOfPrice(BigInt(fields.price.amountMinor));
  if (price !== undefined) return refuse('invalid_request', 'The price is not valid.', [price]);
  const rendered = renderMarkdown(fields.description);
  if (rendered === undefined) return invalid(unreadable('description'));
  const { fileIds } = rendered;
  const wrong = await checkFiles(
    tx,
    fileIds.map((fileId) => ({ field: 'description', fileId, types: [] })),
    owners,
  );
  return wrong ?? fileIds;
}

/** Undefined when each file exists, is one of the owners' and has a type that fits (no types: any). */
async function checkFiles(
  tx: DocumentTransaction,
  uses: readonly FileUse[],
  owners: readonly string[],
): Promise<Refusal | undefined> {
  if (uses.length === 0) return undefined;
  const found = await tx.getMany<FileBody>('files', [...new Set(uses.map((use) => use.fileId))]);
  const byId = new Map(found.map(({ id, body }) => [id, body]));
  const errors = uses.flatMap(({ field, fileId, types }) => {
    const file = byId.get(fileId);
    if (file === undefined || !owners.includes(file.ownerId)) {
      return [
        { field, code: 'not_allowed', detail: `you have no file ${fileId}; upload it first with POST /api/v1/files` },
      ];
    }
    if (types.length === 0 || types.includes(file.contentType)) return [];
    return [{ field, code: 'not_allowed', detail: `the file is ${file.contentType}; wanted is ${types.join(' or ')}` }];
  });
  return errors.length === 0 ? undefined : invalid(errors);
}

function readFor(kind: KindWord, content: LessonContent | undefined): ReadContent | Refusal {
  const read = readContent(kind, content);
  return Array.isArray(read) ? invalid(read) : read;
}

function filesUsed(read: ReadContent): string[] {
  return [...new Set(read.files.map((use) => use.fileId))];
}

function invalid(errors: readonly FieldError[]): Refusal {
  const [first] = errors;
  return refuse('invalid_request', `${first?.field ?? 'The request'}: ${first?.detail ?? 'is not valid'}.`, errors);
}

function blankTitle(): Refusal {
  return invalid([{ field: 'title', code: 'required', detail: 'a title has at least one character that is no blank' }]);
}

function refuseKind(kind: LessonKind): Refusal {
  const given = kind === LessonKind.UNSPECIFIED ? 'a kind is needed' : 'this kind cannot be made yet';
  return invalid([{ field: 'kind', code: 'not_allowed', detail: `${given}; text, video and quiz work` }]);
}

export function noSuchLesson(): Refusal {
  return refuse('not_found', 'There is no such lesson.');
}
