/** Coupons, bundles, quotes, tax by place of supply, exchanges, captures below the total, disputes, orders paid twice. */
import { create } from '@bufbuild/protobuf';
import { BundlesService } from '@suuupra/contracts/gen/suuupra/orders/v1/bundles_pb.ts';
import { CouponScope, CouponsService } from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import {
  EntitlementEndedSchema,
  OrderPaidSchema,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { type Order, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { QuotesService } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentAuthorizedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventHandlers } from './events.ts';
import { courseDraft } from './items.ts';
import { placeOrderFor } from './placing.ts';
import { finance, learner, openSchool, orderOf, outcomeOf, type School, teacher } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

const orders = () => school.service.client(OrdersService);
const keyed = (principal: Principal) => ({ principal, idempotencyKey: school.world.id('key') });
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

function given<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}

async function coupon(fields: object, who: Principal = finance): Promise<string> {
  const code = school.world.id('C').replaceAll('_', '-');
  const request = { code, scope: CouponScope.ALL, percentBasisPoints: 2_500, ...fields };
  const answer = await school.service.client(CouponsService).createCoupon(request, keyed(who));
  return isRefusal(answer) ? answer.code : (answer.coupon?.code ?? '');
}

async function place(who: Principal, request: object): Promise<Order | Refusal> {
  const answer = await orders().placeOrder(request, keyed(who));
  return isRefusal(answer) ? answer : orderOf(answer.order as Order);
}

const courses = (...courseIds: string[]) => courseIds.map((courseId) => ({ courseId }));

async function pay(order: Order, amount = order.total, paymentId = `pay_${order.id.slice(4)}`) {
  const fact = { orderId: order.id, paymentId, provider: 'sandbox', ...(amount && { amount }) };
  await school.service.deliver(PaymentSucceededSchema, fact);
  return school.order(order.id);
}

const amounts = (order: { lines: Order['lines'] }) =>
  order.lines.map((line) => [line.discount?.amountMinor, line.total?.amountMinor, line.tax?.amountMinor]);

