/** What the service does with payments, in the order of a payment's life: create, confirm, look, close. */
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type GetOrderForPaymentResponse, OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  type CancelIntentRequest,
  type CancelIntentResponseSchema,
  Confirmation,
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
  type ReviseIntentRequest,
  type ReviseIntentResponseSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import {
  beginIdempotent,
  type Claim,
  finishIdempotent,
  type IdempotentCall,
  lookIdempotent,
  noteProgress,
} from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { authenticationFor } from './authentication.ts';
import { refuseCurrency } from './currency.ts';
import { callOf, oneAtATime } from './idempotent.ts';
import { isId, placeOf } from './ids.ts';
import { decideRevision, type Increment } from './increment.ts';
import { insertIncrement, raisable, sendIncrement } from './increments.ts';
import { refuseMethod } from './method.ts';
import { applyOutcome, ask, release } from './outcomes.ts';
import {
  type Attempt,
  cancelled,
  confirmationMs,
  confirming,
  decideAttempt,
  decideClosing,
  decideRevising,
  type Intent,
  nextSyncMs,
  type Said,
} from './payment.ts';
import { paymentMessage } from './payment-view.ts';
import type { PaymentMethodKind, PaymentToMake } from './provider.ts';
import { adviceFor } from './retry.ts';
import type { Judgement, Signals } from './risk.ts';
import { judge, signalsOf } from './risks.ts';
import { type Chosen, chooseRoute, keepRoute } from './routings.ts';
import { sealMethod } from './sealed-method.ts';
import type { AttemptView } from './store.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';
import { refOf, syncOne } from './syncs.ts';

type Answer<O extends DescMessage> = Promise<MessageInitShape<O> | Refusal>;
type CreateCall = IdempotentCall<typeof CreatePaymentRequestSchema, typeof CreatePaymentResponseSchema>;

export async function createPayment(
  surroundings: PaymentsSurroundings,
  request: CreatePaymentRequest,
  context: CallContext,
): Answer<typeof CreatePaymentResponseSchema> {
  const { type, token = '', collectMinutes = 0 } = request.method ?? {};
  const method = { kind: kindOf(type), token, collectMinutes };
  const refused = refuseMethod(method, surroundings.providers);
  if (refused !== undefined) return refused;
  const schemas = [CreatePaymentRequestSchema, CreatePaymentResponseSchema] as const;
  const call = callOf(surroundings, context, 'CreatePayment', schemas[0], request, schemas[1]);
  const create = request.confirmation === Confirmation.LATER ? createUnconfirmed : createOnce;
  return oneAtATime(surroundings, call, () => create(surroundings, call, context));
}

/** A request of the payer's that sends payments on their way, until one of them has an answer for it. */
export interface Wish<A> {
  /** The order and the method. */
  readonly request: CreatePaymentRequest;
  /** The method's token, encrypted, where the request itself does not bring it again. */
  readonly sealedMethod?: string | undefined;
  /** Keeps how the request is taken up after a death. */
  note(tx: SqlTransaction, progress: string): Promise<void>;
  finish(tx: SqlTransaction, payment: ReturnType<typeof paymentMessage>): Promise<A>;
}

function wishOf(call: CreateCall): Wish<CreatePaymentResponse> {
  return {
    request: call.request,
    note: (tx, progress) => noteProgress(tx, call, progress),
    finish: async (tx, payment) => {
      const answer = create(CreatePaymentResponseSchema, { payment });
      await finishIdempotent(tx, call, answer);
      return answer;
    },
  };
}

