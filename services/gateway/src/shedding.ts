/**
 * Load shedding: when the process cannot keep up, what matters least is turned away first, before any work is done for
 * it. The measure is how late the event loop runs, and how many requests are under way.
 */
import { performance } from 'node:perf_hooks';

/** Payments, orders and sign-in outrank the rest; browsing gives way first. */
export type Priority = 'critical' | 'normal' | 'browse';

export interface Shedder {
  /** True when a request of this priority should be turned away now. */
  isOver(priority: Priority): boolean;
  /** Counts a request until the function it gives is called. */
  enter(): () => void;
  readonly inFlight: number;
  readonly delayMs: number;
  close(): void;
}

export interface Threshold {
  readonly delayMs: number;
  readonly inFlight: number;
}

export const defaultThresholds: Readonly<Record<Priority, Threshold>> = {
  browse: { delayMs: 500, inFlight: 1_000 },
  normal: { delayMs: 1_500, inFlight: 2_000 },
  critical: { delayMs: 4_000, inFlight: 4_000 },
};

const sampleMs = 100;
/** Weight of the newest sample: one long pause, such as a garbage collection, is no overload. */
const newest = 0.2;

export function openShedder(thresholds = defaultThresholds): Shedder {
  let inFlight = 0;
  let delayMs = 0;
  let dueAt = performance.now() + sampleMs;
  const timer = setInterval(() => {
    const now = performance.now();
    delayMs = delayMs * (1 - newest) + Math.max(0, now - dueAt) * newest;
    dueAt = now + sampleMs;
  }, sampleMs);
  timer.unref();
  return {
    isOver: (priority) => delayMs > thresholds[priority].delayMs || inFlight >= thresholds[priority].inFlight,
    enter: () => {
      inFlight += 1;
      let inside = true;
      return () => {
        if (inside) inFlight -= 1;
        inside = false;
      };
    },
    get inFlight() {
      return inFlight;
    },
    get delayMs() {
      return delayMs;
    },
    close: () => clearInterval(timer),
  };
}
