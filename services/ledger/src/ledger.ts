/**
 * The ledger itself: what a batch of commands does to the book. Pure: no I/O, no clock, no chance.
 *
 * `apply` takes the state that the commands need and gives the journals to write and the changes they make. It is the
 * only place where a command turns into money, whoever calls it and whatever engine holds the book.
 */
import assert from 'node:assert';
import { type Batch, batchHash, type Journal, journalId } from './chain.ts';
import { fixedAccounts, instructorAccount } from './chart.ts';
import type { LineRefund, SaleLine, SoldLine, Transfer } from './journals.ts';
import * as templates from './journals.ts';

interface Common {
  /** What caused it, e.g. `payment:pay_…`. One journal for each kind and cause. */
  readonly cause: string;
  /** What it is about, e.g. `order:ord_…`. */
  readonly reference: string;
  /** For people. */
  readonly description: string;
  readonly currency: string;
  readonly effectiveAtUs: bigint;
}

export type LedgerCommand =
  | (Common & { readonly kind: 'order_paid'; readonly orderId: string; readonly lines: readonly SaleLine[] })
  | (Common & { readonly kind: 'order_refunded'; readonly orderId: string; readonly lines: readonly LineRefund[] })
  | (Common & {
      readonly kind: 'dispute_opened' | 'late_payment_received' | 'late_payment_returned';
      readonly amount: bigint;
    });

export interface Totals {
  readonly debit: bigint;
  readonly credit: bigint;
}

/** Where the book stands, and what of it the commands touch. */
export interface LedgerState {
  readonly epoch: bigint;
  readonly batchSequence: bigint;
  readonly journalSequence: bigint;
  readonly recordedAtUs: bigint;
  readonly hash: Uint8Array;
  /** By accountKey; an account that is not open yet is absent. */
  readonly totals: ReadonlyMap<string, Totals>;
  /** Sequence of the journals that exist, by identity. */
  readonly journals: ReadonlyMap<string, bigint>;
  /** By line id. */
  readonly lines: ReadonlyMap<string, SoldLine>;
}

export type CommandResult =
  | { readonly kind: 'posted'; readonly journal: Journal }
  /** The journal was there before; nothing changed. */
  | { readonly kind: 'duplicate'; readonly sequence: bigint }
  /** There is no money in it. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'rejected'; readonly reason: Rejection };

export type Rejection = 'unknown_line' | 'refund_exceeds_line' | 'amounts_differ' | 'overflow';

export interface Applied {
  /** One for each command, in order. */
  readonly results: readonly CommandResult[];
  /** Absent when nothing was posted. */
  readonly batch?: { readonly batch: Batch; readonly hash: Uint8Array };
  /** What to add to each account, folded: one entry for each account touched, by accountKey. */
  readonly deltas: ReadonlyMap<string, Totals>;
  /** The sold lines that are new or changed, by line id. */
  readonly lines: ReadonlyMap<string, SoldLine>;
}

/** 2^63 - 1: what the database's integers hold. */
export const amountMax = 9_223_372_036_854_775_807n;

export function accountKey(code: string, currency: string): string {
  return `${code} ${currency}`;
}

export function identity(kind: string, cause: string): string {
  return `${kind} ${cause}`;
}

/** What of the book a batch of commands needs to be looked up before `apply`. */
export function needs(commands: readonly LedgerCommand[]): { identities: [string, string][]; lineIds: string[] } {
  const identities = commands.map((command): [string, string] => [command.kind, command.cause]);
  const lineIds = commands.flatMap((command) => ('lines' in command ? command.lines.map((line) => line.lineId) : []));
  return { identities, lineIds };
}

/** The accounts whose totals `apply` needs, as [code, currency]. */
export function accountsNeeded(
  commands: readonly LedgerCommand[],
  lines: ReadonlyMap<string, SoldLine>,
): [string, string][] {
  const needed = new Map<string, [string, string]>();
  const need = (code: string, currency: string) => needed.set(accountKey(code, currency), [code, currency]);
  for (const command of commands) {
    for (const { code } of fixedAccounts) need(code, command.currency);
    if (command.kind === 'order_paid')
      for (const line of command.lines) need(instructorAccount(line.instructorId), command.currency);
  }
  for (const line of lines.values()) need(instructorAccount(line.instructorId), line.currency);
  return [...needed.values()];
}

/** The working copy of one `apply`. */
interface Working {
  readonly state: LedgerState;
  readonly deltas: Map<string, Totals>;
  readonly journals: Map<string, bigint>;
  readonly lines: Map<string, SoldLine>;
  readonly posted: Journal[];
}

/**
 * Applies the commands in order, as one batch recorded at `nowUs` (or just after the batch before, if the clock went
 * back). A command that cannot be applied leaves no trace; the others are not touched by it.
 */
export function apply(state: LedgerState, commands: readonly LedgerCommand[], nowUs: bigint): Applied {
  const working: Working = {
    state,
    deltas: new Map(),
    journals: new Map(state.journals),
    lines: new Map(),
    posted: [],
  };
  const results = commands.map((command) => applyOne(working, command));
  const changes = { results, deltas: working.deltas, lines: working.lines };
  if (working.posted.length === 0) return changes;
  assertConserved(working.deltas);
  const batch: Batch = {
    sequence: state.batchSequence + 1n,
    epoch: state.epoch,
    recordedAtUs: nowUs > state.recordedAtUs ? nowUs : state.recordedAtUs + 1n,
    journals: working.posted,
  };
  return { ...changes, batch: { batch, hash: batchHash(state.hash, batch) } };
}

