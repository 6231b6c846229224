/** What every mandates store must hold. Part of store.contract.ts. */
import type { Sql } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Mandate } from './mandate.ts';
import type { MandateStore } from './mandate-store.ts';

const nowMs = 1_700_000_000_000;

export function mandateStoreContract(open: () => Promise<{ mandates: MandateStore; sql: Sql }>): void {
  describe('a mandates store', () => {
    let store: MandateStore;
    let sql: Sql;
    let counter = 0;
    beforeAll(async () => {
      ({ mandates: store, sql } = await open());
    });
    const made = async (change: Partial<Mandate> = {}, dueAtMs?: number): Promise<Mandate> => {
      counter += 1;
      const mandate: Mandate = {
        id: `mdt_${counter}`,
        buyerId: 'usr_1',
        provider: 'sandbox',
        reference: '',
        method: 'upi',
        umn: '',
        currency: 'INR',
        amountMaxMinor: 9_007_199_254_740_993n,
        status: 'pending',
        failureCode: '',
        createdAtMs: nowMs + counter,
        movedAtMs: nowMs,
        ...change,
      };
      await sql.transaction((tx) => store.insert(tx, mandate, dueAtMs));
      return mandate;
    };

    it('keeps a mandate as it is saved, amounts above 2^53 included', async () => {
      const fresh = await made();
      expect(await store.find(sql, fresh.id)).toEqual(fresh);
      const asked = { ...fresh, action: { type: 'upi_intent', url: '', uri: 'upi://é', expiresAtMs: nowMs } } as const;
      await sql.transaction((tx) => store.save(tx, asked, nowMs + 9_000, 'answer'));
      expect(await store.find(sql, fresh.id)).toEqual(asked);
      const changed: Mandate = {
        ...fresh,
        reference: 'sm_1',
        umn: 'UMN@bank',
        status: 'active',
        action: undefined,
        movedAtMs: nowMs + 5,
        validUntilMs: nowMs + 9,
        pending: { kind: 'modify', amountMaxMinor: 9_007_199_254_740_995n },
      };
      await sql.transaction((tx) => store.save(tx, changed, undefined, 'webhook'));
      expect(await store.find(sql, fresh.id)).toEqual(changed);
      expect(await store.findByReference(sql, 'sandbox', 'sm_1')).toEqual(changed);
      expect(await store.findByReference(sql, 'other', 'sm_1')).toBeUndefined();
      expect(await store.findByReference(sql, 'sandbox', '')).toBeUndefined();
      expect(await store.find(sql, 'mdt_none')).toBeUndefined();
    });

    it('makes transactions on one mandate wait for each other', async () => {
      const { id } = await made();
      const order: string[] = [];
      const locked = Promise.withResolvers<void>();
      const first = sql.transaction(async (tx) => {
        await store.lock(tx, id);
        locked.resolve();
        await sql.query(sql.dialect === 'mysql' ? 'SELECT SLEEP(0.05)' : 'SELECT pg_sleep(0.05)');
        order.push('first');
      });
      await locked.promise;
      const second = sql.transaction(async (tx) => {
        expect((await store.lock(tx, id))?.id).toBe(id);
        order.push('second');
      });
      await Promise.all([first, second]);
      expect(order).toEqual(['first', 'second']);
    });

    it("lists a buyer's newest first, page by page, and counts those that are not over", async () => {
      const statuses = ['active', 'revoked', 'pending', 'failed', 'paused', 'expired'] as const;
      const ids: string[] = [];
      for (const status of statuses) ids.unshift((await made({ buyerId: 'usr_list', status })).id);
      const first = await store.list(sql, 'usr_list', undefined, 4);
      const last = first.at(-1);
      const rest = await store.list(sql, 'usr_list', last && { atMs: last.createdAtMs, id: last.id }, 4);
      expect([...first, ...rest].map(({ id }) => id)).toEqual(ids);
      expect(await store.countLive(sql, 'usr_list')).toBe(3);
      expect(await store.countLive(sql, 'usr_nobody')).toBe(0);
    });

    it('hands what is due to one taker only, and again after the lease', async () => {
      const { id } = await made({}, nowMs);
      const mine = async (atMs: number) =>
        (await store.takeDue(sql, atMs, atMs + 100, 10)).filter(({ subject }) => subject.id === id);
      const takers = await Promise.all([mine(nowMs), mine(nowMs), mine(nowMs)]);
      expect(takers.flat().map(({ tries }) => tries)).toEqual([1]);
      expect(await mine(nowMs + 99)).toEqual([]);
      expect(await mine(nowMs + 100)).toMatchObject([{ tries: 2 }]);
      await store.setDue(sql, id, undefined);
      expect(await mine(nowMs + 9_999)).toEqual([]);
    });
  });
}
