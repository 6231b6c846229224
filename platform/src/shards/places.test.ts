import { describe, expect, it } from 'vitest';
import { databaseOf, firstPlace, readShardSettings } from './places.ts';
import { globalNumber, localNumber, mayBeShards, shardOf, shardOfNumber } from './shard-of.ts';

const places = 'a=postgres://one/postgres,b=postgres://two';

describe('where shards are', () => {
  it('is not sharded unless it is said', () => {
    expect(readShardSettings('ledger', {})).toBeUndefined();
  });

  it('spreads all but shard 0 over the named places', () => {
    const settings = readShardSettings('ledger', { SUUUPRA_LEDGER_SHARDS: '4', SUUUPRA_LEDGER_PLACES: places });
    if (settings === undefined) throw new Error('there are settings');
    expect([0, 1, 2, 3].map((shard) => firstPlace(shard, settings))).toEqual(['home', 'a', 'b', 'a']);
    expect(databaseOf(3, 'a', settings)).toBe('suuupra_ledger_a_0003');
  });

  it.each([
    [{ SUUUPRA_LEDGER_SHARDS: '3', SUUUPRA_LEDGER_PLACES: places }, 'power of two'],
    [{ SUUUPRA_LEDGER_SHARDS: '2048', SUUUPRA_LEDGER_PLACES: places }, 'power of two'],
    [{ SUUUPRA_LEDGER_SHARDS: '4' }, 'name the database servers'],
    [{ SUUUPRA_LEDGER_PLACES: places }, 'say with SUUUPRA_LEDGER_SHARDS'],
    [{ SUUUPRA_LEDGER_SHARDS: '4', SUUUPRA_LEDGER_PLACES: 'home=postgres://one' }, 'not home'],
    [{ SUUUPRA_LEDGER_SHARDS: '4', SUUUPRA_LEDGER_PLACES: 'a=postgres://1,a=postgres://2' }, 'each name once'],
    [{ SUUUPRA_LEDGER_SHARDS: '4', SUUUPRA_LEDGER_PLACES: 'a=http://one' }, 'postgres://'],
    [{ SUUUPRA_LEDGER_SHARDS: '1', SUUUPRA_LEDGER_SHARD_NAMES: 'a-b' }, 'small letters'],
  ])('refuses %o with a sentence', (env, sentence) => {
    expect(() => readShardSettings('ledger', env)).toThrow(sentence);
  });
});

describe('the shard of a key', () => {
  it('never changes from one release to the next', () => {
    expect(['usr_1', 'usr_2', 'usr_3', 'usr_4'].map((key) => shardOf(key, 1_024))).toMatchInlineSnapshot(`
      [
        687,
        870,
        451,
        807,
      ]
    `);
  });

  it('stays in the half that its key has in twice as few', () => {
    for (let key = 0; key < 200; key += 1) expect(shardOf(`${key}`, 64) % 32).toBe(shardOf(`${key}`, 32));
  });

  it('spreads keys that look alike: no shard of 64 has twice its share of 64,000', () => {
    const counts = new Map<number, number>();
    for (let key = 0; key < 64_000; key += 1) {
      const shard = shardOf(`merchant:usr_${key}`, 64);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(counts.size).toBe(64);
    expect(Math.max(...counts.values())).toBeLessThan(2_000);
  });

  it('takes powers of two up to 1,024', () => {
    expect([0, 1, 2, 3, 6, 64, 1_024, 2_048, 1.5].filter(mayBeShards)).toEqual([1, 2, 64, 1_024]);
    expect(() => shardOf('key', 3)).toThrow(RangeError);
  });

  it('is said by a number of its own', () => {
    const number = globalNumber(1_023, 9_007_199_254_740n);
    expect([shardOfNumber(number), localNumber(number)]).toEqual([1_023, 9_007_199_254_740n]);
  });
});
