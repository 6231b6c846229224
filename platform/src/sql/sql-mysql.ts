/**
 * `sql` on any MariaDB (10.11 or newer) or MySQL (9; 8 was never run) by URL: mysql://user:password@host/database, or mariadb://….
 *
 * Library: `mysql2`. Statements go as text, their values escaped by the driver; a nested array becomes a list of rows, so
 * `INSERT … VALUES ?` takes any number of them. Pitfalls met here: a 64-bit integer is a double unless it is taken as
 * text; the server's default isolation loses updates; after a deadlock the server has rolled back and the connection
 * would go on outside a transaction; there is no LISTEN; DDL commits.
 */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import {
  type Sql,
  type SqlExecutor,
  SqlFault,
  type SqlLockSession,
  type SqlRow,
  type SqlStatement,
  type SqlTransaction,
  type SqlTransactionOptions,
  type SqlValue,
  transactionIsOver,
} from './sql.ts';
import { asFault, wasCut } from './sql-mysql-faults.ts';
import { applyMigrations } from './sql-mysql-migrations.ts';

export interface MysqlOptions {
  readonly url: string;
  /** Connections of the pool; work beyond waits for one, at most `waitMsMax`. */
  readonly connectionsMax?: number;
  readonly waitMsMax?: number;
  /** A statement that runs longer is cancelled by the server, and its connection given up a little later. */
  readonly statementMsMax?: number;
}

const defaultConnectionsMax = 8;
const defaultWaitMsMax = 10_000;
const defaultStatementMsMax = 30_000;
/** The server stops a statement that waits for a row before the statement's own time is up: then it can be repeated. */
const lockWaitSecondsMax = 20;
const lockWaitShare = 2 / 3;
/** A server that does not keep its own deadline is taken for dead. */
const graceMs = 5_000;
const connectMsMax = 10_000;
const idleMs = 20_000;
/** How soon a listener looks by itself for what another process told. */
const lookEveryMs = 1_000;
/** A lock's connection lives as long as its process: the server may not end it for being idle. */
const idleSecondsMax = 31_536_000;
const migrateWaitSeconds = 60;
/** Connections that died while idle are found out only by using them; there may be a pool full of them. */
const deadConnectionsMax = 12;

const sqlMode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';

/** Opens a pool; the database must exist. */
export async function openMysql(options: MysqlOptions): Promise<Sql> {
  const server = await serverOf(options);
  const pool = mysql.createPool({
    ...server.connection,
    connectionLimit: options.connectionsMax ?? defaultConnectionsMax,
    maxIdle: options.connectionsMax ?? defaultConnectionsMax,
    idleTimeout: idleMs,
    waitForConnections: true,
  });
  const source: Source = { pool, server, prepared: new WeakSet(), waitMsMax: options.waitMsMax ?? defaultWaitMsMax };
  const sessions = new Set<SqlLockSession>();
  const listeners = new Set<{ close(): Promise<void> }>();
  const sql: Sql = {
    ...executor((text, values) =>
      isRead(text) ? onLivingConnection(() => runAlone(source, text, values)) : runAlone(source, text, values),
    ),
    transaction: (work, transactionOptions) => inTransaction(source, work, transactionOptions),
    migrate: (folder) => migrate(source, folder),
    notify: async (channel, payload) => {
      told.emit(`${server.place} ${channel}`, payload);
    },
    listen: async (channel, heard) => listen(server, channel, heard, listeners),
    staleReader: () => sql,
    openLockSession: () => openLockSession(server, sessions),
    tryLock: async (name) => {
      const session = await openLockSession(server, sessions);
      if (!(await session.tryLock(name))) {
        await session.close();
        return undefined;
      }
      return { lost: session.lost, release: () => session.close() };
    },
    ping: async () => {
      const startedMs = performance.now();
      await onLivingConnection(() => runAlone(source, 'SELECT 1', []));
      return performance.now() - startedMs;
    },
    close: async () => {
      await Promise.all([...listeners].map((listener) => listener.close()));
      await Promise.all([...sessions].map((session) => session.close()));
      await pool.end().catch(() => {});
    },
  };
  await sql.ping();
  return sql;
}

