import { expect, test } from 'vitest';
import { limitText, readLimits } from './account-limits.ts';

test('an empty field is no limit, and a signed amount is one', () => {
  expect(readLimits('', ' ', 'INR')).toEqual({ limits: {} });
  expect(readLimits('-1,500.50', '', 'INR')).toEqual({ limits: { balanceMinMinor: '-150050' } });
  expect(readLimits('−1', '0', 'JPY')).toEqual({ limits: { balanceMinMinor: '-1', balanceMaxMinor: '0' } });
});

test('what is no amount is said at its own field', () => {
  expect(readLimits('much', '10', 'INR')).toEqual({ wrong: { min: 'Give an amount in INR, or nothing.' } });
  expect(readLimits('', '1.5', 'JPY')).toEqual({ wrong: { max: 'Give an amount in JPY, or nothing.' } });
  expect(readLimits('--1', '', 'INR')).toHaveProperty('wrong.min');
});

test('the lower limit is not above the upper one', () => {
  expect(readLimits('10', '9.99', 'INR')).toEqual({ wrong: { max: 'It must be at least the lower limit.' } });
  expect(readLimits('10', '10', 'INR')).toHaveProperty('limits');
});

test('a limit is shown as it is typed', () => {
  expect(limitText('-150050', 'INR')).toBe('-1500.50');
  expect(limitText(undefined, 'INR')).toBe('');
});
