/** What every desk beside the book promises, whatever the engine. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Adjustment } from './adjustment.ts';
import type { LedgerDesk } from './desk.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import type { LedgerStore } from './store.ts';

export interface DeskUnderTest {
  readonly sql: Sql;
  readonly store: LedgerStore;
  readonly desk: LedgerDesk;
  close(): Promise<void>;
}

const adjustment = (number: number): Adjustment => ({
  id: `adj_${number}`,
  status: 'proposed',
  currency: 'INR',
  reference: 'break:1',
  reason: 'Rounding at the bank',
  transfers: [
    { debit: '5300', credit: '1100', amount: 9_007_199_254_740_993n },
    { debit: '4900', credit: '1100', amount: 1n },
  ],
  reversesJournalId: '',
  proposedBy: 'usr_1',
  proposedAtUs: 1n,
});

export function ledgerDeskContract(name: string, open: () => Promise<DeskUnderTest>): void {
  describe(`the finance desk in ${name}`, () => {
    let under: DeskUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());
    const keep = (one: Adjustment) => under.sql.transaction((tx) => under.desk.propose(tx, one));

    it('keeps an adjustment with its transfers in their order, exactly', async () => {
      await keep(adjustment(1));
      await keep({ ...adjustment(2), effectiveAtUs: 7n, transfers: [], reversesJournalId: 'jnl_1' });
      expect(await under.desk.adjustment('adj_1')).toEqual({
        ...adjustment(1),
        effectiveAtUs: undefined,
        decision: undefined,
      });
      expect(await under.desk.adjustment('adj_2')).toMatchObject({ effectiveAtUs: 7n, reversesJournalId: 'jnl_1' });
      expect(await under.desk.adjustment('adj_3')).toBeUndefined();
    });

    it('L4: keeps an exchange with its rate as it was quoted, exactly', async () => {
      const exchange = {
        from: { account: '1100', amount: 9_007_199_254_740_993n },
        to: { account: '1000', currency: 'USD', amount: 108_086_391_056_892n },
        rate: '0.012000000000000000',
        source: 'bank:quote-7',
      };
      await keep({ ...adjustment(1), transfers: [], exchange });
      await keep(adjustment(2));
      expect(await under.desk.adjustment('adj_1')).toMatchObject({ exchange, transfers: [] });
      expect((await under.desk.adjustments(undefined, undefined, 9)).map((one) => one.exchange)).toEqual([
        undefined,
        exchange,
      ]);
    });

    it('L4: keeps a valuation with its rates as they were quoted, exactly', async () => {
      const most = 9_007_199_254_740_993n;
      const revaluation = {
        balances: [
          { currency: 'EUR', minor: -most, rate: '0.012000000000000000', source: 'ecb:1', valueMinor: -108n },
          { currency: 'USD', minor: most, rate: '83.125', source: 'rbi:1', valueMinor: most },
        ],
        ownMinor: -most,
        differenceMinor: -108n,
      };
      const valuation = { ...adjustment(1), transfers: [], effectiveAtUs: 7n, revaluation };
      await keep(valuation);
      await keep({ ...valuation, id: 'adj_2' });
      await keep(adjustment(3));
      expect(await under.desk.adjustment('adj_1')).toMatchObject({ revaluation, effectiveAtUs: 7n, transfers: [] });
      expect((await under.desk.adjustments(undefined, undefined, 9)).map((one) => one.revaluation)).toEqual([
        undefined,
        revaluation,
        revaluation,
      ]);
    });

    it('of two valuations of one end the second waits until the first is decided', async () => {
      const revaluation = { balances: [], ownMinor: 1n, differenceMinor: 1n };
      for (const number of [1, 2]) await keep({ ...adjustment(number), transfers: [], effectiveAtUs: 7n, revaluation });
      const held = Promise.withResolvers<void>();
      const taken = Promise.withResolvers<void>();
      const done: string[] = [];
      const first = under.sql.transaction(async (tx) => {
        await under.desk.take(tx, 'adj_1');
        taken.resolve();
        await held.promise;
        done.push('first');
      });
      await taken.promise;
      const second = under.sql.transaction(async (tx) => {
        await under.desk.take(tx, 'adj_2');
        done.push('second');
      });
      // Others of other ends wait for nobody; while they come to their end the second would have too.
      for (let number = 3; number < 10; number += 1) {
        await keep({ ...adjustment(number), transfers: [], effectiveAtUs: BigInt(5 + number), revaluation });
        await under.sql.transaction((tx) => under.desk.take(tx, `adj_${number}`));
      }
      held.resolve();
      await Promise.all([first, second]);
      expect(done).toEqual(['first', 'second']);
    });

    it('lists newest first, by status, page by page', async () => {
      for (const number of [1, 2, 3]) await keep(adjustment(number));
      const decision = { by: 'usr_2', atUs: 5n, note: 'no' };
      await under.sql.transaction((tx) => under.desk.decide(tx, 'adj_2', decision));
      const ids = async (...asked: Parameters<LedgerDesk['adjustments']>) =>
        (await under.desk.adjustments(...asked)).map((one) => one.id);
      expect(await ids(undefined, undefined, 2)).toEqual(['adj_3', 'adj_2']);
      expect(await ids(undefined, 'adj_2', 2)).toEqual(['adj_1']);
      expect(await ids('proposed', undefined, 9)).toEqual(['adj_3', 'adj_1']);
      expect(await under.desk.adjustment('adj_2')).toMatchObject({ status: 'rejected', decision });
    });

    it('decides once, whoever comes at the same moment, and never by who proposed it', async () => {
      await keep(adjustment(1));
      const booked = { journalId: 'jnl_1', sequence: 3n };
      const decide = (by: string) =>
        under.sql.transaction(async (tx) => {
          const found = await under.desk.take(tx, 'adj_1');
          if (found?.status !== 'proposed') return 'late';
          await under.desk.decide(tx, 'adj_1', { by, atUs: 5n, note: '', booked });
          return 'decided';
        });
      await expect(decide('usr_1')).rejects.toThrow();
      const outcomes = await Promise.all(['usr_2', 'usr_3', 'usr_4'].map(decide));
      expect(outcomes.sort()).toEqual(['decided', 'late', 'late']);
      expect(await under.desk.adjustment('adj_1')).toMatchObject({ status: 'booked', decision: { booked } });
    });

    it('M17: whoever writes after a seal knows of it, also a writer that was there before', async () => {
      const writer = createLedgerWriter(under.store, testWorld());
      const settle = (cause: string, effectiveAtUs: bigint) =>
        writer.submit([
          {
            ...{ type: 'book', kind: 'provider_settled', cause, reference: 'file:1', description: '', currency: 'INR' },
            transfers: [{ debit: '1000', credit: '1100', amount: 5n }],
            effectiveAtUs,
          },
        ]);
      expect(await settle('a', 10n)).toMatchObject({ results: [{ kind: 'posted' }] });
      await under.sql.transaction(async (tx) => {
        const { journalSequence: sequence, batchSequence, hash } = await under.desk.lockBook(tx);
        const times = { fromUs: 0n, untilUs: 20n, sealedAtUs: 30n };
        await under.desk.seal(tx, { number: 1n, ...times, sealedBy: 'usr_1', note: '', sequence, batchSequence, hash });
        expect(await under.desk.lastPeriod(tx)).toMatchObject({ number: 1n, untilUs: 20n });
        expect(await under.desk.periodTotals(tx, 1n)).toMatchObject([
          { code: '1000', debit: 5n, credit: 0n },
          { code: '1100', debit: 0n, credit: 5n },
        ]);
      });
      expect(await settle('b', 19n)).toMatchObject({ results: [{ kind: 'rejected', reason: 'period_sealed' }] });
      expect(await settle('c', 20n)).toMatchObject({ results: [{ kind: 'posted' }] });
      await writer.stop();
    });
  });
}
