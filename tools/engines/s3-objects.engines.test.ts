/** Objects on an S3 server that is killed in the middle, is slow, and is shared by writers that die. */
import { randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ConfigError } from '@suuupra/platform/config';
import { objectsContract } from '@suuupra/platform/objects/objects.contract';
import { openS3Objects } from '@suuupra/platform/objects/objects-s3';
import { openS3Bucket } from '@suuupra/platform/objects/s3-bucket';
import { parseS3Url } from '@suuupra/platform/objects/s3-url';
import { realWorld } from '@suuupra/platform/world';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunningEngine } from './engine.ts';
import { startS3 } from './s3.ts';

const shared = process.env['SUUUPRA_TEST_S3'] ?? '';
const world = realWorld();
const dayMs = 24 * 3_600_000;
const mebibyte = 1_048_576;

objectsContract('on S3', async () => {
  const reopen = () => openS3Objects({ url: shared, owner, world });
  const owner = `contract-${randomUUID()}`;
  const objects = await reopen();
  return { objects, reopen, close: async () => objects.close() };
});

async function openOn(url: string, options: { owner?: string; idleMsMax?: number; laterMs?: number } = {}) {
  const { owner = `test-${randomUUID()}`, idleMsMax, laterMs = 0 } = options;
  const objects = await openS3Objects({
    url,
    owner,
    world: { now: () => Date.now() + laterMs },
    ...(idleMsMax === undefined ? {} : { idleMsMax }),
  });
  onTestFinished(() => objects.close());
  return objects;
}

async function ownServer(): Promise<RunningEngine> {
  const server = await startS3({ mayInstall: false, durable: false });
  if (typeof server === 'string') throw new Error(server);
  onTestFinished(() => server.stop());
  return server;
}

/** Yields this many mebibytes, and runs `between` before each. */
function megabytes(count: number, between: (index: number) => Promise<void> = async () => {}): Readable {
  return Readable.from(
    (async function* () {
      for (let index = 0; index < count; index += 1) {
        await between(index);
        yield Buffer.alloc(mebibyte, index);
      }
    })(),
  );
}

