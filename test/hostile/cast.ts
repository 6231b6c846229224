/** The people of the hostile test and the things that are theirs. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  accessTo,
  anonymousClient,
  type Client,
  type Course,
  eventually,
  getOrder,
  type Order,
  type OutlineLesson,
  outlineOf,
  type Payment,
  type Person,
  pay,
  placeOrder,
  publishCourse,
  type Section,
  signIn,
  signUp,
  success,
} from '../client.ts';

export const roleNames = [
  'anonymous',
  'ended session',
  'learner',
  'other learner',
  'instructor',
  'other instructor',
  'finance',
  'admin',
] as const;
export type RoleName = (typeof roleNames)[number];

export interface Cast {
  readonly as: Readonly<Record<RoleName, Client>>;
  readonly learner: Person;
  readonly instructor: Person;
  readonly admin: Person;
  readonly things: Things;
}

/** Owned by `learner` or, what is taught, by `instructor`. */
export interface Things {
  /** Bought by the learner. */
  readonly course: Course;
  readonly textLesson: OutlineLesson;
  readonly quizLesson: OutlineLesson;
  /** Not released; only its instructor knows of it. */
  readonly draft: Course;
  readonly draftSectionId: string;
  readonly draftLessonId: string;
  readonly draftFileId: string;
  readonly paidOrder: Order;
  readonly payment: Payment;
  /** Waits for its challenge. */
  readonly openOrder: Order;
  readonly openPayment: Payment;
  readonly attemptId: string;
  readonly questionId: string;
  /** A second session of the learner. */
  readonly sessionId: string;
  /** Somebody whose roles nobody misses. */
  readonly bystander: Person;
}

export async function gatherCast(url: string, password: string): Promise<Cast> {
  const anonymous = anonymousClient(url);
  const admin = await signIn(anonymous, 'admin@suuupra.test', password);
  const finance = await signIn(anonymous, 'finance@suuupra.test', password);
  const instructor = await signIn(anonymous, 'instructor@suuupra.test', password);
  const learner = await signUp(anonymous, 'Asha');
  const newcomer = await signUp(anonymous, 'Ines');
  await setRoles(admin, newcomer.user.id, ['learner', 'instructor']);
  const ended = await signUp(anonymous, 'Gone');
  success(await ended.call('DELETE', '/sessions/current'), 204, 'sign out');
  return {
    as: {
      anonymous,
      'ended session': ended,
      learner,
      'other learner': await signUp(anonymous, 'Ravi'),
      instructor,
      'other instructor': await signIn(anonymous, newcomer.email, newcomer.password),
      finance,
      admin,
    },
    learner,
    instructor,
    admin,
    things: await makeThings(anonymous, learner, instructor),
  };
}

async function setRoles(admin: Person, userId: string, roles: readonly string[]): Promise<void> {
  success(await admin.call('PUT', `/users/${userId}/roles`, { body: { roles } }), 200, 'set roles');
}

async function makeThings(visitor: Client, learner: Person, instructor: Person): Promise<Things> {
  const price = { currency: 'INR', amountMinor: '49900' };
  const course = await publishCourse(instructor, `Bought ${randomUUID().slice(0, 8)}`, price);
  const wanted = await publishCourse(instructor, `Wanted ${randomUUID().slice(0, 8)}`, price);
  const lessons = (await outlineOf(visitor, course.id)).flatMap((section) => section.lessons);
  const paidOrder = await placeOrder(learner, course.id);
  const payment = await pay(learner, paidOrder.id, 'tok_ok');
  await eventually(
    'the learner has access',
    () => accessTo(learner, course.id),
    ({ entitled }) => entitled,
  );
  const openOrder = await placeOrder(learner, wanted.id);
  const quizLesson = lesson(lessons, 'quiz');
  const started = await learner.call<{ attempt: { id: string; questions: { id: string }[] } }>(
    'POST',
    `/lessons/${quizLesson.id}/attempts`,
    { body: {} },
  );
  const { attempt } = success(started, 201, 'attempt');
  return {
    course,
    textLesson: lesson(lessons, 'text'),
    quizLesson,
    ...(await makeDraft(instructor)),
    paidOrder: await getOrder(learner, paidOrder.id),
    payment,
    openOrder,
    openPayment: await pay(learner, openOrder.id, 'tok_requires_3ds'),
    attemptId: attempt.id,
    questionId: attempt.questions[0]?.id ?? '',
    sessionId: await secondSession(visitor, learner),
    bystander: await signUp(visitor, 'Bystander'),
  };
}

