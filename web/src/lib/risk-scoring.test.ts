import { describe, expect, it } from 'vitest';
import type { RiskFactor } from '../api/types.ts';
import { factorWords, pointsWords, readDraft, triedWords } from './risk-scoring.ts';

const factor: RiskFactor = {
  name: 'failures',
  measure: 'count',
  dimension: 'customer',
  counted: 'failures',
  distinct: 'fingerprint',
  windowSeconds: 3_600,
  above: '2',
  currency: '',
  points: 8,
  pointsMax: 45,
};
const values = { 'points.failures': '10', challengeFrom: '30', reviewFrom: '0', blockFrom: '90' };

describe('a factor', () => {
  it('says what it looks at and what it adds', () => {
    expect(factorWords(factor)).toMatch(/^More than 2 failures by one customer within /);
    expect(factorWords({ ...factor, measure: 'unseen', dimension: 'device' })).toMatch(/^A device not seen within /);
    expect(factorWords({ ...factor, measure: 'above_usual', above: '300' })).toContain('300 %');
    expect(pointsWords(factor)).toBe('+8 for each more, +45 at most');
    expect(pointsWords({ ...factor, measure: 'unseen', points: -5 })).toBe('−5');
  });
});

describe('a draft', () => {
  it('is read from the form', () => {
    expect(readDraft([factor], values)).toEqual({
      draft: { factors: [{ ...factor, points: 10 }], challengeFrom: 30, reviewFrom: 0, blockFrom: 90 },
      problems: {},
    });
    expect(readDraft([factor], { ...values, 'points.failures': '−5' }).draft.factors[0]?.points).toBe(-5);
  });

  it.each([
    ['points.failures', '101'],
    ['points.failures', '0'],
    ['points.failures', '1.5'],
    ['challengeFrom', ''],
    ['reviewFrom', '30'],
    ['blockFrom', '30'],
  ])('with %s of "%s" names the field', (name, text) => {
    expect(Object.keys(readDraft([factor], { ...values, [name]: text }).problems)).toEqual([name]);
  });

  it('says what it would have changed', () => {
    const none = { allow: 0, challenge: 0, review: 0, block: 0 };
    expect(triedWords({ decisions: 0, before: none, after: none, turnedAway: 0, unmeasured: [] })).toHaveLength(1);
    const tried = { decisions: 3, before: { ...none, allow: 3 }, after: { ...none, allow: 1, block: 2 } };
    const words = triedWords({ ...tried, turnedAway: 2, unmeasured: ['new'] });
    expect(words).toContain('Refused: 0 then, 2 with the draft.');
    expect(words).toContain('It would have held or refused 2 payments that succeeded.');
    expect(words.at(-1)).toBe('Not measured yet: new.');
  });
});
