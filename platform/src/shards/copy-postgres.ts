/**
 * Rows of a shard from one PostgreSQL to another. They go as the text of JSON that PostgreSQL writes and reads itself: no
 * type of any column passes through ours, and none loses a digit.
 */
import type { SqlExecutor, SqlRow } from '../sql/sql.ts';
import type { CopiedTable, CopyRows, Note } from './copy-sql.ts';

/** Our tables' names are words; this keeps it so. */
function plain(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw new Error(`${name} is no name of a table or column of ours`);
  return name;
}

const columns = new WeakMap<CopiedTable, string>();

async function columnsOf(executor: SqlExecutor, table: CopiedTable): Promise<string> {
  const known = columns.get(table);
  if (known !== undefined) return known;
  const rows = await executor.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [table.name],
  );
  const list = rows.map(({ name }) => plain(name)).join(', ');
  columns.set(table, list);
  return list;
}

function keyOf(prefix: string, { key }: CopiedTable): string {
  return key.map((column) => `${prefix}${column}`).join(', ');
}

const triggerOf = ({ name }: CopiedTable) => `shard_note_${name}`;

const noteFunction = `CREATE OR REPLACE FUNCTION shard_change() RETURNS trigger LANGUAGE plpgsql AS $note$
DECLARE
  changed jsonb;
  key jsonb;
BEGIN
  FOREACH changed IN ARRAY CASE TG_OP
    WHEN 'INSERT' THEN ARRAY[to_jsonb(NEW)] WHEN 'DELETE' THEN ARRAY[to_jsonb(OLD)]
    ELSE ARRAY[to_jsonb(OLD), to_jsonb(NEW)] END
  LOOP
    SELECT jsonb_object_agg(name, changed -> name) INTO key FROM unnest(TG_ARGV[1:]) AS name;
    INSERT INTO shard_changes (mover, name, key) VALUES (TG_ARGV[0], TG_TABLE_NAME, key);
    -- The key of a row is never changed by us: once is enough where it was not.
    EXIT WHEN TG_OP = 'UPDATE' AND to_jsonb(OLD) @> key AND to_jsonb(NEW) @> key;
  END LOOP;
  RETURN NULL;
END $note$`;

const noteTable = `CREATE TABLE IF NOT EXISTS shard_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mover text NOT NULL, name text NOT NULL, key jsonb NOT NULL)`;

interface TableRow extends SqlRow {
  name: string;
  key: string[] | null;
  parents: string[] | null;
}

