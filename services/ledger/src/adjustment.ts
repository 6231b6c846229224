/**
 * A correction by finance: one person proposes it, another approves it, and only then it is booked. Pure.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Revaluation } from './revaluation.ts';

export type AdjustmentStatus = 'proposed' | 'booked' | 'rejected';

export interface Adjustment {
  readonly id: string;
  readonly status: AdjustmentStatus;
  readonly currency: string;
  readonly reference: string;
  readonly reason: string;
  /** Absent: when it is booked. */
  readonly effectiveAtUs?: bigint | undefined;
  readonly transfers: readonly AdjustmentTransfer[];
  /** Of a reversal; '' where it has transfers of its own. */
  readonly reversesJournalId: string;
  /** Of an exchange: the currency is the sold one. */
  readonly exchange?: AdjustmentExchange | undefined;
  /** Of a valuation of account 1800: `currency` is what it is valued in, `effectiveAtUs` the last moment of the period. */
  readonly revaluation?: Revaluation | undefined;
  readonly proposedBy: string;
  readonly proposedAtUs: bigint;
  readonly decision?: Decision | undefined;
}

export interface AdjustmentTransfer {
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
}

export interface AdjustmentExchange {
  readonly from: { readonly account: string; readonly amount: bigint };
  readonly to: { readonly account: string; readonly currency: string; readonly amount: bigint };
  readonly rate: string;
  readonly source: string;
}

export interface Decision {
  readonly by: string;
  readonly atUs: bigint;
  readonly note: string;
  /** The journal, where it was approved. */
  readonly booked?: { readonly journalId: string; readonly sequence: bigint } | undefined;
}

/** Four eyes: who proposed it does not approve it. Refuses `already_decided`, `second_person_required`. */
export function refuseApproval(adjustment: Adjustment, userId: string): Refusal | undefined {
  if (adjustment.status !== 'proposed') return decided(adjustment);
  return adjustment.proposedBy === userId
    ? refuse('second_person_required', 'You proposed this adjustment; somebody else has to approve it.')
    : undefined;
}

/** Anybody of finance may reject one that is open, also who proposed it. Refuses `already_decided`. */
export function refuseRejection(adjustment: Adjustment): Refusal | undefined {
  return adjustment.status === 'proposed' ? undefined : decided(adjustment);
}

function decided({ status }: Adjustment): Refusal {
  return refuse('already_decided', `The adjustment is ${status}.`);
}
