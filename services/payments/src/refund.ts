/** What may go back of a captured payment. Pure. */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { RefundOutcome } from './provider.ts';

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
  readonly createdAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** What is already spoken for of a capture. */
export interface Claimed {
  /** Requested refunds that are pending or succeeded. */
  readonly refundsMinor: bigint;
  /** Disputes that are open. */
  readonly disputesMinor: bigint;
}

/** Refuses what, with all that is spoken for, would exceed the capture. */
export function refuseRefund(capturedMinor: bigint, claimed: Claimed, amountMinor: bigint): Refusal | undefined {
  if (amountMinor <= 0n) return refuse('invalid_request', 'A refund is more than nothing.');
  const leftMinor = capturedMinor - claimed.refundsMinor - claimed.disputesMinor;
  if (amountMinor <= leftMinor) return undefined;
  return refuse(
    'refund_exceeds_captured',
    `At most ${leftMinor < 0n ? 0n : leftMinor} minor units are left to refund.`,
  );
}

export type RefundDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'settles'; readonly refund: Refund }
  /** The provider cannot send a late payment back: it is tried again, and said in the log. */
  | { readonly kind: 'stuck' }
  | { readonly kind: 'contradicts' };

export function decideRefundOutcome(refund: Refund, outcome: RefundOutcome, nowMs: number): RefundDecision {
  if (refund.status !== 'pending') {
    const isSame = outcome.kind === 'pending' || outcome.kind === refund.status;
    return isSame ? { kind: 'nothing' } : { kind: 'contradicts' };
  }
  if (outcome.kind === 'pending') return { kind: 'nothing' };
  if (outcome.kind === 'succeeded')
    return { kind: 'settles', refund: { ...refund, status: 'succeeded', settledAtMs: nowMs } };
  if (refund.kind === 'late') return { kind: 'stuck' };
  return { kind: 'settles', refund: { ...refund, status: 'failed', failureCode: outcome.code, settledAtMs: nowMs } };
}
