import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decide,
  evolve,
  type Order,
  type OrderCommand,
  OrderContradiction,
  type OrderEvent,
  type OrderLine,
  payableMs,
  type RequestRefund,
  refundedMinor,
  refundsMax,
  refundWindowMs,
  statusOf,
  totalMinor,
} from './order.ts';
import { taxInsideMinor } from './price.ts';
import { decodeEvent, encodeEvent } from './stored-event.ts';

function line(id: string, priceMinor: bigint): OrderLine {
  return {
    id,
    kind: 'course',
    quantity: 1,
    unitPriceMinor: priceMinor,
    taxes: [],
    bundleId: '',
    cohortId: '',
    reference: '',
    courseId: `crs_${id}`,
    courseSlug: id,
    title: id,
    instructorId: 'usr_teacher',
    release: 1,
    priceMinor,
    discountMinor: 0n,
    taxMinor: taxInsideMinor('INR', priceMinor),
  };
}

const lines = [line('a', 49_900n), line('b', 10_001n), line('free', 0n)];
const placing = {
  kind: 'place',
  orderId: 'ord_1',
  number: 'SU-1',
  buyerId: 'usr_1',
  currency: 'INR',
  lines,
  captureMethod: 'automatic',
  atMs: 1_000,
} as const;
const paying = {
  kind: 'pay',
  paymentId: 'pay_1',
  provider: 'sandbox',
  currency: 'INR',
  amountMinor: 59_901n,
  atMs: 2_000,
} as const;
const asking: RequestRefund = {
  kind: 'request_refund',
  refundId: 'rfd_1',
  requestedBy: 'usr_finance',
  byBuyer: false,
  items: [],
  reason: 'because',
  atMs: 3_000,
};

/** The order after these commands, none of which is refused. */
function orderAfter(...commands: OrderCommand[]): Order {
  let order: Order | undefined;
  for (const command of commands) order = eventsOf(decide(command, order)).reduce(evolve, order as Order);
  if (order === undefined) throw new Error('no order');
  return order;
}

function eventsOf(decided: readonly OrderEvent[] | Refusal): readonly OrderEvent[] {
  if (isRefusal(decided)) throw new Error(`refused: ${decided.code}`);
  return decided;
}

function refusalOf(command: OrderCommand, order: Order): string {
  const decided = decide(command, order);
  return isRefusal(decided) ? decided.code : 'nothing';
}

const placed = orderAfter(placing);
const paid = orderAfter(placing, paying);
const settled = (refundId: string, outcome: 'succeeded' | 'failed') =>
  ({ kind: 'settle_refund', refundId, outcome, code: 'x', atMs: 4_000 }) as const;

describe('an order', () => {
  it('awaits its payment for 30 minutes', () => {
    expect(statusOf(placed)).toBe('awaiting_payment');
    expect(placed.expiresAtMs).toBe(1_000 + payableMs);
    expect(totalMinor(placed)).toBe(59_901n);
  });

  it('that costs nothing is paid when it is placed', () => {
    expect(statusOf(orderAfter({ ...placing, lines: [line('free', 0n)] }))).toBe('paid');
  });

  it('is paid once, by its exact amount', () => {
    expect(statusOf(paid)).toBe('paid');
    expect(decide(paying, paid)).toEqual([]);
    for (const wrong of [{ amountMinor: 59_900n }, { currency: 'USD' }])
      expect(() => decide({ ...paying, ...wrong }, placed)).toThrow(OrderContradiction);
    expect(() => decide({ ...paying, paymentId: 'pay_2' }, paid)).toThrow(OrderContradiction);
  });

  it('is cancelled while it is not paid, and repeating that is no error', () => {
    const cancel = { kind: 'cancel', because: 'buyer', atMs: 5_000 } as const;
    const cancelled = orderAfter(placing, cancel);
    expect(statusOf(cancelled)).toBe('cancelled');
    expect(decide(cancel, cancelled)).toEqual([]);
    expect(refusalOf(cancel, paid)).toBe('order_not_cancellable');
    expect(() => decide(paying, cancelled)).toThrow(OrderContradiction);
    const early = { kind: 'cancel', because: 'expired', atMs: placed.expiresAtMs - 1 } as const;
    expect(() => decide(early, placed)).toThrow(OrderContradiction);
  });
});

