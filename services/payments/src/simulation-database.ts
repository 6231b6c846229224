/**
 * A database of a simulation: rows with versions for snapshots, locks that are waited for, triggers that note changes. Each
 * statement and each COMMIT is a call that a scheduler makes when it likes, and that may fail or lose its answer.
 *
 * It answers the statements of the gate (`gate-sql.ts`) and of the copy (`copy-sql.ts`) and takes the place of no store: what
 * the engines keep of this is held by shards.contract.ts.
 */
import type { CopiedTable, CopyRows } from '@suuupra/platform/shards/copy-sql';
import {
  type Sql,
  type SqlExecutor,
  SqlFault,
  type SqlRow,
  type SqlTransaction,
  type SqlValue,
} from '@suuupra/platform/sql/sql';

/** Who makes calls: a process, a mover or an operator. One that is over hears of nothing any more. */
export interface Life {
  readonly name: string;
  isOver: boolean;
  isFrozen: boolean;
}

/** Makes a call later, when it is ready. */
export type Ask = <T>(life: Life, ask: () => T, isReady?: () => boolean) => Promise<T>;

interface Lock {
  readonly name: string;
  readonly isAlone: boolean;
}

type Table = Map<string, string>;

const tableNames = ['intents', 'attempts', 'refunds', 'outbox'] as const;
export const shardTables: readonly CopiedTable[] = tableNames.map((name) => ({ name, key: ['id'], parents: [] }));
/** Few, so that a table has several pages. */
const pageRows = 8;
const gateKey = '1';

export interface Committed {
  readonly life: Life;
  readonly database: SimulatedDatabase;
  readonly writes: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
}

export class SimulatedDatabase {
  readonly name: string;
  /** By table, mover. */
  readonly triggers = new Map<string, string>();
  readonly #tables = new Map<string, Table>();
  readonly #transactions = new Set<Transaction>();
  readonly #ask: Ask;
  readonly #committed: (committed: Committed) => void;
  #lastNote = 0;

  constructor(name: string, ask: Ask, committed: (committed: Committed) => void) {
    this.name = name;
    this.#ask = ask;
    this.#committed = committed;
  }

  table(name: string): Table {
    const known = this.#tables.get(name) ?? new Map<string, string>();
    this.#tables.set(name, known);
    return known;
  }

  /** Zero where no gate was made yet. */
  get epoch(): bigint {
    return BigInt(this.table('shard_gate').get(gateKey) ?? 0);
  }

