/**
 * Taking what is authorized: reserved under the intent's lock, sent to the provider outside any transaction under an id of
 * its own, settled by its answer or by the sweep, which sends it again. And giving it back.
 */
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type Capture, decideCapture, decideCaptureOutcome } from './capture.ts';
import { type Increment, isPending } from './increment.ts';
import { applyOutcome, ask, carryOut, raise, release } from './outcomes.ts';
import { type Attempt, cancelled, decideCaptured, type Intent } from './payment.ts';
import type { CaptureOutcome } from './provider.ts';
import type { Due, Release } from './store.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';

/** A capture whose request died before the provider's answer was written down is sent again after this time. */
const resendMs = 10_000;

export interface CaptureWish {
  readonly captureId: string;
  readonly attemptId: string;
  readonly amount: { readonly currency: string; readonly amountMinor: bigint } | undefined;
  readonly final: boolean;
  /** What orders says the order costs; only of one that was changed while it was held for (`priceOf`). */
  readonly priceMinor?: bigint | undefined;
}

/** Idempotent by the capture's id: the first call reserves and sends, every call answers how the attempt stands. */
export async function captureAttempt(
  surroundings: PaymentsSurroundings,
  wish: CaptureWish,
  context: CallContext,
): Promise<{ readonly attempt: Attempt; readonly capture: Capture } | Refusal> {
  const priceMinor = await priceOf(surroundings, wish.attemptId, context);
  if (isRefusal(priceMinor)) return priceMinor;
  const priced = { ...wish, priceMinor };
  const reserved = await refusableTransaction(surroundings.sql, (tx) => reserveCapture(surroundings, tx, priced));
  if (isRefusal(reserved)) return reserved;
  return finishCapture(surroundings, reserved, context);
}

/**
 * The price by orders of an order whose intent was given another amount while it was held for; undefined of all others,
 * which cost what they cost when they were authorized. An edit tells payments before it is committed: until then nothing is
 * captured by either price.
 */
export async function priceOf(
  surroundings: PaymentsSurroundings,
  attemptId: string,
  context: CallContext,
): Promise<bigint | Refusal | undefined> {
  const { store, sql, orders } = surroundings;
  const attempt = await store.findAttempt(sql, attemptId);
  const intent = attempt === undefined ? undefined : await store.findIntent(sql, attempt.orderId);
  if (attempt === undefined || intent === undefined || attempt.status !== 'requires_capture') return undefined;
  if (!isRevised(intent, attempt, await store.incrementsOf(sql, attemptId))) return undefined;
  const order = await orders.getOrderForPayment({ orderId: attempt.orderId }, { context });
  return isRefusal(order) ? order : order.total?.amountMinor;
}

function isRevised(intent: Intent, attempt: Attempt, increments: readonly Increment[]): boolean {
  return intent.amountMinor !== attempt.amountMinor || increments.length > 0;
}

/** Sends a reserved capture, when it is not settled yet. */
export async function finishCapture(
  surroundings: PaymentsSurroundings,
  reserved: Capture,
  cause?: EventCause,
): Promise<{ readonly attempt: Attempt; readonly capture: Capture } | Refusal> {
  const capture = reserved.status === 'pending' ? await sendCapture(surroundings, reserved, cause) : reserved;
  if (capture.status === 'failed')
    return refuse('not_capturable', 'The provider did not capture it; the authorization may have lapsed.');
  const attempt = await surroundings.store.findAttempt(surroundings.sql, capture.attemptId);
  if (attempt === undefined) throw new Error(`the attempt ${capture.attemptId} is gone`);
  return { attempt, capture };
}

export async function reserveCapture(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  wish: CaptureWish,
): Promise<Capture | Refusal> {
  const { store, world } = surroundings;
  const { captureId: id, attemptId } = wish;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || attempt === undefined) return refuse('not_found', 'There is no such payment.');
  const known = await store.findCapture(tx, id);
  if (known !== undefined) {
    const isSame =
      known.attemptId === attemptId && (wish.amount?.amountMinor ?? known.amountMinor) === known.amountMinor;
    return isSame ? known : refuse('invalid_request', 'This capture was asked for with another payment or amount.');
  }
  const { capabilities } = providerNamed(surroundings, attempt.provider);
  const sums = await store.captureSums(tx, attemptId);
  const increments = await store.incrementsOf(tx, attemptId);
  if (isRevised(intent, attempt, increments) && wish.priceMinor !== intent.amountMinor)
    return refuse('not_capturable', 'The order is being changed this moment; look at it again.');
  const held = { attempt, orderMinor: intent.amountMinor, isIncrementing: increments.some(isPending) };
  const decided = decideCapture(held, sums, wish.amount, wish.final, capabilities, world.now());
  if (isRefusal(decided)) return decided;
  const { orderId, currency } = attempt;
  const createdAtMs = world.now();
  const about = { id, orderId, attemptId, currency, createdAtMs };
  const capture: Capture = { ...about, ...decided, status: 'pending', failureCode: '' };
  await store.insertCapture(tx, capture, world.now() + resendMs);
  tx.afterCommit(surroundings.nudge);
  return capture;
}

