/**
 * One account's state: what it adds up to, what is held on it, its limits, whether it is open, who watches it. Pure.
 *
 * Everything is said of the net (debits - credits), so that one rule holds for both kinds of accounts: what is held on a
 * side counts where it would take, never where it would give.
 */
import { accountKind, balanceOn } from './chart.ts';

export type AccountStatus = 'open' | 'frozen' | 'closed';

export interface Monitor {
  readonly id: string;
  /** The balance on the account's normal side is beyond when it is at or past the threshold in this direction. */
  readonly direction: 'above' | 'below';
  readonly threshold: bigint;
  /** So far back must the balance come before it counts as back; keeps one that wavers from telling every time. */
  readonly hysteresis: bigint;
  readonly isBeyond: boolean;
}

export interface AccountState {
  readonly debit: bigint;
  readonly credit: bigint;
  readonly pendingDebit: bigint;
  readonly pendingCredit: bigint;
  /** What the net, less held credits, is never below; undefined: no limit. */
  readonly netMin: bigint | undefined;
  /** What the net, with held debits, is never above. */
  readonly netMax: bigint | undefined;
  readonly status: AccountStatus;
  readonly monitors: readonly Monitor[];
}

export const newAccount: AccountState = {
  debit: 0n,
  credit: 0n,
  pendingDebit: 0n,
  pendingCredit: 0n,
  netMin: undefined,
  netMax: undefined,
  status: 'open',
  monitors: [],
};

/** 2^63 - 1: what the database's integers hold. */
export const amountMax = 9_223_372_036_854_775_807n;

/** Monitors on one account; each is looked at for every journal that touches it. */
export const monitorsPerAccountMax = 16;

export interface AccountDelta {
  readonly debit: bigint;
  readonly credit: bigint;
  readonly pendingDebit: bigint;
  readonly pendingCredit: bigint;
}

/** Named one by one: a spread of eight fields costs more than the four additions. */
export function withDelta(account: AccountState, delta: Partial<AccountDelta>): AccountState {
  return {
    debit: plus(account.debit, delta.debit),
    credit: plus(account.credit, delta.credit),
    pendingDebit: plus(account.pendingDebit, delta.pendingDebit),
    pendingCredit: plus(account.pendingCredit, delta.pendingCredit),
    netMin: account.netMin,
    netMax: account.netMax,
    status: account.status,
    monitors: account.monitors,
  };
}

function plus(amount: bigint, more: bigint | undefined): bigint {
  return more === undefined ? amount : amount + more;
}

export function fits({ debit, credit, pendingDebit, pendingCredit }: AccountState): boolean {
  return debit + pendingDebit <= amountMax && credit + pendingCredit <= amountMax;
}

/** Whether the account is within its limits, holds counted. */
export function withinLimits(account: AccountState): boolean {
  const { debit, credit, pendingDebit, pendingCredit, netMin, netMax } = account;
  if (netMin !== undefined && debit - credit - pendingCredit < netMin) return false;
  return netMax === undefined || debit - credit + pendingDebit <= netMax;
}

/** A floor and a ceiling of the balance on the account's normal side, as limits of the net. */
export function netLimits(
  code: string,
  floor: bigint | undefined,
  ceiling: bigint | undefined,
): Pick<AccountState, 'netMin' | 'netMax'> {
  if (accountKind(code)?.normalSide === 'debit') return { netMin: floor, netMax: ceiling };
  return {
    netMin: ceiling === undefined ? undefined : -ceiling,
    netMax: floor === undefined ? undefined : -floor,
  };
}

/**
 * The most that can be moved onto this side. An account that would be emptied by it gives what it has above its floor, or
 * above zero where it has none; one that would be filled takes up to its ceiling.
 */
export function roomOn(code: string, side: 'debit' | 'credit', account: AccountState): bigint {
  const { debit, credit, pendingDebit, pendingCredit } = account;
  const gives = accountKind(code)?.normalSide !== side;
  if (side === 'debit') {
    const most = account.netMax ?? (gives ? 0n : amountMax);
    return atLeastZero(most - (debit - credit + pendingDebit));
  }
  const least = account.netMin ?? (gives ? 0n : -amountMax);
  return atLeastZero(debit - credit - pendingCredit - least);
}

export function balanceOf(code: string, account: AccountState): bigint {
  return balanceOn(accountKind(code)?.normalSide ?? 'debit', account);
}

/** The balance on the normal side, less what is held on the side that takes from it. */
export function availableOf(code: string, account: AccountState): bigint {
  const { pendingDebit, pendingCredit } = account;
  const held = accountKind(code)?.normalSide === 'credit' ? pendingDebit : pendingCredit;
  return balanceOf(code, account) - held;
}

export interface Crossing {
  readonly monitor: Monitor;
  readonly balance: bigint;
}

const noCrossings: readonly Crossing[] = [];

/** The monitors that this balance moved across, and the account with all of them as they stand now. */
export function watch(code: string, account: AccountState): { account: AccountState; crossed: readonly Crossing[] } {
  if (account.monitors.length === 0) return { account, crossed: noCrossings };
  const balance = balanceOf(code, account);
  const isCrossed = (monitor: Monitor) => isBeyond(monitor, balance) !== monitor.isBeyond;
  // Nearly always: nothing is made for a journal that crosses nothing, and the list stays the same object.
  if (!account.monitors.some(isCrossed)) return { account, crossed: noCrossings };
  const crossed: Crossing[] = [];
  const monitors = account.monitors.map((before) => {
    if (!isCrossed(before)) return before;
    const monitor = { ...before, isBeyond: !before.isBeyond };
    crossed.push({ monitor, balance });
    return monitor;
  });
  return { account: { ...account, monitors }, crossed };
}

export function isBeyond({ direction, threshold, hysteresis, isBeyond }: Monitor, balance: bigint): boolean {
  const distance = direction === 'above' ? balance - threshold : threshold - balance;
  return distance >= (isBeyond ? -hysteresis : 0n);
}

/** Monitors as text, for a store; bigints as decimal strings. */
export function monitorsText(monitors: readonly Monitor[]): string {
  if (monitors.length === 0) return '[]';
  return JSON.stringify(
    monitors.map(({ id, direction, threshold, hysteresis, isBeyond }) => ({
      id,
      direction,
      threshold: String(threshold),
      hysteresis: String(hysteresis),
      isBeyond,
    })),
  );
}

/** The monitors as text where they are others than before; undefined where a store may leave them alone. */
export function changedMonitors(before: AccountState, after: AccountState): string | undefined {
  return before.monitors === after.monitors ? undefined : monitorsText(after.monitors);
}

export function monitorsOf(text: string): readonly Monitor[] {
  if (text === '[]') return newAccount.monitors;
  const read = JSON.parse(text) as (Omit<Monitor, 'threshold' | 'hysteresis'> & {
    threshold: string;
    hysteresis: string;
  })[];
  return read.map((one) => ({ ...one, threshold: BigInt(one.threshold), hysteresis: BigInt(one.hysteresis) }));
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
