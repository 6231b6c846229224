/**
 * The tables that the platform itself keeps in each service's database: the outbox of what the service tells, the inbox
 * of what it has heard, and the answers to its idempotent calls.
 */
import { fileURLToPath } from 'node:url';
import { idempotencyTable } from './idempotency.ts';
import type { Sql, SqlDialect } from './sql.ts';
import { hasTables } from './sql-mysql-migrations.ts';

/** After this time a repeated event or key is taken for a new one. Nothing of ours repeats itself after a month. */
const keptDays = 30;
/** Rows removed by one statement, so that no lock is held long. */
const pruneBatchMax = 1_000;

const statements: Readonly<Record<SqlDialect, readonly string[]>> = {
  postgres: [
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
    idempotencyTable.postgres,
    'CREATE INDEX IF NOT EXISTS inbox_applied_at ON inbox USING brin (applied_at)',
    'CREATE INDEX IF NOT EXISTS idempotency_keys_created_at ON idempotency_keys USING brin (created_at)',
  ],
  mysql: [
    `CREATE TABLE IF NOT EXISTS outbox (
      id bigint AUTO_INCREMENT PRIMARY KEY,
      topic varchar(100) NOT NULL,
      envelope mediumblob NOT NULL,
      created_at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    // The claim says which transaction wrote a row: there is no common INSERT … RETURNING to ask.
    `CREATE TABLE IF NOT EXISTS inbox (
      consumer varchar(100) NOT NULL,
      event_id varchar(200) NOT NULL,
      claim char(24) NOT NULL,
      applied_at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      PRIMARY KEY (consumer, event_id),
      KEY inbox_applied_at (applied_at)
    ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    idempotencyTable.mysql,
  ],
};

/** Makes the tables where they are missing. Any number of processes may do it at once. */
export async function prepareServiceDatabase(sql: Sql): Promise<void> {
  if (sql.dialect === 'mysql') {
    if (await hasTables(sql, ['outbox', 'inbox', 'idempotency_keys'])) return;
    // DDL commits by itself there, and each statement holds the lock of its table's name.
    for (const statement of statements.mysql) await sql.execute(statement);
    return;
  }
  await sql.transaction(async (tx) => {
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('suuupra:service-tables', 0))");
    for (const statement of statements.postgres) await tx.execute(statement);
  });
}

/** Folders of a service's numbered migrations: one, in PostgreSQL's language, or one for each language it speaks. */
export type Migrations = URL | (Readonly<Record<'postgres', URL>> & Readonly<Partial<Record<SqlDialect, URL>>>);

/** Applies what is missing. Throws a sentence when the service does not speak the database's language. */
export async function migrateService(sql: Sql, service: { name: string; migrations?: Migrations }): Promise<void> {
  if (service.migrations === undefined) return;
  const folders = service.migrations instanceof URL ? { postgres: service.migrations } : service.migrations;
  const folder = (folders as Partial<Record<SqlDialect, URL>>)[sql.dialect];
  if (folder === undefined)
    throw new Error(`${service.name} does not run on ${sql.dialect}; give it a PostgreSQL database.`);
  await sql.migrate(fileURLToPath(folder));
}

/** Removes what is older than 30 days from the inbox and the idempotency keys, in bounded batches. Gives the number of rows. */
export async function pruneServiceDatabase(sql: Sql): Promise<number> {
  let removed = 0;
  for (const [table, column] of [
    ['inbox', 'applied_at'],
    ['idempotency_keys', 'created_at'],
  ] as const) {
    for (;;) {
      const batch = await sql.execute(pruneText[sql.dialect](table, column), [keptDays, pruneBatchMax]);
      removed += batch;
      if (batch < pruneBatchMax) break;
    }
  }
  return removed;
}

const pruneText: Readonly<Record<SqlDialect, (table: string, column: string) => string>> = {
  postgres: (table, column) => `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${table} WHERE ${column} < now() - make_interval(days => $1) LIMIT $2))`,
  mysql: (table, column) => `DELETE FROM ${table} WHERE ${column} < NOW(3) - INTERVAL ? DAY ORDER BY ${column} LIMIT ?`,
};
