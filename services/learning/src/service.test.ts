import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import {
  type ContentService,
  LessonKind,
  QuestionKind,
  type QuizSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import {
  AttemptGradedSchema,
  CourseCompletedSchema,
  EnrolmentEndedSchema,
  EnrolmentGrantedSchema,
  LessonCompletedSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import {
  AttemptStatus,
  BecauseKind,
  EnrolmentStatus,
  LearningService,
  StartAttemptResponseSchema,
} from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import {
  EntitlementEndedSchema,
  EntitlementGrantedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { type Handlers, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { learning } from './service.ts';

const options = ['a', 'b', 'c'].map((id) => ({ id, text: id, textHtml: id, feedbackHtml: `<p>${id}</p>` }));
const quiz: MessageInitShape<typeof QuizSchema> = {
  passFraction: 0.7,
  attemptsMax: 3,
  questions: [
    {
      id: 'q1',
      kind: QuestionKind.SINGLE,
      points: 2,
      options,
      key: { optionIds: ['b'] },
      feedback: { correctHtml: '<p>Yes.</p>' },
    },
    { id: 'q2', kind: QuestionKind.NUMERIC, points: 1, key: { value: 3, tolerance: 0.5 } },
    { id: 'q3', kind: QuestionKind.ORDERING, points: 1, options, key: { optionIds: ['a', 'b', 'c'] } },
  ],
};
const lessons = [
  { id: 'les_text', kind: LessonKind.TEXT, durationSeconds: 60, preview: true },
  { id: 'les_video', kind: LessonKind.VIDEO, durationSeconds: 100 },
  { id: 'les_quiz', kind: LessonKind.QUIZ, durationSeconds: 180 },
];

/** Two courses as content would tell of them: crs_1 with two releases, crs_2 with one; crs_broken cannot be read. */
function contentTold(calls: string[]): Partial<Handlers<typeof ContentService>> {
  return {
    getRelease: async ({ courseId, release }) => {
      calls.push(`getRelease ${courseId} ${release}`);
      if (courseId === 'crs_broken') throw new Error('the course cannot be read');
      const newest = courseId === 'crs_1' ? 2 : 1;
      if (!['crs_1', 'crs_2'].includes(courseId) || release > newest)
        return refuse('not_found', 'There is no such course.');
      const course = {
        id: courseId,
        title: `Title of ${courseId}`,
        slug: `${courseId}-slug`,
        instructor: { id: 'usr_teacher' },
      };
      const added = { id: 'les_new', kind: LessonKind.TEXT };
      const number = release === 0 ? newest : release;
      const own =
        courseId === 'crs_1'
          ? [...lessons, ...(number === 2 ? [added] : [])]
          : [{ id: 'les_other', kind: LessonKind.TEXT }];
      return { course, release: number, lessons: own };
    },
    locateLesson: async ({ lessonId }) => {
      calls.push(`locateLesson ${lessonId}`);
      if (lessonId === 'les_other') return { courseId: 'crs_2' };
      return [...lessons.map((one) => one.id), 'les_new'].includes(lessonId)
        ? { courseId: 'crs_1' }
        : refuse('not_found', 'There is no such lesson.');
    },
    getQuiz: async ({ lessonId, release }) => {
      calls.push(`getQuiz ${lessonId} ${release}`);
      return { courseId: 'crs_1', release, quiz };
    },
  };
}

interface Bought {
  readonly courseIds?: readonly string[];
  readonly release?: number;
}

describe('the learning service', () => {
  let under: ServiceUnderTest;
  let world: TestWorld;
  let calls: string[];
  beforeEach(async () => {
    world = testWorld();
    calls = [];
    under = await startServiceForTest(learning, { world, others: { content: contentTold(calls) } });
  });
  afterEach(() => under.stop());

  const api = (service = under) => service.client(LearningService);
  const asha = { principal: userPrincipal('usr_asha') };
  const ravi = { principal: userPrincipal('usr_ravi') };
  const teacher = { principal: userPrincipal('usr_teacher', 'instructor') };

  const buy = (orderId: string, { courseIds = ['crs_1'], release = 1 }: Bought = {}, id?: string) =>
    under.deliver(
      OrderPaidSchema,
      {
        orderId,
        buyerId: 'usr_asha',
        paidAt: timestampFromMs(world.now()),
        lines: courseIds.map((courseId) => ({
          lineId: `${orderId}_${courseId}`,
          courseId,
          release,
          title: `Bought ${courseId}`,
        })),
      },
      id,
    );
  const refund = (orderId: string, courseId = 'crs_1', whole = true) =>
    under.deliver(OrderRefundedSchema, {
      orderId,
      buyerId: 'usr_asha',
      refundId: `rfd_${orderId}`,
      refundedAt: timestampFromMs(world.now()),
      lines: [{ lineId: `${orderId}_${courseId}`, courseId, wholeLineRefunded: whole }],
    });
  async function ok<T>(answer: Promise<T | Refusal>): Promise<T> {
    const value = await answer;
    if (isRefusal(value)) throw new Error(`${value.code}: ${value.detail}`);
    return value;
  }
  const access = async (courseId = 'crs_1', who = asha) => ok(api().getAccess({ courseId }, who));
  const guard = async (courseId = 'crs_1', userId = 'usr_asha') =>
    ok(under.client(LearningService, 'content').checkAccess({ userId, courseId }));
  const enrolments = async (who = asha) => (await ok(api().listEnrolments({}, who))).enrolments;

  describe('access', () => {
    it('opens by a paid order and says why', async () => {
      expect(await access()).toMatchObject({
        entitled: false,
        because: [{ kind: BecauseKind.NO_ORDER, reference: 'course:crs_1' }],
      });
      await buy('ord_1');
      expect(await access()).toMatchObject({
        entitled: true,
        release: 1,
        because: [{ kind: BecauseKind.ORDER_PAID, reference: 'order:ord_1', at: timestampFromMs(world.now()) }],
      });
      expect(await guard()).toMatchObject({ entitled: true, release: 1 });
      expect(await guard('crs_2')).toMatchObject({ entitled: false });
      expect(await guard('crs_1', 'usr_ravi')).toMatchObject({ entitled: false });
    });

    it('closes by the refund of the whole line, not by a partial one', async () => {
      await buy('ord_1');
      await refund('ord_1', 'crs_1', false);
      expect(await guard()).toMatchObject({ entitled: true });
      world.advance(1_000);
      await refund('ord_1');
      expect(await guard()).toMatchObject({ entitled: false });
      const { entitled, because } = await access();
      expect(entitled).toBe(false);
      expect(because.map((one) => [one.kind, one.reference])).toEqual([
        [BecauseKind.ORDER_PAID, 'order:ord_1'],
        [BecauseKind.ORDER_REFUNDED, 'refund:rfd_ord_1 of order:ord_1'],
      ]);
    });

    it('takes away only what was refunded of an order of two courses', async () => {
      await buy('ord_1', { courseIds: ['crs_1', 'crs_2'] });
      await refund('ord_1', 'crs_2');
      expect(await guard('crs_1')).toMatchObject({ entitled: true });
      expect(await guard('crs_2')).toMatchObject({ entitled: false });
    });

    it('stays while one of two orders is not refunded', async () => {
      await buy('ord_1', { release: 1 });
      world.advance(1_000);
      await buy('ord_2', { release: 2 });
      await refund('ord_1');
      expect(await guard()).toMatchObject({ entitled: true, release: 2 });
      await refund('ord_2');
      expect(await guard()).toMatchObject({ entitled: false });
      expect(await under.published(EnrolmentGrantedSchema)).toHaveLength(1);
      expect(await under.published(EnrolmentEndedSchema)).toMatchObject([{ orderId: 'ord_2', refundId: 'rfd_ord_2' }]);
    });

    it('grants once, however often and in whatever order the events come', async () => {
      await refund('ord_2');
      await buy('ord_2');
      expect(await guard()).toMatchObject({ entitled: false });
      expect(await under.published(EnrolmentGrantedSchema)).toEqual([]);
      await buy('ord_1', {}, 'evt_1');
      await buy('ord_1', {}, 'evt_1');
      await buy('ord_1', {}, 'evt_2');
      expect(await enrolments()).toHaveLength(1);
      expect(await under.published(EnrolmentGrantedSchema)).toMatchObject([
        { userId: 'usr_asha', courseId: 'crs_1', orderId: 'ord_1', release: 1 },
      ]);
    });

    const granted = (entitlementId: string, source = 'subscription', id?: string) =>
      under.deliver(
        EntitlementGrantedSchema,
        {
          entitlementId,
          userId: 'usr_asha',
          courseId: 'crs_1',
          courseTitle: 'Granted',
          release: 1,
          source,
          grantedAt: timestampFromMs(world.now()),
        },
        id,
      );
    const ended = (entitlementId: string, because = 'subscription_ended') =>
      under.deliver(EntitlementEndedSchema, {
        entitlementId,
        userId: 'usr_asha',
        courseId: 'crs_1',
        because,
        endedAt: timestampFromMs(world.now()),
      });

    it('M27: opens by an entitlement once, and closes when the last of several grounds ends; progress is kept', async () => {
      await granted('ent_1', 'subscription', 'evt_1');
      await granted('ent_1', 'subscription', 'evt_1');
      await granted('ent_1', 'subscription', 'evt_2');
      await ok(api().putProgress({ lessonId: 'les_text', completed: true }, asha));
      world.advance(1_000);
      await granted('ent_2', 'seat');
      await buy('ord_1');
      for (const end of [() => ended('ent_1'), () => ended('ent_1'), () => refund('ord_1')]) {
        world.advance(1_000);
        await end();
        expect(await guard()).toMatchObject({ entitled: true });
      }
      await ended('ent_2', 'seat_withdrawn');
      expect(await guard()).toMatchObject({ entitled: false });
      expect((await access()).because.map((one) => [one.kind, one.reference])).toEqual([
        [BecauseKind.ENTITLEMENT_GRANTED, 'subscription:ent_1'],
        [BecauseKind.ENTITLEMENT_GRANTED, 'seat:ent_2'],
        [BecauseKind.ORDER_PAID, 'order:ord_1'],
        [BecauseKind.ENTITLEMENT_ENDED, 'subscription_ended'],
        [BecauseKind.ENTITLEMENT_ENDED, 'seat_withdrawn'],
        [BecauseKind.ORDER_REFUNDED, 'refund:rfd_ord_1 of order:ord_1'],
      ]);
      expect(await under.published(EnrolmentGrantedSchema)).toHaveLength(1);
      expect(await under.published(EnrolmentEndedSchema)).toHaveLength(1);
      await granted('ent_3', 'gift');
      expect((await enrolments())[0]).toMatchObject({
        status: EnrolmentStatus.ACTIVE,
        progress: { completedLessons: 1 },
      });
    });

    it('M27: an end that is heard before its grant still ends it', async () => {
      await ended('ent_9');
      await granted('ent_9');
      expect(await guard()).toMatchObject({ entitled: false });
      expect(await under.published(EnrolmentGrantedSchema)).toEqual([]);
    });

    it('M27: lines that are for others, and a lost dispute of a course, open nothing', async () => {
      const at = timestampFromMs(world.now());
      const kinds = ['gift', 'seats', 'subscription', 'cohort', 'course'];
      const lines = kinds.map((kind) => ({
        lineId: `l_${kind}`,
        courseId: kind === 'course' ? 'crs_2' : 'crs_1',
        kind,
      }));
      await under.deliver(OrderPaidSchema, { orderId: 'ord_5', buyerId: 'usr_asha', paidAt: at, lines });
      expect([await guard('crs_1'), await guard('crs_2')]).toMatchObject([{ entitled: false }, { entitled: true }]);
      const end = {
        entitlementId: 'l_course',
        userId: 'usr_asha',
        courseId: 'crs_2',
        because: 'dispute_lost',
        endedAt: at,
      };
      await under.deliver(EntitlementEndedSchema, end);
      expect(await guard('crs_2')).toMatchObject({ entitled: false });
    });

    it('opens to who teaches the course and to administrators', async () => {
      expect(await access('crs_1', teacher)).toMatchObject({
        entitled: true,
        release: 2,
        because: [{ kind: BecauseKind.TEACHES }],
      });
      await under.deliver(ReleasePublishedSchema, { courseId: 'crs_2', release: 1, instructorId: 'usr_teacher' });
      expect(await guard('crs_2', 'usr_teacher')).toMatchObject({ entitled: true, release: 1 });
      const admin = { principal: userPrincipal('usr_admin', 'admin') };
      expect(await access('crs_1', admin)).toMatchObject({
        entitled: true,
        because: [{ kind: BecauseKind.ADMIN, reference: 'role:admin' }],
      });
    });

    it('does not know a course that was never released', async () => {
      expect(await api().getAccess({ courseId: 'crs_none' }, asha)).toMatchObject({ code: 'not_found' });
      expect(await api().getCourseProgress({ courseId: 'crs_none' }, asha)).toMatchObject({ code: 'not_found' });
    });

    it('answers the guard to services only', async () => {
      expect(await api().checkAccess({ userId: 'usr_asha', courseId: 'crs_1' }, asha)).toMatchObject({
        code: 'permission_denied',
      });
      expect(await api().getAccess({ courseId: 'crs_1' })).toMatchObject({ code: 'unauthenticated' });
    });
  });

  describe('enrolments', () => {
    it('are listed newest first with title, progress and where to continue', async () => {
      await buy('ord_1', { courseIds: ['crs_1'] });
      world.advance(1_000);
      await buy('ord_2', { courseIds: ['crs_2'] });
      await ok(api().putProgress({ lessonId: 'les_text', completed: true }, asha));
      expect(await enrolments()).toMatchObject([
        { courseId: 'crs_2', progress: { completedLessons: 0, totalLessons: 1 }, nextLessonId: 'les_other' },
        {
          courseId: 'crs_1',
          status: EnrolmentStatus.ACTIVE,
          release: 1,
          courseTitle: 'Title of crs_1',
          courseSlug: 'crs_1-slug',
          progress: { completedLessons: 1, totalLessons: 3, fraction: 1 / 3 },
          nextLessonId: 'les_video',
          lastActiveAt: timestampFromMs(world.now()),
        },
      ]);
      expect(await enrolments(ravi)).toEqual([]);
      const first = await ok(api().listEnrolments({ pageSize: 1 }, asha));
      const second = await ok(api().listEnrolments({ pageSize: 1, pageToken: first.nextPageToken }, asha));
      expect([first, second].map((page) => page.enrolments[0]?.courseId)).toEqual(['crs_2', 'crs_1']);
      expect(second.nextPageToken).toBe('');
    });

    it('end with the refund and keep their history; buying again opens the same enrolment', async () => {
      await buy('ord_1');
      await ok(api().putProgress({ lessonId: 'les_text', completed: true }, asha));
      await refund('ord_1');
      const [ended] = await enrolments();
      expect(ended).toMatchObject({
        status: EnrolmentStatus.ENDED,
        endedAt: timestampFromMs(world.now()),
        progress: { completedLessons: 1 },
      });
      await buy('ord_2', { release: 2 });
      expect(await enrolments()).toMatchObject([
        {
          id: ended?.id,
          status: EnrolmentStatus.ACTIVE,
          release: 2,
          progress: { completedLessons: 1, totalLessons: 4 },
        },
      ]);
      expect((await enrolments())[0]?.endedAt).toBeUndefined();
    });

    it('are shown without progress while a course cannot be read, and hide no other', async () => {
      await buy('ord_1', { courseIds: ['crs_1', 'crs_broken'] });
      const all = await enrolments();
      expect(all.find((one) => one.courseId === 'crs_1')?.progress).toMatchObject({ totalLessons: 3 });
      const broken = all.find((one) => one.courseId === 'crs_broken');
      expect(broken).toMatchObject({ courseTitle: 'Bought crs_broken', status: EnrolmentStatus.ACTIVE });
      expect(broken?.progress).toBeUndefined();
    });

    it('read an outline from content once', async () => {
      await buy('ord_1');
      await enrolments();
      await enrolments();
      await ok(api().getCourseProgress({ courseId: 'crs_1' }, asha));
      const second = await startServiceForTest(learning, {
        world,
        databaseUrl: under.databaseUrl,
        others: { content: contentTold(calls) },
      });
      await ok(api(second).getCourseProgress({ courseId: 'crs_1' }, asha));
      await second.stop();
      expect(calls).toEqual(['getRelease crs_1 1']);
    });
  });

  describe('progress', () => {
    it('is recorded, never moves back unasked, and is told once', async () => {
      await buy('ord_1');
      const put = (request: { positionSeconds?: number; completed?: boolean }, lessonId = 'les_video') =>
        ok(api().putProgress({ lessonId, ...request }, asha));
      expect((await put({ positionSeconds: 40 })).progress).toMatchObject({ positionSeconds: 40, completed: false });
      expect((await put({ positionSeconds: 10 })).progress).toMatchObject({ positionSeconds: 40 });
      expect((await put({ positionSeconds: 90 })).progress).toMatchObject({ completed: true });
      expect((await put({ positionSeconds: 5 })).progress).toMatchObject({ completed: true, positionSeconds: 90 });
      expect((await put({ completed: false, positionSeconds: 5 })).progress).toMatchObject({
        completed: false,
        positionSeconds: 5,
      });
      expect((await put({ completed: true })).progress).toMatchObject({ completed: true });
      expect(await under.published(LessonCompletedSchema)).toMatchObject([
        { lessonId: 'les_video', courseId: 'crs_1' },
      ]);
    });

    it('shows each lesson of the course in order', async () => {
      await buy('ord_1');
      await ok(api().putProgress({ lessonId: 'les_video', positionSeconds: 30 }, asha));
      const standing = await ok(api().getCourseProgress({ courseId: 'crs_1' }, asha));
      expect(standing).toMatchObject({
        release: 1,
        nextLessonId: 'les_video',
        progress: { completedLessons: 0, totalLessons: 3 },
      });
      expect(standing.lessons.map((one) => [one.lessonId, one.positionSeconds])).toEqual([
        ['les_text', 0],
        ['les_video', 30],
        ['les_quiz', 0],
      ]);
    });

    it.each([
      ['a lesson nobody knows', 'les_none', 'not_found'],
      ['a preview of a course not bought', 'les_other', 'not_enrolled'],
      ['a lesson of a later release', 'les_new', 'not_found'],
    ])('is refused for %s', async (_what, lessonId, code) => {
      await buy('ord_1');
      expect(await api().putProgress({ lessonId, completed: true }, asha)).toMatchObject({ code });
    });

    it('is refused out of range, and for a quiz ticked by hand', async () => {
      await buy('ord_1');
      expect(await api().putProgress({ lessonId: 'les_video', positionSeconds: -1 }, asha)).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'positionSeconds' }],
      });
      expect(await api().putProgress({ lessonId: 'les_quiz', completed: true }, asha)).toMatchObject({
        code: 'completed_by_passing',
      });
    });

    it('is closed after a refund', async () => {
      await buy('ord_1');
      await ok(api().putProgress({ lessonId: 'les_text', positionSeconds: 1 }, asha));
      await refund('ord_1');
      expect(await api().putProgress({ lessonId: 'les_text', completed: true }, asha)).toMatchObject({
        code: 'not_enrolled',
      });
      expect(await api().getCourseProgress({ courseId: 'crs_1' }, asha)).toMatchObject({ code: 'not_enrolled' });
    });

    it('completes a course once when its last two lessons are completed at the same time', async () => {
      await buy('ord_1', { release: 2 });
      await pass();
      await ok(api().putProgress({ lessonId: 'les_new', completed: true }, asha));
      const second = await startServiceForTest(learning, {
        world,
        databaseUrl: under.databaseUrl,
        others: { content: contentTold(calls) },
      });
      await Promise.all([
        ok(api().putProgress({ lessonId: 'les_text', completed: true }, asha)),
        ok(api(second).putProgress({ lessonId: 'les_video', completed: true }, asha)),
      ]);
      await second.stop();
      expect(await under.published(LessonCompletedSchema)).toHaveLength(4);
      expect(await under.published(CourseCompletedSchema)).toMatchObject([
        { userId: 'usr_asha', courseId: 'crs_1', release: 2 },
      ]);
      expect(await enrolments()).toMatchObject([{ progress: { fraction: 1 }, nextLessonId: '' }]);
    });

    it('completes a course once, also when it is bought again with a lesson more', async () => {
      await buy('ord_1');
      await pass();
      for (const lessonId of ['les_text', 'les_video'])
        await ok(api().putProgress({ lessonId, completed: true }, asha));
      await refund('ord_1');
      await buy('ord_2', { release: 2 });
      await ok(api().putProgress({ lessonId: 'les_new', completed: true }, asha));
      expect(await enrolments()).toMatchObject([{ progress: { fraction: 1 } }]);
      expect(await under.published(CourseCompletedSchema)).toMatchObject([{ release: 1 }]);
    });

    it('of a teacher is kept and told to nobody', async () => {
      await ok(api().putProgress({ lessonId: 'les_text', completed: true }, teacher));
      expect(await ok(api().getCourseProgress({ courseId: 'crs_1' }, teacher))).toMatchObject({
        progress: { completedLessons: 1 },
        release: 2,
      });
      expect(await under.published(LessonCompletedSchema)).toEqual([]);
    });
  });

  const start = async () => (await ok(api().startAttempt({ lessonId: 'les_quiz' }, asha))).attempt;
  const answer = (attemptId: string | undefined, questionId: string, given: { optionIds?: string[]; value?: number }) =>
    api().putAnswer({ attemptId: attemptId ?? '', questionId, ...given }, asha);
  const submit = async (id: string | undefined) => (await ok(api().submitAttempt({ id: id ?? '' }, asha))).attempt;
  async function pass() {
    const attempt = await start();
    await ok(answer(attempt?.id, 'q1', { optionIds: ['b'] }));
    await ok(answer(attempt?.id, 'q2', { value: 3.5 }));
    return submit(attempt?.id);
  }

  describe('attempts', () => {
    it('carry the questions and no answers', async () => {
      await buy('ord_1');
      const attempt = await start();
      expect(attempt).toMatchObject({ status: AttemptStatus.IN_PROGRESS, number: 1, maxScore: 4, passFraction: 0.7 });
      expect(attempt?.questions.map((one) => [one.id, one.kind])).toEqual([
        ['q1', 'single'],
        ['q2', 'numeric'],
        ['q3', 'ordering'],
      ]);
      const response = create(StartAttemptResponseSchema, attempt === undefined ? {} : { attempt });
      const json = JSON.stringify(toJson(StartAttemptResponseSchema, response, { alwaysEmitImplicit: true }));
      expect(json).not.toMatch(/"correct"|"answerKey"|"isCorrect"|"key"|Yes\./);
      expect(attempt?.score).toBeUndefined();
      expect(attempt?.passed).toBeUndefined();
    });

    it('save answers and grade them on the server, with feedback', async () => {
      await buy('ord_1');
      const attempt = await start();
      await ok(answer(attempt?.id, 'q1', { optionIds: ['a'] }));
      await ok(answer(attempt?.id, 'q1', { optionIds: ['b'] }));
      await ok(answer(attempt?.id, 'q2', { value: 2.5 }));
      const saved = await ok(api().getAttempt({ id: attempt?.id ?? '' }, asha));
      expect(saved.attempt?.answers).toMatchObject([
        { questionId: 'q1', optionIds: ['b'] },
        { questionId: 'q2', optionIds: [], value: 2.5 },
      ]);
      expect(saved.attempt?.results).toEqual([]);
      const done = await submit(attempt?.id);
      expect(done).toMatchObject({ status: AttemptStatus.SUBMITTED, score: 3, maxScore: 4, passed: true });
      expect(done?.results[0]).toMatchObject({
        score: 2,
        feedbackHtml: '<p>Yes.</p>',
        optionFeedback: [{ optionId: 'b' }],
      });
      expect((await ok(api().getCourseProgress({ courseId: 'crs_1' }, asha))).lessons[2]).toMatchObject({
        completed: true,
        bestFraction: 0.75,
      });
      expect(await under.published(AttemptGradedSchema)).toMatchObject([{ score: 3, maxScore: 4, passed: true }]);
      expect(await under.published(LessonCompletedSchema)).toMatchObject([{ lessonId: 'les_quiz' }]);
    });

    it('do not pass when empty', async () => {
      await buy('ord_1');
      expect(await submit((await start())?.id)).toMatchObject({
        status: AttemptStatus.SUBMITTED,
        score: 0,
        passed: false,
      });
      const standing = await ok(api().getCourseProgress({ courseId: 'crs_1' }, asha));
      expect(standing.lessons[2]).toMatchObject({ completed: false, bestFraction: 0 });
      expect(standing.lessons[1]?.bestFraction).toBeUndefined();
    });

    it('are one while open, whoever starts at once', async () => {
      await buy('ord_1');
      const second = await startServiceForTest(learning, {
        world,
        databaseUrl: under.databaseUrl,
        others: { content: contentTold(calls) },
      });
      const started = await Promise.all(
        [under, second, under, second].map((service) => ok(api(service).startAttempt({ lessonId: 'les_quiz' }, asha))),
      );
      await second.stop();
      expect(new Set(started.map((one) => one.attempt?.id)).size).toBe(1);
    });

    it('are graded once, whoever submits at once; later submissions answer the first result', async () => {
      await buy('ord_1');
      const attempt = await start();
      await ok(answer(attempt?.id, 'q1', { optionIds: ['b'] }));
      const results = await Promise.all([submit(attempt?.id), submit(attempt?.id), submit(attempt?.id)]);
      world.advance(1_000);
      results.push(await submit(attempt?.id));
      expect(
        results.every((one) => one?.score === 2 && one.submittedAt?.seconds === results[0]?.submittedAt?.seconds),
      ).toBe(true);
      expect(await under.published(AttemptGradedSchema)).toHaveLength(1);
      expect(await answer(attempt?.id, 'q1', { optionIds: ['a'] })).toMatchObject({ code: 'attempt_submitted' });
    });

    it('run out where the quiz says so', async () => {
      await buy('ord_1');
      for (let number = 1; number <= 3; number += 1)
        expect(await submit((await start())?.id)).toMatchObject({ number });
      expect(await api().startAttempt({ lessonId: 'les_quiz' }, asha)).toMatchObject({ code: 'attempts_exhausted' });
      const list = await ok(api().listAttempts({ lessonId: 'les_quiz', pageSize: 2 }, asha));
      const rest = await ok(
        api().listAttempts({ lessonId: 'les_quiz', pageSize: 2, pageToken: list.nextPageToken }, asha),
      );
      expect([...list.attempts, ...rest.attempts].map((one) => one.number)).toEqual([3, 2, 1]);
    });

    it('stay on the release they were started on', async () => {
      await buy('ord_1', { release: 1 });
      await submit((await start())?.id);
      expect(calls.filter((call) => call.startsWith('getQuiz'))).toEqual(['getQuiz les_quiz 1', 'getQuiz les_quiz 1']);
    });

    it.each([
      ['q1', { optionIds: ['z'] }, 'invalid_request'],
      ['q1', { optionIds: ['a', 'b'] }, 'invalid_request'],
      ['q2', { optionIds: [] }, 'invalid_request'],
      ['q3', { optionIds: ['a', 'b'] }, 'invalid_request'],
      ['q9', { value: 1 }, 'not_found'],
    ])('refuse for %s the answer %o as %s', async (questionId, given, code) => {
      await buy('ord_1');
      expect(await answer((await start())?.id, questionId, given)).toMatchObject({ code });
    });

    it("are nobody else's", async () => {
      await buy('ord_1');
      const id = (await start())?.id ?? '';
      expect(await api().getAttempt({ id }, ravi)).toMatchObject({ code: 'not_found' });
      expect(await api().putAnswer({ attemptId: id, questionId: 'q2', value: 1 }, ravi)).toMatchObject({
        code: 'not_found',
      });
      expect(await api().submitAttempt({ id }, ravi)).toMatchObject({ code: 'not_found' });
      expect((await ok(api().listAttempts({ lessonId: 'les_quiz' }, ravi))).attempts).toEqual([]);
    });

    it('need a quiz and an enrolment, and end with the refund while their history stays', async () => {
      expect(await api().startAttempt({ lessonId: 'les_quiz' }, asha)).toMatchObject({ code: 'not_enrolled' });
      await buy('ord_1');
      expect(await api().startAttempt({ lessonId: 'les_text' }, asha)).toMatchObject({ code: 'not_a_quiz' });
      const passed = await pass();
      const open = await start();
      await refund('ord_1');
      expect(await answer(open?.id, 'q2', { value: 1 })).toMatchObject({ code: 'not_enrolled' });
      expect(await api().submitAttempt({ id: open?.id ?? '' }, asha)).toMatchObject({ code: 'not_enrolled' });
      expect(await submit(passed?.id)).toMatchObject({ passed: true });
      expect((await ok(api().listAttempts({ lessonId: 'les_quiz' }, asha))).attempts).toHaveLength(2);
    });
  });
});
