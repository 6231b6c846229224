/** What every engine of tools/engines has in common: how it is installed, how it finds a port, how it is stopped. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';

export interface RunningEngine {
  readonly name: string;
  readonly version: string;
  readonly url: string;
  stop(): Promise<void>;
}

/** Debian's `nobody`: servers refuse to run as root. */
export const nobody = 65_534;

/** The account that a server runs under: our own, or nobody's when we are root. */
export function serverAccount(): { uid: number; gid: number } | Record<string, never> {
  return process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
}

/** Installs a Debian package when this process may; answers a sentence when it could not. */
export function installPackage(name: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may install packages here';
  if (spawnSync('apt-get', ['--version']).status !== 0) return 'there is no apt-get on this machine';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status !== 0) return `apt-get ${args[0]} ended with ${status}: ${stderr.trim().slice(-300)}`;
  }
  return undefined;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
