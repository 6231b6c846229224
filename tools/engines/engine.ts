/**
 * What every engine of tools/engines has in common: how it is installed, started, crashed, started again and stopped. An
 * engine is one value (`Engine`) in a file of its own, named in engines.ts; tests and commands know no more of it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

export interface EngineOptions {
  /** Install what is missing: Debian packages, Maven artifacts, Go modules. Otherwise say what to install. */
  readonly mayInstall: boolean;
  /** Every acknowledged write is on the disk. Otherwise the engine syncs as little as it can: fast, for throw-away data. */
  readonly durable: boolean;
  /** Where its data lives and stays. Absent: a folder of its own that goes away with it. */
  readonly folder?: string;
}

export interface RunningEngine {
  /** For people. */
  readonly name: string;
  readonly version: string;
  /** As the platform's setting takes it, with a generated password where the engine has accounts. */
  readonly url: string;
  /** Of the server as it runs now; another one after a restart. */
  readonly processId: number;
  /** Ends the server as a power switch would its process (SIGKILL), and resolves when it is gone. */
  crash(): Promise<void>;
  /** Starts it again on the same port and data, after a crash. Resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it in order, and removes its data unless a folder was given. */
  stop(): Promise<void>;
}

export interface Engine {
  /** As it is named on a command line. */
  readonly name: string;
  /** A running server, or a sentence that says why there is none. */
  start(options: EngineOptions): Promise<RunningEngine | string>;
  /** Not always to be had from where it comes: CI goes on without it, and says so. `up` without names leaves it out. */
  readonly mayBeAbsent?: boolean;
  /** Where tests find the server. */
  readonly testSetting: string;
  /** The platform's setting that puts it on this server. Absent: it is for tests alone. */
  readonly platformSetting?: string;
  /** Contracts and tests to be run against it, as globs of vitest. */
  readonly tests: {
    readonly include: readonly string[];
    readonly exclude?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly testMsMax?: number;
    /** Other engines whose servers these tests use as well. */
    readonly needs?: readonly string[];
  };
}

/** Debian's `nobody`: servers refuse to run as root. */
export const nobody = 65_534;

/** The account that a server runs under: our own, or nobody's when we are root. */
export function serverAccount(): { uid: number; gid: number } | Record<string, never> {
  return process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
}

export interface EngineFolder {
  readonly folder: string;
  /** Removes it when it was made for this run. */
  dispose(): void;
}

/** The folder of a server's data, owned by the account that it runs under. */
export function engineFolder(name: string, { folder }: Pick<EngineOptions, 'folder'>): EngineFolder {
  const made = folder ?? mkdtempSync(path.join(os.tmpdir(), `suuupra-engine-${name}-`));
  // Those above it stay open to the server's account.
  mkdirSync(made, { recursive: true });
  if ('uid' in serverAccount()) chownSync(made, nobody, nobody);
  chmodSync(made, 0o700);
  return {
    folder: made,
    dispose: () => {
      if (folder === undefined) rmSync(made, { recursive: true, force: true });
    },
  };
}

/** Where programs that were built or fetched are kept between runs. */
export function engineCache(...parts: readonly string[]): string {
  return path.join(os.homedir(), '.cache', 'suuupra-engines', ...parts);
}

/** Installs a Debian package when this process may; answers a sentence when it could not. */
export function installPackage(name: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may install packages here';
  if (spawnSync('apt-get', ['--version']).status !== 0) return 'there is no apt-get on this machine';
  // A package that brings a service must not start it: ours run apart, on ports of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status !== 0) return `apt-get ${args[0]} ended with ${status}: ${stderr.trim().slice(-300)}`;
  }
  return undefined;
}

const buildMsMax = 900_000;

/** Builds a Go program into `folder` from the Go module proxy; answers a sentence when it could not. */
export function installGoProgram(module: string, folder: string): string | undefined {
  if (spawnSync('go', ['version']).status !== 0) return 'there is no Go on this machine to build it with';
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('go', ['install', module], {
    env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' },
    encoding: 'utf8',
    timeout: buildMsMax,
  });
  return status === 0 ? undefined : `go install failed: ${stderr.trim().slice(-300)}`;
}

/** What a server shows to its clients; PEM files that its account can read. */
export interface ServerTls {
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly authorityFile: string;
}

/** A port that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
