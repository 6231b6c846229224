/**
 * What the service does with subscriptions: begun, billed, paid, changed, ended. What is due is done by a loop over the
 * rows' `due_at`; every step is written before the next, and payments is asked outside any transaction. The order's row is
 * locked before the subscription's.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { SubscriptionChangedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  type CancelSubscriptionRequest,
  type CancelSubscriptionResponseSchema,
  type ChangePlanRequest,
  ChangePlanRequestSchema,
  ChangePlanResponseSchema,
  type ChangeSubscriptionMandateRequest,
  ChangeSubscriptionMandateRequestSchema,
  ChangeSubscriptionMandateResponseSchema,
  type GetSubscriptionRequest,
  type GetSubscriptionResponseSchema,
  type ListSubscriptionBillsRequest,
  type ListSubscriptionBillsResponseSchema,
  type ListSubscriptionsRequest,
  type ListSubscriptionsResponseSchema,
  type PlanChangeSchema,
  type PreviewPlanChangeRequest,
  type PreviewPlanChangeResponseSchema,
  type ResumeSubscriptionRequest,
  type ResumeSubscriptionResponseSchema,
  type SubscribeRequest,
  SubscribeRequestSchema,
  SubscribeResponseSchema,
  type SubscriptionSchema,
  SubscriptionStatus,
} from '@suuupra/contracts/gen/suuupra/orders/v1/subscriptions_pb.ts';
import { PaymentStatus } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, RpcFault, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlExecutor, type SqlRow, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type AccessSurroundings, type Answer, isTheirs, notFound, once, signedIn } from './access-parts.ts';
import { isFinance } from './caller.ts';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { endEntitlements, grantEntitlement, lockPerson } from './entitlements.ts';
import type { CancelReason, Order } from './order.ts';
import { closeIntent } from './orders.ts';
import { placeOrderFor } from './placing.ts';
import { findPlan, termsMessage, termsNow, termsOf } from './plans.ts';
import type { DraftLine } from './price.ts';
import { jsonOf, withAmounts } from './stored-event.ts';
import * as rules from './subscription.ts';

type Subscription = rules.Subscription;

interface SubscriptionRow extends SqlRow {
  id: string;
  buyer_id: string;
  state: unknown;
  created_at: Date;
}

/** Taken subscriptions come back after this time, so that a crash forgets none. */
const leaseMs = 60_000;
/** Subscriptions looked after in one round; each may mean a call to payments. */
const roundMax = 10;
/** More steps than this at one moment is a loop of ours. */
const stepsMax = 8;

export async function subscribe(
  surroundings: AccessSurroundings,
  request: SubscribeRequest,
  context: CallContext,
): Answer<typeof SubscribeResponseSchema> {
  const buyerId = signedIn(context);
  const plan = await planFor(surroundings, request.planId, buyerId, context);
  if (isRefusal(plan)) return plan;
  const unusable = await refuseMandate(surroundings, { mandateId: request.mandateId, buyerId, plan }, context);
  if (unusable !== undefined) return unusable;
  const call = {
    method: 'Subscribe',
    input: SubscribeRequestSchema,
    request,
    output: SubscribeResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) => {
    await lockPerson(tx, buyerId);
    const before = await tx.query<{ status: string; had_trial: boolean }>(
      'SELECT status, had_trial FROM subscriptions WHERE buyer_id = $1 AND plan_id = $2',
      [buyerId, plan.planId],
    );
    if (before.some((each) => each.status !== 'ended'))
      return refuse('already_subscribed', 'You have subscribed to this plan already.');
    const withTrial = !request.withoutTrial && !before.some((each) => each.had_trial);
    const id = surroundings.world.id('sub');
    const begun = rules.begin({
      id,
      buyerId,
      mandateId: request.mandateId,
      plan,
      withTrial,
      atMs: surroundings.world.now(),
    });
    await tx.execute(
      `INSERT INTO subscriptions (id, buyer_id, plan_id, status, had_trial, state, due_at, created_at)
       VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8)`,
      [
        id,
        buyerId,
        plan.planId,
        begun.status,
        begun.status === 'trialing',
        jsonOf(begun),
        new Date(rules.dueAtMs(begun) ?? 0),
        new Date(begun.startedAtMs),
      ],
    );
    if (begun.status === 'trialing') {
      await openCourses(surroundings, tx, begun, context);
      await tell(surroundings, tx, begun, 'started', context);
    }
    tx.afterCommit(() => surroundings.nudge('access'));
    return { subscription: subscriptionMessage(begun, false) };
  });
}

