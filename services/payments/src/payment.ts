/**
 * One order's intent to be paid and the attempts under it: what they are and what may become of them. Pure.
 *
 * An intent is open until one attempt is captured or the order is cancelled. An attempt is live while its outcome can
 * still change; at most one of an intent is. `unknown` means that the provider's answer was lost: it is not failed,
 * nothing else is tried until the provider has been asked. `requires_capture` means that the payer's bank holds the amount
 * for us: captures take of it (capture.ts) until one is final, it lapses, or it is released. `requires_confirmation` means
 * that the payer has named a method and no more: no provider has heard of it, nothing about it is judged, and it stands in
 * nobody's way.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type {
  Authentication,
  CardFacts,
  FailureCode,
  PayerAction,
  PaymentFacts,
  PaymentMethodKind,
  ProviderOutcome,
} from './provider.ts';

export type IntentStatus = 'open' | 'captured' | 'cancelled';
export type CaptureMethod = 'automatic' | 'manual';

export interface Intent {
  readonly orderId: string;
  readonly buyerId: string;
  readonly orderNumber: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly status: IntentStatus;
  /** The attempt that was captured; empty while none is. */
  readonly capturedAttemptId: string;
  /** What was captured in the end; less than the amount after a partial capture. */
  readonly capturedMinor: bigint;
  readonly captureMethod: CaptureMethod;
}

export type AttemptStatus =
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'cancelled';

