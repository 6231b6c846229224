/** Every kind of purchase the platform offers, each paid, and what becomes of each by itself. */
import assert from 'node:assert/strict';
import {
  accessTo,
  type Course,
  confirm,
  entriesOf,
  eventually,
  type Order,
  type Payment,
  type Person,
  pay,
  placeOrder,
  publishCourse,
  signUp,
  sumOf,
} from '../client.ts';
import { get, type MoneyStage, minor, orderIs, paymentIs, post, put, type Sold } from './money-stage.ts';
import { courseAndBuyer, rupees } from './stage.ts';

/** One order of these items, paid with the token. */
export async function bought(buyer: Person, body: object, token = 'tok_ok', type = 'card'): Promise<Sold> {
  const { order } = await post<{ order: Order }>(buyer, '/orders', body);
  const first = await pay(buyer, order.id, token, type);
  if (token === 'tok_requires_3ds') await confirm(buyer, first.id, 'approve');
  await paymentIs(buyer, first.id, 'succeeded');
  return { buyer, order: await orderIs(buyer, order.id, 'paid'), paymentId: first.id };
}

/** A new course of the stage's instructor, bought by somebody new. */
export async function boughtCourse(
  stage: MoneyStage,
  title: string,
  how: { readonly token?: string; readonly type?: string; readonly price?: number } = {},
): Promise<Sold & { readonly course: Course }> {
  const { course, buyer } = await courseAndBuyer(stage, title, rupees(how.price ?? 499));
  const sold = await bought(buyer, { items: [{ courseId: course.id }] }, how.token, how.type);
  await hasAccess(buyer, course);
  return { ...sold, course };
}

async function hasAccess(learner: Person, course: Course, entitled = true): Promise<void> {
  await eventually(
    `${learner.email} ${entitled ? 'has' : 'has no'} access to ${course.title}`,
    () => accessTo(learner, course.id),
    (access) => access.entitled === entitled,
  );
}

export async function withCoupon(stage: MoneyStage): Promise<Sold> {
  const { course, buyer } = await courseAndBuyer(stage, 'With a coupon', rupees(999));
  const code = `MONEY-${course.id.slice(-10)}`.toUpperCase().replaceAll('_', '-');
  const coupon = { code, percentBasisPoints: 1_500, scope: 'all', usesMax: 1 };
  await post(stage.finance, '/coupons', coupon);
  const sold = await bought(buyer, { items: [{ courseId: course.id }], couponCode: code });
  assert.equal(minor(sold.order.total), 84_915n, 'fifteen of a hundred off 999 rupees');
  return sold;
}

export async function asBundle(stage: MoneyStage): Promise<Sold> {
  const { course, buyer } = await courseAndBuyer(stage, 'Bundle, first part', rupees(700));
  const second = await publishCourse(stage.instructor, 'Bundle, second part', rupees(500));
  const { bundle } = await post<{ bundle: { id: string } }>(stage.instructor, '/bundles', {
    title: 'Two for less',
    courseIds: [course.id, second.id],
    price: rupees(901),
  });
  const sold = await bought(buyer, { items: [{ bundleId: bundle.id }] });
  assert.deepEqual(sold.order.total, rupees(901));
  for (const each of [course, second]) await hasAccess(buyer, each);
  return sold;
}

export async function asGift(stage: MoneyStage): Promise<Sold> {
  const { course, buyer } = await courseAndBuyer(stage, 'A gift', rupees(650));
  const friend = await signUp(stage.visitor, 'Friend');
  const gift = { recipientEmail: friend.email, recipientName: 'Friend', message: 'Enjoy.' };
  const sold = await bought(buyer, { items: [{ courseId: course.id, gift }] });
  const code = await eventually(
    'the gift is in the mail',
    async () => {
      const { mails = [] } = await get<{ mails?: { text: string }[] }>(friend, '/mailbox');
      return mails.map(({ text }) => /\/gifts\/([\w-]+)/.exec(text)?.[1]).find((found) => found !== undefined);
    },
    (found) => found !== undefined,
  );
  await post(friend, '/gifts:redeem', { code }, 200);
  await hasAccess(friend, course);
  await hasAccess(buyer, course, false);
  return sold;
}

