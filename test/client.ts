/**
 * A small typed client of the public API for tests: over HTTP alone, knowing nothing of what runs behind it. Calls give
 * the whole answer; the named operations below throw when the answer is not the success they name.
 */
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export interface Money {
  readonly currency: string;
  readonly amountMinor: string;
}

export interface User {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly roles: readonly string[];
}

export interface Course {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly price: Money;
  readonly status: string;
  readonly instructor: { readonly id: string; readonly displayName: string };
}

export interface OutlineLesson {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
  readonly preview: boolean;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly lessons: readonly OutlineLesson[];
}

export interface OrderLine {
  readonly id: string;
  readonly courseId: string;
  readonly title: string;
  readonly price: Money;
  readonly net: Money;
  readonly tax: Money;
  readonly total: Money;
  readonly refunded: Money;
}

export interface Refund {
  readonly id: string;
  readonly status: 'pending' | 'succeeded' | 'failed';
  readonly amount: Money;
}

export interface Order {
  readonly id: string;
  readonly number: string;
  readonly status: 'awaiting_payment' | 'paid' | 'cancelled' | 'partially_refunded' | 'refunded';
  readonly lines: readonly OrderLine[];
  readonly subtotal: Money;
  readonly discount: Money;
  readonly tax: Money;
  readonly total: Money;
  readonly refunded?: Money;
  readonly refunds?: readonly Refund[];
  readonly paymentId?: string;
  readonly fulfillment?: 'none' | 'pending' | 'fulfilled' | 'completed';
}

export interface Payment {
  readonly id: string;
  readonly orderId: string;
  readonly status: 'requires_action' | 'processing' | 'succeeded' | 'failed' | 'unknown' | 'cancelled';
  readonly amount: Money;
  readonly nextAction?: { readonly type: string; readonly url?: string; readonly uri?: string };
  readonly failure?: { readonly code: string };
  readonly dispute?: { readonly status: string };
}

export interface Leg {
  readonly account: string;
  readonly debit?: Money;
  readonly credit?: Money;
}

export interface Entry {
  readonly id: string;
  readonly kind: string;
  readonly reference: string;
  readonly cause: string;
  readonly legs: readonly Leg[];
}

export interface TrialBalance {
  readonly currencies: readonly {
    readonly currency: string;
    readonly debitMinor: string;
    readonly creditMinor: string;
    readonly accounts: readonly { readonly code: string; readonly normalSide: string; readonly balanceMinor: string }[];
  }[];
}

export interface Access {
  readonly entitled: boolean;
  readonly because: readonly { readonly kind: string; readonly reference: string; readonly at?: string }[];
}

export interface Enrolment {
  readonly id: string;
  readonly courseId: string;
  readonly status: 'active' | 'ended';
  readonly release: number;
  readonly progress: { readonly completedLessons: number; readonly totalLessons: number; readonly fraction: number };
}

export interface Notification {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly link: string;
}

/** RFC 9457 with our members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly traceId: string;
  readonly errors?: readonly { readonly field: string; readonly code: string; readonly detail: string }[];
}

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: T;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string | Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Client {
  readonly baseUrl: string;
  /** '' for nobody. */
  readonly token: string;
  /** `path` below /api/v1, or absolute from the root when it starts with `//`. Throws when there is no answer. */
  call<T = unknown>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
}

export interface Person extends Client {
  readonly user: User;
  readonly email: string;
  readonly password: string;
}

const callMsMax = 20_000;

export function anonymousClient(baseUrl: string): Client {
  return clientOf(baseUrl, '');
}

/** Each client comes from an address of its own, as people do; test/platform.ts makes the gateway believe it. */
function clientOf(baseUrl: string, token: string): Client {
  const address = someAddress();
  return {
    baseUrl,
    token,
    call: (method, path, options = {}) =>
      call(baseUrl, token, method, path, { ...options, headers: { 'x-forwarded-for': address, ...options.headers } }),
  };
}