/** The attempt and the answer in one transaction: no provider hears of it, and nothing about it is judged yet. */
async function createUnconfirmed(
  surroundings: PaymentsSurroundings,
  call: CreateCall,
  context: CallContext,
): Promise<CreatePaymentResponse | Refusal> {
  const { sql, store, world } = surroundings;
  const seen = await lookIdempotent(sql, call);
  if (seen.kind === 'refused') return seen.refusal;
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  const payable = await payableIntent(surroundings, call.request, context);
  if (isRefusal(payable)) return payable;
  await syncUnknown(surroundings, payable.intent.orderId);
  return refusableTransaction(sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'refused') return claim.refusal;
    if (claim.kind === 'answered') return replayed(context, claim.answer);
    const intent = await freeIntent(surroundings, tx, payable.intent);
    if (isRefusal(intent)) return intent;
    const attempt = unconfirmedAttempt(surroundings, call.request, intent, payable.expiresAtMs);
    await store.insertAttempt(tx, attempt, nextSyncMs(attempt, 0, world.now()));
    tx.afterCommit(surroundings.nudge);
    const view = { attempt, orderMinor: intent.amountMinor, refundedMinor: 0n };
    return wishOf(call).finish(tx, paymentMessage(surroundings, view));
  });
}

function unconfirmedAttempt(
  surroundings: PaymentsSurroundings,
  { method }: CreatePaymentRequest,
  intent: Intent,
  expiresAtMs: number,
): Attempt {
  const { token = '', collectMinutes = 0 } = method ?? {};
  const nowMs = surroundings.world.now();
  return {
    ...freshAttempt(surroundings, intent, kindOf(method?.type) ?? 'card'),
    status: 'requires_confirmation',
    confirmByMs: Math.min(nowMs + confirmationMs, expiresAtMs),
    sealedMethod: sealMethod(surroundings.methodSecret, intent.orderId, { token, collectMinutes }),
  };
}

function freshAttempt({ world }: PaymentsSurroundings, intent: Intent, method: PaymentMethodKind): Attempt {
  const nowMs = world.now();
  return {
    id: world.id('pay'),
    orderId: intent.orderId,
    status: 'processing',
    method,
    provider: '',
    currency: intent.currency,
    amountMinor: intent.amountMinor,
    captureMethod: intent.captureMethod,
    reference: '',
    capturedMinor: 0n,
    providerCode: '',
    mandateId: '',
    tryNumber: 0,
    createdAtMs: nowMs,
    movedAtMs: nowMs,
  };
}

/** What is settled before anything is written: the intent, where the payment goes, and whether it is let through. */
export interface Plan {
  readonly intent: Intent;
  readonly chosen: Chosen;
  readonly signals: Signals;
  readonly judged: Judgement;
}

/** One try: the attempt and how the payer is to be authenticated. */
export interface Try {
  readonly attempt: Attempt;
  readonly orderNumber: string;
  readonly number: number;
  readonly authentication: PaymentToMake['authentication'];
}

/**
 * Three steps: the attempt and the claim of the key in one transaction; the provider, outside any; what came of it and
 * the answer in another. A death between them leaves an attempt that a repeated request, the sync or a webhook finishes.
 * A failure on the way to the bank may begin another try, in the transaction that writes the failure down.
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
  const plan = isNew ? await planPayment(surroundings, call.request, context) : undefined;
  if (isRefusal(plan)) return plan;

  const opened = await refusableTransaction(surroundings.sql, (tx) => openAttempt(surroundings, tx, call, plan));
  if (isRefusal(opened)) return opened;
  if ('answer' in opened) return replayed(context, opened.answer);
  return pursue(surroundings, wishOf(call), opened, plan, context);
}

/** Tries until there is an answer: at most as many times as the rules of routing say. */
export async function pursue<A>(
  surroundings: PaymentsSurroundings,
  wish: Wish<A>,
  first: Try,
  plan: Plan | undefined,
  context: CallContext,
): Promise<A> {
  let current = first;
  for (;;) {
    // Another one was brought where it is by a sync or a webhook: asking again could only move money for nothing.
    const isOpen = current.attempt.status === 'processing' || current.attempt.status === 'unknown';
    const said = isOpen ? await askToCreate(surroundings, wish, current) : undefined;
    const next = await retrying(() =>
      surroundings.sql.transaction((tx) => conclude(surroundings, tx, wish, current, said, plan, context)),
    );
    if ('answer' in next) return next.answer;
    current = next;
  }
}

