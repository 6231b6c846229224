/** What the service does with payments, in the order of a payment's life: create, confirm, look, close. */
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type GetOrderForPaymentResponse, OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  type CancelIntentRequest,
  type CancelIntentResponseSchema,
  type ConfirmPaymentRequest,
  type ConfirmPaymentResponseSchema,
  type CreatePaymentRequest,
  CreatePaymentRequestSchema,
  type CreatePaymentResponse,
  CreatePaymentResponseSchema,
  type GetPaymentRequest,
  type GetPaymentResponseSchema,
  type ListPaymentsRequest,
  type ListPaymentsResponseSchema,
  MethodType,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  type Claim,
  finishIdempotent,
  type IdempotentCall,
  idempotencyScope,
  lookIdempotent,
  noteProgress,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { refuseCurrency, refuseMethod } from './method.ts';
import { applyOutcome, ask } from './outcomes.ts';
import {
  type Attempt,
  cancelled,
  confirming,
  decideAttempt,
  decideClosing,
  type Intent,
  isLive,
  nextSyncMs,
} from './payment.ts';
import { paymentMessage } from './payment-view.ts';
import type { PaymentMethodKind } from './provider.ts';
import type { AttemptView } from './store.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';

type Answer<O extends DescMessage> = Promise<MessageInitShape<O> | Refusal>;
type CreateCall = IdempotentCall<typeof CreatePaymentRequestSchema, typeof CreatePaymentResponseSchema>;

export async function createPayment(
  surroundings: PaymentsSurroundings,
  request: CreatePaymentRequest,
  context: CallContext,
): Answer<typeof CreatePaymentResponseSchema> {
  const method = { kind: kindOf(request.method?.type), token: request.method?.token ?? '' };
  const refused = refuseMethod(method, surroundings.provider);
  if (refused !== undefined) return refused;
  const call: CreateCall = {
    scope: idempotencyScope(context),
    method: 'CreatePayment',
    key: context.idempotencyKey,
    input: CreatePaymentRequestSchema,
    request,
    output: CreatePaymentResponseSchema,
    // A claim of another call is taken up: by the attempt's id everything after the claim may be done twice.
    claimant: surroundings.world.id('call'),
  };
  const running = `${call.scope} ${call.method} ${call.key}`;
  if (surroundings.running.has(running))
    return refuse(
      'idempotency_in_progress',
      'The first request with this key has not finished; ask again in a moment.',
    );
  surroundings.running.add(running);
  try {
    return await createOnce(surroundings, call, context);
  } finally {
    surroundings.running.delete(running);
  }
}

/**
 * Three steps: the attempt and the claim of the key in one transaction; the provider, outside any; what came of it and
 * the answer in another. A death between them leaves an attempt that a repeated request, the sync or a webhook finishes.
 */
async function createOnce(
  surroundings: PaymentsSurroundings,
  call: CreateCall,
  context: CallContext,
): Promise<CreatePaymentResponse | Refusal> {
  const seen = await lookIdempotent(surroundings.sql, call);
  if (seen.kind === 'refused') return seen.refusal;
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  const isNew = seen.kind === 'new' || seen.progress === '';
  const fresh = isNew ? await payableIntent(surroundings, call.request, context) : undefined;
  if (isRefusal(fresh)) return fresh;

  const opened = await refusableTransaction(surroundings.sql, (tx) => openAttempt(surroundings, tx, call, fresh));
  if (isRefusal(opened)) return opened;
  if ('answer' in opened) return replayed(context, opened.answer);
  const { attempt, orderNumber } = opened;
  // One that is over was finished by a sync or a webhook meanwhile: asking again could only move money for nothing.
  const said = isLive(attempt) ? await askToCreate(surroundings, call, attempt, orderNumber) : undefined;
  return retrying(() =>
    surroundings.sql.transaction(async (tx) => {
      if (said !== undefined) await applyOutcome(surroundings, tx, attempt.id, said, 'answer', context);
      const view = await surroundings.store.viewAttempt(tx, attempt.id);
      if (view === undefined) throw new Error(`the attempt ${attempt.id} is gone`);
      const answer = create(CreatePaymentResponseSchema, { payment: paymentMessage(view, surroundings.provider) });
      await finishIdempotent(tx, call, answer);
      return answer;
    }),
  );
}

function askToCreate(surroundings: PaymentsSurroundings, call: CreateCall, attempt: Attempt, orderNumber: string) {
  const { id: attemptId, method, currency, amountMinor } = attempt;
  const token = call.request.method?.token ?? '';
  return ask(surroundings, { attemptId }, () =>
    surroundings.provider.create({ attemptId, method, token, currency, amountMinor, orderNumber }),
  );
}

