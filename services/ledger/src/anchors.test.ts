/** M12: how much of the end may be cut off unseen is a minute, and a checker finds what it needs without a list. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDiskObjects } from '@suuupra/platform/objects/objects-disk';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openTestSql } from '@suuupra/platform/testing';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { ledgerStores } from './adapters.ts';
import { anchorEveryMs, readAnchors, writeAnchor } from './anchors.ts';
import { createLedgerWriter, type LedgerWriter } from './ledger-writer.ts';
import { migrateBook } from './shards.ts';

const quarterMs = 15 * 60_000;
const dayMs = 24 * 60 * 60_000;

let sql: Sql;
let world: TestWorld;
let writer: LedgerWriter;
let booked = 0;
beforeEach(async () => {
  sql = await openTestSql();
  await migrateBook(sql);
  world = testWorld();
  writer = createLedgerWriter(ledgerStores(sql).store, world);
});
afterEach(async () => {
  await writer.stop();
  await sql.close();
});

async function bookOne(): Promise<void> {
  booked += 1;
  const about = { kind: 'adjustment', cause: `a${booked}`, reference: 'test', description: '', currency: 'INR' };
  await writer.submit([{ type: 'book', ...about, transfers: [{ debit: '1000', credit: '1100', amount: 1n }] }]);
}

it('M12: anchors each minute in which the book grew, and each quarter of an hour for the years after', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'suuupra-anchors-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const objects = await openDiskObjects({ folder, world });
  const store = ledgerStores(sql).store;
  const startMs = world.now();
  const anchored = { minute: 0n, quarter: 0n };
  const round = async () => {
    anchored.minute = await writeAnchor({ objects, store }, world.now(), anchored.minute);
    anchored.quarter = await writeAnchor({ objects, store, slotMs: quarterMs }, world.now(), anchored.quarter);
  };
  for (let minute = 0; minute < 20; minute += 1) {
    // Nothing is written for a minute in which nothing was booked.
    if (minute !== 3) await bookOne();
    await round();
    world.advance(anchorEveryMs);
  }
  const batches = async (untilMs: number) =>
    (await readAnchors(objects, startMs, untilMs)).map(({ batchSequence }) => Number(batchSequence));
  const inMinutes = Array.from({ length: 19 }, (_none, index) => index + 1);
  expect([...new Set(await batches(world.now()))]).toEqual(inMinutes);
  expect(await batches(world.now())).toEqual((await batches(world.now())).toSorted((a, b) => a - b));
  // Years later the quarters are still there; the minutes are not asked for.
  const later = await batches(world.now() + 3 * dayMs);
  expect(later.length).toBeLessThan(4);
  expect(Math.max(...later)).toBeGreaterThan(10);
  expect((await readdir(folder, { recursive: true })).length).toBeGreaterThan(20);
});
