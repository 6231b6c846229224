import { describe, expect, it } from 'vitest';
import type { WithholdingTerms } from '../api/types.ts';
import { changedFrom, differences, endedOn, parsePercent, percentText, soonestChange } from './withholding-draft.ts';

const tds: WithholdingTerms = {
  ...{ id: '393', kind: 'tds', currency: 'INR', ratePpm: 1_000, ratePpmWithoutPan: 50_000, base: 'gross' },
  ...{ period: 'financial_year', thresholdMinor: '50000000', validFrom: '2026-04-01', validUntil: '' },
  ...{ source: 's. 393', counter: '' },
};
const change = {
  ...{ ratePpm: 2_000, ratePpmWithoutPan: 200_000, thresholdMinor: '0', validFrom: '2026-12-01', source: 'Act 2026' },
};

describe('a percentage', () => {
  it.each([
    ['0.1', 1_000],
    ['5', 50_000],
    ['100', 1_000_000],
    ['0.0001', 1],
    ['12.34', 123_400],
  ])('%s is %i parts of a million, and back', (text, ppm) => {
    expect(parsePercent(text)).toBe(ppm);
    expect(percentText(ppm)).toBe(text);
  });

  it.each(['', '.5', '100.1', '-1', '1,5', '0.00001', '1e1'])('%s is none', (text) => {
    expect(parsePercent(text)).toBeUndefined();
  });
});

describe('another rate from a day on', () => {
  it('ends the rule the day before, and goes on in its count', () => {
    const { rules, index } = changedFrom([tds], tds, change);
    expect(rules).toEqual([
      { ...tds, validUntil: '2026-11-30' },
      { ...tds, ...change, id: 'tds-2026-12-01', counter: '393' },
    ]);
    expect(index).toBe(1);
    const third = changedFrom(rules, rules[1] ?? tds, { ...change, validFrom: '2027-04-01' });
    expect(third.rules.map(({ id, validUntil, counter }) => [id, validUntil, counter])).toEqual([
      ['393', '2026-11-30', ''],
      ['tds-2026-12-01', '2027-03-31', '393'],
      ['tds-2027-04-01', '', '393'],
    ]);
  });

  it('is the rule itself on its own first day', () => {
    expect(changedFrom([tds], tds, { ...change, validFrom: tds.validFrom })).toEqual({
      rules: [{ ...tds, ...change, validFrom: tds.validFrom }],
      index: 0,
    });
  });

  it('begins after what is settled, and with a rule that has not begun on its first day', () => {
    expect(soonestChange(tds, '2026-11-30')).toBe('2026-12-01');
    expect(soonestChange(tds, '2026-03-01')).toBe('2026-04-01');
    expect(soonestChange(tds, '')).toBe('2026-04-01');
  });

  it('takes no id that is there already', () => {
    const other = { ...tds, id: 'tds-2026-12-01', kind: 'tcs' };
    expect(changedFrom([tds, other], tds, change).rules.at(-1)?.id).toBe('tds-2026-12-01-2');
  });
});

describe('what a version changes', () => {
  it('is nothing when it is the same', () => {
    expect(differences([tds], [tds])).toEqual([]);
  });

  it('is said for each rule', () => {
    const { rules } = changedFrom([tds], tds, change);
    expect(differences([tds], rules)).toEqual([
      'TDS (s. 393) ends on 2026-11-30.',
      'TDS (Act 2026): 0.2\u00a0%, 20\u00a0% without a PAN, from the first rupee, from 2026-12-01 on.',
    ]);
    expect(differences(rules, endedOn(rules, rules[1] ?? tds, '2027-03-31').rules)).toEqual([
      'TDS (Act 2026) ends on 2027-03-31.',
    ]);
    expect(differences([tds], [])).toEqual(['TDS (s. 393) from 2026-04-01 on is taken out.']);
    expect(differences([tds], [{ ...tds, ratePpm: 5_000 }])).toEqual([
      'TDS (s. 393) from 2026-04-01: 0.5\u00a0%, 5\u00a0% without a PAN, above ₹5,00,000.00 in a financial year.',
    ]);
  });
});