describe('a coupon', () => {
  it('is spread over the lines by largest remainder, and the quote says the same (M25, O5)', async () => {
    const buyer = learner();
    const request = { items: courses('crs_events', 'crs_ledger'), couponCode: (await coupon({})).toLowerCase() };
    const quoted = given(await school.service.client(QuotesService).quoteOrder(request, { principal: buyer }));
    const order = orderOf(await place(buyer, request));
    // 25 % of 599.01 is 149.7525, rounded 149.75; 124.75 and 25.00 of it.
    expect(amounts(order)).toEqual([
      [12_475n, 37_425n, 5_709n],
      [2_500n, 7_501n, 1_144n],
    ]);
    expect(amounts(quoted)).toEqual(amounts(order));
    expect(quoted.total).toEqual(order.total);
    expect([quoted.subtotal, quoted.discount, quoted.tax]).toEqual([order.subtotal, order.discount, order.tax]);
    const paid = await pay(order);
    for (let taken = 0n; taken < 44_926n; taken += 7_321n)
      await school.refund(finance, paid.id, { amountMinor: 44_926n - taken < 7_321n ? 44_926n - taken : 7_321n });
    expect(outcomeOf(await school.order(paid.id))).toBe('refunded');
    expect((await school.order(paid.id)).refunded).toMatchObject(inr(44_926n));
  });

  it('that makes the order free pays it at once', async () => {
    const code = await coupon({ percentBasisPoints: 0, amount: inr(100_000n) });
    expect(outcomeOf(await place(learner(), { items: courses('crs_events'), couponCode: code }))).toBe('paid');
  });

  it('is never used more often than it may be, whatever comes at once, and a cancelled order gives its use back', async () => {
    const code = await coupon({ usesMax: 5, usesPerBuyerMax: 1 });
    const buyers = Array.from({ length: 16 }, () => learner());
    const placed = await Promise.all(
      buyers.map((buyer) => place(buyer, { items: courses('crs_events'), couponCode: code })),
    );
    const held = placed.flatMap((answer, index) => (isRefusal(answer) ? [] : [{ answer, buyer: buyers[index] }]));
    expect(placed.filter(isRefusal).map((refusal) => refusal.code)).toEqual(Array(11).fill('coupon_exhausted'));
    expect(held).toHaveLength(5);
    const [first, second] = held;
    if (first?.buyer === undefined || second?.buyer === undefined) throw new Error('nobody got it');
    for (let again = 0; again < 2; again += 1)
      given(await orders().cancelOrder({ id: first.answer.id }, { principal: first.buyer }));
    const again = { items: courses('crs_ledger'), couponCode: code };
    expect(outcomeOf(await place(second.buyer, again))).toBe('coupon_exhausted');
    expect(outcomeOf(await place(first.buyer, again))).toBe('awaiting_payment');
    expect(outcomeOf(await place(learner(), again))).toBe('coupon_exhausted');
  });

  it.each([
    ['unknown', async () => 'NOT-ONE', 'coupon_not_found'],
    ['over', () => coupon({ validUntil: { seconds: BigInt(Math.floor(Date.now() / 1000)) + 1n } }), 'coupon_expired'],
    [
      'for another course',
      () => coupon({ scope: CouponScope.COURSES, courseIds: ['crs_free'] }),
      'coupon_not_applicable',
    ],
    [
      'in another currency',
      () => coupon({ percentBasisPoints: 0, amount: { currency: 'USD', amountMinor: 5n } }),
      'coupon_not_applicable',
    ],
    ['for more', () => coupon({ minimum: inr(49_901n) }), 'coupon_minimum_not_met'],
  ])('that is %s is refused with its reason', async (name, make, code) => {
    const couponCode = await make();
    if (name === 'over') school.advance(2_000);
    const refused = await place(learner(), { items: courses('crs_events'), couponCode });
    expect(outcomeOf(refused)).toBe(code);
    expect(isRefusal(refused) && refused.errors[0]?.field).toBe('couponCode');
  });

  it('of an instructor is for their own courses', async () => {
    const other = learner();
    const stranger = { ...other, roles: ['learner', 'instructor'] } as Principal;
    const mine = await coupon({ scope: CouponScope.COURSES, courseIds: ['crs_events'] }, teacher);
    expect(outcomeOf(await place(learner(), { items: courses('crs_events'), couponCode: mine }))).toBe(
      'awaiting_payment',
    );
    expect(await coupon({ scope: CouponScope.COURSES, courseIds: ['crs_events'] }, stranger)).toBe(
      'course_not_available',
    );
    expect(await coupon({}, teacher)).toBe('invalid_request');
    expect(await coupon({}, learner())).toBe('permission_denied');
    expect(await coupon({ code: mine.toLowerCase() })).toBe('coupon_code_taken');
  });
});

describe('a bundle', () => {
  it('has one line for each course, which add up to its price (O5)', async () => {
    const bundles = school.service.client(BundlesService);
    const request = { title: 'Both', courseIds: ['crs_events', 'crs_ledger'], price: inr(50_000n) };
    const made = given(await bundles.createBundle(request, keyed(teacher)));
    const bundleId = made.bundle?.id ?? '';
    const buyer = learner();
    const order = orderOf(await place(buyer, { items: [{ bundleId }] }));
    expect(order.total).toMatchObject(inr(50_000n));
    expect(order.lines.map((line) => [line.kind, line.bundleId, line.price?.amountMinor])).toEqual([
      ['course', bundleId, 41_652n],
      ['course', bundleId, 8_348n],
    ]);
    given(await bundles.withdrawBundle({ id: bundleId }, { principal: teacher }));
    expect(outcomeOf(await place(buyer, { items: [{ bundleId }] }))).toBe('bundle_not_available');
    expect(outcomeOf(await place(learner(), { items: [{ bundleId, courseId: 'crs_events' }] }))).toBe(
      'invalid_request',
    );
  });
});