/** Five seats, two of them taken by a link, two given back. */
export async function asSeats(stage: MoneyStage): Promise<Sold> {
  const { course, buyer } = await courseAndBuyer(stage, 'Seats', rupees(333));
  const sold = await bought(buyer, { items: [{ courseId: course.id, quantity: 5 }] });
  const pools = await eventually(
    'the seats are there',
    () => get<{ pools?: { id: string }[] }>(buyer, '/seat-pools'),
    (answer) => answer.pools?.length === 1,
  );
  const pool = pools.pools?.[0]?.id;
  const { joinPath } = await post<{ joinPath: string }>(buyer, `/seat-pools/${pool}/join-links`, {});
  const code = joinPath.split('/').at(-1);
  for (const name of ['Ravi', 'Mira']) {
    const member = await signUp(stage.visitor, name);
    await post(member, '/seats:join', { code });
    await hasAccess(member, course);
  }
  const given = await post<{ amount: Order['total'] }>(buyer, `/seat-pools/${pool}:refund`, { seats: 2 });
  assert.equal(minor(given.amount), 66_600n, 'two of five seats at 333 rupees');
  await orderIs(buyer, sold.order.id, 'partially_refunded');
  return sold;
}

/** Authorized only, because a rule wants a look at it; finance captures it by hand. */
export async function captured(stage: MoneyStage): Promise<Sold> {
  const { course, buyer } = await courseAndBuyer(stage, 'Captured by hand', rupees(77_777));
  await put(stage.finance, '/risk/rules/large-amounts', {
    ...{ enabled: true, dimension: 'customer', counted: 'attempts', countMax: 0, windowSeconds: 60 },
    ...{ amountAtLeastMinor: '7777700', outcome: 'review' },
  });
  const order = await placeOrder(buyer, course.id);
  const payment = await pay(buyer, order.id, 'tok_requires_3ds');
  await confirm(buyer, payment.id, 'approve');
  const held = await paymentIs(buyer, payment.id, 'requires_capture');
  assert.deepEqual(held.amount, order.total);
  assert.equal((await accessTo(buyer, course.id)).entitled, false, 'an authorization opens nothing');
  await post(stage.finance, `/payments/${payment.id}:capture`, { final: true }, 200);
  await paymentIs(buyer, payment.id, 'succeeded');
  await hasAccess(buyer, course);
  return { buyer, order: await orderIs(buyer, order.id, 'paid'), paymentId: payment.id };
}

interface Subscription {
  readonly id: string;
  readonly status: string;
  readonly periodEnd: string;
}

interface Bill {
  readonly orderId: string;
  readonly status: string;
}

/** A month and, by the mandate alone, the next one. */
export async function asSubscription(stage: MoneyStage): Promise<readonly Sold[]> {
  const { course, buyer } = await courseAndBuyer(stage, 'By the month', rupees(5_000));
  const { plan } = await post<{ plan: { id: string } }>(stage.instructor, '/plans', {
    ...{ title: 'Monthly', price: rupees(199), interval: 'month', courses: [{ courseId: course.id }] },
  });
  const { mandate } = await post<{ mandate: { id: string } }>(buyer, '/mandates', {
    ...{ method: { type: 'card', token: 'tok_ok' }, amountMax: rupees(500) },
  });
  await eventually(
    'the mandate is approved',
    () => get<{ mandate: { status: string } }>(buyer, `/mandates/${mandate.id}`),
    (answer) => answer.mandate.status === 'active',
  );
  const request = { planId: plan.id, mandateId: mandate.id };
  const { subscription } = await post<{ subscription: Subscription }>(buyer, '/subscriptions', request);
  const first = await paidBills(buyer, subscription.id, 1);
  await hasAccess(buyer, course);
  await stage.endPeriod(subscription.id);
  // Looked at within half a minute by itself; a change of the mandate is looked at at once.
  await post(buyer, `/subscriptions/${subscription.id}:changeMandate`, { mandateId: mandate.id }, 200);
  const both = await paidBills(buyer, subscription.id, 2);
  assert.equal(new Set(both).size, 2);
  assert(both.includes(first[0] ?? ''), 'the first bill stays');
  return await Promise.all(both.map((orderId) => soldBy(buyer, orderId)));
}

