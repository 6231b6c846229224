/** Starts the other processes of a bench and asks them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { LoadOrders, LoadSeen } from './load-generator.ts';

const here = import.meta.dirname;

export interface BareServer {
  readonly origin: string;
  readonly processId: number;
  stop(): Promise<void>;
}

export async function startBareServer(body: string): Promise<BareServer> {
  const child = spawn(process.execPath, [path.join(here, 'bare-server.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(body);
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    origin: `http://127.0.0.1:${port.toString('utf8').trim()}`,
    processId: child.pid ?? 0,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

export async function generateLoad(orders: LoadOrders): Promise<LoadSeen> {
  const child: ChildProcess = spawn(process.execPath, [path.join(here, 'load-generator.ts'), JSON.stringify(orders)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('the load generator has no output');
  return JSON.parse(await text(child.stdout)) as LoadSeen;
}
