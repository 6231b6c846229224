/**
 * The ledger itself: what a batch of commands does to the book. Pure: no I/O, no clock, no chance.
 *
 * `apply` takes the state that the commands need and gives the journals to write and the changes they make. It is the
 * only place where a command turns into money, whoever calls it and whatever engine holds the book. Checks come in this
 * order: id, what the command asks, the state of what it names, closed periods, the accounts' state, range, limits.
 *
 * Limits are checked after a journal as a whole, facts included: a fact that would cross one is refused like every other
 * command, and is told again when somebody has looked.
 */
import assert from 'node:assert';
import { type AccountDelta, type AccountState, fits, newAccount, watch, withDelta, withinLimits } from './account.ts';
import { type Batch, batchHash, formatNow, type Journal, journalId, type RejectedCommand } from './chain.ts';
import {
  accountKey,
  differingFields,
  identity,
  type Known,
  type KnownJournal,
  type LedgerCommand,
  type Needs,
  needs,
  pairKey,
  type Rejection,
  type Request,
  requestOf,
  requestOfJournal,
  secondKind,
} from './command.ts';
import { accountsNamed, type Drawn, type DrawnNo, draw, isNo, no } from './draw.ts';
import type { SoldLine, Transfer } from './journals.ts';
import { placeInPeriod } from './period.ts';
import {
  accountNow,
  type BalanceCrossing,
  type LedgerState,
  type Loaded,
  markedOf,
  nextSequence,
  type Place,
  type Working,
} from './state.ts';

export { amountMax } from './account.ts';
export { accountKey, identity, type LedgerCommand, type Rejection } from './command.ts';
export type { BalanceCrossing, LedgerState, Loaded, Place } from './state.ts';

export interface Totals {
  readonly debit: bigint;
  readonly credit: bigint;
}

export type CommandResult =
  | { readonly kind: 'posted'; readonly journal: Journal }
  /** The journal was there before; nothing changed. */
  | { readonly kind: 'duplicate'; readonly sequence: bigint; readonly journal: Journal }
  /** There is no money in it. */
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'rejected';
      readonly reason: Rejection;
      /** For people: which account, which pair, how much is left. */
      readonly detail: string;
      /** Of `id_reused`: what differs. */
      readonly fields: readonly string[];
    }
  /** Not tried, because of another of its group. Its id is free. */
  | { readonly kind: 'skipped' };

/** atomic: all or none. continue: each by itself. stop: each by itself until one is refused. */
export type GroupMode = 'atomic' | 'continue' | 'stop';

/** Commands that were given together. */
export interface CommandGroup {
  readonly mode: GroupMode;
  readonly commands: readonly LedgerCommand[];
}

export interface AccountChange {
  readonly code: string;
  readonly currency: string;
  /** Undefined when the account is opened by it. */
  readonly before: AccountState | undefined;
  readonly after: AccountState;
}

export interface Applied {
  /** One list for each group, one result for each command, in order. */
  readonly groups: readonly (readonly CommandResult[])[];
  /** Absent when there is nothing to write. */
  readonly batch?: {
    readonly batch: Batch;
    readonly hash: Uint8Array;
    /** Where the book stands after it. */
    readonly place: Place;
  };
  /** One for each account touched, by accountKey. */
  readonly accounts: ReadonlyMap<string, AccountChange>;
  /** The sold lines that are new or changed, by line id. */
  readonly lines: ReadonlyMap<string, SoldLine>;
  readonly crossings: readonly BalanceCrossing[];
}

/** The needs of commands, as far as they themselves say. */
export function needsOf(commands: readonly LedgerCommand[]): Needs {
  return needs(commands, accountsNamed);
}

/** The further accounts that looked-up lines and targets name, as [code, currency]. */
export function accountsFound(loaded: Pick<Loaded, 'lines' | 'targets'>): (readonly [string, string])[] {
  const found = new Map<string, readonly [string, string]>();
  const need = (code: string, currency: string) => found.set(accountKey(code, currency), [code, currency]);
  for (const line of loaded.lines.values()) need(`2200:${line.instructorId}`, line.currency);
  for (const { transfers, holds = [], currency } of [...loaded.targets.values()].flat())
    for (const { debit, credit } of [...transfers, ...holds]) {
      need(debit, currency);
      need(credit, currency);
    }
  return [...found.values()];
}

