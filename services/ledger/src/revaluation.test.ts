/** L4: what is left in account 1800 is worth nothing together at the closing rates, and the next period begins as if not asked. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newAccount } from './account.ts';
import { genesisHash } from './chain.ts';
import type { LedgerOrder, RevaluationOrder } from './command.ts';
import { atRate } from './exchange.ts';
import { apply, type LedgerState } from './ledger.ts';
import { type Balance, type Revaluation, revaluationOf, revalue } from './revaluation.ts';
import { routeOf } from './shard-route.ts';

const sealedUntilUs = 1_000n;
const emptyBook: LedgerState = {
  place: {
    ...{ epoch: 1n, batchSequence: 0n, journalSequence: 0n, recordedAtUs: 0n, sealedUntilUs },
    hash: genesisHash,
  },
  accounts: new Map(),
  known: new Map(),
  lines: new Map(),
  targets: new Map(),
};

function valued(currency: string, balances: readonly Balance[], rates: Readonly<Record<string, string>>): Revaluation {
  const given = Object.entries(rates).map(([of, rate]) => ({ currency: of, rate, source: 'rbi:2026-10-31' }));
  const revaluation = revalue(currency, balances, given);
  if (!('balances' in revaluation)) throw new Error(JSON.stringify(revaluation));
  return revaluation;
}

/** Sold for dollars, settled in rupees at 83: a hundred dollars are owed and 8,300 rupees have come. */
const short: readonly Balance[] = [
  { currency: 'USD', minor: 10_000n },
  { currency: 'INR', minor: -830_000n },
];

const order = (revaluation: Revaluation, effectiveAtUs = 1_999n): RevaluationOrder => ({
  ...{ type: 'revaluation', kind: 'revaluation', cause: 'adj_1', reference: 'test', description: '', currency: 'INR' },
  ...{ effectiveAtUs, revaluation },
});
const applyAll = (...commands: LedgerOrder[]) => apply(emptyBook, [{ mode: 'continue', commands }], 5_000n);

