import { describe, expect, it } from 'vitest';
import type { RiskFactor } from '../api/types.ts';
import { type FactorChoice, factorWords, pointsWords, readDraft, readFactor, triedWords } from './risk-scoring.ts';

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

describe('a new factor', () => {
  const choice: FactorChoice = {
    ...{ measure: 'count', dimension: 'device', distinct: 'fingerprint', counted: 'attempts', unit: 'hours' },
  };
  const typed = { name: 'tries-of-a-device', window: '6', above: '4', points: '5', pointsMax: '20', currency: 'inr' };

  it('is read with what its measure needs and nothing else', () => {
    const points = { points: 5, pointsMax: 20 };
    expect(readFactor(choice, typed, [factor])).toEqual({
      factor: {
        ...{ name: 'tries-of-a-device', measure: 'count', dimension: 'device', counted: 'attempts' },
        ...{ windowSeconds: 21_600, above: '4', currency: '', ...points },
      },
      problems: {},
    });
    expect(readFactor({ ...choice, measure: 'distinct' }, typed, []).factor).toMatchObject({
      ...{ measure: 'distinct', dimension: 'device', distinct: 'fingerprint', windowSeconds: 21_600, ...points },
    });
    expect(readFactor({ ...choice, measure: 'unseen', unit: 'days' }, { ...typed, points: '−5' }, []).factor).toEqual({
      ...{ name: 'tries-of-a-device', measure: 'unseen', dimension: 'device', windowSeconds: 6 * 86_400 },
      ...{ above: '0', currency: '', points: -5, pointsMax: 0 },
    });
    expect(readFactor({ ...choice, measure: 'amount' }, { ...typed, above: '9,999.50' }, []).factor).toEqual({
      ...{ name: 'tries-of-a-device', measure: 'amount', windowSeconds: 0, above: '999950', currency: 'INR' },
      ...{ points: 5, pointsMax: 0 },
    });
    expect(readFactor({ ...choice, measure: 'above_usual' }, { ...typed, above: '300' }, []).factor).toEqual({
      ...{ name: 'tries-of-a-device', measure: 'above_usual', windowSeconds: 0, above: '300', currency: '' },
      ...{ points: 5, pointsMax: 0 },
    });
  });

  it.each([
    ['name', { name: 'Tries of a device' }, {}],
    ['name', { name: 'failures' }, {}],
    ['window', { window: '721' }, {}],
    ['window', { window: '31' }, { unit: 'days' }],
    ['window', { window: '0' }, {}],
    ['above', { above: '1.5' }, {}],
    ['above', { above: 'much' }, { measure: 'amount' }],
    ['currency', { currency: 'rupees' }, { measure: 'amount' }],
    ['points', { points: '0' }, {}],
    ['points', { points: '-101' }, {}],
    ['pointsMax', { pointsMax: '101' }, {}],
    ['distinct', {}, { measure: 'distinct', distinct: 'device' }],
    ['measure', { window: '1' }, { dimension: 'customer', counted: 'failures' }],
  ] as const)('names the field %s when it is wrong: %j %j', (field, values, chosen) => {
    const { problems } = readFactor({ ...choice, ...chosen }, { ...typed, ...values }, [factor]);
    expect(Object.keys(problems)).toEqual([field]);
  });
});
