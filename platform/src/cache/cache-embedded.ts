/**
 * The `cache` port in this process's memory: least recently used first out, bounded by bytes.
 *
 * Library: `lru-cache`. Pitfalls: its time to live follows its own clock unless it is given one; it stores references, so
 * values are copied on their way in and out, as a cache behind a socket would.
 */
import { LRUCache } from 'lru-cache';
import type { World } from '../world.ts';
import { assertTtl, type Cache } from './cache.ts';
import { assertRate, decide } from './gcra.ts';

export interface EmbeddedCacheOptions {
  readonly world: Pick<World, 'now'>;
  /** For keys and values together; default 64 MiB. */
  readonly sizeBytesMax?: number;
}

const defaultSizeBytesMax = 64 * 1_048_576;
/** Rate limits under way; the one asked for longest ago is forgotten first, which lets its next calls through. */
const ratesMax = 100_000;

export function openEmbeddedCache(options: EmbeddedCacheOptions): Cache {
  const clock = { now: () => options.world.now() };
  const values = new LRUCache<string, Uint8Array>({
    maxSize: options.sizeBytesMax ?? defaultSizeBytesMax,
    sizeCalculation: (value, key) => value.byteLength + 2 * key.length + 1,
    ttlResolution: 0,
    perf: clock,
  });
  const rates = new LRUCache<string, bigint>({ max: ratesMax });
  return {
    get: async (key) => values.get(key)?.slice(),
    async set(key, value, ttlMs) {
      assertTtl(ttlMs);
      values.set(key, Uint8Array.from(value), { ttl: ttlMs });
    },
    async delete(key) {
      values.delete(key);
    },
    async allow(key, limit, periodMs, cost = 1) {
      const rate = { limit, periodMs };
      assertRate(rate, cost);
      // A limit that changes begins anew: the stored time is in units of it.
      const name = `${limit}/${periodMs} ${key}`;
      const { next, decision } = decide(rates.get(name), clock.now(), rate, cost);
      if (next !== undefined) rates.set(name, next);
      return decision;
    },
    ping: async () => 0,
  };
}
