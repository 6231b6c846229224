/**
 * A MariaDB server of this machine's own packages (Debian's `mariadb-server`): private, on a free port, in a folder of
 * its own. The machine's own service, if there is one, is left alone.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
import { greets, mysqlTestSetting, mysqlTests, writeAccount } from './mysql-and-mariadb.ts';
import { startServer } from './server-process.ts';

export const mariadb: Engine = {
  name: 'mariadb',
  start: startMariadb,
  testSetting: mysqlTestSetting,
  platformSetting: 'SUUUPRA_MYSQL_URL',
  tests: mysqlTests,
};

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

/** Starts a server, or answers a sentence that says why there is none. */
export async function startMariadb(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No MariaDB server of this machine: ${why}.`;
  if (!existsSync(server)) {
    const problem = options.mayInstall
      ? installPackage('mariadb-server')
      : 'it is not installed (Debian: apt-get install mariadb-server)';
    if (problem !== undefined) return none(problem);
  }
  const { folder, dispose } = engineFolder('mariadb', options);
  const made = makeData(folder);
  if (made.problem !== undefined) return none(made.problem);
  const port = await freePort();
  const started = await startServer({
    command: server,
    args: [
      '--no-defaults',
      `--datadir=${path.join(folder, 'data')}`,
      `--socket=${path.join(folder, 'socket')}`,
      `--pid-file=${path.join(folder, 'pid')}`,
      `--log-error=${path.join(folder, 'errors.log')}`,
      `--init-file=${path.join(folder, 'accounts.sql')}`,
      `--port=${port}`,
      ...common,
      ...(options.durable ? durably : fast),
    ],
    answers: () => greets(port),
    startMsMax,
  });
  if (typeof started === 'string') return none(started);
  return {
    name: 'MariaDB',
    version: spawnSync(server, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    url: `mariadb://suuupra:${made.password}@127.0.0.1:${port}/mysql`,
    get processId() {
      return started.processId;
    },
    crash: started.crash,
    restart: started.restart,
    stop: async () => {
      await started.end();
      dispose();
    },
  };
}

/** A data folder, and the statements that make our account when the server starts. */
function makeData(folder: string): { readonly password: string; readonly problem?: string } {
  const passwordFile = path.join(folder, 'password');
  if (existsSync(passwordFile)) return { password: readFileSync(passwordFile, 'utf8') };
  const password = randomBytes(12).toString('hex');
  writeAccount(folder, password);
  const made = spawnSync(
    installer,
    [
      '--no-defaults',
      `--datadir=${path.join(folder, 'data')}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    { ...serverAccount(), encoding: 'utf8', cwd: '/' },
  );
  if (made.status !== 0) {
    return { password, problem: `mariadb-install-db failed: ${made.stderr}${made.stdout}`.slice(0, 500) };
  }
  writeFileSync(passwordFile, password, { mode: 0o600 });
  return { password };
}
