/** What every risk store must hold. Part of store.contract.ts. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RiskBlock, RiskDecision, RiskRule } from './risk.ts';
import type { RiskStore } from './risk-store.ts';

const nowMs = 1_700_000_000_000;

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
        await store.keepSignals(tx, 'pay_r1', { customer: 'c', address: 'a' }, nowMs);
        await store.keepSignals(tx, 'pay_r1', { customer: 'other' }, nowMs);
        await store.keepSignals(tx, 'pay_r2', { customer: 'c' }, nowMs + 5);
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

    it('keeps decisions with what they were made of, newest first', async () => {
      const decision = (id: string, change: Partial<RiskDecision>): RiskDecision => ({
        id,
        orderId: 'ord_risk',
        attemptId: '',
        outcome: 'block',
        findings: [{ rule: 'blocklist', dimension: 'customer', count: 1, outcome: 'block' }],
        atMs: nowMs,
        ...change,
      });
      const all = [decision('rsk_1', {}), decision('rsk_2', { outcome: 'allow', findings: [], atMs: nowMs + 1 })];
      for (const each of all) await store.keepDecision(sql, each);
      const orderId = 'ord_risk';
      expect(await store.listDecisions(sql, { orderId }, undefined, 5)).toEqual([all[1], all[0]]);
      expect(await store.listDecisions(sql, { orderId, outcome: 'block' }, undefined, 5)).toEqual([all[0]]);
      expect(await store.listDecisions(sql, { orderId }, { atMs: nowMs + 1, id: 'rsk_2' }, 5)).toEqual([all[0]]);
      expect(await store.listDecisions(sql, { orderId: 'none' }, undefined, 5)).toEqual([]);
    });
  });
}
