/** Who may see and change whose what: rows of things, columns of roles. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Answer, CallOptions, Enrolment, Notification, Order } from '../client.ts';
import type { Cast, RoleName, Things } from './cast.ts';

export interface Visibility {
  readonly what: string;
  ask(things: Things): { method: string; path: string; options?: CallOptions };
  /** Statuses that a role may be answered with. */
  readonly roles: Readonly<Partial<Record<RoleName, readonly number[]>>>;
  /** For the roles that are not named; absent: they are not asked. */
  readonly others?: readonly number[];
  readonly check?: (answer: Answer, role: RoleName, cast: Cast) => void;
}

const unsigned = { anonymous: [401], 'ended session': [401] } as const;
/** Private: whoever may not see it learns nothing, not even that it is there. */
const hidden = [404] as const;
const refused = [403] as const;
const get =
  (path: (things: Things) => string): Visibility['ask'] =>
  (things) => ({ method: 'GET', path: path(things) });
const post =
  (path: (things: Things) => string, body: unknown = {}): Visibility['ask'] =>
  (things) => ({ method: 'POST', path: path(things), options: { body, key: randomUUID() } });
const other = ['other learner', 'instructor', 'other instructor'] as const;
const eachOther = (statuses: readonly number[]) => Object.fromEntries(other.map((role) => [role, statuses]));

const purchases: readonly Visibility[] = [
  {
    what: "another person's order is hidden from all but finance",
    ask: get(({ paidOrder }) => `/orders/${paidOrder.id}`),
    roles: { ...unsigned, learner: [200], finance: [200], admin: [200] },
    others: hidden,
  },
  {
    what: "another person's attempts to pay are hidden",
    ask: get(({ paidOrder }) => `/orders/${paidOrder.id}/payments`),
    roles: { ...unsigned, learner: [200], ...eachOther(hidden) },
  },
  {
    what: "another person's payment is hidden",
    ask: get(({ payment }) => `/payments/${payment.id}`),
    roles: { ...unsigned, learner: [200], ...eachOther(hidden) },
  },
  {
    what: "another person's order cannot be paid",
    ask: post(({ openOrder }) => `/orders/${openOrder.id}/payments`, { method: { type: 'card', token: 'tok_ok' } }),
    // Its own buyer has a payment under way.
    roles: { ...unsigned, learner: [409], ...eachOther(hidden) },
  },
  {
    what: "another person's payment cannot be confirmed",
    ask: post(({ openPayment }) => `/payments/${openPayment.id}:confirm`, { challengeResponse: 'approve' }),
    roles: { ...unsigned, ...eachOther(hidden) },
  },
  {
    what: "another person's order cannot be cancelled",
    ask: post(({ openOrder }) => `/orders/${openOrder.id}:cancel`),
    roles: { ...unsigned, ...eachOther(hidden) },
  },
  {
    what: "another person's order cannot be refunded",
    ask: post(({ paidOrder }) => `/orders/${paidOrder.id}/refunds`, { reason: 'mine now' }),
    roles: { ...unsigned, ...eachOther(hidden) },
  },
  {
    what: "everybody's orders are for finance",
    ask: get(() => '/orders?all=true&pageSize=100'),
    roles: { ...unsigned, finance: [200], admin: [200] },
    others: refused,
    check: (answer, _role, { things }) => {
      if (answer.status !== 200) return;
      const { orders } = answer.json as { orders: Order[] };
      assert(orders.some(({ id }) => id === things.paidOrder.id));
    },
  },
  {
    what: 'a list of orders holds only my own',
    ask: get(() => '/orders?pageSize=100'),
    roles: unsigned,
    others: [200],
    check: (answer, role, { things }) => {
      if (answer.status !== 200) return;
      const { orders } = answer.json as { orders: Order[] };
      assert.equal(
        orders.some(({ id }) => id === things.paidOrder.id),
        role === 'learner',
        role,
      );
    },
  },
];

