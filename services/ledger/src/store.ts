/**
 * Where the book is kept. One adapter for each engine, in that engine's idiom; store.contract.ts says what all promise.
 */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Batch, Journal } from './chain.ts';
import type { AccountKind } from './chart.ts';
import type { SoldLine } from './journals.ts';
import type { Applied, LedgerCommand, LedgerState, Totals } from './ledger.ts';

export interface LedgerStore {
  /**
   * Takes the writer's row and reads what the commands need. Until the transaction ends nobody else writes, in any
   * process, so what was read stays true.
   */
  begin(tx: SqlTransaction, commands: readonly LedgerCommand[]): Promise<LedgerState>;
  /**
   * Writes what `apply` made of the state that `begin` read: the batch, its journals and transfers, the folded account
   * totals, the sold lines, and the writer's new place. Throws when the writer's row is not where the state says: a
   * writer of an old epoch commits nothing.
   */
  write(tx: SqlTransaction, state: LedgerState, applied: Applied): Promise<void>;
  /** Runs `work` on one consistent view of the book. */
  reading<T>(work: (reader: LedgerReader) => Promise<T>): Promise<T>;
}

export interface LedgerReader {
  /** Where the writer stands. */
  head(): Promise<Head>;
  /** The last journal recorded at or before the time; 0 when there is none. */
  sequenceAt(atUs: bigint): Promise<bigint>;
  /** Accounts with their totals now. */
  totals(): Promise<AccountTotals[]>;
  /** Accounts that were touched up to and with the journal, with their totals after it. */
  totalsAfter(sequence: bigint): Promise<AccountTotals[]>;
  /** Journals below `before`, newest first. */
  entries(filter: EntryFilter, before: bigint, limit: number): Promise<RecordedJournal[]>;
  /** An instructor's sold lines after the given one, newest first. */
  soldLines(instructorId: string, after: SoldLineKey | undefined, limit: number): Promise<SoldLine[]>;
  /** Currencies of an instructor's sales, the most frequent first. */
  currenciesOf(instructorId: string): Promise<string[]>;
  /** What one account code adds up to in each of its currencies. */
  totalsOf(code: string): Promise<AccountTotals[]>;
  /** Batches above `after` with all they hold, in order. */
  batches(after: bigint, limit: number): Promise<StoredBatch[]>;
  /** Kept snapshots of the totals above `after`, in order. */
  snapshots(after: bigint, limit: number): Promise<Snapshot[]>;
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

export interface Snapshot {
  readonly sequence: bigint;
  readonly totals: readonly AccountTotals[];
}
