/** What every shard directory promises, whatever database it is in. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Sql } from '../sql/sql.ts';
import type { ShardDirectory } from './directory.ts';
import { findShardDirectory, openShardDirectory } from './directory-sql.ts';

export function shardDirectoryContract(name: string, open: () => Promise<Sql>): void {
  describe(`the shard directory in ${name}`, () => {
    let sql: Sql;
    let directory: ShardDirectory;
    const layout = { shards: 4, placeOf: (shard: number) => `place-${shard % 2}`, pinned: async () => ['old'] };
    const move = (id: string, to = 'new', leaseUntilMs = 5) => ({ id, to, leaseUntilMs });
    beforeEach(async () => {
      sql = await open();
      expect(await findShardDirectory(sql)).toBeUndefined();
      directory = await openShardDirectory(sql, layout);
    });
    afterEach(() => sql.close());

    it('is made once, by however many processes, and keeps its number of shards', async () => {
      await directory.begin(1, 'place-1', move('m1'));
      await directory.flip(1, 'm1');
      const again = await Promise.all([1, 2, 3].map(() => openShardDirectory(sql, layout)));
      for (const one of again)
        expect((await one.list()).map(({ place }) => place)).toEqual(['place-0', 'new', 'place-0', 'place-1']);
      expect(await directory.pins()).toEqual(new Map([['old', 0]]));
      await expect(openShardDirectory(sql, { ...layout, shards: 8 })).rejects.toThrow('their number never changes');
      expect(await findShardDirectory(sql)).toBeDefined();
    });

    it('registers one move of a shard at a time, and another one instead of it by its id', async () => {
      expect(await directory.begin(2, 'elsewhere', move('m1'))).toBe(false);
      expect(await directory.begin(2, 'place-0', move('m1'))).toBe(true);
      expect(await directory.begin(2, 'place-0', move('m2'))).toBe(false);
      expect(await directory.begin(2, 'place-0', move('m3'), 'm1')).toBe(true);
      expect(await directory.find(2)).toMatchObject({ place: 'place-0', epoch: 1n, move: move('m3') });
      expect(await directory.renew(2, 'm1', 9)).toBe(false);
      expect(await directory.renew(2, 'm3', 9)).toBe(true);
      expect((await directory.find(2)).move?.leaseUntilMs).toBe(9);
    });

    it('ends a move once, by one of its ends', async () => {
      for (let round = 0; round < 10; round += 1) {
        const { place, epoch } = await directory.find(3);
        await directory.begin(3, place, move(`m${round}`, `to-${round}`));
        const ended = await Promise.all([
          directory.flip(3, `m${round}`),
          directory.undo(3, `m${round}`),
          directory.flip(3, `m${round}`),
        ]);
        expect(ended.filter((won) => won)).toHaveLength(1);
        const after = await directory.find(3);
        expect(after).toEqual(
          ended[1] ? { shard: 3, place, epoch } : { shard: 3, place: `to-${round}`, epoch: epoch + 1n },
        );
      }
    });

    it('does nothing for a move that is not under way', async () => {
      for (const end of [directory.flip, directory.undo]) expect(await end(0, '')).toBe(false);
      expect(await directory.renew(0, '', 1)).toBe(false);
      await expect(directory.find(4)).rejects.toThrow('no shard 4');
    });
  });
}