export const copyRowsPostgres: CopyRows = {
  tables: async (sql) => {
    const rows = await sql.query<TableRow>(
      `SELECT c.relname::text AS name,
         (SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum))
          FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
          WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
         (SELECT array_agg(p.relname::text) FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
          WHERE f.conrelid = c.oid AND f.contype = 'f') AS parents
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND n.nspname = current_schema() ORDER BY c.relname`,
    );
    return rows.map(({ name, key, parents }) => {
      if (key === null) throw new Error(`the table ${name} has no primary key to be copied by`);
      return { name: plain(name), key: key.map(plain), parents: parents ?? [] };
    });
  },
  watch: async (source, tables, mover) => {
    await source.execute(noteTable);
    await source.execute(noteFunction);
    // One by one: each waits for those who write to its table now, and no longer keeps the others waiting.
    for (const table of tables)
      await source.execute(
        `CREATE OR REPLACE TRIGGER ${triggerOf(table)} AFTER INSERT OR UPDATE OR DELETE ON ${table.name}
         FOR EACH ROW EXECUTE FUNCTION shard_change(${[mover, ...table.key].map((said) => `'${said}'`).join(', ')})`,
      );
    await source.execute('DELETE FROM shard_changes WHERE mover <> $1', [mover]);
  },
  isWatching: async (source, tables, mover) => {
    const rows = await source.query<{ name: string }>(
      `SELECT t.tgname::text AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = current_schema() AND t.tgenabled <> 'D' AND strpos(pg_get_triggerdef(t.oid), $1) > 0`,
      [`('${mover}'`],
    );
    const found = new Set(rows.map(({ name }) => name));
    return tables.every((table) => found.has(triggerOf(table)));
  },
  unwatch: async (source, tables) => {
    await source.execute(noteTable);
    const movers = await source.query<{ mover: string }>('SELECT DISTINCT mover FROM shard_changes');
    for (const table of tables) await source.execute(`DROP TRIGGER IF EXISTS ${triggerOf(table)} ON ${table.name}`);
    // Only of those whose noting has just ended: who begins now loses nothing.
    await source.execute('DELETE FROM shard_changes WHERE mover = ANY ($1)', [movers.map(({ mover }) => mover)]);
  },
  prepare: async (target) => {
    const found = await target.query<{ name: string; child: string }>(
      `SELECT f.conname::text AS name, c.relname::text AS child FROM pg_constraint f
       JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE f.contype = 'f' AND NOT f.condeferrable AND n.nspname = current_schema()`,
    );
    for (const { name, child } of found)
      await target.execute(
        `ALTER TABLE ${plain(child)} ALTER CONSTRAINT ${plain(name)} DEFERRABLE INITIALLY IMMEDIATE`,
      );
  },
  page: async (from, table, after, limit) => {
    const key = keyOf('', table);
    const beyond =
      after === undefined
        ? ''
        : `WHERE (${keyOf('t.', table)}) > (SELECT ${keyOf('k.', table)} FROM jsonb_populate_record(NULL::${table.name}, $1::jsonb) k)`;
    const [row] = await from.query<{ rows: string; last: string | null }>(
      `WITH page AS MATERIALIZED (SELECT * FROM ${table.name} t ${beyond} ORDER BY ${keyOf('t.', table)} LIMIT ${limit})
       SELECT coalesce(jsonb_agg(to_jsonb(page)), '[]')::text AS rows,
         (SELECT to_jsonb(l)::text FROM (SELECT ${key} FROM page
          ORDER BY ${table.key.map((column) => `${column} DESC`).join(', ')} LIMIT 1) AS l) AS last
       FROM page`,
      after === undefined ? [] : [after],
    );
    return { rows: row?.rows ?? '[]', last: row?.last ?? undefined };
  },
  rowsOf: async (from, table, keys) => {
    const [row] = await from.query<{ rows: string }>(
      `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text AS rows FROM ${table.name} t
       JOIN jsonb_populate_recordset(NULL::${table.name}, $1::jsonb) k ON (${keyOf('t.', table)}) = (${keyOf('k.', table)})`,
      [`[${keys.join(',')}]`],
    );
    return row?.rows ?? '[]';
  },
  remove: async (to, table, keys) => {
    await to.execute(
      `DELETE FROM ${table.name} t USING jsonb_populate_recordset(NULL::${table.name}, $1::jsonb) k
       WHERE (${keyOf('t.', table)}) = (${keyOf('k.', table)})`,
      [`[${keys.join(',')}]`],
    );
  },
  insert: async (to, table, rows) => {
    const list = await columnsOf(to, table);
    await to.execute(
      `INSERT INTO ${table.name} (${list}) OVERRIDING SYSTEM VALUE
       SELECT ${list} FROM jsonb_populate_recordset(NULL::${table.name}, $1::jsonb)`,
      [rows as string],
    );
  },
  unordered: async (to, work) => {
    await to.execute('SET CONSTRAINTS ALL DEFERRED');
    await work();
  },
  digest: async (executor, table) => {
    await executor.execute("SET LOCAL TimeZone = 'UTC'");
    const [row] = await executor.query<{ said: string }>(
      `SELECT count(*) || ' rows ' || coalesce(sum(hashtextextended(to_jsonb(t)::text, 0)::numeric), 0) AS said
       FROM ${table.name} t`,
    );
    return row?.said ?? '';
  },
  finish: async (to, { name }) => {
    const found = await to.query<{ column: string }>(
      `SELECT attname::text AS column FROM pg_attribute WHERE attrelid = $1::regclass AND attidentity <> ''`,
      [name],
    );
    for (const { column } of found)
      await to.query(
        `SELECT setval(pg_get_serial_sequence('${name}', '${plain(column)}'), greatest(max(${plain(column)}), 1)) FROM ${name}`,
      );
  },
  notes: async (from, mover, limit) => {
    const rows = await from.query<{ id: bigint; name: string; key: string }>(
      'SELECT id, name, key::text AS key FROM shard_changes WHERE mover = $1 ORDER BY id LIMIT $2',
      [mover, limit],
    );
    return rows satisfies readonly Note[];
  },
  forget: async (source, ids) => {
    await source.execute('DELETE FROM shard_changes WHERE id = ANY ($1)', [ids]);
  },
};