/** The URL of a database of this name on the server of `serverUrl`; makes the database when it does not exist. */
export async function ensureMysqlDatabaseUrl(serverUrl: string, name: string): Promise<string> {
  const connection = await connectAlone((await serverOf({ url: serverUrl })).connection);
  try {
    await run(
      connection,
      `CREATE DATABASE IF NOT EXISTS ${mysql.escapeId(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
      [],
    );
  } finally {
    await connection.end().catch(() => {});
  }
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

type Connection = mysql.Connection | mysql.PoolConnection;

interface Server {
  readonly connection: mysql.ConnectionOptions;
  /** Host, port and database: where names of locks and channels mean the same. */
  readonly place: string;
  readonly statementMsMax: number;
}

interface Source {
  readonly pool: mysql.Pool;
  readonly server: Server;
  /** The connections whose session is set up. */
  readonly prepared: WeakSet<object>;
  readonly waitMsMax: number;
}

async function serverOf({ url, statementMsMax = defaultStatementMsMax }: MysqlOptions): Promise<Server> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const database = decodeURIComponent(pathname.slice(1));
  const connection: mysql.ConnectionOptions = {
    host: hostname,
    port: port === '' ? 3306 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    ...(database === '' ? {} : { database }),
    ...(searchParams.get('ssl') === 'true' ? { ssl: {} } : {}),
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    multipleStatements: false,
    flags: ['-FOUND_ROWS'],
    connectTimeout: connectMsMax,
    typeCast,
  };
  return { connection, place: `${hostname}:${connection.port}/${database}`, statementMsMax };
}

/** Every value exactly: 64-bit integers as bigint, decimals as text, times as UTC, `boolean` (tinyint(1)) as true or false. */
function typeCast(field: { type: string; length: number; string(): string | null }, next: () => unknown): unknown {
  if (field.type === 'LONGLONG') {
    const text = field.string();
    return text === null ? null : BigInt(text);
  }
  if (field.type === 'TINY' && field.length === 1) {
    const text = field.string();
    return text === null ? null : text === '1';
  }
  if (field.type === 'NEWDECIMAL' || field.type === 'DECIMAL') return field.string();
  if (field.type === 'TIMESTAMP' || field.type === 'DATETIME') {
    const text = field.string();
    return text === null ? null : new Date(`${text.replace(' ', 'T')}Z`);
  }
  return next();
}

type Runner = (text: string, values: readonly SqlValue[]) => Promise<Answer>;

interface Answer {
  readonly rows: SqlRow[];
  readonly touched: number;
}

function executor(runner: Runner): SqlExecutor {
  return {
    dialect: 'mysql',
    query: async <Row extends SqlRow>(text: string, values: readonly SqlValue[] = []) =>
      (await runner(text, values)).rows as Row[],
    execute: async (text, values = []) => (await runner(text, values)).touched,
  };
}

async function run(connection: Connection, text: string, values: readonly SqlValue[]): Promise<Answer> {
  try {
    const [answer] = await connection.query(values.length === 0 ? text : mysql.format(text, values.map(literal)));
    if (Array.isArray(answer)) return { rows: answer as SqlRow[], touched: answer.length };
    return { rows: [], touched: touchedBy(answer as mysql.ResultSetHeader) };
  } catch (error) {
    throw asFault(error);
  }
}

/**
 * Of an UPDATE the rows that it found, whether they changed by it or not, as everywhere else; the server counts only those
 * that changed. Of INSERT … ON DUPLICATE KEY UPDATE a row that stayed as it was counts nothing.
 */
function touchedBy({ affectedRows, info }: mysql.ResultSetHeader): number {
  const [, matched] = /^Rows matched: (\d+)/.exec(info.trim()) ?? [];
  return matched === undefined ? affectedRows : Number(matched);
}

/** A value as the driver writes it without loss; a time in UTC, to the millisecond. */
function literal(value: SqlValue): Literal {
  if (value instanceof Date) return value.toISOString().slice(0, 23).replace('T', ' ');
  if (Array.isArray(value)) return (value as readonly SqlValue[]).map(literal);
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) return Buffer.from(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw new SqlFault('invalid', `${value} cannot be stored`);
  return value as Exclude<typeof value, Uint8Array | readonly SqlValue[]> | Buffer;
}

type Literal = string | number | bigint | boolean | null | Buffer | Literal[];

/** Runs with the deadline: when the server does not answer in time, the connection is given up. */
async function runInTime(
  connection: Connection,
  { statementMsMax }: Server,
  text: string,
  values: readonly SqlValue[],
): Promise<Answer> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    // Not as the fault of a connection that was dead before, for which reads are repeated: this one had its time.
    late.reject(new SqlFault('unavailable', 'the server does not answer'));
    // The driver's word for it waits for the other side to close as well, and tells the statement nothing.
    connection.destroy();
    socketOf(connection).destroy();
  }, statementMsMax + graceMs);
  try {
    return await Promise.race([run(connection, text, values), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function socketOf(connection: Connection): Socket {
  return (connection as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}

async function acquire(source: Source): Promise<mysql.PoolConnection> {
  const connection = await waitFor(source);
  if (source.prepared.has(connection.connection)) return connection;
  // An `error` event that nobody hears ends the process; the statement under way fails by itself.
  connection.connection.on('error', () => {});
  try {
    await setUp(connection, source.server);
    source.prepared.add(connection.connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function waitFor({ pool, waitMsMax }: Source): Promise<mysql.PoolConnection> {
  const waiting = pool.getConnection();
  const late = new AbortController();
  const timeout = delay(waitMsMax, 'late' as const, { signal: late.signal }).catch(() => 'late' as const);
  try {
    const first = await Promise.race([waiting, timeout]);
    if (first !== 'late') return first;
  } catch (error) {
    throw asFault(error);
  } finally {
    late.abort();
  }
  void waiting.then(
    (connection) => connection.release(),
    () => {},
  );
  throw new SqlFault('unavailable', `no connection to the database was free within ${waitMsMax} ms`);
}

/** What a session is: READ COMMITTED, UTC, strict, and bounded in how long it waits. */
async function setUp(connection: Connection, server: Server): Promise<void> {
  const { statementMsMax } = server;
  const say = (text: string, values: readonly SqlValue[] = []) => runInTime(connection, server, text, values);
  await say('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  await say('SET time_zone = ?, sql_mode = ?, innodb_lock_wait_timeout = ?, wait_timeout = ?', [
    '+00:00',
    sqlMode,
    Math.min(lockWaitSecondsMax, Math.max(1, Math.floor((statementMsMax * lockWaitShare) / 1_000))),
    idleSecondsMax,
  ]);
  const [program] = (await say('SELECT VERSION() AS version')).rows;
  const isMaria = String(program?.['version']).includes('MariaDB');
  // MariaDB counts seconds and all statements, MySQL milliseconds and only reads.
  if (isMaria) await say('SET max_statement_time = ?', [statementMsMax / 1_000]);
  else await say('SET max_execution_time = ?', [statementMsMax]);
}

async function runAlone(source: Source, text: string, values: readonly SqlValue[]): Promise<Answer> {
  const connection = await acquire(source);
  try {
    const answer = await runInTime(connection, source.server, text, values);
    connection.release();
    return answer;
  } catch (error) {
    giveBack(connection, error);
    throw error;
  }
}

function giveBack(connection: mysql.PoolConnection, error: unknown): void {
  if (error instanceof SqlFault && error.kind !== 'unavailable') connection.release();
  else connection.destroy();
}

async function inTransaction<T>(
  source: Source,
  work: (tx: SqlTransaction) => Promise<T>,
  options: SqlTransactionOptions = {},
): Promise<T> {
  const connection = await onLivingConnection(() => begin(source, options));
  const beforeCommit: (() => Promise<void>)[] = [];
  const withCommit: (() => readonly SqlStatement[])[] = [];
  const afterCommit: (() => void)[] = [];
  let ended: SqlFault | undefined;
  let broken = false;
  const runOne: Runner = async (text, values) => {
    // After a deadlock the server has rolled back: what came now would be committed by itself.
    if (ended !== undefined) throw ended;
    try {
      return await runInTime(connection, source.server, text, values);
    } catch (error) {
      const fault = error as SqlFault;
      if (fault.kind === 'retryable' || fault.kind === 'unavailable') ended = fault;
      throw fault;
    }
  };
  // Statements that are begun together are sent one after the other: each knows whether the one before ended it all.
  let turn: Promise<unknown> = Promise.resolve();
  const runner: Runner = (text, values) => {
    const answer = turn.then(() => runOne(text, values));
    turn = answer.catch(() => {});
    return answer;
  };
  try {
    const tx: SqlTransaction = {
      ...executor(runner),
      beforeCommit: (last) => void beforeCommit.push(last),
      withCommit: (statements) => void withCommit.push(statements),
      afterCommit: (done) => void afterCommit.push(done),
    };
    const result = await work(tx);
    for (const last of beforeCommit) await last();
    for (const { text, values } of withCommit.flatMap((statements) => statements())) await runner(text, values);
    await turn;
    if (ended !== undefined) throw ended;
    ended = transactionIsOver();
    await commit(connection, source.server);
    for (const done of afterCommit) done();
    return result;
  } catch (error) {
    ended ??= transactionIsOver();
    await turn;
    // A connection that cannot even roll back is destroyed; the server rolls back by itself when it is gone.
    await runInTime(connection, source.server, 'ROLLBACK', []).catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    if (broken) connection.destroy();
    else connection.release();
  }
}

async function begin(source: Source, options: SqlTransactionOptions): Promise<mysql.PoolConnection> {
  const connection = await acquire(source);
  try {
    if (options.isolation === 'repeatable read')
      await runInTime(connection, source.server, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', []);
    await runInTime(connection, source.server, `START TRANSACTION${options.readOnly === true ? ' READ ONLY' : ''}`, []);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function commit(connection: mysql.PoolConnection, server: Server): Promise<void> {
  try {
    await runInTime(connection, server, 'COMMIT', []);
  } catch (error) {
    const fault = error as SqlFault;
    if (fault.kind !== 'unavailable') throw fault;
    throw new SqlFault('commit_unknown', 'the connection was lost during COMMIT', '', { cause: error });
  }
}

/** Repeats what changes nothing when the connection it was given turns out to be dead. */
async function onLivingConnection<T>(attempt: () => Promise<T>): Promise<T> {
  for (let dead = 0; ; dead += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof SqlFault) || !wasCut(error) || dead >= deadConnectionsMax) throw error;
    }
  }
}

function isRead(text: string): boolean {
  return /^\s*SELECT\b/i.test(text) && !/\b(FOR\s+UPDATE|LOCK\s+IN|FOR\s+SHARE|GET_LOCK)\b/i.test(text);
}

/** Every migration of a service runs under one lock, so that two processes that start together do not both apply it. */
async function migrate({ server }: Source, folder: string): Promise<void> {
  const connection = await connectAlone(server.connection);
  try {
    await setUp(connection, server);
    const lock = lockName(server, 'suuupra:migrate');
    const [taken] = (await run(connection, 'SELECT GET_LOCK(?, ?) AS held', [lock, migrateWaitSeconds])).rows;
    if (Number(taken?.['held']) !== 1)
      throw new SqlFault('unavailable', `another process has been migrating for ${migrateWaitSeconds} s`);
    await applyMigrations(
      executor((text, values) => run(connection, text, values)),
      folder,
    );
  } finally {
    await connection.end().catch(() => connection.destroy());
  }
}

async function connectAlone(options: mysql.ConnectionOptions): Promise<mysql.Connection> {
  try {
    return await mysql.createConnection(options);
  } catch (error) {
    throw asFault(error);
  }
}

/** What this process tells; listeners of other processes look by themselves. */
const told = new EventEmitter().setMaxListeners(0);

function listen(
  server: Server,
  channel: string,
  heard: (payload: string) => void,
  listeners: Set<{ close(): Promise<void> }>,
): { close(): Promise<void> } {
  const name = `${server.place} ${channel}`;
  told.on(name, heard);
  const timer = setInterval(() => heard(''), lookEveryMs);
  const listener = {
    close: async () => {
      listeners.delete(listener);
      told.off(name, heard);
      clearInterval(timer);
    },
  };
  listeners.add(listener);
  return listener;
}

async function openLockSession(server: Server, sessions: Set<SqlLockSession>): Promise<SqlLockSession> {
  const connection = await connectAlone(server.connection);
  const gone = new AbortController();
  const listeners = new Set<{ close(): Promise<void> }>();
  const end = () => {
    gone.abort();
    for (const listener of listeners) void listener.close();
  };
  connection.on('error', end);
  connection.on('end', end);
  const session: SqlLockSession = {
    lost: gone.signal,
    tryLock: async (name) => {
      const { rows } = await runInTime(connection, server, 'SELECT GET_LOCK(?, 0) AS held', [lockName(server, name)]);
      return Number(rows[0]?.['held']) === 1;
    },
    unlock: async (name) => {
      await runInTime(connection, server, 'SELECT RELEASE_LOCK(?)', [lockName(server, name)]);
    },
    listen: async (channel, heard) => {
      listen(server, channel, heard, listeners);
    },
    close: async () => {
      sessions.delete(session);
      // The server ends a connection in its own time: who closes a session may count on its locks being free.
      await runInTime(connection, server, 'SELECT RELEASE_ALL_LOCKS()', [])
        .then(() => connection.end())
        .catch(() => connection.destroy());
      end();
    },
  };
  try {
    await setUp(connection, server);
  } catch (error) {
    connection.destroy();
    throw error;
  }
  sessions.add(session);
  return session;
}

/** Locks are the whole server's, and their names at most 64 characters long. */
function lockName({ place }: Server, name: string): string {
  return createHash('sha256')
    .update(`${place.slice(place.indexOf('/'))} ${name}`)
    .digest('hex');
}
