/** The example of README.md, booked: what the page says is what the book does. */
import { readFileSync } from 'node:fs';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BulkMode, LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { expect, it } from 'vitest';
import { ledger } from './service.ts';

interface Row {
  readonly debit: string;
  readonly credit: string;
  readonly amountMinor: bigint;
}

/** The rows `| step | debit | credit | paise |` of the page, by step. */
function rowsOfPage(): Map<string, Row[]> {
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| (\w+) \| (\d{4}\S*) \| (\d{4}\S*) \| ([\d,]+) \|$/gm)].map((found) => ({
    step: found[1] ?? '',
    debit: found[2] ?? '',
    credit: found[3] ?? '',
    amountMinor: BigInt((found[4] ?? '').replaceAll(',', '')),
  }));
  return Map.groupBy(rows, (row) => row.step) as Map<string, Row[]>;
}

it('books the worked example of the page exactly as the page says', async () => {
  const under = await startServiceForTest(ledger, { quiet: true });
  const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
  const line = { lineId: 'line_1', courseId: 'crs_1', instructorId: 'usr_a' };
  const order = { orderId: 'ord_1', provider: 'sandbox', number: 'S-1' };
  const at = timestampFromMs(Date.UTC(2026, 3, 1));
  const sold = { net: inr(42_288n), tax: inr(7_612n), gross: inr(49_900n) };
  await under.deliver(OrderPaidSchema, {
    ...{ ...order, buyerId: 'usr_b', paymentId: 'pay_1', total: inr(49_900n), paidAt: at },
    lines: [{ ...line, title: 'Double entry', release: 1, ...sold }],
  });
  const back = { net: inr(8_475n), tax: inr(1_525n), gross: inr(10_000n) };
  await under.deliver(OrderRefundedSchema, {
    ...{ ...order, refundId: 'rfd_1', amount: inr(10_000n), refundedAt: at },
    lines: [{ ...line, ...back }],
  });
  const page = rowsOfPage();
  const settlement = under.client(LedgerBookingService, 'settlement');
  for (const kind of ['provider_settled', 'provider_fee', 'payout_prepared', 'payout_paid']) {
    const transfers = (page.get(kind) ?? []).map(({ debit, credit, amountMinor }) => ({ debit, credit, amountMinor }));
    const journal = { id: kind, kind, reference: 'payout:1', description: kind, currency: 'INR', transfers };
    const booked = await settlement.bookJournals({ journals: [journal], mode: BulkMode.ATOMIC });
    if (isRefusal(booked)) throw new Error(booked.detail);
    expect(booked.results).toMatchObject([{ outcome: 'posted' }]);
  }
  const transfers = await under.sql.query<{ kind: string; debit: string; credit: string; amount: bigint }>(
    `SELECT kind, d.code AS debit, c.code AS credit, amount_minor AS amount FROM transfers
     JOIN journals ON sequence = journal_sequence JOIN accounts d ON d.id = debit_account_id
     JOIN accounts c ON c.id = credit_account_id ORDER BY journal_sequence, position`,
  );
  const expected = [
    'order_paid',
    'order_refunded',
    'provider_settled',
    'provider_fee',
    'payout_prepared',
    'payout_paid',
  ];
  expect(transfers.map(({ kind, debit, credit, amount }) => [kind, debit, credit, amount])).toEqual(
    expected.flatMap((kind) =>
      (page.get(kind) ?? []).map(({ debit, credit, amountMinor }) => [kind, debit, credit, amountMinor]),
    ),
  );
  const finance = { principal: userPrincipal('usr_f', 'finance') };
  const trial = await under.client(LedgerService).getTrialBalance({}, finance);
  if (isRefusal(trial)) throw new Error(trial.detail);
  expect(trial.currencies).toMatchObject([{ debitMinor: 15_751n, creditMinor: 15_751n }]);
  await under.stop();
});
