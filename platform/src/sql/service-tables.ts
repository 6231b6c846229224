/**
 * The tables that the platform itself keeps in each service's database: the outbox of what the service tells, the inbox
 * of what it has heard, and the answers to its idempotent calls.
 */
import { idempotencyTable } from './idempotency.ts';
import type { Sql } from './sql.ts';

/** After this time a repeated event or key is taken for a new one. Nothing of ours repeats itself after a month. */
const keptDays = 30;
/** Rows removed by one statement, so that no lock is held long. */
const pruneBatchMax = 1_000;

const statements: readonly string[] = [
  // The outbox is a queue: its rows are short-lived, so it is vacuumed by their number and not by their share.
  `CREATE TABLE IF NOT EXISTS outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    envelope bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`,
  `CREATE TABLE IF NOT EXISTS inbox (
    consumer text NOT NULL,
    event_id text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
  )`,
  idempotencyTable,
  'CREATE INDEX IF NOT EXISTS inbox_applied_at ON inbox USING brin (applied_at)',
  'CREATE INDEX IF NOT EXISTS idempotency_keys_created_at ON idempotency_keys USING brin (created_at)',
];

/** Makes the tables where they are missing. Any number of processes may do it at once. */
export async function prepareServiceDatabase(sql: Sql): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('suuupra:service-tables', 0))");
    for (const statement of statements) await tx.execute(statement);
  });
}

/** Removes what is older than 30 days from the inbox and the idempotency keys, in bounded batches. Gives the number of rows. */
export async function pruneServiceDatabase(sql: Sql): Promise<number> {
  let removed = 0;
  for (const [table, column] of [
    ['inbox', 'applied_at'],
    ['idempotency_keys', 'created_at'],
  ] as const) {
    for (;;) {
      const batch = await sql.execute(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM ${table} WHERE ${column} < now() - make_interval(days => $1) LIMIT $2))`,
        [keptDays, pruneBatchMax],
      );
      removed += batch;
      if (batch < pruneBatchMax) break;
    }
  }
  return removed;
}
