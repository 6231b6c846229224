/** What learning answers. Each handler reads the request, asks the operation, and shapes the answer. */
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  AttemptStatus,
  BecauseKind,
  EnrolmentStatus,
  LearningService,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import {
  type CallContext,
  type Handlers,
  type Implementation,
  implement,
  isRefusal,
  type Refusal,
  refuse,
} from '@suuupra/platform/rpc/rpc';
import { accessOf, nobodySpecial, type Reason } from './access.ts';
import {
  type AnsweredAttempt,
  type Attempt,
  getAttempt,
  listAttempts,
  putAnswer,
  type SavedAnswer,
  startAttempt,
  submitAttempt,
} from './attempts.ts';
import { type EnrolmentRow, listEnrolments, openCourse, readAccess } from './enrolments.ts';
import { putProgress } from './lessons.ts';
import { type CourseStanding, courseStanding, type Outline } from './outline.ts';
import type { LearningParts } from './parts.ts';
import { readCourseProgress, readStanding, type StoredProgress } from './store.ts';

type LearningHandlers = Handlers<typeof LearningService>;

export function learningRpc(parts: LearningParts): Implementation {
  return implement(LearningService, {
    listEnrolments: listMyEnrolments(parts),
    getAccess: getAccess(parts),
    getCourseProgress: getCourseProgress(parts),
    putProgress: putMyProgress(parts),
    startAttempt: async ({ lessonId }, context) => attemptAnswer(await startAttempt(parts, lessonId, context)),
    listAttempts: listMyAttempts(parts),
    getAttempt: async ({ id }, context) => attemptAnswer(await getAttempt(parts, id, context)),
    putAnswer: putMyAnswer(parts),
    submitAttempt: async ({ id }, context) => attemptAnswer(await submitAttempt(parts, id, context)),
    checkAccess: checkAccess(parts),
  });
}

function userIdOf({ principal }: CallContext): string | Refusal {
  return principal.kind === 'user' ? principal.userId : refuse('unauthenticated', 'Sign in to learn.');
}

/** Outlines asked of content at once, for courses that this database does not know yet. */
const outlinesAtOnce = 4;

function listMyEnrolments(parts: LearningParts): LearningHandlers['listEnrolments'] {
  return async (request, context) => {
    const page = readPage(request, ['time', 'text']);
    if (isRefusal(page)) return page;
    const userId = userIdOf(context);
    if (isRefusal(userId)) return userId;
    const [enrolledAt, id] = page.after;
    const after = enrolledAt === undefined || id === undefined ? undefined : { enrolledAt: new Date(enrolledAt), id };
    const rows = await listEnrolments(parts.sql, userId, after, page.limit + 1);
    const given = rows.slice(0, page.limit);
    const progress = await readCourseProgress(
      parts.sql,
      userId,
      given.map((row) => row.course_id),
    );
    const outlines = await outlinesOf(parts, given, context);
    const last = given.at(-1);
    return {
      enrolments: given.map((row) => enrolmentOf(row, outlines.get(row.id), progress)),
      nextPageToken:
        rows.length > page.limit && last !== undefined ? pageToken([last.enrolled_at.toISOString(), last.id]) : '',
    };
  };
}

/** The outlines by enrolment. One that cannot be had is left out: one broken course hides no other. */
async function outlinesOf(
  parts: LearningParts,
  rows: readonly EnrolmentRow[],
  context: CallContext,
): Promise<Map<string, Outline>> {
  const found = new Map<string, Outline>();
  const left = [...rows];
  const worker = async () => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      try {
        const outline = await parts.outlines.outlineOf(row.course_id, row.release, context);
        if (!isRefusal(outline)) found.set(row.id, outline);
      } catch (error) {
        parts.log.warn('an outline cannot be read', { courseId: row.course_id, release: row.release, error });
      }
    }
  };
  await Promise.all(Array.from({ length: outlinesAtOnce }, worker));
  return found;
}

