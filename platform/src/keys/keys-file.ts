/**
 * The `keys` port in one file: a JSON object of names and base64url secrets, readable by its owner only. Each change
 * replaces the whole file at once; a lock file keeps two processes that start together from making two secrets of one name.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../config.ts';
import { isErrno, writeDurably } from '../objects/durable-file.ts';
import type { Keys } from './keys.ts';

/** A sentence for the operator; the process prints it and ends. */
export class KeyringError extends ConfigError {}

const secretBytes = 32;
const namePattern = /^[a-z][a-z0-9._-]{0,99}$/;
const lockWaitMsMax = 10_000;
const lockCheckMs = 5;
/** A lock is held for milliseconds. One older than this whose process is gone was left behind by a kill. */
const abandonedMs = 2_000;

/** Opens the keyring, or begins one. Throws KeyringError when others may read it, or it is not a keyring. */
export async function openKeyring(file: string): Promise<Keys> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  let secrets = await readKeyring(file);
  let turn: Promise<unknown> = Promise.resolve();
  const make = (name: string): Promise<string> =>
    withFileLock(`${file}.lock`, async () => {
      // Another process may have made it meanwhile.
      const stored = await readKeyring(file);
      const secret = stored.get(name) ?? randomBytes(secretBytes).toString('base64url');
      secrets = new Map([...stored, [name, secret]]);
      if (!stored.has(name)) {
        await writeDurably(file, `${JSON.stringify(Object.fromEntries(secrets), undefined, 2)}\n`, { mode: 0o600 });
      }
      return secret;
    });
  return {
    async secret(name) {
      if (!namePattern.test(name)) throw new RangeError(`"${name}" cannot name a secret`);
      const answer = turn.then(async () => secrets.get(name) ?? (await make(name)));
      turn = answer.catch(() => {});
      return Uint8Array.from(Buffer.from(await answer, 'base64url'));
    },
  };
}

type Secrets = ReadonlyMap<string, string>;

async function readKeyring(file: string): Promise<Secrets> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const found = (mode & 0o777).toString(8).padStart(4, '0');
      throw new KeyringError(
        `The keyring ${file} may be read or written by others (mode ${found}); say "chmod 600 ${file}" and start again.`,
      );
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return new Map();
    throw error;
  }
  const secrets = parse(text);
  if (secrets !== undefined) return secrets;
  throw new KeyringError(
    `The keyring ${file} is damaged; put a copy of it back. Without it, all that its keys signed is void.`,
  );
}

function parse(text: string): Secrets | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const whole = entries.every(
    ([, secret]) => typeof secret === 'string' && Buffer.from(secret, 'base64url').byteLength >= secretBytes,
  );
  return whole ? new Map(entries) : undefined;
}

async function withFileLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const token = `${process.pid} ${randomUUID()}`;
  const untilMs = Date.now() + lockWaitMsMax;
  while (!(await writeDurably(lock, token, { exclusive: true }))) {
    await removeAbandoned(lock);
    if (Date.now() > untilMs)
      throw new KeyringError(`Another process holds ${lock}; if there is none, remove that file.`);
    await delay(lockCheckMs);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function removeAbandoned(lock: string): Promise<void> {
  const holder = await readLock(lock);
  if (holder === undefined || Date.now() - holder.sinceMs < abandonedMs || isAlive(holder.pid)) return;
  // Moved before it is removed: of several that find it, one gets it, and sees whether it is still the one it judged.
  const moved = `${lock}.${randomUUID()}`;
  try {
    await rename(lock, moved);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const taken = await readLock(moved);
  if (taken !== undefined && taken.token !== holder.token) await writeDurably(lock, taken.token, { exclusive: true });
  await rm(moved, { force: true });
}

async function readLock(lock: string): Promise<{ token: string; pid: number; sinceMs: number } | undefined> {
  try {
    const handle = await open(lock, 'r');
    try {
      const token = await handle.readFile('utf8');
      const { mtimeMs } = await handle.stat();
      return { token, pid: Number(token.split(' ')[0]), sinceMs: mtimeMs };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