/** A plan on sale that this buyer may subscribe to, with its courses as they are released now. */
async function planFor(
  surroundings: AccessSurroundings,
  planId: string,
  buyerId: string,
  context: CallContext,
): Promise<rules.PlanTerms | Refusal> {
  const row = await findPlan(surroundings.sql, planId);
  if (row === undefined) return notFound('plan');
  if (row.retired) return refuse('plan_not_on_sale', 'This plan takes no new subscribers.');
  const terms = await termsNow(surroundings, termsOf(row), context);
  if (isRefusal(terms)) return terms;
  return terms.courses.some((course) => course.instructorId === buyerId)
    ? refuse('own_course', 'You teach a course of this plan; it is open to you already.')
    : terms;
}

async function refuseMandate(
  { clients }: AccessSurroundings,
  wanted: { readonly mandateId: string; readonly buyerId: string; readonly plan: rules.PlanTerms },
  context: CallContext,
): Promise<Refusal | undefined> {
  const { mandateId, buyerId, plan } = wanted;
  const mandate = await clients.charging.findMandate({ mandateId, buyerId }, { context });
  const field = { field: 'mandateId', code: 'not_allowed' };
  if (isRefusal(mandate))
    return mandate.code === 'not_found'
      ? refuse('mandate_not_usable', 'There is no such mandate of yours.', [
          { ...field, detail: 'is not one of yours' },
        ])
      : mandate;
  if (mandate.status !== 'active')
    return refuse('mandate_not_usable', `The mandate is ${mandate.status}.`, [{ ...field, detail: 'is not active' }]);
  const most = mandate.amountMax;
  if (most !== undefined && (most.currency !== plan.currency || most.amountMinor < plan.priceMinor))
    return refuse('mandate_not_usable', 'The mandate does not allow the price of this plan.', [
      { ...field, detail: 'allows less than the price' },
    ]);
  return undefined;
}

/** Does what is due; tells when something is due next. */
export async function subscriptionsRound(surroundings: AccessSurroundings): Promise<number | undefined> {
  const { sql, world, log } = surroundings;
  const due = await sql.query<{ id: string }>(
    `UPDATE subscriptions SET due_at = $2 WHERE id IN (
       SELECT id FROM subscriptions WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id`,
    [new Date(world.now()), new Date(world.now() + leaseMs), roundMax],
  );
  await Promise.all(
    due.map(({ id: subscriptionId }) =>
      advance(surroundings, subscriptionId).catch((error: unknown) => {
        log.warn('a subscription will be looked after again', { subscriptionId, error });
      }),
    ),
  );
  const [next] = await sql.query<{ due_at: Date | null }>('SELECT min(due_at) AS due_at FROM subscriptions');
  return next?.due_at?.getTime();
}

/** Brings one subscription to where it waits. May be run by several at once, and again after a crash anywhere. */
export async function advance(surroundings: AccessSurroundings, id: string): Promise<void> {
  for (let steps = 0; steps < stepsMax; steps += 1) {
    const step = await inTransaction(surroundings, (tx) => stepInTransaction(surroundings, tx, id));
    if (step.kind === 'wait') return;
    if (step.kind === 'charge' && !(await charge(surroundings, id, step.bill))) return;
    if (step.kind === 'give_up' && !(await giveUp(surroundings, id, step.bill.orderId))) return;
  }
  throw new Error(`the subscription ${id} does not come to rest`);
}

