/**
 * Confirming payments. One that was made to be confirmed later is judged and sent on its way here, once: its own id is the
 * key, so a repetition finds what the first began. One that asked its payer for an action is told the answer.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type CancelPaymentRequest,
  type CancelPaymentResponseSchema,
  type ConfirmPaymentRequest,
  ConfirmPaymentRequestSchema,
  ConfirmPaymentResponseSchema,
  CreatePaymentRequestSchema,
  MethodType,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  finishIdempotent,
  type IdempotentCall,
  idempotencyScope,
  lookIdempotent,
  noteProgress,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { type Attempt, decideCancelling, decideConfirming, decideUnconfirmed } from './payment.ts';
import { paymentMessage } from './payment-view.ts';
import {
  answerAction,
  firstTry,
  makeTry,
  type Plan,
  planPayment,
  pursue,
  type Try,
  takeUp,
  unrevisedIntent,
  userIdOf,
  visiblePayment,
  type Wish,
} from './payments.ts';
import { openMethod } from './sealed-method.ts';
import type { AttemptView } from './store.ts';
import type { PaymentsSurroundings } from './surroundings.ts';

type Confirmed = MessageInitShape<typeof ConfirmPaymentResponseSchema>;
type ConfirmCall = IdempotentCall<typeof ConfirmPaymentRequestSchema, typeof ConfirmPaymentResponseSchema>;

/** Repeating the confirmation of a payment that asks for none any more answers its state. */
export async function confirmPayment(
  surroundings: PaymentsSurroundings,
  request: ConfirmPaymentRequest,
  context: CallContext,
): Promise<Confirmed | Refusal> {
  const view = await visiblePayment(surroundings, request.id, context);
  if (isRefusal(view)) return view;
  if (view.buyerId !== userIdOf(context)) return refuse('permission_denied', 'Only the payer can confirm a payment.');
  const { confirmByMs, status } = view.attempt;
  if (confirmByMs === undefined || (status !== 'requires_confirmation' && request.challengeResponse !== ''))
    return answerAction(surroundings, view, request, context);
  const call: ConfirmCall = {
    scope: idempotencyScope(context),
    method: 'ConfirmPayment',
    key: request.id,
    input: ConfirmPaymentRequestSchema,
    request: create(ConfirmPaymentRequestSchema, { id: request.id }),
    output: ConfirmPaymentResponseSchema,
    claimant: surroundings.world.id('call'),
  };
  const ran = await surroundings.running.run(`${call.scope} ConfirmPayment ${call.key}`, () =>
    confirmOnce(surroundings, call, view, context),
  );
  // Under way: the other one answers what comes of it.
  return ran === undefined ? standing(surroundings, request.id) : ran.done;
}

/** As making a payment: the claim and the attempt's way in one transaction, the provider outside any, its answer in another. */
async function confirmOnce(
  surroundings: PaymentsSurroundings,
  call: ConfirmCall,
  { attempt }: AttemptView,
  context: CallContext,
): Promise<Confirmed | Refusal> {
  const { sql, store } = surroundings;
  const seen = await lookIdempotent(sql, call);
  if (seen.kind === 'refused') return seen.refusal;
  // What was tried in its place is what became of it.
  if (seen.kind === 'answered') return standing(surroundings, seen.answer.payment?.id ?? attempt.id);
  const [begunId = ''] = seen.kind === 'abandoned' ? seen.progress.split(' ') : [];
  if (begunId === '' && (await endUnconfirmed(surroundings, attempt.id))) return standing(surroundings, attempt.id);
  if (begunId === '' && attempt.status !== 'requires_confirmation') return standing(surroundings, attempt.id);
  const wish = wishOf(surroundings, call, begunId === '' ? attempt : await store.findAttempt(sql, begunId));
  if (isRefusal(wish)) return wish;
  const plan = begunId === '' ? await planPayment(surroundings, wish.request, context) : undefined;
  if (isRefusal(plan)) return plan;
  const opened = await refusableTransaction(sql, (tx) => openConfirmed(surroundings, tx, call, wish, plan));
  if (isRefusal(opened)) return opened;
  if ('paymentId' in opened) return standing(surroundings, opened.paymentId);
  return pursue(surroundings, wish, opened, plan, context);
}

