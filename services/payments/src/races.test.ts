/** What fires together ends as one: long runs with SUUUPRA_SEEDS. */

import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  ListProviderReportsRequestSchema,
  ReadProviderReportRequestSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  PaymentFailedSchema,
  PaymentSucceededSchema,
  RefundFailedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { expect, it } from 'vitest';
import { listProviderReports, readProviderReport, syncPayment } from './desk.ts';
import { syncOne } from './syncs.ts';
import { type Bench, openBench, paymentOf, sandboxTable, secrets, statusWord } from './testing.ts';
import { receiveWebhook } from './webhooks.ts';

const rounds = Number(process.env['SUUUPRA_SEEDS'] ?? '100');
/** Orders that race side by side: each round's own race is among its four. */
const sideBySide = 10;

it('C11, M21: confirmation, webhook and janitor at once tell one success', async () => {
  const own = await openBench({ withoutWebhooks: true });
  for (let from = 0; from < rounds; from += sideBySide) {
    const numbers = Array.from({ length: Math.min(sideBySide, rounds - from) }, (_, index) => from + index);
    await Promise.all(numbers.map((round) => raceForOne(own, round)));
  }
  const told = await own.published(PaymentSucceededSchema);
  expect(new Set(told.map(({ orderId }) => orderId)).size).toBe(rounds);
  expect(told).toHaveLength(rounds);
  expect(await own.published(PaymentFailedSchema)).toHaveLength(0);
  await own.close();
});

async function raceForOne(own: Bench, round: number): Promise<void> {
  const payment = paymentOf(await own.pay(`ord_c11_${round}`, 'tok_requires_3ds'));
  const data = { merchantReference: payment.id, status: 'succeeded', currency: 'INR', amountMinor: '49900' };
  const body = Buffer.from(JSON.stringify({ type: 'payment.succeeded', data }));
  const headers = signWebhook([secrets[0]], `evt_${round}`, own.world.now(), body);
  const known = { id: payment.id, provider: 'sandbox', reference: '' };
  await Promise.all([
    own.confirm(payment.id, 'approve'),
    receiveWebhook(own.surroundings, 'sandbox', headers, body).then(() => own.hear()),
    syncOne(own.surroundings, known),
    own.confirm(payment.id, 'approve'),
  ]);
  expect(statusWord((await own.payment(payment.id)).status)).toBe('succeeded');
}

it('M18: a forced sync of a refund that was made asks, records its reversal once, and gives the amount back once', async () => {
  const own = await openBench();
  const payment = paymentOf(await own.pay('ord_reversed', 'tok_refund_reversed'));
  expect(await own.refund('rfd_reversed', 'ord_reversed', 49_900n)).toBe('succeeded');
  own.advance(2_000);
  await own.settle();
  for (let i = 0; i < 2; i += 1) expect(isRefusal(await syncPayment(own.surroundings, payment.id))).toBe(false);
  expect(await own.published(RefundFailedSchema)).toMatchObject([{ refundId: 'rfd_reversed', code: 'reversed' }]);
  const rows = await own.sql.query<{ because: string }>('SELECT because FROM attention');
  expect(rows).toEqual([{ because: 'refund_reversed' }]);
  expect(await own.refund('rfd_again', 'ord_reversed', 49_900n)).toBe('succeeded');
  await own.close();
});

it('M20, M22: what nobody can settle is put before a person and not taken for failed; an old key is not sent again', async () => {
  let creates = 0;
  const own = await openBench({
    between: (sandbox) => ({
      ...sandbox,
      create: async () => {
        creates += 1;
        throw new Error('connection reset');
      },
      status: async () => {
        throw new Error('connection reset');
      },
    }),
  });
  const payment = paymentOf(await own.pay('ord_lost_for_good', 'tok_ok', { key: 'lost' }));
  own.advance(25 * 3_600_000);
  await own.settle();
  expect(statusWord((await own.payment(payment.id)).status)).toBe('unknown');
  const rows = await own.sql.query<{ because: string }>('SELECT because FROM attention');
  expect(rows).toEqual([{ because: 'unresolved' }]);
  await own.sql.execute("UPDATE idempotency_keys SET response = NULL, claimant = 'gone'");
  await own.pay('ord_lost_for_good', 'tok_ok', { key: 'lost' });
  expect(creates).toBe(1);
  expect(await own.published(PaymentFailedSchema)).toHaveLength(0);
  await own.close();
});