/**
 * Applies groups of commands in order, as one batch recorded at `nowUs` (or just after the batch before, if the clock went
 * back). A command that is refused leaves no trace but the record that it was; the others are not touched by it.
 */
export function apply(state: LedgerState, groups: readonly CommandGroup[], nowUs: bigint): Applied {
  const { place } = state;
  const working: Working = {
    state,
    recordedAtUs: nowUs > place.recordedAtUs ? nowUs : place.recordedAtUs + 1n,
    accounts: new Map(),
    known: new Map(),
    lines: new Map(),
    fresh: namesJournals(groups) ? new Map() : undefined,
    marked: new Map(),
    posted: [],
    rejected: [],
    crossings: [],
    mayRollBack: false,
    undo: [],
  };
  const results = groups.map((group) => applyGroup(working, group));
  return finish(working, results);
}

function namesJournals(groups: readonly CommandGroup[]): boolean {
  return groups.some(({ commands }) => commands.some((command) => 'target' in command));
}

function finish(working: Working, groups: readonly (readonly CommandResult[])[]): Applied {
  const { state, posted, rejected, recordedAtUs, lines, crossings } = working;
  const { place } = state;
  const accounts = new Map<string, AccountChange>();
  for (const [key, after] of working.accounts) {
    const space = key.indexOf(' ');
    const [code, currency] = [key.slice(0, space), key.slice(space + 1)];
    accounts.set(key, { code, currency, before: state.accounts.get(key), after });
  }
  const changes = { groups, accounts, lines, crossings };
  if (posted.length === 0 && rejected.length === 0) return changes;
  assertConserved(accounts.values());
  const sequence = place.batchSequence + 1n;
  const batch: Batch = { sequence, epoch: place.epoch, recordedAtUs, journals: posted, rejected, format: formatNow };
  const hash = batchHash(place.hash, batch);
  const journalSequence = place.journalSequence + BigInt(posted.length);
  const after: Place = { ...place, batchSequence: sequence, journalSequence, recordedAtUs, hash };
  return { ...changes, batch: { batch, hash, place: after } };
}

function applyGroup(working: Working, { mode, commands }: CommandGroup): CommandResult[] {
  if (mode === 'atomic' && commands.length > 1) return applyAtomic(working, commands);
  const results: CommandResult[] = [];
  let isStopped = false;
  for (const command of commands) {
    const result: CommandResult = isStopped ? { kind: 'skipped' } : applyOne(working, command);
    results.push(result);
    isStopped ||= mode === 'stop' && result.kind === 'rejected';
    // Nothing before this is taken back any more.
    working.undo.length = 0;
  }
  return results;
}

function applyAtomic(working: Working, commands: readonly LedgerCommand[]): CommandResult[] {
  const results: CommandResult[] = [];
  working.mayRollBack = true;
  for (const command of commands) {
    const result = tryOne(working, command);
    results.push(result);
    if (result.kind !== 'rejected') continue;
    rollBack(working, 0);
    record(working, command, result);
    working.undo.length = 0;
    return commands.map((one) => (one === command ? result : { kind: 'skipped' }));
  }
  working.undo.length = 0;
  return results;
}

function applyOne(working: Working, command: LedgerCommand): CommandResult {
  const mark = working.undo.length;
  working.mayRollBack = secondKind(command) !== undefined;
  const result = tryOne(working, command);
  if (result.kind === 'rejected') {
    rollBack(working, mark);
    record(working, command, result);
  }
  return result;
}

/** A refused command is kept, unless what was refused is that its id has an answer already. */
function record(working: Working, command: LedgerCommand, result: CommandResult & { kind: 'rejected' }): void {
  const { kind, cause, reference } = command;
  const key = identity(kind, cause);
  if (result.reason === 'id_reused' || knownAs(working, key) !== undefined) return;
  const isFinal = command.type !== undefined && command.type !== 'expire';
  const request = isFinal ? JSON.stringify(requestOf(command)) : '';
  const rejection: RejectedCommand = {
    kind,
    cause,
    reference,
    reason: result.reason,
    detail: result.detail,
    request,
    isFinal,
  };
  working.rejected.push(rejection);
  if (isFinal) working.known.set(key, { kind: 'rejection', rejection });
}

