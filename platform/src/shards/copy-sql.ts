/**
 * Copies all tables of a shard from one database into another of the same engine while the shard serves.
 *
 * Triggers note the key of every row that changes. First all rows are copied as one snapshot has them, page by page; then,
 * round by round, the rows that were noted are copied as a later snapshot has them. What was applied up to a snapshot is what
 * the source was then, so that the whole is compared while the shard serves, and when it is closed only what was noted since
 * is left: the pause does not grow with the shard.
 *
 * The target's gate, below zero, is the token: each part is written in a transaction that holds its row and finds the token
 * in it. A mover that was overtaken writes nothing more. In the source each mover notes under a name of its own: nobody takes
 * another's notes away, and who finds its triggers gone before it ends has missed changes and gives up.
 */
import { randomUUID } from 'node:crypto';
import type { Sql, SqlDialect, SqlExecutor, SqlTransaction } from '../sql/sql.ts';
import { copyRowsMysql } from './copy-mysql.ts';
import { copyRowsPostgres } from './copy-postgres.ts';
import { openGate } from './gate-sql.ts';
import { CopyDiffers, type ShardCopy } from './move.ts';

/** A table with its key, and the tables that it refers to. */
export interface CopiedTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly parents: readonly string[];
}

/** A row that changed. */
export interface Note {
  readonly id: bigint;
  readonly name: string;
  /** In the engine's own form. */
  readonly key: string;
}

/** What each engine does in its own language. `rows` and `key` are in a form of its own that nobody else reads. */
export interface CopyRows {
  /** Every table of the database's own schema with its key; throws for one without. */
  tables(sql: Sql): Promise<readonly CopiedTable[]>;
  /** Begins to note changes in this mover's name; what others noted is forgotten, and they note no more. */
  watch(source: Sql, tables: readonly CopiedTable[], mover: string): Promise<void>;
  /** Whether every change of these tables is noted in this mover's name. */
  isWatching(source: Sql, tables: readonly CopiedTable[], mover: string): Promise<boolean>;
  /** Ends the noting, whoever's; the empty table stays, so that no trigger misses it. */
  unwatch(source: Sql, tables: readonly CopiedTable[]): Promise<void>;
  /** Makes the target take rows in any order within a transaction. */
  prepare(target: Sql): Promise<void>;
  /** The rows after a key, in its order; `last` is undefined when there are none. */
  page(from: SqlExecutor, table: CopiedTable, after: string | undefined, limit: number): Promise<Page>;
  rowsOf(from: SqlExecutor, table: CopiedTable, keys: readonly string[]): Promise<unknown>;
  remove(to: SqlTransaction, table: CopiedTable, keys: readonly string[]): Promise<void>;
  insert(to: SqlTransaction, table: CopiedTable, rows: unknown): Promise<void>;
  /** Runs writes that refer to each other in no order. */
  unordered(to: SqlTransaction, work: () => Promise<void>): Promise<void>;
  /** A number of all rows and of all that is in them. */
  digest(executor: SqlTransaction, table: CopiedTable): Promise<string>;
  /** New rows get numbers after those that were copied. */
  finish(to: SqlTransaction, table: CopiedTable): Promise<void>;
  /** This mover's. */
  notes(from: SqlExecutor, mover: string, limit: number): Promise<readonly Note[]>;
  forget(source: Sql, ids: readonly bigint[]): Promise<void>;
}

export interface Page {
  readonly rows: unknown;
  readonly last: string | undefined;
}

/** Rows of one part, held in memory: a webhook's body may have 256 KiB. */
const pageRows = 200;
const notesPerRound = 1_000;
/** Of a closed shard nothing is noted any more but by what is not the shard's: so many rounds are enough or something is wrong. */
const lastRoundsMax = 200;
/** What belongs to the place and not to the shard. */
const ofThePlace: readonly string[] = [
  ...['shards', 'shard_pins', 'shard_gate', 'shard_changes', 'shard_notes'],
  // What has been done to the tables: PostgreSQL's record and MariaDB's.
  ...['migrations', 'migration_steps'],
];

