import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimalText, formatMoney, parseAmount, subtract } from './money.ts';

describe('money', () => {
  test.each([
    ['INR', '49900', '₹499.00'],
    ['INR', '1234567890', '₹1,23,45,678.90'],
    ['USD', '1900', '$19.00'],
    ['JPY', '1900', '¥1,900'],
    ['KWD', '1500', 'KWD 1.500'],
    ['INR', '-5', '-₹0.05'],
    ['INR', '0', '₹0.00'],
  ])('%s %s reads %s', (currency, amountMinor, expected) => {
    expect(formatMoney({ currency, amountMinor }).replaceAll('\u00a0', ' ')).toBe(expected);
  });

  test('every digit of amounts beyond what a float holds is shown', () => {
    expect(formatMoney({ currency: 'INR', amountMinor: '9007199254740993001' })).toBe('₹90,07,19,92,54,74,09,930.01');
  });

  test('what is written can be read back', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 13n), fc.constantFrom('INR', 'JPY', 'KWD'), (amount, currency) => {
        expect(parseAmount(decimalText(amount, currency), currency)).toBe(amount);
      }),
    );
  });

  test.each(['', 'abc', '1.234', '-1', '1e3', '1.2.3', '٣'])('%j is no amount of rupees', (text) => {
    expect(parseAmount(text, 'INR')).toBeUndefined();
  });

  test('what is left is the difference', () => {
    expect(subtract({ currency: 'INR', amountMinor: '49900' }, { currency: 'INR', amountMinor: '100' })).toEqual({
      currency: 'INR',
      amountMinor: '49800',
    });
  });
});
