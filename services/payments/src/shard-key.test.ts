/** Where payments are found: what was before stays, what is new says its place. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { pageToken } from '@suuupra/platform/rpc/paging';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { shardsMax } from '@suuupra/platform/shards/shard-of';
import { realWorld } from '@suuupra/platform/world';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePages } from './door.ts';
import { pinOfBuyer, pinOfTime, shardKeys, worldOfShard } from './shard-key.ts';

const at = (nowMs: number) => {
  const world = realWorld();
  const time = pinOfTime(nowMs).slice('since:'.length);
  return { ...world, id: (prefix: string) => world.id(prefix).replace(/_.{10}/, `_${time}`) };
};

describe('the shard of an id', () => {
  it('is the one that it was made in, for every shard there may be', () => {
    const keys = shardKeys(shardsMax, new Map());
    for (let shard = 0; shard < shardsMax; shard += 1) {
      const id = worldOfShard(realWorld(), shard).id('pay');
      expect([id.length, keys.ofId(id)]).toEqual([30, shard]);
    }
  });

  it('is not said by ids that others make, or that are no ids', () => {
    const keys = shardKeys(4, new Map());
    for (const id of [realWorld().id('rfd'), realWorld().id('cap'), 'pay_1', '', 'pay_../..'])
      expect(keys.ofId(id)).toBeUndefined();
  });

  it('is the first for what was made before there were shards, and for buyers who had mandates then', () => {
    const since = Date.UTC(2026, 10, 22);
    const keys = shardKeys(64, new Map([pinOfTime(since), pinOfBuyer('usr_asha')].map((pin) => [pin, 0])));
    const before = Array.from({ length: 50 }, () => at(since - 1).id('ord'));
    const after = Array.from({ length: 50 }, () => at(since).id('ord'));
    expect(new Set(before.map(keys.ofOrder))).toEqual(new Set([0]));
    expect(new Set(after.map(keys.ofOrder)).size).toBeGreaterThan(10);
    expect(keys.ofId(at(since - 1).id('pay'))).toBe(0);
    expect(keys.ofId(worldOfShard(at(since), 63).id('pay'))).toBe(63);
    expect(keys.ofBuyer('usr_asha')).toBe(0);
  });
});

describe('a list over shards', () => {
  interface Row {
    readonly id: string;
    readonly atMs: number;
  }
  const listed = {
    rows: (answer: { rows: readonly Row[]; nextPageToken: string }) => answer.rows,
    at: (row: Row) => timestampFromMs(row.atMs),
    answer: (rows: readonly Row[], nextPageToken: string) => ({ rows, nextPageToken }),
  };
  /** A shard's own page, as its store gives it. */
  const pageOf = (rows: readonly Row[], after: Row | undefined, size: number) => {
    const isAfter = (row: Row) =>
      after === undefined || row.atMs < after.atMs || (row.atMs === after.atMs && row.id < after.id);
    const sorted = rows.filter(isAfter).sort((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1));
    const shown = sorted.slice(0, size);
    const last = sorted.length > size ? shown.at(-1) : undefined;
    const token = last === undefined ? '' : pageToken([new Date(last.atMs).toISOString(), last.id]);
    return { rows: shown, nextPageToken: token };
  };

  it('has every row once, in order, whatever the shards and pages', () => {
    const times = fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 12 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 7 }), (shards, pageSize) => {
        const ids = Array.from({ length: 60 }, (_, number) => `id_${String(number).padStart(4, '0')}`).values();
        const rows = shards.map((each) => each.map((atMs) => ({ id: ids.next().value ?? '', atMs })));
        const all = pageOf(rows.flat(), undefined, 1_000).rows;
        const found: Row[] = [];
        for (let token = ''; ; ) {
          const after = found.at(-1);
          const pages = rows.map((each) => pageOf(each, after, pageSize));
          const page = mergePages({ pageSize, pageToken: token }, listed, pages);
          if (isRefusal(page)) throw new Error(page.detail);
          found.push(...page.rows);
          token = page.nextPageToken;
          if (token === '') break;
        }
        expect(found).toEqual(all);
      }),
    );
  });
});
