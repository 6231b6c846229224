/**
 * One subscription: what it is, what is due of it, and what may become of it. Pure. At any time at most one bill is open:
 * an order for a period, or for a change of plan. The bill's order has an id made of the subscription and the period, so
 * nothing that runs again can bill twice. All amounts are minor units of the plan's one currency, tax included.
 */
import { createHash } from 'node:crypto';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { allocate, prorate } from './allocation.ts';
import { addDaysMs, type Calendar, type Interval, periodIndexAt, periodStartMs } from './period.ts';
import { divideHalfUp } from './price.ts';

/** A renewal that fails is tried again so many days after it first failed; after the last the subscription ends. */
export const dunningDays: readonly number[] = [1, 3, 5, 7];
/** A charge without a final answer is asked about again after this time. */
export const askAgainMs = 600_000;
const dayMs = 86_400_000;
/** Renewal orders stay payable while the charge is tried again, and a day more. */
export const renewalPayableMs = 8 * dayMs;
/** Those of a first period and of a change of plan: who asked for them is waiting. */
export const firstPayableMs = dayMs;

export interface CoveredCourse {
  readonly courseId: string;
  readonly slug: string;
  readonly title: string;
  readonly instructorId: string;
  readonly release: number;
  readonly weight: number;
}

/** A plan as it was subscribed to: a later change of the plan does not alter it. */
export interface PlanTerms {
  readonly planId: string;
  readonly title: string;
  readonly currency: string;
  readonly priceMinor: bigint;
  readonly interval: Interval;
  readonly timeZone: string;
  readonly trialDays: number;
  readonly courses: readonly CoveredCourse[];
}

export interface Bill {
  readonly orderId: string;
  readonly kind: 'renewal' | 'plan_change';
  /** What it is for. */
  readonly plan: PlanTerms;
  readonly anchorMs: number;
  readonly periodIndex: number;
  readonly periodStartMs: number;
  readonly periodEndMs: number;
  /** Before the credit. The order's total is grossMinor - creditUsedMinor. */
  readonly grossMinor: bigint;
  readonly creditUsedMinor: bigint;
  /** In credit once it is paid. */
  readonly creditAfterMinor: bigint;
  /** Charges begun. */
  readonly tries: number;
  /** The last charge has no final answer yet. */
  readonly isUnderWay: boolean;
  readonly firstFailedAtMs?: number;
  readonly dueAtMs: number;
  /** Tried again for days when it fails, with the courses open meanwhile. */
  readonly isPatient: boolean;
}

export type SubscriptionStatusWord = 'incomplete' | 'trialing' | 'active' | 'past_due' | 'ended';
export type EndedBecause = 'cancelled' | 'payment_failed' | 'refunded' | 'dispute_lost';

export interface Subscription {
  readonly id: string;
  readonly buyerId: string;
  readonly mandateId: string;
  readonly status: SubscriptionStatusWord;
  readonly plan: PlanTerms;
  /** The first day, which all periods are counted from. */
  readonly anchorMs: number;
  /** -1 before the first paid period. */
  readonly periodIndex: number;
  readonly periodStartMs: number;
  readonly periodEndMs: number;
  readonly trialEndMs?: number;
  readonly creditMinor: bigint;
  readonly cancelAtPeriodEnd: boolean;
  /** The order that the open period was paid with; empty in a trial. */
  readonly paidOrderId: string;
  /** Changes of plan that were billed, so that each has an id of its own. */
  readonly changes: number;
  readonly bill?: Bill;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly endedBecause?: EndedBecause;
}

export function calendarOf({ anchorMs, plan }: Pick<Subscription, 'anchorMs' | 'plan'>): Calendar {
  return { anchorMs, interval: plan.interval, timeZone: plan.timeZone };
}

/** The same for the same subscription and subject, whoever asks and however often. Has the form of our order ids. */
export function billOrderId(subscriptionId: string, subject: string): string {
  const hash = createHash('sha256').update(`${subscriptionId} ${subject}`).digest('hex');
  return `ord_sub${hash.slice(0, 32)}`;
}

export interface Begin {
  readonly id: string;
  readonly buyerId: string;
  readonly mandateId: string;
  readonly plan: PlanTerms;
  readonly withTrial: boolean;
  readonly atMs: number;
}