/** Without its outline an enrolment says nothing of progress, rather than something untrue. */
function enrolmentOf(row: EnrolmentRow, outline: Outline | undefined, progress: readonly StoredProgress[]) {
  const known = {
    id: row.id,
    courseId: row.course_id,
    release: row.release,
    status: row.status === 'active' ? EnrolmentStatus.ACTIVE : EnrolmentStatus.ENDED,
    enrolledAt: timestampFromDate(row.enrolled_at),
    courseTitle: outline?.title ?? row.course_title,
    ...(row.ended_at === null ? {} : { endedAt: timestampFromDate(row.ended_at) }),
    ...(row.last_active_at === null ? {} : { lastActiveAt: timestampFromDate(row.last_active_at) }),
  };
  if (outline === undefined) return known;
  const standing = courseStanding(
    outline,
    progress.filter((one) => one.courseId === row.course_id),
  );
  return { ...known, courseSlug: outline.slug, nextLessonId: standing.nextLessonId, progress: progressOf(standing) };
}

function progressOf({ completedLessons, totalLessons, fraction }: CourseStanding) {
  return { completedLessons, totalLessons, fraction };
}

const becauseKinds: Record<Reason['kind'], BecauseKind> = {
  order_paid: BecauseKind.ORDER_PAID,
  order_refunded: BecauseKind.ORDER_REFUNDED,
  entitlement_granted: BecauseKind.ENTITLEMENT_GRANTED,
  entitlement_ended: BecauseKind.ENTITLEMENT_ENDED,
  teaches: BecauseKind.TEACHES,
  no_order: BecauseKind.NO_ORDER,
  admin: BecauseKind.ADMIN,
};

function getAccess(parts: LearningParts): LearningHandlers['getAccess'] {
  return async ({ courseId }, context) => {
    const { principal } = context;
    if (principal.kind !== 'user') return refuse('unauthenticated', 'Sign in to see your access.');
    let access = await readAccess(parts.sql, principal, courseId);
    let { release } = access;
    const wasGranted = access.because.some(({ kind }) => kind === 'order_paid' || kind === 'entitlement_granted');
    if (!access.enrolled && !wasGranted) {
      const newest = await parts.outlines.newestOf(courseId, context);
      if (isRefusal(newest)) return newest;
      access = await readAccess(parts.sql, principal, courseId);
      release = access.entitled ? access.release || newest.release : 0;
    }
    return {
      entitled: access.entitled,
      release,
      because: access.because.map(({ kind, reference, at }) => ({
        kind: becauseKinds[kind],
        reference,
        ...(at === undefined ? {} : { at: timestampFromDate(at) }),
      })),
    };
  };
}

/** Local facts only: the guard of every lesson must not wait for another service. */
function checkAccess(parts: LearningParts): LearningHandlers['checkAccess'] {
  return async ({ userId, courseId }) => {
    const { facts, course } = await readStanding(parts.sql, userId, courseId);
    const byOrder = accessOf(courseId, facts, nobodySpecial);
    if (byOrder.entitled) return { entitled: true, release: byOrder.release };
    const { entitled } = accessOf(courseId, facts, { teaches: course?.instructorId === userId, isAdmin: false });
    return { entitled, release: entitled ? (course?.newestRelease ?? 0) : 0 };
  };
}

function getCourseProgress(parts: LearningParts): LearningHandlers['getCourseProgress'] {
  return async ({ courseId }, context) => {
    const course = await openCourse(parts.sql, parts.outlines, courseId, context);
    if (isRefusal(course)) return course;
    const { outline, userId } = course;
    const progress = await readCourseProgress(parts.sql, userId, [courseId]);
    const standing = courseStanding(outline, progress);
    const byLesson = new Map(progress.map((one) => [one.lessonId, one]));
    return {
      release: outline.release,
      progress: progressOf(standing),
      nextLessonId: standing.nextLessonId,
      lessons: outline.lessons.map(({ id }) => {
        const one = byLesson.get(id);
        return one === undefined ? { lessonId: id } : lessonProgressOf(one);
      }),
    };
  };
}

