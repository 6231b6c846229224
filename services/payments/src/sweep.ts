/**
 * Finishes what requests leave unfinished: webhooks that are kept, attempts whose outcome nobody has told, refunds on
 * their way. What is due is kept in the database, so a restart forgets nothing.
 */

import { backOffMs } from '@suuupra/platform/stream/bell';
import type { Capture } from './capture.ts';
import { sendCapture, sendRelease } from './captures.ts';
import { seeToCharge } from './charges.ts';
import { endUnconfirmed } from './confirmations.ts';
import { fetchReports } from './desk.ts';
import { seeToDispute } from './disputes.ts';
import type { Increment } from './increment.ts';
import { sendIncrement } from './increments.ts';
import { seeToMandate } from './mandates.ts';
import { raise } from './outcomes.ts';
import { sendRefund } from './refunds.ts';
import type { Due, DueAttempt, DueRefund, Release } from './store.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { syncDue } from './syncs.ts';
import { applyDueWebhook } from './webhooks.ts';

/** Webhooks applied in one round, one after the other. */
const webhooksMax = 50;
/** Calls to the provider in one round, at the same time. */
const callsMax = 10;
/** What was taken comes back after this time if we die with it: longer than a call to the provider may last. */
const leaseMs = 15_000;
const refundFirstMs = 10_000;
const refundMostMs = 3_600_000;
/** From this try on an attempt or refund that is still open is said in the log each time. */
const triesUnremarkable = 8;
const webhooksKeptMs = 30 * 24 * 3_600_000;
const pruneEveryMs = 3_600_000;
const pruneMax = 1_000;
/** No rule looks further back. */
const signalsKeptMs = 31 * 24 * 3_600_000;
const fetchEveryMs = 1_000;

/** One round of the sweep; tells when something is due next. Keep the function: it remembers when it last pruned. */
export function sweepOf(surroundings: PaymentsSurroundings): () => Promise<number | undefined> {
  const { sql, store, mandates, world } = surroundings;
  let prunedAtMs = 0;
  let fetchedAtMs = 0;
  return async () => {
    for (let applied = 0; applied < webhooksMax && (await applyDueWebhook(surroundings)); ) applied += 1;
    const nowMs = world.now();
    const untilMs = nowMs + leaseMs;
    const all = <T>(due: readonly T[], idOf: (each: T) => string, work: (each: T) => Promise<void>) =>
      Promise.all(due.map((each) => tolerantly(surroundings, idOf(each), () => work(each))));
    const attempts = await store.takeDueAttempts(sql, nowMs, untilMs, callsMax);
    await all(
      attempts,
      ({ id }) => id,
      (due) => syncAttempt(surroundings, due),
    );
    const captures = await store.takeDueCaptures(sql, nowMs, untilMs, callsMax);
    await all(
      captures,
      ({ subject }) => subject.id,
      (due) => resendCapture(surroundings, due),
    );
    const increments = await store.takeDueIncrements(sql, nowMs, untilMs, callsMax);
    await all(
      increments,
      ({ subject }) => subject.id,
      (due) => resendIncrement(surroundings, due),
    );
    const releases = await store.takeDueReleases(sql, nowMs, untilMs, callsMax);
    await all(
      releases,
      ({ subject }) => subject.id,
      (due) => resendRelease(surroundings, due),
    );
    const refunds = await store.takeDueRefunds(sql, nowMs, untilMs, callsMax);
    await all(
      refunds,
      ({ refund }) => refund.id,
      (due) => resendRefund(surroundings, due),
    );
    const disputes = await store.takeDueDisputes(sql, nowMs, untilMs, callsMax);
    await all(
      disputes,
      ({ subject }) => subject.id,
      (due) => seeToDispute(surroundings, due.subject, due.tries),
    );
    const due = await mandates.takeDue(sql, nowMs, untilMs, callsMax);
    await all(
      due,
      ({ subject }) => subject.id,
      (each) => seeToMandate(surroundings, each.subject, each.tries),
    );
    if (nowMs - fetchedAtMs >= fetchEveryMs) {
      await fetchReports(surroundings);
      fetchedAtMs = nowMs;
    }
    if (nowMs - prunedAtMs > pruneEveryMs) {
      await store.pruneWebhooks(sql, nowMs - webhooksKeptMs, pruneMax);
      await surroundings.risk.pruneSignals(sql, nowMs - signalsKeptMs, pruneMax);
      prunedAtMs = nowMs;
    }
    return store.nextDueMs(sql);
  };
}

/** One that fails keeps no other from being done; its lease brings it back. */
async function tolerantly(surroundings: PaymentsSurroundings, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    surroundings.log.error('something due of payments will be tried again', { id, error });
  }
}

async function syncAttempt(surroundings: PaymentsSurroundings, due: DueAttempt): Promise<void> {
  const attempt = await surroundings.store.findAttempt(surroundings.sql, due.id);
  if (attempt?.status === 'requires_confirmation') {
    await endUnconfirmed(surroundings, attempt.id);
    return;
  }
  const isCharge = attempt !== undefined && attempt.mandateId !== '' && attempt.status !== 'requires_capture';
  return isCharge ? seeToCharge(surroundings, attempt, due) : syncDue(surroundings, due);
}

async function resendCapture(surroundings: PaymentsSurroundings, due: Due<Capture>): Promise<void> {
  const { sql, store, world } = surroundings;
  const capture = await sendCapture(surroundings, due.subject);
  if (capture.status !== 'pending') return;
  const delayMs = backOffMs(due.tries, refundFirstMs, refundMostMs, world.random);
  await store.setCaptureDue(sql, capture.id, world.now() + delayMs);
}

async function resendIncrement(surroundings: PaymentsSurroundings, due: Due<Increment>): Promise<void> {
  const { sql, store, world, log } = surroundings;
  const increment = await sendIncrement(surroundings, due.subject);
  if (increment.status !== 'pending') return;
  const delayMs = backOffMs(due.tries, refundFirstMs, refundMostMs, world.random);
  await store.setIncrementDue(sql, increment.id, world.now() + delayMs);
  if (due.tries >= triesUnremarkable)
    log.warn('a raise of an authorization is open for long', { incrementId: increment.id, tries: due.tries });
}

async function resendRelease(surroundings: PaymentsSurroundings, due: Due<Release>): Promise<void> {
  const { sql, store, world } = surroundings;
  const isDone = await sendRelease(surroundings, due);
  const delayMs = backOffMs(due.tries, refundFirstMs, refundMostMs, world.random);
  await store.setReleaseDue(sql, due.subject.id, isDone ? undefined : world.now() + delayMs, world.now());
  const { id, attemptId, orderId } = due.subject;
  if (!isDone && due.tries >= triesUnremarkable)
    await raise(surroundings, sql, { id: attemptId, orderId }, id, 'void_stuck');
}

async function resendRefund(surroundings: PaymentsSurroundings, due: DueRefund): Promise<void> {
  const { sql, store, world, log } = surroundings;
  const refund = await sendRefund(surroundings, due.refund);
  if (refund.status !== 'pending') return;
  const delayMs = backOffMs(due.tries, refundFirstMs, refundMostMs, world.random);
  await store.setRefundDue(sql, refund.id, world.now() + delayMs);
  if (due.tries >= triesUnremarkable)
    log.warn('a refund is pending for long', { refundId: refund.id, tries: due.tries });
}
