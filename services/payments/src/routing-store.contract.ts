/** What every routing store must hold. Part of store.contract.ts. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RoutingRules } from './routing.ts';
import type { RoutingDecision, RoutingStore } from './routing-store.ts';

const nowMs = 1_700_000_000_000;

export function routingStoreContract(open: () => Promise<{ routing: RoutingStore; sql: Sql }>): void {
  describe('a routing store', () => {
    let store: RoutingStore;
    let sql: Sql;
    beforeAll(async () => {
      ({ routing: store, sql } = await open());
    });
    const rules = (version: number): RoutingRules => ({
      version,
      rules: [
        {
          name: 'large',
          method: 'card',
          currency: 'INR',
          amountAtLeastMinor: '9007199254740993',
          amountBelowMinor: '0',
          strategy: 'split',
          shares: [
            { provider: 'sandbox', percent: 60 },
            { provider: 'sandbox_b', percent: 40 },
          ],
        },
      ],
      fallback: ['sandbox_b', 'sandbox'],
      triesMax: 3,
      explorationPercent: 7,
      eliminationBelowPercent: 30,
      setAtMs: nowMs,
    });

    it('has no rules before they are set, sets each version once, and gives the newest', async () => {
      expect(await store.rules(sql)).toBeUndefined();
      const outcomes = await Promise.all([1, 1, 1].map((version) => store.putRules(sql, rules(version), 'usr_f')));
      expect(outcomes.toSorted()).toEqual([false, false, true]);
      expect(await store.rules(sql)).toEqual(rules(1));
      expect(await store.putRules(sql, { ...rules(2), rules: [] }, 'usr_f')).toBe(true);
      expect(await store.rules(sql)).toEqual({ ...rules(2), rules: [] });
    });

    it('has no rate of a provider that nothing was tried at', async () => {
      const [rate] = await store.rates(sql, [{ provider: 'never_tried', method: 'card' }], 0, 10);
      expect(rate).toEqual({ provider: 'never_tried', succeeded: 0, failed: 0 });
    });

    it('keeps decisions with their inputs, newest first', async () => {
      const decision = (id: string, atMs: number): RoutingDecision => ({
        id,
        orderId: 'ord_routed',
        attemptId: 'pay_routed',
        tryNumber: 2,
        provider: 'sandbox',
        rule: 'large',
        because: 'split',
        candidates: ['sandbox', 'sandbox_b'],
        rates: [{ provider: 'sandbox', succeeded: 9, failed: 1 }],
        leftOut: ['stripe: token'],
        rulesVersion: 1,
        atMs,
      });
      const all = [decision('rtd_1', nowMs), decision('rtd_2', nowMs + 1), decision('rtd_3', nowMs + 1)];
      for (const each of all) await store.keepDecision(sql, each);
      expect(await store.listDecisions(sql, 'ord_routed', undefined, 2)).toEqual([all[2], all[1]]);
      expect(await store.listDecisions(sql, 'ord_routed', { atMs: nowMs + 1, id: 'rtd_2' }, 2)).toEqual([all[0]]);
      expect(await store.listDecisions(sql, 'ord_none', undefined, 2)).toEqual([]);
    });
  });
}
