/**
 * Rate limits that many processes share, at the price of one process: a process takes a few calls of a busy key in advance
 * from the authority (Redis), spends them without asking, and gives back what it did not need.
 *
 * A lease is half a percent of the limit, so `n` processes let at most `limit × (1 + n / 200)` of a burst through: 2 % too
 * many on four. Limits below 200 are not leased and are exact. A refused call costs nothing: until its time has come it is
 * refused again from memory. While the authority is away each process keeps the limit by itself: declared, fail open.
 */
import { LRUCache } from 'lru-cache';
import type { RateDecision } from './cache.ts';
import { assertRate, decide, decisionOf, type Rate, unitsAt } from './gcra.ts';

export interface RateAuthority {
  /** Decides about each cost in turn, then takes up to `lease` calls more. Undefined when it does not answer in time. */
  take(key: string, rate: Rate, costs: readonly number[], lease: number): Promise<Taken | undefined>;
  /** Best effort: what is lost on the way flows back with time. */
  giveBack(key: string, rate: Rate, calls: number): Promise<void>;
}

export interface Taken {
  readonly verdicts: readonly { readonly allowed: boolean; readonly owed: bigint }[];
  readonly leased: number;
  /** Units until the whole burst is back, after all this. */
  readonly owed: bigint;
}

export interface LeasedLimits {
  allow(key: string, rate: Rate, cost: number): Promise<RateDecision>;
  /** Gives back what is held. */
  close(): Promise<void>;
}

export interface LeasedLimitsOptions {
  readonly authority: RateAuthority;
  /** Milliseconds of any clock that never goes back; this process's by default. */
  readonly nowMs?: () => number;
  /** Keys under way; the one asked for longest ago is forgotten first, and with it what it held. */
  readonly keysMax?: number;
}

const keysMaxDefault = 100_000;
/** Four processes with a lease each: 2 %. */
const leasesPerLimit = 200;
/** A key asked for again within this is busy and worth a lease; a lease not spent within this is given back. */
const leaseMs = 1_000;
/** A refused caller asks the authority at most this often. */
const wordMs = 1_000;
const costsAtOnceMax = 128;
/** More that wait for one key are decided here. */
const waitingMax = 4_096;
const givenBackAtOnceMax = 500;

interface Entry {
  readonly key: string;
  readonly rate: Rate;
  /** When the whole burst is back by the authority's last word, on our clock; not later than it meant. */
  arrival: bigint;
  /** The same by what we let through alone, which it does not know. */
  ownArrival: bigint;
  held: number;
  heldAtMs: number;
  askedAtMs: number;
  asking: boolean;
  waiting: Waiter[];
}

interface Waiter {
  readonly cost: number;
  resolve(decision: RateDecision): void;
  reject(error: unknown): void;
}