/** Writes down what came of a try, and begins the next or answers. */
async function conclude<A>(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  wish: Wish<A>,
  current: Try,
  said: Said | undefined,
  plan: Plan | undefined,
  context: CallContext,
): Promise<Try | { readonly answer: A }> {
  const { store } = surroundings;
  const { attempt } = current;
  const next = plan === undefined || said === undefined ? undefined : nextTry(current, said, plan);
  if (said !== undefined) {
    const telling = next === undefined ? 'tell' : 'keep_failure';
    const after = await applyOutcome(surroundings, tx, attempt.id, said, 'answer', context, telling);
    const isFree = after?.status === 'failed' && (await store.liveAttempt(tx, attempt.orderId)) === undefined;
    if (next !== undefined && plan !== undefined && isFree) {
      const number = current.number + 1;
      return makeTry(surroundings, tx, wish, plan, { ...next, number });
    }
  }
  const view = await store.viewAttempt(tx, attempt.id);
  if (view === undefined) throw new Error(`the attempt ${attempt.id} is gone`);
  return { answer: await wish.finish(tx, paymentMessage(surroundings, view)) };
}

/** What may follow a failed try, by the error map. Never after an unknown outcome, never beyond the rules' number. */
function nextTry(
  current: Try,
  said: Said,
  { chosen }: Plan,
): { readonly provider: string; readonly authentication: PaymentToMake['authentication'] } | undefined {
  const { provider, method } = current.attempt;
  if (said.kind !== 'failed' || current.number >= chosen.rules.triesMax) return undefined;
  const { retry } = adviceFor(provider, said.providerCode ?? '', said.code);
  if (retry === 'step_up')
    return method === 'card' && current.authentication !== 'challenge'
      ? { provider, authentication: 'challenge' }
      : undefined;
  const other = chosen.providers[chosen.providers.indexOf(provider) + 1];
  return retry === 'no' || other === undefined
    ? undefined
    : { provider: other, authentication: current.authentication };
}

async function askToCreate(
  surroundings: PaymentsSurroundings,
  { request }: Pick<Wish<unknown>, 'request'>,
  { attempt, orderNumber, authentication }: Try,
): Promise<Said> {
  const { id: attemptId, method, currency, amountMinor, captureMethod: capture } = attempt;
  const { token = '', collectMinutes = 0 } = request.method ?? {};
  const provider = providerNamed(surroundings, attempt.provider);
  // A key that the provider may have forgotten would make a second payment: from then on it is only asked.
  if (surroundings.world.now() - attempt.createdAtMs >= provider.capabilities.keyRetentionMs)
    return ask(surroundings, { attemptId }, async () => {
      return (await provider.status(refOf(attempt))) ?? ({ kind: 'never_heard_of' } as const);
    });
  return ask(surroundings, { attemptId }, () =>
    provider.create({
      ...{ attemptId, method, token, collectMinutes, currency, amountMinor, orderNumber, capture, authentication },
    }),
  );
}

