/**
 * The chart of accounts: which accounts exist, what kind each is and on which side it normally stands.
 *
 * An account holds one currency; the same code in two currencies is two accounts. Codes in the thousands follow the
 * usual order (1 assets, 2 liabilities, 4 revenue). An instructor's payable is a sub-account of 2200.
 */

export type Side = 'debit' | 'credit';
export type AccountType = 'asset' | 'liability' | 'revenue' | 'expense';

export interface AccountKind {
  readonly code: string;
  readonly name: string;
  readonly type: AccountType;
  readonly normalSide: Side;
}

export const receivable = '1100';
export const disputed = '1150';
export const taxPayable = '2100';
export const instructorPayable = '2200';
export const refundsPayable = '2300';
export const feeRevenue = '4100';

/** Shown to finance before anything was sold. */
export const currencyByDefault = 'INR';

/** Accounts that every currency has; 2200 is opened for each instructor instead. */
export const fixedAccounts: readonly AccountKind[] = [
  { code: receivable, name: 'Receivable from payment provider', type: 'asset', normalSide: 'debit' },
  { code: disputed, name: 'Disputed funds held by provider', type: 'asset', normalSide: 'debit' },
  { code: taxPayable, name: 'GST payable', type: 'liability', normalSide: 'credit' },
  { code: refundsPayable, name: 'Refunds payable', type: 'liability', normalSide: 'credit' },
  { code: feeRevenue, name: 'Platform fee revenue', type: 'revenue', normalSide: 'credit' },
];

/** All instructors' payables as one line, for when there are too many to list. */
export const instructorControl: AccountKind = {
  code: instructorPayable,
  name: 'Payable to instructors',
  type: 'liability',
  normalSide: 'credit',
};

const byCode = new Map(fixedAccounts.map((account) => [account.code, account]));

export function instructorAccount(instructorId: string): string {
  return `${instructorPayable}:${instructorId}`;
}

/** What an account code stands for; undefined for a code outside the chart. */
export function accountKind(code: string): AccountKind | undefined {
  const fixed = byCode.get(code);
  if (fixed !== undefined) return fixed;
  const [parent, instructorId] = code.split(':', 2);
  if (parent !== instructorPayable || instructorId === undefined || instructorId === '') return undefined;
  return { ...instructorControl, code, name: 'Payable to instructor' };
}

/** The balance on the account's normal side: negative when it stands on the other. */
export function balanceOn(side: Side, totals: { readonly debit: bigint; readonly credit: bigint }): bigint {
  return side === 'debit' ? totals.debit - totals.credit : totals.credit - totals.debit;
}
