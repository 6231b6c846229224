import { expect, it } from 'vitest';
import type { ShardDirectory } from './directory.ts';
import { Follower, type PlacedShard } from './follower.ts';
import { ShardClosed } from './gate.ts';

it('opens the next place once for all who found the last one closed, and closes whatever it opened', async () => {
  let place = 'a';
  const open: string[] = [];
  const opened: string[] = [];
  const directory = { find: async () => ({ shard: 0, place, epoch: 1n }) } as unknown as ShardDirectory;
  const follower = new Follower<PlacedShard>({
    ...{ shard: 0, directory, world: { now: () => 0 } },
    open: async (_shard, name) => {
      opened.push(name);
      open.push(name);
      const gate = { epoch: async () => (name === place ? 1n : -2n), close: async () => -2n, open: async () => false };
      return { place: name, gate, close: async () => void open.splice(open.indexOf(name), 1) };
    },
    isClosed: (error) => error instanceof ShardClosed,
  });
  let waiting: (() => void)[] = [];
  /** The callers find the place closed one after the other, when others are on the next one already. */
  const work = async (placed: PlacedShard) => {
    if (placed.place === place) return placed.place;
    await new Promise<void>((resolve) => waiting.push(resolve));
    throw new ShardClosed();
  };
  await follower.placed();
  place = 'b';
  const calls = [1, 2, 3].map(() => follower.within(work));
  await expect.poll(() => waiting.length).toBe(3);
  for (const [at, resolve] of waiting.entries()) {
    resolve();
    expect(await calls[at]).toBe('b');
  }
  waiting = [];
  expect(opened).toEqual(['a', 'b']);
  await follower.close();
  expect(open).toEqual([]);
});