/** Judged by what holds now: the order and its price, the rules of routing and of risk. */
export async function planPayment(
  surroundings: PaymentsSurroundings,
  request: CreatePaymentRequest,
  context: CallContext,
): Promise<Plan | Refusal> {
  const payable = await payableIntent(surroundings, request, context);
  if (isRefusal(payable)) return payable;
  const { intent } = payable;
  await syncUnknown(surroundings, intent.orderId);
  const method = kindOf(request.method?.type) ?? 'card';
  const token = request.method?.token ?? '';
  const { currency, amountMinor, captureMethod: capture, orderId } = intent;
  const chosen = await chooseRoute(surroundings, { method, token, currency, amountMinor, capture });
  const [first] = chosen.providers;
  if (first === undefined)
    return refuse('payment_method_invalid', 'No payment provider of ours can take this payment.');
  const instrument = await inspect(surroundings, first, method, token);
  if (instrument?.kind === 'vpa' && !instrument.exists)
    return refuse('payment_method_invalid', 'No bank knows this UPI address.', [
      { field: 'method.token', code: 'not_allowed', detail: 'is no UPI address that a bank knows' },
    ]);
  const fingerprint = instrument?.kind === 'card' ? instrument.card.fingerprint : (instrument?.fingerprint ?? '');
  const signals = signalsOf(surroundings, intent.buyerId, fingerprint, context);
  const judged = await judge(surroundings, signals, { currency, amountMinor });
  // What cannot be held for a person to look at is not taken.
  const isHoldable = providerNamed(surroundings, first).capabilities.manualCapture.includes(method);
  const outcome = judged.outcome === 'review' && !isHoldable ? 'block' : judged.outcome;
  if (outcome === 'block') {
    const decision = {
      id: surroundings.world.id('rsk'),
      orderId,
      attemptId: '',
      atMs: surroundings.world.now(),
    };
    await surroundings.risk.keepDecision(surroundings.sql, { ...judged, ...decision, outcome });
    surroundings.count('payment_blocked');
    return refuse('payment_blocked', 'The payment is not accepted. Pay in another way, or write to us.');
  }
  if (outcome !== 'allow') surroundings.count(outcome === 'review' ? 'payment_held_for_review' : 'payment_challenged');
  return { intent, chosen, signals, judged };
}

/** What the provider says of the token; a provider that says nothing keeps nobody from paying. */
async function inspect(surroundings: PaymentsSurroundings, name: string, method: PaymentMethodKind, token: string) {
  const said = await ask(surroundings, {}, async () => {
    return (await providerNamed(surroundings, name).inspect(method, token)) ?? ({ kind: 'no_answer' } as const);
  });
  return said.kind === 'no_answer' ? undefined : said;
}

/** A payer who tries again while the outcome of the last try is unknown has the provider asked first. */
async function syncUnknown(surroundings: PaymentsSurroundings, orderId: string): Promise<void> {
  const live = await surroundings.store.liveAttempt(surroundings.sql, orderId);
  if (live?.status !== 'unknown') return;
  await syncOne(surroundings, live);
  // Somebody waits for it: the sweep goes on asking as often as it would have.
  const dueAtMs = nextSyncMs({ ...live, status: 'unknown' }, 0, surroundings.world.now());
  await surroundings.store.setSyncDue(surroundings.sql, live.id, dueAtMs);
  surroundings.nudge();
}

/** The intent as the order has it, when this caller may pay the order now. */
async function payableIntent(
  surroundings: PaymentsSurroundings,
  request: CreatePaymentRequest,
  context: CallContext,
): Promise<{ readonly intent: Intent; readonly expiresAtMs: number } | Refusal> {
  const order = await ownOrder(surroundings, request.orderId, context);
  if (isRefusal(order)) return order;
  const intent = intentOf(order, surroundings.world.now());
  if (isRefusal(intent)) return intent;
  const expiresAtMs = order.expiresAt === undefined ? Number.POSITIVE_INFINITY : timestampMs(order.expiresAt);
  return refuseCurrency(kindOf(request.method?.type) ?? 'card', intent.currency) ?? { intent, expiresAtMs };
}

