/**
 * What is read from the book. One adapter for each engine; reader.contract.ts and store.contract.ts say what all promise.
 */
import type { AccountState } from './account.ts';
import type { Batch, Journal } from './chain.ts';
import type { AccountKind } from './chart.ts';
import type { Exchange } from './exchange.ts';
import type { SoldLine, Transfer } from './journals.ts';
import type { Totals } from './ledger.ts';

export interface LedgerReading {
  /** Runs `work` on one consistent view of the book. */
  reading<T>(work: (reader: LedgerReader) => Promise<T>): Promise<T>;
}

/** A book of one shard or of many, for who reports from it. */
export interface ReportReading {
  /** Runs `work` on one consistent view of the book; of many shards, of each by itself. */
  reading<T>(work: (reader: ReportReader) => Promise<T>): Promise<T>;
}

export interface ReportReader {
  /** Where the writer stands. */
  head(): Promise<Head>;
  /** The last journal recorded at or before the time; 0 when there is none. */
  sequenceAt(atUs: bigint): Promise<bigint>;
  /** Accounts with their totals now. */
  totals(): Promise<AccountTotals[]>;
  /** Accounts that were touched up to and with the journal, with their totals after it; or one of them. */
  totalsAfter(sequence: bigint, only?: AccountName): Promise<AccountTotals[]>;
  /** The same of journals up to and with `sequence` that happened before the time. */
  totalsBefore(beforeUs: bigint, sequence: bigint, only?: AccountName): Promise<AccountTotals[]>;
  /** Journals below `before`, newest first. */
  entries(filter: EntryFilter, before: bigint, limit: number): Promise<RecordedJournal[]>;
  /** An instructor's sold lines after the given one, newest first. */
  soldLines(instructorId: string, after: SoldLineKey | undefined, limit: number): Promise<SoldLine[]>;
  /** Currencies of an instructor's sales, the most frequent first. */
  currenciesOf(instructorId: string): Promise<string[]>;
  /** What one account code adds up to in each of its currencies. */
  totalsOf(code: string): Promise<AccountTotals[]>;
  /** Accounts after the given one, by code and currency; `parent` is a code and all below it, empty text any. */
  accounts(
    filter: { readonly parent: string; readonly currency: string },
    beyond: AccountName | undefined,
    limit: number,
  ): Promise<AccountStanding[]>;
  /** Accounts that are watched, after the given one. */
  watchedAccounts(beyond: AccountName | undefined, limit: number): Promise<AccountStanding[]>;
  account(name: AccountName): Promise<AccountStanding | undefined>;
  /** Transfers of a range after the given place, in order. */
  transfers(range: TransferRange, after: TransferKey, limit: number): Promise<BookedTransfer[]>;
  /** The journals with these sequences, in order. */
  journals(sequences: readonly bigint[]): Promise<RecordedJournal[]>;
  /** The sold lines with these ids. */
  lines(lineIds: readonly string[]): Promise<SoldLine[]>;
  /** Accounts below a parent code that moved by journals above `after`, up to and with `until`; by code and currency. */
  movedAccounts(
    parent: string,
    range: { readonly after: bigint; readonly until: bigint },
    beyond: AccountName | undefined,
    limit: number,
  ): Promise<AccountName[]>;
  /** Sealed periods with a number below `before`, newest first. */
  periods(before: bigint, limit: number): Promise<SealedPeriod[]>;
  /** What accounts added up to over all that happened before the end of the period, as it was sealed. */
  periodTotals(number: bigint): Promise<AccountTotals[]>;
}

/** And for who checks one shard's book, row by row. */
export interface LedgerReader extends ReportReader {
  /** Sequences above `after` of the journals whose holds are open, in order. */
  openHolds(after: bigint, limit: number): Promise<bigint[]>;
  /** Orders with sold lines after the given order id, in order. */
  soldOrders(after: string, limit: number): Promise<SoldOrder[]>;
  /**
   * Batches above `after` with the journals from their first to their last that name them, in order: at most `limit`, and
   * fewer where they have thousands of journals.
   */
  batches(after: bigint, limit: number): Promise<StoredBatch[]>;
  /** The least and the greatest sequence of all journals that are there, whatever batch they name; undefined without any. */
  journalSpan(): Promise<JournalSpan | undefined>;
  /** The writer books nothing silently before this time: the end of the last sealed period, 0 without any. */
  sealedUntilUs(): Promise<bigint>;
  /** Kept snapshots of the totals above `after`, in order. */
  snapshots(after: bigint, limit: number): Promise<Snapshot[]>;
}