describe('a refund', () => {
  it('is of all that is left unless it says otherwise', () => {
    const [event] = eventsOf(decide(asking, paid));
    expect(event).toMatchObject({ type: 'RefundRequested', amountMinor: 59_901n });
    expect(statusOf(orderAfter(placing, paying, asking))).toBe('paid');
    expect(statusOf(orderAfter(placing, paying, asking, settled('rfd_1', 'succeeded')))).toBe('refunded');
    expect(statusOf(orderAfter(placing, paying, asking, settled('rfd_1', 'failed')))).toBe('paid');
  });

  it('of an amount is spread over the lines, and leaves the order partially refunded', () => {
    const part = { ...asking, amount: { currency: 'INR', amountMinor: 30_000n } };
    const order = orderAfter(placing, paying, part, settled('rfd_1', 'succeeded'));
    expect(order.refunds[0]?.parts.map((each) => each.grossMinor)).toEqual([24_991n, 5_009n]);
    expect(statusOf(order)).toBe('partially_refunded');
  });

  it('of items is of all that is left of them', () => {
    const items = [{ lineId: '', courseId: 'crs_b' }];
    const [event] = eventsOf(decide({ ...asking, items }, paid));
    expect(event).toMatchObject({ amountMinor: 10_001n, parts: [{ lineId: 'b' }] });
    const twice = [...items, { lineId: 'b', courseId: '' }];
    for (const wrong of [twice, [{ lineId: 'z', courseId: '' }], [{ lineId: '', courseId: '' }]])
      expect(refusalOf({ ...asking, items: wrong }, paid)).toBe('invalid_request');
    const amount = { currency: 'INR', amountMinor: 1n };
    expect(refusalOf({ ...asking, items, amount }, paid)).toBe('invalid_request');
    expect(refusalOf({ ...asking, items: [{ lineId: 'free', courseId: '' }] }, paid)).toBe('refund_exceeds_captured');
  });

  it('is refused when there is nothing to give back', () => {
    expect(refusalOf(asking, placed)).toBe('order_not_paid');
    expect(refusalOf(asking, orderAfter(placing, paying, asking))).toBe('refund_exceeds_captured');
    expect(refusalOf(asking, orderAfter({ ...placing, lines: [line('free', 0n)] }))).toBe('refund_exceeds_captured');
    const of = (amountMinor: bigint, currency = 'INR') => ({ ...asking, amount: { currency, amountMinor } });
    expect(refusalOf(of(59_902n), paid)).toBe('refund_exceeds_captured');
    expect(refusalOf(of(0n), paid)).toBe('amount_invalid');
    expect(refusalOf(of(-1n), paid)).toBe('amount_invalid');
    expect(refusalOf(of(1n, 'USD'), paid)).toBe('amount_invalid');
  });

  it('is for the buyer of the whole order, within 14 days', () => {
    const own = { ...asking, byBuyer: true, atMs: 2_000 + refundWindowMs };
    expect(refusalOf(own, paid)).toBe('nothing');
    expect(refusalOf({ ...own, atMs: own.atMs + 1 }, paid)).toBe('refund_window_closed');
    expect(refusalOf({ ...own, amount: { currency: 'INR', amountMinor: 1n } }, paid)).toBe('permission_denied');
    expect(refusalOf({ ...own, items: [{ lineId: 'a', courseId: '' }] }, paid)).toBe('permission_denied');
    const all = [
      { lineId: 'a', courseId: '' },
      { lineId: 'b', courseId: '' },
    ];
    expect(refusalOf({ ...own, items: all }, paid)).toBe('nothing');
  });

  it('is settled once', () => {
    const asked = orderAfter(placing, paying, asking);
    const done = orderAfter(placing, paying, asking, settled('rfd_1', 'succeeded'));
    expect(decide(settled('rfd_1', 'succeeded'), done)).toEqual([]);
    expect(() => decide(settled('rfd_1', 'failed'), done)).toThrow(OrderContradiction);
    expect(() => decide(settled('rfd_2', 'succeeded'), asked)).toThrow(OrderContradiction);
  });

  it('can be asked for only so often', () => {
    let order = paid;
    for (let i = 0; i < refundsMax; i += 1) {
      const refundId = `rfd_${i}`;
      const commands = [{ ...asking, refundId }, settled(refundId, 'failed')];
      for (const command of commands) order = eventsOf(decide(command, order)).reduce(evolve, order);
    }
    expect(refusalOf(asking, order)).toBe('limit_reached');
  });

  it('and all the others together never exceed what was paid, whatever is asked and whatever fails', () => {
    const step = fc.record({
      amountMinor: fc.bigInt({ min: 1n, max: 40_000n }),
      ends: fc.constantFrom('succeeded', 'failed', 'pending'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let order = paid;
        for (const [index, { amountMinor, ends }] of steps.entries()) {
          const refundId = `rfd_${index}`;
          const decided = decide({ ...asking, refundId, amount: { currency: 'INR', amountMinor } }, order);
          if (isRefusal(decided)) continue;
          order = decided.reduce(evolve, order);
          if (ends !== 'pending')
            order = eventsOf(decide(settled(refundId, ends as 'failed'), order)).reduce(evolve, order);
          const alive = order.refunds.filter((refund) => refund.state !== 'failed');
          expect(alive.reduce((sum, refund) => sum + refund.amountMinor, 0n) <= totalMinor(order)).toBe(true);
        }
        expect(refundedMinor(order) <= totalMinor(order)).toBe(true);
      }),
    );
  });
});

