/**
 * Refunds: reserved against the capture under the intent's lock, sent to the provider outside any transaction, settled by
 * its answer, by a webhook, or by the sweep, which sends what is not settled again under the same id.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  LatePaymentReturnedSchema,
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type {
  RefundPaymentRequest,
  RefundPaymentResponse,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { ask, raise } from './outcomes.ts';
import type { RefundOutcome } from './provider.ts';
import { decideRefundOutcome, nextStep, type Refund, refuseRefund } from './refund.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';

/** A refund whose request died before the provider's answer was written down is sent again after this time. */
const resendMs = 10_000;

/** Idempotent by the refund's id: the first call reserves and sends, every call answers how it stands. */
export async function refundPayment(
  surroundings: PaymentsSurroundings,
  request: RefundPaymentRequest,
  context: CallContext,
): Promise<Pick<RefundPaymentResponse, 'status' | 'paymentId'> | Refusal> {
  const reserved = await refusableTransaction(surroundings.sql, (tx) => reserve(surroundings, tx, request));
  if (isRefusal(reserved)) return reserved;
  const refund = reserved.status === 'pending' ? await sendRefund(surroundings, reserved, context) : reserved;
  return { status: refund.status, paymentId: refund.attemptId };
}

async function reserve(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  request: RefundPaymentRequest,
): Promise<Refund | Refusal> {
  const { store, world } = surroundings;
  const { refundId, orderId } = request;
  const { currency = '', amountMinor = 0n } = request.amount ?? {};
  const intent = await store.lockIntent(tx, orderId);
  if (intent?.status !== 'captured') return refuse('not_found', 'The order has no captured payment.');
  const known = await store.findRefund(tx, refundId);
  if (known !== undefined) {
    const isSame = known.orderId === orderId && known.currency === currency && known.amountMinor === amountMinor;
    return isSame ? known : refuse('invalid_request', 'This refund was asked for with another order or amount.');
  }
  if (currency !== intent.currency) return refuse('invalid_request', `The payment was made in ${intent.currency}.`);
  const refused = refuseRefund(intent, await store.claimed(tx, orderId), amountMinor);
  if (refused !== undefined) return refused;
  const refund: Refund = {
    id: refundId,
    orderId,
    attemptId: intent.capturedAttemptId,
    kind: 'requested',
    currency,
    amountMinor,
    status: 'pending',
    failureCode: '',
    reference: '',
    createdAtMs: world.now(),
  };
  await store.insertRefund(tx, refund, world.now() + resendMs);
  tx.afterCommit(surroundings.nudge);
  return refund;
}

/**
 * Sends the refund to the provider, which knows it by its id, and writes down what came of it. When the provider may have
 * forgotten the id, it is only asked.
 */
export async function sendRefund(
  surroundings: PaymentsSurroundings,
  refund: Refund,
  cause?: EventCause,
): Promise<Refund> {
  const { id: refundId, attemptId, currency, amountMinor } = refund;
  const { store, sql, world } = surroundings;
  const attempt = await store.findAttempt(sql, attemptId);
  const provider = providerNamed(surroundings, attempt?.provider ?? '');
  if (nextStep(refund, provider.capabilities, world.now()) === 'ask') return syncRefund(surroundings, refund, cause);
  await store.markRefundSent(sql, refundId, world.now());
  const reference = attempt?.reference ?? '';
  const said = await ask(surroundings, { attemptId, refundId }, () =>
    provider.refund({ refundId, attemptId, reference, currency, amountMinor }),
  );
  const outcome: RefundOutcome = said.kind === 'no_answer' ? { kind: 'pending' } : said;
  return settleRefund(surroundings, refundId, outcome, 'answer', cause);
}