export interface Attempt {
  readonly id: string;
  readonly orderId: string;
  readonly status: AttemptStatus;
  readonly method: PaymentMethodKind;
  /** '' until it is confirmed. */
  readonly provider: string;
  readonly currency: string;
  /** What is asked for; of an authorization what is held. */
  readonly amountMinor: bigint;
  readonly captureMethod: CaptureMethod;
  /** The provider's own id; '' until it has said it. */
  readonly reference: string;
  /** Captured so far. */
  readonly capturedMinor: bigint;
  readonly capturableUntilMs?: number | undefined;
  /** What the provider said with the authorization: the most that may be captured, and whether it can be raised. */
  readonly capturableMaxMinor?: bigint | undefined;
  readonly incrementable?: boolean | undefined;
  readonly action?: PayerAction | undefined;
  readonly failure?: { readonly code: FailureCode; readonly detail: string } | undefined;
  /** The provider's word for the failure. */
  readonly providerCode: string;
  readonly card?: CardFacts | undefined;
  readonly authentication?: Authentication | undefined;
  readonly feeMinor?: bigint | undefined;
  /** The mandate that is charged; '' when the payer is there. */
  readonly mandateId: string;
  /** Of a mandate's charge: which try of the order it is. */
  readonly tryNumber: number;
  /** When the mandate is charged, after its payer was told. */
  readonly chargeAtMs?: number | undefined;
  /** Of one that was made to be confirmed later: until when it may be. */
  readonly confirmByMs?: number | undefined;
  /** The method's token, encrypted; only while a call to the provider may still need it. */
  readonly sealedMethod?: string | undefined;
  readonly createdAtMs: number;
  /** Since when it has this status. */
  readonly movedAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** A payer who has not come back from the bank's page after this time may start again. */
export const actionAbandonedMs = 15 * 60_000;
/** A payment that nobody confirms for this time is cancelled; with its order at the latest. */
export const confirmationMs = 15 * 60_000;
/**
 * A provider that has never heard of an attempt may still be about to: only when the attempt is older than any request
 * of ours can be under way is it taken for failed.
 */
export const unheardMs = 10_000;

const liveStatuses: ReadonlySet<AttemptStatus> = new Set([
  'requires_confirmation',
  'requires_action',
  'processing',
  'unknown',
  'requires_capture',
]);

export function isLive(attempt: Pick<Attempt, 'status'>): boolean {
  return liveStatuses.has(attempt.status);
}

/** How the intent stands, in the words of the field (Stripe's PaymentIntent). Only the last two are the end of it. */
export type IntentPhase =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'canceled';

export function phaseOf(intent: Intent, live: Attempt | undefined): IntentPhase {
  if (intent.status === 'captured') return 'succeeded';
  if (intent.status === 'cancelled') return 'canceled';
  switch (live?.status) {
    case 'requires_confirmation':
    case 'requires_action':
    case 'requires_capture':
      return live.status;
    case 'processing':
    case 'unknown':
      return 'processing';
    default:
      return 'requires_payment_method';
  }
}

/** Whether another attempt may begin, and which abandoned one it takes the place of. */
export function decideAttempt(
  intent: Intent,
  live: Attempt | undefined,
  nowMs: number,
): { readonly supersedes: Attempt | undefined } | Refusal {
  if (intent.status === 'captured') return refuse('order_not_payable', 'The order is already paid.');
  if (intent.status === 'cancelled') return refuse('order_not_payable', 'The order is cancelled.');
  if (live === undefined) return { supersedes: undefined };
  if (live.status === 'requires_confirmation') return { supersedes: live };
  if (live.status === 'requires_action' && nowMs - live.movedAtMs > actionAbandonedMs) return { supersedes: live };
  return inProgress(live);
}

/** Whether the intent may be closed, so that nothing can be captured on it any more. What is held is then released. */
export function decideClosing(intent: Intent, live: Attempt | undefined): Refusal | undefined {
  if (intent.status === 'captured') return refuse('already_captured', 'The order is already paid.');
  if (live === undefined || live.status === 'requires_confirmation' || live.status === 'requires_action')
    return undefined;
  if (live.status === 'requires_capture' && live.capturedMinor === 0n) return undefined;
  return inProgress(live);
}

/** Whether a payment may be sent on its way now; the price is the intent's of this moment. */
export function decideConfirming(intent: Intent, attempt: Attempt, nowMs: number): Refusal | undefined {
  if (intent.status === 'captured') return refuse('order_not_payable', 'The order is already paid.');
  if (intent.status === 'cancelled') return refuse('order_not_payable', 'The order is cancelled.');
  const isWaiting = attempt.status === 'requires_confirmation' && nowMs < (attempt.confirmByMs ?? 0);
  return isWaiting
    ? undefined
    : refuse('order_not_payable', 'This payment waits for no confirmation any more; pay the order anew.');
}

/** What becomes of a payment that was not confirmed in time: nothing was tried, so nothing has failed. */
export function decideUnconfirmed(attempt: Attempt, nowMs: number): Decision {
  const isOver = attempt.status === 'requires_confirmation' && nowMs >= (attempt.confirmByMs ?? 0);
  return isOver ? { kind: 'moves', attempt: cancelled(attempt, nowMs) } : nothing;
}

/**
 * Whether its payer may end a payment: only while it waits for that payer, and not the charge of a mandate, whose payer is
 * away. One that is over without a success stays as it is.
 */
export function decideCancelling(attempt: Attempt, nowMs: number): Decision | Refusal {
  const isWaiting = attempt.status === 'requires_confirmation' || attempt.status === 'requires_action';
  if (isWaiting && attempt.mandateId === '') return { kind: 'moves', attempt: cancelled(attempt, nowMs) };
  if (attempt.status === 'succeeded') return refuse('already_captured', 'The order is already paid.');
  return isLive(attempt) ? inProgress(attempt) : nothing;
}

/** The encrypted token while a call to the provider may still need it; undefined from then on. */
export function methodKeptOf({ status, sealedMethod }: Attempt): string | undefined {
  return status === 'requires_confirmation' || status === 'processing' || status === 'unknown'
    ? sealedMethod
    : undefined;
}

/** Whether the intent may get another amount: nothing of the old one may be captured any more. */
export function decideRevising(
  intent: Intent,
  live: Attempt | undefined,
  wanted: Pick<Intent, 'currency' | 'captureMethod'>,
): Refusal | undefined {
  if (intent.status === 'captured') return refuse('already_captured', 'The order is already paid.');
  if (intent.status === 'cancelled') return refuse('order_not_payable', 'The order is cancelled.');
  if (live !== undefined && live.status !== 'requires_confirmation') return inProgress(live);
  const isOther = intent.currency !== wanted.currency || intent.captureMethod !== wanted.captureMethod;
  return isOther
    ? refuse('order_not_payable', 'An order is paid in its own currency and in the way it was begun.')
    : undefined;
}

function inProgress(live: Attempt): Refusal {
  if (live.status === 'requires_capture')
    return refuse('payment_in_progress', 'A payment of this order is authorized and waits to be captured.');
  return live.status === 'requires_action'
    ? refuse('payment_in_progress', 'A payment of this order waits for its confirmation; finish it first.')
    : refuse('payment_in_progress', 'A payment of this order is under way; wait for its outcome.');
}

/** What is said about an attempt: by the provider, or by the silence of it. */
export type Said = ProviderOutcome | { readonly kind: 'no_answer' } | { readonly kind: 'never_heard_of' };

/**
 * Who says it. A webhook may be old: only a final outcome counts from it. An `answer` is the provider's own to a request
 * of ours, a `sync` its answer to the question how the attempt stands.
 */
export type Source = 'answer' | 'sync' | 'webhook';

export type Decision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'moves'; readonly attempt: Attempt }
  /** The payer's bank holds the amount for us now. */
  | { readonly kind: 'authorizes'; readonly attempt: Attempt }
  | { readonly kind: 'captures'; readonly attempt: Attempt; readonly intent: Intent }
  /** Success of an attempt that is over: the money goes back. `attempt` is as it is from now on. */
  | { readonly kind: 'late'; readonly attempt: Attempt; readonly amountMinor: bigint }
  /** An authorization of an attempt that is over, or one that has lapsed here: it is released. */
  | { readonly kind: 'releases'; readonly attempt: Attempt }
  /** The provider takes back a success: for people to look at. */
  | { readonly kind: 'contradicts' };

