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
import { ask } from './outcomes.ts';
import type { RefundOutcome } from './provider.ts';
import { decideRefundOutcome, type Refund, refuseRefund } from './refund.ts';
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
  const refused = refuseRefund(intent.amountMinor, await store.claimed(tx, orderId), amountMinor);
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
    createdAtMs: world.now(),
  };
  await store.insertRefund(tx, refund, world.now() + resendMs);
  tx.afterCommit(surroundings.nudge);
  return refund;
}

/** Sends the refund to the provider, which knows it by its id, and writes down what came of it. */
export async function sendRefund(
  surroundings: PaymentsSurroundings,
  refund: Refund,
  cause?: EventCause,
): Promise<Refund> {
  const { id: refundId, attemptId, currency, amountMinor } = refund;
  const attempt = await surroundings.store.findAttempt(surroundings.sql, attemptId);
  const provider = providerNamed(surroundings, attempt?.provider ?? '');
  const said = await ask(surroundings, { attemptId, refundId }, () =>
    provider.refund({ refundId, attemptId, currency, amountMinor }),
  );
  const outcome: RefundOutcome = said.kind === 'no_answer' ? { kind: 'pending' } : said;
  const settled = await retrying(() =>
    surroundings.sql.transaction((tx) => applyRefundOutcome(surroundings, tx, refundId, outcome, 'answer', cause)),
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
  source: 'answer' | 'webhook',
  cause?: EventCause,
): Promise<Refund | undefined> {
  const { store, world, log } = surroundings;
  const orderId = (await store.findRefund(tx, refundId))?.orderId;
  if (orderId === undefined) return undefined;
  await store.lockIntent(tx, orderId);
  const refund = await store.findRefund(tx, refundId);
  if (refund === undefined) return undefined;
  const decision = decideRefundOutcome(refund, outcome, world.now());
  switch (decision.kind) {
    case 'nothing':
      return refund;
    case 'contradicts':
      log.error('the provider contradicts itself about a refund', { refundId, attemptId: refund.attemptId });
      return refund;
    case 'stuck':
      log.error('a late payment cannot be sent back', { refundId, attemptId: refund.attemptId });
      return refund;
    case 'settles':
      await store.saveRefund(tx, decision.refund, source);
      await publishSettled(surroundings, tx, decision.refund, cause);
      tx.afterCommit(() => surroundings.count(`refund_${decision.refund.status}`));
      return decision.refund;
  }
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
