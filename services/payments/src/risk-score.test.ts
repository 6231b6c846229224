import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  keyOf,
  outcomeOf,
  type RiskFactor,
  type RiskScoring,
  scoreMax,
  scoreOf,
  scoringAtFirst,
  usualOf,
} from './risk-score.ts';
import { replay } from './scorings.ts';

const base: RiskFactor = {
  name: 'f',
  measure: 'count',
  dimension: 'customer',
  counted: 'failures',
  distinct: 'fingerprint',
  windowSeconds: 60,
  above: '2',
  currency: '',
  points: 10,
  pointsMax: 25,
};
const scoringOf = (factors: readonly RiskFactor[], from: Partial<RiskScoring> = {}): RiskScoring => ({
  ...{ version: 1, factors, challengeFrom: 20, reviewFrom: 40, blockFrom: 60, setAtMs: 0 },
  ...from,
});
const pointsOf = (factor: RiskFactor, value: bigint) =>
  scoreOf(scoringOf([factor]), new Map([[keyOf(factor), value]])).contributions[0]?.points;

describe('P12: a factor', () => {
  it('adds its points for each one above, and no more than its most', () => {
    expect([0n, 2n, 3n, 4n, 5n, 1_000_000n].map((value) => pointsOf(base, value))).toEqual([0, 0, 10, 20, 25, 25]);
    expect(pointsOf({ ...base, pointsMax: 0 }, 1_000_000n)).toBe(scoreMax);
  });

  it('takes points away for what speaks for the payer', () => {
    expect([3n, 9n].map((value) => pointsOf({ ...base, points: -10 }, value))).toEqual([-10, -25]);
  });

  it('of an amount or what is unseen adds them once', () => {
    const amount: RiskFactor = { ...base, measure: 'amount', currency: 'INR', above: '9007199254740992' };
    expect([9_007_199_254_740_992n, 9_007_199_254_740_993n].map((value) => pointsOf(amount, value))).toEqual([0, 10]);
    expect([0n, 1n].map((value) => pointsOf({ ...base, measure: 'unseen', above: '5' }, value))).toEqual([0, 10]);
    const usual: RiskFactor = { ...base, measure: 'above_usual', above: '300' };
    expect([300n, 301n, 9_000n].map((value) => pointsOf(usual, value))).toEqual([0, 10, 10]);
  });

  it('whose measure is not known adds nothing and is not kept', () => {
    expect(scoreOf(scoringOf([base]), new Map())).toEqual({ score: 0, contributions: [], outcome: 'allow' });
  });
});

describe('P12: a score', () => {
  const factors = fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z]{1,8}$/),
      measure: fc.constantFrom<RiskFactor['measure']>('count', 'distinct', 'unseen', 'amount', 'above_usual'),
      points: fc.integer({ min: -100, max: 100 }).filter((points) => points !== 0),
      pointsMax: fc.nat(100),
      above: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
      windowSeconds: fc.integer({ min: 1, max: 100 }),
    }),
    { selector: ({ name }) => name, maxLength: 20 },
  );

  it('is from 0 to 100, is the sum of what is kept of its factors, and grows graver with it', () => {
    fc.assert(
      fc.property(factors, fc.array(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), { maxLength: 20 }), (some, values) => {
        const scoring = scoringOf(some.map((each) => ({ ...base, ...each })));
        const measured = new Map(scoring.factors.map((factor, index) => [keyOf(factor), values[index] ?? 0n]));
        const { score, contributions, outcome } = scoreOf(scoring, measured);
        const sum = contributions.reduce((total, { points }) => total + points, 0);
        expect(score).toBe(Math.max(0, Math.min(scoreMax, sum)));
        expect(contributions.every(({ points }) => Math.abs(points) <= scoreMax)).toBe(true);
        expect(outcome).toBe(score >= 60 ? 'block' : score >= 40 ? 'review' : score >= 20 ? 'challenge' : 'allow');
      }),
    );
  });

  it('has no outcome where none is set, as at first', () => {
    expect(outcomeOf({ challengeFrom: 0, reviewFrom: 0, blockFrom: 0 }, 100)).toBe('allow');
    expect(outcomeOf({ challengeFrom: 0, reviewFrom: 10, blockFrom: 0 }, 100)).toBe('review');
    const most = new Map(scoringAtFirst.factors.map((factor) => [keyOf(factor), 1_000n]));
    expect(scoreOf(scoringAtFirst, most)).toMatchObject({ score: 100, outcome: 'allow' });
  });

  it('knows a usual amount from three payments on', () => {
    expect(usualOf([1n, 5n])).toBeUndefined();
    expect([usualOf([9n, 1n, 5n]), usualOf([9n, 1n, 5n, 7n])]).toEqual([5n, 5n]);
  });
});

describe('P12: a draft', () => {
  it('is tried on what was measured, with the rules as they found it, and says whom it would turn away', () => {
    const judged = (measured: number, status: string, rule?: 'challenge') => ({
      outcome: rule ?? ('allow' as const),
      findings: rule === undefined ? [] : [{ rule: 'a-rule', dimension: 'customer' as const, count: 1, outcome: rule }],
      score: 0,
      scoringVersion: 0,
      contributions: [{ factor: 'once called so', key: keyOf(base), measured: String(measured), points: 0 }],
      status,
    });
    const unknown: RiskFactor = { ...base, name: 'unknown', windowSeconds: 61 };
    const draft = scoringOf([base, unknown], { challengeFrom: 10, reviewFrom: 20, blockFrom: 25 });
    const tried = replay(draft, [
      judged(2, 'succeeded'),
      judged(3, 'succeeded'),
      judged(2, 'failed', 'challenge'),
      judged(4, 'succeeded', 'challenge'),
      judged(9, 'failed'),
      judged(9, 'succeeded'),
    ]);
    expect(tried).toEqual({
      decisions: 6,
      before: { allow: 4, challenge: 2, review: 0, block: 0 },
      after: { allow: 1, challenge: 2, review: 1, block: 2 },
      turnedAway: 2,
      unmeasured: new Set(['unknown']),
    });
  });
});
