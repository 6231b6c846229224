/** Rows of a shard from one MariaDB or MySQL to another. A key is the hexadecimal of its columns, with commas between. */
import { insertRows } from '../sql/mysql-rows.ts';
import type { SqlExecutor, SqlRow, SqlValue } from '../sql/sql.ts';
import type { CopiedTable, CopyRows, Note } from './copy-sql.ts';

/** `number`, `bytes` or `text`. */
type ColumnKind = 'number' | 'bytes' | 'text';

interface ColumnRow extends SqlRow {
  table_name: string;
  column_name: string;
  data_type: string;
  is_generated: number;
}

interface Columns {
  readonly names: readonly string[];
  readonly kinds: ReadonlyMap<string, ColumnKind>;
}

const known = new WeakMap<CopiedTable, Columns>();

function kindOf(type: string): ColumnKind {
  if (/int$/.test(type)) return 'number';
  return /blob|binary/.test(type) ? 'bytes' : 'text';
}

async function columnsOf(executor: SqlExecutor, table: CopiedTable): Promise<Columns> {
  const before = known.get(table);
  if (before !== undefined) return before;
  const rows = await executor.query<ColumnRow>(
    `SELECT table_name AS table_name, column_name AS column_name, data_type AS data_type,
       COALESCE(generation_expression, '') <> '' AS is_generated
     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`,
    [table.name],
  );
  const columns = {
    names: rows.filter((row) => Number(row.is_generated) === 0).map((row) => row.column_name),
    kinds: new Map(rows.map((row) => [row.column_name, kindOf(row.data_type)])),
  };
  known.set(table, columns);
  return columns;
}

const quoted = (names: readonly string[], prefix = '') => names.map((name) => `${prefix}\`${name}\``).join(', ');

/** How a key is written by the engine. */
function keyText(prefix: string, { key }: CopiedTable, { kinds }: Columns): string {
  const parts = key.map((name) => {
    const column = `${prefix}\`${name}\``;
    return kinds.get(name) === 'number' ? `HEX(CAST(${column} AS CHAR))` : `HEX(${column})`;
  });
  return `CONCAT_WS(',', ${parts.join(', ')})`;
}

/** And read by us. */
function valuesOf(text: string, { key }: CopiedTable, { kinds }: Columns): SqlValue[] {
  return text.split(',').map((hex, at) => {
    const bytes = Buffer.from(hex, 'hex');
    const kind = kinds.get(key[at] ?? '');
    if (kind === 'bytes') return bytes;
    return kind === 'number' ? BigInt(bytes.toString()) : bytes.toString();
  });
}

/** `a > x OR (a = x AND b > y)`, which an index is used for. */
function beyond({ key }: CopiedTable, values: readonly SqlValue[]): { text: string; values: SqlValue[] } {
  const given: SqlValue[] = [];
  const ways = key.map((_, at) => {
    given.push(...values.slice(0, at + 1));
    return key
      .slice(0, at + 1)
      .map((name, index) => `\`${name}\` ${index === at ? '>' : '='} ?`)
      .join(' AND ');
  });
  return { text: ways.map((way) => `(${way})`).join(' OR '), values: given };
}

interface MysqlRows {
  readonly columns: Columns;
  readonly rows: readonly SqlRow[];
}

const kinds = ['insert', 'update', 'delete'] as const;

