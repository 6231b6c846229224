/**
 * The `cache` port in this process's memory: least recently used first out, bounded by bytes.
 *
 * Library: `lru-cache`. Pitfalls: its time to live follows its own clock unless it is given one; it stores references, so
 * values are copied on their way in and out, as a cache behind a socket would.
 */
import { LRUCache } from 'lru-cache';
import type { World } from '../world.ts';
import type { Cache, RateDecision } from './cache.ts';

export interface EmbeddedCacheOptions {
  readonly world: Pick<World, 'now'>;
  /** For keys and values together; default 64 MiB. */
  readonly sizeBytesMax?: number;
}

const defaultSizeBytesMax = 64 * 1_048_576;
const ttlMsMax = 24 * 3_600_000;
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
      if (!(ttlMs > 0 && ttlMs <= ttlMsMax))
        throw new RangeError(`a value is cached for ${ttlMs} ms; at most ${ttlMsMax}`);
      values.set(key, Uint8Array.from(value), { ttl: ttlMs });
    },
    async delete(key) {
      values.delete(key);
    },
    async allow(key, limit, periodMs, cost = 1) {
      assertRate(limit, periodMs, cost);
      // A limit that changes begins anew: the stored time is in units of it.
      const name = `${limit}/${periodMs} ${key}`;
      const { next, decision } = decide(rates.get(name), clock.now(), limit, periodMs, cost);
      if (next !== undefined) rates.set(name, next);
      return decision;
    },
    ping: async () => 0,
  };
}

function assertRate(limit: number, periodMs: number, cost: number): void {
  for (const [name, value] of Object.entries({ limit, periodMs, cost })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${name} is ${value}; it must be a whole number from 1`);
  }
  if (cost > limit) throw new RangeError(`a cost of ${cost} never fits under a limit of ${limit}`);
}

/**
 * The generic cell rate algorithm (ITU-T I.371; "GCRA" in Redis's rate limiters): one number per key, the theoretical
 * arrival time, at which the whole burst would be back. Time counts in units of 1/limit ms, in which both a millisecond
 * (`limit` units) and the distance of two calls (`periodMs` units) are whole numbers: nothing is rounded.
 */
function decide(
  stored: bigint | undefined,
  nowMs: number,
  limit: number,
  periodMs: number,
  cost: number,
): { next: bigint | undefined; decision: RateDecision } {
  const unitsPerMs = BigInt(limit);
  const distance = BigInt(periodMs);
  const burst = distance * unitsPerMs;
  const now = BigInt(Math.floor(nowMs)) * unitsPerMs;
  const arrival = stored !== undefined && stored > now ? stored : now;
  const after = arrival + BigInt(cost) * distance;
  const allowed = after - now <= burst;
  const kept = allowed ? after : arrival;
  return {
    next: allowed ? after : undefined,
    decision: {
      allowed,
      remaining: Number((burst - (kept - now)) / distance),
      retryAfterMs: allowed ? 0 : wholeMs(after - now - burst, unitsPerMs),
      resetMs: wholeMs(kept - now, unitsPerMs),
    },
  };
}

function wholeMs(units: bigint, unitsPerMs: bigint): number {
  return Number((units + unitsPerMs - 1n) / unitsPerMs);
}
