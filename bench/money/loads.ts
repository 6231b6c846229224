/** The three loads that money is measured with, and a runner that keeps so many under way. */

/** Between any two accounts alike; the lower numbers more often (Zipf, exponent 1); every transfer on account 0. */
export type LoadName = 'uniform' | 'zipf' | 'hot';

export const loadNames: readonly LoadName[] = ['uniform', 'zipf', 'hot'];

/** A pair of different accounts out of `accounts`. `random` gives numbers in [0, 1). */
export function pairOf(load: LoadName, accounts: number, random: () => number): readonly [number, number] {
  const pick = load === 'zipf' ? () => zipf(accounts, random) : () => Math.floor(random() * accounts);
  const from = load === 'hot' ? 0 : pick();
  const to = pick();
  return from === to ? [from, (to + 1) % accounts] : [from, to];
}

/** The inverse of the distribution's sum, which for exponent 1 grows as the logarithm. */
function zipf(accounts: number, random: () => number): number {
  return Math.min(accounts - 1, Math.floor((accounts + 1) ** random()) - 1);
}

/** mulberry32 (public domain): the same numbers in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Ran {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly done: number;
}

/** Runs `work` for so long with so many under way; each call does `each` things. Latency is that of a call. */
export async function keepBusy(
  options: { readonly atOnce: number; readonly seconds: number; readonly each?: number },
  work: (number: number) => Promise<void>,
): Promise<Ran> {
  const each = options.each ?? 1;
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const untilMs = startedMs + options.seconds * 1_000;
  let number = 0;
  const worker = async () => {
    while (performance.now() < untilMs) {
      const mine = number;
      number += 1;
      const beganMs = performance.now();
      await work(mine);
      latenciesMs.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, worker));
  return measured(latenciesMs, each, performance.now() - startedMs);
}

/**
 * Starts one every 1/`perSecond`, whether the ones before are done or not, and counts each from when it was due: a system
 * that stalls is charged for those that had to wait (no coordinated omission).
 */
export async function keepRate(
  options: { readonly perSecond: number; readonly seconds: number },
  work: (number: number) => Promise<void>,
): Promise<Ran> {
  const latenciesMs: number[] = [];
  const underWay = new Set<Promise<void>>();
  const startedMs = performance.now();
  const count = Math.floor(options.perSecond * options.seconds);
  for (let number = 0; number < count; number += 1) {
    const dueMs = startedMs + (number * 1_000) / options.perSecond;
    const restMs = dueMs - performance.now();
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    const one = work(number).then(() => {
      latenciesMs.push(performance.now() - dueMs);
      underWay.delete(one);
    });
    underWay.add(one);
  }
  await Promise.all(underWay);
  return measured(latenciesMs, 1, performance.now() - startedMs);
}

function measured(latenciesMs: number[], each: number, tookMs: number): Ran {
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0;
  const done = latenciesMs.length * each;
  return { perSecond: done / (tookMs / 1_000), p50Ms: at(0.5), p99Ms: at(0.99), done };
}
