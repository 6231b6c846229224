/**
 * Whether the services of a process can do their work, as it tells their callers: by their own databases and indexes
 * alone. What they call has a health of its own, and without the stream facts wait in the outbox.
 */
import { type Dependency, readinessOf } from '@suuupra/gateway/readiness';
import type { Log } from '@suuupra/platform/telemetry/telemetry';

export interface HealthWatch {
  isHealthy(): boolean;
  stop(): void;
}

const lookEveryMs = 1_000;
/** One that is silent is away, as one that refuses. */
const lookMsMax = 2_000;

/** Looks every second. Healthy until a look has shown otherwise. */
export function watchHealth(needed: readonly Dependency[], log: Log): HealthWatch {
  const readiness = readinessOf(needed, lookMsMax, () => false);
  let healthy = true;
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    const now = (await readiness()).status === 'ready';
    if (now !== healthy) log.warn(now ? 'the databases answer again' : 'a database does not answer: not serving');
    healthy = now;
    looking = false;
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  timer.unref();
  return { isHealthy: () => healthy, stop: () => clearInterval(timer) };
}
