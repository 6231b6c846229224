import {
  OrderCancelledSchema,
  OrderPaidSchema,
  OrderPlacedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { OrderStatus, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal, type Principal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { orderNumber } from './placing.ts';
import { asha, finance, learner, openSchool, orderOf, outcomeOf, ravi, type School, teacher } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

const client = () => school.service.client(OrdersService);

describe('placing an order', () => {
  it('freezes the prices of content, with the tax inside', async () => {
    const order = orderOf(await school.place(asha, ['crs_events', 'crs_ledger', 'crs_free']));
    expect(outcomeOf(order)).toBe('awaiting_payment');
    const inr = (amountMinor: bigint) => expect.objectContaining({ currency: 'INR', amountMinor });
    expect(order).toMatchObject({
      subtotal: inr(50_763n),
      discount: inr(0n),
      tax: inr(9_138n),
      total: inr(59_901n),
      buyerId: '',
      number: expect.stringMatching(/^SU-[0-9A-Z]{4}-[0-9A-Z]{4}$/),
    });
    expect(order.lines.map((line) => [line.courseId, line.net?.amountMinor, line.tax?.amountMinor])).toEqual([
      ['crs_events', 42_288n, 7_612n],
      ['crs_ledger', 8_475n, 1_526n],
      ['crs_free', 0n, 0n],
    ]);
    const told = (await school.service.published(OrderPlacedSchema)).find((event) => event.orderId === order.id);
    expect(told).toMatchObject({ buyerId: 'usr_asha', total: { amountMinor: 59_901n } });
    expect(told?.lines[0]).toMatchObject({ instructorId: 'usr_teacher', release: 3, gross: { amountMinor: 49_900n } });
  });

  it('of what is free is paid at once, without a payment', async () => {
    const order = orderOf(await school.place(ravi, ['crs_free']));
    expect(outcomeOf(order)).toBe('paid');
    const told = (await school.service.published(OrderPaidSchema)).find((event) => event.orderId === order.id);
    expect(told).toMatchObject({ paymentId: '', buyerId: 'usr_ravi', number: order.number });
    // Learning has not heard of it yet; we know already.
    expect(outcomeOf(await school.place(ravi, ['crs_free']))).toBe('already_enrolled');
  });

  it.each([
    ['nothing', [], 'invalid_request', ['items']],
    ['a course twice', ['crs_events', 'crs_events'], 'invalid_request', ['items[1].courseId']],
    ['what is not on sale', ['crs_events', 'crs_draft'], 'course_not_available', ['items[1].courseId']],
    ['two currencies', ['crs_events', 'crs_usd'], 'mixed_currencies', []],
  ])('of %s is refused, and names the field', async (_, courseIds, code, fields) => {
    const refused = await school.place(asha, courseIds);
    if (!isRefusal(refused)) throw new Error('not refused');
    expect([refused.code, refused.errors.map((error) => error.field)]).toEqual([code, fields]);
  });

  it("of one's own course, or one that is open already, is refused", async () => {
    expect(outcomeOf(await school.place(teacher, ['crs_events']))).toBe('own_course');
    school.enrolled.add('usr_asha crs_ledger');
    expect(outcomeOf(await school.place(asha, ['crs_ledger']))).toBe('already_enrolled');
    school.enrolled.clear();
  });

  it('with a coupon finds none', async () => {
    const request = { items: [{ courseId: 'crs_events' }], couponCode: 'FREE' };
    const answer = await client().placeOrder(request, { principal: asha, idempotencyKey: 'coupon' });
    expect(isRefusal(answer) && answer.code).toBe('coupon_not_found');
  });

  it('needs somebody, and a key', async () => {
    const items = [{ courseId: 'crs_events' }];
    const unknown = await client().placeOrder({ items }, { idempotencyKey: 'k' });
    expect(isRefusal(unknown) && unknown.code).toBe('unauthenticated');
    const keyless = await client().placeOrder({ items }, { principal: asha });
    expect(isRefusal(keyless) && keyless.code).toBe('idempotency_key_required');
  });

  it('is done once for a key, also when it comes many times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => school.place(asha, ['crs_usd'], 'one-key')));
    expect(new Set(answers.map((answer) => orderOf(answer).id)).size).toBe(1);
    // The first answer stays the answer, whatever has changed since.
    school.enrolled.add('usr_asha crs_usd');
    expect(orderOf(await school.place(asha, ['crs_usd'], 'one-key')).id).toBe(orderOf(answers[0] as never).id);
    school.enrolled.clear();
    expect(outcomeOf(await school.place(asha, ['crs_events'], 'one-key'))).toBe('idempotency_key_reused');
    expect(outcomeOf(await school.place(ravi, ['crs_events'], 'one-key'))).toBe('awaiting_payment');
  });

  it('that is refused leaves the key free and nothing behind', async () => {
    expect(outcomeOf(await school.place(asha, ['crs_draft'], 'mended'))).toBe('course_not_available');
    expect(outcomeOf(await school.place(asha, ['crs_events'], 'mended'))).toBe('awaiting_payment');
  });

  it('gives numbers that people can say', () => {
    expect(orderNumber(Buffer.from([0, 0, 0, 0, 0]))).toBe('SU-0000-0000');
    expect(orderNumber(Buffer.from([255, 255, 255, 255, 255]))).toBe('SU-ZZZZ-ZZZZ');
  });
});

describe('a payment that succeeded', () => {
  it('pays the order once, however often it is told', async () => {
    const buyer = learner();
    const order = orderOf(await school.place(buyer, ['crs_events']));
    const fact = {
      orderId: order.id,
      paymentId: 'pay_x',
      provider: 'sandbox',
      amount: { currency: 'INR', amountMinor: 49_900n },
    };
    for (const id of ['evt_a', 'evt_a', 'evt_b']) await school.service.deliver(PaymentSucceededSchema, fact, id);
    const paid = (await school.service.published(OrderPaidSchema)).filter((event) => event.orderId === order.id);
    expect(paid).toMatchObject([{ paymentId: 'pay_x', provider: 'sandbox', total: { amountMinor: 49_900n } }]);
    expect(await school.order(order.id)).toMatchObject({ paymentId: 'pay_x', status: OrderStatus.PAID });
  });

  it('of another amount, or of no order, is no payment: somebody has to look', async () => {
    const buyer = learner();
    const order = orderOf(await school.place(buyer, ['crs_ledger']));
    const amount = { currency: 'INR', amountMinor: 10_000n };
    const fact = { orderId: order.id, paymentId: 'pay_y', provider: 'sandbox', amount };
    await expect(school.service.deliver(PaymentSucceededSchema, fact)).rejects.toThrow('amount');
    await expect(school.service.deliver(PaymentSucceededSchema, { ...fact, orderId: 'ord_none' })).rejects.toThrow();
    expect(outcomeOf(await school.order(order.id))).toBe('awaiting_payment');
  });
});

describe('reading orders', () => {
  it('is for the buyer and finance; for others there is nothing', async () => {
    const buyer = learner();
    const order = orderOf(await school.place(buyer, ['crs_events']));
    for (const [principal, outcome] of [
      [buyer, 'found'],
      [finance, 'found'],
      [ravi, 'not_found'],
    ] as const) {
      const answer = await client().getOrder({ id: order.id }, { principal });
      expect(isRefusal(answer) ? answer.code : 'found').toBe(outcome);
    }
    expect((await school.order(order.id, finance)).buyerId).toBe(buyer.kind === 'user' && buyer.userId);
    for (const id of ['ord_none', "'; --", '\u0000', '']) {
      const answer = await client().getOrder({ id }, { principal: finance });
      expect(isRefusal(answer) && answer.code).toBe('not_found');
    }
  });

  it('page by page gives each once, newest first, while others are placed', async () => {
    const buyer = learner();
    const own = await openSchool();
    const list = own.service.client(OrdersService).listOrders;
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) ids.unshift(orderOf(await own.place(buyer, ['crs_events'])).id);
    const seen: string[] = [];
    let pageToken = '';
    do {
      const answer = await list({ pageSize: 3, pageToken }, { principal: buyer });
      if (isRefusal(answer)) throw new Error(answer.code);
      seen.push(...answer.orders.map((order) => order.id));
      pageToken = answer.nextPageToken;
      await own.place(buyer, ['crs_ledger']);
    } while (pageToken !== '');
    expect(seen).toEqual(ids);
    await own.place(ravi, ['crs_events']);
    const all = await list({ all: true, pageSize: 100 }, { principal: finance });
    expect(!isRefusal(all) && all.orders.length).toBe(11);
    const none = await list({ all: true, status: OrderStatus.PAID }, { principal: finance });
    expect(!isRefusal(none) && none.orders).toEqual([]);
    // A token goes on in the list that it was made in, and in no other.
    const mine = await list({ pageSize: 3 }, { principal: buyer });
    const token = isRefusal(mine) ? '' : mine.nextPageToken;
    const other = await list({ pageToken: token, status: OrderStatus.PAID }, { principal: buyer });
    expect(isRefusal(other) && other.errors[0]?.field).toBe('pageToken');
    expect(isRefusal(await list({ pageToken: token, pageSize: 9 }, { principal: buyer }))).toBe(false);
    for (const [request, code] of [
      [{ all: true }, 'permission_denied'],
      [{ pageSize: 101 }, 'invalid_request'],
      [{ pageToken: 'x' }, 'invalid_request'],
    ] as const) {
      const answer = await list(request, { principal: buyer });
      expect(isRefusal(answer) && answer.code).toBe(code);
    }
    await own.service.stop();
  });
});

