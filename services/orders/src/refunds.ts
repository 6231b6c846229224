/**
 * Refunds: reserved in the order's stream first, then asked of payments outside any transaction, then settled by whoever
 * hears first, the request itself or payments' event. A refund that neither finishes is sent again by the janitor, with
 * the same id, for which payments gives the same answer.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type CreateRefundRequest,
  CreateRefundRequestSchema,
  type CreateRefundResponse,
  CreateRefundResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { holdsCardNumber } from '@suuupra/platform/card-number';
import { type CallContext, isRefusal, type Refusal, RpcFault, refuse } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  type IdempotentCall,
  idempotencyScope,
  noteProgress,
  releaseIdempotent,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { isFinance, replayed, userIdOf } from './caller.ts';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { OrderContradiction, type RequestRefund } from './order.ts';
import { refundMessage, viewOf } from './order-view.ts';
import { visibleOrder } from './orders.ts';
import { finishRemembered, lookAnswer } from './recall.ts';
import { type LoadedOrder, lockOrder, orderOfFundedRefund, readStream } from './store.ts';

type RefundCall = IdempotentCall<typeof CreateRefundRequestSchema, typeof CreateRefundResponseSchema>;

export async function createRefund(
  surroundings: OrdersSurroundings,
  request: CreateRefundRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof CreateRefundResponseSchema> | Refusal> {
  if (holdsCardNumber(request.reason))
    return refuse('invalid_request', 'The reason holds what looks like a card number; leave it out.', [
      { field: 'reason', code: 'not_allowed', detail: 'looks like a card number' },
    ]);
  const call: RefundCall = {
    scope: idempotencyScope(context),
    method: 'CreateRefund',
    key: context.idempotencyKey,
    input: CreateRefundRequestSchema,
    request,
    output: CreateRefundResponseSchema,
    // A claim of another call is taken up: by the refund's id everything after the claim may be done twice.
    claimant: surroundings.world.id('call'),
  };
  const running = `${call.scope} ${call.method} ${call.key}`;
  const ran = await surroundings.running.run(running, () => createRefundOnce(surroundings, call, context));
  if (ran !== undefined) return ran.done;
  return refuse('idempotency_in_progress', 'The first request with this key has not finished; ask again in a moment.');
}

async function createRefundOnce(
  surroundings: OrdersSurroundings,
  call: RefundCall,
  context: CallContext,
): Promise<CreateRefundResponse | Refusal> {
  const seen = await lookAnswer(surroundings, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;
  const view = await visibleOrder(surroundings, call.request.orderId, context);
  if (isRefusal(view)) return view;

  const reserved = await refusableTransaction(surroundings.sql, (tx) => reserve(surroundings, tx, call, context));
  if (isRefusal(reserved)) return reserved;
  if (reserved.answer !== undefined) return replayed(context, reserved.answer);
  const verdict = await askPayments(surroundings, view.id, reserved.refundId, context);
  return retrying(() =>
    surroundings.sql.transaction(async (tx) => {
      const loaded = await settle(surroundings, tx, view.id, reserved.refundId, verdict, context);
      if (verdict.refusal !== undefined) {
        await releaseIdempotent(tx, call);
        return verdict.refusal;
      }
      const answer = create(CreateRefundResponseSchema, { refund: refundOf(loaded, reserved.refundId) });
      await finishRemembered(surroundings, tx, call, answer);
      return answer;
    }),
  );
}

interface Reserved {
  readonly refundId: string;
  readonly answer?: CreateRefundResponse;
}

/** Claims the key and takes the refund's amount out of what is left, in one transaction. */
async function reserve(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  call: RefundCall,
  context: CallContext,
): Promise<Reserved | Refusal> {
  const claim = await beginIdempotent(tx, call);
  if (claim.kind === 'refused') return claim.refusal;
  if (claim.kind === 'answered') return { refundId: '', answer: claim.answer };
  if (claim.kind === 'abandoned' && claim.progress !== '') return { refundId: claim.progress };
  const { request } = call;
  const refundId = surroundings.world.id('rfd');
  const command: RequestRefund = {
    kind: 'request_refund',
    refundId,
    requestedBy: userIdOf(context) ?? '',
    byBuyer: !isFinance(context),
    ...(request.amount === undefined ? {} : { amount: request.amount }),
    items: request.items,
    reason: request.reason,
    atMs: surroundings.world.now(),
  };
  const changed = await changeOrder(surroundings, tx, request.orderId, command, context);
  if (isRefusal(changed)) return changed;
  await noteProgress(tx, call, refundId);
  return { refundId };
}

