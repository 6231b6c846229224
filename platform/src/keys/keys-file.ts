/**
 * `keys` in one file: JSON of base64url secrets by name, mode 0600, replaced whole and fsynced with each new secret.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../config.ts';
import type { Keys } from './keys.ts';

const secretBytes = 32;

/** Opens the keyring, or begins an empty one. A file that others may read stops the start: its secrets are not secret. */
export async function openKeyring(file: string): Promise<Keys> {
  const secrets = await readSecrets(file);
  // One change at a time, so that two first uses make one secret and no write overtakes another.
  let last: Promise<unknown> = Promise.resolve();
  const make = async (name: string): Promise<Uint8Array> => {
    const known = secrets.get(name);
    if (known !== undefined) return known;
    const secret = randomBytes(secretBytes);
    await writeSecrets(file, new Map([...secrets, [name, secret]]));
    secrets.set(name, secret);
    return secret;
  };
  return {
    secret: async (name) => {
      const known = secrets.get(name);
      if (known !== undefined) return Uint8Array.from(known);
      const made = last.then(() => make(name));
      last = made.catch(() => {});
      return Uint8Array.from(await made);
    },
  };
}

async function readSecrets(file: string): Promise<Map<string, Uint8Array>> {
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (mode === undefined) return new Map();
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ConfigError(
      `The keyring ${file} has mode ${mode.toString(8)}, so others may read its secrets; set it with "chmod 600 ${file}".`,
    );
  }
  try {
    const stored = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
    return new Map(Object.entries(stored).map(([name, text]) => [name, Buffer.from(text, 'base64url')]));
  } catch (error) {
    throw new ConfigError(`The keyring ${file} cannot be read as JSON; bring it back from a backup.`, { cause: error });
  }
}

async function writeSecrets(file: string, secrets: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const stored = Object.fromEntries(
    [...secrets].map(([name, secret]) => [name, Buffer.from(secret).toString('base64url')]),
  );
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(stored, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
  await syncFolder(path.dirname(file));
}

/** A rename is durable when its folder is (fsync(2)); Windows cannot open folders and needs none of it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