describe('account 1800 at the end of a period', () => {
  it('is worth less when what was given away has become dearer, and more when it has become cheaper', () => {
    expect(valued('INR', short, { USD: '84.10' })).toMatchObject({
      balances: [{ currency: 'USD', minor: 10_000n, rate: '84.10', source: 'rbi:2026-10-31', valueMinor: 841_000n }],
      ownMinor: -830_000n,
      differenceMinor: 11_000n,
    });
    expect(valued('INR', short, { USD: '82' }).differenceMinor).toBe(-10_000n);
    expect(valued('INR', short, { USD: '83.000' }).differenceMinor).toBe(0n);
    const turned = short.map(({ currency, minor }) => ({ currency, minor: -minor }));
    expect(valued('INR', turned, { USD: '84.10' }).differenceMinor).toBe(-11_000n);
  });

  it('counts in the decimals of each currency and rounds half away from zero, on either side alike', () => {
    expect(atRate(1_500n, 'JPY', 'INR', '0.5545')).toBe(83_175n);
    expect(atRate(1_000n, 'KWD', 'INR', '271.3')).toBe(27_130n);
    expect([1n, -1n].map((minor) => atRate(minor, 'USD', 'INR', '0.5'))).toEqual([1n, -1n]);
    expect([1n, -1n].map((minor) => atRate(minor, 'USD', 'INR', '0.4999'))).toEqual([0n, 0n]);
    const most = 9_007_199_254_740_993n;
    expect(atRate(most, 'USD', 'EUR', '1')).toBe(most);
  });

  it('asks for one rate of each currency that is left, and takes no other', () => {
    const faults = (rates: readonly (readonly [string, string])[]) =>
      revalue(
        'INR',
        [...short, { currency: 'EUR', minor: 5n }, { currency: 'JPY', minor: 0n }],
        rates.map(([currency, rate]) => ({ currency, rate, source: 'x' })),
      );
    expect(faults([['USD', '84']])).toMatchObject([{ index: -1, detail: 'a rate of EUR' }]);
    expect(
      faults([
        ['USD', '84'],
        ['EUR', '1e2'],
        ['JPY', '1'],
        ['USD', '83'],
        ['INR', '1'],
      ]),
    ).toMatchObject([
      { index: 1, field: 'rate' },
      { index: 2, field: 'currency' },
      { index: 3, field: 'currency' },
      { index: 4, field: 'currency' },
    ]);
    expect(
      revalue('INR', [{ currency: 'USD', minor: 2n ** 62n }], [{ currency: 'USD', rate: '84', source: 'x' }]),
    ).toMatchObject([{ index: 0, field: 'rate' }]);
  });

  it('is worth nothing together after the journal of the period, and stands as before after that of the next', () => {
    const minor = fc.bigInt(-(10n ** 12n), 10n ** 12n);
    const rate = fc
      .integer({ min: 1, max: 9_999_999 })
      .map((digits) => `${Math.floor(digits / 1_000)}.${digits % 1_000}1`);
    fc.assert(
      fc.property(fc.tuple(minor, minor, minor), fc.tuple(rate, rate), ([inr, usd, jpy], [ofUsd, ofJpy]) => {
        fc.pre(usd !== 0n && jpy !== 0n);
        const balances = [
          { currency: 'INR', minor: inr },
          { currency: 'JPY', minor: jpy },
          { currency: 'USD', minor: usd },
        ];
        const revaluation = valued('INR', balances, { USD: ofUsd, JPY: ofJpy });
        fc.pre(revaluation.differenceMinor !== 0n);
        const { batch, groups, accounts } = applyAll(order(revaluation));
        expect(groups[0]).toMatchObject([{ kind: 'posted', journal: { kind: 'revaluation' } }]);
        const journals = batch?.batch.journals ?? [];
        expect(journals.map(({ kind, effectiveAtUs, currency }) => [kind, effectiveAtUs, currency])).toEqual([
          ['revaluation', 1_999n, 'INR'],
          ['revaluation_reversed', 2_000n, 'INR'],
        ]);
        const [moved = 0n] = journals.map(({ transfers: [transfer] }) =>
          transfer === undefined ? 0n : transfer.debit === '1800' ? transfer.amount : -transfer.amount,
        );
        const worth = atRate(usd, 'USD', 'INR', ofUsd) + atRate(jpy, 'JPY', 'INR', ofJpy);
        expect(inr + moved + worth).toBe(0n);
        for (const { before = newAccount, after } of accounts.values())
          expect(after.debit - before.debit).toBe(after.credit - before.credit);
        for (const { kind, details = '' } of journals) expect(revaluationOf(kind, details)).toEqual(revaluation);
      }),
    );
  });

  it('a loss debits 5410, a gain credits it', () => {
    const pairs = (rate: string) =>
      applyAll(order(valued('INR', short, { USD: rate }))).batch?.batch.journals.map(({ transfers }) => transfers);
    expect(pairs('84.10')).toEqual([
      [{ debit: '5410', credit: '1800', amount: 11_000n }],
      [{ debit: '1800', credit: '5410', amount: 11_000n }],
    ]);
    expect(pairs('82')).toEqual([
      [{ debit: '1800', credit: '5410', amount: 10_000n }],
      [{ debit: '5410', credit: '1800', amount: 10_000n }],
    ]);
  });

  it('M17: nothing of it is booked where its end is sealed', () => {
    const { batch, groups } = applyAll(order(valued('INR', short, { USD: '84' }), sealedUntilUs - 1n));
    expect(groups[0]).toMatchObject([{ kind: 'rejected', reason: 'period_sealed' }]);
    expect(batch?.batch.journals).toEqual([]);
  });

  it('neither half is booked or reversed by itself, and values that do not follow are refused', () => {
    const revaluation = valued('INR', short, { USD: '84' });
    const half = (kind: string): LedgerOrder => ({
      ...{ type: 'book', kind, cause: kind, reference: '', description: '', currency: 'INR' },
      transfers: [{ debit: '5410', credit: '1800', amount: 1n }],
    });
    const back: LedgerOrder = {
      ...{ type: 'reverse', kind: 'reversal', cause: 'back', reference: '', description: '', currency: 'INR' },
      ...{ target: applyAll(order(revaluation)).batch?.batch.journals[1]?.id ?? '', transfers: [] },
    };
    const wrong = { ...order({ ...revaluation, differenceMinor: 1n }), cause: 'wrong' };
    const [usd = expect.fail('nothing is valued')] = revaluation.balances;
    const dear = {
      ...order({ ...revaluation, balances: [{ ...usd, valueMinor: usd.valueMinor + 1n }] }),
      cause: 'dear',
    };
    const all = [order(revaluation), half('revaluation'), half('revaluation_reversed'), back, wrong, dear];
    expect(applyAll(...all).groups[0]?.map((result) => ('reason' in result ? result.reason : result.kind))).toEqual([
      'posted',
      'pair_not_allowed',
      'pair_not_allowed',
      'not_reversible',
      'amounts_differ',
      'amounts_differ',
    ]);
  });

  it('the same again is the same; other rates under its id are told apart', () => {
    const first = order(valued('INR', short, { USD: '84' }));
    const other = { ...first, revaluation: valued('INR', short, { USD: '85' }) };
    const [results] = applyAll(first, first, other).groups;
    expect(results).toMatchObject([
      { kind: 'posted' },
      { kind: 'duplicate' },
      { kind: 'rejected', reason: 'id_reused', fields: ['balances', 'difference'] },
    ]);
  });

  it('is of one shard, whichever its id says', () => {
    const map = { count: 4, ofMerchant: () => 0, ofCause: () => 3 };
    expect(routeOf(order(valued('INR', short, { USD: '84' })), map)).toEqual({ kind: 'one', shard: 3 });
  });
});
