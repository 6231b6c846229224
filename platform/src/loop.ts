/**
 * Work that is due at a time kept in a database: done when its time comes, or at once when somebody says there is some.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createBell } from './stream/bell.ts';

export interface Loop {
  /** Says that something may be due earlier than the loop knows. */
  nudge(): void;
  /** Starts no further round and waits for the one under way. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** Does what is due and tells when something is due next (milliseconds since the epoch); undefined when nothing waits. */
  readonly round: () => Promise<number | undefined>;
  readonly now: () => number;
  /** Looks again after this time in any case, for what other processes have left. */
  readonly idleMsMax: number;
  /**
   * While nothing is due a round begins no sooner than this after the one before it, whoever nudges: many nudges are
   * answered together. A nudge that comes alone is answered at once. Default 0.
   */
  readonly everyMsMin?: number;
  /** Told of a round that threw; the loop goes on after `failurePauseMs`. */
  readonly failed: (error: unknown) => void;
}

/** A round that threw is repeated after this pause, so that a broken dependency is not hammered. */
const failurePauseMs = 1_000;

export function startLoop(options: LoopOptions): Loop {
  const bell = createBell();
  const stopped = new AbortController();
  const turning = turn(options, bell, stopped.signal);
  return {
    nudge: () => bell.ring(),
    stop: async () => {
      stopped.abort();
      bell.ring();
      await turning;
    },
  };
}

async function turn(options: LoopOptions, bell: ReturnType<typeof createBell>, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    const begunMs = performance.now();
    try {
      const dueAtMs = await options.round();
      const restMs = dueAtMs === undefined ? options.idleMsMax : dueAtMs - options.now();
      if (!stopped.aborted) await bell.wait(Math.max(0, Math.min(options.idleMsMax, restMs)));
      const earlyMs = restMs <= 0 ? 0 : begunMs + (options.everyMsMin ?? 0) - performance.now();
      if (earlyMs > 0) await delay(earlyMs, undefined, { signal: stopped }).catch(() => {});
    } catch (error) {
      options.failed(error);
      await delay(failurePauseMs, undefined, { signal: stopped }).catch(() => {});
    }
  }
}
