/**
 * `sql` on any PostgreSQL by URL. The embedded default uses the same adapter against the server that
 * sql-embedded.ts starts, so there is one behaviour to know.
 *
 * Library: `pg` (node-postgres). Statements with parameters are prepared once per connection. Pitfalls met here: int8
 * comes as a string unless told otherwise; a pool emits `error` for idle connections that die; a client whose
 * connection broke in mid-transaction must be destroyed, not returned.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { ConfigError } from '../config.ts';
import {
  type Sql,
  type SqlExecutor,
  SqlFault,
  type SqlFaultKind,
  type SqlLockSession,
  type SqlRow,
  type SqlStatement,
  type SqlTransaction,
  type SqlTransactionOptions,
  type SqlValue,
  transactionIsOver,
} from './sql.ts';
import { openStaleReads, type Replica } from './stale-reads.ts';

export interface PostgresOptions {
  readonly url: string;
  /** Connections of the pool; work beyond waits for one, at most `waitMsMax`. */
  readonly connectionsMax?: number;
  readonly waitMsMax?: number;
  /** A statement that runs longer is cancelled by the server, and its connection given up a little later. */
  readonly statementMsMax?: number;
  /** The same database on servers that follow this one by streaming replication; at most as many as `replicasMax`. */
  readonly replicaUrls?: readonly string[];
}

const defaultConnectionsMax = 8;
const defaultWaitMsMax = 10_000;
const defaultStatementMsMax = 30_000;
/** A server that does not keep its own deadline is taken for dead. */
const graceMs = 5_000;
/** A file of a migration has many statements, and the server's deadline is for each. */
const migrationMsMax = 3_600_000;
/** Of connections that wait for news: the system asks by then whether the other side is there. */
const keepAliveMs = 10_000;
/** An idle connection costs the server a few megabytes: give it back. */
const idleMs = 20_000;
const reconnectMsMax = 2_000;
/** Distinct statement texts that are prepared; a program that makes more of them composes text where it should not. */
const preparedMax = 1_000;

const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.INT8) return (text: string) => BigInt(text);
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

type PgClient = pg.Client | pg.PoolClient;

const replicasMax = 16;
/** A replica that does not answer by then is passed over for the primary, who waits no longer than its reader would. */
const replicaWaitMsMax = 1_000;

/** Opens a pool; the database must exist. */
export async function openPostgres(options: PostgresOptions): Promise<Sql> {
  const config: pg.PoolConfig = {
    connectionString: options.url,
    max: options.connectionsMax ?? defaultConnectionsMax,
    connectionTimeoutMillis: options.waitMsMax ?? defaultWaitMsMax,
    idleTimeoutMillis: idleMs,
    statement_timeout: options.statementMsMax ?? defaultStatementMsMax,
    types,
    // BEGIN goes out with the first statement of a transaction, COMMIT with the last.
    pipeline: true,
  };
  const pool = new pg.Pool(config);
  watchPool(pool, config);
  const listeners = new Set<{ close(): Promise<void> }>();
  const sessions = new Set<SqlLockSession>();
  const ownExecutor = executor((text, values) =>
    isRead(text) ? onLivingConnection(() => runAlone(pool, text, values)) : runAlone(pool, text, values),
  );
  const replicas = openReplicas(config, options.replicaUrls ?? []);
  const staleReads = openStaleReads({
    primary: ownExecutor,
    written: async () => (await placeIn(ownExecutor, 'SELECT pg_current_wal_lsn() AS lsn')) ?? 0n,
    replicas: replicas.map(({ replica }) => replica),
    clock: () => performance.now(),
  });

  const sql: Sql = {
    ...ownExecutor,
    staleReader: staleReads.reader,
    transaction: (work, transactionOptions) => inTransaction(pool, work, transactionOptions),
    migrate: (folder) => migrate(pool, folder),
    notify: async (channel, payload) => {
      await runAlone(pool, 'SELECT pg_notify($1, $2)', [channel, payload]);
    },
    listen: (channel, heard) => listen(options.url, channel, heard, listeners),
    openLockSession: () => openLockSession(options.url, sessions),
    tryLock: async (name) => {
      const session = await openLockSession(options.url, sessions);
      if (!(await session.tryLock(name))) {
        await session.close();
        return undefined;
      }
      return { lost: session.lost, release: () => session.close() };
    },
    ping: async () => {
      const startedMs = performance.now();
      await onLivingConnection(() => runAlone(pool, 'SELECT 1', []));
      return performance.now() - startedMs;
    },
    close: async () => {
      await Promise.all([...listeners].map((listener) => listener.close()));
      await Promise.all([...sessions].map((session) => session.close()));
      await Promise.all(replicas.map((replica) => replica.close()));
      await pool.end();
    },
  };
  await sql.ping();
  return sql;
}