describe('tax', () => {
  const taxes = (order: Order) =>
    order.lines.flatMap((line) => line.taxes.map((tax) => [tax.kind, tax.rateBasisPoints, tax.amount?.amountMinor]));
  const billed = async (billing: object, courseId = 'crs_ledger') =>
    place(learner(), { items: courses(courseId), billing });

  it('is split by the place of supply (O4)', async () => {
    expect(taxes(orderOf(await place(learner(), { items: courses('crs_ledger') })))).toEqual([
      ['cgst', 900, 763n],
      ['sgst', 900, 763n],
    ]);
    expect(taxes(orderOf(await billed({ stateCode: '27', name: 'Asha' })))).toEqual([['igst', 1_800, 1_526n]]);
    expect(taxes(orderOf(await billed({ country: 'DE' })))).toEqual([]);
    expect(taxes(orderOf(await billed({ stateCode: '27' }, 'crs_usd')))).toEqual([]);
  });

  it.each([
    ['a wrong check character', { gstin: '27AAPFU0939F1ZW', name: 'A', address: 'B' }, 'billing.gstin'],
    ['another state', { gstin: '27AAPFU0939F1ZV', stateCode: '29', name: 'A', address: 'B' }, 'billing.stateCode'],
    ['no address', { gstin: '27AAPFU0939F1ZV', name: 'A' }, 'billing.address'],
    ['no such state', { stateCode: '99' }, 'billing.stateCode'],
  ])('is refused for %s', async (_, billing, field) => {
    const refused = await billed(billing);
    expect(isRefusal(refused) && [refused.code, refused.errors[0]?.field]).toEqual(['invalid_request', field]);
  });

  it('tells the parts with the order and with what goes back, which add up', async () => {
    const order = await pay(orderOf(await billed({ gstin: '29AAAAA0000A1ZY', name: 'Co', address: 'Here' })));
    await school.refund(finance, order.id, { amountMinor: 3_333n });
    await school.refund(finance, order.id, { amountMinor: 6_668n });
    const paid = (await school.service.published(OrderPaidSchema)).find((event) => event.orderId === order.id);
    const back = (await school.service.published(OrderRefundedSchema)).filter((event) => event.orderId === order.id);
    const sums = (
      facts: readonly { taxes: readonly { kind: string; amount?: { amountMinor: bigint } | undefined }[] }[],
    ) =>
      ['cgst', 'sgst'].map((kind) =>
        facts
          .flatMap((fact) => fact.taxes)
          .reduce((sum, tax) => (tax.kind === kind ? sum + (tax.amount?.amountMinor ?? 0n) : sum), 0n),
      );
    expect(sums(paid?.lines ?? [])).toEqual([763n, 763n]);
    expect(sums(back.flatMap((event) => event.lines))).toEqual([763n, 763n]);
  });
});