  nextNote(): string {
    this.#lastNote += 1;
    return String(this.#lastNote).padStart(8, '0');
  }

  snapshot(): Map<string, Table> {
    return new Map([...this.#tables].map(([name, rows]) => [name, new Map(rows)]));
  }

  isFree({ name, isAlone }: Lock, by: Transaction): boolean {
    return [...this.#transactions].every(
      (other) => other === by || !other.locks.has(name) || !(isAlone || other.locks.get(name)),
    );
  }

  apply(by: Transaction): void {
    for (const [name, rows] of by.writes)
      for (const [key, row] of rows) {
        if (row === undefined) this.table(name).delete(key);
        else this.table(name).set(key, row);
      }
    this.#transactions.delete(by);
    this.#committed({ life: by.life, database: this, writes: by.writes });
  }

  rollBack(by: Transaction): void {
    this.#transactions.delete(by);
  }

  /** A connection that is gone: what it had not committed is gone with it. */
  forget(life: Life): void {
    for (const transaction of this.#transactions) if (transaction.life === life) this.rollBack(transaction);
  }

  begin(life: Life, isSnapshot: boolean): Transaction {
    const transaction = new Transaction(this, life, isSnapshot, this.#ask);
    this.#transactions.add(transaction);
    return transaction;
  }

  /** As one life sees it. */
  sqlOf(life: Life): Sql {
    const transaction: Sql['transaction'] = async (work, options) => {
      const tx = this.begin(life, options?.isolation === 'repeatable read');
      try {
        const value = await work(tx);
        await tx.commit();
        return value;
      } catch (error) {
        this.rollBack(tx);
        throw error;
      }
    };
    const alone = <T>(work: (tx: SqlTransaction) => Promise<T>) => transaction(work);
    const parts: Pick<Sql, 'dialect' | 'query' | 'execute' | 'transaction'> = {
      dialect: 'postgres',
      query: (text, values) => alone((tx) => tx.query(text, values)),
      execute: (text, values) => alone((tx) => tx.execute(text, values)),
      transaction,
    };
    return parts as Sql;
  }
}

export class Transaction implements SqlTransaction {
  readonly dialect = 'postgres';
  readonly life: Life;
  /** By name, whether it is taken alone. */
  readonly locks = new Map<string, boolean>();
  readonly writes = new Map<string, Map<string, string | undefined>>();
  readonly #database: SimulatedDatabase;
  readonly #isSnapshot: boolean;
  readonly #ask: Ask;
  readonly #before: (() => Promise<void>)[] = [];
  #seen: Map<string, Table> | undefined;

  constructor(database: SimulatedDatabase, life: Life, isSnapshot: boolean, ask: Ask) {
    this.#database = database;
    this.life = life;
    this.#isSnapshot = isSnapshot;
    this.#ask = ask;
  }

  beforeCommit(run: () => Promise<void>): void {
    this.#before.push(run);
  }

  withCommit(): void {
    throw new Error('nothing is sent with COMMIT in a simulation');
  }

  afterCommit(): void {
    throw new Error('nothing follows a commit in a simulation');
  }

  async query<Row extends SqlRow = SqlRow>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return (await this.#run(text, values)).rows as Row[];
  }

  async execute(text: string, values: readonly SqlValue[] = []): Promise<number> {
    return (await this.#run(text, values)).touched;
  }

  #run(text: string, values: readonly SqlValue[]): Promise<Answered> {
    const statement = statements.find(({ form }) => form.test(text));
    if (statement === undefined) throw new Error(`a simulation knows no ${text}`);
    const [, name = ''] = statement.form.exec(text) ?? [];
    return this.does(statement.locks, () => statement.run(this, name, values));
  }

  /** A statement: waits until its locks are free, takes them for the transaction, and is done at once. */
  does<T>(locks: readonly Lock[], run: () => T): Promise<T> {
    return this.#ask(
      this.life,
      () => {
        for (const { name, isAlone } of locks) this.locks.set(name, isAlone || this.locks.get(name) === true);
        if (this.#isSnapshot) this.#seen ??= this.#database.snapshot();
        return run();
      },
      () => locks.every((lock) => this.#database.isFree(lock, this)),
    );
  }

  get(table: string, key: string): string | undefined {
    const written = this.writes.get(table);
    return written?.has(key) === true ? written.get(key) : this.#rows(table).get(key);
  }

  #rows(table: string): ReadonlyMap<string, string> {
    return (this.#seen === undefined ? this.#database.table(table) : this.#seen.get(table)) ?? new Map();
  }

  all(table: string): (readonly [string, string])[] {
    const keys = new Set([...this.#rows(table).keys(), ...(this.writes.get(table)?.keys() ?? [])]);
    return [...keys].sort().flatMap((key) => {
      const row = this.get(table, key);
      return row === undefined ? [] : [[key, row] as const];
    });
  }

  /** Undefined removes it. A trigger notes the change in the same transaction. */
  put(table: string, key: string, row: string | undefined): void {
    const rows = this.writes.get(table) ?? new Map<string, string | undefined>();
    this.writes.set(table, rows.set(key, row));
    const mover = this.#database.triggers.get(table);
    if (mover !== undefined) this.put('shard_changes', this.#database.nextNote(), JSON.stringify([mover, table, key]));
  }

  async commit(): Promise<void> {
    for (const run of this.#before) await run();
    await this.#ask(this.life, () => this.#database.apply(this));
  }

  get database(): SimulatedDatabase {
    return this.#database;
  }
}

interface Answered {
  readonly rows: readonly SqlRow[];
  readonly touched: number;
}

interface Statement {
  readonly form: RegExp;
  readonly locks: readonly Lock[];
  readonly run: (tx: Transaction, table: string, values: readonly SqlValue[]) => Answered;
}

const gateLock: Lock = { name: 'shard_gate/1', isAlone: true };
const none: Answered = { rows: [], touched: 0 };
const epochOf = (tx: Transaction) => BigInt(tx.get('shard_gate', gateKey) ?? 0);
const setEpoch = (tx: Transaction, epoch: bigint): Answered => {
  tx.put('shard_gate', gateKey, String(epoch));
  return { rows: [], touched: 1 };
};
const readEpoch = (tx: Transaction): Answered => ({ rows: [{ epoch: epochOf(tx) }], touched: 1 });

/** The statements of gate-sql.ts and copy-sql.ts, and no others. */
const statements: readonly Statement[] = [
  { form: /FROM pg_tables/, locks: [], run: () => ({ rows: [{ found: 1n }], touched: 1 }) },
  {
    form: /^INSERT INTO shard_gate .* ON CONFLICT DO NOTHING$/,
    locks: [gateLock],
    run: (tx) => (tx.get('shard_gate', gateKey) === undefined ? setEpoch(tx, -1n) : none),
  },
  { form: /^SELECT epoch FROM shard_gate WHERE id = 1 FOR UPDATE$/, locks: [gateLock], run: readEpoch },
  { form: /^SELECT epoch FROM shard_gate WHERE id = 1$/, locks: [], run: readEpoch },
  { form: /^SELECT pg_advisory_xact_lock\(/, locks: [{ name: 'closing', isAlone: true }], run: () => none },
  { form: /^SELECT pg_advisory_xact_lock_shared\(/, locks: [{ name: 'closing', isAlone: false }], run: () => none },
  {
    form: /^UPDATE shard_gate SET epoch = -ABS\(epoch\) - 1 WHERE id = 1$/,
    locks: [gateLock],
    run: (tx) => setEpoch(tx, -(epochOf(tx) < 0n ? -epochOf(tx) : epochOf(tx)) - 1n),
  },
  {
    form: /^UPDATE shard_gate SET epoch = 1 - epoch WHERE id = 1 AND epoch = \$1 AND epoch < 0$/,
    locks: [gateLock],
    run: (tx, _, [closedAt]) => (epochOf(tx) === closedAt && closedAt < 0n ? setEpoch(tx, 1n - epochOf(tx)) : none),
  },
  {
    form: /^DELETE FROM (\w+)$/,
    locks: [],
    run: (tx, table) => {
      const rows = tx.all(table);
      for (const [key] of rows) tx.put(table, key, undefined);
      return { rows: [], touched: rows.length };
    },
  },
];

/** What a transaction of the shard's own does with a row: waited for until nobody else has it. */
export function lockRow(tx: SqlTransaction, table: string, key: string): Promise<string | undefined> {
  const at = transactionOf(tx);
  return at.does([{ name: `${table}/${key}`, isAlone: true }], () => at.get(table, key));
}

export function putRow(tx: SqlTransaction, table: string, key: string, row: string | undefined): Promise<void> {
  const at = transactionOf(tx);
  const locks = [
    { name: `${table}/${key}`, isAlone: true },
    // A trigger is made when nobody is writing to its table.
    { name: table, isAlone: false },
  ];
  return at.does(locks, () => at.put(table, key, row));
}

function transactionOf(executor: SqlExecutor): Transaction {
  if (!(executor instanceof Transaction)) throw new TypeError('a simulated transaction is needed');
  return executor;
}

/** In a transaction, or as one of its own. */
function on<T>(executor: SqlExecutor | Sql, locks: readonly Lock[], run: (tx: Transaction) => T): Promise<T> {
  if (executor instanceof Transaction) return executor.does(locks, () => run(executor));
  return (executor as Sql).transaction(async (tx) => on(tx, locks, run));
}

interface KeptNote {
  readonly id: string;
  readonly mover: string;
  readonly name: string;
  readonly key: string;
}

function notesOf(tx: Transaction): readonly KeptNote[] {
  return tx.all('shard_changes').map(([id, row]) => {
    const [mover = '', name = '', key = ''] = JSON.parse(row) as string[];
    return { id, mover, name, key };
  });
}

const aloneOn = (table: CopiedTable): readonly Lock[] => [{ name: table.name, isAlone: true }];

/** What copy-postgres.ts does, on simulated databases. Each statement of it is one here. */
export const copyRowsSimulated: CopyRows = {
  tables: async () => shardTables,
  watch: async (source, tables, mover) => {
    for (const table of tables)
      await on(source, aloneOn(table), ({ database }) => database.triggers.set(table.name, mover));
    await on(source, [], (tx) => {
      for (const note of notesOf(tx)) if (note.mover !== mover) tx.put('shard_changes', note.id, undefined);
    });
  },
  isWatching: (source, tables, mover) =>
    on(source, [], ({ database }) => tables.every(({ name }) => database.triggers.get(name) === mover)),
  unwatch: async (source, tables) => {
    const movers = await on(source, [], (tx) => new Set(notesOf(tx).map(({ mover }) => mover)));
    for (const table of tables)
      await on(source, aloneOn(table), ({ database }) => database.triggers.delete(table.name));
    await on(source, [], (tx) => {
      for (const { id, mover } of notesOf(tx)) if (movers.has(mover)) tx.put('shard_changes', id, undefined);
    });
  },
  prepare: async () => {},
  page: (from, table, after, limit) =>
    on(from, [], (tx) => {
      const rows = tx.all(table.name).filter(([key]) => after === undefined || key > after);
      const page = rows.slice(0, Math.min(limit, pageRows));
      return { rows: page, last: page.at(-1)?.[0] };
    }),
  rowsOf: (from, table, keys) =>
    on(from, [], (tx) =>
      keys.flatMap((key) => {
        const row = tx.get(table.name, key);
        return row === undefined ? [] : [[key, row] as const];
      }),
    ),
  remove: (to, table, keys) =>
    on(to, [], (tx) => {
      for (const key of keys) tx.put(table.name, key, undefined);
    }),
  insert: (to, table, rows) =>
    on(to, [], (tx) => {
      for (const [key, row] of rows as readonly (readonly [string, string])[]) {
        if (tx.get(table.name, key) !== undefined) throw new SqlFault('unique', `${table.name} has ${key}`);
        tx.put(table.name, key, row);
      }
    }),
  unordered: (_to, work) => work(),
  digest: (executor, table) => on(executor, [], (tx) => JSON.stringify(tx.all(table.name))),
  finish: async () => {},
  notes: (from, mover, limit) =>
    on(from, [], (tx) =>
      notesOf(tx)
        .filter((note) => note.mover === mover)
        .slice(0, limit)
        .map(({ id, name, key }) => ({ id: BigInt(id), name, key })),
    ),
  forget: (source, ids) =>
    on(source, [], (tx) => {
      for (const id of ids) tx.put('shard_changes', String(id).padStart(8, '0'), undefined);
    }),
};