/** Decides under the row's lock and writes what can be written; what has to be asked of payments is left to the caller. */
async function stepInTransaction(
  surroundings: AccessSurroundings,
  tx: SqlTransaction,
  id: string,
): Promise<rules.Step> {
  const subscription = await lockSubscription(tx, id);
  const nowMs = surroundings.world.now();
  const step = rules.stepOf(subscription, nowMs);
  switch (step.kind) {
    case 'wait':
      await writeSubscription(tx, subscription);
      return step;
    case 'bill':
      await openBill(surroundings, tx, subscription, step.bill);
      return step;
    case 'charge': {
      const charging = rules.charging(subscription, step.isNew, nowMs);
      await writeSubscription(tx, charging);
      const bill = charging.bill ?? step.bill;
      await tx.execute('UPDATE subscription_bills SET tries = $2 WHERE order_id = $1', [bill.orderId, bill.tries]);
      return { ...step, bill };
    }
    case 'give_up':
      return step;
    case 'end':
      await end(surroundings, tx, subscription, step.because);
      return step;
  }
}

/** Notes the bill, then places its order: if that costs nothing it is paid at once, and finds the bill. */
async function openBill(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  subscription: Subscription,
  bill: rules.Bill,
  cause?: EventCause,
): Promise<void> {
  await writeSubscription(tx, rules.withBill(subscription, bill));
  await tx.execute(
    `INSERT INTO subscription_bills (order_id, subscription_id, kind, period_start, period_end, currency, amount_minor,
       credit_used_minor, status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9)`,
    [
      bill.orderId,
      subscription.id,
      bill.kind,
      new Date(bill.periodStartMs),
      new Date(bill.periodEndMs),
      bill.plan.currency,
      bill.grossMinor - bill.creditUsedMinor,
      bill.creditUsedMinor,
      new Date(surroundings.world.now()),
    ],
  );
  const placed = await placeOrderFor(surroundings, tx, {
    orderId: bill.orderId,
    buyerId: subscription.buyerId,
    currency: bill.plan.currency,
    lines: rules.sharesOf(bill).map((share) => lineOf(subscription.id, share)),
    expiresAtMs: surroundings.world.now() + rules.payableMsOf(bill),
    ...(cause === undefined ? {} : { cause }),
  });
  if (isRefusal(placed)) throw new Error(`the bill ${bill.orderId} was refused: ${placed.code}`);
}

/** The credit is taken off the price, so that what an instructor earns is their part of what is paid. */
function lineOf(subscriptionId: string, { course, grossMinor, discountMinor }: rules.CourseShare): DraftLine {
  return {
    kind: 'subscription',
    courseId: course.courseId,
    courseSlug: course.slug,
    title: course.title,
    instructorId: course.instructorId,
    release: course.release,
    quantity: 1,
    unitPriceMinor: grossMinor - discountMinor,
    bundleId: '',
    cohortId: '',
    reference: subscriptionId,
  };
}

/** Asks payments for the try that is noted. True when there is more to do now. */
async function charge(surroundings: AccessSurroundings, id: string, bill: rules.Bill): Promise<boolean> {
  const verdict = await askPayments(surroundings, id, bill);
  return inTransaction(surroundings, async (tx) => {
    const before = await lockSubscription(tx, id);
    const after = rules.charged(before, bill.orderId, bill.tries, verdict, surroundings.world.now());
    if (after === before) return true;
    await writeSubscription(tx, after);
    if (verdict === 'failed') await tell(surroundings, tx, after, 'payment_failed');
    return true;
  });
}

