/**
 * A MariaDB server of this machine's own packages (Debian's `mariadb-server`): private, on a free port, in a folder of
 * its own that goes away with it. The machine's own service, if there is one, is left alone.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, installPackage, nobody, type RunningEngine, serverAccount } from './engine.ts';

export interface MariadbOptions {
  /** Install Debian's package when there is no server. */
  readonly mayInstall?: boolean;
  /** Every acknowledged commit is on the disk. Otherwise nothing is synced: fast, for data that is thrown away. */
  readonly durable?: boolean;
}

export interface RunningMariadb extends RunningEngine {
  /** Of the server as it runs now; another one after a restart. */
  readonly processId: number;
  /** Kills the server as a power switch would its process (SIGKILL), and resolves when it is gone. */
  crash(): Promise<void>;
  /** Starts it again on the same port and data, after a crash. Resolves when it answers. */
  restart(): Promise<void>;
}

const startMsMax = 60_000;
const server = '/usr/sbin/mariadbd';
const installer = '/usr/bin/mariadb-install-db';

/** What both kinds have: a small server for a machine that has other things to do. */
const common = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--character-set-server=utf8mb4',
  '--collation-server=utf8mb4_bin',
  '--max-connections=300',
  '--innodb-buffer-pool-size=128M',
  '--innodb-log-file-size=64M',
  '--performance-schema=OFF',
  '--skip-log-bin',
];
const durably = ['--innodb-flush-log-at-trx-commit=1', '--innodb-doublewrite=ON'];
const fast = ['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=OFF', '--innodb-flush-method=nosync'];

/** Starts a throw-away server, or answers a sentence that says why there is none. */
export async function startMariadb(options: MariadbOptions = {}): Promise<RunningMariadb | string> {
  const none = (why: string) => `No MariaDB server of this machine: ${why}.`;
  if (!existsSync(server)) {
    const problem =
      options.mayInstall === true
        ? installPackage('mariadb-server')
        : 'it is not installed (Debian: apt-get install mariadb-server)';
    if (problem !== undefined) return none(problem);
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-engine-mariadb-'));
  const password = randomBytes(12).toString('hex');
  const problem = makeData(folder, password);
  if (problem !== undefined) return none(problem);
  const port = await freePort();
  const running = await launch(folder, port, options.durable === true);
  if (typeof running === 'string') return none(running);
  let child = running;
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.on('exit', resolve));
    child.kill(signal);
    await exited;
  };
  return {
    name: 'MariaDB',
    version: spawnSync(server, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    url: `mariadb://suuupra:${password}@127.0.0.1:${port}/mysql`,
    get processId() {
      return child.pid ?? 0;
    },
    crash: () => end('SIGKILL'),
    restart: async () => {
      const next = await launch(folder, port, options.durable === true);
      if (typeof next === 'string') throw new Error(none(next));
      child = next;
    },
    stop: async () => {
      await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An empty data folder, and the statements that make our account when the server first starts. */
function makeData(folder: string, password: string): string | undefined {
  const account = serverAccount();
  if ('uid' in account) chownSync(folder, nobody, nobody);
  writeFileSync(
    path.join(folder, 'accounts.sql'),
    `CREATE USER IF NOT EXISTS suuupra@'127.0.0.1' IDENTIFIED BY '${password}';
GRANT ALL PRIVILEGES ON *.* TO suuupra@'127.0.0.1' WITH GRANT OPTION;
`,
  );
  const made = spawnSync(
    installer,
    [
      '--no-defaults',
      `--datadir=${path.join(folder, 'data')}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    { ...account, encoding: 'utf8', cwd: '/' },
  );
  return made.status === 0 ? undefined : `mariadb-install-db failed: ${made.stderr}${made.stdout}`.slice(0, 500);
}

/** The server's process once it answers, or why it does not. */
async function launch(folder: string, port: number, durable: boolean): Promise<ChildProcess | string> {
  const child = spawn(
    server,
    [
      '--no-defaults',
      `--datadir=${path.join(folder, 'data')}`,
      `--socket=${path.join(folder, 'socket')}`,
      `--pid-file=${path.join(folder, 'pid')}`,
      `--log-error=${path.join(folder, 'errors.log')}`,
      `--init-file=${path.join(folder, 'accounts.sql')}`,
      `--port=${port}`,
      ...common,
      ...(durable ? durably : fast),
    ],
    { ...serverAccount(), cwd: '/', stdio: 'ignore' },
  );
  const untilMs = Date.now() + startMsMax;
  while (!(await greets(port))) {
    if (child.exitCode !== null) return `it did not start (see ${path.join(folder, 'errors.log')})`;
    if (Date.now() > untilMs) {
      child.kill('SIGKILL');
      return `it was not ready within ${startMsMax / 1_000} s`;
    }
    await delay(20);
  }
  return child;
}

/** A server that is ready speaks first: it sends its greeting. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.once('data', () => answer(true));
    socket.once('error', () => answer(false));
    socket.setTimeout(1_000, () => answer(false));
  });
}