describe('an exchange', () => {
  const exchange = (who: Principal, orderId: string, lineIds: string[], items: object[]) =>
    school.service.client(QuotesService).exchangeLines({ orderId, lineIds, items }, keyed(who));
  const lineIds = (order: Order) => order.lines.map((line) => line.id);

  it('with a balance due happens when it is paid, and gives back by both payments (O6, M25)', async () => {
    const buyer = learner();
    const first = await school.buy(buyer, ['crs_ledger']);
    const answer = given(await exchange(buyer, first.id, lineIds(first), courses('crs_events')));
    expect([answer.due?.amountMinor, answer.refund?.amountMinor]).toEqual([39_899n, 0n]);
    expect(outcomeOf(await school.order(first.id))).toBe('paid');
    // What is given away cannot be refunded meanwhile.
    expect(await school.refund(finance, first.id)).toBe('refund_exceeds_captured');
    const second = answer.exchangeOrder as Order;
    const asked = given(
      await school.service.client(OrdersService, 'payments').getOrderForPayment({ orderId: second.id }),
    );
    expect(asked).toMatchObject({ total: inr(39_899n), captureMethod: 'automatic' });
    expect(outcomeOf(await pay(second, asked.total))).toBe('paid');
    expect(outcomeOf(await school.order(first.id))).toBe('refunded');
    const told = (await school.service.published(OrderRefundedSchema)).filter((event) => event.orderId === first.id);
    expect(told).toMatchObject([
      { amount: inr(10_001n), wholeOrderRefunded: true, lines: [{ wholeLineRefunded: true }] },
    ]);
    school.payments.asked.length = 0;
    expect(await school.refund(finance, second.id)).toBe('succeeded');
    school.advance(60_000);
    await school.tidy();
    expect(await school.order(second.id)).toMatchObject({
      refunded: inr(49_900n),
      refunds: [inr(39_899n), inr(10_001n)].map((amount) => ({ amount, status: 2 })),
    });
    expect(school.payments.asked.map(({ orderId }) => orderId)).toEqual([second.id, first.id]);
  });

  it('that is not paid leaves the first order as it was', async () => {
    const buyer = learner();
    const first = await school.buy(buyer, ['crs_ledger']);
    const answer = given(await exchange(buyer, first.id, lineIds(first), courses('crs_events')));
    given(await orders().cancelOrder({ id: answer.exchangeOrder?.id ?? '' }, { principal: buyer }));
    expect(await school.order(first.id)).toMatchObject({ status: first.status, refunded: inr(0n) });
    expect(await school.refund(buyer, first.id)).toBe('succeeded');
  });

  it('for less is done at once and refunds the rest; nothing due is nothing done (M30)', async () => {
    const buyer = learner();
    const first = await school.buy(buyer, ['crs_events']);
    const answer = given(await exchange(buyer, first.id, lineIds(first), courses('crs_ledger')));
    expect([answer.due?.amountMinor, answer.refund?.amountMinor]).toEqual([0n, 39_899n]);
    expect(outcomeOf(answer.exchangeOrder as Order)).toBe('paid');
    await school.tidy();
    expect(outcomeOf(await school.order(first.id))).toBe('refunded');
    const before = await school.order(first.id);
    const again = given(await exchange(buyer, first.id, lineIds(first), []));
    expect([again.due?.amountMinor, again.refund?.amountMinor]).toEqual([0n, 0n]);
    expect(await school.order(first.id)).toEqual(before);
    const paid = (await school.service.published(OrderPaidSchema)).find(
      (event) => event.orderId === answer.exchangeOrder?.id,
    );
    expect(paid).toMatchObject({
      provider: 'exchange',
      paymentId: expect.stringMatching(/^exc_/),
      total: inr(10_001n),
    });
  });

  it('is for who may see the order, in time, and not for an exchanged one', async () => {
    const buyer = learner();
    const first = await school.buy(buyer, ['crs_events']);
    const refusal = async (...given: Parameters<typeof exchange>) => {
      const answer = await exchange(...given);
      return isRefusal(answer) ? answer.code : 'done';
    };
    expect(await refusal(learner(), first.id, lineIds(first), [])).toBe('not_found');
    expect(await refusal(buyer, first.id, ['line_none'], [])).toBe('invalid_request');
    const open = orderOf(await school.place(buyer, ['crs_ledger']));
    expect(await refusal(buyer, open.id, lineIds(open), [])).toBe('order_not_paid');
    const { exchangeOrder } = given(await exchange(buyer, first.id, lineIds(first), courses('crs_ledger')));
    const second = exchangeOrder as Order;
    expect(await refusal(buyer, second.id, lineIds(second), [])).toBe('order_not_editable');
  });
});