const nothing: Decision = { kind: 'nothing' };

/** What the provider says of itself and the card, kept as soon as it is known. */
export function withFacts(attempt: Attempt, facts: PaymentFacts | undefined): Attempt {
  if (facts === undefined) return attempt;
  return {
    ...attempt,
    reference: attempt.reference === '' ? (facts.reference ?? '') : attempt.reference,
    card: facts.card ?? attempt.card,
    authentication: facts.authentication ?? attempt.authentication,
    feeMinor: facts.feeMinor ?? attempt.feeMinor,
    capturableMaxMinor: facts.capturableMaxMinor ?? attempt.capturableMaxMinor,
    incrementable: facts.incrementable ?? attempt.incrementable,
  };
}

/** What becomes of an attempt by what is said about it. Any order and repetition of the same words ends in the same state. */
export function decideOutcome(intent: Intent, attempt: Attempt, said: Said, source: Source, nowMs: number): Decision {
  if (!isLive(attempt)) return decideAfterwards(intent, attempt, said);
  // Nobody was asked for it: only money would be news.
  const isMoney = said.kind === 'succeeded' || said.kind === 'authorized';
  if (attempt.status === 'requires_confirmation' && !isMoney) return nothing;
  switch (said.kind) {
    case 'succeeded':
      return capture(intent, attempt, said.capturedMinor ?? attempt.amountMinor, nowMs);
    case 'failed':
      return decideFailure(intent, attempt, said, nowMs);
    case 'voided':
      if (attempt.capturedMinor > 0n) return capture(intent, attempt, attempt.capturedMinor, nowMs);
      return { kind: 'moves', attempt: cancelled(attempt, nowMs) };
    case 'authorized':
      return authorize(intent, attempt, holdEndMs(attempt, said.capturableUntilMs), nowMs);
    case 'no_answer':
      return attempt.status === 'unknown' || attempt.status === 'requires_capture'
        ? nothing
        : move(attempt, 'unknown', nowMs);
    case 'never_heard_of':
      if (nowMs - attempt.movedAtMs < unheardMs || attempt.status === 'requires_capture') return nothing;
      return settle(attempt, nowMs, {
        code: 'provider_timeout',
        detail: 'The provider never received the payment; nothing was charged.',
      });
    case 'requires_action':
      if (source === 'webhook' || attempt.status === 'requires_action' || attempt.status === 'requires_capture')
        return nothing;
      return move(attempt, 'requires_action', nowMs, said.action);
    case 'processing':
      if (source === 'webhook' || attempt.status === 'requires_action' || attempt.status === 'requires_capture')
        return nothing;
      if (attempt.status === 'processing' && (said.action === undefined || attempt.action !== undefined))
        return nothing;
      return move(attempt, 'processing', nowMs, said.action ?? attempt.action);
  }
}

function decideFailure(
  intent: Intent,
  attempt: Attempt,
  said: Extract<ProviderOutcome, { kind: 'failed' }>,
  nowMs: number,
): Decision {
  // What was captured before the rest lapsed stays ours.
  if (attempt.capturedMinor > 0n) return capture(intent, attempt, attempt.capturedMinor, nowMs);
  return settle({ ...attempt, providerCode: said.providerCode ?? '' }, nowMs, { code: said.code, detail: said.detail });
}

function decideAfterwards(intent: Intent, attempt: Attempt, said: Said): Decision {
  if (attempt.status === 'succeeded')
    return said.kind === 'failed' && intent.capturedMinor === attempt.amountMinor ? { kind: 'contradicts' } : nothing;
  if (said.kind === 'authorized') return { kind: 'releases', attempt };
  if (said.kind !== 'succeeded') return nothing;
  return { kind: 'late', attempt, amountMinor: said.capturedMinor ?? attempt.amountMinor };
}

