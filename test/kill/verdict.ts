/** What must be true of a purchase in the end, found out through the public API alone. */
import assert from 'node:assert/strict';
import {
  accessTo,
  assertInBalance,
  type Client,
  type Entry,
  entriesOf,
  forAll,
  getOrder,
  listEnrolments,
  listNotifications,
  moved,
  type Order,
  type Payment,
  type Person,
  type Refund,
  success,
  sumOf,
  trialBalance,
} from '../client.ts';
import type { Acknowledged, Bought } from './shopper.ts';

/** One purchase as the platform tells it in the end. */
export interface Outcome {
  readonly bought: Bought;
  readonly order: Order;
  readonly payments: readonly Payment[];
  readonly entries: readonly Entry[];
  readonly captured: readonly Payment[];
  readonly refunds: readonly Refund[];
}

/** What the clients of a run were told, and where it can be looked up. */
export interface Told {
  readonly bought: readonly Bought[];
  readonly finance: Person;
  readonly platform: { readonly url: string };
}

export async function outcomesOf({ bought, finance, platform }: Told): Promise<readonly Outcome[]> {
  return await forAll(bought, async (each) => {
    const buyer = moved(each.buyer, platform.url);
    const order = await getOrder(buyer, each.order.id);
    const list = await buyer.call<{ payments: Payment[] }>('GET', `/orders/${order.id}/payments?pageSize=100`);
    const { payments } = success(list, 200, 'payments');
    return {
      bought: each,
      order,
      payments,
      entries: await entriesOf(moved(finance, platform.url), order.id),
      captured: payments.filter(({ status }) => status === 'succeeded'),
      refunds: (order.refunds ?? []).filter(({ status }) => status === 'succeeded'),
    };
  });
}

/** Attempts and refunds whose end is not known yet. */
export function unsettled(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.flatMap(({ bought, order, payments, captured }) => [
    ...payments
      .filter(({ status }) => ['requires_action', 'processing', 'unknown'].includes(status))
      .map(({ id, status }) => `payment ${id} is ${status}`),
    ...(order.refunds ?? []).filter(({ status }) => status === 'pending').map(({ id }) => `refund ${id} is pending`),
    ...captured
      .filter(({ id, dispute }) => bought.disputed.includes(id) && dispute === undefined)
      .map(({ id }) => `payment ${id} is not disputed yet`),
    ...(captured.length > 0 && order.status === 'awaiting_payment' ? [`order ${order.id} is not marked as paid`] : []),
  ]);
}

/** The order, its attempts and its refunds tell one story, and it is the one its client was told. */
export function assertPaidOnceOrNot(outcome: Outcome): void {
  const { bought, order, payments, captured, refunds } = outcome;
  const about = describe(outcome);
  assert(captured.length <= 1, `captured more than once: ${about}`);
  const paid = ['paid', 'partially_refunded', 'refunded'].includes(order.status);
  assert.equal(captured.length === 1, paid, `captured and paid are the same: ${about}`);
  const told = bought.payments.at(-1);
  assert.equal(told?.status === 'succeeded', paid, `the client was told the truth: ${about}`);
  // One request, one attempt: a repetition with the same key never makes another.
  assert.deepEqual(payments.map(({ id }) => id).sort(), bought.payments.map(({ id }) => id).sort(), about);
  for (const seen of bought.payments) {
    assert.equal(payments.find(({ id }) => id === seen.id)?.status, seen.status, `payment ${seen.id}: ${about}`);
  }
  if (!paid)
    assert.equal(order.status, bought.plan.afterFailure === 'cancel' ? 'cancelled' : 'awaiting_payment', about);
  assert.deepEqual(refunds.map(({ id }) => id).sort(), bought.refunds.map(({ id }) => id).sort(), about);
  const returned = refunds.reduce((sum, { amount }) => sum + BigInt(amount.amountMinor), 0n);
  assert.equal(BigInt(order.refunded?.amountMinor ?? 0), returned, `refunds add up: ${about}`);
  if (!paid) return;
  // What was lost wholly to a dispute leaves nothing to refund.
  const isGone = bought.disputeEnd === 'lost' || `${returned}` === order.total.amountMinor;
  const expected = isGone ? 'refunded' : returned === 0n ? 'paid' : 'partially_refunded';
  assert.equal(order.status, expected, about);
}