describe('one course in two orders', () => {
  it('both paid at once: the second waits for the first, and goes back by itself (M27)', async () => {
    const buyer = learner();
    const first = orderOf(await school.place(buyer, ['crs_events']));
    const second = orderOf(await school.place(buyer, ['crs_events']));
    const [paying] = eventHandlers(school.surroundings).filter((each) => each.schema === PaymentSucceededSchema);
    const release = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    const slow = school.service.sql.transaction(async (tx) => {
      const event = create(PaymentSucceededSchema, { orderId: first.id, paymentId: 'pay_slow', amount: inr(49_900n) });
      await paying?.apply({ event, tx, cause: {} } as never);
      written.resolve();
      await release.promise;
    });
    await written.promise;
    let isDone = false;
    const fast = pay(second).then(() => {
      isDone = true;
    });
    const isWaiting = async () =>
      (
        await school.service.sql.query(
          'SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())',
        )
      ).length > 0;
    while (!isDone && !(await isWaiting()));
    release.resolve();
    await Promise.all([slow, fast]);
    await school.tidy();
    expect(outcomeOf(await school.order(first.id))).toBe('paid');
    expect(outcomeOf(await school.order(second.id))).toBe('refunded');
  });

  it('the one that is not paid is cancelled when the other is (M26)', async () => {
    const buyer = learner();
    const waiting = orderOf(await school.place(buyer, ['crs_events', 'crs_ledger']));
    const other = orderOf(await school.place(buyer, ['crs_ledger']));
    await pay(other);
    await school.tidy();
    expect(await school.order(waiting.id)).toMatchObject({ cancelledBecause: 'superseded' });
  });

  it('one whose amount is held is refused a second time (M26)', async () => {
    const buyer = learner();
    const first = orderOf(await school.place(buyer, ['crs_events']));
    const fact = { orderId: first.id, paymentId: 'pay_h', provider: 'sandbox', amount: inr(49_900n) };
    await school.service.deliver(PaymentAuthorizedSchema, fact);
    await school.service.deliver(PaymentAuthorizedSchema, fact);
    expect(outcomeOf(await school.order(first.id))).toBe('awaiting_payment');
    expect(outcomeOf(await school.place(buyer, ['crs_events']))).toBe('order_already_open');
  });
});

it('a capture below the total of a manual order takes the difference off the lines (M29)', async () => {
  const buyer = learner();
  if (buyer.kind !== 'user') throw new Error('nobody');
  const lines = [49_900n, 10_001n].map((price, index) => ({
    ...courseDraft({
      courseId: `crs_${index}`,
      slug: 's',
      title: 't',
      instructorId: 'usr_teacher',
      release: 1,
    } as never),
    unitPriceMinor: price,
  }));
  const placed = given(
    await refusableTransaction(school.service.sql, (tx) =>
      placeOrderFor(school.surroundings, tx, {
        buyerId: buyer.userId,
        currency: 'INR',
        lines,
        captureMethod: 'manual',
      }),
    ),
  );
  const order = await school.order(placed.order.id);
  await expect(pay(order, inr(59_902n) as never)).rejects.toThrow('amount');
  const paid = await pay(order, inr(45_000n) as never);
  expect(paid).toMatchObject({ total: inr(45_000n), discount: inr(14_901n) });
  for (const line of paid.lines) {
    const parts = line.taxes.reduce((sum, tax) => sum + (tax.amount?.amountMinor ?? 0n), 0n);
    expect(parts).toBe(line.tax?.amountMinor);
    expect((line.net?.amountMinor ?? 0n) + (line.tax?.amountMinor ?? 0n)).toBe(line.total?.amountMinor);
  }
  expect(await school.refund(finance, paid.id)).toBe('succeeded');
});

it('a dispute that is lost ends access once, and leaves nothing to refund (M27)', async () => {
  const buyer = learner();
  const order = await school.buy(buyer, ['crs_events', 'crs_ledger']);
  await school.refund(finance, order.id, { courseIds: ['crs_ledger'] });
  const fact = { orderId: order.id, paymentId: order.paymentId, disputeId: `dsp_${order.id}`, amount: inr(49_900n) };
  await school.service.deliver(DisputeOpenedSchema, fact);
  expect(outcomeOf(await school.order(order.id))).toBe('partially_refunded');
  for (let told = 0; told < 2; told += 1)
    await school.service.deliver(DisputeClosedSchema, { ...fact, outcome: 'lost' });
  expect(await school.order(order.id)).toMatchObject({ disputes: [{ status: 'lost' }] });
  expect(outcomeOf(await school.order(order.id))).toBe('refunded');
  const ended = await school.service.published(EntitlementEndedSchema);
  expect(ended.filter(({ entitlementId }) => order.lines.some((line) => line.id === entitlementId))).toMatchObject([
    { courseId: 'crs_events', because: 'dispute_lost' },
  ]);
  expect(await school.refund(finance, order.id)).toBe('refund_exceeds_captured');
  expect(outcomeOf(await school.place(buyer, ['crs_events']))).toBe('awaiting_payment');
  await expect(school.service.deliver(DisputeClosedSchema, { ...fact, outcome: 'won' })).rejects.toThrow('lost');
});
