/**
 * A client that is not put off: it repeats a request with the same Idempotency-Key until it has an answer, writes down
 * every answer it was given, and sees at once when something that was true is not any more.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, CallOptions, Course, Order, Payment, Person, Problem, Refund } from '../client.ts';
import { moved } from '../client.ts';
import type { AfterPayment, AttemptPlan, PurchasePlan } from './plan.ts';

/** An answer that the platform gave and must stand by. */
export interface Acknowledged {
  readonly purchase: number;
  readonly by: Person;
  readonly path: string;
  readonly body: unknown;
  readonly key: string;
  readonly status: number;
  readonly text: string;
}

/** What one purchase came to, as its client saw it. */
export interface Bought {
  readonly plan: PurchasePlan;
  readonly buyer: Person;
  readonly course: Course;
  readonly order: Order;
  readonly payments: readonly Payment[];
  readonly refunds: readonly Refund[];
  /** Payments that their payer will dispute. */
  readonly disputed: readonly string[];
  /** The lesson that was acknowledged as completed. */
  readonly completedLessonId?: string;
  /** How the dispute of it ended, when finance answered to it. */
  readonly disputeEnd?: 'won' | 'lost';
}

/** The platform as the clients see it: somewhere, sometimes. */
export interface Street {
  /** Where it is; while it is down, resolves when it is back. */
  url(): Promise<string>;
  readonly finance: Person;
  readonly couponCode: string;
  /** Wait before a request is repeated for this time; 40 ms when absent. */
  retryMs?(repeated: number): number;
  /** Told how long an answer took, with all repetitions. */
  answeredAfter?(ms: number): void;
  acknowledge(answer: Acknowledged): void;
  /** Counts what came instead of an answer, by its name. */
  unanswered(why: string): void;
}

/** One request gets its answer within this time, whatever is killed meanwhile. */
const answerMsMax = 90_000;
const retryMs = 40;
const pollMs = 100;
/** Statuses that say "not now": documented as retryable. */
const notNow = new Set([408, 429, 500, 502, 503, 504]);