const learning: readonly Visibility[] = [
  {
    what: 'a paid lesson is open to who paid and who teaches it',
    ask: get(({ textLesson }) => `/lessons/${textLesson.id}`),
    roles: {
      anonymous: [401, 403],
      'ended session': [401],
      learner: [200],
      instructor: [200],
      admin: [200, 403],
    },
    others: refused,
  },
  {
    what: 'no answer to a quiz comes with its questions',
    ask: get(({ quizLesson }) => `/lessons/${quizLesson.id}`),
    roles: { learner: [200], 'other learner': refused, 'other instructor': refused },
    check: ({ status, text }) => {
      if (status === 200)
        assert.doesNotMatch(text, /"key"|"optionPositions"|"correct"|"tolerance"|"feedback\w*":"[^"]/);
    },
  },
  {
    what: "another person's attempt is hidden",
    ask: get(({ attemptId }) => `/attempts/${attemptId}`),
    roles: { ...unsigned, learner: [200], ...eachOther(hidden), finance: hidden },
    check: ({ status, text }) => {
      if (status === 200) assert.doesNotMatch(text, /"key"|"optionPositions"|"correct"/);
    },
  },
  {
    what: "another person's attempt cannot be answered",
    ask: ({ attemptId, questionId }) => ({
      method: 'PUT',
      path: `/attempts/${attemptId}/answers/${questionId}`,
      options: { body: { optionIds: [] } },
    }),
    roles: { ...unsigned, ...eachOther(hidden) },
  },
  {
    what: "another person's attempt cannot be submitted",
    ask: post(({ attemptId }) => `/attempts/${attemptId}:submit`),
    roles: { ...unsigned, ...eachOther(hidden), finance: hidden },
  },
  {
    what: 'progress in a course is kept for who is enrolled',
    ask: get(({ course }) => `/courses/${course.id}/progress`),
    roles: { ...unsigned, learner: [200], 'other learner': refused, 'other instructor': refused, finance: refused },
  },
  {
    what: 'a list of enrolments holds only my own',
    ask: get(() => '/enrolments?pageSize=100'),
    roles: unsigned,
    others: [200],
    check: (answer, role, { things }) => {
      if (answer.status !== 200) return;
      const { enrolments } = answer.json as { enrolments: Enrolment[] };
      assert.equal(
        enrolments.some(({ courseId }) => courseId === things.course.id),
        role === 'learner',
        role,
      );
    },
  },
];

const drafts: readonly Visibility[] = [
  {
    what: 'a draft course is hidden from all but who writes it',
    ask: get(({ draft }) => `/courses/${draft.id}`),
    roles: { 'ended session': [401], instructor: [200], admin: [200] },
    others: hidden,
  },
  {
    what: 'the draft of a released course is hidden from all but who writes it',
    ask: get(({ course }) => `/courses/${course.id}/outline?draft=true`),
    roles: { anonymous: [401, 403, 404], 'ended session': [401], instructor: [200], admin: [200, 404] },
    others: [403, 404],
  },
  {
    what: 'a lesson of a draft is hidden from all but who writes it',
    ask: get(({ draftLessonId }) => `/lessons/${draftLessonId}?draft=true`),
    roles: { anonymous: [401, 403, 404], 'ended session': [401], instructor: [200], admin: [200, 404] },
    others: [403, 404],
  },
  {
    what: 'a file of a draft is hidden from all but who uploaded it',
    ask: get(({ draftFileId }) => `/files/${draftFileId}`),
    roles: { anonymous: [401, 403, 404], 'ended session': [401], instructor: [200], admin: [200, 404] },
    others: [403, 404],
  },
  {
    what: "another instructor's course cannot be changed",
    ask: ({ draft }) => ({ method: 'PATCH', path: `/courses/${draft.id}`, options: { body: { title: 'Mine now' } } }),
    roles: { ...unsigned, learner: refused, 'other learner': refused, finance: refused, 'other instructor': hidden },
  },
  {
    what: "another instructor's course gets no section",
    ask: post(({ draft }) => `/courses/${draft.id}/sections`, { title: 'Mine now' }),
    roles: { ...unsigned, learner: refused, finance: refused, 'other instructor': hidden },
  },
  {
    what: "another instructor's section gets no lesson",
    ask: post(({ draftSectionId }) => `/sections/${draftSectionId}/lessons`, {
      title: 'Mine',
      kind: 'text',
      content: 'x',
    }),
    roles: { ...unsigned, learner: refused, finance: refused, 'other instructor': hidden },
  },
  {
    what: "another instructor's lesson cannot be changed",
    ask: ({ draftLessonId }) => ({
      method: 'PATCH',
      path: `/lessons/${draftLessonId}`,
      options: { body: { title: 'Mine' } },
    }),
    roles: { ...unsigned, learner: refused, finance: refused, 'other instructor': hidden },
  },
  {
    what: "another instructor's course cannot be published",
    ask: post(({ draft }) => `/courses/${draft.id}:publish`),
    roles: { ...unsigned, learner: refused, finance: refused, 'other instructor': hidden },
  },
  {
    what: 'a list of taught courses holds only my own',
    ask: get(() => '/instructors/me/courses?pageSize=100'),
    roles: { ...unsigned, learner: refused, finance: refused, instructor: [200], 'other instructor': [200] },
    check: (answer, role, { things }) => {
      if (answer.status === 200) assert.equal(answer.text.includes(things.draft.id), role === 'instructor', role);
    },
  },
];

