/** `cache` in this process's memory: least recently used values leave first, bounded by bytes and by number. */
import { LRUCache } from 'lru-cache';
import type { World } from '../world.ts';
import type { Cache, RateDecision } from './cache.ts';

export interface EmbeddedCacheOptions {
  readonly world: Pick<World, 'now'>;
  readonly bytesMax?: number;
}

const defaultBytesMax = 32 * 1024 * 1024;
const entriesMax = 50_000;
const ttlMsMax = 24 * 60 * 60 * 1_000;
/** Distinct rate-limit keys remembered; the one idle for longest is forgotten first, which only frees it early. */
const limitsMax = 200_000;

interface Kept {
  readonly value: Uint8Array;
  readonly untilMs: number;
}

export function openEmbeddedCache({ world, bytesMax = defaultBytesMax }: EmbeddedCacheOptions): Cache {
  const values = new LRUCache<string, Kept>({
    max: entriesMax,
    maxSize: bytesMax,
    sizeCalculation: ({ value }, key) => value.byteLength + key.length * 2 + 64,
  });
  /** For each key the time at which its bucket is full again: the theoretical arrival time of GCRA. */
  const arrivals = new LRUCache<string, number>({ max: limitsMax });
  return {
    get: async (key) => {
      const kept = values.get(key);
      if (kept === undefined) return undefined;
      if (kept.untilMs > world.now()) return Uint8Array.from(kept.value);
      values.delete(key);
      return undefined;
    },
    set: async (key, value, ttlMs) => {
      values.set(key, { value: Uint8Array.from(value), untilMs: world.now() + Math.min(ttlMs, ttlMsMax) });
    },
    delete: async (key) => {
      values.delete(key);
    },
    allow: async (key, limit, periodMs, cost = 1) => {
      const { decision, arrivalMs } = decide(arrivals.get(key) ?? 0, world.now(), limit, periodMs, cost);
      if (decision.allowed) arrivals.set(key, arrivalMs);
      return decision;
    },
    ping: async () => 0,
  };
}

/**
 * GCRA (ITU-T I.371): each unit moves the arrival time on by `periodMs / limit`; a call fits while the arrival time is
 * at most one period ahead of now.
 */
export function decide(
  lastArrivalMs: number,
  nowMs: number,
  limit: number,
  periodMs: number,
  cost: number,
): { readonly decision: RateDecision; readonly arrivalMs: number } {
  const unitMs = periodMs / limit;
  const startMs = Math.max(lastArrivalMs, nowMs);
  const arrivalMs = startMs + unitMs * cost;
  const overMs = arrivalMs - nowMs - periodMs;
  // A thousandth of a unit of grace, so that rounding never refuses what fits exactly.
  const allowed = overMs <= unitMs / 1_000;
  const aheadMs = (allowed ? arrivalMs : startMs) - nowMs;
  return {
    arrivalMs,
    decision: {
      allowed,
      remaining: Math.max(0, Math.floor((periodMs - aheadMs) / unitMs + 1e-3)),
      retryAfterMs: allowed ? 0 : Math.ceil(overMs),
      resetMs: Math.ceil(aheadMs),
    },
  };
}
