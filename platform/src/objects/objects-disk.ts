/**
 * `objects` in a folder: written beside, fsynced, renamed. What it is (type, size, hash) lies in a second file, written
 * last: an object without it was cut off and does not exist.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ObjectFault, type Objects, type StoredObject } from './objects.ts';

/** Ids become file names: nothing that climbs, hides or needs quoting. */
const idFormat = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

export async function openDiskObjects({ folder }: { readonly folder: string }): Promise<Objects> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const bodyOf = (id: string) => path.join(shelf(folder, id), id);
  const factsOf = (id: string) => `${bodyOf(id)}.json`;
  const find = async (id: string): Promise<StoredObject | undefined> => {
    if (!idFormat.test(id)) return undefined;
    const text = await readFile(factsOf(id), 'utf8').catch(absent);
    if (text === undefined) return undefined;
    const facts = JSON.parse(text) as Omit<StoredObject, 'createdAt'> & { createdAt: string };
    return { ...facts, createdAt: new Date(facts.createdAt) };
  };
  return {
    put: async (id, contentType, body, sizeBytesMax) => {
      if (!idFormat.test(id)) throw new TypeError(`"${id}" cannot be the id of an object`);
      if ((await find(id)) !== undefined) throw new ObjectFault('exists', `the object ${id} exists already`);
      await mkdir(shelf(folder, id), { recursive: true, mode: 0o700 });
      const { sizeBytes, sha256 } = await writeDurably(bodyOf(id), body, sizeBytesMax);
      const stored: StoredObject = { id, sizeBytes, sha256, contentType, createdAt: new Date() };
      await writeTextDurably(factsOf(id), JSON.stringify(stored));
      return stored;
    },
    stat: find,
    read: async (id, range) => {
      if ((await find(id)) === undefined) return undefined;
      return createReadStream(bodyOf(id), range === undefined ? {} : { start: range.start, end: range.end });
    },
    delete: async (id) => {
      if (!idFormat.test(id)) return;
      await rm(factsOf(id), { force: true });
      await rm(bodyOf(id), { force: true });
    },
    ping: async () => {
      const startedMs = performance.now();
      await stat(folder);
      return performance.now() - startedMs;
    },
  };
}

/** Spreads the files over 256 folders by the hash of the id. */
function shelf(folder: string, id: string): string {
  return path.join(folder, createHash('sha256').update(id).digest('hex').slice(0, 2));
}

async function writeDurably(
  file: string,
  body: Readable,
  sizeBytesMax: number,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > sizeBytesMax) {
        done(new ObjectFault('too_large', `the object has more than ${sizeBytesMax} bytes`));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    await pipeline(body, counted, createWriteStream(beside, { flags: 'wx', mode: 0o600, flush: true }));
    await settle(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function writeTextDurably(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await settle(beside, file);
}

/** Gives the finished file its name, durably. */
async function settle(beside: string, file: string): Promise<void> {
  await rename(beside, file);
  if (process.platform === 'win32') return;
  const handle = await open(path.dirname(file), 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