export interface SqlCopyParts {
  readonly source: Sql;
  readonly target: Sql;
  /** Makes the tables of the target where they are missing. */
  readonly migrate: (target: Sql) => Promise<void>;
  /** Tables of the service that are no shard's. */
  readonly apart: readonly string[];
}

export function sqlShardCopy(
  parts: SqlCopyParts,
  rows: CopyRows = parts.source.dialect === 'mysql' ? copyRowsMysql : copyRowsPostgres,
): ShardCopy {
  return new SqlCopy(parts, rows);
}

/** Stops noting changes: after a move, or when it was undone. */
export async function stopNoting(source: Sql, apart: readonly string[]): Promise<void> {
  const rows = source.dialect === 'mysql' ? copyRowsMysql : copyRowsPostgres;
  await rows.unwatch(source, await shardTables(rows, source, apart));
}

/** Whether a mover's triggers are in this database: one moves it, or died and left them. Each write costs a row more. */
export async function isNoting(sql: Sql): Promise<boolean> {
  return (await sql.query(noting[sql.dialect])).length > 0;
}

const noting: Readonly<Record<SqlDialect, string>> = {
  postgres: `SELECT 1 AS found FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND starts_with(t.tgname::text, 'shard_note_') LIMIT 1`,
  mysql: `SELECT 1 AS found FROM information_schema.triggers
    WHERE trigger_schema = DATABASE() AND LEFT(trigger_name, 11) = 'shard_note_' LIMIT 1`,
};

/** In an order in which each comes after those it refers to. */
async function shardTables(rows: CopyRows, sql: Sql, apart: readonly string[]): Promise<readonly CopiedTable[]> {
  const left = (await rows.tables(sql)).filter(({ name }) => !ofThePlace.includes(name) && !apart.includes(name));
  const ordered: CopiedTable[] = [];
  while (left.length > 0) {
    const at = left.findIndex(({ name, parents }) =>
      parents.every((parent) => parent === name || !left.some((other) => other.name === parent)),
    );
    const [next] = left.splice(at, 1);
    if (at < 0 || next === undefined) throw new Error('tables of the shard refer to each other in a circle');
    ordered.push(next);
  }
  return ordered;
}

const snapshot = { isolation: 'repeatable read', readOnly: true } as const;

class SqlCopy implements ShardCopy {
  readonly #parts: SqlCopyParts;
  readonly #rows: CopyRows;
  #tables: readonly CopiedTable[] = [];
  readonly #mover = randomUUID();
  #isFilled = false;

  constructor(parts: SqlCopyParts, rows: CopyRows) {
    this.#parts = parts;
    this.#rows = rows;
  }

  async prepare(confirm: () => Promise<void>): Promise<bigint> {
    const { source, target, migrate, apart } = this.#parts;
    if (source.dialect !== target.dialect)
      throw new Error(`a shard moves within one kind of engine, not from ${source.dialect} to ${target.dialect}`);
    await migrate(target);
    const token = await (await openGate(target)).close();
    await confirm();
    this.#tables = await shardTables(this.#rows, source, apart);
    await this.#rows.prepare(target);
    await this.#rows.watch(source, this.#tables, this.#mover);
    await this.#clear(token);
    return token;
  }