interface Verdict {
  /** What payments says; `unknown` while its answer is missing. */
  readonly outcome: 'succeeded' | 'failed' | 'pending' | 'unknown';
  readonly code: string;
  readonly refusal?: Refusal;
}

/** Asks payments for the refund. A lost answer is no failure: the refund stays pending and is asked for again. */
async function askPayments(
  surroundings: OrdersSurroundings,
  orderId: string,
  refundId: string,
  context?: CallContext,
): Promise<Verdict> {
  const loaded = await readStream(surroundings.sql, orderId);
  const refund = loaded?.order.refunds.find((each) => each.id === refundId);
  if (loaded === undefined || refund === undefined)
    throw new OrderContradiction(`the refund ${refundId} is not in the order ${orderId}`);
  if (refund.state !== 'pending') return { outcome: refund.state, code: '' };
  if (refund.exchangeFor !== undefined) return { outcome: 'unknown', code: '' };
  const amount = { currency: loaded.order.currency, amountMinor: refund.amountMinor };
  try {
    const answer = await surroundings.clients.payments.refundPayment(
      { refundId, orderId: refund.fundedBy ?? orderId, amount, reason: refund.reason },
      context === undefined ? {} : { context },
    );
    if (!isRefusal(answer)) return { outcome: outcomeOf(answer.status), code: 'provider_refused' };
    if (answer.code === 'refund_exceeds_captured') return { outcome: 'failed', code: answer.code, refusal: answer };
    surroundings.log.warn('payments did not take a refund', { orderId, refundId, code: answer.code });
  } catch (error) {
    if (!(error instanceof RpcFault)) throw error;
    surroundings.log.warn('payments did not answer for a refund', { orderId, refundId, code: error.code });
  }
  return { outcome: 'unknown', code: '' };
}

function outcomeOf(status: string): 'succeeded' | 'failed' | 'pending' {
  return status === 'succeeded' || status === 'failed' ? status : 'pending';
}

async function settle(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  orderId: string,
  refundId: string,
  verdict: Verdict,
  cause?: EventCause,
): Promise<LoadedOrder> {
  const { outcome, code } = verdict;
  const loaded =
    outcome === 'succeeded' || outcome === 'failed'
      ? await settleRefund(surroundings, tx, { orderId, refundId, outcome, code }, cause)
      : await lockOrder(tx, orderId);
  if (loaded === undefined) throw new OrderContradiction(`the order ${orderId} is gone`);
  return loaded;
}

export interface SettledRefund {
  readonly orderId: string;
  readonly refundId: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly code: string;
}

/** Writes down how a refund ended; hearing it again changes nothing. */
export async function settleRefund(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  settled: SettledRefund,
  cause?: EventCause,
): Promise<LoadedOrder> {
  const { orderId: paidOrderId, ...rest } = settled;
  const orderId = (await orderOfFundedRefund(tx, settled.refundId)) ?? paidOrderId;
  const command = { kind: 'settle_refund', ...rest, atMs: surroundings.world.now() } as const;
  const changed = await changeOrder(surroundings, tx, orderId, command, cause);
  if (isRefusal(changed))
    throw new OrderContradiction(`the refund ${settled.refundId} is of the unknown order ${orderId}`);
  return changed;
}

function refundOf({ order, version }: LoadedOrder, refundId: string) {
  const view = viewOf(order, version);
  const refund = view.refunds.find((each) => each.id === refundId);
  if (refund === undefined) throw new OrderContradiction(`the refund ${refundId} is not in the order ${order.id}`);
  return refundMessage(refund, view.currency);
}

/** For the janitor: sends a refund again. True when it is settled now. */
export async function resendRefund(
  surroundings: OrdersSurroundings,
  orderId: string,
  refundId: string,
): Promise<boolean> {
  const verdict = await askPayments(surroundings, orderId, refundId);
  const { order } = await retrying(() =>
    surroundings.sql.transaction((tx) => settle(surroundings, tx, orderId, refundId, verdict)),
  );
  return order.refunds.some((refund) => refund.id === refundId && refund.state !== 'pending');
}
