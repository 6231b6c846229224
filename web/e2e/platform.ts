/** Starts the real platform on a fresh data folder and a free port, for one test file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RunningPlatform {
  readonly url: string;
  readonly demoPassword: string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');
const readyMsMax = 90_000;
const demoPassword = 'journey-password-1';

export async function startPlatform(): Promise<RunningPlatform> {
  const data = await mkdtemp(join(tmpdir(), 'suuupra-web-'));
  const child = spawn(process.execPath, ['apps/main.ts', '--all', '--port', '0', '--data', data], {
    cwd: root,
    env: { ...process.env, SUUUPRA_DEMO_PASSWORD: demoPassword },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await readyUrl(child);
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  return { url, demoPassword, stop };
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`The platform ${why}. It said:\n${output}`));
    };
    const timer = setTimeout(() => fail(`was not ready within ${readyMsMax} ms`), readyMsMax);
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
      const url = /is ready at (http:\/\/[^\s(]+)/.exec(output)?.[1];
      if (!url) return;
      clearTimeout(timer);
      resolve(url);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('exit', (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}
