/**
 * One order's intent to be paid and the attempts under it: what they are and what may become of them. Pure.
 *
 * An intent is open until one attempt is captured or the order is cancelled. An attempt is live while its outcome can
 * still change; at most one of an intent is. `unknown` means that the provider's answer was lost: it is not failed,
 * nothing else is tried until the provider has been asked.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { FailureCode, PayerAction, PaymentMethodKind, ProviderOutcome } from './provider.ts';

export type IntentStatus = 'open' | 'captured' | 'cancelled';

export interface Intent {
  readonly orderId: string;
  readonly buyerId: string;
  readonly orderNumber: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly status: IntentStatus;
  /** The attempt that was captured; empty while none is. */
  readonly capturedAttemptId: string;
}

export type AttemptStatus = 'requires_action' | 'processing' | 'succeeded' | 'failed' | 'unknown' | 'cancelled';

export interface Attempt {
  readonly id: string;
  readonly orderId: string;
  readonly status: AttemptStatus;
  readonly method: PaymentMethodKind;
  readonly provider: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly action?: PayerAction | undefined;
  readonly failure?: { readonly code: FailureCode; readonly detail: string } | undefined;
  readonly createdAtMs: number;
  /** Since when it has this status. */
  readonly movedAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** A payer who has not come back from the bank's page after this time may start again. */
export const actionAbandonedMs = 15 * 60_000;
/**
 * A provider that has never heard of an attempt may still be about to: only when the attempt is older than any request
 * of ours can be under way is it taken for failed.
 */
export const unheardMs = 10_000;

const liveStatuses: ReadonlySet<AttemptStatus> = new Set(['requires_action', 'processing', 'unknown']);

export function isLive(attempt: Pick<Attempt, 'status'>): boolean {
  return liveStatuses.has(attempt.status);
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
  if (live.status === 'requires_action' && nowMs - live.movedAtMs > actionAbandonedMs) return { supersedes: live };
  return inProgress(live);
}

/** Whether the intent may be closed, so that nothing can be captured on it any more. */
export function decideClosing(intent: Intent, live: Attempt | undefined): Refusal | undefined {
  if (intent.status === 'captured') return refuse('already_captured', 'The order is already paid.');
  if (live === undefined || live.status === 'requires_action') return undefined;
  return inProgress(live);
}

function inProgress(live: Attempt): Refusal {
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
  | { readonly kind: 'captures'; readonly attempt: Attempt; readonly intent: Intent }
  /** Success of an attempt that is over: the money goes back. `attempt` is as it is from now on. */
  | { readonly kind: 'late'; readonly attempt: Attempt }
  /** The provider takes back a success: for people to look at. */
  | { readonly kind: 'contradicts' };

const nothing: Decision = { kind: 'nothing' };

/** What becomes of an attempt by what is said about it. Any order and repetition of the same words ends in the same state. */
export function decideOutcome(intent: Intent, attempt: Attempt, said: Said, source: Source, nowMs: number): Decision {
  if (!isLive(attempt)) return decideAfterwards(attempt, said);
  switch (said.kind) {
    case 'succeeded':
      return capture(intent, attempt, nowMs);
    case 'failed':
      return settle(attempt, 'failed', nowMs, { code: said.code, detail: said.detail });
    case 'no_answer':
      return attempt.status === 'unknown' ? nothing : move(attempt, 'unknown', nowMs);
    case 'never_heard_of':
      if (nowMs - attempt.movedAtMs < unheardMs) return nothing;
      return settle(attempt, 'failed', nowMs, {
        code: 'provider_timeout',
        detail: 'The provider never received the payment; nothing was charged.',
      });
    case 'requires_action':
      if (source === 'webhook' || attempt.status === 'requires_action') return nothing;
      return move(attempt, 'requires_action', nowMs, said.action);
    case 'processing':
      if (source === 'webhook' || attempt.status === 'requires_action') return nothing;
      if (attempt.status === 'processing' && (said.action === undefined || attempt.action !== undefined))
        return nothing;
      return move(attempt, 'processing', nowMs, said.action ?? attempt.action);
  }
}

function decideAfterwards(attempt: Attempt, said: Said): Decision {
  if (attempt.status === 'succeeded') return said.kind === 'failed' ? { kind: 'contradicts' } : nothing;
  return said.kind === 'succeeded' ? { kind: 'late', attempt } : nothing;
}

function capture(intent: Intent, attempt: Attempt, nowMs: number): Decision {
  const settled: Attempt = { ...attempt, status: 'succeeded', action: undefined, movedAtMs: nowMs, settledAtMs: nowMs };
  if (intent.status !== 'open') return { kind: 'late', attempt: { ...settled, status: 'cancelled' } };
  return {
    kind: 'captures',
    attempt: settled,
    intent: { ...intent, status: 'captured', capturedAttemptId: attempt.id },
  };
}

function move(attempt: Attempt, status: AttemptStatus, nowMs: number, action = attempt.action): Decision {
  return { kind: 'moves', attempt: { ...attempt, status, action, movedAtMs: nowMs } };
}

function settle(attempt: Attempt, status: 'failed', nowMs: number, failure: NonNullable<Attempt['failure']>): Decision {
  return {
    kind: 'moves',
    attempt: { ...attempt, status, failure, action: undefined, movedAtMs: nowMs, settledAtMs: nowMs },
  };
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
/** After a day of asking every five minutes somebody has to look; until then the hour will do. */
const syncPatienceMs = 24 * 3_600_000;
const syncTiredMs = 3_600_000;

/** When to ask the provider about a live attempt after `tries` questions; undefined when there is nothing to ask. */
export function nextSyncMs(attempt: Attempt, tries: number, nowMs: number): number | undefined {
  if (attempt.status !== 'processing' && attempt.status !== 'unknown') return undefined;
  const firstMs = attempt.status === 'unknown' ? unknownFirstMs : processingFirstMs;
  if (nowMs - attempt.createdAtMs > syncPatienceMs) return nowMs + syncTiredMs;
  return nowMs + Math.min(syncMostMs, firstMs * 2 ** Math.min(tries, 20));
}
