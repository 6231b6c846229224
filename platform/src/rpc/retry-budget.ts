/**
 * How many calls a client may make again: a share of those it makes, so that retries cannot multiply an overload (the
 * token bucket of gRPC's A6 and of Finagle's RetryBudget). Each call pays a part of a token in, a retry takes one out.
 */
export interface RetryBudget {
  /** A first attempt is made. */
  called(): void;
  /** True when one more attempt may be made; it is paid for by that. */
  takeRetry(): boolean;
}

/** Retries are at most this share of the calls, in the long run. */
const retryShare = 0.1;
/** What may be spent at once: the calls that were under way at an instance when it died. */
const tokensMax = 100;

export function createRetryBudget(): RetryBudget {
  let tokens = tokensMax;
  return {
    called: () => {
      tokens = Math.min(tokensMax, tokens + retryShare);
    },
    takeRetry: () => {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
