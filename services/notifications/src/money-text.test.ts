import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moneyText } from './money-text.ts';

describe('an amount', () => {
  it.each([
    ['INR', 49900n, '₹499.00'],
    ['INR', 10_000_000n, '₹1,00,000.00'],
    ['INR', 5n, '₹0.05'],
    ['INR', 0n, '₹0.00'],
    ['INR', -49900n, '-₹499.00'],
    ['USD', 1900n, '$19.00'],
    ['JPY', 1500n, 'JP¥1,500'],
    ['KWD', 1234n, 'KWD 1.234'],
    // CLDR, and so Intl by itself, gives the Iraqi dinar no digits; ISO 4217 gives it three.
    ['IQD', 5n, 'IQD 0.005'],
    ['CLF', 12_345n, 'CLF 1.2345'],
    // Above 2^53, where a number would lose the last digits.
    ['INR', 900_719_925_474_099_301n, '₹9,00,71,99,25,47,40,993.01'],
  ])('%s %d reads %s', (currency, amountMinor, text) => {
    expect(moneyText({ currency, amountMinor })).toBe(text);
  });

  it('keeps every digit, whatever the currency', () => {
    const money = fc.record({
      currency: fc.constantFrom('INR', 'USD', 'JPY', 'BHD', 'CLF'),
      amountMinor: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    });
    fc.assert(
      fc.property(money, (one) => {
        expect(BigInt(moneyText(one).replaceAll(/[^\d-]/g, ''))).toBe(one.amountMinor);
      }),
    );
  });
});
