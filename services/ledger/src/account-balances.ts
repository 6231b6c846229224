/** What stands on an account, what is held of it and what it allows, as its normal side shows it. Pure. */
import { balanceOn } from './chart.ts';
import type { AccountStanding } from './reader.ts';

export interface AccountBalances {
  readonly balance: bigint;
  /** Without what holds may still take away. */
  readonly available: bigint;
  /** Limits on the balance; absent: none. */
  readonly min?: bigint | undefined;
  readonly max?: bigint | undefined;
}

/** An account on the credit side shows its net (debit - credit) the other way round, its limits too. */
export function balancesOf(state: AccountStanding): AccountBalances {
  const balance = balanceOn(state.normalSide, state);
  if (state.normalSide === 'debit')
    return { balance, available: balance - state.pendingCredit, min: state.netMin, max: state.netMax };
  const turned = (limit: bigint | undefined) => (limit === undefined ? undefined : -limit);
  return { balance, available: balance - state.pendingDebit, min: turned(state.netMax), max: turned(state.netMin) };
}
