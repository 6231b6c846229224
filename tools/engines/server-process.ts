/** A server as a child process: started until it answers, killed, started again, ended in order. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { serverAccount } from './engine.ts';

export interface ServerProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Standard output and error go here; nowhere when absent. */
  readonly logFile?: string;
  /** Whether it can be used now. Must not throw. */
  answers(): Promise<boolean>;
  readonly startMsMax: number;
  /** What ends it in order; SIGTERM when absent. */
  readonly stopSignal?: NodeJS.Signals;
  /** Runs under our own account also when that is root. */
  readonly asOurselves?: boolean;
}

export interface ServerProcess {
  readonly processId: number;
  crash(): Promise<void>;
  restart(): Promise<void>;
  end(): Promise<void>;
}

const endMsMax = 30_000;
const lookEveryMs = 25;

/** Starts it and waits until it answers, or gives a sentence that says why it does not. */
export async function startServer(program: ServerProgram): Promise<ServerProcess | string> {
  const first = await launch(program);
  if (typeof first === 'string') return first;
  let child = first;
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), endMsMax);
    await exited;
    clearTimeout(late);
  };
  return {
    get processId() {
      return child.pid ?? 0;
    },
    crash: () => end('SIGKILL'),
    restart: async () => {
      const next = await launch(program);
      if (typeof next === 'string') throw new Error(`${program.command}: ${next}`);
      child = next;
    },
    end: () => end(program.stopSignal ?? 'SIGTERM'),
  };
}

async function launch(program: ServerProgram): Promise<ChildProcess | string> {
  const log = program.logFile === undefined ? 'ignore' : openSync(program.logFile, 'a');
  const child = spawn(program.command, program.args, {
    ...(program.asOurselves === true ? {} : serverAccount()),
    cwd: program.cwd ?? '/',
    env: { ...process.env, ...program.env },
    stdio: ['ignore', log, log],
  });
  // The server has its own now; ours would keep its folder busy.
  if (typeof log === 'number') closeSync(log);
  let problem: string | undefined;
  child.once('error', (error) => {
    problem = error.message;
  });
  const untilMs = Date.now() + program.startMsMax;
  while (!(await program.answers())) {
    const where = program.logFile === undefined ? '' : ` (see ${program.logFile})`;
    if (problem !== undefined || child.exitCode !== null) return `it did not start${where}`;
    if (Date.now() > untilMs) {
      child.kill('SIGKILL');
      return `it was not ready within ${program.startMsMax / 1_000} s${where}`;
    }
    await delay(lookEveryMs);
  }
  return child;
}
