import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakOf, type ExpectationToMatch, type LineToMatch, match } from './match.ts';
import { type Rule, ruleFault } from './rule.ts';

const rule = (given: Partial<Rule> = {}): Rule => ({
  ...{ id: 'a', priority: 10, side: 'provider', shape: 'one_to_one', reference: 'equals', amountToleranceMinor: 0n },
  ...{ amountToleranceBps: 0, daysApartMax: 5, groupMax: given.shape === undefined ? 1 : 10, enabled: true },
  ...given,
});
const line = (id: string, amountMinor: bigint, given: Partial<LineToMatch> = {}): LineToMatch => ({
  ...{ id, kind: 'payment', currency: 'INR', amountMinor, feeMinor: 0n, day: 100, keys: [`k${id}`], text: '' },
  ...given,
});
const expected = (id: string, amountMinor: bigint, given: Partial<ExpectationToMatch> = {}): ExpectationToMatch => ({
  ...{ id, kind: 'payment', currency: 'INR', amountMinor, feeMinor: undefined, day: 100, keys: [`k${id}`] },
  ...given,
});
const ids = (lines: readonly LineToMatch[], expectations: readonly ExpectationToMatch[], rules: readonly Rule[]) =>
  match(lines, expectations, rules).matches.map((each) => [
    each.ruleId,
    each.lines.map(({ id }) => id).join('+'),
    each.expectations.map(({ id }) => id).join('+'),
  ]);

describe('S3: 1:1', () => {
  it('needs the same currency, direction, kind, reference, amount, and days that are near', () => {
    const same = expected('1', 100n);
    expect(ids([line('1', 100n)], [same], [rule()])).toEqual([['a', '1', '1']]);
    for (const other of [
      line('1', 99n),
      line('1', -100n),
      line('1', 100n, { currency: 'USD' }),
      line('1', 100n, { kind: 'refund' }),
      line('1', 100n, { keys: ['other'] }),
      line('1', 100n, { day: 106 }),
    ])
      expect(ids([other], [same], [rule()])).toEqual([]);
  });

  it('holds what the provider kept against what it said it would', () => {
    expect(ids([line('1', 100n, { feeMinor: 3n })], [expected('1', 100n, { feeMinor: 3n })], [rule()])).toHaveLength(1);
    expect(ids([line('1', 100n, { feeMinor: 4n })], [expected('1', 100n, { feeMinor: 3n })], [rule()])).toEqual([]);
  });

  it('tolerates what its rule tolerates, by amount or share, and not a unit more', () => {
    const byAmount = [rule({ amountToleranceMinor: 5n })];
    expect(match([line('1', 95n)], [expected('1', 100n)], byAmount).matches[0]?.differenceMinor).toBe(-5n);
    expect(ids([line('1', 94n)], [expected('1', 100n)], byAmount)).toEqual([]);
    const byShare = [rule({ amountToleranceBps: 100 })];
    expect(ids([line('1', 10_100n)], [expected('1', 10_000n)], byShare)).toHaveLength(1);
    expect(ids([line('1', 10_101n)], [expected('1', 10_000n)], byShare)).toEqual([]);
  });

  it('finds a reference inside a text, when it is long enough to be no chance', () => {
    const named = [rule({ reference: 'contains' })];
    const text = { keys: [], text: 'settlementsimutronesimulated' };
    expect(ids([line('1', 100n, text)], [expected('1', 100n, { keys: ['simutrone'] })], named)).toHaveLength(1);
    expect(ids([line('1', 100n, text)], [expected('1', 100n, { keys: ['sim'] })], named)).toEqual([]);
  });

  it('takes the nearest of several: amount, then day, then id', () => {
    const keys = ['k'];
    const loose = [rule({ amountToleranceMinor: 10n })];
    const near = [expected('c', 100n, { keys }), expected('b', 100n, { keys }), expected('a', 99n, { keys })];
    expect(ids([line('1', 100n, { keys })], near, loose)).toEqual([['a', '1', 'b']]);
    expect(
      ids([line('1', 100n, { keys })], [expected('b', 100n, { keys, day: 99 }), expected('c', 100n, { keys })], loose),
    ).toEqual([['a', '1', 'c']]);
  });

  it('does not take one refund of a payment for another', () => {
    const refund = { kind: 'refund' };
    const other = line('1', -5n, { ...refund, keys: ['ref_2', 'pay_1'] });
    expect(ids([other], [expected('1', -5n, { ...refund, keys: ['ref_1', 'pay_1'] })], [rule()])).toEqual([]);
  });
});

