/** What other services read: offers for orders, releases for learning and search, quizzes for grading. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  GetOffersRequest,
  GetOffersResponseSchema,
  GetQuizRequest,
  GetQuizResponseSchema,
  GetReleaseRequest,
  GetReleaseResponseSchema,
  ListReleasedCoursesRequest,
  ListReleasedCoursesResponseSchema,
  LocateLessonRequest,
  LocateLessonResponseSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type Content, noSuchCourse } from './content.ts';
import { type CourseBody, kindOf } from './course.ts';
import { priceMessage, releasedMessage } from './course-message.ts';
import { noSuchLesson } from './drafts.ts';
import type { LessonHead } from './lesson.ts';
import { quizMessage } from './quiz.ts';
import { type FoundLesson, findReleased } from './reading.ts';
import { type ListingBody, lessonsOf, type ReleaseBody } from './release.ts';
import type { Course } from './store.ts';

const offersMax = 100;
/** Of each lesson for search; halved until the whole answer fits. */
const textCharsMax = 20_000;
/** Of all texts of one answer; below the size of a message with room for the rest. */
const textBytesMax = 2_500_000;

/** Offers of released courses as they are now; other ids are left out. */
export async function getOffers(
  content: Content,
  request: GetOffersRequest,
): Promise<MessageInitShape<typeof GetOffersResponseSchema> | Refusal> {
  if (request.courseIds.length > offersMax) {
    return refuse('invalid_request', `At most ${offersMax} courses at once.`, [
      { field: 'courseIds', code: 'too_many', detail: `at most ${offersMax}` },
    ]);
  }
  const listings = await content.store.listingsOf(request.courseIds);
  return {
    offers: [...listings.values()].map((listing) => ({
      courseId: listing.courseId,
      title: listing.title,
      slug: listing.slug,
      price: priceMessage(listing.price),
      instructorId: listing.instructorId,
      release: listing.release,
    })),
  };
}

export async function getRelease(
  content: Content,
  request: GetReleaseRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof GetReleaseResponseSchema> | Refusal> {
  const listing = (await content.store.listingsOf([request.courseId])).get(request.courseId);
  if (listing === undefined) return noSuchCourse();
  const release = await content.store.release(listing.courseId, request.release || listing.release);
  if (release === undefined) return refuse('not_found', 'There is no such release.');
  const names = await content.instructors.names([listing.instructorId], context);
  const texts = request.withText ? await textsOf(content, release) : new Map<string, string>();
  return {
    course: releasedMessage(asOf(listing, release), release, names.get(listing.instructorId) ?? '', false),
    release: release.number,
    lessons: release.shown.sections.flatMap((section) =>
      section.lessons.map(({ id, title, kind, durationSeconds, preview }) => ({
        ...{ id, sectionId: section.id, sectionTitle: section.title, title, kind: kindOf(kind) },
        ...{ durationSeconds, preview, plainText: texts.get(id) ?? '' },
      })),
    ),
  };
}

/** The listing as it was for this release. */
function asOf(listing: ListingBody, release: ReleaseBody): ListingBody {
  const { title, summary, level, language, price } = release.shown;
  const lessons = lessonsOf(release.shown);
  const durationSeconds = lessons.reduce((sum, lesson) => sum + lesson.durationSeconds, 0);
  return {
    ...listing,
    ...{ title, summary, level, language, price, durationSeconds },
    release: release.number,
    lessonCount: lessons.length,
  };
}

/** The beginnings of the lessons' texts, as long as fit into one answer together. */
async function textsOf(content: Content, release: ReleaseBody): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const lesson of lessonsOf(release.shown)) {
    const { text } = await content.store.version(lesson.version);
    texts.set(lesson.id, text.slice(0, textCharsMax).toWellFormed());
  }
  const bytes = () => [...texts.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  for (let chars = textCharsMax; bytes() > textBytesMax; chars = Math.floor(chars / 2)) {
    for (const [id, text] of texts) texts.set(id, text.slice(0, chars).toWellFormed());
  }
  return texts;
}

/** In this release, or in the newest when this one does not hold the lesson; release 0 asks for the newest. */
export async function getQuiz(
  content: Content,
  request: GetQuizRequest,
): Promise<MessageInitShape<typeof GetQuizResponseSchema> | Refusal> {
  const course = await courseOfLesson(content, request.lessonId);
  const found =
    course && (await findReleased(content, course, request.lessonId, request.release || course.body.release));
  if (found === undefined) return noSuchLesson();
  const { content: stored } = await content.store.version(found.lesson.version);
  if (stored.kind !== 'quiz') return refuse('not_found', 'This lesson is not a quiz.');
  return { courseId: found.release.courseId, release: found.release.number, quiz: quizMessage(stored.quiz, true) };
}

/** As the newest release has it; a lesson of drafts only is not found. */
export async function locateLesson(
  content: Content,
  request: LocateLessonRequest,
): Promise<MessageInitShape<typeof LocateLessonResponseSchema> | Refusal> {
  const course = await courseOfLesson(content, request.lessonId);
  const found = course && (await findReleased(content, course, request.lessonId, course.body.release));
  return course === undefined || found === undefined ? noSuchLesson() : located(course, found);
}

function located(course: Course, found: FoundLesson): MessageInitShape<typeof LocateLessonResponseSchema> {
  return {
    courseId: course.id,
    kind: kindOf(found.lesson.kind),
    preview: found.lesson.preview,
    newestRelease: course.body.release,
    instructorId: course.body.instructorId,
  };
}

async function courseOfLesson(content: Content, lessonId: string): Promise<Course | undefined> {
  const { documents } = content.store;
  const head = await documents.get<LessonHead>('lessons', lessonId);
  return head && (await documents.get<CourseBody>('courses', head.body.courseId));
}

export async function listReleasedCourses(
  content: Content,
  request: ListReleasedCoursesRequest,
): Promise<MessageInitShape<typeof ListReleasedCoursesResponseSchema> | Refusal> {
  const page = readPage(request, ['text']);
  if (isRefusal(page)) return page;
  const [afterId] = page.after;
  const found = await content.store.documents.find<ListingBody>(
    'listings',
    {},
    {
      limit: page.limit + 1,
      order: 'id_ascending',
      ...(afterId !== undefined && { afterId }),
    },
  );
  const shown = found.slice(0, page.limit);
  return {
    courseIds: shown.map(({ body }) => body.courseId),
    nextPageToken: found.length > page.limit ? pageToken([shown.at(-1)?.id ?? '']) : '',
  };
}
