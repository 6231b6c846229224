/**
 * The real program for tests: `node apps/main.ts` as a child process on a data folder of its own, which can be killed,
 * stopped and started again on the same data.
 *
 * Whatever becomes of the test, even kill -9, nothing stays behind: each data folder has an undertaker, a small shell
 * process that waits for the end of its input and then ends the programs, the folder's PostgreSQL (which runs detached)
 * and the folder itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const demoPassword = 'Demo-Passw0rd!';

const root = path.dirname(import.meta.dirname);
/** A first start on a loaded two-core machine, with initdb and the demo school. */
const readyMsMax = 90_000;
const endMsMax = 40_000;
/** Enough for every sentence and stack trace of a run; older output is let go. */
const outputCharsMax = 400_000;

export interface DataFolder {
  readonly folder: string;
  /** Process id of the folder's PostgreSQL while its pid file is there. */
  postgresId(): number | undefined;
  /** Ends everything that runs on the folder and removes it. */
  remove(): Promise<void>;
  /** Tells the undertaker of a process that must not outlive the test. */
  entrust(processId: number): void;
}

export interface PlatformOptions {
  readonly data: DataFolder;
  readonly demo?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningPlatform {
  readonly url: string;
  /** Seconds to readiness as the program itself printed them. */
  readonly readySeconds: number;
  readonly processId: number;
  /** What it has printed so far, standard output and error together. */
  output(): string;
  /** Sends the signal and waits for the end. `code` is null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<Ended>;
  /** Resolves when the process ends by whatever cause. */
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Makes an empty data folder and its undertaker. */
export function makeDataFolder(): DataFolder {
  const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'suuupra-system-'));
  const undertaker = spawn('sh', ['-c', undertakerScript, 'undertaker', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const gone = new Promise<void>((resolve) => undertaker.once('exit', () => resolve()));
  undertaker.unref();
  const { stdin } = undertaker;
  (stdin as unknown as { unref(): void }).unref();
  return {
    folder,
    postgresId: () => postgresId(folder),
    entrust: (processId) => void stdin.write(`${processId}\n`),
    remove: async () => {
      undertaker.ref();
      stdin.end();
      await gone;
    },
  };
}

/**
 * Reads process ids until its input ends: by the test, or because the test is gone. PostgreSQL is asked by SIGQUIT to end
 * at once; its files need no order, they are removed. A process is ended only when its command line names the folder.
 */
const undertakerScript = `
folder=$1
pids=
while read -r pid; do pids="$pids $pid"; done
named() { ps -o args= -p "$1" 2>/dev/null | grep -qF "$folder"; }
for pid in $pids; do named "$pid" && kill -9 "$pid" 2>/dev/null; done
pid=$(head -n 1 "$folder/postgres/cluster/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && named "$pid"; then
  kill -QUIT "$pid"
  n=0
  while kill -0 "$pid" 2>/dev/null && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.1; done
  kill -9 "$pid" 2>/dev/null
fi
rm -rf "$folder"
`;

function postgresId(folder: string): number | undefined {
  const file = path.join(folder, 'postgres', 'cluster', 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** Starts the platform and waits until it says that it is ready. Throws with what it printed when it ends before. */
export async function startPlatform(options: PlatformOptions): Promise<RunningPlatform> {
  const launched = launchPlatform(options);
  return await launched.ready;
}

export interface LaunchedPlatform {
  readonly processId: number;
  readonly ready: Promise<RunningPlatform>;
  end(signal: NodeJS.Signals): Promise<Ended>;
}

/** Starts the platform without waiting for it, for tests that kill it while it starts. */
export function launchPlatform({ data, demo = true, env = {} }: PlatformOptions): LaunchedPlatform {
  const args = ['--all', '--port', '0', '--data', data.folder, ...(demo ? [] : ['--no-demo'])];
  // One hop is believed, so that each test client can have an address and so a rate limit of its own.
  const settings = { SUUUPRA_DEMO_PASSWORD: demoPassword, SUUUPRA_TRUSTED_HOPS: '1', ...env };
  const { child, output, ended } = spawnProgram(args, settings);
  const processId = child.pid ?? 0;
  data.entrust(processId);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return await within(ended, endMsMax, () => `the platform did not end by ${signal}; it printed:\n${output()}`);
  };
  const ready = readyLine(child, output, ended).then(({ url, readySeconds }) => ({
    url,
    readySeconds,
    processId,
    output,
    ended,
    end,
  }));
  // Whoever kills it while it starts does not wait for `ready`.
  ready.catch(() => {});
  return { processId, ready, end };
}

/** Runs the program to its end, for starts that are refused. */
export async function runToEnd(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  data?: DataFolder,
): Promise<Ended> {
  const { child, output, ended } = spawnProgram(args, env);
  data?.entrust(child.pid ?? 0);
  return await within(ended, readyMsMax, () => {
    child.kill('SIGKILL');
    return `the program did not end; it printed:\n${output()}`;
  });
}

interface Spawned {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<Ended>;
}

function spawnProgram(args: readonly string[], env: Readonly<Record<string, string>>): Spawned {
  const child = spawn(process.execPath, ['apps/main.ts', ...args], {
    cwd: root,
    env: { ...plainEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const collect = (chunk: Buffer) => {
    text = `${text}${chunk.toString('utf8')}`.slice(-outputCharsMax);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, output: text }));
  });
  return { child, output: () => text, ended };
}

/** The environment without the settings of the platform and of the test runner: only what a test gives counts. */
function plainEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(SUUUPRA_|VITEST|NODE_OPTIONS$|NODE_ENV$|OTEL_)/.test(name),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

async function readyLine(
  child: ChildProcess,
  output: () => string,
  ended: Promise<Ended>,
): Promise<{ url: string; readySeconds: number }> {
  const seen = new Promise<{ url: string; readySeconds: number }>((resolve, reject) => {
    const look = () => {
      const [, url, seconds] = /Suuupra is ready at (http:\S+) \(after ([\d.]+) s\)\./.exec(output()) ?? [];
      if (url !== undefined) resolve({ url, readySeconds: Number(seconds) });
    };
    child.stdout?.on('data', look);
    void ended.then(({ code, signal }) =>
      reject(new Error(`the platform ended (${code ?? signal}) before it was ready; it printed:\n${output()}`)),
    );
  });
  return await within(seen, readyMsMax, () => {
    child.kill('SIGKILL');
    return `the platform was not ready; it printed:\n${output()}`;
  });
}

async function within<T>(promise: Promise<T>, ms: number, why: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${ms / 1_000} s ${why()}`)), ms);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Process ids of a process and all its descendants, from /proc. */
export function familyOf(processId: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? parentOf(pid) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const family = [processId];
  for (const pid of family) family.push(...(children.get(pid) ?? []));
  return family;
}

function parentOf(processId: number): number | undefined {
  try {
    // After the command's name in brackets: state, then the parent.
    return Number(
      readFileSync(`/proc/${processId}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    return undefined;
  }
}

/** Ends PostgreSQL and all its processes at once, as a power cut would. The pid file stays. */
export function killPostgres(data: DataFolder, whole: 'all processes' | 'postmaster only'): void {
  const pid = data.postgresId();
  if (pid === undefined) throw new Error('no PostgreSQL runs on this data folder');
  const doomed = whole === 'all processes' ? familyOf(pid) : [pid];
  for (const each of doomed) {
    try {
      process.kill(each, 'SIGKILL');
    } catch (error) {
      // A backend may have ended by itself in between.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Memory in MiB that these processes hold by themselves plus their share of what is shared (PSS of smaps_rollup). */
export function residentMebibytes(processIds: readonly number[]): number {
  const kibibytes = processIds.map((pid) => {
    try {
      return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  return kibibytes.reduce((sum, one) => sum + one, 0) / 1_024;
}