it('P14: UPI addresses are checked, asked, and a deemed success is none until it has settled', async () => {
  const own = await openBench();
  const upi = { type: MethodType.UPI };
  expect(await own.pay('ord_nobody_upi', 'nobody@sandbox', upi)).toMatchObject({ code: 'payment_method_invalid' });
  const deemed = paymentOf(await own.pay('ord_deemed', 'deemed@sandbox', upi));
  const reversed = paymentOf(await own.pay('ord_deemed_back', 'tok_upi_deemed_reversed', upi));
  expect([deemed, reversed].map(({ status }) => statusWord(status))).toEqual(['processing', 'processing']);
  own.advance(2_000);
  await own.settle();
  expect(statusWord((await own.payment(deemed.id)).status)).toBe('succeeded');
  expect((await own.payment(reversed.id)).failure?.code).toBe('reversed');
  const silent = paymentOf(await own.pay('ord_silent', 'silent@sandbox', upi));
  own.advance(16 * 60_000);
  await own.settle();
  expect((await own.payment(silent.id)).failure?.code).toBe('expired');
  await own.close();
});

it.each([1, 64_800])('P14: a UPI address is asked for %d minutes, to the minute', async (collectMinutes) => {
  const own = await openBench();
  const upi = { type: MethodType.UPI, collectMinutes };
  const silent = paymentOf(await own.pay(`ord_asked_${collectMinutes}`, 'silent@sandbox', upi));
  const askedMs = collectMinutes * 60_000;
  const untilMs = silent.nextAction?.expiresAt === undefined ? 0 : timestampMs(silent.nextAction.expiresAt);
  expect(Math.abs(untilMs - own.world.now() - askedMs)).toBeLessThan(20_000);
  own.advance(askedMs - 20_000);
  await own.settle();
  expect(statusWord((await own.payment(silent.id)).status)).toBe('processing');
  own.advance(20_000);
  await own.settle();
  expect((await own.payment(silent.id)).failure?.code).toBe('expired');
  await own.close();
});

it('P14: a set time goes with a UPI address only', async () => {
  const own = await openBench();
  for (const options of [{ collectMinutes: 5 }, { type: MethodType.UPI, collectMinutes: 5 }])
    expect(await own.pay('ord_no_address', 'tok_ok', options)).toMatchObject({
      code: 'payment_method_invalid',
      errors: [{ field: 'method.collectMinutes' }],
    });
  await own.close();
});

it('P16, P18: the reports of the sandbox hold every movement once and add up to the payout', async () => {
  const own = await openBench({ settings: { settlementMs: 60_000 } });
  await own.pay('ord_report', 'tok_ok');
  await own.pay('ord_jpy_1', 'tok_ok');
  await own.pay('ord_kwd_1', 'tok_ok');
  await own.refund('rfd_report', 'ord_report', 1_000n);
  await own.pay('ord_report_dispute', 'tok_chargeback');
  own.advance(3_000);
  await own.settle();
  own.advance(61_000);
  await own.settle();
  const { reports } = await listProviderReports(own.surroundings, create(ListProviderReportsRequestSchema, {}));
  expect(reports.length).toBeGreaterThanOrEqual(3);
  let lines = 0;
  for (const { id, fileName, sizeBytes } of reports) {
    const read = await readProviderReport(own.surroundings, create(ReadProviderReportRequestSchema, { id }));
    if (isRefusal(read)) throw new Error(read.code);
    const text = Buffer.from(read.content).toString();
    expect(BigInt(read.content.byteLength)).toBe(sizeBytes);
    const rows = text
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(','));
    const payout = rows.at(-1);
    const units = (amount = '') => BigInt(amount.replace('.', ''));
    const net = rows.slice(0, -1).reduce((sum, row) => sum + units(row[6]), 0n);
    expect({ fileName, net, type: payout?.[0] }).toEqual({ fileName, net: units(payout?.[6]), type: 'payout' });
    lines += rows.length - 1;
  }
  const [count] = await own.sql.query<{ n: bigint }>(`SELECT count(*) AS n FROM ${sandboxTable('movements')}`);
  expect(BigInt(lines)).toBe(count?.n);
  expect(count?.n).toBe(7n);
  await own.close();
});
