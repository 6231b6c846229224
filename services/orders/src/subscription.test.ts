import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Interval } from './period.ts';
import {
  type Begin,
  begin,
  billOrderId,
  cancelledAtPeriodEnd,
  changedForFree,
  charged,
  charging,
  dueAtMs,
  ended,
  type PlanTerms,
  paid,
  planChange,
  resumed,
  type Subscription,
  sharesOf,
  stepOf,
  withBill,
  withMandate,
  withoutBill,
} from './subscription.ts';

const startMs = Date.UTC(2026, 0, 31, 9);
const dayMs = 86_400_000;

function plan(given: Partial<PlanTerms> = {}): PlanTerms {
  const course = { courseId: 'crs_1', slug: 's', title: 'One', instructorId: 'usr_t', release: 1, weight: 1 };
  return {
    planId: 'pln_1',
    title: 'All, monthly',
    currency: 'INR',
    priceMinor: 49_900n,
    interval: { unit: 'month', count: 1 },
    timeZone: 'UTC',
    trialDays: 0,
    courses: [course, { ...course, courseId: 'crs_2' }],
    ...given,
  };
}

function subscribed(given: Partial<Begin> = {}): Subscription {
  return begin({
    id: 'sub_1',
    buyerId: 'usr_1',
    mandateId: 'mnd_1',
    plan: plan(),
    withTrial: false,
    atMs: startMs,
    ...given,
  });
}

/** Bills and pays what is due. */
function renewed(subscription: Subscription, nowMs: number): Subscription {
  const step = stepOf(subscription, nowMs);
  if (step.kind !== 'bill') throw new Error(`nothing to bill: ${step.kind}`);
  return paid(charging(withBill(subscription, step.bill), true, nowMs));
}

