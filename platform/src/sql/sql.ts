/**
 * The `sql` port: one relational database of one service.
 *
 * Adapters: sql-embedded.ts (a PostgreSQL 18 of our own, on this machine), sql-postgres.ts (any PostgreSQL by URL),
 * sql-mysql.ts (any MariaDB or MySQL by URL). Statements are in the engine's own idiom; `dialect` says which.
 * Isolation is READ COMMITTED; what must not interleave takes row locks (`SELECT … FOR UPDATE`) or unique constraints.
 * 64-bit integers arrive as bigint and decimals as string, times as Date, bytes as Buffer; `jsonb` of PostgreSQL as
 * parsed JSON, JSON of MySQL as text.
 */

/** Which language a database speaks: `mysql` stands for MySQL 8 and MariaDB 10.11, in what they have in common. */
export type SqlDialect = 'postgres' | 'mysql';

/** One statement's parameters: $1, $2, … in `postgres`, one ? each in `mysql`, in order. */
export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | null | readonly SqlValue[];

export type SqlRow = Record<string, unknown>;

export interface SqlStatement {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

export interface SqlExecutor {
  readonly dialect: SqlDialect;
  /** Runs one statement and gives its rows. Throws SqlFault. */
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Runs one statement and gives the number of rows it touched. */
  execute(text: string, values?: readonly SqlValue[]): Promise<number>;
}

/**
 * A transaction: everything through it commits together or not at all. Statements that are begun together run in the order
 * in which they were begun, and in `postgres` go to the server together; what is begun after its end is refused.
 */
export interface SqlTransaction extends SqlExecutor {
  /**
   * Runs in the transaction when its work is done, just before COMMIT, in the order of the calls: so that what many parts
   * of the work add is written by one statement. What it throws rolls all back.
   */
  beforeCommit(run: () => Promise<void>): void;
  /**
   * Statements that are run last, after all of `beforeCommit`, and whose answers nobody needs: they go to the server
   * together with COMMIT. When one fails all is rolled back, and its fault is thrown.
   */
  withCommit(statements: () => readonly SqlStatement[]): void;
  /** Runs after a successful commit; never when the transaction rolls back. Must not throw. */
  afterCommit(run: () => void): void;
}

export interface SqlTransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read';
  readonly readOnly?: boolean;
}

export interface Sql extends SqlExecutor {
  /**
   * Runs `work` in one transaction; commits when it resolves, rolls back when it throws. A commit whose answer was lost
   * throws SqlFault with kind `commit_unknown`: the caller must look before it repeats.
   * Deadlocks and serialisation failures throw kind `retryable`; `retrying` below repeats them.
   */
  transaction<T>(work: (tx: SqlTransaction) => Promise<T>, options?: SqlTransactionOptions): Promise<T>;
  /**
   * Applies the numbered `*.sql` files of a folder that are not applied yet, under one lock: in `postgres` each in a
   * transaction, in `mysql`, where DDL commits by itself, statement by statement, going on where it stopped.
   */
  migrate(folder: string): Promise<void>;
  /** Tells all who listen on the channel. A hint that may be lost: whoever listens also looks by itself now and then. */
  notify(channel: string, payload: string): Promise<void>;
  /**
   * Calls `heard` for each notification on the channel, and with '' when anything may have been missed: after a
   * reconnection, and every second in `mysql`, which has no LISTEN and hears only what its own process tells.
   */
  listen(channel: string, heard: (payload: string) => void): Promise<{ close(): Promise<void> }>;
  /**
   * Holds a session-level lock by name for as long as the connection lives. Resolves undefined at once when another
   * session holds it. `lost` is aborted when the connection, and so the lock, is gone.
   */
  tryLock(name: string): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined>;
  /** Like `tryLock`, for many locks on one connection. */
  openLockSession(): Promise<SqlLockSession>;
  /**
   * For reads that may be `lagMsMax` old: what was committed longer ago they see, wholly. They go to a replica that is known
   * to be as fresh as that, and to this database when there is none or it fails. For lists and reports that say of
   * themselves that they lag; never for what decides, or for what the reader has just written.
   */
  staleReader(lagMsMax: number): StaleReader;
  /** Round trip of a trivial statement in milliseconds; throws when the database does not answer. */
  ping(): Promise<number>;
  close(): Promise<void>;
}

/** Each SELECT by itself; throws TypeError for any other statement. */
export interface StaleReader extends Pick<SqlExecutor, 'dialect' | 'query'> {}

/**
 * One connection of its own. Its locks and subscriptions live and die with it: when `lost` is aborted all of them are
 * gone, other sessions may hold the locks already, and the holder opens a new session.
 */
export interface SqlLockSession {
  /** Aborted when the connection is gone, also by `close`. */
  readonly lost: AbortSignal;
  /** Takes the lock by name; false at once when another session holds it. Taken twice it must be given back twice. */
  tryLock(name: string): Promise<boolean>;
  unlock(name: string): Promise<void>;
  /** Calls `heard` for each notification on the channel for as long as the session lives. */
  listen(channel: string, heard: (payload: string) => void): Promise<void>;
  close(): Promise<void>;
}

export type SqlFaultKind =
  | 'unique'
  | 'foreign_key'
  | 'check'
  | 'permission'
  | 'retryable'
  | 'unavailable'
  | 'commit_unknown'
  | 'invalid'
  | 'other';

export class SqlFault extends Error {
  readonly kind: SqlFaultKind;
  /** The violated constraint, where there is one. */
  readonly constraint: string;
  constructor(kind: SqlFaultKind, message: string, constraint = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'SqlFault';
    this.kind = kind;
    this.constraint = constraint;
  }
}

/** For what somebody still does in a transaction that has ended: it would be committed by itself. */
export function transactionIsOver(): SqlFault {
  return new SqlFault('other', 'the transaction is over; nothing more can be done in it');
}

/** Repeats a transaction that lost a deadlock or a serialisation race, at most `attemptsMax` times. */
export async function retrying<T>(run: () => Promise<T>, attemptsMax = 5): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof SqlFault) || error.kind !== 'retryable' || attempt >= attemptsMax) throw error;
    }
  }
}