/** Only a clear no is a failure; every lost or unclear answer is asked for again under the same number (M20). */
async function askPayments(
  { clients, sql, log }: AccessSurroundings,
  id: string,
  { orderId, tries }: rules.Bill,
): Promise<rules.ChargeVerdict> {
  const { mandateId } = await readSubscription(sql, id);
  try {
    const answer = await clients.charging.chargeMandate({ orderId, mandateId, try: tries });
    if (isRefusal(answer)) {
      log.info('a charge was refused', { subscriptionId: id, orderId, tries, code: answer.code });
      return answer.code === 'mandate_not_usable' || answer.code === 'not_found' ? 'failed' : 'pending';
    }
    if (answer.status === PaymentStatus.SUCCEEDED) return 'succeeded';
    return answer.status === PaymentStatus.FAILED || answer.status === PaymentStatus.CANCELLED ? 'failed' : 'pending';
  } catch (error) {
    if (!(error instanceof RpcFault)) throw error;
    log.warn('payments did not answer for a charge', { subscriptionId: id, orderId, tries, code: error.code });
    return 'pending';
  }
}

/** Closes the order of a bill that nobody will pay. False when payments says that it may still be paid. */
async function giveUp(surroundings: AccessSurroundings, id: string, orderId: string): Promise<boolean> {
  if (await closeOrder(surroundings, orderId, 'unpaid')) return true;
  await surroundings.sql.execute('UPDATE subscriptions SET due_at = $2 WHERE id = $1 AND due_at IS NOT NULL', [
    id,
    new Date(surroundings.world.now() + rules.askAgainMs),
  ]);
  return false;
}

async function closeOrder(surroundings: OrdersSurroundings, orderId: string, because: CancelReason): Promise<boolean> {
  if ((await closeIntent(surroundings, orderId, because)) !== undefined) return false;
  const command = { kind: 'cancel', because, atMs: surroundings.world.now() } as const;
  const changed = await refusableTransaction(surroundings.sql, (tx) => changeOrder(surroundings, tx, orderId, command));
  return !isRefusal(changed);
}

/** The order is paid. False when it is a bill of a subscription that does not want it any more: the money goes back. */
export async function billPaid(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  cause?: EventCause,
): Promise<boolean> {
  const before = await lockOfBill(tx, order.id);
  if (before === undefined) return true;
  if (before.status === 'ended' || before.bill?.orderId !== order.id) return false;
  const isFirst = before.status === 'incomplete';
  const because = before.bill.kind === 'plan_change' ? 'plan_changed' : isFirst ? 'started' : 'renewed';
  const after = rules.paid(before);
  await writeSubscription(tx, after);
  await tx.execute("UPDATE subscription_bills SET status = 'paid' WHERE order_id = $1", [order.id]);
  await moveCourses(surroundings, tx, before, after, cause);
  await tell(surroundings, tx, after, because, cause);
  tx.afterCommit(() => surroundings.nudge('access'));
  return true;
}

/** The order of a bill is cancelled: given up, expired, or by the buyer. */
export async function billCancelled(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  because: CancelReason,
  cause?: EventCause,
): Promise<void> {
  const before = await lockOfBill(tx, order.id);
  if (before === undefined || before.status === 'ended' || before.bill?.orderId !== order.id) return;
  const status = because === 'buyer' ? 'void' : 'failed';
  await tx.execute('UPDATE subscription_bills SET status = $2 WHERE order_id = $1', [order.id, status]);
  const nowMs = surroundings.world.now();
  const after = rules.withoutBill(before, because === 'buyer' ? 'cancelled' : 'payment_failed', nowMs);
  await writeSubscription(tx, after);
  if (after.status === 'ended') await afterEnd(surroundings, tx, after, cause);
}

/** The price of the open period went back, whole: the subscription ends with it. */
export async function periodTakenBack(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  orderId: string,
  because: 'refunded' | 'dispute_lost',
  cause?: EventCause,
): Promise<void> {
  const subscription = await lockOfBill(tx, orderId);
  if (subscription === undefined || subscription.status === 'ended' || subscription.paidOrderId !== orderId) return;
  await end(surroundings, tx, subscription, because, cause);
}

