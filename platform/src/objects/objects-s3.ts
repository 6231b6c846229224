/**
 * The `objects` port on S3. An object is two things in the bucket: its bytes under a key that nobody else has,
 * `bytes/<name>/<random>`, and a small record, `records/<name>`, with their size and hash and where they are.
 *
 * The record is written last, once, on the condition that there is none (If-None-Match): that one request makes the object
 * be there, whole, or not at all, and of many writers one wins. The hash is known by then; metadata of S3 itself would have
 * to be given before the first byte. Bytes without a record (a process died, a writer lost) are removed by `sweep` after a
 * day. A server that does not keep the condition is refused at the start. Reading costs two requests.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { ConfigError } from '../config.ts';
import type { World } from '../world.ts';
import { assertRange, nameOfId } from './object-id.ts';
import { ObjectFault, type Objects, type StoredObject } from './objects.ts';
import { isStatus, openS3Bucket, type S3Bucket } from './s3-bucket.ts';
import { parseS3Url } from './s3-url.ts';

export interface S3ObjectsOptions {
  /** As in s3-url.ts. The bucket must exist. */
  readonly url: string;
  /** Name of the service whose objects these are: letters, digits and hyphens. */
  readonly owner: string;
  readonly world: Pick<World, 'now'>;
  /** Nothing arrives of an object that is read for as long: the reader sees an error. Default 30,000. */
  readonly idleMsMax?: number;
}

export interface S3Objects extends Objects {
  /** Removes what writers left that died more than a day ago. Call it now and then; a minute at most. */
  sweep(): Promise<{ readonly removed: number }>;
  close(): void;
}

interface Record extends StoredObject {
  readonly bytesKey: string;
}

const partBytesMin = 8 * 1_048_576;
/** S3's own limit. */
const partsMax = 10_000;
const leftoverMs = 24 * 3_600_000;
/** A record has less than a kilobyte. */
const recordMsMax = 10_000;
const sweepMsMax = 60_000;
const defaultIdleMsMax = 30_000;

/** Throws ConfigError when the settings are wrong, the keys are not taken, or the server would write an object twice. */
export async function openS3Objects(options: S3ObjectsOptions): Promise<S3Objects> {
  const { owner, world, idleMsMax = defaultIdleMsMax } = options;
  const place = parseS3Url(options.url);
  const bucket = openS3Bucket({ ...place, prefix: `${place.prefix}${owner}/` });
  try {
    await assertUsable(bucket, place.bucket);
  } catch (error) {
    bucket.close();
    throw error;
  }
  return {
    put: (id, contentType, body, sizeBytesMax) =>
      orUnavailable(async () => {
        const name = nameOfId(id);
        if ((await readRecord(bucket, name)) !== undefined) throw taken(id);
        const bytesKey = `bytes/${name}/${randomBytes(12).toString('hex')}`;
        try {
          const written = await writeBytes(bucket, bytesKey, body, sizeBytesMax);
          const stored: StoredObject = { id, contentType, ...written, createdAt: new Date(world.now()) };
          if (!(await commit(bucket, name, { ...stored, bytesKey }))) throw taken(id);
          return stored;
        } catch (error) {
          // What cannot be removed now is left to the sweep. After an answer that was lost the record may stand: it is asked.
          await forget(bucket, name, bytesKey).catch(() => {});
          throw error;
        }
      }),
    stat: (id) =>
      orUnavailable(async () => {
        const record = await readRecord(bucket, nameOfId(id));
        if (record === undefined) return undefined;
        const { bytesKey: _, ...stored } = record;
        return stored;
      }),
    read: (id, range) => orUnavailable(() => read(bucket, nameOfId(id), range, idleMsMax)),
    delete: (id) =>
      orUnavailable(async () => {
        const record = await readRecord(bucket, nameOfId(id));
        if (record === undefined) return;
        await bucket.delete(recordKey(nameOfId(id)));
        await bucket.delete(record.bytesKey);
      }),
    ping: async () => {
      const startedMs = performance.now();
      await orUnavailable(() => bucket.head());
      return performance.now() - startedMs;
    },
    sweep: () => orUnavailable(() => sweep(bucket, new Date(world.now() - leftoverMs))),
    close: () => bucket.close(),
  };
}

const recordKey = (name: string) => `records/${name}`;

/** That the keys are taken, the bucket is there, and a second write on the condition that there is none is refused. */
async function assertUsable(bucket: S3Bucket, name: string): Promise<void> {
  const key = `probes/${randomBytes(12).toString('hex')}`;
  try {
    await bucket.put(key, Buffer.from('1'), { onlyNew: true });
    const isTwice = await bucket.put(key, Buffer.from('2'), { onlyNew: true });
    await bucket.delete(key);
    if (isTwice) {
      throw new ConfigError(
        'SUUUPRA_S3_URL: this server ignores If-None-Match and could store an object twice; use another.',
      );
    }
  } catch (error) {
    if (isStatus(error, 404)) throw new ConfigError(`SUUUPRA_S3_URL: there is no bucket "${name}"; make it first.`);
    if (isStatus(error, 403)) {
      throw new ConfigError(`SUUUPRA_S3_URL: the keys may not write to the bucket "${name}".`, { cause: error });
    }
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`SUUUPRA_S3_URL: the server does not answer as S3 (${(error as Error).name}).`, {
      cause: error,
    });
  }
}

async function readRecord(bucket: S3Bucket, name: string): Promise<Record | undefined> {
  const body = await bucket.get(recordKey(name));
  if (body === undefined) return undefined;
  const record = JSON.parse(await inTime(body, text(body), recordMsMax)) as Omit<Record, 'createdAt'> & {
    createdAt: string;
  };
  return { ...record, createdAt: new Date(record.createdAt) };
}

