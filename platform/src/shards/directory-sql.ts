/** The directory in a database, PostgreSQL's or MariaDB's. Every change is one statement that names what it expects. */
import { ConfigError } from '../config.ts';
import type { Sql, SqlDialect, SqlRow, SqlTransaction, SqlValue } from '../sql/sql.ts';
import { pinsMax, type ShardDirectory, type ShardMove, type ShardRow } from './directory.ts';

export interface DirectoryLayout {
  readonly shards: number;
  /** Where a shard is at first. */
  readonly placeOf: (shard: number) => string;
  /** Asked once, when the directory is made: the keys that shard 0 has already, which stay with it. */
  readonly pinned: () => Promise<readonly string[]>;
}

const pinsAtOnce = 1_000;

/**
 * Opens the directory of this database, and makes it where there is none. Any number of processes may do it at once. Throws
 * ConfigError when it was made for another number of shards: keys would be looked for where they are not.
 */
export async function openShardDirectory(sql: Sql, layout: DirectoryLayout): Promise<ShardDirectory> {
  for (const statement of tables[sql.dialect]) await sql.execute(statement);
  const [known] = await sql.query<{ count: bigint }>('SELECT count(*) AS count FROM shards');
  if (Number(known?.count ?? 0) === 0) {
    const keys = await layout.pinned();
    if (keys.length > pinsMax)
      throw new ConfigError(
        `${keys.length} keys have their rows here already; at most ${pinsMax} can stay on shard 0.`,
      );
    await sql.transaction((tx) => fill(tx, layout, keys));
  }
  const directory = directoryOn(sql);
  const { length } = await directory.list();
  if (length !== layout.shards)
    throw new ConfigError(`There are ${length} shards and ${layout.shards} are asked for: their number never changes.`);
  return directory;
}

/** The directory as it is; undefined where none was made. */
export async function findShardDirectory(sql: Sql): Promise<ShardDirectory | undefined> {
  const [found] = await sql.query(exists[sql.dialect]);
  return found === undefined ? undefined : directoryOn(sql);
}

const exists: Readonly<Record<SqlDialect, string>> = {
  postgres: "SELECT 1 AS found FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'shards'",
  mysql: "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'shards'",
};

const mysqlEnd = 'ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

const tables: Readonly<Record<SqlDialect, readonly string[]>> = {
  postgres: [
    `CREATE TABLE IF NOT EXISTS shards (
      shard int PRIMARY KEY,
      place text NOT NULL,
      epoch bigint NOT NULL,
      move_id text NOT NULL DEFAULT '',
      move_to text NOT NULL DEFAULT '',
      lease_until_ms bigint NOT NULL DEFAULT 0
    )`,
    'CREATE TABLE IF NOT EXISTS shard_pins (pinned text PRIMARY KEY, shard int NOT NULL)',
  ],
  mysql: [
    `CREATE TABLE IF NOT EXISTS shards (
      shard int PRIMARY KEY,
      place varchar(100) NOT NULL,
      epoch bigint NOT NULL,
      move_id varchar(100) NOT NULL DEFAULT '',
      move_to varchar(100) NOT NULL DEFAULT '',
      lease_until_ms bigint NOT NULL DEFAULT 0
    ) ${mysqlEnd}`,
    `CREATE TABLE IF NOT EXISTS shard_pins (pinned varchar(200) PRIMARY KEY, shard int NOT NULL) ${mysqlEnd}`,
  ],
};

/** Rows that another process made meanwhile stay. */
async function fill(tx: SqlTransaction, { shards, placeOf }: DirectoryLayout, keys: readonly string[]): Promise<void> {
  const add = (table: string, columns: string, rows: readonly (readonly SqlValue[])[]) =>
    tx.dialect === 'mysql'
      ? tx.execute(`INSERT IGNORE INTO ${table} (${columns}) VALUES ?`, [rows])
      : tx.execute(
          `INSERT INTO ${table} (${columns}) VALUES ${rows.map((row, at) => `(${row.map((_, i) => `$${at * row.length + i + 1}`).join(', ')})`).join(', ')} ON CONFLICT DO NOTHING`,
          rows.flat(),
        );
  for (let from = 0; from < keys.length; from += pinsAtOnce) {
    const pins = keys.slice(from, from + pinsAtOnce).map((key) => [key, 0] as const);
    await add('shard_pins', 'pinned, shard', pins);
  }
  const rows = Array.from({ length: shards }, (_, shard) => [shard, placeOf(shard), 1n] as const);
  await add('shards', 'shard, place, epoch', rows);
}

interface Row extends SqlRow {
  shard: number;
  place: string;
  epoch: bigint;
  move_id: string;
  move_to: string;
  lease_until_ms: bigint;
}

function rowOf(row: Row): ShardRow {
  const { shard, place, epoch, move_id: id, move_to: to } = row;
  const plain = { shard, place, epoch: BigInt(epoch) };
  return id === '' ? plain : { ...plain, move: { id, to, leaseUntilMs: Number(row.lease_until_ms) } };
}

function directoryOn(sql: Sql): ShardDirectory {
  /** `?` stands for a parameter in both; the driver of PostgreSQL numbers them. */
  const text = (statement: string) => {
    const pieces = statement.split('?');
    return sql.dialect === 'mysql' ? statement : pieces.reduce((before, after, at) => `${before}$${at}${after}`);
  };
  const change = async (statement: string, values: readonly SqlValue[]) =>
    (await sql.execute(text(statement), values)) === 1;
  return {
    list: async () => (await sql.query<Row>('SELECT * FROM shards ORDER BY shard')).map(rowOf),
    find: async (shard) => {
      const [row] = await sql.query<Row>(text('SELECT * FROM shards WHERE shard = ?'), [shard]);
      if (row === undefined) throw new Error(`there is no shard ${shard}`);
      return rowOf(row);
    },
    begin: (shard, from, { id, to, leaseUntilMs }: ShardMove, instead = '') =>
      change(
        'UPDATE shards SET move_id = ?, move_to = ?, lease_until_ms = ? WHERE shard = ? AND place = ? AND move_id = ?',
        [id, to, leaseUntilMs, shard, from, instead],
      ),
    renew: (shard, id, leaseUntilMs) =>
      change("UPDATE shards SET lease_until_ms = ? WHERE shard = ? AND move_id = ? AND move_id <> ''", [
        ...[leaseUntilMs, shard, id],
      ]),
    flip: (shard, id) =>
      change(
        "UPDATE shards SET place = move_to, epoch = epoch + 1, move_id = '', move_to = '' WHERE shard = ? AND move_id = ? AND move_id <> ''",
        [shard, id],
      ),
    undo: (shard, id) =>
      change("UPDATE shards SET move_id = '', move_to = '' WHERE shard = ? AND move_id = ? AND move_id <> ''", [
        shard,
        id,
      ]),
    pins: async () => {
      const rows = await sql.query<{ pinned: string; shard: number }>('SELECT pinned, shard FROM shard_pins');
      return new Map(rows.map(({ pinned, shard }) => [pinned, shard]));
    },
  };
}