async function paidBills(buyer: Person, subscriptionId: string, count: number): Promise<readonly string[]> {
  const { bills = [] } = await eventually(
    `${count} bills are paid`,
    () => get<{ bills?: Bill[] }>(buyer, `/subscriptions/${subscriptionId}/bills`),
    (answer) => (answer.bills ?? []).filter(({ status }) => status === 'paid').length === count,
    { withinMs: 45_000, everyMs: 200 },
  );
  return bills.map(({ orderId }) => orderId);
}

async function soldBy(buyer: Person, orderId: string): Promise<Sold> {
  const order = await orderIs(buyer, orderId, 'paid');
  const { payments } = await get<{ payments: Payment[] }>(buyer, `/orders/${orderId}/payments`);
  const [payment] = payments.filter(({ status }) => status === 'succeeded');
  assert(payment, `order ${orderId} has its payment`);
  return { buyer, order, paymentId: payment.id };
}

interface Exchanged {
  readonly order: Order;
  readonly exchangeOrder: Order;
  readonly due: Order['total'];
  readonly refund: Order['total'];
}

/** A course given for a cheaper one: the difference goes back, and the rest pays the new order. */
export async function exchangedForLess(stage: MoneyStage): Promise<void> {
  const { exchanged, sold, wanted } = await exchange(stage, 1_200, 899);
  assert.deepEqual([exchanged.due.amountMinor, exchanged.refund.amountMinor], ['0', '30100']);
  await orderIs(sold.buyer, sold.order.id, 'refunded');
  await orderIs(sold.buyer, exchanged.exchangeOrder.id, 'paid');
  await assertExchangeBooked(stage, sold, exchanged, [89_900n, 30_100n]);
  await hasAccess(sold.buyer, wanted);
}

/** A course given for a dearer one: the exchange happens when the difference is paid. */
export async function exchangedForMore(stage: MoneyStage): Promise<void> {
  const { exchanged, sold, wanted } = await exchange(stage, 400, 1_001);
  assert.deepEqual([exchanged.due.amountMinor, exchanged.refund.amountMinor], ['60100', '0']);
  assert.equal((await accessTo(sold.buyer, wanted.id)).entitled, false, 'not before the difference is paid');
  await pay(sold.buyer, exchanged.exchangeOrder.id, 'tok_ok');
  await orderIs(sold.buyer, exchanged.exchangeOrder.id, 'paid');
  await orderIs(sold.buyer, sold.order.id, 'refunded');
  await assertExchangeBooked(stage, sold, exchanged, [40_000n]);
  await hasAccess(sold.buyer, wanted);
}

async function exchange(stage: MoneyStage, price: number, wantedPrice: number) {
  const sold = await boughtCourse(stage, `Exchanged at ${price}`, { price });
  const wanted = await publishCourse(stage.instructor, `Wanted at ${wantedPrice}`, rupees(wantedPrice));
  const exchanged = await post<Exchanged>(
    sold.buyer,
    `/orders/${sold.order.id}:exchange`,
    { lineIds: sold.order.lines.map(({ id }) => id), items: [{ courseId: wanted.id }] },
    200,
  );
  return { sold, wanted, exchanged };
}

/** The book has a refund of the first order and the whole sale of the second, which meet in 1100. */
async function assertExchangeBooked(
  stage: MoneyStage,
  sold: Sold,
  exchanged: Exchanged,
  givenBack: readonly bigint[],
): Promise<void> {
  const given = await eventually(
    'the first order is booked back',
    () => entriesOf(stage.finance, sold.order.id),
    (entries) => entries.length === 1 + givenBack.length,
  );
  const refunds = given.filter(({ kind }) => kind === 'order_refunded');
  const amounts = refunds.map(({ legs }) => sumOf(legs, 'debit')).sort((a, b) => Number(b - a));
  assert.deepEqual(amounts, givenBack);
  assert(
    refunds.some(({ cause }) => cause.startsWith('refund:exc_')),
    'the exchange is booked as a refund of its own',
  );
  const taken = await eventually(
    'the exchange order is booked',
    () => entriesOf(stage.finance, exchanged.exchangeOrder.id),
    (entries) => entries.length === 1,
  );
  assert.deepEqual(
    taken.map(({ kind, legs }) => [kind, sumOf(legs, 'debit')]),
    [['order_paid', minor(exchanged.exchangeOrder.total)]],
  );
}
