/** The trial balance: every account's balance on its normal side, and their sums, which are equal or the book is wrong. Pure. */
import {
  type AccountKind,
  balanceOn,
  currencyByDefault,
  fixedAccounts,
  instructorControl,
  instructorPayable,
} from './chart.ts';
import type { AccountTotals } from './reader.ts';

export interface TrialBalance {
  readonly currency: string;
  /** Balances of the accounts that normally stand on the debit side, added up. */
  readonly debit: bigint;
  /** And of those on the credit side. */
  readonly credit: bigint;
  readonly accounts: readonly (AccountKind & { readonly balance: bigint })[];
}

/** Above this many instructors in a currency their payables are shown as one account. */
export const instructorAccountsMax = 500;

/**
 * One trial balance for each currency with accounts, in alphabetical order; INR where there is none yet. The chart's
 * fixed accounts are always shown, those that nothing touched with a balance of zero.
 */
export function trialBalances(totals: readonly AccountTotals[]): TrialBalance[] {
  const byCurrency = Map.groupBy(totals, (account) => account.currency);
  const currencies = byCurrency.size === 0 ? [currencyByDefault] : [...byCurrency.keys()].sort();
  return currencies.map((currency) => trialBalance(currency, byCurrency.get(currency) ?? []));
}

function trialBalance(currency: string, totals: readonly AccountTotals[]): TrialBalance {
  const touched = new Set(totals.map((account) => account.code));
  const untouched = fixedAccounts.filter((kind) => !touched.has(kind.code)).map((kind) => ({ ...kind, balance: 0n }));
  const balances = totals.map(({ code, name, type, normalSide, debit, credit }) => ({
    code,
    name,
    type,
    normalSide,
    balance: balanceOn(normalSide, { debit, credit }),
  }));
  const accounts = underOneControl([...balances, ...untouched]).sort((a, b) => (a.code < b.code ? -1 : 1));
  const sum = (side: string) =>
    accounts.reduce((sum, account) => (account.normalSide === side ? sum + account.balance : sum), 0n);
  return { currency, debit: sum('debit'), credit: sum('credit'), accounts };
}

function underOneControl(accounts: (AccountKind & { balance: bigint })[]): (AccountKind & { balance: bigint })[] {
  const isInstructor = (account: AccountKind) => account.code.startsWith(`${instructorPayable}:`);
  const instructors = accounts.filter(isInstructor);
  if (instructors.length <= instructorAccountsMax) return accounts;
  const balance = instructors.reduce((sum, account) => sum + account.balance, 0n);
  return [...accounts.filter((account) => !isInstructor(account)), { ...instructorControl, balance }];
}