/** Repeats the call until it is answered. */
export async function insist<T>(
  street: Street,
  by: Person,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer<T>> {
  const askedMs = Date.now();
  const untilMs = askedMs + answerMsMax;
  let repeated = 0;
  for (let last = ''; ; ) {
    try {
      const answer = await moved(by, await street.url()).call<T>(method, path, options);
      const code = (answer.json as Problem | undefined)?.code;
      if (!notNow.has(answer.status) && code !== 'idempotency_in_progress') {
        street.answeredAfter?.(Date.now() - askedMs);
        return answer;
      }
      last = `${answer.status} ${code ?? answer.text.slice(0, 200)}`;
    } catch (error) {
      last = causeOf(error);
    }
    street.unanswered(last);
    if (Date.now() > untilMs)
      assert.fail(`${method} ${path} had no answer for ${answerMsMax / 1_000} s; last: ${last}`);
    await delay(street.retryMs?.(repeated) ?? retryMs);
    repeated += 1;
  }
}

/** fetch says only "fetch failed"; why it failed is in the cause. */
function causeOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

interface Shopping {
  readonly street: Street;
  readonly plan: PurchasePlan;
  readonly buyer: Person;
  readonly course: Course;
}

/** One purchase from order to refund, as planned. */
export async function shop(street: Street, plan: PurchasePlan, buyer: Person, course: Course): Promise<Bought> {
  const shopping = { street, plan, buyer, course };
  const wanted = { items: [{ courseId: course.id }], ...(plan.withCoupon ? { couponCode: street.couponCode } : {}) };
  const { order } = await post<{ order: Order }>(shopping, buyer, '/orders', wanted);
  assert.equal(order.status, 'awaiting_payment');
  const isFullPrice = order.total.amountMinor === course.price.amountMinor;
  assert.equal(
    isFullPrice,
    !plan.withCoupon,
    `purchase ${plan.index} of ${course.price.amountMinor}: ${order.total.amountMinor}`,
  );
  const payments: Payment[] = [];
  const disputed: string[] = [];
  for (const attempt of plan.attempts) {
    const payment = await settledPayment(shopping, order, attempt);
    payments.push(payment);
    if (attempt.token === 'tok_chargeback') disputed.push(payment.id);
  }
  const bought = { plan, buyer, course, order, payments, disputed };
  if (payments.at(-1)?.status !== 'succeeded') {
    if (plan.afterFailure === 'cancel') await post(shopping, buyer, `/orders/${order.id}:cancel`, {}, 200);
    return { ...bought, refunds: [] };
  }
  await until(
    shopping,
    `/orders/${order.id}`,
    (answer: { order: Order }) => answer.order.status !== 'awaiting_payment',
  );
  if (plan.afterPayment === 'learn') {
    const learnt = { ...bought, refunds: [], completedLessonId: await learn(shopping) };
    const isAnswered = disputed.length > 0 && plan.dispute !== 'leave';
    return isAnswered ? { ...learnt, disputeEnd: await answerDispute(shopping, order, plan.dispute) } : learnt;
  }
  return { ...bought, refunds: await giveBack(shopping, order, plan.afterPayment) };
}

/** Pays and waits until it is known how that ended. What was seen as settled must stay so. */
async function settledPayment(shopping: Shopping, order: Order, attempt: AttemptPlan): Promise<Payment> {
  const { buyer } = shopping;
  const method = { type: 'card', token: attempt.token };
  const made = await post<{ payment: Payment }>(shopping, buyer, `/orders/${order.id}/payments`, { method });
  assert.deepEqual(made.payment.amount, order.total);
  const payment = await ending(shopping, made.payment.id, attempt.challengeResponse);
  // A request that died before it reached the provider, and was repeated too late, is the one other end there is.
  const neverArrived = payment.failure?.code === 'provider_timeout';
  assert(payment.status === attempt.end || neverArrived, `${attempt.token} ends as ${attempt.end}: ${payment.status}`);
  return payment;
}

/** Looks until the payment has ended, and answers the bank's challenge whenever it is asked: also when it asks late. */
async function ending(shopping: Shopping, paymentId: string, challengeResponse: string | undefined): Promise<Payment> {
  for (;;) {
    const { payment } = await until(shopping, `/payments/${paymentId}`, (answer: { payment: Payment }) =>
      ['succeeded', 'failed', 'cancelled', 'requires_action'].includes(answer.payment.status),
    );
    if (payment.status !== 'requires_action') return payment;
    assert(challengeResponse, `payment ${paymentId} asks for a challenge that was not planned`);
    await post(shopping, shopping.buyer, `/payments/${paymentId}:confirm`, { challengeResponse }, 200);
  }
}

async function giveBack(
  shopping: Shopping,
  order: Order,
  how: Exclude<AfterPayment, 'learn'>,
): Promise<readonly Refund[]> {
  const { street, buyer } = shopping;
  const half = (BigInt(order.total.amountMinor) / 2n).toString();
  const part = { amount: { ...order.total, amountMinor: half } };
  const ask = async (by: Person, what: object) =>
    (await post<{ refund: Refund }>(shopping, by, `/orders/${order.id}/refunds`, { ...what, reason: 'kill_test' }))
      .refund;
  switch (how) {
    case 'refund by finance':
      return [await ask(street.finance, {})];
    case 'refund by the buyer':
      return [await ask(buyer, {})];
    case 'refund a part':
      return [await ask(street.finance, part)];
    case 'refund in two parts':
      return [await ask(street.finance, part), await ask(street.finance, {})];
  }
}

interface Dispute {
  readonly id: string;
  readonly status: string;
  readonly closedAt?: string;
}

/** Waits for the dispute, answers to it, and waits for the bank's word. */
async function answerDispute(
  shopping: Shopping,
  order: Order,
  how: Exclude<PurchasePlan['dispute'], 'leave'>,
): Promise<'won' | 'lost'> {
  const byFinance = { ...shopping, buyer: shopping.street.finance };
  const opened = await until(
    byFinance,
    `/disputes?orderId=${order.id}`,
    ({ disputes = [] }: { disputes?: Dispute[] }) => disputes.length > 0,
  );
  const id = opened.disputes?.[0]?.id;
  const [verb, body] = how === 'accept' ? ['accept', {}] : ['challenge', { evidence: 'winning_evidence' }];
  await post(shopping, byFinance.buyer, `/disputes/${id}:${verb}`, body, 200);
  const closed = await until(
    byFinance,
    `/disputes/${id}`,
    ({ dispute }: { dispute: Dispute }) => dispute.closedAt !== undefined,
  );
  return closed.dispute.status === 'won' ? 'won' : 'lost';
}

/** Completes the first lesson that is open to those who paid. */
async function learn(shopping: Shopping): Promise<string> {
  const { street, buyer, course } = shopping;
  await until(shopping, `/courses/${course.id}/access`, (answer: { entitled: boolean }) => answer.entitled);
  const outline = await insist<{ sections: { lessons: { id: string; kind: string; preview: boolean }[] }[] }>(
    street,
    buyer,
    'GET',
    `/courses/${course.id}/outline`,
  );
  const lessons = outline.json.sections.flatMap((section) => section.lessons);
  const lesson = lessons.find(({ kind, preview }) => kind === 'text' && !preview);
  assert(lesson, 'the course has a text lesson');
  const put = await insist(street, buyer, 'PUT', `/lessons/${lesson.id}/progress`, { body: { completed: true } });
  assert.equal(put.status, 200, `progress: ${put.text}`);
  return lesson.id;
}

/** Sends with a key of its own until it is answered, and keeps the answer. */
async function post<T>(shopping: Shopping, by: Person, path: string, body: unknown, status = 201): Promise<T> {
  const { street, plan } = shopping;
  const key = randomUUID();
  const answer = await insist<T>(street, by, 'POST', path, { key, body });
  assert.equal(answer.status, status, `purchase ${plan.index}, POST ${path}: ${answer.status} ${answer.text}`);
  street.acknowledge({ purchase: plan.index, by, path, body, key, status, text: answer.text });
  return answer.json;
}

/** Looks until it is so. A status that was seen as final is never seen otherwise again. */
async function until<T extends object>(shopping: Shopping, path: string, so: (answer: T) => boolean): Promise<T> {
  const untilMs = Date.now() + answerMsMax;
  for (;;) {
    const answer = await insist<T>(shopping.street, shopping.buyer, 'GET', path);
    assert.equal(answer.status, 200, `purchase ${shopping.plan.index}, GET ${path}: ${answer.status} ${answer.text}`);
    if (so(answer.json)) return answer.json;
    if (Date.now() > untilMs) assert.fail(`purchase ${shopping.plan.index}: ${path} stays ${answer.text}`);
    await delay(pollMs);
  }
}
