/**
 * The `cache` port: values that may be lost at any moment without any answer becoming wrong, only slower.
 * A caller that must not see an old value gives it a short time to live: a `delete` may be lost as well.
 * Adapters: cache-embedded.ts (this process's memory, bounded), cache-redis.ts (shared by processes).
 */
export interface Cache {
  get(key: string): Promise<Uint8Array | undefined>;
  /** `ttlMs` at most 24 h. A value larger than the adapter keeps is dropped, and what was there before with it. */
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /**
   * GCRA rate limit: whether one more of `cost` fits now under `limit` per `periodMs` with a burst of `limit`.
   * A refused call changes nothing. Processes that share the cache share the limit: `n` of them let at most n/200 of it
   * through beyond (exactly the limit when it is below 200), and keep it each for itself while the cache is lost.
   * Throws RangeError when a number is not whole and positive, or the cost exceeds the limit.
   */
  allow(key: string, limit: number, periodMs: number, cost?: number): Promise<RateDecision>;
  ping(): Promise<number>;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Whole units still free now. */
  readonly remaining: number;
  /** Until the same call would fit; 0 when allowed. */
  readonly retryAfterMs: number;
  /** Until the full burst is back. */
  readonly resetMs: number;
}

const ttlMsMax = 24 * 3_600_000;

export function assertTtl(ttlMs: number): void {
  if (!(ttlMs > 0 && ttlMs <= ttlMsMax)) throw new RangeError(`a value is cached for ${ttlMs} ms; at most ${ttlMsMax}`);
}
