import { ConfigError } from '@suuupra/platform/config';
import { readSandboxRates, type SandboxRates } from './sandbox-exchange.ts';

/**
 * How fast the sandbox lives. Its deadlines are short, so that a whole life can be driven by hand in minutes; a process
 * may set them by its environment, in seconds.
 */
export interface SandboxSettings {
  /** From the opening of a dispute to the deadline for evidence. */
  readonly evidenceMs: number;
  /** From evidence to the bank's word. */
  readonly verdictMs: number;
  /** How long an authorization holds. */
  readonly holdMs: number;
  /** A settlement report is made each time this has passed, counted from the Unix epoch. */
  readonly settlementMs: number;
  /** A payer of a UPI mandate is told this long before a charge (NPCI: 24 hours). */
  readonly noticeMs: number;
  /** Currencies that are settled in another one, by what they are paid in. */
  readonly rates: SandboxRates;
  /** 0: the network is perfect. Else answers are late and webhooks late, doubled and reordered, by this seed. */
  readonly chaosSeed: number;
  readonly latencyMsMax: number;
}

export const sandboxDefaults: SandboxSettings = {
  evidenceMs: 5 * 60_000,
  verdictMs: 2_000,
  holdMs: 7 * 24 * 3_600_000,
  settlementMs: 24 * 3_600_000,
  noticeMs: 24 * 3_600_000,
  rates: new Map(),
  chaosSeed: 0,
  latencyMsMax: 0,
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws a sentence that names the setting for what is not a whole number of seconds. */
export function readSandboxSettings(env: Environment): SandboxSettings {
  const ms = (name: string, fallback: number) =>
    wholeNumber(env, `SUUUPRA_SANDBOX_${name}_SECONDS`, fallback / 1_000) * 1_000;
  return {
    evidenceMs: ms('EVIDENCE', sandboxDefaults.evidenceMs),
    verdictMs: ms('VERDICT', sandboxDefaults.verdictMs),
    holdMs: ms('HOLD', sandboxDefaults.holdMs),
    settlementMs: Math.max(1_000, ms('SETTLEMENT', sandboxDefaults.settlementMs)),
    noticeMs: ms('NOTICE', sandboxDefaults.noticeMs),
    rates: readSandboxRates(env['SUUUPRA_SANDBOX_SETTLES']),
    chaosSeed: wholeNumber(env, 'SUUUPRA_SANDBOX_SEED', 0),
    latencyMsMax: wholeNumber(env, 'SUUUPRA_SANDBOX_LATENCY_MS', 0),
  };
}

const most = 366 * 24 * 3_600;

function wholeNumber(env: Environment, name: string, fallback: number): number {
  const given = env[name]?.trim() ?? '';
  if (given === '') return fallback;
  if (/^\d{1,8}$/.test(given) && Number(given) <= most) return Number(given);
  throw new ConfigError(`${name} is "${given}"; it must be a whole number from 0 to ${most}.`);
}

/** Chance that repeats itself: the same seed gives the same run (mulberry32, public domain). */
export function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
