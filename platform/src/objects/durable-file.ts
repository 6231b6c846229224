/** Writing files so that a crash at any moment leaves the old content or the new one, and never a part of either. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

export interface DurableWrite {
  readonly mode?: number;
  /** Leave a file that is already there as it is. */
  readonly exclusive?: boolean;
}

/** True when the file was written, and the disk has it; false when `exclusive` found one there. */
export async function writeDurably(
  file: string,
  data: Uint8Array | string,
  options: DurableWrite = {},
): Promise<boolean> {
  const staged = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(staged, 'wx', options.mode ?? 0o600);
  try {
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (options.exclusive !== true) await rename(staged, file);
    else if (!(await linkNew(staged, file))) return false;
    await syncFolder(path.dirname(file));
    return true;
  } finally {
    await rm(staged, { force: true });
  }
}

/** Unlike rename, link never replaces. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** A new name is safe only when its folder is on the disk (fsync(2)). Windows has no such call, and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && codes.includes(code);
}