const journalsPerRead = 8_000n;
/** More than the writer puts into one batch: a stored place beyond it is not true, and is not read up to. */
const journalsInBatchMax = 100_000n;

interface StoredSpan {
  readonly first_journal: bigint;
  readonly last_journal: bigint;
}

/** The first of these batches, as many as are read together, and the sequences of their journals. */
export function readTogether<T extends StoredSpan>(
  batches: readonly T[],
): { readonly batches: readonly T[]; readonly first: bigint; readonly last: bigint } {
  const first = batches[0]?.first_journal ?? 0n;
  const beyond = batches.findIndex((batch, index) => index > 0 && batch.last_journal - first >= journalsPerRead);
  const together = beyond < 0 ? batches : batches.slice(0, beyond);
  const last = together.at(-1)?.last_journal ?? 0n;
  return { batches: together, first, last: last - first < journalsInBatchMax ? last : first + journalsInBatchMax };
}

export interface JournalSpan {
  readonly first: bigint;
  readonly last: bigint;
}

export interface Head {
  readonly batchSequence: bigint;
  readonly journalSequence: bigint;
  readonly recordedAtUs: bigint;
  readonly hash: Uint8Array;
}

export interface AccountTotals extends AccountKind, Totals {
  readonly currency: string;
}

/** An account now, with what is held and what it allows. */
export interface AccountStanding extends AccountTotals, AccountState {}

export interface AccountName {
  readonly code: string;
  readonly currency: string;
}

/** Journals above `afterSequence`, up to and with `untilSequence`, that happened from `fromUs` on and before `untilUs`. */
export interface TransferRange {
  readonly afterSequence: bigint;
  readonly untilSequence: bigint;
  readonly fromUs: bigint;
  readonly untilUs: bigint;
  /** `recorded` is by sequence, `effective` by when it happened and then by sequence. */
  readonly order: 'recorded' | 'effective';
  /** Transfers that have this account on either side; absent: all. */
  readonly account?: AccountName;
}

export interface TransferKey {
  readonly effectiveAtUs: bigint;
  readonly sequence: bigint;
  readonly position: number;
}

/** A transfer with its journal. */
export interface BookedTransfer extends TransferKey, Transfer {
  readonly journalId: string;
  readonly kind: string;
  readonly reference: string;
  readonly description: string;
  readonly currency: string;
  readonly recordedAtUs: bigint;
  /** Of a journal of an exchange. */
  readonly exchange?: Exchange | undefined;
}

export interface SealedPeriod {
  /** Gapless from 1. */
  readonly number: bigint;
  readonly fromUs: bigint;
  readonly untilUs: bigint;
  readonly sealedAtUs: bigint;
  readonly sealedBy: string;
  readonly note: string;
  /** Where the book stood. */
  readonly sequence: bigint;
  readonly batchSequence: bigint;
  readonly hash: Uint8Array;
}

/** Empty text means: any. The account 2200 stands for all its sub-accounts. */
export interface EntryFilter {
  readonly reference: string;
  readonly account: string;
}

export interface RecordedJournal extends Journal {
  readonly recordedAtUs: bigint;
}

export interface SoldLineKey {
  readonly soldBy: bigint;
  readonly lineId: string;
}

export interface StoredBatch extends Batch {
  readonly hash: Uint8Array;
  readonly firstJournal: bigint;
  readonly lastJournal: bigint;
  readonly journals: readonly RecordedJournal[];
}

/** What was sold of an order, and the journals that booked it. */
export interface SoldOrder {
  readonly orderId: string;
  readonly lines: readonly SoldLine[];
  readonly journals: readonly RecordedJournal[];
}

export interface Snapshot {
  readonly sequence: bigint;
  readonly totals: readonly NamedTotals[];
}

export interface NamedTotals extends AccountName, Totals {}

/** All that integers of the database hold lies between: for a range that is open on a side. */
export const timeMinUs = -9_223_372_036_854_775_808n;
export const timeMaxUs = 9_223_372_036_854_775_807n;

/** The place before the first transfer of a range. */
export function beforeRange(range: TransferRange): TransferKey {
  const { fromUs, afterSequence, order } = range;
  return { effectiveAtUs: fromUs, sequence: order === 'recorded' ? afterSequence + 1n : 0n, position: 0 };
}