  /** What an earlier copy left, or what was here before the shard moved away. */
  async #clear(token: bigint): Promise<void> {
    for (const table of [...this.#tables].reverse())
      for (;;) {
        const { last } = await this.#rows.page(this.#parts.target, table, undefined, 1);
        if (last === undefined) break;
        await this.#write(token, (tx) => tx.execute(`DELETE FROM ${table.name}`));
      }
  }

  async copySome(token: bigint): Promise<bigint> {
    if (!this.#isFilled) {
      await this.#fill(token);
      this.#isFilled = true;
    }
    await this.#parts.source
      .transaction((from) => this.#round(from, token), snapshot)
      .then((done) => this.#forget(done));
    return BigInt((await this.#rows.notes(this.#parts.source, this.#mover, notesPerRound)).length);
  }

  async #fill(token: bigint): Promise<void> {
    await this.#parts.source.transaction(async (from) => {
      for (const table of this.#tables)
        for (let after: string | undefined; ; ) {
          const { rows, last } = await this.#rows.page(from, table, after, pageRows);
          if (last === undefined) break;
          await this.#write(token, (tx) => this.#rows.insert(tx, table, rows));
          after = last;
        }
    }, snapshot);
  }

  /** Copies what was noted, as the snapshot has it. Gives the notes that are done with. */
  async #round(from: SqlExecutor, token: bigint): Promise<readonly Note[]> {
    const notes = await this.#rows.notes(from, this.#mover, notesPerRound);
    if (notes.length > 0) await this.#apply(from, token, notes);
    return notes;
  }

  async #apply(from: SqlExecutor, token: bigint, notes: readonly Note[]): Promise<void> {
    const changed: { readonly table: CopiedTable; readonly keys: readonly string[]; readonly rows: unknown }[] = [];
    for (const table of this.#tables) {
      const keys = [...new Set(notes.flatMap(({ name, key }) => (name === table.name ? [key] : [])))];
      if (keys.length > 0) changed.push({ table, keys, rows: await this.#rows.rowsOf(from, table, keys) });
    }
    await this.#write(token, (tx) =>
      this.#rows.unordered(tx, async () => {
        // All that changed goes before anything comes: a row may have what another gave up.
        for (const { table, keys } of [...changed].reverse()) await this.#rows.remove(tx, table, keys);
        for (const { table, rows } of changed) await this.#rows.insert(tx, table, rows);
      }),
    );
  }

  async #forget(notes: readonly Note[]): Promise<void> {
    if (notes.length === 0) return;
    await this.#rows.forget(
      this.#parts.source,
      notes.map(({ id }) => id),
    );
  }

  /** Each part under the target's gate, which has to be closed under the token. */
  async #write(token: bigint, work: (tx: SqlTransaction) => Promise<unknown>): Promise<void> {
    await this.#parts.target.transaction(async (tx) => {
      const [row] = await tx.query<{ epoch: bigint }>('SELECT epoch FROM shard_gate WHERE id = 1 FOR UPDATE');
      if (row?.epoch !== token) throw new Error('another mover works on this copy, or it serves already');
      await work(tx);
    });
  }

  /** Applies all that one snapshot has noted and compares every table with it. */
  async compare(): Promise<void> {
    const { source, target } = this.#parts;
    const token = await (await openGate(target)).epoch();
    const done = await source.transaction(async (from) => {
      const notes = await this.#rows.notes(from, this.#mover, Number.MAX_SAFE_INTEGER);
      for (let at = 0; at < notes.length; at += notesPerRound)
        await this.#apply(from, token, notes.slice(at, at + notesPerRound));
      await target.transaction(async (to) => {
        for (const table of this.#tables) {
          const [there, here] = [await this.#rows.digest(from, table), await this.#rows.digest(to, table)];
          if (there !== here) throw new CopyDiffers(`${table.name}: ${there} there, ${here} here`);
        }
      }, snapshot);
      return notes;
    }, snapshot);
    for (let at = 0; at < done.length; at += notesPerRound) await this.#forget(done.slice(at, at + notesPerRound));
  }

  async finish(token: bigint): Promise<void> {
    const { source } = this.#parts;
    for (let round = 0; ; round += 1) {
      const notes = await source.transaction((from) => this.#round(from, token), snapshot);
      await this.#forget(notes);
      if (notes.length < notesPerRound) break;
      if (round >= lastRoundsMax) throw new Error('the closed shard goes on changing');
    }
    if (!(await this.#rows.isWatching(source, this.#tables, this.#mover)))
      throw new CopyDiffers('somebody ended its noting of changes, so that some may be missing');
    await this.#write(token, async (tx) => {
      for (const table of this.#tables) await this.#rows.finish(tx, table);
    });
  }
}
