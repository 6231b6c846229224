/** What every adapter of the `cache` port must do. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cache } from './cache.ts';

export interface CacheUnderTest {
  readonly cache: Cache;
  /** Lets time pass for the cache; a cache with a clock of its own waits. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());
let keys = 0;
const fresh = () => {
  keys += 1;
  return `key:${keys}`;
};

export function cacheContract(name: string, open: () => Promise<CacheUnderTest>): void {
  describe(`cache contract: ${name}`, () => {
    let under: CacheUnderTest;
    let cache: Cache;
    beforeAll(async () => {
      under = await open();
      cache = under.cache;
    });
    afterAll(() => under.close());

    it('gives back what was set until its time is over or it is deleted', async () => {
      const key = fresh();
      expect(await cache.get(key)).toBeUndefined();
      await cache.set(key, Buffer.from('one'), 1_000);
      await cache.set(key, Buffer.from('two'), 1_000);
      expect(text(await cache.get(key))).toBe('two');
      await under.pass(999);
      expect(text(await cache.get(key))).toBe('two');
      await under.pass(2);
      expect(await cache.get(key)).toBeUndefined();
      await cache.set(key, Buffer.from(''), 1_000);
      expect(text(await cache.get(key))).toBe('');
      await cache.delete(key);
      expect(await cache.get(key)).toBeUndefined();
    });

    it('shares no memory with its callers', async () => {
      const key = fresh();
      const given = Buffer.from('abc');
      await cache.set(key, given, 1_000);
      given[0] = 0;
      const got = await cache.get(key);
      if (got !== undefined) got[1] = 0;
      expect(text(await cache.get(key))).toBe('abc');
    });

    it('keeps nothing beyond a day', async () => {
      await expect(cache.set(fresh(), Buffer.from('x'), 86_400_001)).rejects.toThrow('at most 86400000');
      await expect(cache.set(fresh(), Buffer.from('x'), 0)).rejects.toThrow();
    });

    it('lets a burst of the limit through, and says exactly when the next one fits', async () => {
      const key = fresh();
      const allow = () => cache.allow(key, 3, 1_000);
      expect(await allow()).toEqual({ allowed: true, remaining: 2, retryAfterMs: 0, resetMs: 334 });
      expect(await allow()).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0, resetMs: 667 });
      expect(await allow()).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 1_000 });
      expect(await allow()).toEqual({ allowed: false, remaining: 0, retryAfterMs: 334, resetMs: 1_000 });
      await under.pass(333);
      expect((await allow()).allowed).toBe(false);
      await under.pass(1);
      expect((await allow()).allowed).toBe(true);
    });

    it('changes nothing by a refused call', async () => {
      const key = fresh();
      expect(await cache.allow(key, 10, 1_000, 8)).toMatchObject({ allowed: true, remaining: 2 });
      for (let n = 0; n < 5; n += 1) {
        expect(await cache.allow(key, 10, 1_000, 3)).toMatchObject({ allowed: false, remaining: 2, retryAfterMs: 100 });
      }
      expect(await cache.allow(key, 10, 1_000, 2)).toMatchObject({ allowed: true, remaining: 0 });
    });

    it('counts each key for itself', async () => {
      const [one, two] = [fresh(), fresh()];
      await cache.allow(one, 1, 60_000);
      expect((await cache.allow(one, 1, 60_000)).allowed).toBe(false);
      expect((await cache.allow(two, 1, 60_000)).allowed).toBe(true);
    });

    it('refuses a rate that makes no sense', async () => {
      await expect(cache.allow(fresh(), 0, 1_000)).rejects.toThrow(RangeError);
      await expect(cache.allow(fresh(), 1, 0.5)).rejects.toThrow(RangeError);
      await expect(cache.allow(fresh(), 2, 1_000, 3)).rejects.toThrow('never fits');
    });

    it('never lets more through than the burst and what has flowed back since', async () => {
      const scenario = fc.record({
        limit: fc.integer({ min: 1, max: 50 }),
        periodMs: fc.integer({ min: 1, max: 5_000 }),
        steps: fc.array(fc.record({ pauseMs: fc.integer({ min: 0, max: 40 }), cost: fc.integer({ min: 1, max: 5 }) }), {
          maxLength: 40,
        }),
      });
      await fc.assert(
        fc.asyncProperty(scenario, async ({ limit, periodMs, steps }) => {
          const key = fresh();
          let elapsedMs = 0;
          let passed = 0;
          for (const step of steps) {
            await under.pass(step.pauseMs);
            if (passed > 0) elapsedMs += step.pauseMs;
            const cost = Math.min(step.cost, limit);
            const decision = await cache.allow(key, limit, periodMs, cost);
            if (decision.allowed) passed += cost;
            expect(decision.allowed).toBe(decision.retryAfterMs === 0);
            expect(decision.remaining).toBeLessThanOrEqual(limit);
            // Compared without a division: passed <= limit + elapsed * limit / period.
            expect(passed * periodMs).toBeLessThanOrEqual(limit * periodMs + elapsedMs * limit);
          }
        }),
        { numRuns: 100 },
      );
    });

    it('lets exactly the limit through of many at once', async () => {
      const key = fresh();
      const decisions = await Promise.all(Array.from({ length: 50 }, () => cache.allow(key, 7, 3_600_000)));
      expect(decisions.filter((decision) => decision.allowed)).toHaveLength(7);
    });
  });
}
