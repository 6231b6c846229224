/**
 * The settlement of one instructor in one currency, as a statement that can be recomputed line by line. No I/O: the same
 * inputs give the same statement to the byte.
 *
 * opening + every line = closing. A line of a sale or refund also shows how its gross was split: gross = tax + fee + share.
 */
import { decimalText } from '@suuupra/platform/money';
import { partOfMillionHalfUp, percentText } from './decimal.ts';
import { hashId, sha256Hex } from './hash-id.ts';
import { minimumPayout, type SettlementPolicy } from './policy.ts';
import {
  type TaxProfileFacts,
  type Withheld,
  type WithheldSoFar,
  type Withholding,
  type WithholdingRule,
  withhold,
} from './withholding.ts';

/** One movement of the instructor's account 2200:<id> in the book. */
export interface AccountMovement {
  readonly sequence: bigint;
  readonly journalId: string;
  readonly kind: string;
  readonly description: string;
  readonly effectiveAtMs: number;
  /** Credit less debit. */
  readonly amountMinor: bigint;
  readonly line?: {
    readonly orderId: string;
    readonly courseTitle: string;
    readonly grossMinor: bigint;
    readonly taxMinor: bigint;
    readonly feeMinor: bigint;
    readonly shareMinor: bigint;
  };
}

export type LineKind =
  | 'sale'
  | 'refund'
  | 'dispute'
  | 'adjustment'
  | 'payout_returned'
  | 'reserve_released'
  | 'tds'
  | 'tcs'
  | 'reserve_held'
  | 'payout';

export interface StatementLine {
  readonly number: number;
  readonly kind: LineKind;
  readonly journalId: string;
  readonly sequence: bigint;
  /** Which of the account's movements in its journal, from 1; 0 for what settlement decided. */
  readonly part: number;
  readonly atMs: number;
  readonly description: string;
  readonly orderId: string;
  readonly courseTitle: string;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
  readonly feeMinor: bigint;
  readonly shareMinor: bigint;
  /** What the line adds to the balance. */
  readonly amountMinor: bigint;
  readonly balanceMinor: bigint;
}

export interface SettlementInput {
  readonly instructorId: string;
  readonly currency: string;
  readonly afterSequence: bigint;
  readonly cutoff: { readonly sequence: bigint; readonly label: string; readonly atMs: number };
  readonly openingMinor: bigint;
  readonly movements: readonly AccountMovement[];
  /** Reserves of earlier settlements whose time has come. */
  readonly releases: readonly { readonly batchId: string; readonly amountMinor: bigint }[];
  readonly profile: TaxProfileFacts;
  readonly rules: readonly WithholdingRule[];
  readonly withheldBefore: ReadonlyMap<string, WithheldSoFar>;
  readonly account: 'none' | 'cooling' | 'payable';
  readonly policy: SettlementPolicy;
}

export type HeldBecause = '' | 'nothing_due' | 'negative_balance' | 'below_minimum' | 'no_account' | 'account_cooling';

export interface Settlement {
  readonly batchId: string;
  readonly payoutId: string;
  readonly lines: readonly StatementLine[];
  readonly earnedMinor: bigint;
  readonly adjustedMinor: bigint;
  readonly returnedMinor: bigint;
  readonly reserveReleasedMinor: bigint;
  readonly reserveHeldMinor: bigint;
  readonly tdsMinor: bigint;
  readonly tcsMinor: bigint;
  readonly payoutMinor: bigint;
  readonly closingMinor: bigint;
  readonly heldBecause: HeldBecause;
  readonly withheld: ReadonlyMap<string, WithheldSoFar>;
  readonly statementSha256: string;
}

/** Said with an amount that does not add up: the book and its lines contradict each other, and nobody is settled on that. */
export class StatementContradiction extends Error {}

/** The id follows from whose settlement it is and where the cut is, so a second run over the same cut makes no second one. */
export function settlementBatchId(instructorId: string, currency: string, cutoffLabel: string): string {
  return hashId('stb', instructorId, currency, cutoffLabel);
}

/** What is owed before tax and reserve: what a settlement has taken out of the account itself is carried forward already. */
export function owedMinor(openingMinor: bigint, movements: readonly AccountMovement[]): bigint {
  return movedLines(movements).reduce((sum, { amountMinor }) => sum + amountMinor, openingMinor);
}

