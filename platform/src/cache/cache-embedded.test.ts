import { describe, expect, it } from 'vitest';
import { testWorld } from '../world.ts';
import { cacheContract } from './cache.contract.ts';
import { openEmbeddedCache } from './cache-embedded.ts';

cacheContract('embedded, in memory', async () => {
  const world = testWorld();
  return {
    cache: openEmbeddedCache({ world }),
    pass: async (ms) => world.advance(ms),
    nowMs: world.now,
    driftMs: 0,
    runs: 100,
    close: async () => {},
  };
});

describe('the embedded cache', () => {
  it('stays below its bytes, and drops what was not used for longest', async () => {
    const cache = openEmbeddedCache({ world: testWorld(), sizeBytesMax: 10_000 });
    const value = new Uint8Array(1_000);
    await cache.set('used', value, 1_000);
    for (let n = 0; n < 50; n += 1) {
      await cache.set(`k${n}`, value, 1_000);
      await cache.get('used');
    }
    expect(await cache.get('used')).toBeDefined();
    expect(await cache.get('k0')).toBeUndefined();
    const kept = await Promise.all(Array.from({ length: 50 }, (_, n) => cache.get(`k${n}`)));
    expect(kept.filter((one) => one !== undefined).length).toBeLessThan(10);
    await cache.set('too large', new Uint8Array(20_000), 1_000);
    expect(await cache.get('too large')).toBeUndefined();
  });
});
