import { CouponScope, CouponsService } from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import { OrderPaidSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  Fulfillment,
  type Order,
  OrderStatus,
  OrdersService,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { QuotesService } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import {
  PaymentAuthorizedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rebuildOrders } from './rebuild.ts';
import { finance, learner, openSchool, orderOf, type School } from './testing.ts';

let school: School;
beforeEach(async () => {
  school = await openSchool();
});
afterEach(() => school.service.stop());

interface Wish {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly couponCode?: string;
  readonly version?: number;
  readonly key?: string;
  readonly expectedMinor?: bigint;
}

async function edit(who: Principal, order: Order, wish: Wish): Promise<Order | Refusal> {
  const { add = [], remove = [], couponCode, version = order.version, key = school.world.id('key') } = wish;
  const removeLineIds = order.lines.filter((line) => remove.includes(line.courseId)).map((line) => line.id);
  const answer = await school.service.client(OrdersService).editOrder(
    {
      id: order.id,
      expectedVersion: version,
      addItems: add.map((courseId) => ({ courseId })),
      removeLineIds,
      ...(couponCode === undefined ? {} : { couponCode }),
      ...(wish.expectedMinor === undefined
        ? {}
        : { expectedTotal: { currency: 'INR', amountMinor: wish.expectedMinor } }),
    },
    { principal: who, idempotencyKey: key },
  );
  if (isRefusal(answer)) return answer;
  if (answer.order === undefined) throw new Error('no order');
  return answer.order;
}

async function coupon(usesMax = 0): Promise<string> {
  const code = `edit-${school.world.id('x').slice(2, 14)}`;
  const wanted = { code, percentBasisPoints: 1_000, scope: CouponScope.ALL, usesMax };
  const options = { principal: finance, idempotencyKey: school.world.id('key') };
  const made = await school.service.client(CouponsService).createCoupon(wanted, options);
  if (isRefusal(made)) throw new Error(made.code);
  return code;
}

async function usesOf(code: string): Promise<number | undefined> {
  const [row] = await school.service.sql.query<{ uses: number }>('SELECT uses FROM coupons WHERE code = $1', [code]);
  return row?.uses;
}

const courses = (order: Order) => order.lines.map((line) => line.courseId);
const revised = () => school.payments.asked.filter((asked) => asked.what === 'revise').map((asked) => asked.id);
const pay = (order: Order, amountMinor: bigint) =>
  school.service.deliver(PaymentSucceededSchema, {
    ...{ orderId: order.id, paymentId: `pay_${order.id.slice(4)}`, provider: 'sandbox' },
    amount: { currency: 'INR', amountMinor },
  });

describe('an order that is not paid', () => {
  it('takes other lines, is priced anew, and is paid by that', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    const more = orderOf(await edit(who, order, { add: ['crs_ledger'] }));
    expect([courses(more), more.total?.amountMinor]).toEqual([['crs_events', 'crs_ledger'], 59_901n]);
    expect(more.lines[0]?.id).toBe(order.lines[0]?.id);
    expect([more.number, more.expiresAt]).toEqual([order.number, order.expiresAt]);
    const less = orderOf(await edit(who, more, { remove: ['crs_events'] }));
    expect([courses(less), less.total?.amountMinor]).toEqual([['crs_ledger'], 10_001n]);
    expect(revised()).toEqual(['59901', '10001']);
    await expect(pay(less, 59_901n)).rejects.toThrow('amount');
    await pay(less, 10_001n);
    expect(await school.order(order.id)).toMatchObject({ status: OrderStatus.PAID, total: { amountMinor: 10_001n } });
    const [told] = await school.service.published(OrderPaidSchema);
    expect(told?.lines.map((line) => line.courseId)).toEqual(['crs_ledger']);
  });

  it('changes its coupon, whose uses are exact whatever happens', async () => {
    const who = learner();
    const [once, other] = [await coupon(1), await coupon()];
    const order = orderOf(await school.place(who, ['crs_events']));
    const cheaper = orderOf(await edit(who, order, { couponCode: once }));
    expect([cheaper.total?.amountMinor, await usesOf(once)]).toEqual([44_910n, 1]);
    // Its only use is its own.
    const longer = orderOf(await edit(who, cheaper, { add: ['crs_ledger'] }));
    expect([longer.couponCode, longer.discount?.amountMinor, await usesOf(once)]).toEqual([once, 5_990n, 1]);
    const switched = orderOf(await edit(who, longer, { couponCode: other }));
    expect([await usesOf(once), await usesOf(other)]).toEqual([0, 1]);
    const none = orderOf(await edit(who, switched, { couponCode: '' }));
    expect([none.couponCode, none.total?.amountMinor, await usesOf(other)]).toEqual(['', 59_901n, 0]);
    expect(await edit(who, none, { couponCode: 'no-such' })).toMatchObject({ code: 'coupon_not_found' });
    const taken = learner();
    await edit(taken, orderOf(await school.place(taken, ['crs_events'])), { couponCode: once });
    expect(await edit(who, none, { couponCode: once })).toMatchObject({ code: 'coupon_exhausted' });
    expect((await school.order(order.id)).version).toBe(none.version);
  });

  it('is edited by who saw its last version, once for a key', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    const all = await Promise.all(
      ['crs_ledger', 'crs_free', 'crs_ledger'].map((courseId) => edit(who, order, { add: [courseId] })),
    );
    expect(all.filter((each) => !isRefusal(each))).toHaveLength(1);
    for (const each of all.filter(isRefusal)) expect(['stale_etag', 'idempotency_in_progress']).toContain(each.code);
    expect((await school.order(order.id)).version).toBe(order.version + 1);
    const now = await school.order(order.id);
    const first = await edit(who, now, { remove: ['crs_events'], key: 'one' });
    expect(await edit(who, now, { remove: ['crs_events'], key: 'one' })).toEqual(first);
    expect(await edit(who, now, { remove: ['crs_events'], key: 'two' })).toMatchObject({
      code: 'stale_etag',
      errors: [{ field: 'expectedVersion' }],
    });
  });

  it('is not touched while a payment of it is under way, and payments keeps the amount', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    school.payments.closing = 'payment_in_progress';
    expect(await edit(who, order, { add: ['crs_ledger'] })).toMatchObject({ code: 'payment_in_progress' });
    school.payments.closing = '';
    await school.service.deliver(PaymentAuthorizedSchema, {
      ...{ orderId: order.id, paymentId: 'pay_1', provider: 'sandbox' },
      amount: { currency: 'INR', amountMinor: 49_900n },
    });
    const held = await school.order(order.id);
    school.payments.closing = 'payment_in_progress';
    expect(await edit(who, held, { add: ['crs_ledger'] })).toMatchObject({ code: 'payment_in_progress' });
    school.payments.closing = '';
    expect(courses(await school.order(order.id))).toEqual(['crs_events']);
  });

  it('has what is held for it follow its price, and is paid by the new one', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    const authorized = { orderId: order.id, paymentId: 'pay_1', provider: 'sandbox' };
    await school.service.deliver(PaymentAuthorizedSchema, {
      ...authorized,
      amount: { currency: 'INR', amountMinor: 49_900n },
    });
    school.payments.asked.length = 0;
    const more = orderOf(await edit(who, await school.order(order.id), { add: ['crs_ledger'] }));
    expect(school.payments.asked).toMatchObject([{ what: 'extend', id: '59901', orderId: order.id }]);
    // The authorization is told again by what it holds then: it is known, and changes nothing.
    await school.service.deliver(PaymentAuthorizedSchema, {
      ...authorized,
      amount: { currency: 'INR', amountMinor: 59_901n },
    });
    await expect(pay(more, 49_900n)).rejects.toThrow('amount');
    await pay(more, 59_901n);
    expect(await school.order(order.id)).toMatchObject({ status: OrderStatus.PAID, total: { amountMinor: 59_901n } });
  });

  it('has its own amount told to payments again when an edit is refused or dies on the way', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    const used = await coupon(1);
    const taken = learner();
    await edit(taken, orderOf(await school.place(taken, ['crs_events'])), { couponCode: used });
    school.payments.asked.length = 0;
    expect(await edit(who, order, { couponCode: used })).toMatchObject({ code: 'coupon_exhausted' });
    expect(revised()).toEqual(['44910', '49900']);
    // As a process leaves it that dies after payments has answered.
    await school.service.sql.execute(
      "INSERT INTO order_timers (order_id, kind, subject, due_at) VALUES ($1, 'revise', 'call_dead', $2)",
      [order.id, new Date(school.world.now())],
    );
    await school.tidy();
    expect(revised()).toEqual(['44910', '49900', '49900']);
    expect(await school.service.sql.query("SELECT 1 FROM order_timers WHERE kind = 'revise'")).toEqual([]);
  });

  it('that costs nothing any more is paid, and opens what it holds', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events', 'crs_free']));
    const free = orderOf(await edit(who, order, { remove: ['crs_events'] }));
    expect(free).toMatchObject({ status: OrderStatus.PAID, fulfillment: Fulfillment.PENDING, paymentId: '' });
    expect((await school.service.published(OrderPaidSchema)).map((event) => event.orderId)).toEqual([order.id]);
  });

  it('refuses what an order refuses, in the words of the edit', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    const refused = async (wish: Wish, of: Principal = who) => {
      const answer = await edit(of, order, wish);
      return isRefusal(answer) ? [answer.code, answer.errors[0]?.field ?? ''] : ['done'];
    };
    expect(await refused({ add: ['crs_events'] })).toEqual(['invalid_request', 'addItems[0].courseId']);
    expect(await refused({ add: ['crs_none'] })).toEqual(['course_not_available', 'addItems[0].courseId']);
    expect(await refused({ add: ['crs_usd'] })).toEqual(['mixed_currencies', '']);
    expect(await refused({ remove: ['crs_events'] })).toEqual(['order_not_editable', '']);
    expect(await refused({ add: ['crs_ledger'], expectedMinor: 1n })).toEqual(['price_changed', '']);
    expect(await refused({ add: ['crs_ledger'] }, learner())).toEqual(['not_found', '']);
    school.advance(31 * 60_000);
    expect(await refused({ add: ['crs_ledger'] })).toEqual(['order_not_editable', '']);
    const paid = await school.buy(who, ['crs_ledger']);
    expect(await edit(who, paid, { add: ['crs_events'] })).toMatchObject({ code: 'order_not_editable' });
  });

  it('is the same after its row is built anew', async () => {
    const who = learner();
    const order = orderOf(await school.place(who, ['crs_events']));
    await edit(who, order, { add: ['crs_ledger'], couponCode: await coupon() });
    const before = await school.service.sql.query('SELECT * FROM orders');
    await rebuildOrders(school.service.sql);
    expect(await school.service.sql.query('SELECT * FROM orders')).toEqual(before);
  });
});

it('a paid order of which nothing is due back has nothing refunded by an exchange, and that is no error', async () => {
  const who = learner();
  const order = await school.buy(who, ['crs_events']);
  expect(await school.refund(finance, order.id)).toBe('succeeded');
  const lineIds = order.lines.map((line) => line.id);
  const options = { principal: finance, idempotencyKey: school.world.id('key') };
  const answer = await school.service.client(QuotesService).exchangeLines({ orderId: order.id, lineIds }, options);
  expect(isRefusal(answer) ? answer.code : answer.refund?.amountMinor).toBe(0n);
});