/** A trial is open at once; without one nothing is before the first charge. */
export function begin({ id, buyerId, mandateId, plan, withTrial, atMs }: Begin): Subscription {
  const common = {
    id,
    buyerId,
    mandateId,
    plan,
    periodIndex: -1,
    periodStartMs: atMs,
    creditMinor: 0n,
    cancelAtPeriodEnd: false,
    paidOrderId: '',
    changes: 0,
    startedAtMs: atMs,
  };
  if (withTrial && plan.trialDays > 0) {
    const trialEndMs = addDaysMs(atMs, plan.trialDays, plan.timeZone);
    return { ...common, status: 'trialing', anchorMs: trialEndMs, periodEndMs: trialEndMs, trialEndMs };
  }
  return { ...common, status: 'incomplete', anchorMs: atMs, periodEndMs: atMs };
}

export type Step =
  | { readonly kind: 'wait' }
  /** Place the order of this bill. */
  | { readonly kind: 'bill'; readonly bill: Bill }
  /** Charge the open bill; `isNew` when a new try begins, else the one under way is asked about. */
  | { readonly kind: 'charge'; readonly bill: Bill; readonly isNew: boolean }
  /** Nobody will pay the open bill: close its order, then `withoutBill`. */
  | { readonly kind: 'give_up'; readonly bill: Bill }
  | { readonly kind: 'end'; readonly because: EndedBecause };

/** What is due now. Doing it, and asking again, ends in `wait`. */
export function stepOf(subscription: Subscription, nowMs: number): Step {
  const { bill } = subscription;
  if (subscription.status === 'ended') return { kind: 'wait' };
  if (bill !== undefined) return stepOfBill(bill, nowMs);
  if (nowMs < subscription.periodEndMs) return { kind: 'wait' };
  if (subscription.cancelAtPeriodEnd) return { kind: 'end', because: 'cancelled' };
  return { kind: 'bill', bill: renewalBill(subscription, nowMs) };
}

function stepOfBill(bill: Bill, nowMs: number): Step {
  if (nowMs < bill.dueAtMs) return { kind: 'wait' };
  if (bill.isUnderWay) return { kind: 'charge', bill, isNew: false };
  return isHopeless(bill) ? { kind: 'give_up', bill } : { kind: 'charge', bill, isNew: true };
}

function isHopeless(bill: Bill): boolean {
  return bill.tries >= (bill.isPatient ? 1 + dunningDays.length : 1);
}

/** When `stepOf` has something to do next; undefined when never. */
export function dueAtMs(subscription: Subscription): number | undefined {
  if (subscription.status === 'ended') return undefined;
  return subscription.bill?.dueAtMs ?? subscription.periodEndMs;
}

/**
 * The bill for the period after this one. Periods that went by while nobody looked are not billed: nothing was promised
 * in them.
 */
function renewalBill(subscription: Subscription, nowMs: number): Bill {
  const { id, plan, anchorMs, creditMinor } = subscription;
  const calendar = calendarOf(subscription);
  const index = Math.max(subscription.periodIndex + 1, periodIndexAt(calendar, nowMs));
  const creditUsedMinor = creditMinor < plan.priceMinor ? creditMinor : plan.priceMinor;
  return {
    orderId: billOrderId(id, `period ${anchorMs} ${index}`),
    kind: 'renewal',
    plan,
    anchorMs,
    periodIndex: index,
    periodStartMs: periodStartMs(calendar, index),
    periodEndMs: periodStartMs(calendar, index + 1),
    grossMinor: plan.priceMinor,
    creditUsedMinor,
    creditAfterMinor: creditMinor - creditUsedMinor,
    tries: 0,
    isUnderWay: false,
    dueAtMs: nowMs,
    // Who subscribes without a trial is there, and may try again by themselves.
    isPatient: subscription.status !== 'incomplete',
  };
}

/** How long the order of a bill may be paid. */
export function payableMsOf(bill: Bill): number {
  return bill.isPatient ? renewalPayableMs : firstPayableMs;
}

export function withBill(subscription: Subscription, bill: Bill): Subscription {
  return { ...subscription, bill };
}

