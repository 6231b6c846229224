import { describe, expect, it } from 'vitest';
import { batched } from './batched.ts';

/** Knows everybody but `nobody`, and notes what it was asked. */
function register(sizeMax: number) {
  const calls: (readonly string[])[] = [];
  const load = batched(async (ids) => {
    calls.push(ids);
    if (ids.includes('broken')) throw new Error('not now');
    return new Map(ids.filter((id) => id !== 'nobody').map((id) => [id, `Name of ${id}`]));
  }, sizeMax);
  return { calls, load };
}

describe('things asked for one by one', () => {
  it('are asked for together, each once, and each gets its own', async () => {
    const { calls, load } = register(100);
    const names = await Promise.all(['b', 'a', 'nobody', 'a'].map(load));
    expect(names).toEqual(['Name of b', 'Name of a', undefined, 'Name of a']);
    expect(calls).toEqual([['b', 'a', 'nobody']]);
  });

  it('go into as many calls as they need, and one that fails fails alone', async () => {
    const { calls, load } = register(2);
    const ended = await Promise.allSettled(['a', 'broken', 'c', 'd', 'e'].map(load));
    expect(calls).toEqual([['a', 'broken'], ['c', 'd'], ['e']]);
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('are asked for anew the next time: nothing is kept here', async () => {
    const { calls, load } = register(100);
    await load('a');
    await load('a');
    expect(calls).toEqual([['a'], ['a']]);
  });
});