export function someAddress(): string {
  return `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

/** The same person at another address: the platform was started again. */
export function moved(person: Person, baseUrl: string): Person {
  return { ...person, ...clientOf(baseUrl, person.token) };
}

async function call<T>(
  baseUrl: string,
  token: string,
  method: string,
  path: string,
  options: CallOptions,
): Promise<Answer<T>> {
  const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const contentType = options.contentType ?? (body === undefined ? undefined : 'application/json');
  const response = await fetch(path.startsWith('//') ? baseUrl + path.slice(1) : `${baseUrl}/api/v1${path}`, {
    method,
    headers: {
      accept: 'application/json',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(options.key === undefined ? {} : { 'idempotency-key': options.key }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
    redirect: 'manual',
    signal: AbortSignal.timeout(callMsMax),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) as T };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The body of an answer that must have this status. */
export function success<T>(answer: Answer<T>, status: number, what: string): T {
  assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text.slice(0, 600)}`);
  return answer.json;
}

/** The problem of an answer that must be this refusal. */
export function refusal(answer: Answer, status: number, code: string, what: string): Problem {
  const problem = answer.json as Problem | undefined;
  const seen = `${what}: ${answer.status} ${answer.text.slice(0, 600)}`;
  assert.equal(answer.status, status, seen);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json\b/, seen);
  assert.equal(problem?.code, code, seen);
  return problem as Problem;
}

export async function signUp(client: Client, name = 'Asha'): Promise<Person> {
  const email = `${name.toLowerCase()}.${randomUUID()}@example.test`;
  const password = `Pw-${randomUUID()}`;
  success(await client.call('POST', '/users', { body: { email, password, displayName: name } }), 201, 'sign up');
  return await signIn(client, email, password);
}

export async function signIn(client: Client, email: string, password: string): Promise<Person> {
  const answer = await client.call<{ accessToken: string; user: User }>('POST', '/sessions', {
    body: { email, password },
  });
  const { accessToken, user } = success(answer, 201, `sign in as ${email}`);
  return { ...clientOf(client.baseUrl, accessToken), user, email, password };
}

export async function listCourses(client: Client): Promise<readonly Course[]> {
  const answer = await client.call<{ courses: Course[] }>('GET', '/courses?pageSize=100');
  return success(answer, 200, 'list courses').courses;
}

export async function outlineOf(client: Client, courseId: string): Promise<readonly Section[]> {
  const answer = await client.call<{ sections: Section[] }>('GET', `/courses/${courseId}/outline`);
  return success(answer, 200, 'outline').sections;
}

/** A released course with a preview, a text lesson and a quiz, by this instructor. */
export async function publishCourse(instructor: Client, title: string, price: Money): Promise<Course> {
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    success(await instructor.call<T>('POST', path, { body }), 201, path);
  const { course } = await post<{ course: Course }>('/courses', {
    title,
    summary: 'Made by a test.',
    language: 'en',
    level: 'beginner',
    price,
  });
  const { section } = await post<{ section: Section }>(`/courses/${course.id}/sections`, { title: 'One' });
  const lessons = `/sections/${section.id}/lessons`;
  await post(lessons, { title: 'Welcome', kind: 'text', content: 'Hello.', preview: true });
  await post(lessons, { title: 'The matter', kind: 'text', content: '# Matter\n\nOf substance.' });
  await post(lessons, { title: 'Check', kind: 'quiz', content: { quiz: smallQuiz } });
  const published = await instructor.call<{ course: Course }>('POST', `/courses/${course.id}:publish`, { body: {} });
  return success(published, 200, 'publish').course;
}

const smallQuiz = {
  passFraction: 1,
  questions: [
    {
      kind: 'single',
      stem: 'Which one?',
      options: [{ text: 'This' }, { text: 'That' }],
      points: 1,
      key: { optionPositions: [0] },
      feedback: { correct: 'Yes.', incorrect: 'No.' },
    },
  ],
};

export async function placeOrder(buyer: Client, ...courseIds: readonly string[]): Promise<Order> {
  const body = { items: courseIds.map((courseId) => ({ courseId })) };
  const answer = await buyer.call<{ order: Order }>('POST', '/orders', { key: randomUUID(), body });
  return success(answer, 201, 'place order').order;
}

export async function getOrder(viewer: Client, orderId: string): Promise<Order> {
  return success(await viewer.call<{ order: Order }>('GET', `/orders/${orderId}`), 200, 'get order').order;
}

