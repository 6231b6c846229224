/** How instructors are paid: the figures, as data. A run keeps the policy it was made with. No I/O. */
import { exponentOf } from './decimal.ts';

export interface SettlementPolicy {
  /** Of what was earned in a settlement, parts of a million, held back for refunds and disputes to come. */
  readonly reservePpm: number;
  readonly reserveDays: number;
  /** Below this nothing is paid and all is carried forward; in minor units. */
  readonly minimumPayouts: Readonly<Record<string, string>>;
}

export const currentPolicy: SettlementPolicy = {
  reservePpm: 100_000,
  reserveDays: 30,
  minimumPayouts: { INR: '10000', USD: '1000', EUR: '1000', GBP: '1000' },
};

/** In a currency that the policy does not name: ten of its major units. */
export function minimumPayout(policy: SettlementPolicy, currency: string): bigint {
  const named = policy.minimumPayouts[currency];
  return named === undefined ? 10n * 10n ** BigInt(exponentOf(currency)) : BigInt(named);
}

/** After its account was changed an instructor is not paid for this time. */
export const coolingMs = 48 * 60 * 60 * 1_000;
/** Everybody is settled once in this time without being asked. */
export const runEveryMs = 7 * 24 * 60 * 60 * 1_000;