/** True when this record stands, also when its first answer was lost and the library asked again. */
async function commit(bucket: S3Bucket, name: string, record: Record): Promise<boolean> {
  for (let tries = 0; tries < 3; tries += 1) {
    if (await bucket.put(recordKey(name), Buffer.from(JSON.stringify(record)), { onlyNew: true })) return true;
    const standing = await readRecord(bucket, name);
    if (standing !== undefined) return standing.bytesKey === record.bytesKey;
  }
  throw new ObjectFault('unavailable', 'the object store could not say who was first');
}

/** Removes the bytes unless a record points to them. */
async function forget(bucket: S3Bucket, name: string, bytesKey: string): Promise<boolean> {
  if ((await readRecord(bucket, name))?.bytesKey === bytesKey) return false;
  await bucket.delete(bytesKey);
  return true;
}

async function writeBytes(
  bucket: S3Bucket,
  key: string,
  body: Readable,
  sizeBytesMax: number,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  // The body is left open when it is refused: it may be a request that still wants its answer.
  const chunks = body.iterator({ destroyOnReturn: false });
  const partBytes = Math.max(partBytesMin, Math.ceil(sizeBytesMax / partsMax));
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      const bytes = Buffer.from(chunk as Uint8Array | string);
      sizeBytes += bytes.byteLength;
      if (sizeBytes > sizeBytesMax)
        throw new ObjectFault('too_large', `the object has more than ${sizeBytesMax} bytes`);
      hash.update(bytes);
      yield bytes;
    }
  };
  const parts = partsOf(counted(), partBytes);
  const first = await parts.next();
  const head = first.done === true ? Buffer.alloc(0) : first.value;
  if (head.byteLength < partBytes) await bucket.put(key, head);
  else await bucket.putParts(key, startingWith(head, parts));
  return { sizeBytes, sha256: hash.digest('hex') };
}

/** Pieces of exactly `partBytes`, but for the last. */
async function* partsOf(chunks: AsyncIterable<Buffer>, partBytes: number): AsyncGenerator<Buffer> {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  for await (const chunk of chunks) {
    kept.push(chunk);
    keptBytes += chunk.byteLength;
    while (keptBytes >= partBytes) {
      const all = Buffer.concat(kept, keptBytes);
      yield all.subarray(0, partBytes);
      kept = [all.subarray(partBytes)];
      keptBytes -= partBytes;
    }
  }
  if (keptBytes > 0) yield Buffer.concat(kept, keptBytes);
}

async function* startingWith(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

async function read(
  bucket: S3Bucket,
  name: string,
  range: { readonly start: number; readonly end: number } | undefined,
  idleMsMax: number,
): Promise<Readable | undefined> {
  assertRange(range);
  const record = await readRecord(bucket, name);
  if (record === undefined) return undefined;
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? Number.POSITIVE_INFINITY, record.sizeBytes - 1);
  if (start > end) return Readable.from([]);
  const body = await bucket.get(record.bytesKey, range === undefined ? undefined : { start, end });
  // Deleted in between.
  return body === undefined ? undefined : watched(body, end - start + 1, idleMsMax);
}

/** Ends with an error when the server stops sending, or sent less than it has. A slow reader is no error. */
function watched(body: Readable, sizeBytes: number, idleMsMax: number): Readable {
  const passed = async function* () {
    const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
    for (let left = sizeBytes; ; ) {
      const next = await inTime(body, chunks.next(), idleMsMax);
      if (next.done === true && left > 0) throw brokeOff(new Error(`${left} bytes are missing`));
      if (next.done === true) return;
      left -= next.value.byteLength;
      yield next.value;
    }
  };
  const stream = Readable.from(passed(), { objectMode: false });
  // Also when nobody has begun to read, so that the connection goes back.
  stream.once('close', () => body.destroy());
  return stream;
}

async function inTime<T>(body: Readable, next: Promise<T>, msMax: number): Promise<T> {
  const timer = setTimeout(() => body.destroy(new Error(`nothing came for ${msMax} ms`)), msMax);
  try {
    return await next;
  } catch (error) {
    throw brokeOff(error);
  } finally {
    clearTimeout(timer);
  }
}

function brokeOff(cause: unknown): ObjectFault {
  return new ObjectFault('unavailable', 'the object store broke off', { cause });
}

async function sweep(bucket: S3Bucket, before: Date): Promise<{ removed: number }> {
  const untilMs = performance.now() + sweepMsMax;
  await bucket.abortUploadsBefore('bytes/', before);
  let removed = 0;
  let after: string | undefined;
  do {
    const page = await bucket.list('bytes/', after);
    for (const { key, modifiedAt } of page.entries) {
      if (modifiedAt >= before) continue;
      if (performance.now() > untilMs) return { removed };
      const [, name = ''] = key.split('/');
      if (await forget(bucket, name, key)) removed += 1;
    }
    after = page.next;
  } while (after !== undefined);
  return { removed };
}

function taken(id: string): ObjectFault {
  return new ObjectFault('exists', `there is already an object ${id}`);
}

const networkCodes: ReadonlySet<unknown> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['ERR_STREAM_PREMATURE_CLOSE'],
]);

/** What the server or the way to it does wrong is the store's fault; what the body throws goes on to the caller as it is. */
async function orUnavailable<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ObjectFault || error instanceof RangeError) throw error;
    const { code, name } = error as { code?: unknown; name?: unknown };
    const isStore = error instanceof S3ServiceException || networkCodes.has(code) || name === 'TimeoutError';
    if (!isStore) throw error;
    throw new ObjectFault('unavailable', 'the object store does not answer', { cause: error });
  }
}
