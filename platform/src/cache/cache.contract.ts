/** What every adapter of the `cache` port must do. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cache } from './cache.ts';

export interface CacheUnderTest {
  readonly cache: Cache;
  /** Lets time pass for the cache; a cache with a clock of its own waits. */
  pass(ms: number): Promise<void>;
  /** The clock that the cache's follows. */
  nowMs(): number;
  /** How much of it may pass between two calls without `pass`, beyond 1: a clock of its own does not stand still. */
  driftMs: number;
  /** How many random scenarios; those on a real clock take their time. */
  runs: number;
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
      const ttlMs = 1_000;
      expect(await cache.get(key)).toBeUndefined();
      await cache.set(key, Buffer.from('one'), ttlMs);
      await cache.set(key, Buffer.from('two'), ttlMs);
      expect(text(await cache.get(key))).toBe('two');
      await under.pass(ttlMs - 1 - under.driftMs);
      expect(text(await cache.get(key))).toBe('two');
      await under.pass(under.driftMs + 2);
      expect(await cache.get(key)).toBeUndefined();
      await cache.set(key, Buffer.from(''), ttlMs);
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
      const expectNow = async (allowed: boolean, remaining: number, retryAfterMs: number, resetMs: number) => {
        const decision = await cache.allow(key, 3, 3_001);
        expect(decision).toMatchObject({ allowed, remaining });
        expectTime(decision.retryAfterMs, retryAfterMs);
        expectTime(decision.resetMs, resetMs);
      };
      await expectNow(true, 2, 0, 1_001);
      await expectNow(true, 1, 0, 2_001);
      await expectNow(true, 0, 0, 3_001);
      await expectNow(false, 0, 1_001, 3_001);
      await under.pass(1_000 - under.driftMs);
      expect((await cache.allow(key, 3, 3_001)).allowed).toBe(false);
      await under.pass(1 + under.driftMs);
      expect((await cache.allow(key, 3, 3_001)).allowed).toBe(true);
    });

    /** The time, or less by what passed by itself. */
    function expectTime(actualMs: number, expectedMs: number): void {
      expect(actualMs).toBeLessThanOrEqual(expectedMs);
      expect(actualMs).toBeGreaterThanOrEqual(Math.min(expectedMs, Math.max(1, expectedMs - under.driftMs)));
    }

    it('changes nothing by a refused call', async () => {
      const key = fresh();
      expect(await cache.allow(key, 10, 60_000, 8)).toMatchObject({ allowed: true, remaining: 2 });
      for (let n = 0; n < 5; n += 1) {
        const decision = await cache.allow(key, 10, 60_000, 3);
        expect(decision).toMatchObject({ allowed: false, remaining: 2 });
        expectTime(decision.retryAfterMs, 6_000);
      }
      expect(await cache.allow(key, 10, 60_000, 2)).toMatchObject({ allowed: true, remaining: 0 });
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
      await expect(cache.allow(fresh(), 2 ** 40, 2 ** 12)).rejects.toThrow('beyond what can be counted');
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
          let startedMs: number | undefined;
          let passed = 0;
          for (const step of steps) {
            await under.pass(step.pauseMs);
            startedMs ??= under.nowMs();
            const cost = Math.min(step.cost, limit);
            const decision = await cache.allow(key, limit, periodMs, cost);
            if (decision.allowed) passed += cost;
            expect(decision.allowed).toBe(decision.retryAfterMs === 0);
            expect(decision.remaining).toBeLessThanOrEqual(limit);
            // Two clocks that are read in whole milliseconds differ by less than one.
            const elapsedMs = under.nowMs() - startedMs + (under.driftMs > 0 ? 1 : 0);
            // Compared without a division: passed <= limit + elapsed * limit / period.
            expect(passed * periodMs).toBeLessThanOrEqual(limit * periodMs + elapsedMs * limit);
          }
        }),
        { numRuns: under.runs },
      );
    });

    it('lets exactly the limit through of many at once', async () => {
      const key = fresh();
      const decisions = await Promise.all(Array.from({ length: 50 }, () => cache.allow(key, 7, 3_600_000)));
      expect(decisions.filter((decision) => decision.allowed)).toHaveLength(7);
    });

    it('keeps a large limit, asked for one by one and many at once', async () => {
      const key = fresh();
      let allowed = 0;
      for (let round = 0; round < 30; round += 1) {
        const decisions = await Promise.all(Array.from({ length: 40 }, () => cache.allow(key, 1_000, 86_400_000)));
        allowed += decisions.filter((decision) => decision.allowed).length;
        const one = await cache.allow(key, 1_000, 86_400_000);
        if (one.allowed) allowed += 1;
        expect(one.remaining).toBe(1_000 - allowed);
      }
      expect(allowed).toBe(1_000);
    });
  });
}
