/**
 * A PostgreSQL server of this machine's own packages (Debian's `postgresql`), started beside the embedded one to show
 * that the same adapters pass the same contracts on a server that we did not bring.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Engine,
  type EngineFolder,
  type EngineOptions,
  engineFolder,
  freePort,
  installPackage,
  type RunningEngine,
  serverAccount,
} from './engine.ts';
import { startServer } from './server-process.ts';

export const postgres: Engine = {
  name: 'postgres',
  start: startPostgres,
  testSetting: 'SUUUPRA_TEST_POSTGRES',
  platformSetting: 'SUUUPRA_POSTGRES_URL',
  tests: {
    include: [
      'platform/src/sql/{sql-postgres,idempotency}.test.ts',
      'platform/src/stream/{inbox,outbox,stream-embedded}.test.ts',
      'platform/src/documents/documents-embedded.test.ts',
      'services/*/src/store-*.test.ts',
      'tools/engines/postgres/*.engines.test.ts',
    ],
    // These are MariaDB's.
    exclude: ['**/*mysql*.test.ts'],
  },
};

const startMsMax = 60_000;

/** Folder of the newest installed server, or undefined. */
export function findPostgres(): string | undefined {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions
    .map((version) => path.join(base, version, 'bin'))
    .find((folder) => existsSync(path.join(folder, 'postgres')));
}

/** Starts a server, or answers a sentence that says why there is none. */
export async function startPostgres(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No PostgreSQL server of this machine: ${why}.`;
  if (findPostgres() === undefined) {
    const problem = options.mayInstall
      ? installPackage('postgresql')
      : 'it is not installed (Debian: apt-get install postgresql)';
    if (problem !== undefined) return none(problem);
  }
  const binaries = findPostgres();
  if (binaries === undefined) return none('its binaries were not found');
  const { folder, dispose } = engineFolder('postgres', options);
  const made = makeCluster(binaries, folder, path.join(folder, 'cluster'));
  if (made.problem !== undefined) return none(made.problem);
  const started = await startOn(binaries, { folder, dispose }, options.durable, made.password);
  return typeof started === 'string' ? none(started) : started;
}

/** Starts a server that follows the primary by streaming replication, or answers a sentence that says why there is none. */
export async function startPostgresReplica(primaryUrl: string): Promise<RunningEngine | string> {
  const none = (why: string) => `No replica of a PostgreSQL server of this machine: ${why}.`;
  const binaries = findPostgres();
  if (binaries === undefined) return none('it is not installed (Debian: apt-get install postgresql)');
  const { folder, dispose } = engineFolder('postgres-replica', {});
  const copied = spawnSync(
    path.join(binaries, 'pg_basebackup'),
    ['-D', path.join(folder, 'cluster'), '-d', primaryUrl, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'],
    { ...serverAccount(), encoding: 'utf8', cwd: '/' },
  );
  if (copied.status !== 0) return none(`pg_basebackup failed: ${copied.stderr.trim().slice(-300)}`);
  const started = await startOn(binaries, { folder, dispose }, false, new URL(primaryUrl).password);
  return typeof started === 'string' ? none(started) : started;
}

async function startOn(
  binaries: string,
  { folder, dispose }: EngineFolder,
  durable: boolean,
  password: string,
): Promise<RunningEngine | string> {
  const cluster = path.join(folder, 'cluster');
  const port = await freePort();
  // A file that a killed server left behind says "ready" of nobody.
  const forget = () => rmSync(path.join(cluster, 'postmaster.pid'), { force: true });
  forget();
  const started = await startServer({
    command: path.join(binaries, 'postgres'),
    args: ['-D', cluster, '-p', String(port), ...settings(durable)],
    answers: async () => isReady(cluster),
    startMsMax,
    stopSignal: 'SIGINT',
    logFile: path.join(folder, 'server.log'),
  });
  if (typeof started === 'string') return started;
  return {
    name: 'PostgreSQL',
    version: spawnSync(path.join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim(),
    url: `postgres://suuupra:${password}@127.0.0.1:${port}/postgres`,
    get processId() {
      return started.processId;
    },
    crash: async () => {
      await started.crash();
      forget();
    },
    restart: started.restart,
    stop: async () => {
      await started.end();
      dispose();
    },
  };
}

function settings(durable: boolean): string[] {
  const values = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=400',
    'wal_level=replica',
    ...(durable ? [] : ['fsync=off']),
  ];
  return values.flatMap((value) => ['-c', value]);
}

function makeCluster(
  binaries: string,
  folder: string,
  cluster: string,
): { readonly password: string; readonly problem?: string } {
  const passwordFile = path.join(folder, 'password');
  if (existsSync(path.join(cluster, 'PG_VERSION'))) return { password: readFileSync(passwordFile, 'utf8') };
  const password = randomBytes(12).toString('hex');
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const made = spawnSync(
    path.join(binaries, 'initdb'),
    [
      '-D',
      cluster,
      '-U',
      'suuupra',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--no-locale',
      '--no-sync',
    ],
    { ...serverAccount(), encoding: 'utf8', cwd: '/' },
  );
  return made.status === 0 ? { password } : { password, problem: `initdb failed: ${made.stderr}` };
}

function isReady(cluster: string): boolean {
  try {
    const state = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim();
    // A replica stands by for good.
    return state === 'ready' || (state === 'standby' && existsSync(path.join(cluster, 'standby.signal')));
  } catch {
    return false;
  }
}