function tryOne(working: Working, command: LedgerCommand): CommandResult {
  const known = knownAs(working, identity(command.kind, command.cause));
  if (known !== undefined) return answerAgain(known, requestOf(command));
  const drawn = draw(working, command);
  if (isNo(drawn)) return rejected(drawn);
  if (drawn === 'nothing') return { kind: 'nothing' };
  assert.ok(drawn.length === 1 || working.mayRollBack, 'what makes several journals can be undone');
  let first: CommandResult | undefined;
  for (const one of drawn) {
    const result = settle(working, command, one);
    if (result.kind === 'rejected') return result;
    first ??= result;
  }
  return first ?? { kind: 'nothing' };
}

function knownAs(working: Working, key: string): Known | undefined {
  return working.known.get(key) ?? working.state.known.get(key);
}

/** The same command has the same answer; another command under its id is told what differs. */
function answerAgain(known: Known, now: Request): CommandResult {
  const first =
    known.kind === 'journal' ? requestOfJournal(known.journal, now) : (JSON.parse(known.rejection.request) as Request);
  const fields = differingFields(first, now);
  if (fields.length > 0) {
    const detail = `the id was used with other contents: ${fields.join(', ')}`;
    return { kind: 'rejected', reason: 'id_reused', detail, fields };
  }
  if (known.kind === 'journal') return { kind: 'duplicate', sequence: known.journal.sequence, journal: known.journal };
  const { reason, detail } = known.rejection;
  return { kind: 'rejected', reason: reason as Rejection, detail, fields: [] };
}

function rejected({ reason, detail }: DrawnNo): CommandResult & { kind: 'rejected' } {
  return { kind: 'rejected', reason, detail, fields: [] };
}

/** Puts what was drawn into the working copy, if the period, the accounts' state, the range and the limits allow it. */
function settle(working: Working, command: LedgerCommand, drawn: Drawn): CommandResult {
  const placed = placeInPeriod({
    sealedUntilUs: working.state.place.sealedUntilUs,
    effectiveAtUs: drawn.effectiveAtUs ?? command.effectiveAtUs ?? working.recordedAtUs,
    recordedAtUs: working.recordedAtUs,
    policy: command.type === undefined ? 'book_in_open_period' : 'refuse',
  });
  if (placed.kind === 'refused') return rejected(no('period_sealed', 'its effective time is in a sealed period'));
  const accounts = changeAccounts(working, drawn);
  if (isNo(accounts)) return rejected(accounts);
  const moved = placed.kind === 'moved' ? ` (${placed.reference})` : '';
  const journal = journalOf(working, command, drawn, placed.effectiveAtUs, `${command.description}${moved}`);
  post(working, journal, drawn, accounts);
  return { kind: 'posted', journal };
}

function journalOf(
  working: Working,
  command: LedgerCommand,
  drawn: Drawn,
  effectiveAtUs: bigint,
  description: string,
): KnownJournal {
  const { cause, reference } = command;
  return {
    sequence: nextSequence(working),
    id: journalId(drawn.kind, cause),
    kind: drawn.kind,
    cause,
    reference,
    description,
    currency: drawn.currency,
    effectiveAtUs,
    transfers: drawn.transfers,
    holds: drawn.holds,
    expiresAtUs: drawn.expiresAtUs,
    template: drawn.template,
    details: drawn.details,
    resolves: drawn.resolves?.journal.sequence ?? 0n,
    reverses: drawn.reverses?.sequence ?? 0n,
    recordedAtUs: working.recordedAtUs,
    resolvedAs: undefined,
    reversed: nothingReversed,
  };
}

const nothingReversed: ReadonlyMap<string, bigint> = new Map();

