/**
 * What a payout is and may become: created -> approved -> submitted -> paid | failed, and paid -> returned. No I/O.
 *
 * Each step to an end books one journal, whose id follows from the payout's: heard twice, it is booked once.
 */

export type PayoutStatus = 'created' | 'approved' | 'submitted' | 'paid' | 'failed' | 'returned';

const next: Readonly<Record<PayoutStatus, readonly PayoutStatus[]>> = {
  created: ['approved', 'failed'],
  approved: ['submitted', 'failed'],
  submitted: ['paid', 'failed'],
  paid: ['returned'],
  failed: [],
  returned: [],
};

export class PayoutContradiction extends Error {}

/** `change` when it may become that, `same` when it is that already; anything else is a contradiction and thrown. */
export function step(from: PayoutStatus, to: PayoutStatus): 'change' | 'same' {
  if (from === to) return 'same';
  if (next[from].includes(to)) return 'change';
  throw new PayoutContradiction(`a payout that is ${from} does not become ${to}`);
}

export interface PayoutTransfer {
  readonly debit: string;
  readonly credit: string;
  readonly amountMinor: bigint;
}

const cashAtBank = '1000';
const tdsPayable = '2150';
const tcsPayable = '2160';
export const payableParent = '2200';

export function payable(instructorId: string): string {
  return `${payableParent}:${instructorId}`;
}

function reserve(instructorId: string): string {
  return `2250:${instructorId}`;
}

function inTransit(instructorId: string): string {
  return `2260:${instructorId}`;
}

/** What a settlement takes out of what is owed: the payout on its way, the reserve, and each tax as its own leg. */
export function payoutPrepared(
  instructorId: string,
  amounts: {
    readonly payoutMinor: bigint;
    readonly reserveHeldMinor: bigint;
    readonly tdsMinor: bigint;
    readonly tcsMinor: bigint;
  },
): PayoutTransfer[] {
  const debit = payable(instructorId);
  return [
    { debit, credit: tdsPayable, amountMinor: amounts.tdsMinor },
    { debit, credit: tcsPayable, amountMinor: amounts.tcsMinor },
    { debit, credit: reserve(instructorId), amountMinor: amounts.reserveHeldMinor },
    { debit, credit: inTransit(instructorId), amountMinor: amounts.payoutMinor },
  ].filter(({ amountMinor }) => amountMinor > 0n);
}

export function reserveReleased(instructorId: string, amountMinor: bigint): PayoutTransfer[] {
  return [{ debit: reserve(instructorId), credit: payable(instructorId), amountMinor }];
}

export function payoutPaid(instructorId: string, amountMinor: bigint): PayoutTransfer[] {
  return [{ debit: inTransit(instructorId), credit: cashAtBank, amountMinor }];
}

/** Owed again: out of what was on its way, or, when it had been paid, out of the money that came back. */
export function payoutReturned(instructorId: string, amountMinor: bigint, wasPaid: boolean): PayoutTransfer[] {
  return [{ debit: wasPaid ? cashAtBank : inTransit(instructorId), credit: payable(instructorId), amountMinor }];
}