/** Asks the provider how the refund stands, also when it is settled here: it may have been taken back. */
export async function syncRefund(
  surroundings: PaymentsSurroundings,
  refund: Refund,
  cause?: EventCause,
): Promise<Refund> {
  const { store, sql } = surroundings;
  const { id: refundId, attemptId, reference } = refund;
  const attempt = await store.findAttempt(sql, attemptId);
  const provider = providerNamed(surroundings, attempt?.provider ?? '');
  const said = await ask(surroundings, { attemptId, refundId }, async () => {
    return (await provider.refundStatus({ refundId, attemptId, reference })) ?? ({ kind: 'never_heard_of' } as const);
  });
  if (said.kind === 'no_answer') return refund;
  if (said.kind === 'never_heard_of') {
    // It may not be sent again, nor taken for failed: somebody has to look.
    if (attempt !== undefined && refund.sentAtMs !== undefined)
      await raise(surroundings, sql, attempt, refundId, 'refund_stuck');
    return refund;
  }
  return settleRefund(surroundings, refundId, said, 'sync', cause);
}

async function settleRefund(
  surroundings: PaymentsSurroundings,
  refundId: string,
  outcome: RefundOutcome,
  source: 'answer' | 'sync',
  cause: EventCause | undefined,
): Promise<Refund> {
  const settled = await retrying(() =>
    surroundings.sql.transaction((tx) => applyRefundOutcome(surroundings, tx, refundId, outcome, source, cause)),
  );
  if (settled === undefined) throw new Error(`the refund ${refundId} is gone`);
  return settled;
}

/** Applies what is said about a refund; gives the refund as it is then, undefined when there is none of this id. */
export async function applyRefundOutcome(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  refundId: string,
  outcome: RefundOutcome,
  source: 'answer' | 'sync' | 'webhook',
  cause?: EventCause,
): Promise<Refund | undefined> {
  const { store, world, log } = surroundings;
  const orderId = (await store.findRefund(tx, refundId))?.orderId;
  if (orderId === undefined) return undefined;
  await store.lockIntent(tx, orderId);
  const refund = await store.findRefund(tx, refundId);
  if (refund === undefined) return undefined;
  if (refund.reference === '' && outcome.reference !== undefined && outcome.reference !== '')
    await store.setRefundReference(tx, refundId, outcome.reference);
  const decision = decideRefundOutcome(refund, outcome, world.now());
  const about = { id: refund.attemptId, orderId };
  switch (decision.kind) {
    case 'nothing':
      return refund;
    case 'contradicts':
      log.error('the provider contradicts itself about a refund', { refundId, attemptId: refund.attemptId });
      await raise(surroundings, tx, about, refundId, 'contradiction');
      return refund;
    case 'stuck':
      log.error('a late payment cannot be sent back', { refundId, attemptId: refund.attemptId });
      await raise(surroundings, tx, about, refundId, 'refund_stuck');
      return refund;
    case 'reverses':
      log.error('the provider takes back a refund', { refundId, attemptId: refund.attemptId });
      await raise(surroundings, tx, about, refundId, 'refund_reversed');
  }
  await store.saveRefund(tx, decision.refund, source);
  await publishSettled(surroundings, tx, decision.refund, cause);
  tx.afterCommit(() => surroundings.count(`refund_${decision.refund.status}`));
  return decision.refund;
}

async function publishSettled(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  refund: Refund,
  cause: EventCause | undefined,
): Promise<void> {
  const publish = surroundings.publishIn(tx);
  const attempt = await surroundings.store.findAttempt(tx, refund.attemptId);
  const about = {
    paymentId: refund.attemptId,
    orderId: refund.orderId,
    amount: { currency: refund.currency, amountMinor: refund.amountMinor },
  };
  const provider = attempt?.provider ?? '';
  if (refund.kind === 'late') return publish(LatePaymentReturnedSchema, { ...about, provider }, cause);
  if (refund.status === 'failed')
    return publish(RefundFailedSchema, { ...about, refundId: refund.id, code: refund.failureCode }, cause);
  const succeededAt = timestampFromMs(refund.settledAtMs ?? surroundings.world.now());
  return publish(RefundSucceededSchema, { ...about, refundId: refund.id, provider, succeededAt }, cause);
}
