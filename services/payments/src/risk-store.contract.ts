/** What every risk store must hold. Part of store.contract.ts. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RiskBlock, RiskDecision, RiskRule } from './risk.ts';
import { type RiskScoring, scoringAtFirst } from './risk-score.ts';
import type { RiskStore } from './risk-store.ts';

const nowMs = 1_700_000_000_000;
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

export function riskStoreContract(open: () => Promise<{ risk: RiskStore; sql: Sql }>): void {
  describe('a risk store', () => {
    let store: RiskStore;
    let sql: Sql;
    beforeAll(async () => {
      ({ risk: store, sql } = await open());
    });

    it('keeps a rule under its name, as it was put last', async () => {
      const rule: RiskRule = {
        name: 'a contract rule',
        enabled: true,
        dimension: 'device',
        counted: 'failures',
        countMax: 3,
        windowSeconds: 60,
        amountAtLeastMinor: 9_007_199_254_740_993n,
        outcome: 'review',
      };
      const mine = async () => (await store.rules(sql)).filter(({ name }) => name === rule.name);
      await store.putRule(sql, rule);
      expect(await mine()).toEqual([rule]);
      await store.putRule(sql, { ...rule, enabled: false, outcome: 'block' });
      expect(await mine()).toEqual([{ ...rule, enabled: false, outcome: 'block' }]);
      const names = (await store.rules(sql)).map(({ name }) => name);
      expect(names).toEqual(names.toSorted());
      expect([await store.deleteRule(sql, rule.name), await store.deleteRule(sql, rule.name)]).toEqual([true, false]);
    });

    it('finds the blocks that are in force for one of the signals, and lists all, newest first', async () => {
      const block = (id: string, change: Partial<RiskBlock>): RiskBlock => ({
        id,
        dimension: 'customer',
        valueHash: 'h1',
        reason: 'because',
        createdAtMs: nowMs,
        ...change,
      });
      const all = [
        block('blk_1', {}),
        block('blk_2', { dimension: 'address', valueHash: 'h2', untilMs: nowMs + 10, createdAtMs: nowMs + 1 }),
        // The value of another dimension is another value.
        block('blk_3', { dimension: 'device', valueHash: 'h1', createdAtMs: nowMs + 2 }),
      ];
      for (const each of all) await store.addBlock(sql, each);
      const found = async (signals: object, atMs: number) =>
        (await store.blocksOf(sql, signals, atMs)).map(({ id }) => id).toSorted();
      expect(await found({ customer: 'h1', address: 'h2' }, nowMs + 9)).toEqual(['blk_1', 'blk_2']);
      expect(await found({ customer: 'h1', address: 'h2' }, nowMs + 10)).toEqual(['blk_1']);
      expect(await found({}, nowMs)).toEqual([]);
      const first = await store.listBlocks(sql, undefined, 2);
      expect(first).toEqual([all[2], all[1]]);
      expect(await store.listBlocks(sql, { atMs: nowMs + 1, id: 'blk_2' }, 2)).toEqual([all[0]]);
      expect([await store.removeBlock(sql, 'blk_1'), await store.removeBlock(sql, 'blk_1')]).toEqual([true, false]);
    });

    it('counts attempts and failures of a value since a time, and prunes what is old', async () => {
      await sql.transaction(async (tx) => {
        await store.keepSignals(tx, 'pay_r1', { customer: 'c', address: 'a' }, inr(10n), nowMs);
        await store.keepSignals(tx, 'pay_r1', { customer: 'other' }, inr(11n), nowMs);
        await store.keepSignals(tx, 'pay_r2', { customer: 'c' }, inr(12n), nowMs + 5);
        await store.markFailed(tx, 'pay_r2');
      });
      expect(await store.signalsOf(sql, 'pay_r1')).toEqual({ customer: 'c', address: 'a' });
      expect(await store.signalsOf(sql, 'pay_none')).toEqual({});
      const of = { dimension: 'customer', valueHash: 'c' } as const;
      const wanted = [
        { ...of, counted: 'attempts', sinceMs: nowMs },
        { ...of, counted: 'attempts', sinceMs: nowMs + 1 },
        { ...of, counted: 'failures', sinceMs: nowMs },
        { ...of, counted: 'failures', sinceMs: nowMs + 6 },
        { ...of, dimension: 'device', counted: 'attempts', sinceMs: nowMs },
      ] as const;
      expect(await store.counts(sql, wanted)).toEqual([2, 1, 1, 0, 0]);
      expect(await store.counts(sql, [])).toEqual([]);
      expect(await store.pruneSignals(sql, nowMs, 10)).toBe(0);
      await store.pruneSignals(sql, nowMs + 1, 10);
      expect(await store.counts(sql, wanted.slice(0, 1))).toEqual([1]);
    });

    it('counts values that came with a value, save the one at hand, and not beyond its limit', async () => {
      await sql.transaction(async (tx) => {
        for (const [id, customer, card] of [
          ['pay_d1', 'd', 'f1'],
          ['pay_d2', 'd', 'f2'],
          ['pay_d3', 'd', 'f2'],
          ['pay_d4', 'e', 'f3'],
          ['pay_d5', 'd', 'f4'],
        ] as const)
          await store.keepSignals(tx, id, { customer, fingerprint: card }, inr(1n), nowMs);
        await store.markFailed(tx, 'pay_d5');
      });
      const cardsOf = (valueHash: string, butHash: string, counted: 'attempts' | 'failures' = 'attempts') => ({
        ...{ dimension: 'customer' as const, valueHash, counted, sinceMs: nowMs },
        distinct: { dimension: 'fingerprint' as const, butHash },
      });
      const wanted = [cardsOf('d', 'f2'), cardsOf('d', 'new'), cardsOf('d', 'f2', 'failures'), cardsOf('none', 'f1')];
      expect(await store.counts(sql, wanted)).toEqual([2, 3, 1, 0]);
      const later = { ...cardsOf('d', 'new'), sinceMs: nowMs + 1 };
      const plain = { dimension: 'customer', valueHash: 'd', counted: 'attempts', sinceMs: nowMs } as const;
      expect(await store.counts(sql, [later, plain])).toEqual([0, 4]);
    });

    it('gives the last amounts of a customer in a currency that did not fail, newest first', async () => {
      const paid = [
        ['pay_a1', inr(9_007_199_254_740_993n)],
        ['pay_a2', { currency: 'USD', amountMinor: 5n }],
        ['pay_a3', inr(2n)],
        ['pay_a4', inr(3n)],
      ] as const;
      await sql.transaction(async (tx) => {
        for (const [index, [id, money]] of paid.entries())
          await store.keepSignals(tx, id, { customer: 'amounts', address: 'amounts' }, money, nowMs + index);
        await store.markFailed(tx, 'pay_a3');
      });
      expect(await store.amounts(sql, 'amounts', 'INR', 5)).toEqual([3n, 9_007_199_254_740_993n]);
      expect(await store.amounts(sql, 'amounts', 'INR', 1)).toEqual([3n]);
      expect(await store.amounts(sql, 'nobody', 'INR', 5)).toEqual([]);
    });

    it('sets each version of the scoring once, and gives the newest', async () => {
      const scoring = (version: number): RiskScoring => ({ ...scoringAtFirst, version, blockFrom: 90, setAtMs: nowMs });
      expect(await store.scoring(sql)).toBeUndefined();
      expect(await store.putScoring(sql, scoring(1), 'usr_f')).toBe(true);
      expect(await store.putScoring(sql, { ...scoring(1), blockFrom: 50 }, 'usr_g')).toBe(false);
      expect(await store.scoring(sql)).toEqual(scoring(1));
      expect(await store.putScoring(sql, { ...scoring(2), factors: [] }, 'usr_g')).toBe(true);
      expect(await store.scoring(sql)).toEqual({ ...scoring(2), factors: [] });
    });

    it('keeps decisions with what they were made of, newest first', async () => {
      const decision = (id: string, change: Partial<RiskDecision>): RiskDecision => ({
        id,
        orderId: 'ord_risk',
        attemptId: '',
        outcome: 'block',
        findings: [{ rule: 'blocklist', dimension: 'customer', count: 1, outcome: 'block' }],
        score: 100,
        scoringVersion: 3,
        contributions: [{ factor: 'a', key: 'amount INR', measured: '9007199254740993', points: 100 }],
        atMs: nowMs,
        ...change,
      });
      const all = [
        decision('rsk_1', {}),
        decision('rsk_2', {
          outcome: 'allow',
          findings: [{ rule: 'score', count: 5, outcome: 'challenge' }],
          atMs: nowMs + 1,
        }),
      ];
      for (const each of all) await store.keepDecision(sql, each);
      const orderId = 'ord_risk';
      expect(await store.listDecisions(sql, { orderId }, undefined, 5)).toEqual([all[1], all[0]]);
      expect(await store.listDecisions(sql, { orderId, outcome: 'block' }, undefined, 5)).toEqual([all[0]]);
      expect(await store.listDecisions(sql, { orderId }, { atMs: nowMs + 1, id: 'rsk_2' }, 5)).toEqual([all[0]]);
      expect(await store.listDecisions(sql, { orderId: 'none' }, undefined, 5)).toEqual([]);
      const judged = await store.judgements(sql, 1_000);
      const { id: _id, orderId: _order, attemptId: _attempt, atMs: _at, ...judgement } = decision('', {});
      expect(judged).toContainEqual({ ...judgement, status: '' });
      expect(await store.judgements(sql, 1)).toHaveLength(1);
    });
  });
}