interface OpenReplica {
  readonly replica: Replica;
  close(): Promise<void>;
}

/** Pools to the replicas, which need not be there: who reads hears of it by being slower. */
function openReplicas(primary: pg.PoolConfig, urls: readonly string[]): OpenReplica[] {
  if (urls.length > replicasMax)
    throw new ConfigError(`A database has at most ${replicasMax} replicas, not ${urls.length}.`);
  return urls.map((connectionString) => {
    const pool = new pg.Pool({ ...primary, connectionString, connectionTimeoutMillis: replicaWaitMsMax });
    watchPool(pool, primary);
    const sql = executor((text, values) => onLivingConnection(() => runAlone(pool, text, values)));
    const replayed = () =>
      placeIn(sql, 'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS lsn');
    return { replica: { sql, replayed }, close: () => pool.end() };
  });
}

/** A place in the write-ahead log, as bytes from its beginning. */
async function placeIn(sql: SqlExecutor, text: string): Promise<bigint | undefined> {
  const [row] = await sql.query<{ lsn: string | null }>(text);
  const [high, low] = row?.lsn?.split('/') ?? [];
  return high === undefined || low === undefined ? undefined : (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** The URL of this database on another server, e.g. a replica. */
export function databaseUrlOn(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** The URL of a database of this name on the server of `serverUrl`; makes the database when it does not exist. */
export async function ensureDatabaseUrl(serverUrl: string, name: string): Promise<string> {
  const client = aloneAt(serverUrl);
  await client.connect();
  try {
    const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (known.rowCount === 0) {
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`).catch((error) => {
        // 42P04, 23505: another process made it in between.
        if (!['42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw error;
      });
    }
  } finally {
    await client.end();
  }
  return databaseUrlOn(serverUrl, name);
}

type Runner = (text: string, values: readonly SqlValue[]) => Promise<pg.QueryResult>;

function executor(runner: Runner): SqlExecutor {
  return {
    dialect: 'postgres',
    query: async <Row extends SqlRow>(text: string, values: readonly SqlValue[] = []) =>
      (await runner(text, values)).rows as Row[],
    execute: async (text, values = []) => (await runner(text, values)).rowCount ?? 0,
  };
}

const preparedNames = new Map<string, string>();

function preparedName(text: string): string | undefined {
  const known = preparedNames.get(text);
  if (known !== undefined) return known;
  if (preparedNames.size >= preparedMax) return undefined;
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 20);
  preparedNames.set(text, name);
  return name;
}

/** How long the server has for a statement on a connection, where that is not the default. */
const statementMs = new WeakMap<PgClient, number>();

function watchPool(pool: pg.Pool, { statement_timeout: msMax }: pg.PoolConfig): void {
  // An idle connection that breaks is dropped by the pool; the next statement opens another.
  pool.on('error', () => {});
  pool.on('connect', (client) => {
    if (typeof msMax === 'number') statementMs.set(client, msMax);
  });
}

/** A connection outside of any pool, for one who waits for news or asks once. */
function aloneAt(url: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    types,
    connectionTimeoutMillis: defaultWaitMsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
  });
}

/** Runs a statement that is its own transaction. */
async function runAlone(pool: pg.Pool, text: string, values: readonly SqlValue[]): Promise<pg.QueryResult> {
  const client = await connect(pool);
  client.on('error', heardOfLoss);
  let failed = false;
  try {
    return await run(client, text, values);
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    client.removeListener('error', heardOfLoss);
    client.release(failed);
  }
}

/** Runs with a deadline: when nothing comes from the server in time, the connection is given up. */
async function run(
  client: PgClient,
  text: string,
  values: readonly SqlValue[],
  msMax = (statementMs.get(client) ?? defaultStatementMsMax) + graceMs,
): Promise<pg.QueryResult> {
  const socket = socketOf(client);
  let heardBytes = socket.bytesRead;
  const timer = setTimeout(() => {
    // Statements that were sent together have the deadline one after the other.
    if (socket.bytesRead === heardBytes) socket.destroy(new Error('the server does not answer'));
    heardBytes = socket.bytesRead;
    timer.refresh();
  }, msMax);
  try {
    const name = values.length > 0 ? preparedName(text) : undefined;
    return await client.query({ text, values: values as unknown[], ...(name === undefined ? {} : { name }) });
  } catch (error) {
    throw asFault(error);
  } finally {
    clearTimeout(timer);
  }
}

function socketOf(client: PgClient): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}

/** What a transaction does with its connection. */
interface Session {
  run(text: string, values: readonly SqlValue[]): Promise<pg.QueryResult>;
  /** Sends the statements and COMMIT together. */
  commit(statements: readonly SqlStatement[]): Promise<void>;
  rollback(): Promise<void>;
  release(): void;
}

async function inTransaction<T>(
  pool: pg.Pool,
  work: (tx: SqlTransaction) => Promise<T>,
  options: SqlTransactionOptions = {},
): Promise<T> {
  const session = openSession(pool, options);
  const beforeCommit: (() => Promise<void>)[] = [];
  const withCommit: (() => readonly SqlStatement[])[] = [];
  const afterCommit: (() => void)[] = [];
  try {
    const tx: SqlTransaction = {
      ...executor(session.run),
      beforeCommit: (last) => void beforeCommit.push(last),
      withCommit: (statements) => void withCommit.push(statements),
      afterCommit: (done) => void afterCommit.push(done),
    };
    const result = await work(tx);
    for (const last of beforeCommit) await last();
    await session.commit(withCommit.flatMap((statements) => statements()));
    for (const done of afterCommit) done();
    return result;
  } catch (error) {
    await session.rollback();
    throw error;
  } finally {
    session.release();
  }
}

/** A connection is taken, and the transaction begun, with its first statement; without one there is nothing to commit. */
function openSession(pool: pg.Pool, options: SqlTransactionOptions): Session {
  let begun: Promise<pg.PoolClient> | undefined;
  let client: pg.PoolClient | undefined;
  let broken = false;
  let isOver = false;
  const noteBroken = () => {
    broken = true;
  };
  const beginWith = (first?: SqlStatement) =>
    onLivingConnection(() => begin(pool, options, first)).then((began) => {
      client = began.client;
      client.on('error', noteBroken);
      return began;
    });
  return {
    run: async (text, values) => {
      if (isOver) throw transactionIsOver();
      if (begun !== undefined) return runGathered(await begun, text, values);
      const first = beginWith({ text, values });
      begun = first.then((began) => began.client);
      begun.catch(() => {});
      return (await first).answer ?? Promise.reject(new Error('a first statement has no answer'));
    },
    commit: async (statements) => {
      isOver = true;
      if (begun === undefined && statements.length > 0) begun = beginWith().then((began) => began.client);
      if (begun !== undefined) await commit(await begun, statements);
    },
    // A connection that cannot even roll back is destroyed; the server rolls back by itself when it is gone.
    rollback: async () => {
      isOver = true;
      await begun?.catch(() => {});
      if (client !== undefined) await run(client, 'ROLLBACK', []).catch(noteBroken);
    },
    release: () => {
      client?.removeListener('error', noteBroken);
      client?.removeListener('error', heardOfLoss);
      client?.release(broken);
    },
  };
}

interface Began {
  readonly client: pg.PoolClient;
  /** Of the first statement, when there was one. */
  readonly answer: Promise<pg.QueryResult> | undefined;
}

/** A connection in a transaction, with its first statement under way: both are sent by one write. */
async function begin(pool: pg.Pool, options: SqlTransactionOptions, first?: SqlStatement): Promise<Began> {
  const client = await connect(pool);
  // A client without a listener that loses its connection ends the process (an unheard `error` event is thrown).
  client.on('error', heardOfLoss);
  try {
    const opened = runGathered(client, beginText(options), []);
    const answer = first === undefined ? undefined : runGathered(client, first.text, first.values);
    // Without BEGIN it was done in no transaction, or not at all; its own failure is told to who asked for it.
    answer?.catch(() => {});
    await opened;
    return { client, answer };
  } catch (error) {
    client.removeListener('error', heardOfLoss);
    client.release(true);
    throw error;
  }
}

/** Connections whose statements of this turn of the event loop are being gathered. */
const gathering = new WeakSet<Socket>();

/**
 * Runs a statement on a connection of its own. Those that are begun in one turn of the event loop go out by one write,
 * in their order: a write is most of what a statement costs this process.
 */
function runGathered(client: pg.PoolClient, text: string, values: readonly SqlValue[]): Promise<pg.QueryResult> {
  const stream = socketOf(client);
  if (!gathering.has(stream)) {
    gathering.add(stream);
    stream.cork();
    process.nextTick(() => {
      gathering.delete(stream);
      stream.uncork();
    });
  }
  return run(client, text, values);
}

/** The statement under way fails with the connection, and says so itself. */
function heardOfLoss(): void {}

/** Connections that died while idle are found out only by using them; there may be a pool full of them. */
const deadConnectionsMax = 12;

/** Repeats what changes nothing when the connection it was given turns out to be dead. */
async function onLivingConnection<T>(attempt: () => Promise<T>): Promise<T> {
  for (let dead = 0; ; dead += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isDead = error instanceof SqlFault && wasTerminated(error);
      if (!isDead || dead >= deadConnectionsMax) throw error;
    }
  }
}

/** 57P01: the server ended this connection; '' with a broken socket: it was gone before. A server that is away refuses instead. */
function wasTerminated({ cause }: SqlFault): boolean {
  const { code = '', message = '' } = (cause ?? {}) as { code?: string; message?: string };
  return (
    code === '57P01' || code === 'ECONNRESET' || code === 'EPIPE' || /^Connection terminated unexpectedly/.test(message)
  );
}

function isRead(text: string): boolean {
  return /^\s*SELECT\b/i.test(text) && !/\b(FOR\s+UPDATE|pg_notify|nextval)\b/i.test(text);
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw asFault(error);
  }
}

function beginText(options: SqlTransactionOptions): string {
  const isolation = options.isolation === 'repeatable read' ? ' ISOLATION LEVEL REPEATABLE READ' : '';
  return `BEGIN${isolation}${options.readOnly === true ? ' READ ONLY' : ''}`;
}

/**
 * Commits together with the last statements. When one of them fails the server answers COMMIT with ROLLBACK, and that
 * statement's fault is thrown.
 */
async function commit(client: pg.PoolClient, statements: readonly SqlStatement[]): Promise<void> {
  const last = statements.map(({ text, values }) => runGathered(client, text, values));
  const committed = runGathered(client, 'COMMIT', []);
  const [end, ...ends] = await Promise.allSettled([committed, ...last]);
  if (end.status === 'rejected') throw commitFault(end.reason);
  for (const one of ends) if (one.status === 'rejected') throw one.reason;
  // A transaction that failed before answers COMMIT with ROLLBACK, and no error.
  if (end.value.command === 'ROLLBACK') throw new SqlFault('other', 'the transaction was rolled back by the server');
}

/** COMMIT was sent: without an answer nobody knows whether it was done, whichever statement lost the connection. */
function commitFault(error: unknown): SqlFault {
  const fault = asFault(error);
  if (fault.kind !== 'unavailable') return fault;
  return new SqlFault('commit_unknown', 'the connection was lost during COMMIT', '', { cause: fault.cause });
}

/** Every migration of a service runs under one lock, so that two processes that start together do not both apply it. */
async function migrate(pool: pg.Pool, folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
  const client = await connect(pool);
  try {
    await run(client, "SELECT pg_advisory_lock(hashtextextended('suuupra:migrate', 0))", []);
    await run(
      client,
      'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT now())',
      [],
    );
    for (const name of names) await applyMigration(client, folder, name);
    await run(client, "SELECT pg_advisory_unlock(hashtextextended('suuupra:migrate', 0))", []);
  } finally {
    client.release();
  }
}

async function applyMigration(client: pg.PoolClient, folder: string, name: string): Promise<void> {
  const text = await readFile(path.join(folder, name), 'utf8');
  const sha256 = createHash('sha256').update(text).digest('hex');
  const [done] = (await run(client, 'SELECT sha256 FROM migrations WHERE name = $1', [name])).rows;
  if (done !== undefined) {
    if (done.sha256 === sha256) return;
    throw new SqlFault('invalid', `the migration ${name} was changed after it was applied; add a new one instead`);
  }
  try {
    await run(client, 'BEGIN', []);
    await run(client, text, [], migrationMsMax);
    await run(client, 'INSERT INTO migrations (name, sha256) VALUES ($1, $2)', [name, sha256]);
    await run(client, 'COMMIT', []);
  } catch (error) {
    await run(client, 'ROLLBACK', []).catch(() => {});
    throw new SqlFault('invalid', `the migration ${name} cannot be applied: ${(error as Error).message}`, '', {
      cause: error,
    });
  }
}

async function listen(
  url: string,
  channel: string,
  heard: (payload: string) => void,
  listeners: Set<{ close(): Promise<void> }>,
): Promise<{ close(): Promise<void> }> {
  let closed = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  const attach = async () => {
    const next = aloneAt(url);
    const reconnect = () => {
      if (closed || client !== next) return;
      client = undefined;
      timer = setTimeout(() => void attach().catch(retry), reconnectMsMax / 4);
    };
    next.on('error', reconnect);
    next.on('end', reconnect);
    next.on('notification', (message) => heard(message.payload ?? ''));
    await next.connect();
    await run(next, `LISTEN ${pg.escapeIdentifier(channel)}`, []);
    client = next;
  };
  const retry = () => {
    if (closed) return;
    timer = setTimeout(() => void attach().then(() => heard(''), retry), reconnectMsMax);
  };
  await attach().catch((error) => {
    throw asFault(error);
  });
  const listener = {
    close: async () => {
      closed = true;
      listeners.delete(listener);
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
  listeners.add(listener);
  return listener;
}

async function openLockSession(url: string, sessions: Set<SqlLockSession>): Promise<SqlLockSession> {
  const client = aloneAt(url);
  const gone = new AbortController();
  client.on('error', () => gone.abort());
  client.on('end', () => gone.abort());
  try {
    await client.connect();
  } catch (error) {
    throw asFault(error);
  }
  // One statement at a time: `pg` no longer queues them on a connection by itself.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (text: string, values: readonly SqlValue[]): Promise<pg.QueryResult> => {
    const answer = turn.then(() => run(client, text, values));
    turn = answer.catch(() => {});
    return answer;
  };
  const session: SqlLockSession = {
    lost: gone.signal,
    tryLock: async (name) => {
      const answer = await inTurn('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held', [name]);
      return answer.rows[0].held === true;
    },
    unlock: async (name) => {
      await inTurn('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
    },
    listen: async (channel, heard) => {
      client.on('notification', (message) => {
        if (message.channel === channel) heard(message.payload ?? '');
      });
      await inTurn(`LISTEN ${pg.escapeIdentifier(channel)}`, []);
    },
    close: async () => {
      sessions.delete(session);
      await client.end().catch(() => {});
    },
  };
  sessions.add(session);
  return session;
}

/** SQLSTATE to what a caller can do about it (PostgreSQL documentation, appendix A). */
function faultKind(code: string): SqlFaultKind {
  if (code === '23505') return 'unique';
  if (code === '23503') return 'foreign_key';
  if (code === '23514' || code === '23502') return 'check';
  if (code === '42501') return 'permission';
  if (code === '40001' || code === '40P01' || code === '55P03') return 'retryable';
  if (code.startsWith('22')) return 'invalid';
  // 57P01-57P03: the server is stopping or starting; 08: connection; 53: no disk, memory or connection is left.
  if (code.startsWith('57P') || code.startsWith('08') || code.startsWith('53')) return 'unavailable';
  return code === '' ? 'unavailable' : 'other';
}

function asFault(error: unknown): SqlFault {
  if (error instanceof SqlFault) return error;
  const { code, constraint, message } = error as { code?: string; constraint?: string; message?: string };
  // EPIPE has the form of an SQLSTATE and is a connection that is gone.
  const sqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE' ? code : '';
  return new SqlFault(faultKind(sqlState), message ?? String(error), constraint ?? '', { cause: error });
}
