/** An order that is not paid can be let go of; after that it can neither be paid nor let go of in another way. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Client, getOrder, type Order, pay, placeOrder, refusal, success } from '../client.ts';
import { courseAndBuyer, type Scenario } from './stage.ts';

export const cancelling: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'Thought better of');
  const order = await placeOrder(buyer, course.id);
  await pay(buyer, order.id, 'tok_requires_3ds');
  const cancelled = success(await cancel(buyer, order), 200, 'cancel').order;
  assert.equal(cancelled.status, 'cancelled');
  assert.equal(success(await cancel(buyer, order), 200, 'cancel again').order.status, 'cancelled');
  const payment = await buyer.call('POST', `/orders/${order.id}/payments`, {
    key: randomUUID(),
    body: { method: { type: 'card', token: 'tok_ok' } },
  });
  refusal(payment, 409, 'order_not_payable', 'paying a cancelled order');
  const refund = await buyer.call('POST', `/orders/${order.id}/refunds`, {
    key: randomUUID(),
    body: { reason: 'never paid' },
  });
  refusal(refund, 409, 'order_not_paid', 'a refund of what was never paid');

  const paid = await placeOrder(buyer, course.id);
  await pay(buyer, paid.id, 'tok_ok');
  refusal(await cancel(buyer, paid), 409, 'order_not_cancellable', 'cancelling a paid order');
  assert.equal((await getOrder(buyer, order.id)).status, 'cancelled');
};

function cancel(buyer: Client, { id }: Order) {
  return buyer.call<{ order: Order }>('POST', `/orders/${id}:cancel`, { body: {} });
}
