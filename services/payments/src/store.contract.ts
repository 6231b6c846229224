/**
 * What every store of the payments' ports must hold, whatever its engine: an engine joins with its adapters and a fresh
 * database.
 */
import type { Sql, SqlFault, SqlTransaction } from '@suuupra/platform/sql/sql';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PaymentsStores } from './adapters.ts';
import { mandateStoreContract } from './mandate-store.contract.ts';
import { moneyStoreContract } from './money-store.contract.ts';
import type { Attempt, Intent } from './payment.ts';
import type { Refund } from './refund.ts';
import { riskStoreContract } from './risk-store.contract.ts';
import { routingStoreContract } from './routing-store.contract.ts';
import { sandboxStoreContract } from './sandbox-store.contract.ts';
import type { PaymentsStore } from './store.ts';

const nowMs = 1_700_000_000_000;
const action = { type: 'upi_intent', url: '', uri: 'upi://pay', expiresAtMs: nowMs + 1 } as const;

/** The cases share one database, opened once. */
export function storeContract(open: () => Promise<PaymentsStores & { readonly sql: Sql }>): void {
  let opened: ReturnType<typeof open> | undefined;
  const once = () => {
    opened ??= open();
    return opened;
  };
  paymentsStoreContract(once);
  moneyStoreContract(once);
  mandateStoreContract(once);
  riskStoreContract(once);
  routingStoreContract(once);
  sandboxStoreContract(once);
}