function lessonProgressOf(progress: StoredProgress) {
  const { lessonId, completed, positionSeconds, completedAt, updatedAt, bestFraction } = progress;
  return {
    lessonId,
    completed,
    positionSeconds,
    updatedAt: timestampFromDate(updatedAt),
    ...(completedAt === undefined ? {} : { completedAt: timestampFromDate(completedAt) }),
    ...(bestFraction === undefined ? {} : { bestFraction }),
  };
}

/** As declared in the contract; the gateway refuses earlier, with the field's own sentence. */
const positionSecondsMax = 86_400;

function putMyProgress(parts: LearningParts): LearningHandlers['putProgress'] {
  return async ({ lessonId, positionSeconds, completed }, context) => {
    if (positionSeconds !== undefined && (positionSeconds < 0 || positionSeconds > positionSecondsMax))
      return refuse('invalid_request', 'positionSeconds is a place in the lesson.', [
        { field: 'positionSeconds', code: 'out_of_range', detail: `0 to ${positionSecondsMax}` },
      ]);
    const change = {
      ...(positionSeconds === undefined ? {} : { positionSeconds }),
      ...(completed === undefined ? {} : { completed }),
    };
    const progress = await putProgress(parts, lessonId, change, context);
    return isRefusal(progress) ? progress : { progress: lessonProgressOf(progress) };
  };
}

const numberMax = 2_147_483_647;

function listMyAttempts(parts: LearningParts): LearningHandlers['listAttempts'] {
  return async (request, context) => {
    const page = readPage(request, ['integer']);
    if (isRefusal(page)) return page;
    const userId = userIdOf(context);
    if (isRefusal(userId)) return userId;
    const before = Math.min(numberMax, Number(page.after[0] ?? numberMax));
    const found = await listAttempts(parts, userId, request.lessonId, before, page.limit + 1);
    const given = found.slice(0, page.limit);
    const last = given.at(-1);
    return {
      attempts: given.map(attemptOf),
      nextPageToken: found.length > page.limit && last !== undefined ? pageToken([String(last.number)]) : '',
    };
  };
}

function putMyAnswer(parts: LearningParts): LearningHandlers['putAnswer'] {
  return async ({ attemptId, questionId, optionIds, value }, context) => {
    const given = { optionIds, ...(value === undefined ? {} : { value }) };
    const answer = await putAnswer(parts, { attemptId, questionId }, given, context);
    return isRefusal(answer) ? answer : { answer: answerOf(answer) };
  };
}

function answerOf({ questionId, optionIds, value, savedAt }: SavedAnswer) {
  return {
    questionId,
    optionIds: [...optionIds],
    savedAt: timestampFromDate(savedAt),
    ...(value === undefined ? {} : { value }),
  };
}

/** An attempt without its questions, answers and results: what a list shows. */
function attemptOf(attempt: Attempt) {
  const { id, lessonId, number, maxScore, passFraction, startedAt, submission } = attempt;
  const common = { id, lessonId, number, maxScore, passFraction, startedAt: timestampFromDate(startedAt) };
  if (submission === undefined) return { ...common, status: AttemptStatus.IN_PROGRESS };
  const { score, passed, at } = submission;
  return { ...common, status: AttemptStatus.SUBMITTED, score, passed, submittedAt: timestampFromDate(at) };
}

function attemptAnswer(found: AnsweredAttempt | Refusal) {
  if (isRefusal(found)) return found;
  const { attempt, answers } = found;
  return {
    attempt: {
      ...attemptOf(attempt),
      questions: attempt.questions.map((question) => ({ ...question, options: [...question.options] })),
      answers: answers.map(answerOf),
      results: (attempt.submission?.results ?? []).map((result) => ({
        ...result,
        optionFeedback: [...result.optionFeedback],
      })),
    },
  };
}
