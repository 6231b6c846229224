import { SubscriptionChangedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { OrderStatus, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  PlanInterval,
  SubscriptionStatus,
  SubscriptionsService,
} from '@suuupra/contracts/gen/suuupra/orders/v1/subscriptions_pb.ts';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dunningDays } from './subscription.ts';
import { advance } from './subscriptions.ts';
import { type AccessSchool, accepted, codeOf, finance, openAccessSchool, teacher } from './testing-access.ts';

const startMs = Date.UTC(2026, 0, 31, 9);
const dayMs = 86_400_000;
const hourMs = 3_600_000;
const februaryMs = Date.UTC(2026, 1, 28, 9);
const marchMs = Date.UTC(2026, 2, 31, 9);

let school: AccessSchool;
beforeAll(async () => {
  school = await openAccessSchool(startMs);
});
beforeEach(() => school.reset());
afterAll(() => school.service.stop());

const asha = userPrincipal('usr_asha');
const api = () => school.service.client(SubscriptionsService);
const key = () => school.world.id('key');
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

async function planOf(given: object = {}, who = teacher) {
  const request = {
    title: 'Both, monthly',
    price: inr(9_999n),
    interval: PlanInterval.MONTH,
    courses: [
      { courseId: 'crs_a', weight: 2 },
      { courseId: 'crs_b', weight: 1 },
    ],
    ...given,
  };
  return accepted(await api().createPlan(request, { principal: who })).plan?.id ?? '';
}
const subscribe = (planId: string, given: object = {}) =>
  api().subscribe({ planId, mandateId: 'mnd_1', ...given }, { principal: asha, idempotencyKey: key() });
async function subscribed(planId: string, given: object = {}) {
  const id = accepted(await subscribe(planId, given)).subscription?.id ?? '';
  await school.tidy();
  return id;
}
async function subscription(id: string) {
  const found = accepted(await api().getSubscription({ id }, { principal: asha })).subscription;
  if (found === undefined) throw new Error('no subscription');
  return found;
}
async function at(ms: number) {
  school.setNow(ms);
  await school.tidy();
}
const bills = async (id: string) =>
  accepted(await api().listSubscriptionBills({ subscriptionId: id }, { principal: asha })).bills.toReversed();
const told = async () =>
  (await school.service.published(SubscriptionChangedSchema)).map((event) => `${event.status} ${event.because}`);

