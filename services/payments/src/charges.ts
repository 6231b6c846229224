/**
 * Charging mandates: an attempt of the order like any other, made without its payer, once for each order and try. Where the
 * payer has to be told before (UPI: 24 hours), the attempt waits as `processing` until its time.
 */
import type {
  CaptureAuthorizedRequest,
  ChargeMandateRequest,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, SqlFault, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { captureAttempt } from './captures.ts';
import { isId } from './ids.ts';
import { type Mandate, refuseCharge } from './mandate.ts';
import { applyOutcome, ask } from './outcomes.ts';
import { type Attempt, cancelled, decideAttempt, type Intent, isLive, nextSyncMs, type Said } from './payment.ts';
import { statusNumber } from './payment-view.ts';
import { intentOf } from './payments.ts';
import type { ChargeToMake } from './provider.ts';
import type { DueAttempt } from './store.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';
import { syncDue } from './syncs.ts';

export async function chargeMandate(
  surroundings: PaymentsSurroundings,
  request: ChargeMandateRequest,
  context: CallContext,
) {
  const { sql, store } = surroundings;
  const { orderId, mandateId, try: tryNumber } = request;
  if (!isId(orderId) || !isId(mandateId) || tryNumber < 1)
    return refuse('invalid_request', 'A charge names an order, a mandate and a try from 1.');
  const known = await store.findCharge(sql, orderId, tryNumber);
  const opened = known ?? (await openCharge(surroundings, request, context));
  if (isRefusal(opened)) return opened;
  const isMine = opened.mandateId === mandateId;
  if (!isMine) return refuse('invalid_request', 'This try of the order was made with another mandate.');
  if (known === undefined) await pushCharge(surroundings, opened.id, context);
  const attempt = (await store.findAttempt(sql, opened.id)) ?? opened;
  const { failure } = attempt;
  return { paymentId: attempt.id, status: statusNumber(attempt.status), ...(failure === undefined ? {} : { failure }) };
}

async function openCharge(
  surroundings: PaymentsSurroundings,
  { orderId, mandateId, try: tryNumber }: ChargeMandateRequest,
  context: CallContext,
): Promise<Attempt | Refusal> {
  const { sql, store, mandates, world } = surroundings;
  const order = await surroundings.orders.getOrderForPayment({ orderId }, { context });
  if (isRefusal(order)) return order;
  const fresh = intentOf(order, world.now());
  if (isRefusal(fresh)) return fresh;
  try {
    return await refusableTransaction(sql, async (tx) => {
      const mandate = await mandates.find(tx, mandateId);
      if (mandate === undefined || mandate.buyerId !== order.buyerId)
        return refuse('not_found', 'The buyer has no such mandate.');
      const refused = refuseCharge(mandate, fresh, world.now());
      return refused ?? insertCharge(surroundings, tx, fresh, mandate, tryNumber);
    });
  } catch (error) {
    // The same try at the same time: the other one is it.
    const other = await store.findCharge(sql, orderId, tryNumber);
    if (error instanceof SqlFault && error.kind === 'unique' && other !== undefined) return other;
    throw error;
  }
}

async function insertCharge(
  { store, world, nudge }: PaymentsSurroundings,
  tx: SqlTransaction,
  fresh: Intent,
  mandate: Mandate,
  tryNumber: number,
): Promise<Attempt | Refusal> {
  const nowMs = world.now();
  const intent = await store.openIntent(tx, fresh, nowMs);
  const made = await store.findCharge(tx, intent.orderId, tryNumber);
  if (made !== undefined) return made;
  const decided = decideAttempt(intent, await store.liveAttempt(tx, intent.orderId), nowMs);
  if (isRefusal(decided)) return decided;
  if (decided.supersedes !== undefined)
    await store.saveAttempt(tx, cancelled(decided.supersedes, nowMs), undefined, 'superseded');
  const attempt: Attempt = {
    id: world.id('pay'),
    orderId: intent.orderId,
    status: 'processing',
    method: mandate.method,
    provider: mandate.provider,
    currency: intent.currency,
    amountMinor: intent.amountMinor,
    captureMethod: 'automatic',
    reference: '',
    capturedMinor: 0n,
    providerCode: '',
    mandateId: mandate.id,
    tryNumber,
    createdAtMs: nowMs,
    movedAtMs: nowMs,
  };
  await store.insertAttempt(tx, attempt, nextSyncMs(attempt, 0, nowMs));
  tx.afterCommit(nudge);
  return attempt;
}

/** Takes a charge as far as it can go now: tells the payer, or charges when the time has come. */
async function pushCharge(surroundings: PaymentsSurroundings, attemptId: string, context?: CallContext): Promise<void> {
  const { sql, store, mandates, world } = surroundings;
  const attempt = await store.findAttempt(sql, attemptId);
  const mandate = attempt === undefined ? undefined : await mandates.find(sql, attempt.mandateId);
  const intent = attempt === undefined ? undefined : await store.findIntent(sql, attempt.orderId);
  if (attempt === undefined || mandate === undefined || intent === undefined || !isLive(attempt)) return;
  const provider = providerNamed(surroundings, attempt.provider);
  const noticeMs = provider.capabilities.preDebitNoticeMs[attempt.method] ?? 0;
  const charge: ChargeToMake = {
    attemptId,
    mandate: { mandateId: mandate.id, reference: mandate.reference },
    method: attempt.method,
    currency: attempt.currency,
    amountMinor: attempt.amountMinor,
    orderNumber: intent.orderNumber,
  };
  if (noticeMs > 0 && attempt.chargeAtMs === undefined) return announce(surroundings, attempt, charge, noticeMs);
  if ((attempt.chargeAtMs ?? 0) > world.now()) return;
  const said: Said = await ask(surroundings, { attemptId }, () => provider.chargeMandate(charge));
  await retrying(() => sql.transaction((tx) => applyOutcome(surroundings, tx, attemptId, said, 'answer', context)));
}

/** The notice first; its time counts from when the provider has taken it. */
async function announce(
  surroundings: PaymentsSurroundings,
  { id: attemptId }: Attempt,
  charge: ChargeToMake,
  noticeMs: number,
): Promise<void> {
  const { sql, store, world } = surroundings;
  const provider = providerNamed(surroundings, (await store.findAttempt(sql, attemptId))?.provider ?? '');
  const chargeAtMs = world.now() + noticeMs + marginMs;
  const said = await ask(surroundings, { attemptId }, async () => {
    await provider.announceCharge(charge, chargeAtMs);
    return { kind: 'announced' } as const;
  });
  if (said.kind === 'no_answer') return;
  await retrying(() =>
    sql.transaction(async (tx) => {
      await store.lockIntentOfAttempt(tx, attemptId);
      const attempt = await store.findAttempt(tx, attemptId);
      if (attempt?.status !== 'processing' || attempt.chargeAtMs !== undefined) return;
      await store.saveAttempt(tx, { ...attempt, chargeAtMs, movedAtMs: world.now() }, chargeAtMs, 'answer');
      tx.afterCommit(surroundings.nudge);
    }),
  );
}

/** Our clock and the provider's may differ a little: the notice is never too short. */
const marginMs = 60_000;

/** What the sweep does with a charge that is due: asks first, for it may have been made; charges when it was not. */
export async function seeToCharge(
  surroundings: PaymentsSurroundings,
  attempt: Attempt,
  due: DueAttempt,
): Promise<void> {
  const { sql, store, world } = surroundings;
  const { id: attemptId, reference } = attempt;
  const provider = providerNamed(surroundings, attempt.provider);
  const known = await ask(surroundings, { attemptId }, async () => {
    return (await provider.status({ attemptId, reference })) ?? ({ kind: 'never_heard_of' } as const);
  });
  const isFresh = world.now() - (attempt.chargeAtMs ?? attempt.createdAtMs) < provider.capabilities.keyRetentionMs;
  if (known.kind === 'never_heard_of' && isFresh) {
    await pushCharge(surroundings, attemptId);
    const after = await store.findAttempt(sql, attemptId);
    if (after !== undefined) await store.setSyncDue(sql, attemptId, nextSyncMs(after, due.tries, world.now()));
    return;
  }
  await syncDue(surroundings, due);
}

/** For orders: takes of what is authorized for the order. */
export async function captureAuthorized(
  surroundings: PaymentsSurroundings,
  { captureId, orderId, amount, final }: CaptureAuthorizedRequest,
  context: CallContext,
) {
  const { store, sql } = surroundings;
  if (!isId(captureId) || !isId(orderId)) return refuse('invalid_request', 'A capture has an id and an order.');
  const known = await store.findCapture(sql, captureId);
  const live = await store.liveAttempt(sql, orderId);
  const attemptId = known?.orderId === orderId ? known.attemptId : live?.id;
  if (attemptId === undefined) return refuse('not_found', 'The order has no authorized payment.');
  const done = await captureAttempt(surroundings, { captureId, attemptId, amount, final }, context);
  if (isRefusal(done)) return done;
  const { attempt } = done;
  return {
    paymentId: attempt.id,
    status: statusNumber(attempt.status),
    captured: { currency: attempt.currency, amountMinor: attempt.capturedMinor },
  };
}