/** The intent of an order that awaits its payment now. */
export function intentOf(order: GetOrderForPaymentResponse, nowMs: number): Intent | Refusal {
  if (order.status !== OrderStatus.AWAITING_PAYMENT || order.total === undefined)
    return refuse('order_not_payable', 'The order does not await a payment.');
  if (order.expiresAt !== undefined && timestampMs(order.expiresAt) <= nowMs)
    return refuse('order_not_payable', 'The order has expired; order again.');
  return {
    orderId: order.orderId,
    buyerId: order.buyerId,
    orderNumber: order.number,
    currency: order.total.currency,
    amountMinor: order.total.amountMinor,
    status: 'open',
    capturedAttemptId: '',
    capturedMinor: 0n,
    captureMethod: order.captureMethod === 'manual' ? 'manual' : 'automatic',
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

type Opened = Try | { readonly answer: CreatePaymentResponse };

/** The key's claim and the attempt, in one transaction: another request of the order waits at the intent. */
async function openAttempt(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  call: CreateCall,
  plan: Plan | undefined,
): Promise<Opened | Refusal> {
  const claim: Claim<typeof CreatePaymentResponseSchema> = await beginIdempotent(tx, call);
  if (claim.kind === 'refused') return claim.refusal;
  if (claim.kind === 'answered') return { answer: claim.answer };
  if (claim.kind === 'abandoned' && claim.progress !== '') return takeUp(surroundings, tx, claim.progress);
  if (plan === undefined) throw new Error('a claim without an attempt came without a plan');
  const intent = await freeIntent(surroundings, tx, plan.intent);
  if (isRefusal(intent)) return intent;
  return makeTry(surroundings, tx, wishOf(call), { ...plan, intent }, firstTry(plan));
}

export function firstTry({ chosen, judged, intent }: Plan): WantedTry {
  const [provider = ''] = chosen.providers;
  return { provider, authentication: authenticationFor(judged.outcome, intent), number: 1 };
}

/** The order's intent, locked, when another attempt may begin: one that is superseded by it is over. */
async function freeIntent(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  planned: Intent,
): Promise<Intent | Refusal> {
  const { store, world } = surroundings;
  const intent = await unrevisedIntent(surroundings, tx, planned);
  if (isRefusal(intent)) return intent;
  const decided = decideAttempt(intent, await store.liveAttempt(tx, intent.orderId), world.now());
  if (isRefusal(decided)) return decided;
  if (decided.supersedes !== undefined)
    await store.saveAttempt(tx, cancelled(decided.supersedes, world.now()), undefined, 'superseded');
  return intent;
}

/** The order's intent, locked, when it still is what was planned for. */
export async function unrevisedIntent(
  { store, world }: PaymentsSurroundings,
  tx: SqlTransaction,
  planned: Intent,
): Promise<Intent | Refusal> {
  const intent = await store.openIntent(tx, planned, world.now());
  const isRevised = intent.status === 'open' && intent.amountMinor !== planned.amountMinor;
  return isRevised ? refuse('order_not_payable', 'The order has just been changed; look at it again.') : intent;
}

type WantedTry = Pick<Try, 'number' | 'authentication'> & {
  readonly provider: string;
  /** The attempt that is confirmed; absent where one is made. */
  readonly confirms?: Attempt;
};

/** The attempt's row, with the decisions that led to it. The wish's progress says how it is taken up after a death. */
export async function makeTry(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  wish: Pick<Wish<unknown>, 'request' | 'sealedMethod' | 'note'>,
  { intent, chosen, signals, judged }: Plan,
  wanted: WantedTry,
): Promise<Try> {
  const { store, world, risk } = surroundings;
  const nowMs = world.now();
  const { confirms } = wanted;
  const attempt: Attempt = {
    ...(confirms ?? freshAttempt(surroundings, intent, kindOf(wish.request.method?.type) ?? 'card')),
    status: 'processing',
    provider: wanted.provider,
    amountMinor: intent.amountMinor,
    captureMethod: judged.outcome === 'review' ? 'manual' : intent.captureMethod,
    sealedMethod: wish.sealedMethod,
    movedAtMs: nowMs,
  };
  const dueAtMs = nextSyncMs(attempt, 0, nowMs);
  const decision = { id: world.id('rsk'), orderId: intent.orderId, attemptId: attempt.id, atMs: nowMs };
  // Begun together they go to the database together, in this order.
  await Promise.all([
    confirms === undefined
      ? store.insertAttempt(tx, attempt, dueAtMs)
      : store.saveAttempt(tx, attempt, dueAtMs, 'request'),
    risk.keepSignals(tx, attempt.id, signals, intent, nowMs),
    wanted.number === 1 ? risk.keepDecision(tx, { ...decision, ...judged }) : undefined,
    keepRoute(surroundings, tx, chosen, attempt, wanted.number),
    wish.note(tx, [attempt.id, wanted.number, wanted.authentication].join(' ')),
  ]);
  tx.afterCommit(surroundings.nudge);
  return { attempt, orderNumber: intent.orderNumber, number: wanted.number, authentication: wanted.authentication };
}

/** The provider is going to be asked again, so that it has not heard of the attempt yet means nothing for a while. */
export async function takeUp(surroundings: PaymentsSurroundings, tx: SqlTransaction, progress: string): Promise<Try> {
  const { store, world } = surroundings;
  const [attemptId = '', number = '1', wish = 'automatic'] = progress.split(' ');
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || attempt === undefined) throw new Error(`the attempt ${attemptId} is gone`);
  const dueAtMs = nextSyncMs(attempt, 0, world.now());
  const isAsked = attempt.status === 'processing' || attempt.status === 'unknown';
  if (isAsked) await store.saveAttempt(tx, { ...attempt, movedAtMs: world.now() }, dueAtMs, 'request');
  const authentication = wish as PaymentToMake['authentication'];
  return { attempt, orderNumber: intent.orderNumber, number: Number(number), authentication };
}

/** Passes on what the payer answered to an action. Where none is asked for any more it answers how the payment stands. */
export async function answerAction(
  surroundings: PaymentsSurroundings,
  view: AttemptView,
  request: ConfirmPaymentRequest,
  context: CallContext,
): Answer<typeof ConfirmPaymentResponseSchema> {
  const { sql, store } = surroundings;
  const provider = providerNamed(surroundings, view.attempt.provider);
  const isKnown = provider.knowsChallengeResponse(request.challengeResponse);
  if (view.attempt.status === 'requires_action' && !isKnown)
    return refuse('challenge_response_invalid', 'The provider does not know this response.', [
      { field: 'challengeResponse', code: 'not_allowed', detail: 'for the sandbox: approve or reject' },
    ]);
  if (isKnown && (await retrying(() => sql.transaction((tx) => beginConfirming(surroundings, tx, request.id))))) {
    const said = await ask(surroundings, { attemptId: request.id }, () =>
      provider.confirm(refOf(view.attempt), request.challengeResponse),
    );
    await retrying(() => sql.transaction((tx) => applyOutcome(surroundings, tx, request.id, said, 'answer', context)));
  }
  const after = await store.viewAttempt(sql, request.id);
  if (after === undefined) throw new Error(`the attempt ${request.id} is gone`);
  return { payment: paymentMessage(surroundings, after) };
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
  return isRefusal(view) ? view : { payment: paymentMessage(surroundings, view) };
}

/** The payment when the caller may see it: the payer, finance. To others it does not exist. */
export async function visiblePayment(
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
  const place = placeOf(page.after);
  const after = place === undefined ? undefined : { createdAtMs: place.atMs, id: place.id };
  const rows = await surroundings.store.viewAttempts(surroundings.sql, request.orderId, after, page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1)?.attempt;
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    payments: shown.map((view) => paymentMessage(surroundings, view)),
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
      capturedMinor: 0n,
      captureMethod: 'automatic',
    };
    const intent = await store.openIntent(tx, closed, world.now());
    const live = await store.liveAttempt(tx, orderId);
    const refused = decideClosing(intent, live);
    // Nobody holds a place for it any longer: the attempt lives on until its outcome is known, and a success is then late.
    const isBeyondLimit =
      request.because === 'hard_limit' && (live?.status === 'processing' || live?.status === 'unknown');
    if (refused !== undefined && !(isBeyondLimit && refused.code === 'payment_in_progress')) return refused;
    if (live !== undefined && !isBeyondLimit)
      await store.saveAttempt(tx, cancelled(live, world.now()), undefined, 'cancel');
    if (live?.status === 'requires_capture') await release(surroundings, tx, live);
    await store.saveIntent(tx, { ...intent, status: 'cancelled' });
    return {};
  });
}