/** A charge is about to be asked for: noted before, so that a crash asks for the same one again. */
export function charging(subscription: Subscription, isNew: boolean, nowMs: number): Subscription {
  const bill = billOf(subscription);
  const tries = isNew ? bill.tries + 1 : bill.tries;
  return { ...subscription, bill: { ...bill, tries, isUnderWay: true, dueAtMs: nowMs + askAgainMs } };
}

export type ChargeVerdict = 'succeeded' | 'failed' | 'pending';

/** What payments said of the try. Success is believed when the order is paid, not before: until then it is under way. */
export function charged(
  subscription: Subscription,
  orderId: string,
  tries: number,
  verdict: ChargeVerdict,
  nowMs: number,
): Subscription {
  const { bill } = subscription;
  if (bill === undefined || bill.orderId !== orderId || bill.tries !== tries || !bill.isUnderWay) return subscription;
  if (verdict !== 'failed') return { ...subscription, bill: { ...bill, dueAtMs: nowMs + askAgainMs } };
  const firstFailedAtMs = bill.firstFailedAtMs ?? nowMs;
  const days = dunningDays[tries - 1];
  const failed: Bill = { ...bill, isUnderWay: false, firstFailedAtMs };
  if (isHopeless(failed) || days === undefined) return { ...subscription, bill: { ...failed, dueAtMs: nowMs } };
  const next = addDaysMs(firstFailedAtMs, days, subscription.plan.timeZone);
  return { ...subscription, status: 'past_due', bill: { ...failed, dueAtMs: Math.max(next, nowMs) } };
}

/** The order of the open bill is paid: the period begins, or the plan changes. */
export function paid(subscription: Subscription): Subscription {
  const { bill: _, ...rest } = subscription;
  const { orderId, kind, plan, anchorMs, periodIndex, periodStartMs, periodEndMs, creditAfterMinor } =
    billOf(subscription);
  return {
    ...rest,
    status: 'active',
    plan,
    anchorMs,
    periodIndex,
    periodStartMs,
    periodEndMs,
    creditMinor: creditAfterMinor,
    paidOrderId: orderId,
    changes: kind === 'plan_change' ? rest.changes + 1 : rest.changes,
  };
}

/** The order of the open bill is cancelled. A change of plan is then not made; without its period a subscription ends. */
export function withoutBill(subscription: Subscription, because: EndedBecause, nowMs: number): Subscription {
  const { bill: _, ...rest } = subscription;
  // The number is used up: the next change is another order.
  if (billOf(subscription).kind === 'plan_change') return { ...rest, changes: rest.changes + 1 };
  return ended(rest, because, nowMs);
}

export function ended(subscription: Subscription, because: EndedBecause, nowMs: number): Subscription {
  const { bill: _, ...rest } = subscription;
  return { ...rest, status: 'ended', endedAtMs: nowMs, endedBecause: because };
}

export function cancelledAtPeriodEnd(subscription: Subscription): Subscription {
  return { ...subscription, cancelAtPeriodEnd: true };
}

export function resumed(subscription: Subscription): Subscription | Refusal {
  if (subscription.status === 'ended') return notChangeable('It has ended; subscribe again.');
  return { ...subscription, cancelAtPeriodEnd: false };
}

/** What is past due is tried with the new mandate at once. */
export function withMandate(subscription: Subscription, mandateId: string, nowMs: number): Subscription | Refusal {
  if (subscription.status === 'ended') return notChangeable('It has ended; subscribe again.');
  const { bill } = subscription;
  if (bill?.isUnderWay === true) return notChangeable('A charge is under way; try again when it is over.');
  const changed = { ...subscription, mandateId };
  return bill === undefined ? changed : { ...changed, bill: { ...bill, dueAtMs: nowMs } };
}

export interface PlanChange {
  readonly creditMinor: bigint;
  readonly chargeMinor: bigint;
  readonly dueNowMinor: bigint;
  readonly creditLeftMinor: bigint;
  readonly bill: Bill;
}

/**
 * What another plan costs now. The unused time of the old is credited and the same time charged by the new, both to the
 * millisecond and rounded alike, so that a plan of the same price costs nothing. With another interval a new period
 * begins now. Credit that is left is taken off later bills; it is not paid out.
 */
