/**
 * Looks after what nobody else finishes: orders that nobody pays, cancellations, refunds and edits whose request died,
 * paid orders whose access nobody has confirmed, orders that come to their end. All of it is kept in the database, so a restart
 * forgets nothing.
 */
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { backOffMs } from '@suuupra/platform/stream/bell';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { isBeyondHardLimit } from './cohorts.ts';
import { reviseToOrder } from './edits.ts';
import { followUp } from './fulfilments.ts';
import type { CancelReason } from './order.ts';
import { closeIntent } from './orders.ts';
import { resendRefund } from './refunds.ts';
import { dropTimer, nextTimerMs, setTimer, type Timer, takeFollowUps, takeTimers } from './store.ts';

/** Timers, and follow-ups, taken in one round; each means a call to another service. */
const timersMax = 10;
/** A timer that was taken comes back after this time unless it was finished: payments was away, or a payment is under way. */
const againMs = 60_000;
const resendFirstMs = 30_000;
const resendMostMs = 3_600_000;
/** From this try on a refund that is still pending is said in the log each time. */
const triesUnremarkable = 5;

/** Does what is due; tells when something is due next. */
export async function janitorRound(surroundings: OrdersSurroundings): Promise<number | undefined> {
  const { sql, world, log } = surroundings;
  const untilMs = world.now() + againMs;
  const timers = [
    ...(await takeTimers(sql, world.now(), untilMs, timersMax)),
    ...(await takeFollowUps(sql, world.now(), untilMs, timersMax)),
  ];
  await Promise.all(
    timers.map((timer) =>
      lookAfter(surroundings, timer).catch((error) => {
        log.warn('a timer of an order will be tried again', { orderId: timer.orderId, kind: timer.kind, error });
      }),
    ),
  );
  return nextTimerMs(sql);
}

async function lookAfter(surroundings: OrdersSurroundings, timer: Timer): Promise<void> {
  switch (timer.kind) {
    case 'expiry':
      return expire(surroundings, timer);
    case 'cancel':
      return finishCancellation(surroundings, timer);
    case 'refund':
      return finishRefund(surroundings, timer);
    case 'revise':
      return reviseToOrder(surroundings, timer);
    case 'follow_up':
      return followUp(surroundings, timer);
  }
}

/** A live payment, or one whose outcome is unknown, puts the expiry off; so does a capture whose event is on its way. */
async function expire(surroundings: OrdersSurroundings, timer: Timer): Promise<void> {
  const refused = await closeIntent(surroundings, timer.orderId, 'expired');
  if (refused !== undefined && !(await closedAtHardLimit(surroundings, timer.orderId, refused))) return;
  await cancelClosed(surroundings, timer, 'expired');
}

/**
 * A place in a cohort is not held for ever: past its hard limit the intent is closed although a payment has no outcome
 * yet, and payments sends back what may still come of it. Only its yes gives the place up (O3, M21).
 */
async function closedAtHardLimit(
  surroundings: OrdersSurroundings,
  orderId: string,
  refused: Refusal,
): Promise<boolean> {
  if (refused.code !== 'payment_in_progress') return false;
  if (!(await isBeyondHardLimit(surroundings.sql, orderId, surroundings.world.now()))) return false;
  const answer = await surroundings.clients.payments.cancelIntent({ orderId, because: 'hard_limit' });
  return !isRefusal(answer);
}

async function finishCancellation(surroundings: OrdersSurroundings, timer: Timer): Promise<void> {
  const because = timer.subject === 'superseded' ? 'superseded' : 'buyer';
  const refused = await closeIntent(surroundings, timer.orderId, because);
  // What the buyer asked for can be asked for again. What nobody asked for waits until the payment under way is over.
  if (refused?.code === 'payment_in_progress' && because === 'superseded') return;
  if (refused !== undefined) return dropTimer(surroundings.sql, timer);
  await cancelClosed(surroundings, timer, because);
}

async function cancelClosed(surroundings: OrdersSurroundings, timer: Timer, because: CancelReason) {
  const { sql, world } = surroundings;
  await refusableTransaction(sql, async (tx) => {
    const changed = await changeOrder(surroundings, tx, timer.orderId, { kind: 'cancel', because, atMs: world.now() });
    if (isRefusal(changed)) return changed;
    await dropTimer(tx, timer);
    return changed;
  });
}

async function finishRefund(surroundings: OrdersSurroundings, timer: Timer): Promise<void> {
  const { sql, world, log } = surroundings;
  if (await resendRefund(surroundings, timer.orderId, timer.subject)) return dropTimer(sql, timer);
  const delayMs = backOffMs(timer.tries, resendFirstMs, resendMostMs, world.random);
  await setTimer(sql, timer, world.now() + delayMs);
  if (timer.tries >= triesUnremarkable)
    log.warn('a refund is still pending', { orderId: timer.orderId, refundId: timer.subject, tries: timer.tries });
}
