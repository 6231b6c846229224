/**
 * The `objects` port in a folder: each object is a folder of its own with the bytes and what is known of them. It is
 * made aside, written through to the disk, and then moved to its place as a whole: renaming a folder is atomic and never
 * replaces one that is not empty, so an object is there whole, once, or not at all.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { World } from '../world.ts';
import { isErrno, syncFolder, writeDurably } from './durable-file.ts';
import { assertRange, nameOfId } from './object-id.ts';
import { ObjectFault, type Objects, type StoredObject } from './objects.ts';

export interface DiskObjectsOptions {
  /** Absolute. Made when it does not exist. */
  readonly folder: string;
  readonly world: Pick<World, 'now'>;
}

/** What lies aside for longer was left by a process that died. Another process may still be writing what is younger. */
const leftoverMs = 24 * 3_600_000;

export async function openDiskObjects(options: DiskObjectsOptions): Promise<Objects> {
  const { world } = options;
  const aside = path.join(options.folder, 'aside');
  const shelves = path.join(options.folder, 'objects');
  await mkdir(aside, { recursive: true, mode: 0o700 });
  await mkdir(shelves, { recursive: true, mode: 0o700 });
  await removeLeftovers(aside);
  const place = (id: string) => placeOf(shelves, id);
  const newAside = () => path.join(aside, randomBytes(12).toString('hex'));
  return {
    put: (id, contentType, body, sizeBytesMax) =>
      orUnavailable(async () => {
        const target = place(id);
        if ((await readMeta(target, id)) !== undefined) throw taken(id);
        const staged = newAside();
        await mkdir(staged, { mode: 0o700 });
        try {
          const written = await writeBody(path.join(staged, 'body'), body, sizeBytesMax);
          const stored: StoredObject = { id, contentType, ...written, createdAt: new Date(world.now()) };
          await writeDurably(path.join(staged, 'meta.json'), JSON.stringify(stored));
          await moveIn(staged, target, id);
          return stored;
        } finally {
          await rm(staged, { recursive: true, force: true });
        }
      }),
    stat: (id) => orUnavailable(() => readMeta(place(id), id)),
    read: (id, range) => orUnavailable(() => readBody(place(id), id, range)),
    delete: (id) => orUnavailable(() => removeObject(place(id), newAside())),
    ping: async () => {
      const startedMs = performance.now();
      await orUnavailable(() => stat(shelves));
      return performance.now() - startedMs;
    },
  };
}

/** Two letters of a hash come first, so that no folder grows without bound. */
function placeOf(shelves: string, id: string): string {
  const name = nameOfId(id);
  const shelf = createHash('sha256').update(id).digest('hex').slice(0, 2);
  return path.join(shelves, shelf, name);
}

async function writeBody(
  file: string,
  body: Readable,
  sizeBytesMax: number,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const handle = await open(file, 'wx', 0o600);
  try {
    // The body is left open when it is refused: it may be a request that still wants its answer.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      const bytes = Buffer.from(chunk as Uint8Array | string);
      sizeBytes += bytes.byteLength;
      if (sizeBytes > sizeBytesMax)
        throw new ObjectFault('too_large', `the object has more than ${sizeBytesMax} bytes`);
      hash.update(bytes);
      await writeAll(handle, bytes);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, from);
    from += bytesWritten;
  }
}

async function moveIn(staged: string, target: string, id: string): Promise<void> {
  const shelf = path.dirname(target);
  if ((await mkdir(shelf, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(path.dirname(shelf));
  await syncFolder(staged);
  try {
    await rename(staged, target);
  } catch (error) {
    // Windows says EPERM.
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'EPERM')) throw taken(id);
    throw error;
  }
  await syncFolder(shelf);
}

async function readMeta(target: string, id: string): Promise<StoredObject | undefined> {
  let text: string;
  try {
    text = await readFile(path.join(target, 'meta.json'), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const stored = JSON.parse(text) as Omit<StoredObject, 'createdAt'> & { createdAt: string };
  // Some file systems take "A" and "a" for one name.
  return stored.id === id ? { ...stored, createdAt: new Date(stored.createdAt) } : undefined;
}

async function readBody(
  target: string,
  id: string,
  range?: { readonly start: number; readonly end: number },
): Promise<Readable | undefined> {
  assertRange(range);
  if ((await readMeta(target, id)) === undefined) return undefined;
  try {
    const handle = await open(path.join(target, 'body'), 'r');
    return handle.createReadStream(range === undefined ? {} : { start: range.start, end: range.end });
  } catch (error) {
    // Deleted in between.
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function removeObject(target: string, aside: string): Promise<void> {
  try {
    await rename(target, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await syncFolder(path.dirname(target));
  await rm(aside, { recursive: true, force: true });
}

async function removeLeftovers(aside: string): Promise<void> {
  for (const name of await readdir(aside)) {
    const folder = path.join(aside, name);
    const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs > leftoverMs) await rm(folder, { recursive: true, force: true });
  }
}

function taken(id: string): ObjectFault {
  return new ObjectFault('exists', `there is already an object ${id}`);
}

/** A full or broken disk is the store's fault; what the body itself throws goes on to the caller as it is. */
async function orUnavailable<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'ENFILE', 'ENOENT')) throw error;
    throw new ObjectFault('unavailable', 'the object store does not answer', { cause: error });
  }
}