function applyOne(working: Working, command: LedgerCommand): CommandResult {
  const existing = working.journals.get(identity(command.kind, command.cause));
  if (existing !== undefined) return { kind: 'duplicate', sequence: existing };
  const drawn = draw(working, command);
  if (typeof drawn === 'string') return { kind: 'rejected', reason: drawn };
  if (drawn.transfers.length === 0) return { kind: 'nothing' };
  const deltas = addUp(working, command.currency, drawn.transfers);
  if (deltas === undefined) return { kind: 'rejected', reason: 'overflow' };
  return post(working, command, drawn, deltas);
}

function post(
  working: Working,
  command: LedgerCommand,
  drawn: Drawn,
  deltas: ReadonlyMap<string, Totals>,
): CommandResult {
  const { kind, cause, reference, description, currency, effectiveAtUs } = command;
  const sequence = nextSequence(working);
  const id = journalId(kind, cause);
  const journal = { sequence, id, kind, cause, reference, description, currency, effectiveAtUs } as const;
  const posted = { ...journal, transfers: drawn.transfers };
  working.posted.push(posted);
  working.journals.set(identity(kind, cause), sequence);
  for (const [key, totals] of deltas) working.deltas.set(key, totals);
  for (const line of drawn.lines) working.lines.set(line.lineId, line);
  return { kind: 'posted', journal: posted };
}

function nextSequence(working: Working): bigint {
  return working.state.journalSequence + BigInt(working.posted.length) + 1n;
}

/** A command as transfers, with the sold lines it makes or changes. */
interface Drawn {
  readonly transfers: readonly Transfer[];
  readonly lines: readonly SoldLine[];
}

function draw(working: Working, command: LedgerCommand): Drawn | Rejection {
  switch (command.kind) {
    case 'order_paid':
      return drawSale(command, nextSequence(working));
    case 'order_refunded':
      return drawRefund(working, command);
    case 'dispute_opened':
      return drawAmount(command.amount, templates.disputeOpened);
    case 'late_payment_received':
      return drawAmount(command.amount, templates.latePaymentReceived);
    case 'late_payment_returned':
      return drawAmount(command.amount, templates.latePaymentReturned);
  }
}

function drawAmount(amount: bigint, template: (amount: bigint) => Transfer[]): Drawn | Rejection {
  return amount < 0n ? 'amounts_differ' : { transfers: template(amount), lines: [] };
}

/** Lines without a price are no sale and leave no trace. */
function drawSale(command: LedgerCommand & { kind: 'order_paid' }, soldBy: bigint): Drawn | Rejection {
  if (!command.lines.every(addsUp)) return 'amounts_differ';
  const none = { tax: 0n, net: 0n, fee: 0n, share: 0n };
  const lines = command.lines
    .filter((line) => line.gross > 0n)
    .map((line) => ({
      ...line,
      ...templates.splitNet(line.net),
      orderId: command.orderId,
      currency: command.currency,
      soldBy,
      soldAtUs: command.effectiveAtUs,
      refunded: none,
    }));
  return { transfers: templates.orderPaid(command.lines), lines };
}

function drawRefund(working: Working, command: LedgerCommand & { kind: 'order_refunded' }): Drawn | Rejection {
  if (!command.lines.every(addsUp)) return 'amounts_differ';
  const transfers: Transfer[] = [];
  const lines = new Map<string, SoldLine>();
  for (const refund of command.lines.filter((line) => line.gross > 0n)) {
    const { lineId } = refund;
    const sold = lines.get(lineId) ?? working.lines.get(lineId) ?? working.state.lines.get(lineId);
    if (sold === undefined || sold.currency !== command.currency || sold.orderId !== command.orderId)
      return 'unknown_line';
    const parts = templates.refundParts(sold, refund);
    if (parts === undefined) return 'refund_exceeds_line';
    transfers.push(...templates.lineRefunded(parts));
    lines.set(lineId, parts.line);
  }
  return { transfers, lines: [...lines.values()] };
}

function addsUp(amounts: { gross: bigint; tax: bigint; net: bigint }): boolean {
  return amounts.net >= 0n && amounts.tax >= 0n && amounts.net + amounts.tax === amounts.gross;
}

/** The deltas of the touched accounts after these transfers; undefined when a total would leave the range. */
function addUp(
  working: Working,
  currency: string,
  transfers: readonly Transfer[],
): ReadonlyMap<string, Totals> | undefined {
  const deltas = new Map<string, Totals>();
  const add = (code: string, debit: bigint, credit: bigint): boolean => {
    const key = accountKey(code, currency);
    const before = deltas.get(key) ?? working.deltas.get(key) ?? { debit: 0n, credit: 0n };
    const after = { debit: before.debit + debit, credit: before.credit + credit };
    deltas.set(key, after);
    const book = working.state.totals.get(key) ?? { debit: 0n, credit: 0n };
    return book.debit + after.debit <= amountMax && book.credit + after.credit <= amountMax;
  };
  for (const { debit, credit, amount } of transfers) {
    if (!add(debit, amount, 0n) || !add(credit, 0n, amount)) return undefined;
  }
  return deltas;
}

/** Stays on in production: a book that would go out of balance stops here, before anything is written. */
function assertConserved(deltas: ReadonlyMap<string, Totals>): void {
  let sum = 0n;
  for (const { debit, credit } of deltas.values()) sum += debit - credit;
  assert.equal(sum, 0n, 'debits and credits of a batch are equal');
}
