/** S8: which rates of tax finance may ask for, and which would change what is settled. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstRules, openEnd, type WithholdingRule, withhold } from './withholding.ts';
import { faultsOfPast, faultsTogether, readTerms, termsOf, type WithholdingTerms } from './withholding-rules.ts';

const [old, tds, tcs] = firstRules as [WithholdingRule, WithholdingRule, WithholdingRule];
const good = termsOf(tds);
const fieldsOf = (errors: readonly { readonly field: string }[]) => errors.map(({ field }) => field);

describe('the terms of a rule', () => {
  it('read as what they were written from', () => {
    for (const rule of firstRules) expect(readTerms(termsOf(rule), 'rules[0]')).toEqual(rule);
  });

  it.each<[Partial<WithholdingTerms>, string]>([
    [{ id: 'With Space' }, 'id'],
    [{ kind: 'vat' }, 'kind'],
    [{ currency: 'USD' }, 'currency'],
    [{ ratePpm: -1 }, 'ratePpm'],
    [{ ratePpm: 1_000_001 }, 'ratePpm'],
    [{ ratePpmWithoutPan: 1_000_001 }, 'ratePpmWithoutPan'],
    [{ base: 'net' }, 'base'],
    [{ period: 'year' }, 'period'],
    [{ thresholdMinor: -1n }, 'thresholdMinor'],
    [{ thresholdMinor: 10n ** 18n }, 'thresholdMinor'],
    [{ validFrom: '2026-02-30' }, 'validFrom'],
    [{ validFrom: 'tomorrow' }, 'validFrom'],
    [{ validUntil: '2026-03-31' }, 'validUntil'],
    [{ validUntil: '31-03-2027' }, 'validUntil'],
    [{ source: '  ' }, 'source'],
    [{ counter: 'No!' }, 'counter'],
  ])('with %o are refused, and the field is named', (given, field) => {
    expect(readTerms({ ...good, ...given }, 'rules[3]')).toMatchObject([{ field: `rules[3].${field}` }]);
  });
});

describe('rules among each other', () => {
  const ended = { ...tds, until: '2026-11-30' };
  const next = { ...tds, id: 'next', from: '2026-12-01', counter: tds.id };

  it('may follow one another in one counter', () => {
    expect(faultsTogether([ended, next, tcs])).toEqual([]);
  });

  it.each<[string, readonly WithholdingRule[], string]>([
    ['one id twice', [ended, { ...next, id: ended.id, counter: 'x' }], 'rules[1].id'],
    ['a day that is in two of a kind', [tds, next], 'rules[1].validFrom'],
    ['a counter of another kind', [tcs, { ...next, counter: tcs.id }], 'rules[1].counter'],
    ['a counter of another period', [ended, { ...next, period: 'month' }], 'rules[1].counter'],
    ['a counter that counts elsewhere', [{ ...ended, counter: 'x' }, next], 'rules[1].counter'],
  ])('are refused for %s', (_, rules, field) => {
    expect(fieldsOf(faultsTogether(rules))).toContain(field);
  });
});

describe('what is settled up to 2026-11-22', () => {
  const until = '2026-11-22';
  const next = { ...tds, id: 'next', from: '2026-12-01', counter: tds.id };

  it('lets a rule end, another begin after it, and what has not begun change', () => {
    expect(faultsOfPast(firstRules, [old, { ...tds, until: '2026-11-30' }, next, tcs], until)).toEqual([]);
    expect(faultsOfPast([...firstRules, next], [...firstRules, { ...next, ratePpm: 7 }], until)).toEqual([]);
    expect(faultsOfPast([...firstRules, next], firstRules, until)).toEqual([]);
    expect(faultsOfPast(firstRules, [{ ...tds, ratePpm: 5 }], '')).toEqual([]);
  });

  it.each<[string, readonly WithholdingRule[], string]>([
    ['lets no rule go that was in force', [tds, tcs], 'rules'],
    ['lets no rate change', [old, { ...tds, ratePpm: 2_000 }, tcs], 'rules[1].ratePpm'],
    ['lets no source change', [old, { ...tds, source: 'another' }, tcs], 'rules[1].source'],
    ['lets no rule end before it', [old, { ...tds, until: '2026-11-21' }, tcs], 'rules[1].validUntil'],
    ['lets no rule that has ended go on', [{ ...old, until: openEnd }, tds, tcs], 'rules[0].validUntil'],
    ['lets no rule begin by then', [...firstRules, { ...next, from: until }], 'rules[3].validFrom'],
  ])('%s', (_, rules, field) => {
    expect(fieldsOf(faultsOfPast(firstRules, rules, until))).toEqual([field]);
  });

  it('is withheld on the same by any rules that may follow', () => {
    const day = fc
      .integer({ min: 0, max: 60 })
      .map((n) => new Date(Date.UTC(2026, 9, 24 + n)).toISOString().slice(0, 10));
    const rate = fc.integer({ min: 0, max: 50_000 });
    const asked = fc.record({ end: day, begin: day, rate, drop: fc.boolean(), counts: fc.boolean() });
    const sale = fc.record({ day, gross: fc.bigInt({ min: 1n, max: 90_000_000n }) });
    let allowed = 0;
    fc.assert(
      fc.property(asked, fc.array(sale, { maxLength: 10 }), ({ end, begin, rate: ratePpm, drop, counts }, sales) => {
        const { counter: _, ...alone } = { ...next, from: begin, ratePpm };
        const rules = [
          ...(drop ? [] : [old]),
          { ...tds, until: end },
          counts ? { ...alone, counter: tds.id } : alone,
          tcs,
        ];
        if (faultsTogether(rules).length + faultsOfPast(firstRules, rules, until).length > 0) return;
        allowed += 1;
        const lines = sales
          .filter((each) => each.day <= until)
          .map((each) => ({ atMs: Date.parse(`${each.day}T08:00:00Z`), grossMinor: each.gross, taxMinor: 0n }));
        const who = {
          currency: 'INR',
          profile: { hasPan: true, entity: 'individual', resident: true, hasGstin: true } as const,
        };
        expect(withhold(rules, who, lines, new Map()).soFar).toEqual(withhold(firstRules, who, lines, new Map()).soFar);
      }),
      { numRuns: 500 },
    );
    expect(allowed).toBeGreaterThan(20);
  });
});
