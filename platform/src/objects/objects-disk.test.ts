import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { testWorld } from '../world.ts';
import { objectsContract } from './objects.contract.ts';
import { openDiskObjects } from './objects-disk.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'suuupra-objects-'));
const world = testWorld();
afterAll(() => rmSync(root, { recursive: true, force: true }));

objectsContract('on disk', async () => {
  const folder = path.join(root, 'contract');
  const reopen = () => openDiskObjects({ folder, world });
  return { objects: await reopen(), reopen, close: async () => {} };
});

describe('objects on disk', () => {
  it('leaves nothing aside, whether an object was taken, refused or deleted', async () => {
    const folder = path.join(root, 'tidy');
    const objects = await openDiskObjects({ folder, world });
    await objects.put('one', 'x/y', Readable.from(['1']), 10);
    await objects.put('one', 'x/y', Readable.from(['1']), 10).catch(() => {});
    await objects.put('two', 'x/y', Readable.from(['12345678901']), 10).catch(() => {});
    await objects.delete('one');
    expect(readdirSync(path.join(folder, 'aside'))).toEqual([]);
  });

  it('does not take for an object what a crash left half written, and removes it after a day', async () => {
    const folder = path.join(root, 'crash');
    await openDiskObjects({ folder, world });
    const [old, young] = ['old', 'young'].map((name) => path.join(folder, 'aside', name)) as [string, string];
    for (const left of [old, young]) {
      mkdirSync(left);
      writeFileSync(path.join(left, 'body'), 'half');
    }
    utimesSync(old, new Date(0), new Date(0));
    const objects = await openDiskObjects({ folder, world });
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(await objects.stat('half')).toBeUndefined();
  });
});
