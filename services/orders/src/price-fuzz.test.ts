/** Prices, coupons, taxes, bundles, captures and refunds at random: every sum is exact (C15, M25, M29). */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { prorate } from './allocation.ts';
import { type Coupon, discountsOf } from './coupon.ts';
import { decide, evolve, type Order, type OrderEvent, type OrderLine, payableMinor, totalMinor } from './order.ts';
import { type DraftLine, listedMinor, priceLines, supplyTo } from './price.ts';

/** How many random orders; a long run is asked for by the environment. */
const numRuns = Number(process.env.SUUUPRA_SEEDS ?? 150);

const small = fc.oneof(fc.bigInt({ min: 0n, max: 60n }), fc.bigInt({ min: 0n, max: 9_999_999n }));
const currency = fc.constantFrom('INR', 'INR', 'JPY', 'USD', 'KWD');
const policy = fc.record({
  prices: fc.constantFrom('inclusive' as const, 'exclusive' as const),
  rounding: fc.constantFrom('line' as const, 'order' as const),
});
const place = fc.constantFrom('', '27', '29', 'DE');
const coupon = fc.option(
  fc.record({ percent: fc.integer({ min: 0, max: 10_000 }), amount: fc.bigInt({ min: 1n, max: 99_999n }) }),
);
const drafts = fc.array(fc.record({ price: small, quantity: fc.integer({ min: 1, max: 9 }) }), {
  minLength: 1,
  maxLength: 6,
});
const steps = fc.array(fc.record({ share: fc.integer({ min: 1, max: 100 }), fails: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
});

function draft(unitPriceMinor: bigint, quantity: number, index: number): DraftLine {
  return {
    kind: quantity > 1 ? 'seats' : 'course',
    courseId: `crs_${index}`,
    courseSlug: '',
    title: '',
    instructorId: `usr_${index % 2}`,
    release: 1,
    quantity,
    unitPriceMinor,
    bundleId: '',
    cohortId: '',
    reference: '',
  };
}

function couponOf(wanted: { percent: number; amount: bigint }, inCurrency: string): Coupon {
  return {
    id: 'cpn',
    code: 'C',
    percentBasisPoints: wanted.percent,
    amountMinor: wanted.percent > 0 ? 0n : wanted.amount,
    amountCurrency: inCurrency,
    scope: wanted.percent % 2 === 0 ? 'all' : 'instructor',
    courseIds: [],
    instructorId: 'usr_1',
    validFromMs: 0,
    usesMax: 0,
    usesPerBuyerMax: 0,
    minimumMinor: 0n,
    minimumCurrency: '',
    uses: 0,
    isWithdrawn: false,
    createdBy: '',
    createdAtMs: 0,
  };
}

function fold(order: Order | undefined, events: unknown): Order {
  if (isRefusal(events)) throw new Error(events.code);
  let after = order;
  for (const event of events as readonly OrderEvent[]) after = evolve(after, event);
  if (after === undefined) throw new Error('no order');
  return after;
}

const sum = (amounts: readonly bigint[]) => amounts.reduce((a, b) => a + b, 0n);

function checkLines(lines: readonly OrderLine[]): void {
  for (const line of lines) {
    const total = line.priceMinor - line.discountMinor;
    expect(line.discountMinor >= 0n && total >= 0n && line.taxMinor >= 0n && line.taxMinor <= total).toBe(true);
    if (line.taxes.length > 0) expect(sum(line.taxes.map((tax) => tax.amountMinor))).toBe(line.taxMinor);
    expect(line.taxes.every((tax) => tax.amountMinor >= 0n)).toBe(true);
  }
}

it('an order adds up from the price list to the last refund, in any currency and any order (C15, M25, M29)', () => {
  fc.assert(
    fc.property(drafts, coupon, currency, policy, place, steps, fc.integer({ min: 1, max: 100 }), (...random) => {
      const [wanted, off, code, how, where, refunds, captured] = random;
      const lines = wanted.map(({ price, quantity }, index) => draft(price, quantity, index));
      const applied = off === null ? undefined : discountsOf(couponOf(off, code), lines, code, 1);
      const discounts = applied === undefined || isRefusal(applied) ? lines.map(() => 0n) : applied.discounts;
      const billing = { name: '', address: '', stateCode: '', country: '', gstin: '' };
      const abroad = where === 'DE' ? { ...billing, country: 'DE' } : { ...billing, stateCode: where };
      const supply = supplyTo(abroad, '29');
      const priced = priceLines(lines, discounts, { currency: code, supply, policy: how });
      const sold = priced.map((line, index) => ({ id: `line_${index}`, ...line }));
      checkLines(sold);
      if (how.prices === 'inclusive')
        expect(sum(sold.map((line) => line.priceMinor))).toBe(sum(lines.map(listedMinor)));
      const about = { orderId: 'o', number: 'n', buyerId: 'b', currency: code, lines: sold, supply, atMs: 1 };
      let order = fold(undefined, decide({ kind: 'place', captureMethod: 'manual', ...about }, undefined));
      const due = payableMinor(order);
      if (due === 0n) return;
      const amountMinor = (due * BigInt(captured)) / 100n || 1n;
      order = fold(
        order,
        decide({ kind: 'pay', paymentId: 'p', provider: 's', currency: code, amountMinor, atMs: 2 }, order),
      );
      expect(totalMinor(order)).toBe(amountMinor);
      checkLines(order.lines);
      checkRefunds(order, refunds, code);
    }),
    { numRuns },
  );
});

function checkRefunds(paid: Order, wanted: readonly { share: number; fails: boolean }[], code: string): void {
  let order = paid;
  const left = () =>
    totalMinor(order) - sum(order.refunds.filter((each) => each.state !== 'failed').map((each) => each.amountMinor));
  const refund = (amountMinor: bigint, outcome: 'succeeded' | 'failed') => {
    const refundId = `r${order.refunds.length}`;
    const asked = {
      requestedBy: '',
      byBuyer: false,
      items: [],
      reason: '',
      amount: { currency: code, amountMinor },
      atMs: 3,
    };
    order = fold(order, decide({ kind: 'request_refund', refundId, ...asked }, order));
    order = fold(order, decide({ kind: 'settle_refund', refundId, outcome, code: '', atMs: 4 }, order));
  };
  for (const { share, fails } of wanted) {
    const amountMinor = (left() * BigInt(share)) / 100n;
    if (amountMinor > 0n) refund(amountMinor, fails ? 'failed' : 'succeeded');
  }
  if (left() > 0n) refund(left(), 'succeeded');
  for (const line of order.lines) {
    const parts = order.refunds
      .filter((each) => each.state === 'succeeded')
      .flatMap((each) => each.parts.filter((part) => part.lineId === line.id));
    expect(sum(parts.map((part) => part.grossMinor))).toBe(line.priceMinor - line.discountMinor);
    expect(sum(parts.map((part) => part.taxMinor))).toBe(line.taxMinor);
    for (const tax of line.taxes)
      expect(
        sum(parts.flatMap((part) => part.taxes ?? []).map((each) => (each.kind === tax.kind ? each.amountMinor : 0n))),
      ).toBe(tax.amountMinor);
    expect(parts.flatMap((part) => part.taxes ?? []).every((each) => each.amountMinor >= 0n)).toBe(true);
  }
}

it('any amount is divided without a rest, also among nothing', () => {
  fc.assert(
    fc.property(small, fc.array(small, { minLength: 1, maxLength: 20 }), (amount, weights) => {
      expect(sum(prorate(amount, weights))).toBe(amount);
    }),
    { numRuns },
  );
  expect(prorate(5n, [0n, 0n])).toEqual([3n, 2n]);
});