describe('S3: 1:N, N:1, N:M', () => {
  it('joins one line with several expectations, all or a subset that sums up', () => {
    const keys = ['k'];
    const joined = [rule({ shape: 'one_to_many' })];
    const three = [expected('a', 10n, { keys }), expected('b', 20n, { keys }), expected('c', 30n, { keys })];
    expect(ids([line('1', 60n, { keys })], three, joined)).toEqual([['a', '1', 'a+b+c']]);
    expect(ids([line('1', 50n, { keys })], three, joined)).toEqual([['a', '1', 'b+c']]);
    expect(ids([line('1', 55n, { keys })], three, joined)).toEqual([]);
  });

  it('joins parts of one expectation, and whole groups', () => {
    const keys = ['k'];
    const lines = [line('1', 40n, { keys }), line('2', 60n, { keys })];
    expect(ids(lines, [expected('a', 100n, { keys })], [rule({ shape: 'many_to_one' })])).toEqual([['a', '1+2', 'a']]);
    const groups = [expected('a', 70n, { keys }), expected('b', 30n, { keys })];
    expect(ids(lines, groups, [rule({ shape: 'many_to_many' })])).toEqual([['a', '1+2', 'a+b']]);
  });

  it('gives up a search that would not end', () => {
    const keys = ['k'];
    const many = Array.from({ length: 40 }, (_, index) => expected(`e${index}`, 2n * BigInt(index + 1), { keys }));
    const began = performance.now();
    expect(ids([line('1', 99n, { keys })], many, [rule({ shape: 'one_to_many', groupMax: 50 })])).toEqual([]);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

it('tries rules by priority, then id; a rule that is off not at all', () => {
  const rules = [
    rule({ id: 'z', priority: 1 }),
    rule({ id: 'b', priority: 5 }),
    rule({ id: 'off', priority: 0, enabled: false }),
  ];
  expect(ids([line('1', 1n)], [expected('1', 1n)], rules)).toEqual([['z', '1', '1']]);
});

it('refuses a rule that joins lines by no equal reference, or without a bound', () => {
  expect(ruleFault(rule({ shape: 'many_to_one', reference: 'any' }))?.field).toBe('reference');
  expect(ruleFault(rule({ shape: 'one_to_many', groupMax: 51 }))?.field).toBe('groupMax');
  expect(ruleFault(rule({ id: 'A rule' }))?.field).toBe('id');
  expect(ruleFault(rule())).toBeUndefined();
});

describe('ties do not follow the order of rows', () => {
  const keys = fc.array(fc.constantFrom('x', 'y', 'zzzzzzz'), { maxLength: 2 });
  const amount = fc.bigInt(-3n, 3n).filter((minor) => minor !== 0n);
  const item = fc.record({ amount, keys, day: fc.integer({ min: 98, max: 101 }) });
  const shape = fc.constantFrom(
    'one_to_one' as const,
    'one_to_many' as const,
    'many_to_one' as const,
    'many_to_many' as const,
  );
  const rules = fc.array(fc.tuple(shape, fc.bigInt(0n, 1n)), { minLength: 1, maxLength: 3 });

  it('any order of lines, expectations and rules gives the same matches; nothing is matched twice or lost', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 8 }),
        fc.array(item, { maxLength: 8 }),
        rules,
        fc.infiniteStream(fc.nat()),
        (lines, expectations, given, order) => {
          const ours = lines.map((each, index) => line(`l${index}`, each.amount, each));
          const theirs = expectations.map((each, index) => expected(`e${index}`, each.amount, each));
          const tried = given.map(([shape_, tolerance], index) =>
            rule({ id: `r${index}`, shape: shape_, amountToleranceMinor: tolerance, groupMax: 5 }),
          );
          const shuffled = <T>(items: readonly T[]) =>
            items
              .map((each) => ({ each, at: order.next().value ?? 0 }))
              .sort((a, b) => a.at - b.at)
              .map(({ each }) => each);
          const found = match(ours, theirs, tried);
          expect(ids(shuffled(ours), shuffled(theirs), shuffled(tried))).toEqual(ids(ours, theirs, tried));
          const placed = [...found.matches.flatMap((each) => each.lines), ...found.lines].map(({ id }) => id);
          expect(placed.toSorted()).toEqual(ours.map(({ id }) => id).toSorted());
          for (const each of found.matches) expect(each.differenceMinor < 6n && each.differenceMinor > -6n).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});

it('S5: types what nothing matches', () => {
  const theirs = [expected('1', 100n, { feeMinor: 2n })];
  expect(breakOf(line('9', 100n), theirs).type).toBe('missing_here');
  expect(breakOf(line('1', 90n), theirs)).toMatchObject({ type: 'amount', expectation: { id: '1' } });
  expect(breakOf(line('1', 100n, { currency: 'USD' }), theirs).type).toBe('currency');
  expect(breakOf(line('1', 100n, { feeMinor: 3n }), theirs).type).toBe('fee');
  expect(breakOf(line('1', 100n, { feeMinor: 2n, day: 300 }), theirs).type).toBe('late');
  expect(breakOf(line('9', -5n, { kind: 'fee' }), theirs).type).toBe('fee');
});
