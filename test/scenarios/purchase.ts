/** One purchase from the catalogue to the ledger: what the buyer, the teacher and finance then see. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  accessTo,
  assertInBalance,
  entriesOf,
  eventually,
  getOrder,
  listEnrolments,
  listNotifications,
  type Money,
  type Order,
  outlineOf,
  pay,
  placeOrder,
  refusal,
  success,
  sumOf,
  trialBalance,
} from '../client.ts';
import { courseAndBuyer, type Scenario } from './stage.ts';

interface Earning {
  readonly orderId: string;
  readonly gross: Money;
  readonly tax: Money;
  readonly platformFee: Money;
  readonly share: Money;
  readonly status: string;
}

export const purchase: Scenario = async (stage) => {
  const { finance, instructor } = stage;
  const { course, buyer } = await courseAndBuyer(stage, 'A purchase');
  const lessons = (await outlineOf(buyer, course.id)).flatMap((section) => section.lessons);
  const closed = lessons.find((lesson) => !lesson.preview);
  assert(closed, 'the course has a lesson that is no preview');
  refusal(await buyer.call('GET', `/lessons/${closed.id}`), 403, 'not_enrolled', 'a lesson before paying');
  assert.equal((await accessTo(buyer, course.id)).entitled, false);

  const order = await placeOrder(buyer, course.id);
  assert.equal(order.status, 'awaiting_payment');
  assert.deepEqual(order.total, course.price);
  assert.equal(minor(order.total), minor(order.subtotal) - minor(order.discount) + minor(order.tax));
  const payment = await pay(buyer, order.id, 'tok_ok');
  assert.equal(payment.status, 'succeeded');
  assert.deepEqual(payment.amount, order.total);

  await eventually(
    'the order is paid',
    () => getOrder(buyer, order.id),
    ({ status }) => status === 'paid',
  );
  const access = await eventually(
    'access is granted',
    () => accessTo(buyer, course.id),
    ({ entitled }) => entitled,
  );
  assert(
    access.because.some(({ reference }) => reference.includes(order.id)),
    'access explains itself by the order',
  );
  success(await buyer.call('GET', `/lessons/${closed.id}`), 200, 'the lesson after paying');
  const enrolments = (await listEnrolments(buyer)).filter(({ courseId }) => courseId === course.id);
  assert.deepEqual(
    enrolments.map(({ status }) => status),
    ['active'],
  );

  const entries = await eventually(
    'the ledger holds the payment',
    () => entriesOf(finance, order.id),
    (found) => found.length > 0,
  );
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['order_paid'],
  );
  const legs = entries.flatMap((entry) => entry.legs);
  assert.equal(sumOf(legs, 'debit'), sumOf(legs, 'credit'));
  assert(sumOf(legs, 'debit') >= minor(order.total));
  assertInBalance(await trialBalance(finance));

  const earned = await eventually(
    'the teacher sees the sale',
    async () => {
      const answer = await instructor.call<{ earnings: Earning[] }>('GET', '/instructors/me/earnings?pageSize=100');
      return success(answer, 200, 'earnings').earnings.filter(({ orderId }) => orderId === order.id);
    },
    (found) => found.length > 0,
  );
  const [sale] = earned;
  assert(sale !== undefined && earned.length === 1, 'one sale for one purchase');
  assert.deepEqual(sale.gross, order.total);
  assert.equal(minor(sale.tax) + minor(sale.platformFee) + minor(sale.share), minor(sale.gross));

  const told = await eventually(
    'the buyer is told',
    () => listNotifications(buyer),
    (found) => found.some(({ kind }) => kind === 'receipt') && found.some(({ kind }) => kind === 'enrolment'),
  );
  assert.equal(told.filter(({ kind }) => kind === 'receipt').length, 1);
  await othersSeeNothing(stage, order);
  const again = await buyer.call('POST', '/orders', { key: randomUUID(), body: { items: [{ courseId: course.id }] } });
  refusal(again, 409, 'already_enrolled', 'the same course again');
};

async function othersSeeNothing(
  { instructor, visitor, finance }: Parameters<Scenario>[0],
  order: Order,
): Promise<void> {
  refusal(await instructor.call('GET', `/orders/${order.id}`), 404, 'not_found', "another person's order");
  refusal(await visitor.call('GET', `/orders/${order.id}`), 401, 'unauthenticated', "nobody's look at an order");
  assert.equal((await getOrder(finance, order.id)).id, order.id);
}

function minor(money: Money): bigint {
  return BigInt(money.amountMinor);
}
