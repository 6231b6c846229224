/**
 * One shard's book in one database: opened, closed for a move, opened again.
 *
 * A closed book has an epoch below zero. Closing is one change of the writer's row, the row that every commit has to find
 * where its writer saw it: from then on nobody who wrote before commits, and nobody takes over. The amount of the epoch only
 * grows, so that opening a book again names the very closing that it takes back, and a later closing is never undone by
 * somebody slow.
 */
import type { ShardGate } from '@suuupra/platform/shards/gate';
import { rowGate } from '@suuupra/platform/shards/gate-sql';
import type { Sql, SqlDialect } from '@suuupra/platform/sql/sql';
import type { LedgerDesk } from './desk.ts';
import type { LedgerStore } from './store.ts';

/** A shard's book on a place, connected. */
export interface ShardBook {
  readonly place: string;
  readonly sql: Sql;
  readonly store: LedgerStore;
  readonly desk: LedgerDesk;
  readonly gate: ShardGate;
  /** Something may be waiting in this database's outbox. */
  nudge(): void;
  close(): Promise<void>;
}

export function bookGate(sql: Sql): ShardGate {
  return rowGate(sql, { table: 'ledger_writer', where: 'shard = 0' });
}

/**
 * Nothing is recorded in this book at or before the time any more: what stands in it up to then is final. A writer that
 * remembers an earlier time finds itself overtaken and looks again.
 */
export async function finishTime(sql: Sql, untilUs: bigint): Promise<void> {
  await sql.execute(advance[sql.dialect], [untilUs, untilUs]);
}

const advance: Readonly<Record<SqlDialect, string>> = {
  postgres: 'UPDATE ledger_writer SET recorded_at_us = $1 WHERE shard = 0 AND recorded_at_us < $2',
  mysql: 'UPDATE ledger_writer SET recorded_at_us = ? WHERE shard = 0 AND recorded_at_us < ?',
};
