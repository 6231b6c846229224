import { describe, expect, it, test } from 'vitest';
import { amountText, currencyCodes, decimalsOf, decimalText, minorDigitsOf } from './money.ts';

test.each([
  ['INR', 49_900n, '499.00'],
  ['INR', 5n, '0.05'],
  ['INR', -5n, '-0.05'],
  ['INR', 0n, '0.00'],
  ['JPY', 499n, '499'],
  ['KWD', -5n, '-0.005'],
  ['CLF', 12_345n, '1.2345'],
  ['IQD', 1_234n, '1.234'],
  ['INR', 9_223_372_036_854_775_807n, '92233720368547758.07'],
])('%s: %s minor units are %s', (currency, minor, text) => {
  expect(decimalText(currency, minor)).toBe(text);
  expect(amountText(currency, minor)).toBe(`${currency} ${text}`);
});

describe('the decimals of currencies', () => {
  it('are those of ISO 4217', () => {
    const table = {
      INR: 2,
      USD: 2,
      EUR: 2,
      JPY: 0,
      KRW: 0,
      VND: 0,
      CLP: 0,
      ISK: 0,
      UGX: 0,
      BHD: 3,
      KWD: 3,
      TND: 3,
      CLF: 4,
    };
    expect(Object.fromEntries(Object.keys(table).map((code) => [code, decimalsOf(code)]))).toEqual(table);
    expect(new Set(currencyCodes).size).toBe(currencyCodes.length);
    expect(currencyCodes.length).toBeGreaterThan(150);
    expect([decimalsOf('QQQ'), decimalsOf('inr'), minorDigitsOf('QQQ')]).toEqual([undefined, undefined, 2]);
  });

  it('agree with what the runtime knows, where it knows a currency by circulation', () => {
    // CLDR counts in what is in circulation, ISO in what is in the books.
    const differ = new Set(
      'AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR RSD SOS SYP UYW YER CRC AMD'.split(' '),
    );
    const known = new Set(Intl.supportedValuesOf('currency'));
    const seen = currencyCodes.filter((code) => known.has(code) && !differ.has(code));
    for (const code of seen) {
      const { maximumFractionDigits } = new Intl.NumberFormat('en', {
        style: 'currency',
        currency: code,
      }).resolvedOptions();
      expect(`${code} ${decimalsOf(code)}`).toBe(`${code} ${maximumFractionDigits}`);
    }
    expect(seen.length).toBeGreaterThan(100);
  });
});