function paymentsStoreContract(open: () => Promise<{ store: PaymentsStore; sql: Sql }>): void {
  describe('a payments store', () => {
    let store: PaymentsStore;
    let sql: Sql;
    let counter = 0;
    beforeAll(async () => {
      ({ store, sql } = await open());
    });
    const inTransaction = <T>(work: (tx: SqlTransaction) => Promise<T>) => sql.transaction(work);
    const intentOf = (orderId: string): Intent => ({
      orderId,
      buyerId: 'usr_1',
      orderNumber: 'SU-1',
      currency: 'INR',
      amountMinor: 9_007_199_254_740_993n,
      status: 'open',
      capturedAttemptId: '',
      capturedMinor: 0n,
      captureMethod: 'automatic',
    });
    const attemptOf = (orderId: string, change: Partial<Attempt> = {}): Attempt => {
      counter += 1;
      return {
        id: `pay_${counter}`,
        orderId,
        status: 'processing',
        method: 'card',
        provider: 'sandbox',
        currency: 'INR',
        amountMinor: 9_007_199_254_740_993n,
        captureMethod: 'automatic',
        reference: '',
        capturedMinor: 0n,
        providerCode: '',
        mandateId: '',
        tryNumber: 0,
        createdAtMs: nowMs + counter,
        movedAtMs: nowMs,
        ...change,
      };
    };
    const refundOf = (attempt: Attempt, change: Partial<Refund> = {}): Refund => {
      counter += 1;
      return {
        id: `rfd_${counter}`,
        orderId: attempt.orderId,
        attemptId: attempt.id,
        kind: 'requested',
        currency: 'INR',
        amountMinor: 10n,
        status: 'pending',
        failureCode: '',
        reference: '',
        createdAtMs: nowMs,
        ...change,
      };
    };
    const made = async (orderId: string, change: Partial<Attempt> = {}): Promise<Attempt> => {
      const attempt = attemptOf(orderId, change);
      await inTransaction(async (tx) => {
        await store.openIntent(tx, intentOf(orderId), nowMs);
        await store.insertAttempt(tx, { ...attempt, status: 'processing' }, undefined);
        if (attempt.status !== 'processing') await store.saveAttempt(tx, attempt, undefined, 'answer');
      });
      return attempt;
    };
    const faultOf = (work: Promise<unknown>) => work.then(() => undefined).catch((error) => (error as SqlFault).kind);

    it('opens an intent once and gives it back unchanged, amounts above 2^53 included', async () => {
      const first = await inTransaction((tx) => store.openIntent(tx, intentOf('ord_a'), nowMs));
      const second = await inTransaction((tx) =>
        store.openIntent(tx, { ...intentOf('ord_a'), buyerId: 'usr_2', amountMinor: 1n }, nowMs),
      );
      expect(first).toEqual(intentOf('ord_a'));
      expect(second).toEqual(first);
    });

    it('makes transactions on one intent wait for each other', async () => {
      await inTransaction((tx) => store.openIntent(tx, intentOf('ord_lock'), nowMs));
      const order: string[] = [];
      const locked = Promise.withResolvers<void>();
      const first = inTransaction(async (tx) => {
        await store.lockIntent(tx, 'ord_lock');
        locked.resolve();
        await sql.query(sql.dialect === 'mysql' ? 'SELECT SLEEP(0.05)' : 'SELECT pg_sleep(0.05)');
        order.push('first');
      });
      await locked.promise;
      const second = inTransaction(async (tx) => {
        await store.lockIntent(tx, 'ord_lock');
        order.push('second');
      });
      await Promise.all([first, second]);
      expect(order).toEqual(['first', 'second']);
    });

    it('keeps an attempt as it is saved', async () => {
      const attempt = await made('ord_kept', {
        status: 'failed',
        action,
        failure: { code: 'card_declined', detail: 'declined' },
        settledAtMs: nowMs + 5,
      });
      expect(await store.findAttempt(sql, attempt.id)).toEqual(attempt);
      expect(await store.findAttempt(sql, 'pay_none')).toBeUndefined();
    });

    it('keeps one that waits for its confirmation, and its method no longer than a call may need it', async () => {
      const waiting = attemptOf('ord_unconfirmed', {
        ...{ status: 'requires_confirmation', provider: '', confirmByMs: nowMs + 9_000, sealedMethod: 'sealed' },
      });
      await inTransaction(async (tx) => {
        await store.openIntent(tx, intentOf('ord_unconfirmed'), nowMs);
        await store.insertAttempt(tx, waiting, nowMs + 9_000);
      });
      expect(await store.findAttempt(sql, waiting.id)).toEqual(waiting);
      expect(await store.liveAttempt(sql, 'ord_unconfirmed')).toEqual(waiting);
      expect(await faultOf(made('ord_unconfirmed'))).toBe('unique');
      expect(await store.nextDueMs(sql)).toBe(nowMs + 9_000);
      const sent = {
        ...waiting,
        status: 'processing',
        provider: 'sandbox',
        amountMinor: 7n,
        captureMethod: 'manual',
      } as const;
      await inTransaction((tx) => store.saveAttempt(tx, sent, undefined, 'request'));
      expect(await store.findAttempt(sql, waiting.id)).toEqual(sent);
      await inTransaction((tx) =>
        store.saveAttempt(tx, { ...sent, status: 'requires_action', action }, undefined, 'answer'),
      );
      const asking = await store.findAttempt(sql, waiting.id);
      expect(asking).toMatchObject({ status: 'requires_action', confirmByMs: nowMs + 9_000 });
      expect(asking?.sealedMethod).toBeUndefined();
      const history = await store.historyOf(sql, waiting.id);
      expect(history.map(({ status }) => status)).toEqual(['requires_confirmation', 'processing', 'requires_action']);
      await inTransaction((tx) => store.saveAttempt(tx, { ...sent, status: 'failed' }, undefined, 'answer'));
    });

    it('holds one live and one captured attempt an order, whatever the program decides', async () => {
      await made('ord_one', { status: 'succeeded' });
      const live = await made('ord_one');
      expect(await store.liveAttempt(sql, 'ord_one')).toMatchObject({ id: live.id });
      expect(await faultOf(made('ord_one'))).toBe('unique');
      const captured = { ...live, status: 'succeeded' } as const;
      expect(await faultOf(inTransaction((tx) => store.saveAttempt(tx, captured, undefined, 'webhook')))).toBe(
        'unique',
      );
    });

    it('hands a due attempt to one taker only, and again after the lease', async () => {
      const attempt = await made('ord_due');
      await store.setSyncDue(sql, attempt.id, nowMs);
      const takers = await Promise.all(
        Array.from({ length: 5 }, () => store.takeDueAttempts(sql, nowMs, nowMs + 100, 10)),
      );
      expect(takers.flat()).toEqual([{ id: attempt.id, provider: 'sandbox', tries: 1 }]);
      expect(await store.takeDueAttempts(sql, nowMs + 99, nowMs + 200, 10)).toEqual([]);
      expect(await store.takeDueAttempts(sql, nowMs + 100, nowMs + 200, 10)).toMatchObject([{ tries: 2 }]);
      expect(await store.nextDueMs(sql)).toBe(nowMs + 200);
      await inTransaction((tx) => store.saveAttempt(tx, { ...attempt, status: 'failed' }, undefined, 'sync'));
      await store.setSyncDue(sql, attempt.id, nowMs);
      expect(await store.takeDueAttempts(sql, nowMs + 999, nowMs + 1_000, 10)).toEqual([]);
    });

    it('sums what is spoken for: requested refunds that did not fail, and disputes', async () => {
      const attempt = await made('ord_claimed', { status: 'succeeded' });
      await inTransaction(async (tx) => {
        await store.insertRefund(tx, refundOf(attempt, { amountMinor: 1n }), nowMs + 9_000);
        const failed = refundOf(attempt, { amountMinor: 20n });
        await store.insertRefund(tx, failed, nowMs + 9_000);
        await store.saveRefund(tx, { ...failed, status: 'failed', failureCode: 'x', settledAtMs: nowMs }, 'answer');
        await store.insertRefund(tx, refundOf(attempt, { amountMinor: 300n, kind: 'late' }), nowMs + 9_000);
        const dispute = {
          id: 'dsp_1',
          orderId: 'ord_claimed',
          attemptId: attempt.id,
          currency: 'INR',
          amountMinor: 4_000n,
          provider: 'sandbox',
          reference: 'sdp_1',
          status: 'opened',
          feeMinor: 0n,
          reason: 'general',
          evidence: '',
          pending: '',
          openedAtMs: nowMs,
        } as const;
        const inquiry = { ...dispute, id: 'dsp_0', stage: 'pre_dispute' } as const;
        expect(await store.insertDispute(tx, { ...inquiry, openedAtMs: nowMs - 1 }, undefined)).toBe(true);
        expect(await store.insertDispute(tx, { ...dispute, stage: 'dispute' }, undefined)).toBe(true);
        expect(await store.insertDispute(tx, { ...dispute, id: 'dsp_2', stage: 'dispute' }, undefined)).toBe(false);
        expect(await store.claimed(tx, 'ord_claimed')).toEqual({ refundsMinor: 1n, disputesMinor: 4_000n });
      });
      const view = await store.viewAttempt(sql, attempt.id);
      expect(view).toMatchObject({
        buyerId: 'usr_1',
        refundedMinor: 0n,
        dispute: { id: 'dsp_1', amountMinor: 4_000n },
      });
    });

    it('returns a late payment once', async () => {
      const attempt = await made('ord_late', { status: 'cancelled' });
      const insert = () =>
        inTransaction((tx) => store.insertRefund(tx, refundOf(attempt, { kind: 'late' }), nowMs + 9_000));
      expect(await insert()).toBe(true);
      expect(await insert()).toBe(false);
    });

    it('lists attempts newest first, page by page', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1) ids.unshift((await made('ord_list', { status: 'failed' })).id);
      const first = await store.viewAttempts(sql, 'ord_list', undefined, 3);
      const last = first.at(-1)?.attempt;
      const rest = await store.viewAttempts(sql, 'ord_list', last && { createdAtMs: last.createdAtMs, id: last.id }, 3);
      expect([...first, ...rest].map((view) => view.attempt.id)).toEqual(ids);
    });

    it('keeps a webhook once, hands it to one taker, and forgets it when it is done with and old', async () => {
      const webhook = { provider: 'sandbox', eventId: 'evt_1', body: Buffer.from([0, 255, 10]) };
      expect(await store.keepWebhook(sql, webhook, nowMs)).toBe(true);
      expect(await store.keepWebhook(sql, { ...webhook, body: Buffer.from('other') }, nowMs)).toBe(false);
      await inTransaction(async (tx) => {
        const taken = await store.takeDueWebhook(tx, nowMs);
        expect(taken).toMatchObject({ eventId: 'evt_1', tries: 0 });
        expect(Buffer.from(taken?.body ?? []).equals(webhook.body)).toBe(true);
        expect(await inTransaction((other) => store.takeDueWebhook(other, nowMs))).toBeUndefined();
        if (taken !== undefined) await store.postponeWebhook(tx, taken, nowMs + 10);
      });
      expect(await inTransaction((tx) => store.takeDueWebhook(tx, nowMs + 9))).toBeUndefined();
      expect(await store.pruneWebhooks(sql, nowMs + 1, 10)).toBe(0);
      await inTransaction(async (tx) => {
        const taken = await store.takeDueWebhook(tx, nowMs + 10);
        expect(taken?.tries).toBe(1);
        if (taken !== undefined) await store.closeWebhook(tx, taken, 'applied');
      });
      expect(await store.pruneWebhooks(sql, nowMs, 10)).toBe(0);
      expect(await store.pruneWebhooks(sql, nowMs + 1, 10)).toBe(1);
    });
  });
}
