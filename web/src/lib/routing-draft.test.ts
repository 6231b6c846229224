import { describe, expect, test } from 'vitest';
import type { RouteRule, RoutingRules } from '../api/types.ts';
import { draftOf, isChanged, raised, readNumber, ruleProblems, ruleThen, ruleWhen, withRule } from './routing-draft.ts';

const rule = (change: Partial<RouteRule> = {}): RouteRule => ({
  name: 'cards',
  currency: '',
  amountAtLeastMinor: '0',
  amountBelowMinor: '0',
  strategy: 'fixed',
  shares: [{ provider: 'sandbox', percent: 0 }],
  ...change,
});

const inForce: RoutingRules = {
  version: 3,
  rules: [rule()],
  fallback: ['sandbox'],
  triesMax: 2,
  explorationPercent: 5,
  eliminationBelowPercent: 20,
  setAt: '2026-01-01T00:00:00Z',
};

test('a draft is changed only when something in it is', () => {
  const draft = draftOf(inForce);
  expect(isChanged(draft, inForce)).toBe(false);
  expect(isChanged(withRule(draft, rule({ name: 'upi' }), undefined), inForce)).toBe(true);
  expect(isChanged(withRule(draft, rule(), 0), inForce)).toBe(false);
});

test('an item goes a place nearer to the front, and the first stays', () => {
  expect(raised(['a', 'b', 'c'], 2)).toEqual(['a', 'c', 'b']);
  expect(raised(['a', 'b'], 0)).toEqual(['a', 'b']);
  expect(raised(['a', 'b'], 5)).toEqual(['a', 'b']);
});

describe('what is wrong with a rule', () => {
  const problems = (change: Partial<RouteRule>) => Object.keys(ruleProblems(rule(change), []));
  test('nothing, with a name and a provider', () => {
    expect(problems({})).toEqual([]);
  });
  test('its name, when there is none or another has it', () => {
    expect(problems({ name: '' })).toEqual(['name']);
    expect(ruleProblems(rule(), [rule()])).toHaveProperty('name');
  });
  test('an amount without a currency, and ends the wrong way round', () => {
    expect(problems({ amountAtLeastMinor: '100' })).toEqual(['currency']);
    expect(problems({ currency: 'inr' })).toEqual(['currency']);
    expect(problems({ currency: 'INR', amountAtLeastMinor: '100', amountBelowMinor: '100' })).toEqual(['below']);
    expect(problems({ currency: 'INR', amountAtLeastMinor: '99', amountBelowMinor: '100' })).toEqual([]);
  });
  test('shares that are not the whole', () => {
    const split = (...percents: number[]) => ({
      strategy: 'split' as const,
      shares: percents.map((percent, at) => ({ provider: `p${at}`, percent })),
    });
    expect(problems(split(60, 39))).toEqual(['shares']);
    expect(problems(split(60, 40))).toEqual([]);
    expect(problems({ shares: [] })).toEqual(['shares']);
  });
});

test('a number is taken within its range alone', () => {
  expect(readNumber('triesMax', ' 5 ')).toBe(5);
  expect(readNumber('explorationPercent', '0')).toBe(0);
  for (const text of ['', '0', '6', '1.5', '-1', 'two', undefined])
    expect(readNumber('triesMax', text), String(text)).toBeUndefined();
});

test('a rule reads as a sentence', () => {
  expect(ruleWhen(rule())).toBe('Every payment');
  const some = rule({ method: 'upi', currency: 'INR', amountAtLeastMinor: '50000', amountBelowMinor: '100000' });
  expect(ruleWhen(some)).toBe('UPI, INR, from ₹500.00, below ₹1,000.00');
  const shares = [
    { provider: 'a', percent: 70 },
    { provider: 'b', percent: 30 },
  ];
  expect(ruleThen(rule({ shares }), (name) => name.toUpperCase())).toBe('A, then B');
  expect(ruleThen(rule({ shares, strategy: 'split' }), (name) => name)).toBe('a 70 %, b 30 %');
});
