/** Whether a process can do its work: what it depends on is asked, and named with its state and latency. */

/** Something a process works with; `check` gives its latency in milliseconds, or throws. */
export interface Dependency {
  readonly name: string;
  check(): Promise<number>;
  /** Without it the work goes on, later or slower: it is shown as down, and the whole as degraded instead of not ready. */
  readonly background?: true;
}

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'not_ready' | 'draining';
  readonly dependencies: readonly DependencyState[];
}

interface DependencyState extends Pick<Dependency, 'name' | 'background'> {
  readonly state: 'up' | 'down';
  readonly latencyMs: number;
}

/** Many who ask at once are answered by one round of checks, each of which has at most `msMax`. */
export function readinessOf(
  dependencies: readonly Dependency[],
  msMax: number,
  isDraining: () => boolean,
): () => Promise<Readiness> {
  let asking: Promise<DependencyState[]> | undefined;
  return async () => {
    asking ??= Promise.all(dependencies.map((each) => stateOf(each, msMax))).finally(() => {
      asking = undefined;
    });
    const states = await asking;
    const down = states.filter(({ state }) => state === 'down');
    const canWork = down.every(({ background }) => background === true);
    const status = down.length === 0 ? 'ready' : canWork ? 'degraded' : 'not_ready';
    return { status: isDraining() ? 'draining' : status, dependencies: states };
  };
}

/** 200 while work can be done. */
export function readinessStatus({ status }: Readiness): number {
  return status === 'ready' || status === 'degraded' ? 200 : 503;
}

async function stateOf({ name, check, ...rest }: Dependency, msMax: number): Promise<DependencyState> {
  const startedAt = performance.now();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('no answer in time')), msMax);
  try {
    return { name, ...rest, state: 'up', latencyMs: rounded(await Promise.race([check(), late.promise])) };
  } catch {
    return { name, ...rest, state: 'down', latencyMs: rounded(performance.now() - startedAt) };
  } finally {
    clearTimeout(timer);
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
