import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divideHalfUp, taxInsideMinor } from './price.ts';

describe('the tax inside a price', () => {
  it('is 18 % of the net for rupees, rounded half up', () => {
    // 499.00 = 422.88 + 76.12; 18/118 of 49,900 is 7,611.86.
    expect(taxInsideMinor('INR', 49_900n)).toBe(7_612n);
    expect(taxInsideMinor('INR', 11_800n)).toBe(1_800n);
    expect(taxInsideMinor('INR', 0n)).toBe(0n);
    expect(taxInsideMinor('INR', 59n)).toBe(9n);
  });
  it('is nothing for other currencies', () => {
    expect(taxInsideMinor('USD', 4_900n)).toBe(0n);
  });
  it('is never off by more than half a unit, at any amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (price) => {
        const off = taxInsideMinor('INR', price) * 118n - price * 18n;
        expect(off > -59n && off <= 59n).toBe(true);
      }),
    );
  });
  it('rounds the half up', () => {
    expect([1n, 2n, 3n].map((value) => divideHalfUp(value, 2n))).toEqual([1n, 1n, 2n]);
  });
});
