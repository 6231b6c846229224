/** Money goes back the way it came and takes access with it; more than was paid never goes back. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  accessTo,
  assertInBalance,
  entriesOf,
  eventually,
  getOrder,
  listEnrolments,
  type Order,
  type Person,
  pay,
  placeOrder,
  refund,
  refusal,
  sumOf,
  trialBalance,
} from '../client.ts';
import { courseAndBuyer, rupees, type Scenario, type Stage } from './stage.ts';

export const fullRefund: Scenario = async (stage) => {
  const { course, buyer, order } = await paidOrder(stage, 'Bought and returned');
  const given = await refund(stage.finance, order.id);
  assert.deepEqual(given.amount, order.total);
  refusal(await tryRefund(stage.finance, order.id), 409, 'refund_exceeds_captured', 'a second refund');
  await eventually(
    'the order is refunded',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'refunded',
  );
  const access = await eventually(
    'access has ended',
    () => accessTo(buyer, course.id),
    ({ entitled }) => !entitled,
  );
  assert(access.because.length > 0, 'the end of access explains itself');
  assert.deepEqual(
    (await listEnrolments(buyer)).map(({ status }) => status),
    ['ended'],
  );
  const entries = await eventually(
    'the ledger holds both ways',
    () => entriesOf(stage.finance, order.id),
    (found) => found.length >= 2,
  );
  assert.deepEqual(entries.map(({ kind }) => kind).sort(), ['order_paid', 'order_refunded']);
  for (const { legs } of entries) assert.equal(sumOf(legs, 'debit'), sumOf(legs, 'credit'));
  assertInBalance(await trialBalance(stage.finance));
  // What was returned can be bought again.
  const second = await placeOrder(buyer, course.id);
  assert.equal((await pay(buyer, second.id, 'tok_ok')).status, 'succeeded');
  await eventually(
    'access is back',
    () => accessTo(buyer, course.id),
    ({ entitled }) => entitled,
  );
};

export const refundByTheBuyer: Scenario = async (stage) => {
  const { course, buyer, order } = await paidOrder(stage, 'Returned by the buyer');
  refusal(await tryRefund(stage.instructor, order.id), 404, 'not_found', "a refund of another person's order");
  assert.deepEqual((await refund(buyer, order.id)).amount, order.total);
  await eventually(
    'access has ended',
    () => accessTo(buyer, course.id),
    ({ entitled }) => !entitled,
  );
};

export const partialRefund: Scenario = async (stage) => {
  const { course, buyer, order } = await paidOrder(stage, 'Half returned', rupees(1_000));
  const part = rupees(300);
  assert.deepEqual((await refund(stage.finance, order.id, { amount: part })).amount, part);
  const partly = await eventually(
    'the order is partially refunded',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'partially_refunded',
  );
  assert.deepEqual(partly.refunded, part);
  assert.equal((await accessTo(buyer, course.id)).entitled, true, 'a part of the money leaves the access');
  refusal(
    await tryRefund(stage.finance, order.id, { amount: rupees(701) }),
    409,
    'refund_exceeds_captured',
    'more than what is left',
  );
  for (const amountMinor of ['0', '-100']) {
    const answer = await tryRefund(stage.finance, order.id, { amount: { currency: 'INR', amountMinor } });
    assert.equal(answer.status, 400, `a refund of ${amountMinor}: ${answer.text}`);
  }
  const other = await tryRefund(stage.finance, order.id, { amount: { currency: 'USD', amountMinor: '100' } });
  refusal(other, 400, 'amount_invalid', 'another currency');

  assert.deepEqual((await refund(stage.finance, order.id)).amount, rupees(700), 'the rest is what is left');
  await eventually(
    'the order is refunded',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'refunded',
  );
  await eventually(
    'access has ended',
    () => accessTo(buyer, course.id),
    ({ entitled }) => !entitled,
  );
  const entries = await eventually(
    'the ledger holds three journals',
    () => entriesOf(stage.finance, order.id),
    (found) => found.length >= 3,
  );
  assert.deepEqual(entries.map(({ kind }) => kind).sort(), ['order_paid', 'order_refunded', 'order_refunded']);
  assert.equal(new Set(entries.map(({ cause }) => cause)).size, 3, 'each journal has its own cause');
  assertInBalance(await trialBalance(stage.finance));
};

async function paidOrder(stage: Stage, title: string, price = rupees(499)) {
  const { course, buyer } = await courseAndBuyer(stage, title, price);
  const order = await placeOrder(buyer, course.id);
  await pay(buyer, order.id, 'tok_ok');
  await eventually(
    'access is granted',
    () => accessTo(buyer, course.id),
    ({ entitled }) => entitled,
  );
  return { course, buyer, order };
}

function tryRefund(by: Person, orderId: Order['id'], what: object = {}) {
  const body = { ...what, reason: 'requested_by_customer' };
  return by.call('POST', `/orders/${orderId}/refunds`, { key: randomUUID(), body });
}