export async function pay(buyer: Client, orderId: string, token: string, type = 'card'): Promise<Payment> {
  const answer = await buyer.call<{ payment: Payment }>('POST', `/orders/${orderId}/payments`, {
    key: randomUUID(),
    body: { method: { type, token } },
  });
  return success(answer, 201, `pay with ${token}`).payment;
}

export async function confirm(buyer: Client, paymentId: string, challengeResponse: string): Promise<Payment> {
  const answer = await buyer.call<{ payment: Payment }>('POST', `/payments/${paymentId}:confirm`, {
    body: { challengeResponse },
  });
  return success(answer, 200, 'confirm payment').payment;
}

export async function getPayment(viewer: Client, paymentId: string): Promise<Payment> {
  return success(await viewer.call<{ payment: Payment }>('GET', `/payments/${paymentId}`), 200, 'get payment').payment;
}

export async function refund(
  finance: Client,
  orderId: string,
  what: { readonly amount?: Money } = {},
): Promise<Refund> {
  const answer = await finance.call<{ refund: Refund }>('POST', `/orders/${orderId}/refunds`, {
    key: randomUUID(),
    body: { ...what, reason: 'requested_by_customer' },
  });
  return success(answer, 201, 'refund').refund;
}

export async function accessTo(viewer: Client, courseId: string): Promise<Access> {
  return success(await viewer.call<Access>('GET', `/courses/${courseId}/access`), 200, 'access');
}

export async function listEnrolments(learner: Client): Promise<readonly Enrolment[]> {
  const answer = await learner.call<{ enrolments: Enrolment[] }>('GET', '/enrolments?pageSize=100');
  return success(answer, 200, 'enrolments').enrolments;
}

export async function listNotifications(viewer: Client): Promise<readonly Notification[]> {
  const answer = await viewer.call<{ notifications: Notification[] }>('GET', '/notifications?pageSize=100');
  return success(answer, 200, 'notifications').notifications;
}

export async function entriesOf(finance: Client, orderId: string): Promise<readonly Entry[]> {
  const answer = await finance.call<{ entries: Entry[] }>(
    'GET',
    `/ledger/entries?reference=order:${orderId}&pageSize=100`,
  );
  return success(answer, 200, 'ledger entries').entries;
}

export async function trialBalance(finance: Client): Promise<TrialBalance> {
  return success(await finance.call<TrialBalance>('GET', '/ledger/trial-balance'), 200, 'trial balance');
}

/** Asserts that debits equal credits in each currency, by the totals and by summing the accounts. */
export function assertInBalance(balance: TrialBalance): void {
  for (const { currency, debitMinor, creditMinor, accounts } of balance.currencies) {
    assert.equal(debitMinor, creditMinor, `${currency} is in balance`);
    const signed = accounts.map(({ normalSide, balanceMinor }) =>
      normalSide === 'debit' ? BigInt(balanceMinor) : -BigInt(balanceMinor),
    );
    const sum = signed.reduce((total, one) => total + one, 0n);
    assert.equal(sum, 0n, `the ${currency} accounts sum to nothing`);
  }
}

export function sumOf(legs: readonly Leg[], side: 'debit' | 'credit'): bigint {
  return legs.reduce((sum, leg) => sum + BigInt(leg[side]?.amountMinor ?? 0), 0n);
}

/** How many items are worked on at once where nobody says otherwise. */
const atOnceDefault = 8;

/** Runs the work over the items, some at once, and gives the results in the order of the items. */
export async function forAll<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce = atOnceDefault,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

export interface EventuallyOptions {
  readonly withinMs?: number;
  readonly everyMs?: number;
}

/** Asks again until the answer satisfies and gives it; throws with the last answer when the time is up. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  satisfied: (answer: T) => boolean,
  { withinMs = 20_000, everyMs = 50 }: EventuallyOptions = {},
): Promise<T> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (satisfied(answer)) return answer;
    if (Date.now() > untilMs) {
      assert.fail(
        `${what} did not come true within ${withinMs / 1_000} s; last: ${JSON.stringify(answer).slice(0, 800)}`,
      );
    }
    await delay(everyMs);
  }
}