function authorize(intent: Intent, attempt: Attempt, capturableUntilMs: number, nowMs: number): Decision {
  const held: Attempt = { ...attempt, status: 'requires_capture', action: undefined, capturableUntilMs };
  if (intent.status !== 'open') return { kind: 'releases', attempt: cancelled(attempt, nowMs) };
  if (capturableUntilMs <= nowMs && attempt.capturedMinor > 0n)
    return capture(intent, attempt, attempt.capturedMinor, nowMs);
  if (capturableUntilMs <= nowMs) return { kind: 'releases', attempt: lapsed(attempt, nowMs) };
  if (attempt.status !== 'requires_capture') return { kind: 'authorizes', attempt: { ...held, movedAtMs: nowMs } };
  return attempt.capturableUntilMs === capturableUntilMs ? nothing : { kind: 'moves', attempt: held };
}

/** Until when it is held: as the provider says, else as it is known. Throws where nobody filled in the provider's usual time. */
function holdEndMs(attempt: Attempt, saidMs: number | undefined): number {
  const untilMs = saidMs ?? attempt.capturableUntilMs;
  if (untilMs === undefined) throw new Error(`nobody says how long the authorization ${attempt.id} holds`);
  return untilMs;
}

function lapsed(attempt: Attempt, nowMs: number): Attempt {
  return failed(attempt, nowMs, { code: 'expired', detail: 'The authorization was not captured in time.' });
}

function capture(intent: Intent, attempt: Attempt, capturedMinor: bigint, nowMs: number): Decision {
  const settled: Attempt = {
    ...attempt,
    status: 'succeeded',
    action: undefined,
    capturedMinor,
    movedAtMs: nowMs,
    settledAtMs: nowMs,
  };
  if (intent.status !== 'open')
    return { kind: 'late', attempt: { ...settled, status: 'cancelled' }, amountMinor: capturedMinor };
  return {
    kind: 'captures',
    attempt: settled,
    intent: { ...intent, status: 'captured', capturedAttemptId: attempt.id, capturedMinor },
  };
}

/** A capture was made: the attempt is over when it was the last. */
export function decideCaptured(
  intent: Intent,
  attempt: Attempt,
  capturedMinor: bigint,
  isLast: boolean,
  nowMs: number,
): Decision {
  if (attempt.status !== 'requires_capture') return nothing;
  if (isLast) return capture(intent, attempt, capturedMinor, nowMs);
  return { kind: 'moves', attempt: { ...attempt, capturedMinor } };
}

function move(attempt: Attempt, status: AttemptStatus, nowMs: number, action = attempt.action): Decision {
  return { kind: 'moves', attempt: { ...attempt, status, action, movedAtMs: nowMs } };
}

function failed(attempt: Attempt, nowMs: number, failure: NonNullable<Attempt['failure']>): Attempt {
  return { ...attempt, status: 'failed', failure, action: undefined, movedAtMs: nowMs, settledAtMs: nowMs };
}

function settle(attempt: Attempt, nowMs: number, failure: NonNullable<Attempt['failure']>): Decision {
  return { kind: 'moves', attempt: failed(attempt, nowMs, failure) };
}
/** An attempt that nobody will finish: superseded by another, or its order is cancelled. */
export function cancelled(attempt: Attempt, nowMs: number): Attempt {
  return { ...attempt, status: 'cancelled', action: undefined, movedAtMs: nowMs, settledAtMs: nowMs };
}

/** A payer has answered the challenge and the provider is asked what comes of it. */
export function confirming(attempt: Attempt, nowMs: number): Attempt {
  return { ...attempt, status: 'processing', movedAtMs: nowMs };
}

const unknownFirstMs = 1_000;
const processingFirstMs = 10_000;
const syncMostMs = 300_000;
/** After a day of asking every five minutes somebody has to look; until they have, the hour will do. */
export const syncPatienceMs = 24 * 3_600_000;
const syncTiredMs = 3_600_000;

/**
 * When to ask the provider about a live attempt after `tries` questions; undefined when there is nothing to ask. One that
 * waits for its confirmation is due when it is too late for it.
 */
export function nextSyncMs(attempt: Attempt, tries: number, nowMs: number): number | undefined {
  if (attempt.status === 'requires_confirmation') return attempt.confirmByMs;
  if (attempt.status === 'requires_capture')
    return Math.max(attempt.capturableUntilMs ?? nowMs, tries === 0 ? 0 : nowMs + processingFirstMs);
  if (attempt.status !== 'processing' && attempt.status !== 'unknown') return undefined;
  // Before it is charged there is nothing to ask about.
  if (attempt.chargeAtMs !== undefined && attempt.chargeAtMs > nowMs) return attempt.chargeAtMs;
  const firstMs = attempt.status === 'unknown' ? unknownFirstMs : processingFirstMs;
  if (nowMs - attempt.createdAtMs > syncPatienceMs) return nowMs + syncTiredMs;
  return nowMs + Math.min(syncMostMs, firstMs * 2 ** Math.min(tries, 20));
}
