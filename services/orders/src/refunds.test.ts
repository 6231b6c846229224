import { OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { RpcFault } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finance, learner, openSchool, outcomeOf, ravi, type School } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

async function refunds(of: School, orderId: string) {
  return (await of.service.published(OrderRefundedSchema)).filter((event) => event.orderId === orderId);
}

describe('a refund', () => {
  it('of the whole order gives every line back, the free one too, and ends access to them', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events', 'crs_free']);
    expect(await school.refund(buyer, order.id)).toBe('succeeded');
    expect(outcomeOf(await school.order(order.id))).toBe('refunded');
    expect(await refunds(school, order.id)).toMatchObject([
      {
        buyerId: buyer.kind === 'user' && buyer.userId,
        paymentId: order.paymentId,
        provider: 'sandbox',
        wholeOrderRefunded: true,
        amount: { amountMinor: 49_900n },
        lines: [
          {
            courseId: 'crs_events',
            gross: { amountMinor: 49_900n },
            tax: { amountMinor: 7_612n },
            wholeLineRefunded: true,
          },
          { courseId: 'crs_free', gross: { amountMinor: 0n }, wholeLineRefunded: true },
        ],
      },
    ]);
    expect(await school.refund(finance, order.id)).toBe('refund_exceeds_captured');
    expect(outcomeOf(await school.place(buyer, ['crs_events']))).toBe('awaiting_payment');
  });

  it('in parts adds up to the line and its tax', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events', 'crs_ledger']);
    for (const amountMinor of [10_000n, 3n, 777n])
      expect(await school.refund(finance, order.id, { amountMinor })).toBe('succeeded');
    expect(outcomeOf(await school.order(order.id))).toBe('partially_refunded');
    expect(await school.refund(finance, order.id, { courseIds: ['crs_ledger'] })).toBe('succeeded');
    expect(await school.refund(finance, order.id)).toBe('succeeded');
    const told = await refunds(school, order.id);
    const sums = new Map<string, [bigint, bigint]>();
    for (const { courseId, gross, tax } of told.flatMap((event) => event.lines)) {
      const [grossSum, taxSum] = sums.get(courseId) ?? [0n, 0n];
      sums.set(courseId, [grossSum + (gross?.amountMinor ?? 0n), taxSum + (tax?.amountMinor ?? 0n)]);
    }
    expect(sums).toEqual(
      new Map([
        ['crs_events', [49_900n, 7_612n]],
        ['crs_ledger', [10_001n, 1_526n]],
      ]),
    );
    expect(told.map((event) => event.wholeOrderRefunded)).toEqual([false, false, false, false, true]);
  });

  it('is for the buyer and finance, gives the buyer the whole only, and takes no card number as a reason', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events']);
    expect(await school.refund(ravi, order.id)).toBe('not_found');
    expect(await school.refund(buyer, order.id, { amountMinor: 1n })).toBe('permission_denied');
    expect(await school.refund(buyer, order.id, { reason: 'card 4111 1111 1111 1111' })).toBe('invalid_request');
    const [kept] = await school.service.sql.query<{ n: bigint }>(
      "SELECT count(*) AS n FROM order_events WHERE data::text LIKE '%4111%'",
    );
    expect(kept?.n).toBe(0n);
    const own = await openSchool({ databaseUrl: school.service.databaseUrl, aheadMs: 15 * 24 * 3_600_000 });
    expect(await own.refund(buyer, order.id)).toBe('refund_window_closed');
    expect(await own.refund(finance, order.id)).toBe('succeeded');
    await own.service.stop();
  });

  it('is answered again by its key', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events']);
    expect(await school.refund(finance, order.id, { key: 'refund-1', amountMinor: 100n })).toBe('succeeded');
    expect(await school.refund(finance, order.id, { key: 'refund-1', amountMinor: 100n })).toBe('succeeded');
    expect(await school.refund(finance, order.id, { key: 'refund-1', amountMinor: 200n })).toBe(
      'idempotency_key_reused',
    );
    expect(await refunds(school, order.id)).toHaveLength(1);
  });

  it('never exceeds what was paid, however many come at once', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events']);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => school.refund(finance, order.id, { amountMinor: 3_000n })),
    );
    expect(outcomes.filter((outcome) => outcome === 'succeeded')).toHaveLength(16);
    expect(outcomes.filter((outcome) => outcome === 'refund_exceeds_captured')).toHaveLength(34);
    expect((await school.order(order.id)).refunded?.amountMinor).toBe(48_000n);
    expect(await refunds(school, order.id)).toHaveLength(16);
  });
});

