/** Several engines at once, with their data under one folder, and the file that says where they are. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Engine, RunningEngine } from './engine.ts';
import { engines } from './engines.ts';

export interface RaisedEngines {
  readonly running: ReadonlyMap<string, RunningEngine>;
  /** The platform's settings that put it on these engines. */
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface RaiseOptions {
  /** Where their data lives and stays, one folder each. Absent: folders that go away with them. */
  readonly folder?: string;
  /** Where one of them lives instead. */
  folderOf?(name: string): string | undefined;
  readonly mayInstall: boolean;
  readonly durable: boolean;
  say(line: string): void;
}

/** An engine that this machine does not have; the message says which and why. */
export class EngineMissing extends Error {}

/** What `npm run engines -- up` raises when no name is given: all that the platform can be put on, one for each setting. */
export const platformEngines: readonly Engine[] = engines.filter(
  ({ platformSetting, mayBeAbsent }) => platformSetting !== undefined && mayBeAbsent !== true,
);

/** Starts them one after the other. Throws with a sentence when one cannot be had; those before it are stopped again. */
export async function raiseEngines(names: readonly string[], options: RaiseOptions): Promise<RaisedEngines> {
  const running = new Map<string, RunningEngine>();
  const settings: Record<string, string> = {};
  const stop = async () => {
    for (const server of [...running.values()].reverse()) await server.stop();
    running.clear();
  };
  try {
    for (const name of names) {
      const engine = findEngine(name);
      if (engine.platformSetting !== undefined && engine.platformSetting in settings)
        throw new Error(`Two of ${names.join(', ')} are for ${engine.platformSetting}; name one of them.`);
      const own =
        options.folderOf?.(name) ?? (options.folder === undefined ? undefined : path.join(options.folder, name));
      const folder = own === undefined ? {} : { folder: own };
      const { mayInstall, durable } = options;
      const server = await engine.start({ mayInstall, durable, ...folder });
      if (typeof server === 'string') throw new EngineMissing(server);
      running.set(name, server);
      if (engine.platformSetting !== undefined) settings[engine.platformSetting] = server.url;
      options.say(`${server.name} is ready (${server.version}).`);
    }
    return { running, settings, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function findEngine(name: string): Engine {
  const engine = engines.find((each) => each.name === name);
  if (engine !== undefined) return engine;
  throw new Error(`There is no engine "${name}"; there are ${engines.map((each) => each.name).join(', ')}.`);
}

/** What stands in the folder while engines of it run: for whoever starts the platform on them. */
export interface EnginesState {
  /** Of the command that holds them. */
  readonly processId: number;
  readonly settings: Readonly<Record<string, string>>;
}

const stateFile = (folder: string) => path.join(folder, 'running.json');

/** The file carries passwords, so it is its owner's alone. */
export function writeState(folder: string, state: EnginesState): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(stateFile(folder), JSON.stringify(state, undefined, 2), { mode: 0o600 });
}

export function removeState(folder: string): void {
  rmSync(stateFile(folder), { force: true });
}

/** Undefined when none of this folder run. */
export function readState(folder: string): EnginesState | undefined {
  if (!existsSync(stateFile(folder))) return undefined;
  const state = JSON.parse(readFileSync(stateFile(folder), 'utf8')) as EnginesState;
  return isAlive(state.processId) ? state : undefined;
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
