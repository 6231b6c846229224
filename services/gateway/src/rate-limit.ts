/** Keeps each caller to their share, and tells them how much of it is left (draft-ietf-httpapi-ratelimit-headers). */
import type { Cache, RateDecision } from '@suuupra/platform/cache/cache';
import { Refusal } from '@suuupra/platform/rpc/rpc';
import type { RateLimit } from './limits.ts';

export interface Counted {
  readonly refusal: Refusal | undefined;
  /** The fields of the tightest policy that was counted. */
  readonly headers: Readonly<Record<string, string>>;
}

export async function countAgainst(cache: Cache, rate: RateLimit, who: string): Promise<Counted> {
  const decision = await cache.allow(`rate:${rate.name}:${who}`, rate.limit, rate.periodMs);
  return { refusal: decision.allowed ? undefined : tooMany(rate, decision), headers: fieldsOf(rate, decision) };
}

function tooMany(rate: RateLimit, decision: RateDecision): Refusal {
  const seconds = Math.max(1, Math.ceil(decision.retryAfterMs / 1_000));
  const share = `${rate.limit} in ${rate.periodMs / 1_000} s`;
  return new Refusal('too_many_requests', `At most ${share} of this kind; come back in ${seconds} s.`, [], seconds);
}

function fieldsOf(rate: RateLimit, decision: RateDecision): Record<string, string> {
  const resetSeconds = Math.ceil(decision.resetMs / 1_000);
  return {
    'ratelimit-policy': `"${rate.name}";q=${rate.limit};w=${rate.periodMs / 1_000}`,
    ratelimit: `"${rate.name}";r=${Math.max(0, decision.remaining)};t=${resetSeconds}`,
  };
}