const accounts: readonly Visibility[] = [
  {
    what: "another person's session cannot be ended",
    ask: ({ sessionId }) => ({ method: 'DELETE', path: `/sessions/${sessionId}` }),
    roles: { ...unsigned, ...eachOther(hidden), finance: hidden, admin: hidden },
  },
  {
    what: 'a list of sessions holds only my own',
    ask: get(() => '/sessions?pageSize=100'),
    roles: unsigned,
    others: [200],
    check: (answer, role, { things }) => {
      if (answer.status === 200) assert.equal(answer.text.includes(things.sessionId), role === 'learner', role);
    },
  },
  {
    what: 'a list of notifications holds only my own',
    ask: get(() => '/notifications?pageSize=100'),
    roles: unsigned,
    others: [200],
    check: (answer, role, { things }) => {
      if (answer.status !== 200 || role === 'learner') return;
      const { notifications } = answer.json as { notifications: Notification[] };
      assert(!notifications.some(({ link }) => link?.includes(things.paidOrder.id)), role);
    },
  },
  {
    what: 'the mailbox holds only my own mail',
    ask: get(() => '/mailbox?pageSize=100'),
    roles: unsigned,
    others: [200],
    check: (answer, role, { learner }) => {
      if (answer.status === 200 && role !== 'learner') assert(!answer.text.includes(learner.email), role);
    },
  },
  {
    what: "everybody's mail is for administrators",
    ask: get(() => '/mailbox?all=true'),
    roles: { ...unsigned, admin: [200] },
    others: refused,
  },
  {
    what: 'users are listed for administrators',
    ask: get(() => '/users?pageSize=100'),
    roles: { ...unsigned, admin: [200] },
    others: refused,
    check: ({ status, text }) => {
      if (status === 200) assert.doesNotMatch(text, /argon2|password|hash/i);
    },
  },
  {
    what: 'roles are given by administrators only',
    ask: ({ bystander }) => ({
      method: 'PUT',
      path: `/users/${bystander.user.id}/roles`,
      options: { body: { roles: ['learner', 'admin'] } },
    }),
    roles: { ...unsigned, admin: [200] },
    others: refused,
  },
];

const money: readonly Visibility[] = [
  ...['/ledger/trial-balance', '/ledger/entries'].map(
    (path): Visibility => ({
      what: `${path} is for finance`,
      ask: get(() => path),
      roles: { ...unsigned, finance: [200], admin: [200] },
      others: refused,
    }),
  ),
  {
    what: 'earnings hold only my own sales',
    ask: get(() => '/instructors/me/earnings?pageSize=100'),
    roles: { ...unsigned, instructor: [200], 'other instructor': [200], learner: refused, finance: refused },
    check: (answer, role, { things }) => {
      if (answer.status === 200) assert.equal(answer.text.includes(things.paidOrder.id), role === 'instructor', role);
    },
  },
];

export const visibility: readonly Visibility[] = [...purchases, ...learning, ...drafts, ...accounts, ...money];