export async function sendCapture(
  surroundings: PaymentsSurroundings,
  capture: Capture,
  cause?: EventCause,
): Promise<Capture> {
  const { store, sql, world } = surroundings;
  const attempt = await store.findAttempt(sql, capture.attemptId);
  if (attempt === undefined) throw new Error(`the attempt ${capture.attemptId} is gone`);
  const provider = providerNamed(surroundings, attempt.provider);
  if (world.now() - capture.createdAtMs >= provider.capabilities.keyRetentionMs) {
    // Sent again now it could take the money a second time.
    await raise(surroundings, sql, attempt, capture.id, 'unresolved');
    return capture;
  }
  const { id: captureId, attemptId, currency, amountMinor, final } = capture;
  const said = await ask(surroundings, { attemptId }, () =>
    provider.capture({ captureId, attemptId, reference: attempt.reference, currency, amountMinor, final }),
  );
  const outcome: CaptureOutcome = said.kind === 'no_answer' ? { kind: 'pending' } : said;
  const settled = await retrying(() =>
    sql.transaction((tx) => applyCaptureOutcome(surroundings, tx, captureId, outcome, 'answer', cause)),
  );
  if (settled === undefined) throw new Error(`the capture ${captureId} is gone`);
  return settled;
}

/** Applies what is said about a capture; gives it as it is then, undefined when there is none of this id. */
export async function applyCaptureOutcome(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  captureId: string,
  outcome: CaptureOutcome,
  source: 'answer' | 'webhook',
  cause?: EventCause,
): Promise<Capture | undefined> {
  const { store, world } = surroundings;
  const attemptId = (await store.findCapture(tx, captureId))?.attemptId;
  if (attemptId === undefined) return undefined;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const capture = await store.findCapture(tx, captureId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || capture === undefined || attempt === undefined) return undefined;
  const decision = decideCaptureOutcome(capture, outcome, world.now());
  if (decision.kind === 'nothing') return capture;
  if (decision.kind === 'contradicts') {
    await raise(surroundings, tx, attempt, captureId, 'contradiction');
    return capture;
  }
  await store.saveCapture(tx, decision.capture, source);
  const sums = await store.captureSums(tx, attemptId);
  // The last to be settled ends the attempt, also one that failed because the final one overtook it.
  const isLast = sums.isFinal && sums.pendingMinor === 0n;
  if (decision.capture.status === 'failed' && !isLast) return decision.capture;
  const feeMinor =
    outcome.kind === 'succeeded' && outcome.feeMinor !== undefined
      ? (attempt.feeMinor ?? 0n) + outcome.feeMinor
      : attempt.feeMinor;
  const captured = decideCaptured(intent, { ...attempt, feeMinor }, sums.succeededMinor, isLast, world.now());
  await carryOut(surroundings, tx, captured, { attempt, intent }, source, { cause });
  return decision.capture;
}

/** Releases the whole authorization: over here at once, told to the provider until it has heard it. */
export async function voidAttempt(surroundings: PaymentsSurroundings, attemptId: string): Promise<Attempt | Refusal> {
  const { store, sql, world } = surroundings;
  return refusableTransaction(sql, async (tx) => {
    const intent = await store.lockIntentOfAttempt(tx, attemptId);
    const attempt = await store.findAttempt(tx, attemptId);
    if (intent === undefined || attempt === undefined) return refuse('not_found', 'There is no such payment.');
    if (attempt.status === 'cancelled') return attempt;
    const sums = await store.captureSums(tx, attemptId);
    if (attempt.status !== 'requires_capture' || sums.pendingMinor + sums.succeededMinor > 0n)
      return refuse('not_capturable', 'The payment has no untouched authorization to release.');
    const over = cancelled(attempt, world.now());
    await store.saveAttempt(tx, over, undefined, 'cancel');
    await release(surroundings, tx, over);
    return over;
  });
}

/** Tells the provider to give back what it holds. False when it has to be told again. */
export async function sendRelease(surroundings: PaymentsSurroundings, due: Due<Release>): Promise<boolean> {
  const { store, sql } = surroundings;
  const { id: voidId, attemptId } = due.subject;
  const attempt = await store.findAttempt(sql, attemptId);
  if (attempt === undefined) return true;
  const provider = providerNamed(surroundings, attempt.provider);
  const said = await ask(surroundings, { attemptId }, () =>
    provider.void({ voidId, attemptId, reference: attempt.reference }),
  );
  if (said.kind === 'no_answer' || said.kind === 'processing' || said.kind === 'authorized') return false;
  await retrying(() => sql.transaction((tx) => applyOutcome(surroundings, tx, attemptId, said, 'answer')));
  return true;
}