describe('objects on S3', () => {
  it('takes an object of many parts, and gives any range of it', async () => {
    const objects = await openOn(shared);
    const stored = await objects.put('large', 'video/mp4', megabytes(20), 30 * mebibyte);
    expect(stored.sizeBytes).toBe(20 * mebibyte);
    const range = await objects.read('large', { start: 8 * mebibyte - 1, end: 8 * mebibyte });
    expect([...(await buffer(range ?? Readable.from([])))]).toEqual([7, 8]);
    expect(await objects.stat('large')).toEqual(stored);
  });

  it('leaves no part of what was too large, broke off, came second or was deleted', async () => {
    const owner = `tidy-${randomUUID()}`;
    const objects = await openOn(shared, { owner });
    await expect(objects.put('a', 'x/y', megabytes(20), 17 * mebibyte)).rejects.toMatchObject({ kind: 'too_large' });
    const breaking = megabytes(20, async (index) => {
      if (index === 12) throw new Error('the client went away');
    });
    await expect(objects.put('a', 'x/y', breaking, 30 * mebibyte)).rejects.toThrow('the client went away');
    const both = await Promise.allSettled([
      objects.put('a', 'x/y', megabytes(9), 30 * mebibyte),
      objects.put('a', 'x/y', megabytes(9), 30 * mebibyte),
    ]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await objects.delete('a');
    const place = parseS3Url(shared);
    const bucket = openS3Bucket({ ...place, prefix: `${place.prefix}${owner}/` });
    onTestFinished(() => bucket.close());
    expect((await bucket.list('', undefined)).entries).toEqual([]);
  });

  it('sweeps what writers left that died a day ago, and nothing else', async () => {
    const owner = `sweep-${randomUUID()}`;
    const objects = await openOn(shared, { owner });
    await objects.put('kept', 'x/y', Readable.from(['whole']), 10);
    const place = parseS3Url(shared);
    const bucket = openS3Bucket({ ...place, prefix: `${place.prefix}${owner}/` });
    onTestFinished(() => bucket.close());
    await bucket.put('bytes/lost/0123', Buffer.from('nobody knows'));
    expect(await objects.sweep()).toEqual({ removed: 0 });
    const tomorrow = await openOn(shared, { owner, laterMs: dayMs + 60_000 });
    expect(await tomorrow.sweep()).toEqual({ removed: 1 });
    expect(await bucket.get('bytes/lost/0123')).toBeUndefined();
    expect(String(await buffer((await objects.read('kept')) ?? Readable.from([])))).toBe('whole');
  });

  it('says at the start what is wrong with its setting', async () => {
    const at = (change: (url: URL) => void) => {
      const url = new URL(shared);
      change(url);
      return openS3Objects({ url: url.href, owner: 'test', world });
    };
    await expect(at((url) => (url.pathname = '/no-such-bucket'))).rejects.toThrow(
      /there is no bucket "no-such-bucket"/,
    );
    await expect(at((url) => (url.password = 'wrong'))).rejects.toThrow(/the keys may not write/);
    await expect(at((url) => (url.pathname = '/'))).rejects.toThrow(ConfigError);
  });
});

describe('objects on an S3 that is lost', () => {
  it('a kill in the middle of a put leaves no object, and after a restart it is put again', async () => {
    const server = await ownServer();
    const objects = await openOn(server.url);
    await objects.put('before', 'x/y', Readable.from(['acknowledged']), 100);
    const killed = megabytes(20, async (index) => {
      if (index === 10) await server.crash();
    });
    await expect(objects.put('half', 'x/y', killed, 30 * mebibyte)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(objects.ping()).rejects.toMatchObject({ kind: 'unavailable' });
    await server.restart();
    expect(await objects.stat('half')).toBeUndefined();
    expect(String(await buffer((await objects.read('before')) ?? Readable.from([])))).toBe('acknowledged');
    expect((await objects.put('half', 'x/y', megabytes(20), 30 * mebibyte)).sizeBytes).toBe(20 * mebibyte);
  });

  it('a kill in the middle of a read is an error of the reader, never a short object', async () => {
    const server = await ownServer();
    const objects = await openOn(server.url);
    await objects.put('large', 'x/y', megabytes(40), 50 * mebibyte);
    const stream = await objects.read('large');
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of stream ?? []) {
        if (seen === 0) await server.crash();
        seen += (chunk as Buffer).byteLength;
      }
    })();
    await expect(reading).rejects.toMatchObject({ kind: 'unavailable' });
    expect(seen).toBeLessThan(40 * mebibyte);
  });

  it('does not wait for ever for a server that stops sending', async () => {
    const proxy = await openStallingProxy(Number(new URL(shared).port));
    const url = new URL(shared);
    url.port = String(proxy.port);
    const objects = await openOn(url.href, { idleMsMax: 300 });
    await objects.put('large', 'x/y', megabytes(40), 50 * mebibyte);
    const stream = await objects.read('large');
    proxy.stall();
    await expect(buffer(stream ?? Readable.from([]))).rejects.toMatchObject({ kind: 'unavailable' });
    proxy.resume();
    await expect.poll(() => objects.ping().catch(() => -1), { timeout: 10_000 }).toBeGreaterThanOrEqual(0);
  });
});

interface StallingProxy {
  readonly port: number;
  /** From now on nothing of what the server sends gets through on connections that are open. */
  stall(): void;
  resume(): void;
}

async function openStallingProxy(port: number): Promise<StallingProxy> {
  let isStalled = false;
  const listener = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (isStalled) upstream.pause();
      else if (!client.write(chunk)) {
        upstream.pause();
        client.once('drain', () => upstream.resume());
      }
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.close();
  });
  return {
    port: (listener.address() as AddressInfo).port,
    stall: () => {
      isStalled = true;
    },
    resume: () => {
      isStalled = false;
    },
  };
}
