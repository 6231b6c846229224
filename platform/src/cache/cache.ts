/**
 * The `cache` port: values that may be lost at any moment without any answer becoming wrong, only slower.
 * Adapters: cache-embedded.ts (this process's memory, bounded); Redis comes with the many-process issue.
 */
export interface Cache {
  get(key: string): Promise<Uint8Array | undefined>;
  /** `ttlMs` at most 24 h. */
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /**
   * GCRA rate limit: whether one more of `cost` fits now under `limit` per `periodMs` with a burst of `limit`.
   * A refused call changes nothing.
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
