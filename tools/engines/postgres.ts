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
    ],
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
  const cluster = path.join(folder, 'cluster');
  const made = makeCluster(binaries, folder, cluster);
  if (made.problem !== undefined) return none(made.problem);
  const port = await freePort();
  // A file that a killed server left behind says "ready" of nobody.
  const forget = () => rmSync(path.join(cluster, 'postmaster.pid'), { force: true });
  forget();
  const started = await startServer({
    command: path.join(binaries, 'postgres'),
    args: ['-D', cluster, '-p', String(port), ...settings(options.durable)],
    answers: async () => isReady(cluster),
    startMsMax,
    stopSignal: 'SIGINT',
    logFile: path.join(folder, 'server.log'),
  });
  if (typeof started === 'string') return none(started);
  return {
    name: 'PostgreSQL',
    version: spawnSync(path.join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim(),
    url: `postgres://suuupra:${made.password}@127.0.0.1:${port}/postgres`,
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
    return readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}
