/**
 * The gate of a shard as a row of its database, and a database that commits only behind it.
 *
 * Before each COMMIT the transaction takes the gate shared and reads its epoch; closing takes it alone. So closing waits for
 * commits under way and for nothing else, and a transaction that was begun before it is rolled back whenever it comes. In
 * PostgreSQL what is taken is an advisory lock, whose queue is fair and which writes nothing; in MariaDB the row.
 */
import type { Sql, SqlDialect, SqlExecutor, SqlTransaction } from '../sql/sql.ts';
import { ShardClosed, type ShardGate } from './gate.ts';

/** A row that has a column `epoch`. */
export interface GateRow {
  readonly table: string;
  readonly where: string;
}

export const gateRow: GateRow = { table: 'shard_gate', where: 'id = 1' };

/** The gate that a row is. `lock` is a statement that a closing runs first, in its transaction. */
export function rowGate(sql: Sql, { table, where }: GateRow, lock = ''): ShardGate {
  const epoch = async (executor: SqlExecutor = sql) => {
    const [row] = await executor.query<{ epoch: bigint }>(`SELECT epoch FROM ${table} WHERE ${where}`);
    if (row === undefined) throw new Error(`there is no row of ${table}`);
    return row.epoch;
  };
  const parameter = sql.dialect === 'mysql' ? '?' : '$1';
  return {
    epoch: () => epoch(),
    close: () =>
      sql.transaction(async (tx) => {
        if (lock !== '') await tx.query(lock);
        await tx.execute(`UPDATE ${table} SET epoch = -ABS(epoch) - 1 WHERE ${where}`);
        return epoch(tx);
      }),
    open: async (closedAt) =>
      (await sql.execute(
        `UPDATE ${table} SET epoch = 1 - epoch WHERE ${where} AND epoch = ${parameter} AND epoch < 0`,
        [closedAt],
      )) === 1,
  };
}

interface Statements {
  readonly table: string;
  readonly row: string;
  /** Taken by a closing. */
  readonly alone: string;
  /** Taken by a commit before it reads. */
  readonly shared: string;
  readonly read: string;
}

const lockKey = "hashtextextended('suuupra:shard-gate', 0)";

const statements: Readonly<Record<SqlDialect, Statements>> = {
  postgres: {
    table: 'CREATE TABLE IF NOT EXISTS shard_gate (id int PRIMARY KEY, epoch bigint NOT NULL)',
    row: 'INSERT INTO shard_gate (id, epoch) VALUES (1, -1) ON CONFLICT DO NOTHING',
    alone: `SELECT pg_advisory_xact_lock(${lockKey})`,
    // A statement of its own: what is read after it is what a closing left.
    shared: `SELECT pg_advisory_xact_lock_shared(${lockKey})`,
    read: 'SELECT epoch FROM shard_gate WHERE id = 1',
  },
  mysql: {
    table: 'CREATE TABLE IF NOT EXISTS shard_gate (id int PRIMARY KEY, epoch bigint NOT NULL) ENGINE = InnoDB',
    row: 'INSERT IGNORE INTO shard_gate (id, epoch) VALUES (1, -1)',
    alone: '',
    shared: '',
    read: 'SELECT epoch FROM shard_gate WHERE id = 1 LOCK IN SHARE MODE',
  },
};

/** The gate of this database, made closed where there is none: who serves the shard opens it when the directory says so. */
export async function openGate(sql: Sql): Promise<ShardGate> {
  const { table, row, alone } = statements[sql.dialect];
  const known = await sql.query(exists[sql.dialect]);
  if (known.length === 0) await sql.execute(table);
  await sql.execute(row);
  return rowGate(sql, gateRow, alone);
}

const exists: Readonly<Record<SqlDialect, string>> = {
  postgres: "SELECT 1 AS found FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'shard_gate'",
  mysql:
    "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'shard_gate'",
};

/**
 * The same database, which commits only while the gate is open and has the epoch that the transaction began under; else it
 * throws ShardClosed. A statement that is no SELECT becomes a transaction of its own. SELECTs by themselves are not held: who
 * only reads looks at the gate afterwards.
 */
export async function behindGate(sql: Sql, gate: Pick<ShardGate, 'epoch'>): Promise<Sql> {
  let known = await gate.epoch();
  const { shared, read } = statements[sql.dialect];
  const check = async (tx: SqlTransaction, begun: bigint) => {
    if (shared !== '') await tx.query(shared);
    const [row] = await tx.query<{ epoch: bigint }>(read);
    const now = row?.epoch ?? -1n;
    // Opened again meanwhile: the next transaction begins under that.
    if (now > 0n) known = now;
    if (now !== begun || now < 0n) throw new ShardClosed();
  };
  const transaction: Sql['transaction'] = (work, options) =>
    options?.readOnly === true
      ? sql.transaction(work, options)
      : sql.transaction((tx) => {
          const begun = known;
          tx.beforeCommit(() => check(tx, begun));
          return work(tx);
        }, options);
  return {
    dialect: sql.dialect,
    query: (text, values) =>
      /^\s*select\b/i.test(text) ? sql.query(text, values) : transaction((tx) => tx.query(text, values)),
    execute: (text, values) => transaction((tx) => tx.execute(text, values)),
    transaction,
    migrate: (folder) => sql.migrate(folder),
    notify: (channel, payload) => sql.notify(channel, payload),
    listen: (channel, heard) => sql.listen(channel, heard),
    tryLock: (name) => sql.tryLock(name),
    openLockSession: () => sql.openLockSession(),
    staleReader: (lagMsMax) => sql.staleReader(lagMsMax),
    ping: () => sql.ping(),
    close: () => sql.close(),
  };
}
