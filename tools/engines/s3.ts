/**
 * An S3 server: versitygw (github.com/versity/versitygw, Apache-2.0) over a folder, built from the Go module proxy into a
 * cache folder. It keeps what is known of an object in files of its own beside the data, so any file system will do.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Engine,
  type EngineOptions,
  engineCache,
  engineFolder,
  freePort,
  installGoProgram,
  type RunningEngine,
} from './engine.ts';
import { startServer } from './server-process.ts';

const version = 'v1.8.0';
const module = `github.com/versity/versitygw/cmd/versitygw@${version}`;
const startMsMax = 30_000;
const bucket = 'suuupra';
const region = 'us-east-1';

export const s3: Engine = {
  name: 's3',
  start: startS3,
  testSetting: 'SUUUPRA_TEST_S3',
  platformSetting: 'SUUUPRA_S3_URL',
  tests: { include: ['tools/engines/s3-*.engines.test.ts'], testMsMax: 60_000 },
};

/** Starts a server with one empty bucket, or answers a sentence that says why there is none. */
export async function startS3(options: EngineOptions): Promise<RunningEngine | string> {
  const none = (why: string) => `No S3 server: ${why}.`;
  const programs = engineCache(`versitygw-${version}`);
  const program = path.join(programs, 'versitygw');
  if (!existsSync(program)) {
    const problem = options.mayInstall ? installGoProgram(module, programs) : `it is not built (go install ${module})`;
    if (problem !== undefined) return none(problem);
  }
  const { folder, dispose } = engineFolder('s3', options);
  // A folder at the top of the data is a bucket.
  for (const part of [`data/${bucket}`, 'known']) mkdirSync(path.join(folder, part), { recursive: true, mode: 0o700 });
  const keys = keysIn(folder);
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const started = await startServer({
    command: program,
    args: [
      ...['--port', address, '--region', region, '--health', '/health', '--quiet'],
      ...['posix', '--sidecar', path.join(folder, 'known'), path.join(folder, 'data')],
    ],
    env: { ROOT_ACCESS_KEY_ID: keys.id, ROOT_SECRET_ACCESS_KEY: keys.secret },
    answers: async () => (await fetch(`http://${address}/health`).catch(() => undefined))?.ok === true,
    startMsMax,
    logFile: path.join(folder, 'server.log'),
    cwd: folder,
    asOurselves: true,
  });
  if (typeof started === 'string') return none(started);
  return {
    name: 'versitygw (S3)',
    version,
    url: `s3+http://${keys.id}:${keys.secret}@${address}/${bucket}?region=${region}`,
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

function keysIn(folder: string): { readonly id: string; readonly secret: string } {
  const file = path.join(folder, 'keys.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as { id: string; secret: string };
  const keys = { id: randomBytes(10).toString('hex'), secret: randomBytes(20).toString('hex') };
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}