const noteTable = `CREATE TABLE IF NOT EXISTS shard_changes (
  id bigint AUTO_INCREMENT PRIMARY KEY, mover varchar(100) NOT NULL, name varchar(100) NOT NULL, \`key\` varchar(4000) NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

export const copyRowsMysql: CopyRows = {
  tables: async (sql) => {
    const keys = await sql.query<{ name: string; col: string | null }>(
      `SELECT t.table_name AS name, k.column_name AS col FROM information_schema.tables t
       LEFT JOIN information_schema.key_column_usage k ON k.table_schema = t.table_schema
         AND k.table_name = t.table_name AND k.constraint_name = 'PRIMARY'
       WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' ORDER BY t.table_name, k.ordinal_position`,
    );
    const references = await sql.query<{ name: string; parent: string }>(
      `SELECT table_name AS name, referenced_table_name AS parent FROM information_schema.key_column_usage
       WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL`,
    );
    return [...Map.groupBy(keys, ({ name }) => name)].map(([name, rows]) => {
      const key = rows.flatMap(({ col }) => (col === null ? [] : [col]));
      if (key.length === 0) throw new Error(`the table ${name} has no primary key to be copied by`);
      return { name, key, parents: references.flatMap((each) => (each.name === name ? [each.parent] : [])) };
    });
  },
  watch: async (source, tables, mover) => {
    await source.execute(noteTable);
    for (const table of tables) {
      const columns = await columnsOf(source, table);
      for (const kind of kinds) {
        const row = kind === 'delete' ? 'OLD.' : 'NEW.';
        await source.execute(`DROP TRIGGER IF EXISTS shard_note_${kind}_${table.name}`);
        await source.execute(
          `CREATE TRIGGER shard_note_${kind}_${table.name} AFTER ${kind.toUpperCase()} ON \`${table.name}\`
           FOR EACH ROW INSERT INTO shard_changes (mover, name, \`key\`)
           VALUES ('${mover}', '${table.name}', ${keyText(row, table, columns)})`,
        );
      }
    }
    await source.execute('DELETE FROM shard_changes WHERE mover <> ?', [mover]);
  },
  isWatching: async (source, tables, mover) => {
    const rows = await source.query<{ name: string }>(
      `SELECT trigger_name AS name FROM information_schema.triggers
       WHERE trigger_schema = DATABASE() AND LOCATE(?, action_statement) > 0`,
      [`'${mover}'`],
    );
    const found = new Set(rows.map(({ name }) => name));
    return tables.every(({ name }) => kinds.every((kind) => found.has(`shard_note_${kind}_${name}`)));
  },
  unwatch: async (source, tables) => {
    await source.execute(noteTable);
    const movers = await source.query<{ mover: string }>('SELECT DISTINCT mover FROM shard_changes');
    for (const { name } of tables)
      for (const kind of kinds) await source.execute(`DROP TRIGGER IF EXISTS shard_note_${kind}_${name}`);
    // Only of those whose noting has just ended: who begins now loses nothing.
    for (const { mover } of movers) await source.execute('DELETE FROM shard_changes WHERE mover = ?', [mover]);
  },
  prepare: async () => {},
  page: async (from, table, after, limit) => {
    const columns = await columnsOf(from, table);
    const where = after === undefined ? undefined : beyond(table, valuesOf(after, table, columns));
    const found = await from.query<SqlRow & { shard_key: string }>(
      `SELECT ${quoted(columns.names)}, ${keyText('', table, columns)} AS shard_key FROM \`${table.name}\`
       ${where === undefined ? '' : `WHERE ${where.text}`} ORDER BY ${quoted(table.key)} LIMIT ${limit}`,
      where?.values ?? [],
    );
    return { rows: { columns, rows: found } satisfies MysqlRows, last: found.at(-1)?.shard_key };
  },
  rowsOf: async (from, table, keys) => {
    const columns = await columnsOf(from, table);
    const wanted = keys.map((key) => valuesOf(key, table, columns));
    const one = `(${table.key.map((name) => `\`${name}\` = ?`).join(' AND ')})`;
    const rows = await from.query(
      `SELECT ${quoted(columns.names)} FROM \`${table.name}\` WHERE ${wanted.map(() => one).join(' OR ')}`,
      wanted.flat(),
    );
    return { columns, rows } satisfies MysqlRows;
  },
  remove: async (to, table, keys) => {
    const columns = await columnsOf(to, table);
    const wanted = keys.map((key) => valuesOf(key, table, columns));
    const one = `(${table.key.map((name) => `\`${name}\` = ?`).join(' AND ')})`;
    await to.execute(`DELETE FROM \`${table.name}\` WHERE ${wanted.map(() => one).join(' OR ')}`, wanted.flat());
  },
  insert: async (to, table, given) => {
    const { columns, rows } = given as MysqlRows;
    const values = rows.map((row) => columns.names.map((name) => row[name] as SqlValue));
    if (values.length > 0)
      await insertRows(to, `INSERT INTO \`${table.name}\` (${quoted(columns.names)}) VALUES ?`, values);
  },
  unordered: async (to, work) => {
    await to.execute('SET FOREIGN_KEY_CHECKS = 0');
    try {
      await work();
    } finally {
      await to.execute('SET FOREIGN_KEY_CHECKS = 1');
    }
  },
  digest: async (executor, table) => {
    const columns = await columnsOf(executor, table);
    const all = columns.names.map((name) => `COALESCE(HEX(\`${name}\`), '-')`).join(', ');
    const [row] = await executor.query<{ said: string }>(
      `SELECT CONCAT(COUNT(*), ' rows ', COALESCE(SUM(CAST(CONV(LEFT(SHA2(CONCAT_WS('#', ${all}), 256), 15), 16, 10) AS UNSIGNED)), 0)) AS said
       FROM \`${table.name}\``,
    );
    return String(row?.said ?? '');
  },
  // The engine goes on after the largest number by itself.
  finish: async () => {},
  notes: (from, mover, limit) =>
    from.query<SqlRow & Note>('SELECT id, name, `key` FROM shard_changes WHERE mover = ? ORDER BY id LIMIT ?', [
      ...[mover, limit],
    ]),
  forget: async (source, ids) => {
    await source.execute('DELETE FROM shard_changes WHERE id IN (?)', [ids]);
  },
};