/** Settles one account up to the cut-off. */
export function settle(input: SettlementInput): Settlement {
  const batchId = settlementBatchId(input.instructorId, input.currency, input.cutoff.label);
  const moved = movedLines(input.movements);
  const sum = (...kinds: readonly LineKind[]) =>
    moved.reduce((total, line) => (kinds.includes(line.kind) ? total + line.amountMinor : total), 0n);
  const earnedMinor = sum('sale', 'refund', 'dispute');
  const adjustedMinor = sum('adjustment');
  const returnedMinor = sum('payout_returned');
  const reserveReleasedMinor = input.releases.reduce((total, { amountMinor }) => total + amountMinor, 0n);
  const withheld = withhold(input.rules, input, moved.filter(isOfSale), input.withheldBefore);
  const taxMinor = (kind: 'tds' | 'tcs') =>
    withheld.withholdings.reduce((total, { rule, amountMinor }) => total + (rule.kind === kind ? amountMinor : 0n), 0n);
  const availableMinor = input.openingMinor + earnedMinor + adjustedMinor + returnedMinor + reserveReleasedMinor;
  const restMinor = availableMinor - taxMinor('tds') - taxMinor('tcs');
  const reserveHeldMinor = least(
    partOfMillionHalfUp(atLeastZero(earnedMinor), BigInt(input.policy.reservePpm)),
    atLeastZero(restMinor),
  );
  const dueMinor = restMinor - reserveHeldMinor;
  const heldBecause = whyHeld(input, dueMinor);
  const payoutMinor = heldBecause === '' ? dueMinor : 0n;
  const decided = decidedLines(input, { withheld, reserveHeldMinor, payoutMinor });
  const lines = numbered(input.openingMinor, [...moved, ...decided]);
  return {
    batchId,
    payoutId: payoutMinor > 0n ? `pyt_${batchId.slice(4)}` : '',
    lines,
    earnedMinor,
    adjustedMinor,
    returnedMinor,
    reserveReleasedMinor,
    reserveHeldMinor,
    tdsMinor: taxMinor('tds'),
    tcsMinor: taxMinor('tcs'),
    payoutMinor,
    closingMinor: dueMinor - payoutMinor,
    heldBecause,
    withheld: withheld.soFar,
    statementSha256: sha256Hex(statementCsv(input, lines)),
  };
}

type Line = Omit<StatementLine, 'number' | 'balanceMinor'>;

/** What settlement itself has booked is not a movement of the instructor's business: it was a line when it was decided. */
const ownKinds: ReadonlySet<string> = new Set(['payout_prepared', 'reserve_released']);

/** In the order of the book. The parts of one journal are counted over all its movements, so a part's number is stable. */
function movedLines(movements: readonly AccountMovement[]): Line[] {
  const parts = new Map<bigint, number>();
  return movements.flatMap((movement) => {
    const part = (parts.get(movement.sequence) ?? 0) + 1;
    parts.set(movement.sequence, part);
    return ownKinds.has(movement.kind) ? [] : [movedLine(movement, part)];
  });
}

function movedLine(movement: AccountMovement, part: number): Line {
  const { line, amountMinor, journalId, sequence, description } = movement;
  if (line !== undefined) {
    if (line.grossMinor !== line.taxMinor + line.feeMinor + line.shareMinor || line.shareMinor !== amountMinor)
      throw new StatementContradiction(`the parts of a line of the journal ${journalId} are not its gross`);
  }
  return {
    kind: kindOf(movement),
    journalId,
    sequence,
    part,
    atMs: movement.effectiveAtMs,
    description,
    orderId: line?.orderId ?? '',
    courseTitle: line?.courseTitle ?? '',
    grossMinor: line?.grossMinor ?? 0n,
    taxMinor: line?.taxMinor ?? 0n,
    feeMinor: line?.feeMinor ?? 0n,
    shareMinor: line?.shareMinor ?? 0n,
    amountMinor,
  };
}

function kindOf({ kind, line }: AccountMovement): LineKind {
  if (kind === 'payout_returned') return 'payout_returned';
  if (kind.startsWith('dispute')) return 'dispute';
  if (line === undefined) return 'adjustment';
  return line.grossMinor >= 0n ? 'sale' : 'refund';
}

/** A lost dispute takes the money of a sale back, as a refund does. */
function isOfSale(line: Line): boolean {
  return line.kind === 'sale' || line.kind === 'refund' || line.kind === 'dispute';
}

