/**
 * Oracle's MySQL itself, of Debian's `sid`, which is the only suite that has it: private, on a free port, in a folder of
 * its own, beside the machine's packages and not among them (debian-root.ts). The same tests as MariaDB.
 *
 * `sid` changes every day and may lack it on one of them, so CI asks for it and goes on without, saying so; MariaDB is
 * what CI always has.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inDebianRoot, installDebianRoot } from './debian-root.ts';
import { type Engine, type EngineOptions, engineCache, engineFolder, freePort, type RunningEngine } from './engine.ts';
import { greets, mysqlTestSetting, mysqlTests, writeAccount } from './mysql-and-mariadb.ts';
import { startServer } from './server-process.ts';

export const mysql: Engine = {
  name: 'mysql',
  start: startMysql,
  testSetting: mysqlTestSetting,
  platformSetting: 'SUUUPRA_MYSQL_URL',
  mayBeAbsent: true,
  tests: mysqlTests,
};

const startMsMax = 60_000;
const suite = 'sid';
const packageName = 'mysql-server-core';

const common = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--mysqlx=OFF',
  // Debian's folder for it belongs to a package that is not here.
  '--secure-file-priv=NULL',
  '--character-set-server=utf8mb4',
  '--collation-server=utf8mb4_bin',
  '--max-connections=300',
  '--innodb-buffer-pool-size=128M',
  '--innodb-redo-log-capacity=128M',
  '--performance-schema=OFF',
  '--skip-log-bin',
];
const durably = ['--innodb-flush-log-at-trx-commit=1', '--innodb-doublewrite=ON'];
const fast = ['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=OFF', '--innodb-flush-method=nosync'];

/** Starts a server, or answers a sentence that says why there is none. */
export async function startMysql(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No MySQL server of this machine: ${why}.`;
  const root = engineCache('mysql', 'root');
  if (!existsSync(root)) {
    const problem = options.mayInstall
      ? installDebianRoot(suite, packageName, root)
      : `it is not installed (${packageName} of Debian ${suite}, unpacked in ${root})`;
    if (problem !== undefined) return none(problem);
  }
  const [command, ...before] = inDebianRoot(root, 'usr/sbin/mysqld');
  const { folder, dispose } = engineFolder('mysql', options);
  const own = [
    ...before,
    '--no-defaults',
    // Its programs are in our home folder, which nobody else may read; the server asks whether root is meant.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${path.join(root, 'usr')}`,
    `--datadir=${path.join(folder, 'data')}`,
  ];
  const made = makeData(folder, command, own);
  if (made.problem !== undefined) return none(made.problem);
  const port = await freePort();
  const started = await startServer({
    command,
    args: [
      ...own,
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
    asOurselves: true,
  });
  if (typeof started === 'string') return none(started);
  const version = spawnSync(command, [...before, '--version'], { encoding: 'utf8' }).stdout;
  return {
    name: 'MySQL',
    version: /Ver .*/.exec(version)?.[0] ?? version.trim(),
    url: `mysql://suuupra:${made.password}@127.0.0.1:${port}/mysql`,
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
function makeData(
  folder: string,
  command: string,
  own: readonly string[],
): { readonly password: string; readonly problem?: string } {
  const passwordFile = path.join(folder, 'password');
  if (existsSync(passwordFile)) return { password: readFileSync(passwordFile, 'utf8') };
  const password = randomBytes(12).toString('hex');
  writeAccount(folder, password);
  const made = spawnSync(command, [...own, '--initialize-insecure'], { encoding: 'utf8', cwd: '/' });
  if (made.status !== 0) return { password, problem: `mysqld --initialize failed: ${made.stderr}`.slice(0, 500) };
  writeFileSync(passwordFile, password, { mode: 0o600 });
  return { password };
}