async function end(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  subscription: Subscription,
  because: rules.EndedBecause,
  cause?: EventCause,
): Promise<void> {
  const after = rules.ended(subscription, because, surroundings.world.now());
  await writeSubscription(tx, after);
  await afterEnd(surroundings, tx, after, cause);
}

async function afterEnd(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  subscription: Subscription,
  cause?: EventCause,
): Promise<void> {
  const from = { source: 'subscription', sourceId: subscription.id } as const;
  const because = subscription.endedBecause === 'dispute_lost' ? 'dispute_lost' : 'subscription_ended';
  await endEntitlements(surroundings, tx, from, because, cause);
  await tell(surroundings, tx, subscription, endWord[subscription.endedBecause ?? 'cancelled'], cause);
}

const endWord: Record<rules.EndedBecause, Because> = {
  cancelled: 'expired',
  payment_failed: 'payment_failed',
  refunded: 'refunded',
  dispute_lost: 'refunded',
};

/** Opens the courses of the new plan and ends those that only the old one had. */
async function moveCourses(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  before: Subscription,
  after: Subscription,
  cause?: EventCause,
): Promise<void> {
  const kept = new Set(after.plan.courses.map((course) => course.courseId));
  const courseIds = before.plan.courses.map((course) => course.courseId).filter((courseId) => !kept.has(courseId));
  const from = { source: 'subscription', sourceId: after.id, courseIds } as const;
  if (courseIds.length > 0) await endEntitlements(surroundings, tx, from, 'subscription_ended', cause);
  await openCourses(surroundings, tx, after, cause);
}

/** What is open already stays as it is. */
async function openCourses(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  { id, buyerId: userId, plan, paidOrderId: orderId }: Subscription,
  cause?: EventCause,
): Promise<void> {
  for (const { courseId, title: courseTitle, release } of plan.courses) {
    const grant = { source: 'subscription', sourceId: id, userId, courseId, courseTitle, release, orderId } as const;
    await grantEntitlement(surroundings, tx, grant, cause);
  }
}

type Because =
  | 'started'
  | 'renewed'
  | 'payment_failed'
  | 'plan_changed'
  | 'cancelled'
  | 'resumed'
  | 'expired'
  | 'refunded';

async function tell(
  { publishIn }: OrdersSurroundings,
  tx: SqlTransaction,
  subscription: Subscription,
  because: Because,
  cause?: EventCause,
): Promise<void> {
  const { id: subscriptionId, buyerId, status, plan, periodEndMs, endedAtMs } = subscription;
  const currentUntil = timestampFromMs(endedAtMs ?? periodEndMs);
  await publishIn(tx)(
    SubscriptionChangedSchema,
    { subscriptionId, buyerId, status, because, planTitle: plan.title, currentUntil },
    cause,
  );
}

export async function getSubscription(
  { sql }: AccessSurroundings,
  request: GetSubscriptionRequest,
  context: CallContext,
): Answer<typeof GetSubscriptionResponseSchema> {
  const subscription = await visible(sql, request.id, context);
  return isRefusal(subscription)
    ? subscription
    : { subscription: subscriptionMessage(subscription, isFinance(context)) };
}

