/** M18, C8: the refund cap on MariaDB, whoever asks at once. The decision is the program's; the lock that makes it true is here. */

import { migrateService, prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import { retrying, type Sql, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { paymentsMigrations, paymentsStores } from '../../services/payments/src/adapters.ts';
import type { Attempt, Intent } from '../../services/payments/src/payment.ts';
import type { Refund } from '../../services/payments/src/refund.ts';

const nowMs = 1_700_000_000_000;
const captured = 6_000n;
let pools: Sql[];

beforeAll(async () => {
  const url = await freshDatabaseUrl('mysql');
  pools = [await openTestSql(url), await openTestSql(url)];
  const [sql] = pools;
  if (sql === undefined) throw new Error('a pool was opened');
  await prepareServiceDatabase(sql);
  await migrateService(sql, { name: 'payments', migrations: paymentsMigrations });
});
afterAll(async () => {
  for (const sql of pools) await sql.close();
});

const intent: Intent = {
  orderId: 'ord_cap',
  buyerId: 'usr_1',
  orderNumber: 'SU-1',
  currency: 'INR',
  amountMinor: captured,
  status: 'open',
  capturedAttemptId: '',
  capturedMinor: 0n,
  captureMethod: 'automatic',
};

const attempt: Attempt = {
  id: 'pay_cap',
  orderId: 'ord_cap',
  status: 'processing',
  method: 'card',
  provider: 'sandbox',
  currency: 'INR',
  amountMinor: captured,
  captureMethod: 'automatic',
  reference: '',
  capturedMinor: 0n,
  providerCode: '',
  mandateId: '',
  tryNumber: 0,
  createdAtMs: nowMs,
  movedAtMs: nowMs,
};

const refundOf = (number: number): Refund => ({
  id: `rfd_${number}`,
  orderId: 'ord_cap',
  attemptId: 'pay_cap',
  kind: 'requested',
  currency: 'INR',
  amountMinor: 1_000n,
  status: 'pending',
  failureCode: '',
  reference: '',
  createdAtMs: nowMs,
});

it('M18, C8: 50 refunds at once, some of which fail, beside a dispute, never come to more than was captured', async () => {
  const [first, second] = pools;
  if (first === undefined || second === undefined) throw new Error('two pools were opened');
  const { store } = paymentsStores(first);
  const inTransaction = <T>(sql: Sql, work: (tx: SqlTransaction) => Promise<T>) =>
    retrying(() => sql.transaction(work), 20);
  await inTransaction(first, async (tx) => {
    await store.openIntent(tx, intent, nowMs);
    await store.insertAttempt(tx, attempt, undefined);
    await store.saveAttempt(tx, { ...attempt, status: 'succeeded', capturedMinor: captured }, undefined, 'answer');
    await store.saveIntent(tx, {
      ...intent,
      status: 'captured',
      capturedAttemptId: 'pay_cap',
      capturedMinor: captured,
    });
  });
  const claimedMinor = async (tx: SqlTransaction): Promise<bigint> => {
    const { refundsMinor, disputesMinor } = await store.claimed(tx, 'ord_cap');
    return refundsMinor + disputesMinor;
  };
  const ask = (number: number) =>
    inTransaction(number % 2 === 0 ? first : second, async (tx) => {
      await store.lockIntent(tx, 'ord_cap');
      if ((await claimedMinor(tx)) + 1_000n > captured) return false;
      return store.insertRefund(tx, refundOf(number), nowMs);
    });
  const failAgain = (number: number) =>
    inTransaction(second, async (tx) => {
      await store.lockIntent(tx, 'ord_cap');
      await store.saveRefund(
        tx,
        { ...refundOf(number), status: 'failed', failureCode: 'x', settledAtMs: nowMs },
        'answer',
      );
    });
  const dispute = () =>
    inTransaction(first, async (tx) => {
      await store.lockIntent(tx, 'ord_cap');
      const amountMinor = captured - (await claimedMinor(tx)) < 2_000n ? 0n : 2_000n;
      if (amountMinor === 0n) return false;
      return store.insertDispute(tx, { ...disputeFacts, amountMinor }, undefined);
    });
  const asked = await Promise.all([
    dispute(),
    ...Array.from({ length: 50 }, async (_, number) => {
      const accepted = await ask(number);
      if (accepted && number % 3 === 0) await failAgain(number);
      return accepted;
    }),
  ]);
  const sums = await inTransaction(second, (tx) => store.claimed(tx, 'ord_cap'));
  expect(sums.refundsMinor + sums.disputesMinor).toBeLessThanOrEqual(captured);
  const kept = await store.refundsOfAttempt(first, 'pay_cap', 100);
  const standing = kept.filter(({ status }) => status !== 'failed');
  expect(sums.refundsMinor).toBe(BigInt(standing.length) * 1_000n);
  expect(asked.filter(Boolean).length).toBe(kept.length + (sums.disputesMinor > 0n ? 1 : 0));
  // A failed refund gives its amount back to the cap: what is free can be asked for again, and no more.
  let more = 0;
  for (let number = 100; number < 110; number += 1) if (await ask(number)) more += 1;
  const after = await inTransaction(first, (tx) => store.claimed(tx, 'ord_cap'));
  expect(after.refundsMinor + after.disputesMinor).toBe(captured);
  expect(BigInt(more) * 1_000n).toBe(captured - sums.refundsMinor - sums.disputesMinor);
});

const disputeFacts = {
  id: 'dsp_1',
  orderId: 'ord_cap',
  attemptId: 'pay_cap',
  provider: 'sandbox',
  reference: 'ref_1',
  stage: 'dispute',
  status: 'opened',
  currency: 'INR',
  feeMinor: 0n,
  reason: '',
  evidence: '',
  pending: '',
  openedAtMs: nowMs,
} as const;