/**
 * Gives the intent the amount that its order is about to have. An attempt that was planned by the amount of before is
 * refused from then on; a live one, even one that waits for the payer, refuses the change. One that is authorized is kept
 * when orders says so (`extend`), and raised where the new amount is beyond what may be captured of it. Idempotent.
 */
export async function reviseIntent(
  surroundings: PaymentsSurroundings,
  request: ReviseIntentRequest,
): Answer<typeof ReviseIntentResponseSchema> {
  const { orderId, buyerId, orderNumber, amount } = request;
  if (!isId(orderId) || amount === undefined)
    return refuse('invalid_request', 'The order id has no form of ours, or there is no amount.');
  const wanted: Intent = {
    ...{ orderId, buyerId, orderNumber, currency: amount.currency, amountMinor: amount.amountMinor },
    ...{ status: 'open', capturedAttemptId: '', capturedMinor: 0n },
    captureMethod: request.captureMethod === 'manual' ? 'manual' : 'automatic',
  };
  for (let raises = 0; ; raises += 1) {
    const revised = await refusableTransaction(surroundings.sql, (tx) =>
      reviseOnce(surroundings, tx, wanted, request.extend),
    );
    if (revised === undefined) return {};
    if (isRefusal(revised)) return revised;
    const { status } = await sendIncrement(surroundings, revised);
    if (status === 'pending')
      return refuse('payment_in_progress', "The payer's bank is being asked to hold more; try again in a moment.");
    // An older raise may have been under way: it is settled now, and then there is one of our own.
    if (status === 'failed' && (revised.toMinor === wanted.amountMinor || raises > 0))
      return refuse('payment_in_progress', "The payer's bank does not hold more; pay the difference as another order.");
    if (raises > raisesMax) return refuse('payment_in_progress', 'The authorization of this order is being raised.');
  }
}

