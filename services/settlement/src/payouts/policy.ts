/** How instructors are paid: the figures, as data. A run keeps the policy it was made with. No I/O. */
import { minorDigitsOf } from '@suuupra/platform/money';

export interface SettlementPolicy {
  /** Of what was earned in a settlement, parts of a million, held back for refunds and disputes to come. */
  readonly reservePpm: number;
  readonly reserveDays: number;
  /** Below this nothing is paid and all is carried forward; in minor units. */
  readonly minimumPayouts: Readonly<Record<string, string>>;
  /** Up to this an instructor's own wish is sent to the bank without a person; in minor units. Runs from before have none. */
  readonly instantMaximums?: Readonly<Record<string, string>>;
}

export const currentPolicy: SettlementPolicy = {
  reservePpm: 100_000,
  reserveDays: 30,
  minimumPayouts: { INR: '10000', USD: '1000', EUR: '1000', GBP: '1000' },
  instantMaximums: { INR: '5000000', USD: '60000', EUR: '60000', GBP: '50000' },
};

/** In a currency that the policy does not name: ten of its major units. */
export function minimumPayout(policy: SettlementPolicy, currency: string): bigint {
  const named = policy.minimumPayouts[currency];
  return named === undefined ? 10n * 10n ** BigInt(minorDigitsOf(currency)) : BigInt(named);
}

/** In a currency that the policy does not name a person approves all. */
export function instantMaximum(policy: SettlementPolicy, currency: string): bigint {
  return BigInt(policy.instantMaximums?.[currency] ?? 0);
}

/** An instructor is paid at their own wish once in this time, in each currency. */
export const instantEveryMs = 24 * 60 * 60 * 1_000;
/** After its account was changed an instructor is not paid for this time. */
export const coolingMs = 48 * 60 * 60 * 1_000;
/** Everybody is settled once in this time without being asked. */
export const runEveryMs = 7 * 24 * 60 * 60 * 1_000;
