/**
 * The chart of accounts: which accounts exist, what kind each is, on which side it normally stands, and which accounts may
 * meet in a journal of which kind.
 *
 * An account holds one currency; the same code in two currencies is two accounts. Codes in the thousands follow the
 * usual order (1 assets, 2 liabilities, 4 revenue, 5 expenses). What is owed to one person is a sub-account, `2200:<user>`.
 *
 * Within a shard every account is kept exactly, as one row, however much it is used: one writer folds all transfers of a
 * batch into one change of the account, so that an account that everything touches costs less and not more. What is owed to
 * one person is in one shard (`exact`); every other account has a row in each shard, and is their sum (`sharded`).
 */

export type Side = 'debit' | 'credit';
export type AccountType = 'asset' | 'liability' | 'revenue' | 'expense';

export interface AccountKind {
  readonly code: string;
  readonly name: string;
  readonly type: AccountType;
  readonly normalSide: Side;
}

export const bank = '1000';
export const receivable = '1100';
export const disputed = '1150';
export const suspense = '1190';
export const dueFromInstructors = '1200';
export const exchange = '1800';
export const betweenShards = '1900';
export const taxPayable = '2100';
export const centralTax = '2110';
export const stateTax = '2120';
export const integratedTax = '2130';
export const tdsPayable = '2150';
export const tcsPayable = '2160';
export const instructorPayable = '2200';
export const instructorReserve = '2250';
export const payoutInTransit = '2260';
export const refundsPayable = '2300';
export const feeRevenue = '4100';
export const rounding = '4900';
export const providerFees = '5100';
export const disputeLosses = '5200';
export const writeOffs = '5300';
export const exchangeDifference = '5400';
export const unrealisedDifference = '5410';

/** Shown to finance before anything was sold. */
export const currencyByDefault = 'INR';

const asset = { type: 'asset', normalSide: 'debit' } as const;
const liability = { type: 'liability', normalSide: 'credit' } as const;
const revenue = { type: 'revenue', normalSide: 'credit' } as const;
const expense = { type: 'expense', normalSide: 'debit' } as const;

/** Accounts that the trial balance shows also where nothing touched them. */
export const fixedAccounts: readonly AccountKind[] = [
  { code: receivable, name: 'Receivable from payment provider', ...asset },
  { code: disputed, name: 'Disputed funds held by provider', ...asset },
  { code: taxPayable, name: 'GST payable', ...liability },
  { code: refundsPayable, name: 'Refunds payable', ...liability },
  { code: feeRevenue, name: 'Platform fee revenue', ...revenue },
];

const furtherAccounts: readonly AccountKind[] = [
  { code: bank, name: 'Cash at bank', ...asset },
  { code: suspense, name: 'Unreconciled differences', ...asset },
  { code: dueFromInstructors, name: 'Due from instructors', ...asset },
  { code: exchange, name: 'Foreign exchange liquidity', ...asset },
  { code: betweenShards, name: 'On the way between shards', ...asset },
  { code: centralTax, name: 'CGST payable', ...liability },
  { code: stateTax, name: 'SGST payable', ...liability },
  { code: integratedTax, name: 'IGST payable', ...liability },
  { code: tdsPayable, name: 'TDS payable', ...liability },
  { code: tcsPayable, name: 'TCS payable', ...liability },
  { code: rounding, name: 'Rounding', ...revenue },
  { code: providerFees, name: 'Payment provider fees', ...expense },
  { code: disputeLosses, name: 'Dispute losses and fees', ...expense },
  { code: writeOffs, name: 'Reconciliation write-offs', ...expense },
  { code: exchangeDifference, name: 'Foreign exchange difference', ...expense },
  { code: unrealisedDifference, name: 'Unrealised foreign exchange difference', ...expense },
];

/** All instructors' payables as one line, for when there are too many to list. */
export const instructorControl: AccountKind = { code: instructorPayable, name: 'Payable to instructors', ...liability };

const personAccounts: ReadonlyMap<string, AccountKind> = new Map([
  [instructorPayable, { ...instructorControl, name: 'Payable to instructor' }],
  [instructorReserve, { code: instructorReserve, name: 'Rolling reserve of instructor', ...liability }],
  [payoutInTransit, { code: payoutInTransit, name: 'Payout in transit', ...liability }],
]);

const byCode = new Map([...fixedAccounts, ...furtherAccounts].map((account) => [account.code, account]));
const personId = /^[A-Za-z0-9_.-]{1,80}$/;

export function instructorAccount(instructorId: string): string {
  return `${instructorPayable}:${instructorId}`;
}

/** What an account code stands for; undefined for a code outside the chart. */
export function accountKind(code: string): AccountKind | undefined {
  const fixed = byCode.get(code);
  if (fixed !== undefined) return fixed;
  const parent = personAccounts.get(code.slice(0, 4));
  return parent === undefined || !isInChart(code) ? undefined : { ...parent, code };
}