/** An older raise that is settled first, and our own. */
const raisesMax = 2;

/** Undefined when the intent has the amount, or the raise that has to succeed before: settled outside the transaction. */
async function reviseOnce(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  wanted: Intent,
  mayExtend: boolean,
): Promise<Increment | Refusal | undefined> {
  const { store, world } = surroundings;
  const { orderId, amountMinor } = wanted;
  const intent = await store.openIntent(tx, wanted, world.now());
  const live = await store.liveAttempt(tx, orderId);
  const held = mayExtend && live?.status === 'requires_capture' ? live : undefined;
  const refused = decideRevising(intent, held === undefined ? live : undefined, wanted);
  if (refused !== undefined) return refused;
  if (intent.amountMinor === amountMinor) return undefined;
  if (held !== undefined) {
    const revision = decideRevision(await raisable(surroundings, tx, held), amountMinor, world.now());
    if (isRefusal(revision)) return revision;
    if (revision.kind === 'waits') return revision.increment;
    if (revision.kind === 'raises') return insertIncrement(surroundings, tx, world.id('inc'), held, revision);
  }
  await store.reviseIntent(tx, orderId, amountMinor);
  return undefined;
}

export function kindOf(type: MethodType | undefined): PaymentMethodKind | undefined {
  if (type === MethodType.CARD) return 'card';
  return type === MethodType.UPI ? 'upi' : undefined;
}

export function userIdOf(context: CallContext): string | undefined {
  return context.principal.kind === 'user' ? context.principal.userId : undefined;
}

function isFinance(context: CallContext): boolean {
  return hasRole(context.principal, 'finance');
}

function replayed(context: CallContext, answer: CreatePaymentResponse): CreatePaymentResponse {
  context.answer.idempotentReplayed = true;
  return answer;
}