/** The intent as the order has it, when this caller may pay the order now. */
async function payableIntent(
  surroundings: PaymentsSurroundings,
  request: CreatePaymentRequest,
  context: CallContext,
): Promise<Intent | Refusal> {
  const order = await ownOrder(surroundings, request.orderId, context);
  if (isRefusal(order)) return order;
  if (order.status !== OrderStatus.AWAITING_PAYMENT || order.total === undefined)
    return refuse('order_not_payable', 'The order does not await a payment.');
  if (order.expiresAt !== undefined && timestampMs(order.expiresAt) <= surroundings.world.now())
    return refuse('order_not_payable', 'The order has expired; order again.');
  const kind = kindOf(request.method?.type) ?? 'card';
  const refused = refuseCurrency(kind, order.total.currency);
  if (refused !== undefined) return refused;
  return {
    orderId: order.orderId,
    buyerId: order.buyerId,
    orderNumber: order.number,
    currency: order.total.currency,
    amountMinor: order.total.amountMinor,
    status: 'open',
    capturedAttemptId: '',
  };
}

/** The order when it is the caller's own. Somebody else's does not exist for them. */
async function ownOrder(
  surroundings: PaymentsSurroundings,
  orderId: string,
  context: CallContext,
): Promise<GetOrderForPaymentResponse | Refusal> {
  if (!isId(orderId)) return noOrder();
  const order = await surroundings.orders.getOrderForPayment({ orderId }, { context });
  if (isRefusal(order)) return order;
  return order.buyerId === userIdOf(context) ? order : noOrder();
}

function noOrder(): Refusal {
  return refuse('not_found', 'There is no such order.');
}

type Opened = { readonly attempt: Attempt; readonly orderNumber: string } | { readonly answer: CreatePaymentResponse };

/** Claims the key and makes the attempt, or finds the one that an earlier request with this key made. */
async function openAttempt(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  call: CreateCall,
  fresh: Intent | undefined,
): Promise<Opened | Refusal> {
  const claim: Claim<typeof CreatePaymentResponseSchema> = await beginIdempotent(tx, call);
  if (claim.kind === 'refused') return claim.refusal;
  if (claim.kind === 'answered') return { answer: claim.answer };
  if (claim.kind === 'abandoned' && claim.progress !== '') return takeUp(surroundings, tx, claim.progress);
  if (fresh === undefined) return refuse('idempotency_in_progress', 'Ask again in a moment.');
  const { store, world, provider } = surroundings;
  const intent = await store.openIntent(tx, fresh, world.now());
  const decided = decideAttempt(intent, await store.liveAttempt(tx, intent.orderId), world.now());
  if (isRefusal(decided)) return decided;
  if (intent.amountMinor !== fresh.amountMinor || intent.currency !== fresh.currency)
    throw new Error(`the order ${intent.orderId} has another amount than its intent`);
  if (decided.supersedes !== undefined)
    await store.saveAttempt(tx, cancelled(decided.supersedes, world.now()), undefined, 'superseded');
  const attempt: Attempt = {
    id: world.id('pay'),
    orderId: intent.orderId,
    status: 'processing',
    method: kindOf(call.request.method?.type) ?? 'card',
    provider: provider.name,
    currency: intent.currency,
    amountMinor: intent.amountMinor,
    createdAtMs: world.now(),
    movedAtMs: world.now(),
  };
  await store.insertAttempt(tx, attempt, nextSyncMs(attempt, 0, world.now()));
  await noteProgress(tx, call, attempt.id);
  tx.afterCommit(surroundings.nudge);
  return { attempt, orderNumber: intent.orderNumber };
}

/** The provider is going to be asked again, so that it has not heard of the attempt yet means nothing for a while. */
async function takeUp(surroundings: PaymentsSurroundings, tx: SqlTransaction, attemptId: string): Promise<Opened> {
  const { store, world } = surroundings;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || attempt === undefined) throw new Error(`the attempt ${attemptId} is gone`);
  const dueAtMs = nextSyncMs(attempt, 0, world.now());
  if (dueAtMs !== undefined) await store.saveAttempt(tx, { ...attempt, movedAtMs: world.now() }, dueAtMs, 'request');
  return { attempt, orderNumber: intent.orderNumber };
}

/** Repeating the confirmation of a payment that asks for none any more answers its state. */
export async function confirmPayment(
  surroundings: PaymentsSurroundings,
  request: ConfirmPaymentRequest,
  context: CallContext,
): Answer<typeof ConfirmPaymentResponseSchema> {
  const { sql, store } = surroundings;
  const view = await visiblePayment(surroundings, request.id, context);
  if (isRefusal(view)) return view;
  if (view.buyerId !== userIdOf(context)) return refuse('permission_denied', 'Only the payer can confirm a payment.');
  const provider = providerNamed(surroundings, view.attempt.provider);
  const isKnown = provider.knowsChallengeResponse(request.challengeResponse);
  if (view.attempt.status === 'requires_action' && !isKnown)
    return refuse('challenge_response_invalid', 'The provider does not know this response.', [
      { field: 'challengeResponse', code: 'not_allowed', detail: 'for the sandbox: approve or reject' },
    ]);
  if (isKnown && (await retrying(() => sql.transaction((tx) => beginConfirming(surroundings, tx, request.id))))) {
    const said = await ask(surroundings, { attemptId: request.id }, () =>
      provider.confirm(request.id, request.challengeResponse),
    );
    await retrying(() => sql.transaction((tx) => applyOutcome(surroundings, tx, request.id, said, 'answer', context)));
  }
  const after = await store.viewAttempt(sql, request.id);
  if (after === undefined) throw new Error(`the attempt ${request.id} is gone`);
  return { payment: paymentMessage(after, provider) };
}

