/** A course that costs nothing: the order is paid at once, no money moves, access is the same. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { accessTo, entriesOf, eventually, getOrder, listEnrolments, placeOrder, refusal } from '../client.ts';
import { courseAndBuyer, rupees, type Scenario } from './stage.ts';

export const freeCourse: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'A gift', rupees(0));
  const order = await placeOrder(buyer, course.id);
  assert.equal(order.status, 'paid');
  assert.equal(order.total.amountMinor, '0');
  await eventually(
    'access is granted',
    () => accessTo(buyer, course.id),
    ({ entitled }) => entitled,
  );
  assert.equal((await listEnrolments(buyer)).filter(({ status }) => status === 'active').length, 1);
  const payment = await buyer.call('POST', `/orders/${order.id}/payments`, {
    key: randomUUID(),
    body: { method: { type: 'card', token: 'tok_ok' } },
  });
  refusal(payment, 409, 'order_not_payable', 'paying for a gift');
  assert.deepEqual(await entriesOf(stage.finance, order.id), []);
  assert.equal((await getOrder(buyer, order.id)).status, 'paid');
};
