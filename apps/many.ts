/**
 * The platform as many processes of this machine: what an orchestrator does with containers, done with child processes.
 * Each service has its own, some have two; they find each other by their settings and trust each other by certificates. A
 * process that ends by itself is started again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allServices } from './services.ts';
import { gatewayName } from './topology.ts';

export interface ManyOptions {
  readonly dataFolder: string;
  /** Of the gateways, which share it. */
  readonly port: number;
  /** Where the engines are, and whatever else all processes are told. */
  readonly settings: Readonly<Record<string, string>>;
  /** What one process is told beside what all are. */
  settingsOf?(
    service: string,
    index: number,
    addresses: Readonly<Record<string, string>>,
  ): Readonly<Record<string, string>>;
  /** How many of each service; one where nothing is said. */
  readonly instances?: Readonly<Record<string, number>>;
  /** A line that a process has printed. */
  heard?(member: string, line: string): void;
}

export interface Member {
  /** `orders-2`. */
  readonly name: string;
  readonly service: string;
  /** Where its operator's door is. */
  readonly operatorUrl: string;
  /** Of the process as it runs now. */
  readonly processId: number;
  /** Sends the signal and resolves when the process is gone. It stays away until `start`. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, at the same doors. Resolves when it says that it is ready. */
  start(): Promise<void>;
}

export interface Many {
  readonly url: string;
  readonly members: readonly Member[];
  /** Where each service is: settings for one more process, or for the operator's tools. */
  readonly addresses: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Two of those that a user feels first, so that one can die. */
export const defaultInstances: Readonly<Record<string, number>> = { gateway: 2, orders: 2, payments: 2, learning: 2 };

const program = path.join(import.meta.dirname, 'main.ts');
const readyMsMax = 120_000;
const endMsMax = 40_000;
const againFirstMs = 500;
const againMsMax = 10_000;

interface Place {
  readonly name: string;
  readonly service: string;
  /** From 1. */
  readonly index: number;
  readonly meshPort: number;
}

/** Starts all of them side by side; throws with what one printed when it ends before it is ready. */
export async function startMany(options: ManyOptions): Promise<Many> {
  const { instances = defaultInstances } = options;
  const places: Place[] = [];
  for (const service of [...allServices.map(({ name }) => name), gatewayName]) {
    const count = instances[service] ?? 1;
    for (let index = 1; index <= count; index += 1) {
      const taken = places.map(({ meshPort }) => meshPort);
      places.push({ name: `${service}-${index}`, service, index, meshPort: await freeDoors(taken) });
    }
  }
  const addresses = addressesOf(places);
  const members = places.map((place) => createMember(place, addresses, options));
  const many: Many = {
    url: `http://127.0.0.1:${options.port}`,
    members,
    addresses,
    // Gateways first: they drain while those behind them still answer.
    stop: async () => {
      const gateways = members.filter(({ service }) => service === gatewayName);
      const others = members.filter(({ service }) => service !== gatewayName);
      await Promise.all(gateways.map((member) => member.end('SIGTERM')));
      await Promise.all(others.map((member) => member.end('SIGTERM')));
    },
  };
  try {
    await startInTurns(members);
    return many;
  } catch (error) {
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    throw error;
  }
}

/** As many at once as there are cores to start them; more would only wait for each other. */
async function startInTurns(members: readonly Member[]): Promise<void> {
  const waiting = [...members];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.start();
  };
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, lane));
}

function addressesOf(places: readonly Place[]): Record<string, string> {
  const addresses: Record<string, string> = {};
  for (const { service, meshPort } of places) {
    const setting = `SUUUPRA_ADDRESS_${service.toUpperCase()}`;
    const known = addresses[setting];
    addresses[setting] = `${known === undefined ? '' : `${known},`}127.0.0.1:${meshPort}`;
  }
  return addresses;
}

function createMember(place: Place, addresses: Readonly<Record<string, string>>, options: ManyOptions): Member {
  const { name, service, meshPort } = place;
  let child: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  let wanted = false;
  let failures = 0;
  const launch = async (): Promise<void> => {
    const launched = spawn(process.execPath, [program, service, '--data', options.dataFolder], {
      env: {
        ...process.env,
        SUUUPRA_PORT: String(options.port),
        SUUUPRA_SHARED_PORT: 'yes',
        SUUUPRA_MESH_PORT: String(meshPort),
        SUUUPRA_OPERATOR_PORT: String(meshPort + 2),
        SUUUPRA_PUBLIC_URL: `http://127.0.0.1:${options.port}`,
        ...addresses,
        ...options.settings,
        ...options.settingsOf?.(service, place.index, addresses),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = launched;
    launched.once('exit', () => {
      if (!wanted || child !== launched) return;
      failures += 1;
      const waitMs = Math.min(againMsMax, againFirstMs * 2 ** (failures - 1));
      options.heard?.(name, `ended by itself; started again in ${waitMs} ms`);
      again = setTimeout(() => {
        launch().catch((error: unknown) => options.heard?.(name, String(error)));
      }, waitMs);
    });
    await ready(launched, name, options.heard);
    failures = 0;
  };
  return {
    name,
    service,
    operatorUrl: `http://127.0.0.1:${meshPort + 2}`,
    get processId() {
      return child?.pid ?? 0;
    },
    start: async () => {
      wanted = true;
      await launch();
    },
    end: async (signal) => {
      wanted = false;
      clearTimeout(again);
      await end(child, signal);
    },
  };
}

/** Resolves when it prints that it is ready; rejects with what it printed when it ends before, or takes too long. */
async function ready(child: ChildProcess, name: string, heard: ManyOptions['heard']): Promise<void> {
  const outcome = Promise.withResolvers<void>();
  let printed = '';
  let rest = '';
  const collect = (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      printed = `${printed}${line}\n`.slice(-10_000);
      heard?.(name, line);
      if (/^Suuupra .*is ready at /.test(line)) outcome.resolve();
    }
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  child.once('exit', (code, signal) => {
    outcome.reject(new Error(`${name} ended (${code ?? signal}) before it was ready; it printed:\n${printed}`));
  });
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    outcome.reject(new Error(`${name} was not ready after ${readyMsMax / 1_000} s; it printed:\n${printed}`));
  }, readyMsMax);
  await outcome.promise.finally(() => clearTimeout(timer));
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), endMsMax);
  await gone;
  clearTimeout(late);
}

const doorsPerProcess = 3;
const triesMax = 100;

/** The first of three neighbouring free ports. */
async function freeDoors(taken: readonly number[]): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    if (taken.some((port) => Math.abs(port - first) < doorsPerProcess)) continue;
    const free = await Promise.all([0, 1, 2].map((offset) => isFree(first + offset)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no three neighbouring ports were free after ${triesMax} looks`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

/** Waits until every member's own door says that it is ready. Throws after a minute with those that do not. */
export async function allReady(many: Pick<Many, 'members'>, msMax = 60_000): Promise<void> {
  const untilMs = Date.now() + msMax;
  for (;;) {
    const states = await Promise.all(many.members.map(async (member) => ({ member, isReady: await isReady(member) })));
    const waiting = states.filter(({ isReady: now }) => !now).map(({ member }) => member.name);
    if (waiting.length === 0) return;
    if (Date.now() > untilMs) throw new Error(`${waiting.join(', ')} not ready after ${msMax / 1_000} s`);
    await delay(100);
  }
}

async function isReady({ operatorUrl }: Member): Promise<boolean> {
  try {
    const answer = await fetch(`${operatorUrl}/readyz`, { signal: AbortSignal.timeout(3_000) });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}
