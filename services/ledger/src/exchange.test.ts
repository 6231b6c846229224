/** L4, M4: what changes its currency follows from the rate that is kept with it, and each currency adds up by itself. */
import { decimalText, minorDigitsOf } from '@suuupra/platform/money';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newAccount } from './account.ts';
import { genesisHash } from './chain.ts';
import type { ExchangeOrder } from './command.ts';
import { type Exchange, exchangeOf, followsRate, isRate } from './exchange.ts';
import { apply, type LedgerState } from './ledger.ts';

const emptyBook: LedgerState = {
  place: {
    ...{ epoch: 1n, batchSequence: 0n, journalSequence: 0n, recordedAtUs: 0n, sealedUntilUs: 0n },
    hash: genesisHash,
  },
  accounts: new Map(),
  known: new Map(),
  lines: new Map(),
  targets: new Map(),
};

const currencies = ['INR', 'USD', 'JPY', 'KWD', 'CLF', 'EUR'];
/** Rates as quotes give them: up to five digits on either side of the point. */
const rates = fc
  .tuple(fc.integer({ min: 1, max: 9_999_999_999 }), fc.integer({ min: 0, max: 5 }))
  .map(([digits, scale]) => {
    const text = String(digits).padStart(scale + 1, '0');
    return scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
  });
interface Asked {
  readonly sold: string;
  readonly bought: string;
  readonly amount: bigint;
  readonly rate: string;
  readonly account: string;
}

const asked = fc
  .record({
    pair: fc.shuffledSubarray(currencies, { minLength: 2, maxLength: 2 }),
    amount: fc.bigInt(1n, 10n ** 12n),
    rate: rates,
    account: fc.constantFrom('1000', '1100'),
  })
  .map(({ pair: [sold = '', bought = ''], amount, rate, account }) => ({ sold, bought, amount, rate, account }));

/** The bought amount to the nearest minor unit, worked out in a way of its own: from fractions of whole numbers. */
function atRate(amount: bigint, sold: string, bought: string, rate: string): bigint {
  const [whole = '', fraction = ''] = rate.split('.');
  const over = 10n ** BigInt(fraction.length + minorDigitsOf(sold));
  const scaled = amount * BigInt(whole + fraction) * 10n ** BigInt(minorDigitsOf(bought));
  return (2n * scaled + over) / (2n * over);
}

function orderOf({ sold, bought, amount, rate, account }: Asked, boughtAmount: bigint): ExchangeOrder {
  return {
    ...{ type: 'exchange', kind: 'exchange_sold', cause: 'fx', reference: 'bank:1', description: '', currency: sold },
    ...{ from: { account, amount }, to: { account: '1000', currency: bought, amount: boughtAmount } },
    ...{ rate, source: 'bank:quote-7' },
  };
}

const applyOne = (order: ExchangeOrder) => apply(emptyBook, [{ mode: 'continue', commands: [order] }], 1n);

describe('an exchange of currencies', () => {
  it('L4 M4: each currency sums to zero by itself, and both journals keep the rate and its source', () => {
    fc.assert(
      fc.property(asked, (one) => {
        const boughtAmount = atRate(one.amount, one.sold, one.bought, one.rate);
        fc.pre(boughtAmount > 0n && boughtAmount < 2n ** 62n);
        const { accounts, batch, groups } = applyOne(orderOf(one, boughtAmount));
        expect(groups[0]).toMatchObject([{ kind: 'posted', journal: { kind: 'exchange_sold' } }]);
        const net = new Map<string, bigint>();
        for (const { currency, before = newAccount, after } of accounts.values())
          net.set(currency, (net.get(currency) ?? 0n) + after.debit - before.debit - after.credit + before.credit);
        expect([...net].sort()).toEqual(
          [
            [one.sold, 0n],
            [one.bought, 0n],
          ].sort(),
        );
        const journals = batch?.batch.journals ?? [];
        expect(journals.map(({ currency }) => currency)).toEqual([one.sold, one.bought]);
        for (const { kind, details = '' } of journals)
          expect(exchangeOf(kind, details)).toEqual({
            sold: { currency: one.sold, amount: one.amount },
            bought: { currency: one.bought, amount: boughtAmount },
            rate: one.rate,
            source: 'bank:quote-7',
          });
      }),
    );
  });

  it('L4: amounts that no rounding and no digit of the quote explain are refused and move nothing', () => {
    fc.assert(
      fc.property(asked, fc.boolean(), (one, isMore) => {
        const right = atRate(one.amount, one.sold, one.bought, one.rate);
        const places = one.rate.split('.')[1]?.length ?? 0;
        const half = atRate(one.amount, one.sold, one.bought, (10 ** -places / 2).toFixed(places + 1));
        const wrong = isMore ? right + half + 3n : right - half - 3n;
        fc.pre(wrong > 0n && wrong < 2n ** 62n);
        const { accounts, batch, groups } = applyOne(orderOf(one, wrong));
        expect(groups[0]).toMatchObject([{ kind: 'rejected', reason: 'amounts_differ' }]);
        expect([...accounts.values()].map(({ after }) => after.debit + after.credit)).toEqual(
          [...accounts.values()].map(() => 0n),
        );
        expect(batch?.batch.journals).toEqual([]);
      }),
    );
  });

  it('does not take a rate the other way round, nor minor units for units', () => {
    const exchange = (bought: bigint, currency: string, rate: string): Exchange => ({
      ...{ sold: { currency: 'USD', amount: 10_000n }, bought: { currency, amount: bought }, rate, source: '' },
    });
    expect(decimalText('USD', 10_000n)).toBe('100.00');
    expect(followsRate(exchange(831_250n, 'INR', '83.125'))).toBe(true);
    expect(followsRate(exchange(831_250n, 'INR', '0.01203007'))).toBe(false);
    expect(followsRate(exchange(14_925n, 'JPY', '149.25'))).toBe(true);
    expect(followsRate(exchange(1_492_500n, 'JPY', '149.25'))).toBe(false);
    expect(followsRate(exchange(30_745n, 'KWD', '0.30745'))).toBe(true);
  });

  it.each(['0', '0.000', '-1', '1e3', '1,5', '.5', '5.', ' 1', '1234567890123', `0.${'1'.repeat(19)}`, 'NaN', ''])(
    'does not take %j for a rate',
    (rate) => {
      expect(isRate(rate)).toBe(false);
      const order = { ...orderOf({ sold: 'USD', bought: 'EUR', amount: 1n, rate, account: '1000' }, 1n) };
      expect(applyOne(order).groups[0]).toMatchObject([{ kind: 'rejected', reason: 'invalid_rate' }]);
    },
  );
});
