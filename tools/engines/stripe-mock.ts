/**
 * stripe-mock (github.com/stripe/stripe-mock, MIT), Stripe's own server for tests: it holds requests against Stripe's
 * description of its API. Built from the Go module proxy into a cache folder; nothing of it is committed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, type RunningEngine } from './engine.ts';

const version = 'v0.203.0';
const startMsMax = 30_000;
const buildMsMax = 300_000;

/** Starts it, or answers a sentence that says why there is none. */
export async function startStripeMock(mayInstall: boolean): Promise<RunningEngine | string> {
  const none = (why: string) => `No stripe-mock: ${why}.`;
  const folder = path.join(os.homedir(), '.cache', 'suuupra-engines', `stripe-mock-${version}`);
  const program = path.join(folder, 'stripe-mock');
  if (!existsSync(program)) {
    const problem = mayInstall
      ? build(folder)
      : `it is not built (go install github.com/stripe/stripe-mock@${version})`;
    if (problem !== undefined) return none(problem);
  }
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(program, ['-http-addr', `127.0.0.1:${port}`], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const untilMs = Date.now() + startMsMax;
  while ((await fetch(url).catch(() => undefined)) === undefined) {
    if (child.exitCode !== null || Date.now() > untilMs) return none('it did not start');
    await delay(50);
  }
  return {
    name: 'stripe-mock',
    version,
    url,
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

function build(folder: string): string | undefined {
  if (spawnSync('go', ['version']).status !== 0) return 'there is no Go on this machine to build it with';
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('go', ['install', `github.com/stripe/stripe-mock@${version}`], {
    env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
    encoding: 'utf8',
    timeout: buildMsMax,
  });
  return status === 0 ? undefined : `go install failed: ${stderr.trim().slice(-300)}`;
}