export function planChange(subscription: Subscription, plan: PlanTerms, nowMs: number): PlanChange | Refusal {
  const { status, bill, periodStartMs: startMs, periodEndMs: endMs } = subscription;
  if (status !== 'active' && status !== 'trialing') return notChangeable('Only what is paid, or on trial, can change.');
  if (bill !== undefined || nowMs >= endMs) return notChangeable('It is being billed; try again when that is over.');
  if (subscription.cancelAtPeriodEnd) return notChangeable('It is cancelled; resume it first.');
  if (plan.planId === subscription.plan.planId) return notChangeable('It is on this plan already.');
  if (plan.currency !== subscription.plan.currency)
    return refuse('mixed_currencies', `The subscription is paid in ${subscription.plan.currency}.`);
  const leftMs = BigInt(endMs - Math.max(nowMs, startMs));
  const wholeMs = BigInt(endMs - startMs);
  const isTrial = status === 'trialing';
  const unused = isTrial ? 0n : divideHalfUp(subscription.plan.priceMinor * leftMs, wholeMs);
  const period = periodAfterChange(subscription, plan, nowMs);
  const restOfPeriod = divideHalfUp(plan.priceMinor * leftMs, wholeMs);
  const chargeMinor = isTrial ? 0n : period.isNew ? plan.priceMinor : restOfPeriod;
  const available = subscription.creditMinor + unused;
  const creditUsedMinor = available < chargeMinor ? available : chargeMinor;
  const creditAfterMinor = available - creditUsedMinor;
  const { isNew: _, ...times } = period;
  return {
    creditMinor: unused,
    chargeMinor,
    dueNowMinor: chargeMinor - creditUsedMinor,
    creditLeftMinor: creditAfterMinor,
    bill: {
      orderId: billOrderId(subscription.id, `change ${subscription.changes + 1}`),
      kind: 'plan_change',
      plan,
      ...times,
      grossMinor: chargeMinor,
      creditUsedMinor,
      creditAfterMinor,
      tries: 0,
      isUnderWay: false,
      dueAtMs: nowMs,
      isPatient: false,
    },
  };
}

function periodAfterChange(subscription: Subscription, plan: PlanTerms, nowMs: number) {
  const { anchorMs, periodIndex, periodStartMs: startMs, periodEndMs, plan: old } = subscription;
  const isSame =
    plan.interval.unit === old.interval.unit &&
    plan.interval.count === old.interval.count &&
    plan.timeZone === old.timeZone;
  if (isSame || subscription.status === 'trialing')
    return { isNew: false, anchorMs, periodIndex, periodStartMs: startMs, periodEndMs };
  const calendar = { anchorMs: nowMs, interval: plan.interval, timeZone: plan.timeZone };
  return {
    isNew: true,
    anchorMs: nowMs,
    periodIndex: 0,
    periodStartMs: nowMs,
    periodEndMs: periodStartMs(calendar, 1),
  };
}

/** A change that needs no money, made. */
export function changedForFree(subscription: Subscription, change: PlanChange): Subscription {
  const { plan, anchorMs, periodIndex, periodStartMs: startMs, periodEndMs } = change.bill;
  return {
    ...subscription,
    plan,
    anchorMs,
    periodIndex,
    periodStartMs: startMs,
    periodEndMs,
    creditMinor: change.creditLeftMinor,
    changes: subscription.changes + 1,
  };
}

export interface CourseShare {
  readonly course: CoveredCourse;
  readonly grossMinor: bigint;
  readonly discountMinor: bigint;
}

/** What of a bill belongs to each course, by weight; the parts add up, and no discount is above its gross. */
export function sharesOf(bill: Pick<Bill, 'plan' | 'grossMinor' | 'creditUsedMinor'>): CourseShare[] {
  const { courses } = bill.plan;
  const gross = prorate(
    bill.grossMinor,
    courses.map((course) => BigInt(Math.max(1, course.weight))),
  );
  const discount = allocate(bill.creditUsedMinor, gross);
  return courses.map((course, index) => ({
    course,
    grossMinor: gross[index] ?? 0n,
    discountMinor: discount[index] ?? 0n,
  }));
}

function billOf(subscription: Subscription): Bill {
  if (subscription.bill === undefined) throw new Error(`the subscription ${subscription.id} has no open bill`);
  return subscription.bill;
}

function notChangeable(detail: string): Refusal {
  return refuse('subscription_not_changeable', detail);
}
