/**
 * Where the book is kept, written. One adapter for each engine, in that engine's idiom; store.contract.ts says what all
 * promise. What is read from it is in reader.ts.
 *
 * Nothing is locked between reading and writing. Whoever writes says where the book stood when they looked (`Place`), and
 * `commit` moves it from there in the statement that comes first; when it stands elsewhere by now nothing is written. So
 * however long a writer was paused and whoever wrote meanwhile, what was worked out on an old state never gets in.
 */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { KnownJournal, Needs } from './command.ts';
import type { Applied, Loaded, Place } from './ledger.ts';
import type { LedgerReading } from './reader.ts';

/** This book takes nothing more: it was closed, because its shard moves or has moved to another database. */
export class BookClosed extends Error {
  constructor() {
    super('the book is closed here: its shard moves to another database');
    this.name = 'BookClosed';
  }
}

export interface LedgerStore extends LedgerReading {
  /** Why an answered commit may be lost with the machine, as one sentence; undefined when it is on disk. */
  durabilityGap(): Promise<string | undefined>;
  /**
   * Makes the caller the writer: the epoch goes up by one, and whoever wrote under an older one commits nothing more. Waits
   * until a commit under way is decided. Throws BookClosed where the book is closed (its epoch is below zero).
   */
  takeOver(): Promise<Place>;
  /** Where the book stands. Waits (a row lock) until a commit under way is decided. */
  place(): Promise<Place>;
  /** Reads what of the book these needs name. Journals come with what became of them. */
  load(needs: Needs): Promise<Loaded>;
  /** Holds whose time has come, the earliest first; and when the next one's comes (0: none waits). */
  dueHolds(nowUs: bigint, limit: number): Promise<{ readonly due: readonly KnownJournal[]; readonly nextUs: bigint }>;
  /** Hash of the batch with this sequence; undefined when there is none. */
  batchHash(sequence: bigint): Promise<Uint8Array | undefined>;
  /**
   * Writes what `apply` made of the state read at `from`, in one transaction: the writer's new place first, the batch, its
   * journals, transfers, holds and refused commands, the changed accounts and sold lines; then `also`, for what is told.
   *
   * `fenced`: the book stands elsewhere, or another epoch began; nothing was written. Throws what `Sql.transaction` throws:
   * `commit_unknown` when the answer to COMMIT was lost; of everything else nothing was kept.
   */
  commit(from: Place, applied: Applied, also?: (tx: SqlTransaction) => Promise<void>): Promise<'committed' | 'fenced'>;
}
