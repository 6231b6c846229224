/**
 * Account statements: what stood on an account, what moved it in a range of time, and what stood on it after.
 *
 * The first page fixes the sequence that the statement is of: its pages fit together, and read again with that sequence
 * it says the same, whatever was booked since. The closing balance is not the last line's: it is added up on its own from
 * snapshots, so that the two prove each other. The closing of a range is the opening of the one that follows it.
 */
import { type AccountKind, accountKind, balanceOn } from './chart.ts';
import {
  type AccountName,
  type AccountTotals,
  type BookedTransfer,
  beforeRange,
  type ReportReader,
  type TransferKey,
  type TransferRange,
  timeMaxUs,
  timeMinUs,
} from './reader.ts';

export interface StatementOf {
  readonly account: AccountName;
  /** By when it was recorded or by when it happened. */
  readonly basis: 'recorded' | 'effective';
  /** From this time on, microseconds since the epoch; absent: from the beginning. */
  readonly fromUs?: bigint | undefined;
  /** Before this time; absent: until now. */
  readonly untilUs?: bigint | undefined;
  /** The journals up to and with this one. */
  readonly sequence: bigint;
}

/** All balances are on the account's normal side. */
export interface Statement {
  readonly opening: bigint;
  readonly closing: bigint;
  readonly debits: bigint;
  readonly credits: bigint;
  readonly lines: readonly StatementLine[];
  /** Where the next page begins; absent on the last. */
  readonly next?: StatementPlace;
}

export interface StatementLine extends BookedTransfer {
  /** The other account. */
  readonly counterpart: string;
  /** One of the two is zero. */
  readonly debited: bigint;
  readonly credited: bigint;
  readonly balance: bigint;
}

export interface StatementPlace extends TransferKey {
  /** The balance after that line. */
  readonly balance: bigint;
}

/** Undefined for an account that is not in the chart; one that nothing touched yet stands at zero. */
export async function readStatement(
  reader: ReportReader,
  of: StatementOf,
  after: StatementPlace | undefined,
  limit: number,
): Promise<Statement | undefined> {
  const kind = accountKind(of.account.code);
  if (kind === undefined) return undefined;
  const { range, before, end } = await bounds(reader, of);
  const opening = balanceOn(kind.normalSide, before);
  const found = await reader.transfers(range, after ?? beforeRange(range), limit + 1);
  const lines = withBalances(found.slice(0, limit), of.account, kind, after?.balance ?? opening);
  const last = lines.at(-1);
  return {
    opening,
    closing: balanceOn(kind.normalSide, end),
    debits: end.debit - before.debit,
    credits: end.credit - before.credit,
    lines,
    ...(found.length > limit && last !== undefined && { next: placeOf(last) }),
  };
}

interface Sides {
  readonly debit: bigint;
  readonly credit: bigint;
}

async function bounds(
  reader: ReportReader,
  { account, basis, fromUs, untilUs, sequence }: StatementOf,
): Promise<{ range: TransferRange; before: Sides; end: Sides }> {
  if (basis === 'effective') {
    const at = async (timeUs: bigint) => sides(await reader.totalsBefore(timeUs, sequence, account));
    const times = { fromUs: fromUs ?? timeMinUs, untilUs: untilUs ?? timeMaxUs };
    const range: TransferRange = { ...times, account, order: basis, afterSequence: 0n, untilSequence: sequence };
    return { range, before: await at(times.fromUs), end: await at(times.untilUs) };
  }
  const sequenceBefore = async (timeUs: bigint | undefined, open: bigint) => {
    if (timeUs === undefined) return open;
    const found = await reader.sequenceAt(timeUs - 1n);
    return found < sequence ? found : sequence;
  };
  const afterSequence = await sequenceBefore(fromUs, 0n);
  const untilSequence = await sequenceBefore(untilUs, sequence);
  const at = async (journal: bigint) => sides(await reader.totalsAfter(journal, account));
  return {
    range: { account, order: basis, afterSequence, untilSequence, fromUs: timeMinUs, untilUs: timeMaxUs },
    before: await at(afterSequence),
    end: await at(untilSequence),
  };
}

function sides([totals]: readonly AccountTotals[]): Sides {
  return totals ?? { debit: 0n, credit: 0n };
}

function withBalances(
  transfers: readonly BookedTransfer[],
  { code }: AccountName,
  { normalSide }: AccountKind,
  from: bigint,
): StatementLine[] {
  let balance = from;
  return transfers.map((transfer) => {
    const isDebit = transfer.debit === code;
    const debited = isDebit ? transfer.amount : 0n;
    const credited = isDebit ? 0n : transfer.amount;
    balance += balanceOn(normalSide, { debit: debited, credit: credited });
    return { ...transfer, counterpart: isDebit ? transfer.credit : transfer.debit, debited, credited, balance };
  });
}

function placeOf({ effectiveAtUs, sequence, position, balance }: StatementLine): StatementPlace {
  return { effectiveAtUs, sequence, position, balance };
}