describe('a stored event', () => {
  it('is read as it was written', () => {
    const amount = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    const parts = fc.array(fc.record({ lineId: fc.string(), grossMinor: amount, taxMinor: amount }), { maxLength: 3 });
    fc.assert(
      fc.property(amount, parts, fc.string(), (amountMinor, given, reason) => {
        const event: OrderEvent = {
          type: 'RefundRequested',
          refundId: 'rfd_1',
          amountMinor,
          parts: given,
          reason,
          requestedBy: 'usr_1',
          atMs: 1,
        };
        const stored = encodeEvent(event);
        expect(decodeEvent(stored.type, JSON.parse(stored.data))).toEqual(event);
      }),
    );
    const [event] = eventsOf(decide(placing, undefined));
    if (event === undefined) throw new Error('no event');
    const stored = encodeEvent(event);
    expect(stored.type).toBe('OrderPlaced.v2');
    expect(decodeEvent(stored.type, JSON.parse(stored.data))).toEqual(event);
  });
  it('of version 1 is read as what it was: a course for the buyer, whose tax has no parts (O8)', () => {
    const old = {
      orderId: 'ord_1',
      number: 'SU-1',
      buyerId: 'usr_1',
      currency: 'INR',
      expiresAtMs: 1_801_000,
      atMs: 1_000,
      lines: [
        { id: 'a', courseId: 'crs_a', title: 'a', priceMinor: '9007199254740993', discountMinor: '0', taxMinor: '5' },
      ],
    };
    const order = evolve(undefined, decodeEvent('OrderPlaced.v1', old));
    expect(order).toMatchObject({ captureMethod: 'automatic', disputes: [] });
    expect(order.lines).toMatchObject([
      { kind: 'course', quantity: 1, unitPriceMinor: 9_007_199_254_740_993n, taxes: [], bundleId: '', reference: '' },
    ]);
  });
  it('of an unknown type stops the reader', () => {
    expect(() => decodeEvent('OrderPlaced.v3', {})).toThrow('unknown type');
    expect(() => decodeEvent('OrderEaten.v1', {})).toThrow('unknown type');
  });
});
