import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromProviderUnits, toProviderUnits } from './currency.ts';

const plain = { exponents: {} };

describe('amounts in the units of a provider (P16)', () => {
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
});