/**
 * From here on the attempt cannot be cancelled until the provider has said what came of the response. True also when an
 * earlier confirmation died on its way to the provider: there the first response counts, so it may be sent again.
 */
async function beginConfirming(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attemptId: string,
): Promise<boolean> {
  const { store, world } = surroundings;
  await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (attempt?.status === 'processing') return attempt.action !== undefined;
  if (attempt?.status !== 'requires_action') return false;
  const moved = confirming(attempt, world.now());
  await store.saveAttempt(tx, moved, nextSyncMs(moved, 0, world.now()), 'request');
  tx.afterCommit(surroundings.nudge);
  return true;
}

export async function getPayment(
  surroundings: PaymentsSurroundings,
  request: GetPaymentRequest,
  context: CallContext,
): Answer<typeof GetPaymentResponseSchema> {
  const view = await visiblePayment(surroundings, request.id, context);
  return isRefusal(view) ? view : { payment: paymentMessage(view, surroundings.provider) };
}

/** The payment when the caller may see it: the payer, finance. To others it does not exist. */
async function visiblePayment(
  { sql, store }: PaymentsSurroundings,
  attemptId: string,
  context: CallContext,
): Promise<AttemptView | Refusal> {
  const view = isId(attemptId) ? await store.viewAttempt(sql, attemptId) : undefined;
  const isVisible = view !== undefined && (view.buyerId === userIdOf(context) || isFinance(context));
  return isVisible ? view : refuse('not_found', 'There is no such payment.');
}

export async function listPayments(
  surroundings: PaymentsSurroundings,
  request: ListPaymentsRequest,
  context: CallContext,
): Answer<typeof ListPaymentsResponseSchema> {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const unseen = await refuseOrderUnseen(surroundings, request.orderId, context);
  if (unseen !== undefined) return unseen;
  const [time, id] = page.after;
  const after = time === undefined || id === undefined ? undefined : { createdAtMs: Date.parse(time), id };
  const rows = await surroundings.store.viewAttempts(surroundings.sql, request.orderId, after, page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1)?.attempt;
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    payments: shown.map((view) => paymentMessage(view, surroundings.provider)),
    nextPageToken: isMore ? pageToken([new Date(last.createdAtMs).toISOString(), last.id]) : '',
  };
}

async function refuseOrderUnseen(
  surroundings: PaymentsSurroundings,
  orderId: string,
  context: CallContext,
): Promise<Refusal | undefined> {
  if (!isId(orderId)) return noOrder();
  const intent = await surroundings.store.findIntent(surroundings.sql, orderId);
  if (intent !== undefined && (intent.buyerId === userIdOf(context) || isFinance(context))) return undefined;
  const order = await surroundings.orders.getOrderForPayment({ orderId }, { context });
  if (isRefusal(order)) return order;
  return order.buyerId === userIdOf(context) || isFinance(context) ? undefined : noOrder();
}

/** Closes the order's intent; when nobody has tried to pay yet, by making a closed one, so that nobody can. */
export async function cancelIntent(
  surroundings: PaymentsSurroundings,
  request: CancelIntentRequest,
): Answer<typeof CancelIntentResponseSchema> {
  const { sql, store, world } = surroundings;
  if (!isId(request.orderId)) return refuse('invalid_request', 'The order id has no form of ours.');
  return refusableTransaction(sql, async (tx) => {
    const { orderId } = request;
    const closed: Intent = {
      orderId,
      buyerId: '',
      orderNumber: '',
      currency: '',
      amountMinor: 0n,
      status: 'cancelled',
      capturedAttemptId: '',
    };
    const intent = await store.openIntent(tx, closed, world.now());
    const live = await store.liveAttempt(tx, orderId);
    const refused = decideClosing(intent, live);
    if (refused !== undefined) return refused;
    if (live !== undefined) await store.saveAttempt(tx, cancelled(live, world.now()), undefined, 'cancel');
    await store.saveIntent(tx, { ...intent, status: 'cancelled' });
    return {};
  });
}

function kindOf(type: MethodType | undefined): PaymentMethodKind | undefined {
  if (type === MethodType.CARD) return 'card';
  return type === MethodType.UPI ? 'upi' : undefined;
}

/** The form of every id of ours. What else comes in a path is no id, and asks the database nothing. */
function isId(text: string): boolean {
  return /^[a-z0-9_]{1,64}$/.test(text);
}

function userIdOf(context: CallContext): string | undefined {
  return context.principal.kind === 'user' ? context.principal.userId : undefined;
}

function isFinance(context: CallContext): boolean {
  return hasRole(context.principal, 'finance');
}

function replayed(context: CallContext, answer: CreatePaymentResponse): CreatePaymentResponse {
  context.answer.idempotentReplayed = true;
  return answer;
}