export function openLeasedLimits(options: LeasedLimitsOptions): LeasedLimits {
  const { authority, nowMs = () => performance.now(), keysMax = keysMaxDefault } = options;
  const holding = new Set<Entry>();
  const entries = new LRUCache<string, Entry>({ max: keysMax, dispose: (entry) => holding.delete(entry) });

  const pump = async (entry: Entry): Promise<void> => {
    if (entry.asking) return;
    entry.asking = true;
    while (entry.waiting.length > 0) {
      const batch = entry.waiting.splice(0, costsAtOnceMax);
      try {
        await ask(entry, batch);
      } catch (error) {
        for (const waiter of batch) waiter.reject(error);
      }
    }
    entry.asking = false;
  };

  const ask = async (entry: Entry, batch: readonly Waiter[]): Promise<void> => {
    const { key, rate } = entry;
    const askedAtMs = nowMs();
    const isBusy = askedAtMs - entry.askedAtMs < leaseMs || batch.length > 1;
    const lease = isBusy ? Math.max(0, Math.floor(rate.limit / leasesPerLimit) - entry.held) : 0;
    entry.askedAtMs = askedAtMs;
    const costs = batch.map(({ cost }) => cost);
    const taken = await authority.take(key, rate, costs, lease);
    if (taken === undefined) {
      for (const waiter of batch) waiter.resolve(alone(entry, waiter.cost, nowMs()));
      return;
    }
    // Their clock was read after ours, so this is never later than the truth.
    const arrival = unitsAt(askedAtMs, rate) + taken.owed;
    // Larger when we have let calls through while they were away: those count.
    if (arrival > entry.arrival) entry.arrival = arrival;
    hold(entry, entry.held + taken.leased, askedAtMs);
    for (const [index, waiter] of batch.entries()) {
      const verdict = taken.verdicts[index];
      if (verdict === undefined) throw new Error('a rate was asked for and not decided');
      waiter.resolve(decisionOf(verdict.allowed, verdict.owed, rate, waiter.cost));
    }
  };

  const hold = (entry: Entry, calls: number, atMs: number): void => {
    entry.held = calls;
    entry.heldAtMs = atMs;
    // Forgotten in the meantime: what it took flows back with time.
    if (calls > 0 && entries.peek(nameOf(entry.key, entry.rate)) === entry) holding.add(entry);
    else holding.delete(entry);
  };

  const release = (entry: Entry): Promise<void> => {
    const calls = entry.held;
    hold(entry, 0, entry.heldAtMs);
    entry.arrival -= BigInt(calls) * BigInt(entry.rate.periodMs);
    return authority.giveBack(entry.key, entry.rate, calls);
  };

  const sweep = setInterval(() => {
    const beforeMs = nowMs() - leaseMs;
    let given = 0;
    for (const entry of holding) {
      if (entry.heldAtMs > beforeMs || entry.asking) continue;
      void release(entry);
      given += 1;
      if (given === givenBackAtOnceMax) return;
    }
  }, leaseMs);
  sweep.unref();

  return {
    allow: async (key, rate, cost) => {
      assertRate(rate, cost);
      const name = nameOf(key, rate);
      const entry = entries.get(name) ?? newEntry(key, rate);
      if (entry.askedAtMs === unknownMs) entries.set(name, entry);
      const now = nowMs();
      if (entry.waiting.length === 0 && entry.held >= cost) return spend(entry, cost, now);
      const known = decide(knownArrival(entry, now), now, rate, cost);
      if (known.next === undefined) return known.decision;
      if (entry.waiting.length >= waitingMax) return alone(entry, cost, now);
      const decided = new Promise<RateDecision>((resolve, reject) => entry.waiting.push({ cost, resolve, reject }));
      void pump(entry);
      return decided;
    },
    close: async () => {
      clearInterval(sweep);
      await Promise.all([...holding].slice(0, givenBackAtOnceMax).map(release));
    },
  };
}

const unknownMs = Number.NEGATIVE_INFINITY;

function newEntry(key: string, rate: Rate): Entry {
  return {
    key,
    rate,
    arrival: 0n,
    ownArrival: 0n,
    held: 0,
    heldAtMs: unknownMs,
    askedAtMs: unknownMs,
    asking: false,
    waiting: [],
  };
}

/** A limit that changes begins anew: the stored time is in units of it. */
export function nameOf(key: string, { limit, periodMs }: Rate): string {
  return `${limit}/${periodMs} ${key}`;
}

function spend(entry: Entry, cost: number, nowMs: number): RateDecision {
  entry.held -= cost;
  const { arrival, held, rate } = entry;
  // What is still held is free: it is told as if it had not been taken.
  return decisionOf(true, arrival - unitsAt(nowMs, rate) - BigInt(held) * BigInt(rate.periodMs), rate, cost);
}

/** By what this process knows. */
function alone(entry: Entry, cost: number, nowMs: number): RateDecision {
  if (entry.held >= cost) return spend(entry, cost, nowMs);
  const { next, decision } = decide(larger(entry.arrival, entry.ownArrival), nowMs, entry.rate, cost);
  if (next !== undefined) entry.ownArrival = next;
  return decision;
}

/** What refuses without asking. The authority's word is good for a while: others may give back what they took. */
function knownArrival(entry: Entry, nowMs: number): bigint {
  return nowMs - entry.askedAtMs < wordMs ? larger(entry.arrival, entry.ownArrival) : entry.ownArrival;
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
