import { describe, expect, it } from 'vitest';
import { accountKind } from './chart.ts';
import type { AccountTotals } from './reader.ts';
import { instructorAccountsMax, trialBalances } from './trial-balance.ts';

function account(code: string, debit: bigint, credit: bigint, currency = 'INR'): AccountTotals {
  const kind = accountKind(code);
  if (kind === undefined) throw new Error(`${code} is not in the chart`);
  return { ...kind, currency, debit, credit };
}

describe('trialBalances', () => {
  it('puts each account on its normal side and adds the sides up', () => {
    const [inr] = trialBalances([account('1100', 100n, 30n), account('2100', 30n, 0n), account('4100', 0n, 100n)]);
    expect(inr).toMatchObject({ currency: 'INR', debit: 70n, credit: 70n });
    expect(inr?.accounts.find((one) => one.code === '2100')?.balance).toBe(-30n);
  });

  it('keeps currencies apart', () => {
    const found = trialBalances([
      account('1100', 5n, 0n, 'USD'),
      account('2300', 0n, 5n, 'USD'),
      account('1100', 0n, 0n),
    ]);
    expect(found.map(({ currency, debit, credit }) => [currency, debit, credit])).toEqual([
      ['INR', 0n, 0n],
      ['USD', 5n, 5n],
    ]);
  });

  it.each([
    [instructorAccountsMax, instructorAccountsMax],
    [instructorAccountsMax + 1, 1],
  ])('shows the payables of %i instructors as %i accounts, with the same sum', (instructors, shown) => {
    const payables = [...Array(instructors).keys()].map((number) => account(`2200:usr_${number}`, 0n, 2n));
    const [inr] = trialBalances([account('1100', 2n * BigInt(instructors), 0n), ...payables]);
    const found = inr?.accounts.filter((one) => one.code.startsWith('2200')) ?? [];
    expect(found).toHaveLength(shown);
    expect(inr?.credit).toBe(2n * BigInt(instructors));
    expect(inr?.debit).toBe(inr?.credit);
  });
});