describe('cancelling an order', () => {
  const cancel = async (id: string, principal: Principal) => {
    const answer = await client().cancelOrder({ id }, { principal });
    return isRefusal(answer) ? answer.code : outcomeOf(orderOf(answer.order as never));
  };

  it('closes the payment first, and repeating it is no error', async () => {
    const buyer = learner();
    const order = orderOf(await school.place(buyer, ['crs_events']));
    expect(await cancel(order.id, ravi)).toBe('not_found');
    expect(await cancel(order.id, buyer)).toBe('cancelled');
    expect(await cancel(order.id, buyer)).toBe('cancelled');
    expect(school.payments.asked.filter(({ what, id }) => what === 'close' && id === order.id)).toHaveLength(1);
    const told = (await school.service.published(OrderCancelledSchema)).filter((event) => event.orderId === order.id);
    expect(told).toMatchObject([{ because: 'buyer' }]);
  });

  it('waits for a payment that is under way, and comes too late for one that is made', async () => {
    const buyer = learner();
    const order = orderOf(await school.place(buyer, ['crs_events']));
    school.payments.closing = 'payment_in_progress';
    expect(await cancel(order.id, buyer)).toBe('payment_in_progress');
    school.payments.closing = 'already_captured';
    expect(await cancel(order.id, buyer)).toBe('order_not_cancellable');
    school.payments.closing = '';
    school.advance(60_000);
    await school.tidy();
    expect(outcomeOf(await school.order(order.id))).toBe('awaiting_payment');
    const paid = await school.buy(buyer, ['crs_ledger']);
    expect(await cancel(paid.id, buyer)).toBe('order_not_cancellable');
  });
});

describe('an order that nobody pays', () => {
  it('is cancelled after 30 minutes, unless a payment is under way', async () => {
    const buyer = learner();
    const own = await openSchool();
    const order = orderOf(await own.place(buyer, ['crs_events']));
    const paid = await own.buy(buyer, ['crs_ledger']);
    own.advance(30 * 60_000 - 5_000);
    await own.tidy();
    expect(outcomeOf(await own.order(order.id))).toBe('awaiting_payment');
    own.payments.closing = 'payment_in_progress';
    own.advance(6_000);
    await own.tidy();
    expect(outcomeOf(await own.order(order.id))).toBe('awaiting_payment');
    own.payments.closing = '';
    own.advance(61_000);
    await own.tidy();
    expect(outcomeOf(await own.order(order.id))).toBe('cancelled');
    expect((await own.order(order.id)).cancelledBecause).toBe('expired');
    expect(outcomeOf(await own.order(paid.id))).toBe('paid');
    expect(own.payments.asked.filter(({ id }) => id === paid.id)).toEqual([]);
    await own.service.stop();
  });
});
