/**
 * A payer's dispute: what it is and what may become of it. Pure.
 *
 * opened -> challenged (evidence given) -> won or lost by the bank's word; opened -> accepted (given up);
 * opened -> expired (the deadline passed), lost when the provider says so. A stage (pre-dispute, dispute, pre-arbitration)
 * is a dispute of its own, so a closed one stays closed.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { DisputeFacts, DisputeStage } from './provider.ts';

export type DisputeStatus = 'opened' | 'challenged' | 'accepted' | 'expired' | 'won' | 'lost';

export interface Dispute {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  readonly provider: string;
  /** The provider's own id. */
  readonly reference: string;
  readonly stage: DisputeStage;
  readonly status: DisputeStatus;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  readonly reason: string;
  readonly evidence: string;
  /** What the provider has not answered to yet. */
  readonly pending: '' | 'accept' | 'challenge';
  readonly evidenceDueAtMs?: number | undefined;
  readonly openedAtMs: number;
  /** When its outcome was told. */
  readonly closedAtMs?: number | undefined;
}

/** Whether money is held for it, or gone: only then is it the ledger's and the refund cap's business. */
export function holdsMoney(dispute: Pick<Dispute, 'stage'>): boolean {
  return dispute.stage !== 'pre_dispute';
}

/** Evidence goes once, before the deadline. Undefined: the same was given before. */
export function decideChallenge(dispute: Dispute, evidence: string, nowMs: number): Dispute | Refusal | undefined {
  if (dispute.evidence === evidence && (dispute.status === 'challenged' || dispute.closedAtMs !== undefined))
    return undefined;
  const refused = refuseClosed(dispute, nowMs);
  return refused ?? { ...dispute, status: 'challenged', evidence, pending: 'challenge' };
}

/** Undefined: it was accepted before. */
export function decideAcceptance(dispute: Dispute, nowMs: number): Dispute | Refusal | undefined {
  if (dispute.status === 'accepted') return undefined;
  return refuseClosed(dispute, nowMs) ?? { ...dispute, status: 'accepted', pending: 'accept' };
}

function refuseClosed(dispute: Dispute, nowMs: number): Refusal | undefined {
  if (dispute.status !== 'opened')
    return refuse('dispute_not_open', `The dispute is ${dispute.status}; it takes no other answer.`);
  if (dispute.evidenceDueAtMs !== undefined && nowMs >= dispute.evidenceDueAtMs)
    return refuse('dispute_not_open', 'The time for an answer is over.');
  return undefined;
}

/** The deadline passed and nobody answered: from here on only the provider's word counts. */
export function expire(dispute: Dispute, nowMs: number): Dispute {
  const isOver = dispute.status === 'opened' && (dispute.evidenceDueAtMs ?? Number.POSITIVE_INFINITY) <= nowMs;
  return isOver ? { ...dispute, status: 'expired' } : dispute;
}

export type DisputeDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'moves'; readonly dispute: Dispute }
  | { readonly kind: 'closes'; readonly dispute: Dispute; readonly outcome: 'won' | 'lost' }
  | { readonly kind: 'contradicts' };

/** What becomes of it by what the provider says; any order and repetition of the same words ends in the same state. */
export function decideDispute(dispute: Dispute, said: DisputeFacts, nowMs: number): DisputeDecision {
  if (dispute.closedAtMs !== undefined) return decideClosed(dispute, said);
  const heard: Dispute = {
    ...dispute,
    feeMinor: said.feeMinor > dispute.feeMinor ? said.feeMinor : dispute.feeMinor,
    evidenceDueAtMs: dispute.evidenceDueAtMs ?? said.evidenceDueAtMs,
  };
  switch (said.status) {
    case 'won':
      return close({ ...heard, status: 'won' }, 'won', nowMs);
    case 'lost': {
      const isNamed = dispute.status === 'accepted' || dispute.status === 'expired';
      return close({ ...heard, status: isNamed ? dispute.status : 'lost' }, 'lost', nowMs);
    }
    case 'challenged': {
      if (dispute.status === 'challenged' && dispute.pending === '') return changed(dispute, heard);
      return { kind: 'moves', dispute: { ...heard, status: 'challenged', pending: '' } };
    }
    case 'opened':
      return changed(dispute, heard);
  }
}

function decideClosed(dispute: Dispute, said: DisputeFacts): DisputeDecision {
  const isLost = dispute.status !== 'won';
  return said.status === (isLost ? 'won' : 'lost') ? { kind: 'contradicts' } : { kind: 'nothing' };
}

function close(dispute: Dispute, outcome: 'won' | 'lost', nowMs: number): DisputeDecision {
  return { kind: 'closes', dispute: { ...dispute, pending: '', closedAtMs: nowMs }, outcome };
}

function changed(before: Dispute, after: Dispute): DisputeDecision {
  const isSame = before.feeMinor === after.feeMinor && before.evidenceDueAtMs === after.evidenceDueAtMs;
  return isSame ? { kind: 'nothing' } : { kind: 'moves', dispute: after };
}
