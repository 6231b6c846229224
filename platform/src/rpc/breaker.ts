/**
 * Circuit breaker of one instance (Nygard, Release It!): after faults in a row it is left alone for a while, then one call
 * tries it; what that call meets decides. The clock is an argument, so a test holds it still.
 */
export interface BreakerLimits {
  /** Faults in a row that open it. */
  readonly faultsMax: number;
  /** How long it stays open the first time; twice as long each time a try fails, up to `openMsMax`. */
  readonly openMs: number;
  readonly openMsMax: number;
}

export const breakerLimits: BreakerLimits = { faultsMax: 5, openMs: 1_000, openMsMax: 15_000 };

/** As a metric: 0, 1 and 2. */
export const breakerStates = ['closed', 'half_open', 'open'] as const;
export type BreakerState = (typeof breakerStates)[number];

export interface Breaker {
  state(nowMs: number): BreakerState;
  /** True when a call may be made: always when closed, when half open as long as no other tries. */
  admits(nowMs: number): boolean;
  /** The call that was admitted begins. Its end must be told, by one of the three below. */
  begin(nowMs: number): void;
  answered(): void;
  failed(nowMs: number): void;
  /** It ended without telling anything about the instance, e.g. because its caller left. */
  left(): void;
}

export function createBreaker(limits: BreakerLimits = breakerLimits): Breaker {
  let faults = 0;
  let openings = 0;
  let openUntilMs: number | undefined;
  let trying = false;
  const state = (nowMs: number): BreakerState => {
    if (openUntilMs === undefined) return 'closed';
    return nowMs < openUntilMs ? 'open' : 'half_open';
  };
  return {
    state,
    admits: (nowMs) => {
      const now = state(nowMs);
      return now === 'closed' || (now === 'half_open' && !trying);
    },
    begin: (nowMs) => {
      if (state(nowMs) === 'half_open') trying = true;
    },
    answered: () => {
      faults = 0;
      openings = 0;
      openUntilMs = undefined;
      trying = false;
    },
    failed: (nowMs) => {
      faults += 1;
      // Also where it is open by a clock that was set back meanwhile: a try that is over stands in nobody's way.
      trying = false;
      // A call that began before it opened says nothing new.
      if (state(nowMs) === 'open' || (openUntilMs === undefined && faults < limits.faultsMax)) return;
      openUntilMs = nowMs + Math.min(limits.openMs * 2 ** openings, limits.openMsMax);
      openings += 1;
    },
    left: () => {
      trying = false;
    },
  };
}
