import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { openOneAtATime } from './one-at-a-time.ts';
import type { Sql } from './sql.ts';

describe('work of one name at a time', () => {
  let one: Sql;
  let other: Sql;
  beforeAll(async () => {
    const url = await freshDatabaseUrl();
    one = await openTestSql(url);
    other = await openTestSql(url);
  });
  afterAll(async () => {
    await one.close();
    await other.close();
  });

  const held = () => Promise.withResolvers<string>();

  it('is refused while it is under way here or in another process, and goes again after it', async () => {
    const here = openOneAtATime(one);
    const there = openOneAtATime(other);
    const { promise, resolve } = held();
    const begun = Promise.withResolvers<void>();
    const first = here.run('key', () => {
      begun.resolve();
      return promise;
    });
    await begun.promise;
    expect(await here.run('key', async () => 'second')).toBeUndefined();
    expect(await there.run('key', async () => 'second')).toBeUndefined();
    expect(await there.run('another key', async () => 'free')).toEqual({ done: 'free' });
    resolve('first');
    expect(await first).toEqual({ done: 'first' });
    expect(await there.run('key', async () => 'third')).toEqual({ done: 'third' });
    await Promise.all([here.close(), there.close()]);
  });

  it('is free again when it threw', async () => {
    const here = openOneAtATime(one);
    const there = openOneAtATime(other);
    const failed = here.run('throws', async () => {
      throw new Error('it broke');
    });
    await expect(failed).rejects.toThrow('it broke');
    expect(await there.run('throws', async () => 1)).toEqual({ done: 1 });
    await Promise.all([here.close(), there.close()]);
  });

  it('is free at once when the process that did it is gone, and a lost session is replaced', async () => {
    const dying = openOneAtATime(one);
    const next = openOneAtATime(other);
    const { promise, resolve } = held();
    const begun = Promise.withResolvers<void>();
    const lost = dying.run('left', () => {
      begun.resolve();
      return promise;
    });
    await begun.promise;
    await dying.close();
    expect(await next.run('left', async () => 'taken up')).toEqual({ done: 'taken up' });
    resolve('late');
    expect(await lost).toEqual({ done: 'late' });
    expect(await dying.run('left', async () => 'again')).toEqual({ done: 'again' });
    await Promise.all([dying.close(), next.close()]);
  });

  it('of many names that come at once shares one session', async () => {
    let opened = 0;
    const counting = openOneAtATime({
      openLockSession: () => {
        opened += 1;
        return one.openLockSession();
      },
    });
    const all = Array.from({ length: 20 }, (_, index) => counting.run(`name ${index}`, async () => index));
    expect((await Promise.all(all)).map((each) => each?.done)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(opened).toBe(1);
    await counting.close();
  });
});
