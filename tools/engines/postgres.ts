/**
 * A PostgreSQL server of this machine's own packages (Debian's `postgresql`), started beside the embedded one to show
 * that the same adapters pass the same contracts on a server that we did not bring.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, installPackage, nobody, type RunningEngine, serverAccount } from './engine.ts';

const startMsMax = 30_000;

/** Folder of the newest installed server, or undefined. */
function findBinaries(): string | undefined {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions
    .map((version) => path.join(base, version, 'bin'))
    .find((folder) => existsSync(path.join(folder, 'postgres')));
}

/** Starts a throw-away server, or answers a sentence that says why there is none. */
export async function startPostgres(mayInstall: boolean): Promise<RunningEngine | string> {
  if (findBinaries() === undefined) {
    const problem = mayInstall
      ? installPackage('postgresql')
      : 'it is not installed (Debian: apt-get install postgresql)';
    if (problem !== undefined) return `No PostgreSQL server of this machine: ${problem}.`;
  }
  const binaries = findBinaries();
  if (binaries === undefined) return 'No PostgreSQL server of this machine: its binaries were not found.';
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-engine-postgres-'));
  const cluster = path.join(folder, 'cluster');
  const account = serverAccount();
  if ('uid' in account) chownSync(folder, nobody, nobody);
  mkdirSync(cluster, { mode: 0o700 });
  if ('uid' in account) chownSync(cluster, nobody, nobody);
  const password = randomBytes(12).toString('hex');
  const passwordFile = path.join(folder, 'password');
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
    { ...account, encoding: 'utf8', cwd: '/' },
  );
  if (made.status !== 0) return `No PostgreSQL server of this machine: initdb failed: ${made.stderr}`;
  const port = await freePort();
  const child = spawn(
    path.join(binaries, 'postgres'),
    [
      '-D',
      cluster,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=200',
      '-c',
      'fsync=off',
    ],
    { ...account, cwd: '/', stdio: 'ignore' },
  );
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const untilMs = Date.now() + startMsMax;
  while (!isReady(cluster)) {
    if (child.exitCode !== null || Date.now() > untilMs)
      return 'No PostgreSQL server of this machine: it did not start.';
    await delay(20);
  }
  return {
    name: 'PostgreSQL',
    version: spawnSync(path.join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout.trim(),
    url: `postgres://suuupra:${password}@127.0.0.1:${port}/postgres`,
    stop: async () => {
      child.kill('SIGINT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isReady(cluster: string): boolean {
  try {
    return readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}
