/**
 * A Redis server of this machine's own packages (Debian's `redis-server`): private, on a free port, with a password, in a
 * folder of its own. It is a cache: it writes nothing to the disk unless it is asked to be durable.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import {
  type Engine,
  type EngineOptions,
  engineFolder,
  freePort,
  installPackage,
  type RunningEngine,
  type ServerTls,
} from './engine.ts';
import { startServer } from './server-process.ts';

export const redis: Engine = {
  name: 'redis',
  start: startRedis,
  testSetting: 'SUUUPRA_TEST_REDIS',
  platformSetting: 'SUUUPRA_REDIS_URL',
  tests: {
    include: ['tools/engines/redis-*.engines.test.ts'],
    testMsMax: 60_000,
  },
};

const server = '/usr/bin/redis-server';
const startMsMax = 30_000;

export interface RedisEngineOptions extends EngineOptions {
  /** Make it a node of a cluster that owns no slot yet, with the password that all nodes share. */
  readonly cluster?: { readonly password: string };
  /** Only over TLS. */
  readonly tls?: ServerTls;
}

/** Starts a server, or answers a sentence that says why there is none. */
export async function startRedis(options: RedisEngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No Redis server of this machine: ${why}.`;
  if (!existsSync(server)) {
    const problem = options.mayInstall
      ? installPackage('redis-server')
      : 'it is not installed (Debian: apt-get install redis-server)';
    if (problem !== undefined) return none(problem);
  }
  const { folder, dispose } = engineFolder('redis', options);
  const password = passwordIn(folder, options.cluster?.password);
  const port = await freePort();
  const started = await startServer({
    command: server,
    // The password goes by the file: arguments can be read by everybody on the machine.
    args: [path.join(folder, 'redis.conf'), ...settings(folder, port, options)],
    answers: () => answersPing(port, password, options.tls),
    startMsMax,
    logFile: path.join(folder, 'server.log'),
    asOurselves: true,
  });
  if (typeof started === 'string') return none(started);
  return {
    name: 'Redis',
    version: spawnSync(server, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    url:
      options.tls === undefined ? `redis://:${password}@127.0.0.1:${port}` : `rediss://:${password}@127.0.0.1:${port}`,
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

function settings(folder: string, port: number, { durable, cluster, tls }: RedisEngineOptions): string[] {
  const values: Record<string, string> = {
    port: tls === undefined ? String(port) : '0',
    ...(tls === undefined ? {} : tlsSettings(port, tls)),
    bind: '127.0.0.1',
    dir: folder,
    daemonize: 'no',
    save: '',
    appendonly: durable ? 'yes' : 'no',
    appendfsync: 'always',
    maxmemory: '256mb',
    'maxmemory-policy': 'volatile-lru',
    ...(cluster !== undefined ? { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' } : {}),
  };
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}

function tlsSettings(port: number, { keyFile, certificateFile, authorityFile }: ServerTls): Record<string, string> {
  return {
    'tls-port': String(port),
    'tls-key-file': keyFile,
    'tls-cert-file': certificateFile,
    'tls-ca-cert-file': authorityFile,
    'tls-auth-clients': 'no',
  };
}

function passwordIn(folder: string, given: string = randomBytes(16).toString('hex')): string {
  const file = path.join(folder, 'redis.conf');
  const known = existsSync(file) ? /^requirepass (\w+)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  if (known !== undefined) return known;
  writeFileSync(file, `requirepass ${given}\nmasterauth ${given}\n`, { mode: 0o600 });
  return given;
}

/** A server that still loads its data answers with an error. */
function answersPing(port: number, password: string, tls: ServerTls | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    // Whether it is believed is its clients' matter.
    const open = (then: () => void) =>
      tls === undefined
        ? connect(port, '127.0.0.1', then)
        : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, then);
    const socket = open(() => socket.write(`AUTH ${password}\r\nPING\r\n`));
    const answer = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.split('\r\n').length > 2) answer(text.includes('+PONG'));
    });
    socket.once('error', () => answer(false));
    socket.setTimeout(1_000, () => answer(false));
  });
}