/** The touched accounts as they would be; the first reason why they may not. */
function changeAccounts(working: Working, drawn: Drawn): Map<string, AccountState> | DrawnNo {
  const { currency, transfers, holds, released } = drawn;
  const after = new Map<string, AccountState>();
  const add = (code: string, delta: Partial<AccountDelta>): AccountState => {
    const key = accountKey(code, currency);
    const before = after.get(key) ?? accountNow(working, code, currency);
    after.set(key, withDelta(before, delta));
    return before;
  };
  let shut: DrawnNo | undefined;
  const touch = (code: string, delta: Partial<AccountDelta>) => {
    const { status } = add(code, delta);
    if (status !== 'open') shut ??= no(`account_${status}`, `${code} ${currency} is ${status}`);
  };
  for (const { debit, credit, amount } of transfers) {
    touch(debit, { debit: amount });
    touch(credit, { credit: amount });
  }
  for (const { debit, credit, amount } of holds) {
    touch(debit, { pendingDebit: amount });
    touch(credit, { pendingCredit: amount });
  }
  // What is let go moves nothing: a shut account gives it back.
  for (const { debit, credit, amount } of released) {
    add(debit, { pendingDebit: -amount });
    add(credit, { pendingCredit: -amount });
  }
  if (shut !== undefined) return shut;
  for (const [key, account] of after) {
    if (!fits(account)) return no('overflow', `${key} would add up to more than 64 bits hold`);
    if (!withinLimits(account)) return no('limit_exceeded', `${key} would be beyond its limit`);
  }
  if (drawn.account !== undefined) after.set(accountKey(drawn.account.code, currency), drawn.account.state);
  return after;
}

function post(
  working: Working,
  journal: KnownJournal,
  drawn: Drawn,
  accounts: ReadonlyMap<string, AccountState>,
): void {
  const { fresh } = working;
  push(working, working.posted, journal);
  put(working, working.known, identity(journal.kind, journal.cause), { kind: 'journal', journal });
  if (fresh !== undefined)
    for (const name of [journal.cause, journal.id]) put(working, fresh, name, [...(fresh.get(name) ?? []), journal]);
  for (const [key, account] of accounts) watchAccount(working, journal, key, account);
  for (const line of drawn.lines) put(working, working.lines, line.lineId, line);
  if (drawn.resolves !== undefined) {
    const { journal: target, as } = drawn.resolves;
    put(working, working.marked, target.sequence, { ...markedOf(working, target), resolvedAs: as });
  }
  if (drawn.reverses !== undefined) markReversed(working, drawn.reverses, journal.transfers);
}

function watchAccount(working: Working, journal: Journal, key: string, changed: AccountState): void {
  const code = key.slice(0, key.indexOf(' '));
  const { account, crossed } = watch(code, changed);
  put(working, working.accounts, key, account);
  if (crossed.length === 0) return;
  const { sequence, currency } = journal;
  for (const { monitor, balance } of crossed) {
    const { id: monitorId, direction, threshold, isBeyond } = monitor;
    push(working, working.crossings, {
      monitorId,
      account: code,
      currency,
      direction,
      threshold,
      balance,
      isBeyond,
      sequence,
    });
  }
}

function markReversed(working: Working, target: KnownJournal, transfers: readonly Transfer[]): void {
  const now = markedOf(working, target);
  const reversed = new Map(now.reversed);
  for (const { debit, credit, amount } of transfers) {
    const key = pairKey(credit, debit);
    reversed.set(key, (reversed.get(key) ?? 0n) + amount);
  }
  put(working, working.marked, target.sequence, { ...now, reversed });
}

function put<K, V>(working: Working, map: Map<K, V>, key: K, value: V): void {
  if (!working.mayRollBack) {
    map.set(key, value);
    return;
  }
  const had = map.has(key);
  const before = map.get(key);
  map.set(key, value);
  working.undo.push(() => {
    if (had) map.set(key, before as V);
    else map.delete(key);
  });
}

function push<T>(working: Working, list: T[], item: T): void {
  list.push(item);
  if (!working.mayRollBack) return;
  working.undo.push(() => {
    list.pop();
  });
}

function rollBack(working: Working, mark: number): void {
  while (working.undo.length > mark) working.undo.pop()?.();
}

/** Stays on in production: a book that would go out of balance stops here, before anything is written. */
function assertConserved(changes: Iterable<AccountChange>): void {
  const net = new Map<string, { posted: bigint; pending: bigint }>();
  for (const { currency, before = newAccount, after } of changes) {
    const sum = net.get(currency) ?? { posted: 0n, pending: 0n };
    sum.posted += after.debit - before.debit - (after.credit - before.credit);
    sum.pending += after.pendingDebit - before.pendingDebit - (after.pendingCredit - before.pendingCredit);
    net.set(currency, sum);
  }
  for (const [currency, { posted, pending }] of net) {
    assert.equal(posted, 0n, `debits and credits of a batch are equal in ${currency}`);
    assert.equal(pending, 0n, `held debits and credits of a batch are equal in ${currency}`);
  }
}
