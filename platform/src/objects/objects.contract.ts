/** What every adapter of the `objects` port must do. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ObjectFault, type Objects } from './objects.ts';

export interface ObjectsUnderTest {
  readonly objects: Objects;
  /** The same store as another process opens it. */
  reopen(): Promise<Objects>;
  close(): Promise<void>;
}

const bytesMax = 1_000_000;

async function whole(stream: Readable | undefined): Promise<Buffer | undefined> {
  return stream === undefined ? undefined : buffer(stream);
}

export function objectsContract(name: string, open: () => Promise<ObjectsUnderTest>): void {
  describe(`objects contract: ${name}`, () => {
    let under: ObjectsUnderTest;
    let objects: Objects;
    beforeAll(async () => {
      under = await open();
      objects = under.objects;
    });
    afterAll(() => under.close());

    const put = (id: string, content: string | Buffer, max = bytesMax) =>
      objects.put(id, 'text/plain', Readable.from([content]), max);

    it('gives back the bytes, their number and their hash, also when it is opened again', async () => {
      const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
      const chunks = Array.from({ length: 30 }, (_, index) => content.subarray(index * 10_000, (index + 1) * 10_000));
      const stored = await objects.put('med_1', 'video/mp4', Readable.from(chunks), bytesMax);
      expect(stored).toMatchObject({
        id: 'med_1',
        contentType: 'video/mp4',
        sizeBytes: 300_000,
        sha256: createHash('sha256').update(content).digest('hex'),
      });
      const again = await under.reopen();
      expect(await again.stat('med_1')).toEqual(stored);
      expect((await whole(await again.read('med_1')))?.equals(content)).toBe(true);
    });

    it('takes an empty object, and ids of several parts', async () => {
      expect((await put('empty', '')).sizeBytes).toBe(0);
      expect((await whole(await objects.read('empty')))?.byteLength).toBe(0);
      await put('med_2/720p/seg_00001.m4s', 'one');
      await put('med_2/720p', 'two');
      expect(String(await whole(await objects.read('med_2/720p/seg_00001.m4s')))).toBe('one');
      expect(String(await whole(await objects.read('med_2/720p')))).toBe('two');
    });

    it('reads ranges, both ends included, and stops at the end', async () => {
      await put('range', '0123456789');
      const range = async (start: number, end: number) =>
        String(await whole(await objects.read('range', { start, end })));
      expect(await range(0, 0)).toBe('0');
      expect(await range(3, 5)).toBe('345');
      expect(await range(8, 100)).toBe('89');
      await expect(objects.read('range', { start: 5, end: 4 })).rejects.toThrow(RangeError);
      await expect(objects.read('range', { start: -1, end: 4 })).rejects.toThrow(RangeError);
    });

    it('writes an id once: of many at the same moment, one', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => put('once', `content ${index}`)),
      );
      const won = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
      expect(won).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ kind: 'exists' });
      await expect(put('once', 'later')).rejects.toMatchObject({ kind: 'exists' });
      expect(String(await whole(await objects.read('once')))).toBe(`content ${won[0]}`);
    });

    it('keeps nothing of a body that is too large, and leaves the body open', async () => {
      const body = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(1_000)));
      await expect(objects.put('large', 'x/y', body, 4_999)).rejects.toBeInstanceOf(ObjectFault);
      expect(body.destroyed).toBe(false);
      expect(await objects.stat('large')).toBeUndefined();
      expect((await put('large', 'x'.repeat(4_999), 4_999)).sizeBytes).toBe(4_999);
    });

    it('keeps nothing of a body that breaks off', async () => {
      const broken = Readable.from(
        (async function* () {
          yield Buffer.from('first half');
          throw new Error('the client went away');
        })(),
      );
      await expect(objects.put('broken', 'x/y', broken, bytesMax)).rejects.toThrow('the client went away');
      expect(await objects.stat('broken')).toBeUndefined();
      expect(await objects.read('broken')).toBeUndefined();
      await put('broken', 'whole');
    });

    it('forgets what was deleted, while a reader that has begun goes on', async () => {
      await put('gone', 'x'.repeat(500_000));
      const reading = await objects.read('gone');
      await objects.delete('gone');
      await objects.delete('gone');
      expect(await objects.stat('gone')).toBeUndefined();
      expect(await objects.read('gone')).toBeUndefined();
      expect((await whole(reading))?.byteLength).toBe(500_000);
      await put('gone', 'new');
      expect(String(await whole(await objects.read('gone')))).toBe('new');
    });

    it('takes no id that could leave its place', async () => {
      const bad = [
        '',
        '.',
        '..',
        '../x',
        'a/../b',
        '/etc/passwd',
        'a//b',
        'a/',
        '.hidden',
        'a/.b',
        'a\\b',
        'a\0b',
        'a+b',
        'ä',
        'x'.repeat(201),
      ];
      for (const id of bad) {
        await expect(put(id, 'x'), JSON.stringify(id)).rejects.toThrow(RangeError);
        await expect(objects.stat(id), JSON.stringify(id)).rejects.toThrow(RangeError);
        await expect(objects.read(id), JSON.stringify(id)).rejects.toThrow(RangeError);
        await expect(objects.delete(id), JSON.stringify(id)).rejects.toThrow(RangeError);
      }
      expect(await objects.ping()).toBeGreaterThanOrEqual(0);
    });
  });
}