describe('a subscription', () => {
  it('is open after its first charge, and due again at the end of the period', () => {
    const waiting = subscribed();
    expect([waiting.status, stepOf(waiting, startMs).kind]).toEqual(['incomplete', 'bill']);
    const open = renewed(waiting, startMs);
    expect([open.status, new Date(open.periodEndMs).toISOString()]).toEqual(['active', '2026-02-28T09:00:00.000Z']);
    expect(stepOf(open, open.periodEndMs - 1).kind).toBe('wait');
    expect(new Date(renewed(open, open.periodEndMs).periodEndMs).toISOString()).toBe('2026-03-31T09:00:00.000Z');
  });

  it('on trial is open at once and billed when the trial is over; the trial ends it when it was cancelled', () => {
    const trial = subscribed({ plan: plan({ trialDays: 14 }), withTrial: true });
    expect([trial.status, trial.periodEndMs]).toEqual(['trialing', startMs + 14 * dayMs]);
    const open = renewed(trial, trial.periodEndMs);
    expect([open.status, open.periodStartMs]).toEqual(['active', startMs + 14 * dayMs]);
    const cancelled = cancelledAtPeriodEnd(trial);
    expect(stepOf(cancelled, trial.periodEndMs)).toEqual({ kind: 'end', because: 'cancelled' });
    const again = resumed(cancelled);
    expect(!isRefusal(again) && stepOf(again, trial.periodEndMs).kind).toBe('bill');
  });

  it('C6: has one bill for a period, whenever and however often the clock is asked', () => {
    const open = renewed(subscribed(), startMs);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { maxLength: 8 }), (jumps) => {
        const ids = new Set<string>();
        for (const jump of [0, ...jumps]) {
          const step = stepOf(open, open.periodEndMs + jump);
          if (step.kind === 'bill') ids.add(step.bill.orderId);
        }
        expect(ids.size).toBe(1);
        // A clock that goes back after the renewal finds nothing to bill.
        const next = renewed(open, open.periodEndMs);
        for (const jump of jumps) expect(stepOf(next, open.periodEndMs + jump).kind).toBe('wait');
      }),
    );
  });

  it('does not bill for periods that nobody looked at', () => {
    const open = renewed(subscribed(), startMs);
    const late = stepOf(open, Date.UTC(2026, 5, 15));
    expect(late.kind === 'bill' && new Date(late.bill.periodStartMs).toISOString()).toBe('2026-05-31T09:00:00.000Z');
  });

  it('is tried again after 1, 3, 5 and 7 days, open meanwhile, and then given up', () => {
    const open = renewed(subscribed(), startMs);
    const firstMs = open.periodEndMs;
    const step = stepOf(open, firstMs);
    let now = withBill(open, step.kind === 'bill' ? step.bill : (undefined as never));
    const days: number[] = [];
    for (let nowMs = firstMs; stepOf(now, nowMs).kind === 'charge'; nowMs = dueAtMs(now) ?? 0) {
      days.push((nowMs - firstMs) / dayMs);
      now = charging(now, true, nowMs);
      now = charged(now, now.bill?.orderId ?? '', now.bill?.tries ?? 0, 'failed', nowMs);
      expect(['past_due', 'active']).toContain(now.status);
    }
    expect(days).toEqual([0, 1, 3, 5, 7]);
    expect(stepOf(now, dueAtMs(now) ?? 0).kind).toBe('give_up');
    expect(withoutBill(now, 'payment_failed', 1)).toMatchObject({ status: 'ended', endedBecause: 'payment_failed' });
    expect(paid(now)).toMatchObject({ status: 'active', periodStartMs: firstMs });
  });

  it('M20: begins no other try while the answer to one is missing', () => {
    const open = renewed(subscribed(), startMs);
    const step = stepOf(open, open.periodEndMs);
    if (step.kind !== 'bill') throw new Error(step.kind);
    const asked = charging(withBill(open, step.bill), true, open.periodEndMs);
    let pending = asked;
    for (let day = 0; day < 30; day += 1) {
      const nowMs = dueAtMs(pending) ?? 0;
      expect(stepOf(pending, nowMs)).toMatchObject({ kind: 'charge', isNew: false });
      pending = charged(charging(pending, false, nowMs), step.bill.orderId, 1, 'pending', nowMs);
    }
    expect(pending.bill?.tries).toBe(1);
    // An old answer, or one to another order, changes nothing.
    expect(charged(pending, step.bill.orderId, 2, 'failed', 0)).toBe(pending);
    expect(charged(pending, 'ord_other', 1, 'failed', 0)).toBe(pending);
    expect(isRefusal(withMandate(pending, 'mnd_2', 0))).toBe(true);
  });

  it('without its first charge ends at once', () => {
    const waiting = subscribed();
    const step = stepOf(waiting, startMs);
    if (step.kind !== 'bill') throw new Error(step.kind);
    const failed = charged(
      charging(withBill(waiting, step.bill), true, startMs),
      step.bill.orderId,
      1,
      'failed',
      startMs,
    );
    expect(stepOf(failed, startMs).kind).toBe('give_up');
  });

  it('is tried at once with another mandate', () => {
    const open = renewed(subscribed(), startMs);
    const step = stepOf(open, open.periodEndMs);
    if (step.kind !== 'bill') throw new Error(step.kind);
    const charge = charging(withBill(open, step.bill), true, open.periodEndMs);
    const failed = charged(charge, step.bill.orderId, 1, 'failed', open.periodEndMs);
    const changed = withMandate(failed, 'mnd_2', open.periodEndMs + 5);
    if (isRefusal(changed)) throw new Error(changed.code);
    expect([changed.mandateId, stepOf(changed, open.periodEndMs + 5)]).toMatchObject([
      'mnd_2',
      { kind: 'charge', isNew: true },
    ]);
  });
});