export async function listSubscriptions(
  { sql }: AccessSurroundings,
  request: ListSubscriptionsRequest,
  context: CallContext,
): Answer<typeof ListSubscriptionsResponseSchema> {
  const page = readPage(request, ['time', 'text'], [String(request.all)]);
  if (isRefusal(page)) return page;
  if (request.all && !isFinance(context))
    return refuse('permission_denied', "Everybody's subscriptions are for finance only.");
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<SubscriptionRow>(
    `SELECT id, buyer_id, state, created_at FROM subscriptions
     WHERE ($1::text IS NULL OR buyer_id = $1) AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [request.all ? null : signedIn(context), time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    subscriptions: shown.map((row) => subscriptionMessage(stateOf(row), isFinance(context))),
    nextPageToken: isMore ? pageToken([last.created_at.toISOString(), last.id], page.filter) : '',
  };
}

interface BillRow extends SqlRow {
  order_id: string;
  kind: string;
  period_start: Date;
  period_end: Date;
  currency: string;
  amount_minor: bigint;
  credit_used_minor: bigint;
  status: string;
  tries: number;
  created_at: Date;
}

export async function listSubscriptionBills(
  { sql }: AccessSurroundings,
  request: ListSubscriptionBillsRequest,
  context: CallContext,
): Answer<typeof ListSubscriptionBillsResponseSchema> {
  const page = readPage(request, ['time', 'text'], [request.subscriptionId]);
  if (isRefusal(page)) return page;
  const subscription = await visible(sql, request.subscriptionId, context);
  if (isRefusal(subscription)) return subscription;
  const [time = null, id = ''] = page.after;
  const rows = await sql.query<BillRow>(
    `SELECT * FROM subscription_bills
     WHERE subscription_id = $1 AND ($2::timestamptz IS NULL OR (created_at, order_id) < ($2, $3))
     ORDER BY created_at DESC, order_id DESC LIMIT $4`,
    [subscription.id, time, id, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    bills: shown.map((row) => ({
      orderId: row.order_id,
      kind: row.kind,
      periodStart: timestampFromDate(row.period_start),
      periodEnd: timestampFromDate(row.period_end),
      amount: { currency: row.currency, amountMinor: row.amount_minor },
      creditUsed: { currency: row.currency, amountMinor: row.credit_used_minor },
      status: row.status,
      tries: row.tries,
      createdAt: timestampFromDate(row.created_at),
    })),
    nextPageToken: isMore ? pageToken([last.created_at.toISOString(), last.order_id], page.filter) : '',
  };
}

export async function previewPlanChange(
  surroundings: AccessSurroundings,
  request: PreviewPlanChangeRequest,
  context: CallContext,
): Answer<typeof PreviewPlanChangeResponseSchema> {
  const subscription = await visible(surroundings.sql, request.id, context);
  if (isRefusal(subscription)) return subscription;
  const plan = await planFor(surroundings, request.planId, subscription.buyerId, context);
  if (isRefusal(plan)) return plan;
  const change = rules.planChange(subscription, plan, surroundings.world.now());
  return isRefusal(change) ? change : { change: changeMessage(change, plan.currency) };
}

export async function changePlan(
  surroundings: AccessSurroundings,
  request: ChangePlanRequest,
  context: CallContext,
): Answer<typeof ChangePlanResponseSchema> {
  const seen = await visible(surroundings.sql, request.id, context, 'buyer');
  if (isRefusal(seen)) return seen;
  const { mandateId, buyerId } = seen;
  const plan = await planFor(surroundings, request.planId, buyerId, context);
  if (isRefusal(plan)) return plan;
  const unusable = await refuseMandate(surroundings, { mandateId, buyerId, plan }, context);
  if (unusable !== undefined) return unusable;
  const call = {
    method: 'ChangePlan',
    input: ChangePlanRequestSchema,
    request,
    output: ChangePlanResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) => {
    const before = await lockSubscription(tx, seen.id);
    const change = rules.planChange(before, plan, surroundings.world.now());
    if (isRefusal(change)) return change;
    if (change.dueNowMinor > 0n) await openBill(surroundings, tx, before, change.bill, context);
    else {
      const after = rules.changedForFree(before, change);
      await writeSubscription(tx, after);
      await moveCourses(surroundings, tx, before, after, context);
      await tell(surroundings, tx, after, 'plan_changed', context);
    }
    tx.afterCommit(() => surroundings.nudge('access'));
    const now = await lockSubscription(tx, seen.id);
    return { subscription: subscriptionMessage(now, false), change: changeMessage(change, plan.currency) };
  });
}

export async function cancelSubscription(
  surroundings: AccessSurroundings,
  request: CancelSubscriptionRequest,
  context: CallContext,
): Answer<typeof CancelSubscriptionResponseSchema> {
  const seen = await visible(surroundings.sql, request.id, context);
  if (isRefusal(seen)) return seen;
  if (seen.status === 'ended') return { subscription: subscriptionMessage(seen, isFinance(context)) };
  const isNow = request.atOnce || seen.status === 'incomplete';
  if (isNow && seen.bill !== undefined && !(await closeOrder(surroundings, seen.bill.orderId, 'buyer')))
    return refuse('payment_in_progress', 'A charge is under way; cancel when it is over.');
  return refusableTransaction(surroundings.sql, async (tx) => {
    const before = await lockSubscription(tx, seen.id);
    if (isNow && before.bill !== undefined)
      return refuse('payment_in_progress', 'It is being billed at this moment; try again.');
    if (before.status !== 'ended') await cancel(surroundings, tx, before, isNow, context);
    return { subscription: subscriptionMessage(await lockSubscription(tx, seen.id), isFinance(context)) };
  });
}

async function cancel(
  surroundings: AccessSurroundings,
  tx: SqlTransaction,
  before: Subscription,
  isNow: boolean,
  context: CallContext,
): Promise<void> {
  if (isNow) return end(surroundings, tx, before, 'cancelled', context);
  if (before.cancelAtPeriodEnd) return;
  const after = rules.cancelledAtPeriodEnd(before);
  await writeSubscription(tx, after);
  await tell(surroundings, tx, after, 'cancelled', context);
}

export async function resumeSubscription(
  surroundings: AccessSurroundings,
  request: ResumeSubscriptionRequest,
  context: CallContext,
): Answer<typeof ResumeSubscriptionResponseSchema> {
  const seen = await visible(surroundings.sql, request.id, context);
  if (isRefusal(seen)) return seen;
  return refusableTransaction(surroundings.sql, async (tx) => {
    const before = await lockSubscription(tx, seen.id);
    const after = rules.resumed(before);
    if (isRefusal(after)) return after;
    await writeSubscription(tx, after);
    if (before.cancelAtPeriodEnd) await tell(surroundings, tx, after, 'resumed', context);
    return { subscription: subscriptionMessage(after, isFinance(context)) };
  });
}

export async function changeMandate(
  surroundings: AccessSurroundings,
  request: ChangeSubscriptionMandateRequest,
  context: CallContext,
): Answer<typeof ChangeSubscriptionMandateResponseSchema> {
  const seen = await visible(surroundings.sql, request.id, context, 'buyer');
  if (isRefusal(seen)) return seen;
  const { mandateId } = request;
  const unusable = await refuseMandate(surroundings, { mandateId, buyerId: seen.buyerId, plan: seen.plan }, context);
  if (unusable !== undefined) return unusable;
  const call = {
    method: 'ChangeSubscriptionMandate',
    input: ChangeSubscriptionMandateRequestSchema,
    request,
    output: ChangeSubscriptionMandateResponseSchema,
    context,
  };
  return once(surroundings, call, async (tx) => {
    const after = rules.withMandate(await lockSubscription(tx, seen.id), mandateId, surroundings.world.now());
    if (isRefusal(after)) return after;
    await writeSubscription(tx, after);
    tx.afterCommit(() => surroundings.nudge('access'));
    return { subscription: subscriptionMessage(after, false) };
  });
}

/** The subscription when the caller may see it; with 'buyer', when it is theirs. */
async function visible(
  executor: SqlExecutor,
  id: string,
  context: CallContext,
  who: 'buyer' | 'anybody' = 'anybody',
): Promise<Subscription | Refusal> {
  const [row] = await executor.query<SubscriptionRow>('SELECT * FROM subscriptions WHERE id = $1', [id]);
  if (row === undefined || !isTheirs(context, row.buyer_id)) return notFound('subscription');
  if (who === 'buyer' && row.buyer_id !== signedIn(context))
    return refuse('permission_denied', 'Only who pays for it can do this.');
  return stateOf(row);
}

async function readSubscription(executor: SqlExecutor, id: string): Promise<Subscription> {
  const [row] = await executor.query<SubscriptionRow>('SELECT * FROM subscriptions WHERE id = $1', [id]);
  if (row === undefined) throw new Error(`the subscription ${id} is gone`);
  return stateOf(row);
}

async function lockSubscription(tx: SqlTransaction, id: string): Promise<Subscription> {
  const [row] = await tx.query<SubscriptionRow>('SELECT * FROM subscriptions WHERE id = $1 FOR UPDATE', [id]);
  if (row === undefined) throw new Error(`the subscription ${id} is gone`);
  return stateOf(row);
}

/** The subscription that an order is a bill of; undefined for every other order. */
async function lockOfBill(tx: SqlTransaction, orderId: string): Promise<Subscription | undefined> {
  const [bill] = await tx.query<{ subscription_id: string }>(
    'SELECT subscription_id FROM subscription_bills WHERE order_id = $1',
    [orderId],
  );
  return bill === undefined ? undefined : lockSubscription(tx, bill.subscription_id);
}

async function writeSubscription(tx: SqlTransaction, subscription: Subscription): Promise<void> {
  const dueAtMs = rules.dueAtMs(subscription);
  await tx.execute(
    'UPDATE subscriptions SET plan_id = $2, status = $3, state = $4::text::jsonb, due_at = $5 WHERE id = $1',
    [
      subscription.id,
      subscription.plan.planId,
      subscription.status,
      jsonOf(subscription),
      dueAtMs === undefined ? null : new Date(dueAtMs),
    ],
  );
}

function stateOf(row: Pick<SubscriptionRow, 'state'>): Subscription {
  return withAmounts(row.state) as Subscription;
}

function inTransaction<T>({ sql }: OrdersSurroundings, work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
  return retrying(() => sql.transaction(work));
}

const statusNumbers: Record<rules.SubscriptionStatusWord, SubscriptionStatus> = {
  incomplete: SubscriptionStatus.INCOMPLETE,
  trialing: SubscriptionStatus.TRIALING,
  active: SubscriptionStatus.ACTIVE,
  past_due: SubscriptionStatus.PAST_DUE,
  ended: SubscriptionStatus.ENDED,
};

function subscriptionMessage(
  subscription: Subscription,
  toFinance: boolean,
): MessageInitShape<typeof SubscriptionSchema> {
  const { plan, bill, trialEndMs, endedAtMs, status } = subscription;
  return {
    id: subscription.id,
    plan: termsMessage(plan),
    status: statusNumbers[status],
    mandateId: subscription.mandateId,
    startedAt: timestampFromMs(subscription.startedAtMs),
    periodStart: timestampFromMs(subscription.periodStartMs),
    periodEnd: timestampFromMs(subscription.periodEndMs),
    cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
    ...(trialEndMs === undefined ? {} : { trialEnd: timestampFromMs(trialEndMs) }),
    credit: { currency: plan.currency, amountMinor: subscription.creditMinor },
    ...(status === 'past_due' && bill !== undefined ? { nextTryAt: timestampFromMs(bill.dueAtMs) } : {}),
    ...(endedAtMs === undefined ? {} : { endedAt: timestampFromMs(endedAtMs) }),
    endedBecause: subscription.endedBecause ?? '',
    buyerId: toFinance ? subscription.buyerId : '',
  };
}

function changeMessage(change: rules.PlanChange, currency: string): MessageInitShape<typeof PlanChangeSchema> {
  const money = (amountMinor: bigint) => ({ currency, amountMinor });
  return {
    credit: money(change.creditMinor),
    charge: money(change.chargeMinor),
    dueNow: money(change.dueNowMinor),
    creditLeft: money(change.creditLeftMinor),
    periodStart: timestampFromMs(change.bill.periodStartMs),
    periodEnd: timestampFromMs(change.bill.periodEndMs),
  };
}
