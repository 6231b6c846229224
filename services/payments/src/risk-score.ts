/**
 * A score from 0 to 100 of what is unusual about a payment: weighted factors as data, each measured on the service's own
 * rows and kept with its points, so that a decision can be explained and a draft can be tried on what was measured. Pure;
 * the measures are given.
 *
 * Additive on purpose: somebody at the desk can add it up. A learned model would need labelled fraud, which a new school
 * does not have.
 */
import type { Dimension, RiskOutcome, RiskRule } from './risk.ts';

/**
 * count: attempts, or failed ones, with this value, this payment included among attempts. distinct: values of another
 * dimension seen with this one, this payment's included. unseen: 1 when nothing with this value was let through in the
 * window. amount: minor units of the currency. above_usual: percent of the median of the buyer's last payments.
 */
export type RiskMeasure = 'count' | 'distinct' | 'unseen' | 'amount' | 'above_usual';

export interface RiskFactor {
  readonly name: string;
  readonly measure: RiskMeasure;
  readonly dimension: Dimension;
  readonly counted: RiskRule['counted'];
  /** Of `distinct`: the dimension whose values are counted. */
  readonly distinct: Dimension;
  readonly windowSeconds: number;
  /** Decimal text, as the scoring is kept as JSON. Nothing is added up to here; `unseen` needs none. */
  readonly above: string;
  /** Of `amount`. */
  readonly currency: string;
  /** Of `count` and `distinct` for each one above, of the others once. Below 0 for what speaks for the payer. */
  readonly points: number;
  /** The most that the factor adds or takes; 0: no limit but the score's own. */
  readonly pointsMax: number;
}

export interface RiskScoring {
  readonly version: number;
  readonly factors: readonly RiskFactor[];
  /** From this score on it has the outcome; 0: it never has. */
  readonly challengeFrom: number;
  readonly reviewFrom: number;
  readonly blockFrom: number;
  readonly setAtMs: number;
}

/** What one factor came to. */
export interface Contribution {
  readonly factor: string;
  /** What was measured, whatever the factor was called: a draft that measures the same can be tried on it. */
  readonly key: string;
  /** Decimal text. */
  readonly measured: string;
  readonly points: number;
}

export interface Scored {
  readonly score: number;
  readonly contributions: readonly Contribution[];
  readonly outcome: RiskOutcome;
}

export const scoreMax = 100;
/** Below so many payments nobody has a usual amount. */
export const usualMin = 3;

/**
 * Before finance sets its own: measured and kept, and without an outcome, so that a school sees what scores its payers have
 * before it turns anybody away.
 */
export const scoringAtFirst: RiskScoring = {
  version: 0,
  factors: [
    factorOf({ name: 'failures-of-the-customer', dimension: 'customer', counted: 'failures', above: '2', points: 8 }),
    factorOf({ name: 'failures-from-the-address', counted: 'failures', windowSeconds: 600, above: '9', points: 3 }),
    factorOf({ name: 'cards-of-the-customer', measure: 'distinct', dimension: 'customer', distinct: 'fingerprint' }),
    factorOf({ name: 'customers-of-the-card', measure: 'distinct', dimension: 'fingerprint', distinct: 'customer' }),
    factorOf({ name: 'a-new-card', measure: 'unseen', dimension: 'fingerprint', windowSeconds: 2_592_000, points: 5 }),
    factorOf({ name: 'a-new-device', measure: 'unseen', dimension: 'device', windowSeconds: 2_592_000, points: 5 }),
  ],
  challengeFrom: 0,
  reviewFrom: 0,
  blockFrom: 0,
  setAtMs: 0,
};

function factorOf(given: Pick<RiskFactor, 'name'> & Partial<RiskFactor>): RiskFactor {
  return {
    measure: 'count',
    dimension: 'address',
    counted: 'attempts',
    distinct: 'customer',
    windowSeconds: 86_400,
    above: '2',
    currency: '',
    points: 15,
    pointsMax: 45,
    ...given,
  };
}

/** What the factor measures, in words that two versions of a scoring share. */
export function keyOf(factor: RiskFactor): string {
  const { measure, dimension, counted, distinct, windowSeconds, currency } = factor;
  switch (measure) {
    case 'count':
      return `count ${counted} ${dimension} ${windowSeconds}`;
    case 'distinct':
      return `distinct ${distinct} ${dimension} ${windowSeconds}`;
    case 'unseen':
      return `unseen ${dimension} ${windowSeconds}`;
    case 'amount':
      return `amount ${currency}`;
    case 'above_usual':
      return 'above_usual';
  }
}

/** The measures by `keyOf`; a factor whose measure is not known adds nothing. */
export function scoreOf(scoring: RiskScoring, measured: ReadonlyMap<string, bigint>): Scored {
  const contributions = scoring.factors.flatMap((factor): Contribution[] => {
    const key = keyOf(factor);
    const value = measured.get(key);
    if (value === undefined) return [];
    return [{ factor: factor.name, key, measured: value.toString(), points: pointsOf(factor, value) }];
  });
  const sum = contributions.reduce((total, { points }) => total + points, 0);
  const score = Math.max(0, Math.min(scoreMax, sum));
  return { score, contributions, outcome: outcomeOf(scoring, score) };
}

function pointsOf({ measure, above, points, pointsMax }: RiskFactor, value: bigint): number {
  const most = pointsMax === 0 ? scoreMax : pointsMax;
  const over = measure === 'unseen' ? value : value - BigInt(above);
  if (over <= 0n) return 0;
  const each = measure === 'count' || measure === 'distinct' ? Number(over < 1_000n ? over : 1_000n) : 1;
  return Math.sign(points) * Math.min(most, Math.abs(points) * each);
}

/** The gravest outcome whose score is reached. */
export function outcomeOf(scoring: Pick<RiskScoring, 'challengeFrom' | 'reviewFrom' | 'blockFrom'>, score: number) {
  const { challengeFrom, reviewFrom, blockFrom } = scoring;
  const reached = (from: number) => from > 0 && score >= from;
  if (reached(blockFrom)) return 'block';
  if (reached(reviewFrom)) return 'review';
  return reached(challengeFrom) ? 'challenge' : 'allow';
}

/** The middle of the amounts; undefined where there are too few. */
export function usualOf(amountsMinor: readonly bigint[]): bigint | undefined {
  if (amountsMinor.length < usualMin) return undefined;
  const sorted = amountsMinor.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
