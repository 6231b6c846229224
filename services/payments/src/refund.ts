/** What may go back of a captured payment. Pure. */
import { amountText } from '@suuupra/platform/money';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { ProviderCapabilities, RefundOutcome } from './provider.ts';

export type RefundStatus = 'pending' | 'succeeded' | 'failed';

export interface Refund {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  /** `late`: money that came when nobody wanted it any more. It counts against no capture. */
  readonly kind: 'requested' | 'late';
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly status: RefundStatus;
  readonly failureCode: string;
  /** The provider's own id; '' until it has said it. */
  readonly reference: string;
  /** When a request first left for the provider; undefined: none did. */
  readonly sentAtMs?: number | undefined;
  readonly createdAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** What is already spoken for of a capture. */
export interface Claimed {
  /** Requested refunds that are pending or succeeded. */
  readonly refundsMinor: bigint;
  /** Disputes that are open or lost; those that the bank only asks about (pre-dispute) claim nothing. */
  readonly disputesMinor: bigint;
}

/** Refuses what, with all that is spoken for, would exceed the capture. */
export function refuseRefund(
  { currency, capturedMinor }: { readonly currency: string; readonly capturedMinor: bigint },
  claimed: Claimed,
  amountMinor: bigint,
): Refusal | undefined {
  if (amountMinor <= 0n) return refuse('invalid_request', 'A refund is more than nothing.');
  const leftMinor = capturedMinor - claimed.refundsMinor - claimed.disputesMinor;
  if (amountMinor <= leftMinor) return undefined;
  return refuse(
    'refund_exceeds_captured',
    `At most ${amountText(currency, leftMinor < 0n ? 0n : leftMinor)} is left to refund.`,
  );
}

export type RefundDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'settles'; readonly refund: Refund }
  /** A refund that had succeeded did not after all: its amount is there again, and somebody has to look. */
  | { readonly kind: 'reverses'; readonly refund: Refund }
  /** The provider cannot send a late payment back: it is tried again, and said in the log. */
  | { readonly kind: 'stuck' }
  | { readonly kind: 'contradicts' };

/** The code of a refund that the provider took back after it had succeeded. */
export const reversedCode = 'reversed';

/** Any order and repetition of the same words ends in the same state; a failed refund gives its amount back once. */
export function decideRefundOutcome(refund: Refund, outcome: RefundOutcome, nowMs: number): RefundDecision {
  if (outcome.kind === 'pending') return { kind: 'nothing' };
  switch (refund.status) {
    case 'pending':
      if (outcome.kind === 'succeeded')
        return { kind: 'settles', refund: { ...refund, status: 'succeeded', settledAtMs: nowMs } };
      return refund.kind === 'late'
        ? { kind: 'stuck' }
        : { kind: 'settles', refund: failed(refund, outcome.code, nowMs) };
    case 'succeeded':
      if (outcome.kind === 'succeeded') return { kind: 'nothing' };
      return refund.kind === 'late'
        ? { kind: 'contradicts' }
        : { kind: 'reverses', refund: failed(refund, reversedCode, nowMs) };
    case 'failed':
      // Also an old success that comes after its reversal.
      if (outcome.kind === 'failed' || refund.failureCode === reversedCode) return { kind: 'nothing' };
      return { kind: 'contradicts' };
  }
}

function failed(refund: Refund, failureCode: string, nowMs: number): Refund {
  return { ...refund, status: 'failed', failureCode, settledAtMs: nowMs };
}

/** How a pending refund goes on: a repetition is only known as one while the provider remembers the key. */
export function nextStep(
  refund: Refund,
  provider: Pick<ProviderCapabilities, 'keyRetentionMs'>,
  nowMs: number,
): 'send' | 'ask' {
  if (refund.sentAtMs === undefined) return 'send';
  return nowMs - refund.sentAtMs < provider.keyRetentionMs ? 'send' : 'ask';
}
