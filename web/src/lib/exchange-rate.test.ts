import { describe, expect, test } from 'vitest';
import { boughtAt, followsRate, impliedRate, readRate } from './exchange-rate.ts';

const usd = (amountMinor: bigint) => ({ currency: 'USD', amountMinor });
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
const rate = (text: string) => readRate(text) ?? expect.fail(`${text} is no rate`);

test('a rate is an exact decimal above zero, of as many digits as the ledger takes', () => {
  expect(readRate(' 83.125 ')).toEqual({ digits: 83_125n, scale: 3 });
  expect(readRate('0.000000000000000001')).toEqual({ digits: 1n, scale: 18 });
  for (const text of ['', '0', '0.00', '-1', '1.', '.5', '1,5', '1e3', '1234567890123', `0.${'0'.repeat(18)}1`])
    expect(readRate(text), text).toBeUndefined();
});

test('what is bought is the sold amount at the rate, in the minor units of each currency', () => {
  expect(boughtAt(usd(100_00n), rate('83.125'), 'INR')).toBe(8_312_50n);
  expect(boughtAt(usd(1n), rate('0.5'), 'INR')).toBe(1n);
  expect(boughtAt(usd(10_00n), rate('149.5'), 'JPY')).toBe(1_495n);
  expect(boughtAt({ currency: 'KWD', amountMinor: 1_000n }, rate('270'), 'INR')).toBe(270_00n);
});

describe('amounts that follow from a rate', () => {
  test.each([
    [8_312_50n, true],
    // One minor unit of rounding, and five of the rate's next digit, which the quote leaves open.
    [8_312_56n, true],
    [8_312_57n, false],
    [8_312_44n, true],
    [8_312_43n, false],
  ])('100 USD at 83.125 for %s paise: %s', (bought, follows) => {
    expect(followsRate(usd(100_00n), inr(bought), rate('83.125'))).toBe(follows);
  });

  test.each([
    [8_311n, false],
    [8_312n, true],
    [8_313n, true],
    [8_314n, false],
  ])('1 USD at 83.125, which is between two paise, for %s of them: %s', (bought, follows) => {
    expect(followsRate(usd(1_00n), inr(bought), rate('83.125'))).toBe(follows);
  });

  test('a rate written upside down does not', () => {
    expect(followsRate(inr(8_312_50n), usd(100_00n), rate('83.125'))).toBe(false);
  });
});

test('the rate that two amounts make is said to six decimals', () => {
  expect(impliedRate(usd(100_00n), inr(8_312_50n))).toBe('83.125000');
  expect(impliedRate(inr(3n), usd(1n))).toBe('0.333333');
  expect(impliedRate(usd(0n), inr(1n))).toBeUndefined();
});
