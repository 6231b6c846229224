/**
 * The generic cell rate algorithm (ITU-T I.371; "GCRA" in Redis's rate limiters): one number per key, the theoretical
 * arrival time, at which the whole burst would be back. Time counts in units of 1/limit ms, in which both a millisecond
 * (`limit` units) and the distance of two calls (`periodMs` units) are whole numbers: nothing is rounded.
 */
import type { RateDecision } from './cache.ts';

export interface Rate {
  readonly limit: number;
  readonly periodMs: number;
}

/** Limit times period: a Lua script counts in doubles, and this leaves room for the sum of two. */
const unitsMax = 2 ** 51;

export function assertRate({ limit, periodMs }: Rate, cost: number): void {
  for (const [name, value] of Object.entries({ limit, periodMs, cost })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${name} is ${value}; it must be a whole number from 1`);
  }
  if (limit * periodMs > unitsMax) throw new RangeError(`${limit} in ${periodMs} ms is beyond what can be counted`);
  if (cost > limit) throw new RangeError(`a cost of ${cost} never fits under a limit of ${limit}`);
}

/** What `cost` would do at `nowMs` to what is stored; `next` is undefined when it does not fit and changes nothing. */
export function decide(
  stored: bigint | undefined,
  nowMs: number,
  rate: Rate,
  cost: number,
): { readonly next: bigint | undefined; readonly decision: RateDecision } {
  const now = unitsAt(nowMs, rate);
  const arrival = stored !== undefined && stored > now ? stored : now;
  const after = arrival + BigInt(cost) * BigInt(rate.periodMs);
  const allowed = after - now <= burstOf(rate);
  return {
    next: allowed ? after : undefined,
    decision: decisionOf(allowed, (allowed ? after : arrival) - now, rate, cost),
  };
}

/** The decision about `cost`, of which `owed` units stay: the time until the whole burst is back. */
export function decisionOf(allowed: boolean, owed: bigint, rate: Rate, cost: number): RateDecision {
  const left = owed > 0n ? owed : 0n;
  const burst = burstOf(rate);
  return {
    allowed,
    remaining: Number((burst - left) / BigInt(rate.periodMs)),
    retryAfterMs: allowed ? 0 : wholeMs(left + BigInt(cost) * BigInt(rate.periodMs) - burst, rate),
    resetMs: wholeMs(left, rate),
  };
}

export function unitsAt(ms: number, rate: Rate): bigint {
  return BigInt(Math.floor(ms)) * BigInt(rate.limit);
}

function burstOf({ limit, periodMs }: Rate): bigint {
  return BigInt(periodMs) * BigInt(limit);
}

function wholeMs(units: bigint, { limit }: Rate): number {
  return Number((units + BigInt(limit) - 1n) / BigInt(limit));
}