describe('how a refund ends', () => {
  it('is told once, whether the answer or the event comes first', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events']);
    // The event overtakes the answer.
    school.payments.refund = async () => {
      const asked = school.payments.asked.at(-1);
      await school.service.deliver(RefundSucceededSchema, { orderId: order.id, refundId: asked?.id ?? '' });
      return 'succeeded';
    };
    expect(await school.refund(finance, order.id)).toBe('succeeded');
    school.payments.refund = 'succeeded';
    const [refund] = (await school.order(order.id)).refunds;
    await school.service.deliver(RefundSucceededSchema, { orderId: order.id, refundId: refund?.id ?? '' });
    expect(await refunds(school, order.id)).toHaveLength(1);
  });

  it('may come later: until then its amount is spoken for', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events']);
    school.payments.refund = 'pending';
    expect(await school.refund(finance, order.id)).toBe('pending');
    school.payments.refund = 'succeeded';
    expect(await school.refund(finance, order.id)).toBe('refund_exceeds_captured');
    expect(outcomeOf(await school.order(order.id))).toBe('paid');
    const [refund] = (await school.order(order.id)).refunds;
    await school.service.deliver(RefundSucceededSchema, { orderId: order.id, refundId: refund?.id ?? '' });
    expect(outcomeOf(await school.order(order.id))).toBe('refunded');
  });

  it('in failure gives the amount back', async () => {
    const buyer = learner();
    const order = await school.buy(buyer, ['crs_events']);
    school.payments.refund = 'failed';
    expect(await school.refund(finance, order.id)).toBe('failed');
    school.payments.refund = 'pending';
    expect(await school.refund(finance, order.id)).toBe('pending');
    const pending = (await school.order(order.id)).refunds.at(-1);
    const failed = { orderId: order.id, refundId: pending?.id ?? '', code: 'account_closed' };
    await school.service.deliver(RefundFailedSchema, failed);
    await expect(
      school.service.deliver(RefundSucceededSchema, { orderId: order.id, refundId: pending?.id ?? '' }),
    ).rejects.toThrow();
    school.payments.refund = 'refund_exceeds_captured';
    expect(await school.refund(finance, order.id, { key: 'disputed' })).toBe('refund_exceeds_captured');
    school.payments.refund = 'succeeded';
    expect(await school.refund(finance, order.id, { key: 'disputed' })).toBe('succeeded');
    expect(await refunds(school, order.id)).toHaveLength(1);
  });

  it('is asked for again when payments did not answer, with the same id', async () => {
    const buyer = learner();
    const own = await openSchool();
    const order = await own.buy(buyer, ['crs_events']);
    own.payments.refund = () => Promise.reject(new RpcFault('unavailable', 'away'));
    expect(await own.refund(finance, order.id)).toBe('pending');
    for (let i = 0; i < 3; i += 1) {
      own.advance(300_000);
      await own.tidy();
    }
    own.payments.refund = 'succeeded';
    own.advance(3_600_000);
    await own.tidy();
    expect(outcomeOf(await own.order(order.id))).toBe('refunded');
    expect(new Set(own.payments.asked.map(({ id }) => id)).size).toBe(1);
    expect(await refunds(own, order.id)).toHaveLength(1);
    own.advance(24 * 3_600_000);
    const asked = own.payments.asked.length;
    await own.tidy();
    expect(own.payments.asked).toHaveLength(asked);
    await own.service.stop();
  });
});