function whyHeld(input: SettlementInput, dueMinor: bigint): HeldBecause {
  if (dueMinor < 0n) return 'negative_balance';
  if (dueMinor === 0n) return 'nothing_due';
  if (dueMinor < minimumPayout(input.policy, input.currency)) return 'below_minimum';
  if (input.account === 'none') return 'no_account';
  return input.account === 'cooling' ? 'account_cooling' : '';
}

function decidedLines(
  input: SettlementInput,
  decided: { readonly withheld: Withheld; readonly reserveHeldMinor: bigint; readonly payoutMinor: bigint },
): Line[] {
  const line = (kind: LineKind, amountMinor: bigint, description: string): Line => ({
    kind,
    journalId: '',
    sequence: input.cutoff.sequence,
    part: 0,
    atMs: input.cutoff.atMs,
    description,
    orderId: '',
    courseTitle: '',
    grossMinor: 0n,
    taxMinor: 0n,
    feeMinor: 0n,
    shareMinor: 0n,
    amountMinor,
  });
  const { currency } = input;
  return [
    ...input.releases.map((each) => line('reserve_released', each.amountMinor, `reserve of ${each.batchId}`)),
    ...decided.withheld.withholdings.map((each) =>
      line(each.rule.kind, -each.amountMinor, withholdingText(each, currency)),
    ),
    line('reserve_held', -decided.reserveHeldMinor, `held for ${input.policy.reserveDays} days`),
    line('payout', -decided.payoutMinor, 'paid out'),
  ].filter((each) => each.amountMinor !== 0n);
}

function withholdingText({ rule, period, baseMinor, ratePpm }: Withholding, currency: string): string {
  return `${percentText(ratePpm)} % of ${decimalText(currency, baseMinor)}, ${period}: ${rule.source}`;
}

function numbered(openingMinor: bigint, lines: readonly Line[]): StatementLine[] {
  let balanceMinor = openingMinor;
  return lines.map((line, index) => {
    balanceMinor += line.amountMinor;
    return { ...line, number: index + 1, balanceMinor };
  });
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}

export interface StatementFrame {
  readonly instructorId: string;
  readonly currency: string;
  readonly cutoff: { readonly sequence: bigint; readonly atMs: number };
  readonly openingMinor: bigint;
}

const csvColumns =
  'number,kind,at,journal,sequence,order,course,description,gross,tax,fee,share,amount,balance' as const;

/** The statement as CSV (RFC 4180), amounts as decimals of the currency. Its SHA-256 is the statement's hash. */
export function statementCsv(frame: StatementFrame, lines: readonly StatementLine[]): string {
  const amount = (minor: bigint) => decimalText(frame.currency, minor);
  const cutoffAt = new Date(frame.cutoff.atMs).toISOString();
  const row = (cells: readonly (string | number | bigint)[]) => cells.map((cell) => csvCell(String(cell))).join(',');
  const opening = row([
    0,
    'opening',
    '',
    '',
    '',
    '',
    '',
    frame.currency,
    '',
    '',
    '',
    '',
    '',
    amount(frame.openingMinor),
  ]);
  const closing = lines.at(-1)?.balanceMinor ?? frame.openingMinor;
  const body = lines.map((line) =>
    row([
      line.number,
      line.kind,
      new Date(line.atMs).toISOString(),
      line.journalId,
      line.sequence,
      line.orderId,
      line.courseTitle,
      line.description,
      amount(line.grossMinor),
      amount(line.taxMinor),
      amount(line.feeMinor),
      amount(line.shareMinor),
      amount(line.amountMinor),
      amount(line.balanceMinor),
    ]),
  );
  const last = row([
    lines.length + 1,
    'closing',
    cutoffAt,
    '',
    frame.cutoff.sequence,
    '',
    '',
    frame.instructorId,
    '',
    '',
    '',
    '',
    '',
    amount(closing),
  ]);
  return `${[csvColumns, opening, ...body, last].join('\r\n')}\r\n`;
}

/** Quoted where needed; a text that a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection). */
export function csvCell(text: string): string {
  const safe = /^[=+@\t\r]|^-(?!\d+(\.\d+)?$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** What an instructor does with the lines alone: adds them up again. */
export function recompute(
  openingMinor: bigint,
  lines: readonly Pick<StatementLine, 'kind' | 'amountMinor'>[],
): { readonly payoutMinor: bigint; readonly closingMinor: bigint } {
  let payoutMinor = 0n;
  let closingMinor = openingMinor;
  for (const { kind, amountMinor } of lines) {
    if (kind === 'payout') payoutMinor -= amountMinor;
    closingMinor += amountMinor;
  }
  return { payoutMinor, closingMinor };
}
