/** Whether a payment is let through: velocity rules, a blocklist and a score. Pure; the counts are given. */
import type { Contribution, Scored } from './risk-score.ts';

export type Dimension = 'customer' | 'fingerprint' | 'address' | 'device';
export type RiskOutcome = 'allow' | 'challenge' | 'review' | 'block';

export const dimensions: readonly Dimension[] = ['customer', 'fingerprint', 'address', 'device'];

export interface RiskRule {
  readonly name: string;
  readonly enabled: boolean;
  readonly dimension: Dimension;
  readonly counted: 'attempts' | 'failures';
  /** More than this many within the window has the outcome. */
  readonly countMax: number;
  readonly windowSeconds: number;
  readonly amountAtLeastMinor: bigint;
  readonly outcome: Exclude<RiskOutcome, 'allow'>;
}

export interface RiskBlock {
  readonly id: string;
  readonly dimension: Dimension;
  readonly valueHash: string;
  readonly reason: string;
  readonly createdAtMs: number;
  readonly untilMs?: number | undefined;
}

export interface Finding {
  /** A rule's name, `blocklist` or `score`. */
  readonly rule: string;
  /** Not of the score, which is of all of them. */
  readonly dimension?: Dimension | undefined;
  /** Of the score: the score. */
  readonly count: number;
  readonly outcome: RiskOutcome;
}

/** What a payment was judged to be, and of what that was made. */
export interface Judgement {
  readonly outcome: RiskOutcome;
  readonly findings: readonly Finding[];
  readonly score: number;
  readonly scoringVersion: number;
  readonly contributions: readonly Contribution[];
}

export interface RiskDecision extends Judgement {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  readonly atMs: number;
}

/** What is known of who pays, as keyed hashes; a dimension that is not known is left out and no rule applies to it. */
export type Signals = Readonly<Partial<Record<Dimension, string>>>;

const severity: Readonly<Record<RiskOutcome, number>> = { allow: 0, challenge: 1, review: 2, block: 3 };

/** Rules that look at this payment: known dimension, amount high enough. */
export function applicable(rules: readonly RiskRule[], signals: Signals, amountMinor: bigint): RiskRule[] {
  return rules.filter(
    (rule) => rule.enabled && signals[rule.dimension] !== undefined && amountMinor >= rule.amountAtLeastMinor,
  );
}

/** The gravest of what was found decides. `counted` has the count before this payment for each applicable rule. */
export function decideRisk(
  blocks: readonly Pick<RiskBlock, 'dimension'>[],
  counted: readonly { readonly rule: RiskRule; readonly count: number }[],
  { score, outcome: scored }: Pick<Scored, 'score' | 'outcome'>,
): Pick<Judgement, 'outcome' | 'findings'> {
  const findings: Finding[] = [
    ...blocks.map(({ dimension }) => ({ rule: 'blocklist', dimension, count: 1, outcome: 'block' as const })),
    ...counted
      .filter(({ rule, count }) => (rule.counted === 'attempts' ? count + 1 : count) > rule.countMax)
      .map(({ rule, count }) => ({ rule: rule.name, dimension: rule.dimension, count, outcome: rule.outcome })),
    ...(scored === 'allow' ? [] : [{ rule: 'score', count: score, outcome: scored }]),
  ];
  return { outcome: gravest(findings.map(({ outcome }) => outcome)), findings };
}

/** `allow` of none. */
export function gravest(outcomes: readonly RiskOutcome[]): RiskOutcome {
  return outcomes.reduce<RiskOutcome>((most, each) => (severity[each] > severity[most] ? each : most), 'allow');
}
