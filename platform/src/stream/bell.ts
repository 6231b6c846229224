/** A wake-up that is not lost: rung while nobody waits, it lets the next wait through at once. */
export interface Bell {
  ring(): void;
  /** Resolves when the bell is rung, or after `timeoutMs`. One waits at a time. */
  wait(timeoutMs: number): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(timeoutMs) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      rung = false;
    },
  };
}

/**
 * Runs `work` for each call of the returned function, one run at a time; calls that come during a run are answered by
 * one more run after it. `work` must not throw.
 */
export function coalesced(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => {
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return start();
    next = running.then(() => {
      next = undefined;
      return start();
    });
    return next;
  };
}

/** Delay before the next try: doubles from `firstMs` to `mostMs`, a random half of it taken off so that many do not march in step. */
export function backOffMs(attempt: number, firstMs: number, mostMs: number, random: () => number): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return full * (0.5 + random() / 2);
}