describe('a subscription', () => {
  it('M27, M25: charges, opens every course once, and parts the price by weight', async () => {
    const id = await subscribed(await planOf());
    expect(await subscription(id)).toMatchObject({ status: SubscriptionStatus.ACTIVE, endedBecause: '' });
    const [bill] = await bills(id);
    const order = await school.order(bill?.orderId ?? '');
    expect([order.status, order.lines.map((line) => [line.courseId, line.kind, line.total?.amountMinor])]).toEqual([
      OrderStatus.PAID,
      [
        ['crs_a', 'subscription', 6_666n],
        ['crs_b', 'subscription', 3_333n],
      ],
    ]);
    await at(februaryMs);
    expect((await bills(id)).map((each) => [each.kind, each.status, each.tries])).toEqual([
      ['renewal', 'paid', 1],
      ['renewal', 'paid', 1],
    ]);
    expect(await school.access()).toEqual(['+usr_asha crs_a subscription', '+usr_asha crs_b subscription']);
    expect(await told()).toEqual(['active started', 'active renewed']);
  });

  it('C6: bills a period once over clock jumps of an hour and with several looking at once', async () => {
    const id = await subscribed(await planOf());
    for (const jump of [-hourMs, 0, hourMs, -hourMs, 2 * hourMs, 0]) {
      school.setNow(februaryMs + jump);
      await Promise.all([school.tidy(), advance(school.surroundings, id), advance(school.surroundings, id)]);
    }
    expect(await bills(id)).toHaveLength(2);
    for (const jump of [hourMs, -hourMs, 0, hourMs]) await at(marchMs + jump);
    expect(await bills(id)).toHaveLength(3);
    expect([school.payments.charged.length, (await subscription(id)).periodEnd?.seconds]).toEqual([
      3,
      BigInt(Date.UTC(2026, 3, 30, 9) / 1_000),
    ]);
  });

  it('on trial opens at once, is given once, and bills when the trial is over', async () => {
    const planId = await planOf({ trialDays: 14 });
    const id = await subscribed(planId);
    expect([(await subscription(id)).status, school.payments.charged, await told()]).toEqual([
      SubscriptionStatus.TRIALING,
      [],
      ['trialing started'],
    ]);
    expect(await school.access()).toHaveLength(2);
    expect(codeOf(await subscribe(planId))).toBe('already_subscribed');
    await at(startMs + 14 * dayMs);
    expect([(await subscription(id)).status, school.payments.charged.length]).toEqual([SubscriptionStatus.ACTIVE, 1]);
    expect(await school.access()).toHaveLength(2);
    accepted(await api().cancelSubscription({ id, atOnce: true }, { principal: asha }));
    const again = await subscribed(planId);
    expect((await subscription(again)).trialEnd).toBeUndefined();
  });

  it('that cannot be renewed is tried after 1, 3, 5 and 7 days, open meanwhile, and then ends', async () => {
    const id = await subscribed(await planOf());
    school.payments.charges = ['failed'];
    await at(februaryMs);
    expect((await subscription(id)).status).toBe(SubscriptionStatus.PAST_DUE);
    for (const days of dunningDays.slice(0, -1)) {
      await at(februaryMs + days * dayMs - 1);
      const before = school.payments.charged.length;
      await at(februaryMs + days * dayMs);
      expect(school.payments.charged.length).toBe(before + 1);
      expect((await subscription(id)).status).toBe(SubscriptionStatus.PAST_DUE);
      expect((await school.access()).filter((each) => each.startsWith('-'))).toEqual([]);
    }
    await at(februaryMs + 7 * dayMs);
    expect(await subscription(id)).toMatchObject({ status: SubscriptionStatus.ENDED, endedBecause: 'payment_failed' });
    expect((await school.access()).slice(2)).toEqual([
      '-usr_asha crs_a subscription_ended',
      '-usr_asha crs_b subscription_ended',
    ]);
    const last = (await bills(id)).at(-1);
    expect([last?.status, last?.tries, (await school.order(last?.orderId ?? '')).cancelledBecause]).toEqual([
      'failed',
      5,
      'unpaid',
    ]);
    await at(februaryMs + 30 * dayMs);
    expect(school.payments.charged).toHaveLength(6);
  });

  it('M20: asks about a lost charge under the same number, and goes on when it is known', async () => {
    const id = await subscribed(await planOf());
    school.payments.charges = ['unknown', 'no_answer', 'processing'];
    await at(februaryMs);
    for (let hour = 1; hour < 4; hour += 1) await at(februaryMs + hour * hourMs);
    expect(school.payments.charged).toHaveLength(2);
    expect(codeOf(await api().cancelSubscription({ id, atOnce: true }, { principal: asha }))).toBe(
      'payment_in_progress',
    );
    school.payments.charges = ['succeeded'];
    await at(februaryMs + 5 * hourMs);
    expect([(await subscription(id)).status, school.payments.charged.length]).toEqual([SubscriptionStatus.ACTIVE, 2]);
  });

  it('is caught up by another mandate', async () => {
    const id = await subscribed(await planOf());
    school.payments.charges = ['failed'];
    await at(februaryMs);
    school.payments.charges = ['succeeded'];
    const request = { id, mandateId: 'mnd_2' };
    accepted(await api().changeSubscriptionMandate(request, { principal: asha, idempotencyKey: key() }));
    await school.tidy();
    expect(await subscription(id)).toMatchObject({ status: SubscriptionStatus.ACTIVE, mandateId: 'mnd_2' });
  });

  it('whose first charge fails ends, opens nothing, and can be begun again', async () => {
    school.payments.charges = ['failed'];
    const planId = await planOf();
    const id = await subscribed(planId);
    expect([(await subscription(id)).status, await school.access()]).toEqual([SubscriptionStatus.ENDED, []]);
    school.payments.charges = ['succeeded'];
    expect((await subscription(await subscribed(planId))).status).toBe(SubscriptionStatus.ACTIVE);
  });

  it('is cancelled at the end of the period or now, and resumed before', async () => {
    const id = await subscribed(await planOf());
    accepted(await api().cancelSubscription({ id }, { principal: asha }));
    accepted(await api().resumeSubscription({ id }, { principal: asha }));
    await at(februaryMs);
    accepted(await api().cancelSubscription({ id }, { principal: asha }));
    await at(marchMs - 1);
    expect((await subscription(id)).status).toBe(SubscriptionStatus.ACTIVE);
    await at(marchMs);
    expect(await subscription(id)).toMatchObject({ status: SubscriptionStatus.ENDED, endedBecause: 'cancelled' });
    expect(await told()).toEqual([
      'active started',
      'active cancelled',
      'active resumed',
      'active renewed',
      'active cancelled',
      'ended expired',
    ]);
    expect(codeOf(await api().resumeSubscription({ id }, { principal: asha }))).toBe('subscription_not_changeable');
  });

  it('M27: ends once when the price of its open period is refunded', async () => {
    const id = await subscribed(await planOf());
    const orderId = (await bills(id))[0]?.orderId ?? '';
    accepted(
      await school.service
        .client(OrdersService)
        .createRefund({ orderId, reason: 'x' }, { principal: finance, idempotencyKey: 'k' }),
    );
    expect([(await subscription(id)).endedBecause, (await school.access()).length]).toEqual(['refunded', 4]);
    await at(marchMs);
    expect(school.payments.charged).toHaveLength(1);
  });

  it('changes its plan: the rest of the period is credited and charged exactly, courses move, credit is used up', async () => {
    const id = await subscribed(await planOf());
    const dear = await planOf({ title: 'B, dear', price: inr(20_000n), courses: [{ courseId: 'crs_b' }] });
    const half = startMs + (februaryMs - startMs) / 2;
    school.setNow(half);
    const preview = accepted(await api().previewPlanChange({ id, planId: dear }, { principal: asha }));
    expect(preview.change).toMatchObject({
      credit: { amountMinor: 5_000n },
      charge: { amountMinor: 10_000n },
      dueNow: { amountMinor: 5_000n },
    });
    const change = (planId: string) => api().changePlan({ id, planId }, { principal: asha, idempotencyKey: key() });
    expect(accepted(await change(dear)).subscription?.plan?.title).toBe('Both, monthly');
    await school.tidy();
    expect((await subscription(id)).plan?.title).toBe('B, dear');
    expect((await bills(id)).at(-1)).toMatchObject({
      kind: 'plan_change',
      amount: { amountMinor: 5_000n },
      creditUsed: { amountMinor: 5_000n },
    });
    expect(await school.access()).toEqual([
      '+usr_asha crs_a subscription',
      '+usr_asha crs_b subscription',
      '-usr_asha crs_a subscription_ended',
    ]);
    const cheap = await planOf({ title: 'A, cheap', price: inr(3_000n), courses: [{ courseId: 'crs_a' }] });
    const free = accepted(await change(cheap));
    expect([free.change?.dueNow?.amountMinor, free.subscription?.credit?.amountMinor]).toEqual([0n, 8_500n]);
    await at(februaryMs);
    await at(marchMs);
    await at(Date.UTC(2026, 3, 30, 9));
    expect(
      (await bills(id)).slice(2).map((bill) => [bill.amount?.amountMinor, bill.creditUsed?.amountMinor, bill.status]),
    ).toEqual([
      [0n, 3_000n, 'paid'],
      [0n, 3_000n, 'paid'],
      [500n, 2_500n, 'paid'],
    ]);
  });

  it('whose change of plan is not paid stays as it was', async () => {
    const id = await subscribed(await planOf());
    const dear = await planOf({ title: 'Dear', price: inr(90_000n) });
    school.setNow(startMs + dayMs);
    school.payments.charges = ['failed'];
    accepted(await api().changePlan({ id, planId: dear }, { principal: asha, idempotencyKey: key() }));
    await school.tidy();
    expect(await subscription(id)).toMatchObject({
      status: SubscriptionStatus.ACTIVE,
      plan: { title: 'Both, monthly' },
    });
    expect((await bills(id)).map((bill) => bill.status)).toEqual(['paid', 'failed']);
    school.payments.charges = ['succeeded'];
    accepted(await api().changePlan({ id, planId: dear }, { principal: asha, idempotencyKey: key() }));
    await school.tidy();
    expect((await subscription(id)).plan?.title).toBe('Dear');
  });

  it('is refused without a usable mandate, for own courses, and of a plan that is retired', async () => {
    const planId = await planOf();
    expect(codeOf(await subscribe(planId, { mandateId: 'mnd_none' }))).toBe('mandate_not_usable');
    school.payments.mandate = 'paused';
    expect(codeOf(await subscribe(planId))).toBe('mandate_not_usable');
    school.payments.mandate = 'active';
    const own = await api().subscribe({ planId, mandateId: 'm' }, { principal: teacher, idempotencyKey: key() });
    expect(codeOf(own)).toBe('own_course');
    accepted(await api().retirePlan({ id: planId }, { principal: teacher }));
    expect(codeOf(await subscribe(planId))).toBe('plan_not_on_sale');
    expect(accepted(await api().listPlans({ courseId: 'crs_a' })).plans).toEqual([]);
    const others = { title: 'x', price: inr(1n), interval: PlanInterval.MONTH, courses: [{ courseId: 'crs_other' }] };
    expect(codeOf(await api().createPlan(others, { principal: teacher }))).toBe('permission_denied');
    expect(codeOf(await api().createPlan({ ...others, timeZone: 'Mars/Base' }, { principal: finance }))).toBe(
      'invalid_request',
    );
    await planOf({ courses: [{ courseId: 'crs_other' }, { courseId: 'crs_a' }] }, finance);
    expect(accepted(await api().listPlans({ courseId: 'crs_other' })).plans).toHaveLength(1);
  });
});