describe('a change of plan', () => {
  const other = (given: Partial<PlanTerms> = {}) => plan({ planId: 'pln_2', ...given });
  const accepted = (subscription: Subscription, to: PlanTerms, nowMs: number) => {
    const change = planChange(subscription, to, nowMs);
    if (isRefusal(change)) throw new Error(change.code);
    return change;
  };

  it('credits and charges the rest of the period to the unit', () => {
    const open = renewed(
      subscribed({ plan: plan({ priceMinor: 30_000n }), atMs: Date.UTC(2026, 5, 1) }),
      Date.UTC(2026, 5, 1),
    );
    const change = accepted(open, other({ priceMinor: 60_000n }), Date.UTC(2026, 5, 11));
    expect([change.creditMinor, change.chargeMinor, change.dueNowMinor]).toEqual([20_000n, 40_000n, 20_000n]);
    expect(change.bill.periodEndMs).toBe(open.periodEndMs);
    const down = accepted(open, other({ priceMinor: 3_000n }), Date.UTC(2026, 5, 11));
    expect([down.dueNowMinor, down.creditLeftMinor]).toEqual([0n, 18_000n]);
    const changed = changedForFree(open, down);
    const next = stepOf(changed, changed.periodEndMs);
    expect(next.kind === 'bill' && [next.bill.creditUsedMinor, next.bill.creditAfterMinor]).toEqual([3_000n, 15_000n]);
  });

  it('to another interval begins a period now', () => {
    const open = renewed(subscribed({ atMs: Date.UTC(2026, 5, 1) }), Date.UTC(2026, 5, 1));
    const nowMs = Date.UTC(2026, 5, 16);
    const change = accepted(open, other({ priceMinor: 499_000n, interval: { unit: 'year', count: 1 } }), nowMs);
    expect([change.creditMinor, change.dueNowMinor]).toEqual([24_950n, 474_050n]);
    const yearly = paid(withBill(open, change.bill));
    expect([yearly.anchorMs, yearly.periodEndMs, yearly.changes]).toEqual([nowMs, Date.UTC(2027, 5, 16), 1]);
  });

  it('of a trial costs nothing and leaves the trial as long as it was', () => {
    const trial = subscribed({ plan: plan({ trialDays: 14 }), withTrial: true });
    const change = accepted(trial, other({ priceMinor: 99_900n }), startMs + dayMs);
    expect([change.dueNowMinor, change.creditLeftMinor, change.bill.periodEndMs]).toEqual([0n, 0n, trial.periodEndMs]);
  });

  it('neither makes nor loses a unit: paid + credit before = used + charged + credit after', () => {
    const intervals: Interval[] = [
      { unit: 'month', count: 1 },
      { unit: 'month', count: 3 },
      { unit: 'year', count: 1 },
    ];
    fc.assert(
      fc.property(
        fc.record({
          price: fc.bigInt({ min: 0n, max: 10n ** 12n }),
          newPrice: fc.bigInt({ min: 0n, max: 10n ** 12n }),
          credit: fc.bigInt({ min: 0n, max: 10n ** 12n }),
          from: fc.constantFrom(...intervals),
          to: fc.constantFrom(...intervals),
          share: fc.double({ min: 0, max: 0.999, noNaN: true }),
        }),
        ({ price, newPrice, credit, from, to, share }) => {
          const open = {
            ...renewed(subscribed({ plan: plan({ priceMinor: price, interval: from }) }), startMs),
            creditMinor: credit,
          };
          const nowMs = Math.floor(startMs + share * (open.periodEndMs - startMs));
          const change = accepted(open, other({ priceMinor: newPrice, interval: to }), nowMs);
          expect(change.creditMinor >= 0n && change.creditMinor <= price).toBe(true);
          expect(credit + change.creditMinor + change.dueNowMinor).toBe(change.chargeMinor + change.creditLeftMinor);
          expect(change.dueNowMinor >= 0n && change.creditLeftMinor >= 0n).toBe(true);
          expect(change.dueNowMinor === 0n || change.creditLeftMinor === 0n).toBe(true);
          if (price === newPrice && from === to) expect(change.chargeMinor).toBe(change.creditMinor);
        },
      ),
    );
  });

  it('is refused while it is billed, cancelled, ended, or in another currency', () => {
    const open = renewed(subscribed(), startMs);
    const code = (subscription: Subscription, to = other(), nowMs = startMs) => {
      const change = planChange(subscription, to, nowMs);
      return isRefusal(change) ? change.code : 'accepted';
    };
    const cancelled = { ...open, cancelAtPeriodEnd: true };
    expect([
      code(open),
      code(open, other({ currency: 'USD' })),
      code(open, plan()),
      code(open, other(), open.periodEndMs),
      code(cancelled),
      code(ended(open, 'cancelled', startMs)),
      code(subscribed()),
    ]).toEqual(['accepted', 'mixed_currencies', ...Array.from({ length: 5 }, () => 'subscription_not_changeable')]);
  });
});

describe('the parts of a bill', () => {
  it('M25: add up by weight, and no credit is above its part', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 15n }),
        fc.bigInt({ min: 0n, max: 10n ** 15n }),
        fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 20 }),
        (grossMinor, credit, weights) => {
          const course = plan().courses[0];
          if (course === undefined) throw new Error('a plan without courses');
          const courses = weights.map((weight) => ({ ...course, weight }));
          const creditUsedMinor = credit < grossMinor ? credit : grossMinor;
          const shares = sharesOf({ plan: plan({ courses }), grossMinor, creditUsedMinor });
          expect(shares.reduce((sum, share) => sum + share.grossMinor, 0n)).toBe(grossMinor);
          expect(shares.reduce((sum, share) => sum + share.discountMinor, 0n)).toBe(creditUsedMinor);
          for (const share of shares)
            expect(share.discountMinor <= share.grossMinor && share.discountMinor >= 0n).toBe(true);
        },
      ),
    );
  });

  it('have ids of our form that nothing else has', () => {
    expect(billOrderId('sub_1', 'period 0')).toMatch(/^[a-z0-9_]{1,64}$/);
    expect(billOrderId('sub_1', 'period 0')).toBe(billOrderId('sub_1', 'period 0'));
    expect(billOrderId('sub_1', 'period 0')).not.toBe(billOrderId('sub_2', 'period 0'));
  });
});