/** One journal for the payment, one for each refund, one for a dispute; each in balance, together the money that moved. */
export function assertJournals(outcome: Outcome): void {
  const { bought, order, entries, captured, refunds } = outcome;
  const about = describe(outcome);
  const causes = (kind: string) =>
    entries
      .filter((entry) => entry.kind === kind)
      .map(({ cause }) => cause)
      .sort();
  assert.deepEqual(causes('order_paid'), captured.map(({ id }) => `payment:${id}`).sort(), about);
  assert.deepEqual(causes('order_refunded'), refunds.map(({ id }) => `refund:${id}`).sort(), about);
  assert.equal(causes('dispute_opened').length, captured.filter(({ dispute }) => dispute !== undefined).length, about);
  assert.equal(causes('dispute_closed').length, bought.disputeEnd === undefined ? 0 : 1, about);
  assert.deepEqual(causes('late_payment_received'), causes('late_payment_returned'), `late money went back: ${about}`);
  for (const { legs } of entries) assert.equal(sumOf(legs, 'debit'), sumOf(legs, 'credit'), about);
  const moneyOf = (kind: string) =>
    sumOf(
      entries.filter((entry) => entry.kind === kind).flatMap(({ legs }) => legs),
      'debit',
    );
  const total = BigInt(order.total.amountMinor);
  assert.equal(moneyOf('order_paid'), captured.length === 1 ? total : 0n, `the journal holds the price: ${about}`);
  assert.equal(moneyOf('order_refunded'), BigInt(order.refunded?.amountMinor ?? 0), `and what went back: ${about}`);
}

/** Access, enrolments and notices of one buyer follow from the money, and from nothing else. */
export async function assertLearning(url: string, buyer: Person, outcomes: readonly Outcome[]): Promise<void> {
  const viewer = moved(buyer, url);
  const enrolments = await listEnrolments(viewer);
  for (const outcome of outcomes) {
    const { bought, order } = outcome;
    const about = describe(outcome);
    const isLost = bought.disputeEnd === 'lost';
    const entitled = ['paid', 'partially_refunded'].includes(order.status) && !isLost;
    assert.equal((await accessTo(viewer, bought.course.id)).entitled, entitled, `access: ${about}`);
    const mine = enrolments.filter(({ courseId }) => courseId === bought.course.id);
    const statuses = entitled ? ['active'] : order.status === 'refunded' || isLost ? ['ended'] : [];
    assert.deepEqual(
      mine.map(({ status }) => status),
      statuses,
      `enrolment: ${about}`,
    );
    if (bought.completedLessonId !== undefined) {
      assert.equal(mine[0]?.progress.completedLessons, 1, `the completed lesson: ${about}`);
    }
  }
  const kinds = (await listNotifications(viewer)).map(({ kind }) => kind);
  const count = (kind: string) => kinds.filter((one) => one === kind).length;
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  assert.equal(
    count('receipt'),
    sum(({ captured }) => captured.length),
    `${buyer.email} has one receipt a payment`,
  );
  assert.equal(
    count('refund'),
    sum(({ refunds }) => refunds.length),
    `${buyer.email} has one notice a refund`,
  );
}

/** Sends an acknowledged request again: the same key gives the same answer, byte for byte, and changes nothing. */
export async function assertReplayed(url: string, { by, path, body, key, status, text }: Acknowledged): Promise<void> {
  const answer = await moved(by, url).call('POST', path, { key, body });
  assert.equal(answer.status, status, `POST ${path} again: ${answer.text}`);
  assert.equal(answer.text, text, `POST ${path} again`);
  assert.equal(answer.headers.get('idempotent-replayed'), 'true', `POST ${path} again says that it is a replay`);
}

/** What the sandbox takes for a dispute, in minor units of every currency. */
const disputeFee = 1_500n;

/** The receivable is what was captured less what was returned, is disputed or lost, and disputes cost, in each currency. */
export async function assertReceivable(finance: Client, outcomes: readonly Outcome[]): Promise<void> {
  const balance = await trialBalance(finance);
  assertInBalance(balance);
  for (const { currency, accounts } of balance.currencies) {
    const ours = outcomes.filter(({ order }) => order.total.currency === currency);
    const expected = ours.reduce((sum, { bought, order, captured, payments }) => {
      const paid = captured.length === 1 ? BigInt(order.total.amountMinor) : 0n;
      const isDisputed = payments.some(({ dispute }) => dispute !== undefined) && bought.disputeEnd !== 'won';
      const fee = bought.disputeEnd === undefined ? 0n : disputeFee;
      return sum + paid - BigInt(order.refunded?.amountMinor ?? 0) - (isDisputed ? paid : 0n) - fee;
    }, 0n);
    const receivable = accounts.find(({ code }) => code === '1100');
    assert.equal(BigInt(receivable?.balanceMinor ?? 0), expected, `receivable in ${currency}`);
  }
}

function describe({ bought, order, payments, refunds, entries }: Outcome): string {
  return JSON.stringify({
    purchase: bought.plan,
    order: [order.id, order.status, order.refunded?.amountMinor],
    payments: payments.map(({ id, status }) => [id, status]),
    refunds: refunds.map(({ id, amount }) => [id, amount.amountMinor]),
    entries: entries.map(({ kind, cause }) => [kind, cause]),
  });
}
