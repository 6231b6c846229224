import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  firstRules,
  type TaxedLine,
  type TaxProfileFacts,
  type WithheldSoFar,
  type WithholdingRule,
  withhold,
} from './withholding.ts';

const person: TaxProfileFacts = { hasPan: true, entity: 'individual', resident: true, hasGstin: false };
const company: TaxProfileFacts = { ...person, entity: 'company' };
const none: ReadonlyMap<string, WithheldSoFar> = new Map();
const line = (day: string, grossMinor: bigint, taxMinor = 0n): TaxedLine => ({
  atMs: Date.parse(`${day}T12:00:00Z`),
  grossMinor,
  taxMinor,
});
const total = (kind: 'tds' | 'tcs', profile: TaxProfileFacts, lines: readonly TaxedLine[], before = none) =>
  withhold(firstRules, { currency: 'INR', profile }, lines, before)
    .withholdings.filter(({ rule }) => rule.kind === kind)
    .reduce((sum, { amountMinor }) => sum + amountMinor, 0n);

describe('S8: tax deducted at source (s. 194-O)', () => {
  it.each([
    ['0.1 % of gross of a company', company, 1_000_000n, 1_000n],
    ['nothing of a person up to INR 500,000 a year', person, 50_000_000n, 0n],
    ['0.1 % of all of it once a person is above', person, 50_000_001n, 50_000n],
    ['5 % without a PAN, from the first rupee', { ...person, hasPan: false }, 1_000_000n, 50_000n],
    ['nothing of a non-resident', { ...company, resident: false }, 1_000_000n, 0n],
  ])('%s', (_, profile, gross, expected) => {
    expect(total('tds', profile, [line('2026-11-22', gross)])).toBe(expected);
  });

  it('counts the year from April in India', () => {
    const before = withhold(
      firstRules,
      { currency: 'INR', profile: person },
      [line('2026-03-31', 40_000_000n)],
      none,
    ).soFar;
    expect(total('tds', person, [line('2026-04-01', 40_000_000n)], before)).toBe(0n);
    // 20:00 UTC on 31 March is 1 April in India.
    const late = { ...line('2026-04-01', 40_000_000n), atMs: Date.parse('2026-03-31T20:00:00Z') };
    const first = withhold(firstRules, { currency: 'INR', profile: person }, [late], none).soFar;
    expect(total('tds', person, [line('2026-05-01', 10_000_001n)], first)).toBe(50_000n);
  });

  it('gives a refund back through the base of later settlements', () => {
    const before = withhold(
      firstRules,
      { currency: 'INR', profile: company },
      [line('2026-11-01', 1_000_000n)],
      none,
    ).soFar;
    const after = withhold(firstRules, { currency: 'INR', profile: company }, [line('2026-11-02', -400_000n)], before);
    expect(after.withholdings).toEqual([]);
    expect(total('tds', company, [line('2026-11-03', 500_000n)], after.soFar)).toBe(100n);
  });

  it('withholds nothing in another currency', () => {
    expect(
      withhold(firstRules, { currency: 'USD', profile: company }, [line('2026-11-22', 1_000_000n)], none).withholdings,
    ).toEqual([]);
  });
});

describe('S8: tax collected at source (s. 52 CGST)', () => {
  const registered = { ...company, hasGstin: true };
  it.each([
    ['0.5 % of the supply without its tax', registered, 1_180_000n, 180_000n, 5_000n],
    ['nothing of who is not registered', company, 1_180_000n, 180_000n, 0n],
  ])('%s', (_, profile, gross, tax, expected) => {
    expect(total('tcs', profile, [line('2026-11-22', gross, tax)])).toBe(expected);
  });

  it('nets what went back in the same month, and not in another', () => {
    const both = [line('2026-11-02', 1_000_000n), line('2026-11-20', -1_000_000n)];
    expect(total('tcs', registered, both)).toBe(0n);
    expect(total('tcs', registered, [line('2026-11-02', 1_000_000n), line('2026-12-02', -1_000_000n)])).toBe(5_000n);
  });
});

describe('a rate that changes in the middle of a year', () => {
  const [before] = firstRules.filter(({ id }) => id === '393-1-8v-2026-04') as [WithholdingRule];
  const ended = { ...before, until: '2026-11-30' };
  const dearer = { ...before, id: '393-2026-12', from: '2026-12-01', ratePpm: 2_000, counter: before.id };
  const rules = [dearer, ended];
  const taxed = (lines: readonly TaxedLine[], soFar = none) =>
    withhold(rules, { currency: 'INR', profile: person }, lines, soFar);

  it('taxes each day at its own rate', () => {
    const both = withhold(
      rules,
      { currency: 'INR', profile: company },
      [line('2026-11-30', 1_000_000n), line('2026-12-01', 1_000_000n)],
      none,
    );
    expect(both.withholdings.map(({ rule, amountMinor }) => [rule.id, amountMinor])).toEqual([
      ['393-1-8v-2026-04', 1_000n],
      ['393-2026-12', 2_000n],
    ]);
  });

  it('goes on with the count of the year, so its threshold is crossed once', () => {
    const first = taxed([line('2026-10-01', 40_000_000n)]);
    expect(first.withholdings).toEqual([]);
    const second = taxed([line('2026-12-05', 10_000_001n)], first.soFar);
    expect(second.withholdings.map(({ baseMinor, ratePpm }) => [baseMinor, ratePpm])).toEqual([[50_000_001n, 2_000]]);
    expect(taxed([line('2026-12-06', 1_000n)], second.soFar).withholdings.map(({ baseMinor }) => baseMinor)).toEqual([
      1_000n,
    ]);
  });

  it('counts anew without a common counter', () => {
    const { counter: _, ...alone } = dearer;
    const first = taxed([line('2026-10-01', 40_000_000n)]);
    const second = withhold(
      [ended, alone],
      { currency: 'INR', profile: person },
      [line('2026-12-05', 10_000_001n)],
      first.soFar,
    );
    expect(second.withholdings).toEqual([]);
  });
});

describe('withholding', () => {
  it('M25: however sales are cut into settlements, the same base is taxed, and rounding differs by at most one a cut', () => {
    const amounts = fc.array(fc.bigInt({ min: 1n, max: 9_999_999n }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(amounts, fc.nat(19), (grosses, cut) => {
        const lines = grosses.map((gross) => line('2026-11-22', gross));
        const whole = withhold(firstRules, { currency: 'INR', profile: company }, lines, none);
        const first = withhold(firstRules, { currency: 'INR', profile: company }, lines.slice(0, cut), none);
        const second = withhold(firstRules, { currency: 'INR', profile: company }, lines.slice(cut), first.soFar);
        expect(second.soFar).toEqual(whole.soFar);
        const sum = (made: typeof whole) => made.withholdings.reduce((all, each) => all + each.amountMinor, 0n);
        const difference = sum(first) + sum(second) - sum(whole);
        expect(difference >= -1n && difference <= 1n).toBe(true);
      }),
    );
  });
});