function isInChart(code: string): boolean {
  return byCode.has(code) || (code[4] === ':' && personAccounts.has(code.slice(0, 4)) && personId.test(code.slice(5)));
}

/** The balance on the account's normal side: negative when it stands on the other. */
export function balanceOn(side: Side, totals: { readonly debit: bigint; readonly credit: bigint }): bigint {
  return side === 'debit' ? totals.debit - totals.credit : totals.credit - totals.debit;
}

/** What a kind of journal is, and which accounts may meet in it. */
export interface JournalKind {
  /** Goes up when what the kind may do changes; each journal says which it was written under. */
  readonly version: number;
  /** [debit, credit] by parent code. `any`: every pair of the chart. */
  readonly pairs: 'any' | readonly (readonly [string, string])[];
}

const eitherWay = (a: string, b: string): readonly (readonly [string, string])[] => [
  [a, b],
  [b, a],
];

/** Kinds that other services and finance may book by name. What events book is in journals.ts. */
export const journalKinds: ReadonlyMap<string, JournalKind> = new Map<string, JournalKind>([
  ['provider_settled', { version: 1, pairs: eitherWay(bank, receivable) }],
  ['provider_fee', { version: 1, pairs: eitherWay(providerFees, receivable) }],
  [
    'payout_prepared',
    {
      version: 1,
      pairs: [payoutInTransit, instructorReserve, tdsPayable, tcsPayable].map((to) => [instructorPayable, to] as const),
    },
  ],
  ['reserve_released', { version: 1, pairs: [[instructorReserve, instructorPayable]] }],
  ['payout_paid', { version: 1, pairs: [[payoutInTransit, bank]] }],
  [
    'payout_returned',
    {
      version: 1,
      pairs: [
        [payoutInTransit, instructorPayable],
        [bank, instructorPayable],
      ],
    },
  ],
  ['break_parked', { version: 1, pairs: [bank, receivable].flatMap((other) => eitherWay(suspense, other)) }],
  [
    'break_written_off',
    { version: 1, pairs: [suspense, receivable, bank].flatMap((other) => eitherWay(writeOffs, other)) },
  ],
  [
    'tax_paid',
    {
      version: 1,
      pairs: [taxPayable, centralTax, stateTax, integratedTax, tdsPayable, tcsPayable].map(
        (tax) => [tax, bank] as const,
      ),
    },
  ],
  ['instructor_debt_moved', { version: 1, pairs: [[dueFromInstructors, instructorPayable]] }],
  ['instructor_debt_written_off', { version: 1, pairs: [[writeOffs, dueFromInstructors]] }],
  [
    'exchange_difference',
    { version: 2, pairs: [bank, receivable, exchange].flatMap((o) => eitherWay(exchangeDifference, o)) },
  ],
  ['exchange_sold', { version: 1, pairs: [bank, receivable].map((from) => [exchange, from] as const) }],
  ['exchange_bought', { version: 1, pairs: [bank, receivable].map((to) => [to, exchange] as const) }],
  ['revaluation', { version: 1, pairs: eitherWay(unrealisedDifference, exchange) }],
  ['revaluation_reversed', { version: 1, pairs: eitherWay(unrealisedDifference, exchange) }],
  ['adjustment', { version: 1, pairs: 'any' }],
]);

/** Why two accounts may not meet in a journal of this kind; undefined when they may. */
export function pairRefused(kind: string, debit: string, credit: string, reference: string): string | undefined {
  const pairs = journalKinds.get(kind)?.pairs;
  if (pairs === undefined) return `${kind} is not a kind that can be booked`;
  if (!isInChart(debit)) return `${debit} is not an account of the chart`;
  if (!isInChart(credit)) return `${credit} is not an account of the chart`;
  if (debit === credit) return `${debit} stands on both sides`;
  if (pairs === 'any') {
    const needsReference = isOfPerson(debit) || isOfPerson(credit);
    return needsReference && reference === '' ? `${kind} of what is owed to a person needs a reference` : undefined;
  }
  const [debitParent, creditParent] = [debit.slice(0, 4), credit.slice(0, 4)];
  if (!pairs.some(([d, c]) => d === debitParent && c === creditParent))
    return `${kind} may not debit ${debit} and credit ${credit}`;
  if (isOfPerson(debit) && isOfPerson(credit) && debit.slice(5) !== credit.slice(5))
    return `${kind} may not move from one person's account to another's: ${debit}, ${credit}`;
  return undefined;
}

/** Whether the account is what is owed to one person. */
export function isOfPerson(code: string): boolean {
  return code[4] === ':';
}