/** The order and the method as the payer named them. An attempt that no call can be needed for has no method any more. */
function wishOf(
  { methodSecret }: PaymentsSurroundings,
  call: ConfirmCall,
  attempt: Attempt | undefined,
): Wish<Confirmed> | Refusal {
  if (attempt === undefined) throw new Error(`the attempt that confirms ${call.key} is gone`);
  const { orderId, sealedMethod } = attempt;
  const nothing = { token: '', collectMinutes: 0 };
  const kept = sealedMethod === undefined ? nothing : openMethod(methodSecret, orderId, sealedMethod);
  if (kept === undefined)
    return refuse(
      'payment_method_invalid',
      'The method of this payment is not to be had any more; pay the order anew.',
    );
  const type = attempt.method === 'upi' ? MethodType.UPI : MethodType.CARD;
  return {
    request: create(CreatePaymentRequestSchema, { orderId, method: { type, ...kept } }),
    sealedMethod,
    note: (tx, progress) => noteProgress(tx, call, progress),
    finish: async (tx, payment) => {
      await finishIdempotent(tx, call, create(ConfirmPaymentResponseSchema, { payment }));
      return { payment };
    },
  };
}

/** The payment on its way, or the one that became of it. */
async function openConfirmed(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  call: ConfirmCall,
  wish: Wish<Confirmed>,
  plan: Plan | undefined,
): Promise<Try | { readonly paymentId: string } | Refusal> {
  const { store, world } = surroundings;
  const claim = await beginIdempotent(tx, call);
  if (claim.kind === 'refused') return claim.refusal;
  if (claim.kind === 'answered') return { paymentId: claim.answer.payment?.id ?? call.key };
  if (claim.kind === 'abandoned' && claim.progress !== '') return takeUp(surroundings, tx, claim.progress);
  if (plan === undefined) throw new Error('a claim without an attempt came without a plan');
  const intent = await unrevisedIntent(surroundings, tx, plan.intent);
  if (isRefusal(intent)) return intent;
  const attempt = await store.findAttempt(tx, call.key);
  if (attempt === undefined) throw new Error(`the attempt ${call.key} is gone`);
  const refused = decideConfirming(intent, attempt, world.now());
  return refused ?? makeTry(surroundings, tx, wish, { ...plan, intent }, { ...firstTry(plan), confirms: attempt });
}

async function standing(surroundings: PaymentsSurroundings, attemptId: string) {
  const view = await surroundings.store.viewAttempt(surroundings.sql, attemptId);
  if (view === undefined) throw new Error(`the attempt ${attemptId} is gone`);
  return { payment: paymentMessage(surroundings, view) };
}

/** Ends a payment that waits for its payer, at that payer's wish. Nobody is told of a failure; a success is late from now on. */
export async function cancelPayment(
  surroundings: PaymentsSurroundings,
  { id }: CancelPaymentRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof CancelPaymentResponseSchema> | Refusal> {
  const view = await visiblePayment(surroundings, id, context);
  if (isRefusal(view)) return view;
  if (view.buyerId !== userIdOf(context)) return refuse('permission_denied', 'Only the payer can cancel a payment.');
  const { sql, store, world } = surroundings;
  const ended = await refusableTransaction(sql, async (tx) => {
    await store.lockIntentOfAttempt(tx, id);
    const attempt = await store.findAttempt(tx, id);
    if (attempt === undefined) throw new Error(`the attempt ${id} is gone`);
    const decision = decideCancelling(attempt, world.now());
    if (isRefusal(decision) || decision.kind !== 'moves') return decision;
    await store.saveAttempt(tx, decision.attempt, undefined, 'cancel');
    tx.afterCommit(() => surroundings.count('attempt_cancelled'));
    return decision;
  });
  return isRefusal(ended) ? ended : standing(surroundings, id);
}

/** Ends a payment that it is too late to confirm; true when it did. Nobody is told of a failure: nothing was tried. */
export async function endUnconfirmed(surroundings: PaymentsSurroundings, attemptId: string): Promise<boolean> {
  const { sql, store, world } = surroundings;
  return retrying(() =>
    sql.transaction(async (tx) => {
      await store.lockIntentOfAttempt(tx, attemptId);
      const attempt = await store.findAttempt(tx, attemptId);
      const decision = attempt === undefined ? undefined : decideUnconfirmed(attempt, world.now());
      if (decision?.kind !== 'moves') return false;
      await store.saveAttempt(tx, decision.attempt, undefined, 'deadline');
      tx.afterCommit(() => surroundings.count('attempt_unconfirmed'));
      return true;
    }),
  );
}
