/**
 * The rates at which the sandbox settles a currency in another one. Simulated, as everything of the sandbox: the operator says
 * a rate for each currency, and each day has its own within a hundredth of it, always the same for the same day, so that
 * a refund comes at another rate than its sale. Exact, in whole numbers. No I/O.
 */

import { createHash } from 'node:crypto';
import { ConfigError } from '@suuupra/platform/config';
import { decimalsOf } from '@suuupra/platform/money';

export interface SandboxRate {
  readonly from: string;
  readonly to: string;
  /** Millionths of a unit of `to` for one unit of `from`. */
  readonly millionths: bigint;
}

export type SandboxRates = ReadonlyMap<string, SandboxRate>;

const setting = 'SUUUPRA_SANDBOX_SETTLES';
const ratesMax = 50;
const rateDecimals = 6;
const million = 1_000_000n;
/** A hundredth either way, in two hundred steps. */
const steps = 201;
const stepParts = 10_000n;

/**
 * `USD:INR@83.25,JPY:INR@0.5563`: dollars and yen are settled in rupees. Absent: each currency in itself. Throws a sentence
 * that names the setting.
 */
export function readSandboxRates(text: string | undefined): SandboxRates {
  const given = text?.trim() ?? '';
  const rates = new Map<string, SandboxRate>();
  if (given === '') return rates;
  const pairs = given.split(',');
  if (pairs.length > ratesMax) throw new ConfigError(`${setting} names more than ${ratesMax} currencies.`);
  for (const pair of pairs.map((each) => each.trim())) {
    const rate = rateOf(pair);
    if (rates.has(rate.from)) throw new ConfigError(`${setting} settles ${rate.from} twice; say one rate for it.`);
    rates.set(rate.from, rate);
  }
  const chained = [...rates.values()].find(({ to }) => rates.has(to));
  if (chained !== undefined)
    throw new ConfigError(
      `${setting} settles ${chained.from} in ${chained.to} and that in another; name the last one.`,
    );
  return rates;
}

function rateOf(pair: string): SandboxRate {
  const found = /^([A-Z]{3}):([A-Z]{3})@(\d{1,9})(?:\.(\d{1,6}))?$/.exec(pair);
  if (found === null)
    throw new ConfigError(`${setting} has "${pair}"; say e.g. USD:INR@83.25, with at most ${rateDecimals} decimals.`);
  const [, from = '', to = '', whole = '', fraction = ''] = found;
  const unknown = [from, to].find((code) => decimalsOf(code) === undefined);
  if (unknown !== undefined) throw new ConfigError(`${setting} has ${unknown}, which is no currency of ISO 4217.`);
  if (from === to) throw new ConfigError(`${setting} settles ${from} in itself; leave it out.`);
  const millionths = BigInt(`${whole}${fraction.padEnd(rateDecimals, '0')}`);
  if (millionths === 0n) throw new ConfigError(`${setting} has a rate of zero for ${from}.`);
  return { from, to, millionths };
}

/** The rate of the UTC day that the time is in. */
export function rateOfDay({ from, to, millionths }: SandboxRate, atMs: number): bigint {
  const day = new Date(atMs).toISOString().slice(0, 10);
  const chance = createHash('sha256').update(`${from} ${to} ${day}`).digest().readUInt32BE(0);
  const step = BigInt((chance % steps) - (steps - 1) / 2);
  const moved = millionths + (millionths * step) / stepParts;
  return moved > 0n ? moved : 1n;
}

/** The amount in the other currency's minor units, halves away from zero. */
export function exchanged(amountMinor: bigint, { from, to }: SandboxRate, millionths: bigint): bigint {
  const [fromUnit, toUnit] = [from, to].map((code) => 10n ** BigInt(decimalsOf(code) ?? 2)) as [bigint, bigint];
  const [over, under] = [amountMinor * millionths * toUnit, million * fromUnit];
  const rounded = (2n * (over < 0n ? -over : over) + under) / (2n * under);
  return over < 0n ? -rounded : rounded;
}

/** As it stands in the report: 83.25 is `83.250000`. */
export function rateText(millionths: bigint): string {
  const digits = millionths.toString().padStart(rateDecimals + 1, '0');
  return `${digits.slice(0, -rateDecimals)}.${digits.slice(-rateDecimals)}`;
}
