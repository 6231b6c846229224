/**
 * One shard's book in one database: opened, closed for a move, opened again.
 *
 * A closed book has an epoch below zero. Closing is one change of the writer's row, the row that every commit has to find
 * where its writer saw it: from then on nobody who wrote before commits, and nobody takes over. The amount of the epoch only
 * grows, so that opening a book again names the very closing that it takes back, and a later closing is never undone by
 * somebody slow.
 */
import type { Sql, SqlDialect } from '@suuupra/platform/sql/sql';
import type { LedgerDesk } from './desk.ts';
import type { LedgerStore } from './store.ts';

/** A book as a move sees it. */
export interface BookGate {
  /** Below zero: closed. */
  epoch(): Promise<bigint>;
  /** Closes the book, also one that is closed. Gives its epoch, below zero. Waits until a commit under way is decided. */
  close(): Promise<bigint>;
  /** Opens the book that was closed under this epoch; false when it is open or was closed again since. */
  open(closedAt: bigint): Promise<boolean>;
}

/** A shard's book on a place, connected. */
export interface ShardBook {
  readonly place: string;
  readonly sql: Sql;
  readonly store: LedgerStore;
  readonly desk: LedgerDesk;
  readonly gate: BookGate;
  /** Something may be waiting in this database's outbox. */
  nudge(): void;
  close(): Promise<void>;
}

interface Statements {
  readonly close: string;
  readonly open: string;
  readonly advance: string;
}

const statements: Readonly<Record<SqlDialect, Statements>> = {
  postgres: {
    close: 'UPDATE ledger_writer SET epoch = -abs(epoch) - 1 WHERE shard = 0',
    open: 'UPDATE ledger_writer SET epoch = 1 - epoch WHERE shard = 0 AND epoch = $1 AND epoch < 0',
    advance: 'UPDATE ledger_writer SET recorded_at_us = $1 WHERE shard = 0 AND recorded_at_us < $2',
  },
  mysql: {
    close: 'UPDATE ledger_writer SET epoch = -ABS(epoch) - 1 WHERE shard = 0',
    open: 'UPDATE ledger_writer SET epoch = 1 - epoch WHERE shard = 0 AND epoch = ? AND epoch < 0',
    advance: 'UPDATE ledger_writer SET recorded_at_us = ? WHERE shard = 0 AND recorded_at_us < ?',
  },
};

export function bookGate(sql: Sql): BookGate {
  const { close, open } = statements[sql.dialect];
  const epoch = async () => {
    const [row] = await sql.query<{ epoch: bigint }>('SELECT epoch FROM ledger_writer WHERE shard = 0');
    if (row === undefined) throw new Error('the ledger has no writer row');
    return row.epoch;
  };
  return {
    epoch,
    close: async () => {
      await sql.execute(close);
      return epoch();
    },
    open: async (closedAt) => (await sql.execute(open, [closedAt])) === 1,
  };
}

/**
 * Nothing is recorded in this book at or before the time any more: what stands in it up to then is final. A writer that
 * remembers an earlier time finds itself overtaken and looks again.
 */
export async function finishTime(sql: Sql, untilUs: bigint): Promise<void> {
  await sql.execute(statements[sql.dialect].advance, [untilUs, untilUs]);
}
