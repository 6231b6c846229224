/** Attempts that fail leave the order payable; a challenge that is passed pays it; every attempt stays on record. */
import assert from 'node:assert/strict';
import {
  accessTo,
  confirm,
  entriesOf,
  eventually,
  getOrder,
  type Payment,
  pay,
  placeOrder,
  success,
} from '../client.ts';
import { courseAndBuyer, type Scenario } from './stage.ts';

export const declineThen3ds: Scenario = async (stage) => {
  const { course, buyer } = await courseAndBuyer(stage, 'Third time lucky');
  const order = await placeOrder(buyer, course.id);

  const declined = await pay(buyer, order.id, 'tok_declined');
  assert.equal(declined.status, 'failed');
  assert.equal(declined.failure?.code, 'card_declined');
  const short = await pay(buyer, order.id, 'tok_insufficient_funds');
  assert.equal(short.failure?.code, 'insufficient_funds');
  const rejected = await pay(buyer, order.id, 'tok_requires_3ds');
  assert.equal(rejected.status, 'requires_action');
  assert.equal(rejected.nextAction?.type, 'challenge');
  assert.equal((await confirm(buyer, rejected.id, 'reject')).status, 'failed');
  assert.equal((await getOrder(buyer, order.id)).status, 'awaiting_payment');
  assert.equal((await accessTo(buyer, course.id)).entitled, false);
  assert.deepEqual(await entriesOf(stage.finance, order.id), []);

  const challenged = await pay(buyer, order.id, 'tok_requires_3ds');
  assert.equal((await confirm(buyer, challenged.id, 'approve')).status, 'succeeded');
  assert.equal(
    (await confirm(buyer, challenged.id, 'approve')).status,
    'succeeded',
    'confirming again answers its state',
  );
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
  const answer = await buyer.call<{ payments: Payment[] }>('GET', `/orders/${order.id}/payments`);
  const attempts = success(answer, 200, 'attempts').payments;
  assert.equal(attempts.length, 4);
  assert.deepEqual(
    attempts.filter(({ status }) => status === 'succeeded').map(({ id }) => id),
    [challenged.id],
  );
};
