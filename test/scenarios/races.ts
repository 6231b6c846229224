/** Two at once on one key, one order, one refund: one winner, and the other is told so in the documented way. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type Answer,
  accessTo,
  entriesOf,
  eventually,
  getOrder,
  type Order,
  type Payment,
  type Person,
  type Problem,
  pay,
  placeOrder,
  type Refund,
  refusal,
  signUp,
} from '../client.ts';
import { courseAndBuyer, type Scenario } from './stage.ts';

/** How many race: enough that they overlap in every round. */
const runners = 8;

export const raceOnOneKey: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'One key');
  const key = randomUUID();
  const body = { items: [{ courseId: course.id }] };
  const answers = await atOnce(() => buyer.call<{ order: Order }>('POST', '/orders', { key, body }));
  const made = answers.filter(({ status }) => status === 201);
  assert(made.length > 0, `one wins: ${summary(answers)}`);
  assert.equal(new Set(made.map(({ json }) => json.order.id)).size, 1, 'one order came of one key');
  for (const loser of answers.filter(({ status }) => status !== 201)) {
    refusal(loser, 409, 'idempotency_in_progress', 'the same key while it runs');
  }
  assert.equal(
    made.filter(({ headers }) => headers.get('idempotent-replayed') !== 'true').length,
    1,
    'one did the work',
  );
  const again = await buyer.call<{ order: Order }>('POST', '/orders', { key, body });
  assert.equal(again.status, 201);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  assert.equal(again.text, made[0]?.text, 'a replay is the first answer');
  const other = await buyer.call('POST', '/orders', { key, body: { ...body, couponCode: 'X' } });
  const problem = refusal(other, 422, 'idempotency_key_reused', 'the key with another body');
  assert(
    problem.errors?.some(({ field }) => field === 'couponCode'),
    'it names the field that differs',
  );
  // A key belongs to its owner: another person's same key is another key.
  const neighbour = await signUp(stage.visitor, 'Ravi');
  const theirs = await neighbour.call<{ order: Order }>('POST', '/orders', { key, body });
  assert.equal(theirs.status, 201);
  assert.notEqual(theirs.json.order.id, made[0]?.json.order.id);
  const orders = await buyer.call<{ orders: Order[] }>('GET', '/orders');
  assert.equal(orders.json.orders.length, 1);
};

export const raceOnOneOrder: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'One order');
  const order = await placeOrder(buyer, course.id);
  const answers = await atOnce(() =>
    buyer.call<{ payment: Payment }>('POST', `/orders/${order.id}/payments`, {
      key: randomUUID(),
      body: { method: { type: 'card', token: 'tok_ok' } },
    }),
  );
  assertOneWinner(answers, ['payment_in_progress', 'order_not_payable', 'already_captured']);
  await eventually(
    'the order is paid',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'paid',
  );
  await eventually(
    'the ledger holds one journal',
    () => entriesOf(stage.finance, order.id),
    (entries) => entries.length === 1,
  );
  const late = await buyer.call('POST', `/orders/${order.id}/payments`, {
    key: randomUUID(),
    body: { method: { type: 'card', token: 'tok_ok' } },
  });
  refusal(late, 409, 'order_not_payable', 'paying a paid order');
};

export const raceOnOneRefund: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'One refund');
  const order = await placeOrder(buyer, course.id);
  await pay(buyer, order.id, 'tok_ok');
  await eventually(
    'the order is paid',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'paid',
  );
  const sides: readonly Person[] = [stage.finance, buyer];
  const answers = await atOnce((index) =>
    (sides[index % 2] ?? buyer).call<{ refund: Refund }>('POST', `/orders/${order.id}/refunds`, {
      key: randomUUID(),
      body: { reason: 'requested_by_customer' },
    }),
  );
  assertOneWinner(answers, ['refund_exceeds_captured']);
  const after = await eventually(
    'the order is refunded',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'refunded',
  );
  assert.equal(after.refunds?.filter(({ status }) => status === 'succeeded').length, 1);
  await eventually(
    'access has ended',
    () => accessTo(buyer, course.id),
    ({ entitled }) => !entitled,
  );
  const entries = await eventually(
    'the ledger holds the payment and one refund',
    () => entriesOf(stage.finance, order.id),
    ({ length }) => length >= 2,
  );
  assert.deepEqual(entries.map(({ kind }) => kind).sort(), ['order_paid', 'order_refunded']);
};

/** Whoever comes first decides: a cancelled order is never paid, a paid one never cancelled. */
export const raceOfPayingAndCancelling: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'Paid or cancelled');
  const order = await placeOrder(buyer, course.id);
  const [payment, cancel] = await Promise.all([
    buyer.call<{ payment: Payment }>('POST', `/orders/${order.id}/payments`, {
      key: randomUUID(),
      body: { method: { type: 'card', token: 'tok_ok' } },
    }),
    buyer.call<{ order: Order }>('POST', `/orders/${order.id}:cancel`, { body: {} }),
  ]);
  const seen = summary([payment, cancel]);
  assert([201, 409].includes(payment.status) && [200, 409].includes(cancel.status), seen);
  const end = cancel.status === 200 ? 'cancelled' : payment.status === 201 ? 'paid' : 'awaiting_payment';
  assert(!(payment.status === 201 && payment.json.payment.status === 'succeeded' && cancel.status === 200), seen);
  await eventually(
    `the order is ${end} after ${seen}`,
    () => getOrder(buyer, order.id),
    ({ status }) => status === end,
  );
  assert.equal((await entriesOf(stage.finance, order.id)).length <= (end === 'paid' ? 1 : 0), true);
};

function atOnce<T>(run: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: runners }, (_, index) => run(index)));
}

function assertOneWinner(answers: readonly Answer[], documented: readonly string[]): void {
  assert.equal(answers.filter(({ status }) => status === 201).length, 1, `one wins: ${summary(answers)}`);
  for (const loser of answers.filter(({ status }) => status !== 201)) {
    assert.equal(loser.status, 409, summary(answers));
    assert(documented.includes((loser.json as Problem).code), `documented refusals only: ${summary(answers)}`);
  }
}

function summary(answers: readonly Answer[]): string {
  return answers.map(({ status, json }) => `${status} ${(json as Problem | undefined)?.code ?? ''}`.trim()).join(', ');
}
