import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currencyCodes, decimalsOf, fromProviderUnits, toProviderUnits, wholeUnits } from './currency.ts';

const plain = { exponents: {} };

describe('the decimals of currencies (P16)', () => {
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
    expect(decimalsOf('QQQ')).toBeUndefined();
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

  it('are mapped for a provider exactly or not at all', () => {
    const provider = { exponents: { ISK: { decimals: 2, step: 100n }, KWD: { decimals: 3, step: 10n } } };
    expect(toProviderUnits(provider, 'ISK', 5n)).toBe(500n);
    expect(fromProviderUnits(provider, 'ISK', 500n)).toBe(5n);
    expect(fromProviderUnits(provider, 'ISK', 501n)).toBeUndefined();
    expect(toProviderUnits(provider, 'KWD', 1_230n)).toBe(1_230n);
    expect(toProviderUnits(provider, 'KWD', 1_234n)).toBeUndefined();
    expect(toProviderUnits(plain, 'JPY', 5n)).toBe(5n);
    fc.assert(
      fc.property(
        fc.constantFrom('INR', 'JPY', 'KWD', 'ISK'),
        fc.bigInt({ min: 0n, max: 2n ** 62n }),
        (code, amount) => {
          const units = toProviderUnits(provider, code, amount);
          if (units !== undefined) expect(fromProviderUnits(provider, code, units)).toBe(amount);
        },
      ),
    );
  });

  it('write amounts as people do', () => {
    expect([wholeUnits('INR', 49_900n), wholeUnits('JPY', 5n), wholeUnits('KWD', 5n), wholeUnits('INR', -5n)]).toEqual([
      '499.00',
      '5',
      '0.005',
      '-0.05',
    ]);
  });
});