function lesson(lessons: readonly OutlineLesson[], kind: string): OutlineLesson {
  const found = lessons.find((each) => each.kind === kind && !each.preview);
  assert(found, `the course has a ${kind} that is no preview`);
  return found;
}

async function makeDraft(
  instructor: Person,
): Promise<Pick<Things, 'draft' | 'draftSectionId' | 'draftLessonId' | 'draftFileId'>> {
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    success(await instructor.call<T>('POST', path, { body }), 201, path);
  const { course: draft } = await post<{ course: Course }>('/courses', { title: `Secret ${randomUUID().slice(0, 8)}` });
  const { section } = await post<{ section: Section }>(`/courses/${draft.id}/sections`, { title: 'Secret section' });
  const { lesson: made } = await post<{ lesson: { id: string } }>(`/sections/${section.id}/lessons`, {
    title: 'Secret lesson',
    kind: 'text',
    content: 'Secret text.',
  });
  const rawBody = new TextEncoder().encode('WEBVTT\n\n00:00.000 --> 00:01.000\nSecret\n');
  const uploaded = await instructor.call<{ file: { id: string } }>('POST', '/files?name=secret.vtt', {
    rawBody,
    contentType: 'text/vtt',
  });
  const { file } = success(uploaded, 201, 'upload');
  return { draft, draftSectionId: section.id, draftLessonId: made.id, draftFileId: file.id };
}

async function secondSession(visitor: Client, learner: Person): Promise<string> {
  await signIn(visitor, learner.email, learner.password);
  const answer = await learner.call<{ sessions: { id: string; current: boolean }[] }>('GET', '/sessions');
  const other = success(answer, 200, 'sessions').sessions.find(({ current }) => !current);
  assert(other, 'the learner has a second session');
  return other.id;
}

/** Fills the path of an operation with things of whoever may use it. */
export function pathOf(template: string, things: Things): string {
  const inDraft = /sections|:publish/.test(template);
  const ids: Readonly<Record<string, string>> = {
    '/courses/': inDraft ? things.draft.id : things.course.id,
    '/sections/': things.draftSectionId,
    '/lessons/': template.includes('attempts') ? things.quizLesson.id : things.textLesson.id,
    '/orders/': things.openOrder.id,
    '/payments/': things.openPayment.id,
    '/attempts/': things.attemptId,
    '/answers/': things.questionId,
    '/sessions/': things.sessionId,
    '/users/': things.bystander.user.id,
    '/files/': things.draftFileId,
    '/webhooks/': 'sandbox',
  };
  const byName: Readonly<Record<string, string>> = { code: '5400', currency: 'INR', number: '1' };
  return template.replace(/([^{]*?)\{([^}]+)\}/g, (_match, before: string, name: string) => {
    const last = /\/[a-z]+\/$/.exec(before)?.[0] ?? '';
    return `${before}${ids[last] ?? byName[name] ?? 'no-such-thing'}`;
  });
}

/** Who gets furthest with an operation that asks for this. */
export function actorFor(access: 'public' | 'signed_in' | readonly string[], cast: Cast): Client {
  if (access === 'public' || access === 'signed_in') return cast.learner;
  return access.includes('instructor') ? cast.instructor : access.includes('finance') ? cast.as.finance : cast.admin;
}
