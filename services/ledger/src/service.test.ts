import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BulkMode, LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import {
  JournalPostedSchema,
  JournalsPostedSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_events_pb.ts';
import { EarningStatus, LedgerService, Side } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal, Refusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerStores } from './adapters.ts';
import { ledger } from './service.ts';
import { verifyLedger } from './verify.ts';

const finance = { principal: userPrincipal('usr_f', 'finance') };
const instructor = { principal: userPrincipal('usr_1', 'instructor') };
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

function paid(number: number, options: { net?: bigint; tax?: bigint; currency?: string; instructorId?: string } = {}) {
  const { net = 42_288n, tax = 7_612n, currency = 'INR', instructorId = 'usr_1' } = options;
  const money = (amountMinor: bigint) => ({ currency, amountMinor });
  const amounts = { net: money(net), tax: money(tax), gross: money(net + tax) };
  const line = {
    lineId: `line_${number}`,
    courseId: 'crs_1',
    instructorId,
    title: 'Double entry',
    release: 1,
    ...amounts,
  };
  return {
    orderId: `ord_${number}`,
    buyerId: 'usr_b',
    lines: [line],
    total: amounts.gross,
    paymentId: net + tax === 0n ? '' : `pay_${number}`,
    provider: 'sandbox',
    paidAt: timestampFromMs(Date.UTC(2026, 0, 1, 12)),
    number: `S-${number}`,
  } satisfies MessageInitShape<typeof OrderPaidSchema>;
}

function refunded(number: number, part: number, net: bigint, tax: bigint) {
  const amounts = { net: inr(net), tax: inr(tax), gross: inr(net + tax) };
  return {
    orderId: `ord_${number}`,
    refundId: `rfd_${number}_${part}`,
    amount: amounts.gross,
    lines: [{ lineId: `line_${number}`, courseId: 'crs_1', instructorId: 'usr_1', ...amounts }],
    provider: 'sandbox',
    refundedAt: timestampFromMs(Date.UTC(2026, 0, 2)),
    number: `S-${number}`,
  } satisfies MessageInitShape<typeof OrderRefundedSchema>;
}

describe('the ledger service', () => {
  let under: ServiceUnderTest;
  let world: TestWorld;
  beforeEach(async () => {
    world = testWorld();
    under = await startServiceForTest(ledger, { world });
  });
  afterEach(() => under.stop());

  const api = () => under.client(LedgerService);
  async function ok<T>(answer: Promise<T | Refusal>): Promise<T> {
    const value = await answer;
    if (isRefusal(value)) throw new Error(`${value.code}: ${value.detail}`);
    return value;
  }
  const balances = async (at?: number) => {
    const { currencies } = await ok(
      api().getTrialBalance(at === undefined ? {} : { at: timestampFromMs(at) }, finance),
    );
    for (const { debitMinor, creditMinor } of currencies) expect(debitMinor).toBe(creditMinor);
    return Object.fromEntries(
      currencies.flatMap(({ currency, accounts }) =>
        accounts.map((account) => [`${account.code} ${currency}`, account.balanceMinor]),
      ),
    );
  };

  it('shows the chart in INR before anything was sold', async () => {
    const answer = await ok(api().getTrialBalance({}, finance));
    expect(answer.currencies).toHaveLength(1);
    expect(answer.currencies[0]).toMatchObject({ currency: 'INR', debitMinor: 0n, creditMinor: 0n });
    expect(answer.currencies[0]?.accounts.map(({ code, normalSide }) => [code, normalSide])).toEqual([
      ['1100', Side.DEBIT],
      ['1150', Side.DEBIT],
      ['2100', Side.CREDIT],
      ['2300', Side.CREDIT],
      ['4100', Side.CREDIT],
    ]);
  });

  it('books a paid order as one entry with its legs, and tells of it', async () => {
    await under.deliver(OrderPaidSchema, paid(1));
    const { entries } = await ok(api().listEntries({ reference: 'order:ord_1' }, finance));
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      kind: 'order_paid',
      cause: 'payment:pay_1',
      reference: 'order:ord_1',
      sequence: 1n,
      effectiveAt: timestampFromMs(Date.UTC(2026, 0, 1, 12)),
      at: timestampFromMs(world.now()),
    });
    expect(entries[0]?.legs.map((leg) => [leg.account, leg.debit?.amountMinor, leg.credit?.amountMinor])).toEqual([
      ['1100', 49_900n, undefined],
      ['2100', undefined, 7_612n],
      ['4100', undefined, 8_458n],
      ['2200:usr_1', undefined, 33_830n],
    ]);
    const [posted] = await under.published(JournalPostedSchema);
    expect(posted).toMatchObject({
      journalId: entries[0]?.id,
      reference: 'order:ord_1',
      kind: 'order_paid',
      sequence: 1n,
    });
  });

  it('books one payment once, also when the fact is told again under another event id', async () => {
    await under.deliver(OrderPaidSchema, paid(1), 'evt_1');
    await under.deliver(OrderPaidSchema, paid(1), 'evt_1');
    await under.deliver(OrderPaidSchema, paid(1), 'evt_2');
    expect((await ok(api().listEntries({}, finance))).entries).toHaveLength(1);
    expect(await under.published(JournalPostedSchema)).toHaveLength(1);
  });

  it('books nothing for an order that costs nothing', async () => {
    await under.deliver(OrderPaidSchema, paid(1, { net: 0n, tax: 0n }));
    expect((await ok(api().listEntries({}, finance))).entries).toEqual([]);
    expect((await ok(api().getMyEarnings({}, instructor))).earnings).toEqual([]);
  });

  it('takes back exactly the parts of the sale over partial refunds', async () => {
    await under.deliver(OrderPaidSchema, paid(1));
    await under.deliver(OrderRefundedSchema, refunded(1, 1, 14_096n, 2_537n));
    await under.deliver(OrderRefundedSchema, refunded(1, 2, 14_096n, 2_537n));
    const half = await ok(api().getMyEarnings({}, instructor));
    expect(half.earnings[0]).toMatchObject({ status: EarningStatus.PARTIALLY_REFUNDED, courseTitle: 'Double entry' });
    expect(half.balance).toMatchObject(inr(33_830n - (half.earnings[0]?.refundedShare?.amountMinor ?? 0n)));
    await under.deliver(OrderRefundedSchema, refunded(1, 3, 14_096n, 2_538n));
    const all = await ok(api().getMyEarnings({}, instructor));
    expect(all.earnings[0]).toMatchObject({
      status: EarningStatus.REFUNDED,
      gross: inr(49_900n),
      tax: inr(7_612n),
      platformFee: inr(8_458n),
      share: inr(33_830n),
      refundedShare: inr(33_830n),
    });
    expect(all.balance).toMatchObject(inr(0n));
    expect(new Set(Object.values(await balances()))).toEqual(new Set([0n]));
  });

  it('refuses by a fault to take back more than was sold, and keeps nothing of it', async () => {
    await under.deliver(OrderPaidSchema, paid(1));
    await expect(under.deliver(OrderRefundedSchema, refunded(1, 1, 42_289n, 0n))).rejects.toThrow(
      'refund_exceeds_line',
    );
    await expect(under.deliver(OrderRefundedSchema, refunded(2, 1, 1n, 0n))).rejects.toThrow('unknown_line');
    expect((await ok(api().listEntries({}, finance))).entries).toHaveLength(1);
  });

  it('books disputes and late payments', async () => {
    const late = { paymentId: 'pay_9', orderId: 'ord_9', amount: inr(500n), provider: 'sandbox' };
    await under.deliver(OrderPaidSchema, paid(1));
    await under.deliver(DisputeOpenedSchema, { ...late, disputeId: 'dsp_1', amount: inr(49_900n) });
    await under.deliver(LatePaymentReceivedSchema, late);
    expect(await balances()).toMatchObject({ '1100 INR': 500n, '1150 INR': 49_900n, '2300 INR': 500n });
    await under.deliver(LatePaymentReturnedSchema, late);
    expect(await balances()).toMatchObject({ '1100 INR': 0n, '1150 INR': 49_900n, '2300 INR': 0n });
  });

  it.each([
    ['won', { '1100 INR': 48_400n, '1150 INR': 0n, '5200 INR': 1_500n }],
    ['lost', { '1100 INR': -1_500n, '1150 INR': 0n, '5200 INR': 51_400n }],
  ])('books the end of a dispute that was %s, the fee as a leg of its own', async (outcome, expected) => {
    const about = {
      paymentId: 'pay_1',
      orderId: 'ord_1',
      disputeId: 'dsp_1',
      amount: inr(49_900n),
      provider: 'sandbox',
    };
    await under.deliver(OrderPaidSchema, paid(1));
    await under.deliver(DisputeOpenedSchema, about);
    await under.deliver(DisputeClosedSchema, { ...about, outcome, fee: inr(1_500n) });
    expect(await balances()).toMatchObject(expected);
  });

  it('books the parts of a tax apart where the sale names them, and takes them back in proportion', async () => {
    const sale = paid(1);
    const taxes = [
      { kind: 'cgst', amount: inr(3_806n) },
      { kind: 'sgst', amount: inr(3_806n) },
    ];
    await under.deliver(OrderPaidSchema, { ...sale, lines: sale.lines.map((line) => ({ ...line, taxes })) });
    expect(await balances()).toMatchObject({ '2100 INR': 0n, '2110 INR': 3_806n, '2120 INR': 3_806n });
    await under.deliver(OrderRefundedSchema, refunded(1, 1, 21_144n, 3_806n));
    expect(await balances()).toMatchObject({ '2110 INR': 1_903n, '2120 INR': 1_903n });
    await under.deliver(OrderRefundedSchema, refunded(1, 2, 21_144n, 3_806n));
    expect(new Set(Object.values(await balances()))).toEqual(new Set([0n]));
  });

  it('M14 tells of every batch once, in the order of the book, without a gap', async () => {
    await Promise.all([1, 2, 3, 4, 5, 6].map((number) => under.deliver(OrderPaidSchema, paid(number))));
    const told = await under.published(JournalsPostedSchema);
    let next = 1n;
    for (const { firstSequence, lastSequence, journals } of told) {
      expect(firstSequence).toBe(next);
      expect(journals.map(({ sequence }) => sequence)[0]).toBe(firstSequence);
      next = lastSequence + 1n;
    }
    expect(next).toBe(7n);
  });

  it('M9 books for another service once for each id, and says which field differs', async () => {
    const settlement = under.client(LedgerBookingService, 'settlement');
    const journal = {
      id: 'batch_1',
      kind: 'provider_settled',
      reference: 'settlement:1',
      description: '',
      currency: 'INR',
      transfers: [{ debit: '1000', credit: '1100', amountMinor: 500n }],
    };
    const call = (amountMinor: bigint, dryRun = false) =>
      ok(
        settlement.bookJournals({
          mode: BulkMode.ATOMIC,
          dryRun,
          journals: [{ ...journal, transfers: [{ ...journal.transfers[0], amountMinor }] }],
        }),
      );
    expect((await call(500n, true)).balances).toMatchObject([
      { account: '1000', balanceMinor: 500n, availableMinor: 500n },
      { account: '1100', balanceMinor: -500n },
    ]);
    expect((await call(500n)).results).toMatchObject([{ id: 'batch_1', outcome: 'posted', sequence: 1n }]);
    expect((await call(500n)).results).toMatchObject([{ outcome: 'duplicate', sequence: 1n }]);
    expect((await call(600n)).results).toMatchObject([{ outcome: 'rejected', reason: 'id_reused' }]);
  });

  it('answers the trial balance of any past time, in each currency', async () => {
    const startMs = world.now();
    world.advance(1_000);
    await under.deliver(OrderPaidSchema, paid(1));
    world.advance(1_000);
    await under.deliver(OrderPaidSchema, paid(2, { currency: 'USD' }));
    expect(await balances(startMs)).toMatchObject({ '1100 INR': 0n });
    expect(await balances(startMs + 999)).toMatchObject({ '1100 INR': 0n });
    const then = await balances(startMs + 1_000);
    expect(then).toMatchObject({ '1100 INR': 49_900n });
    expect(then).not.toHaveProperty('1100 USD');
    expect(await balances()).toMatchObject({ '1100 INR': 49_900n, '1100 USD': 49_900n });
    expect(await balances(startMs + 1_000_000)).toMatchObject({ '1100 USD': 49_900n });
  });

  it('gives lists page by page, stable while new entries come', async () => {
    for (const number of [1, 2, 3]) await under.deliver(OrderPaidSchema, paid(number));
    const first = await ok(api().listEntries({ pageSize: 2 }, finance));
    await under.deliver(OrderPaidSchema, paid(4));
    const rest = await ok(api().listEntries({ pageSize: 2, pageToken: first.nextPageToken }, finance));
    const references = [...first.entries, ...rest.entries].map((entry) => entry.reference);
    expect(references).toEqual(['order:ord_3', 'order:ord_2', 'order:ord_1']);
    expect(rest.nextPageToken).toBe('');
    const earned = await ok(api().getMyEarnings({ pageSize: 3 }, instructor));
    const more = await ok(api().getMyEarnings({ pageSize: 3, pageToken: earned.nextPageToken }, instructor));
    expect([...earned.earnings, ...more.earnings].map((one) => one.orderId)).toEqual([
      'ord_4',
      'ord_3',
      'ord_2',
      'ord_1',
    ]);
  });

  it('shows an instructor their own earnings only, and the balance of the currency they earn most in', async () => {
    await under.deliver(OrderPaidSchema, paid(1, { currency: 'USD' }));
    await under.deliver(OrderPaidSchema, paid(2, { currency: 'USD' }));
    await under.deliver(OrderPaidSchema, paid(3));
    await under.deliver(OrderPaidSchema, paid(4, { instructorId: 'usr_2' }));
    const mine = await ok(api().getMyEarnings({}, instructor));
    expect(mine.earnings.map((one) => one.orderId)).toEqual(['ord_3', 'ord_2', 'ord_1']);
    expect(mine.balance).toMatchObject({ currency: 'USD', amountMinor: 67_660n });
    expect(mine.balances.map((money) => [money.currency, money.amountMinor])).toEqual([
      ['USD', 67_660n],
      ['INR', 33_830n],
    ]);
  });

  it.each([
    ['a page that is too large', { pageSize: 101 }, 'pageSize'],
    ['a page token that is not ours', { pageToken: 'x' }, 'pageToken'],
    ['an account outside the chart', { account: '9999' }, 'account'],
  ])('refuses %s', async (_what, request, field) => {
    const refusal = await api().listEntries(request, finance);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'invalid_request', errors: [{ field }] });
  });

  it('is closed to learners and strangers', async () => {
    const learner = { principal: userPrincipal('usr_l', 'learner') };
    expect(await api().getTrialBalance({}, learner)).toMatchObject({ code: 'permission_denied' });
    expect(await api().listEntries({})).toMatchObject({ code: 'unauthenticated' });
    expect(await api().getMyEarnings({}, learner)).toMatchObject({ code: 'permission_denied' });
  });

  it('stays one intact book when two processes hear the same and different facts at once', async () => {
    const second = await startServiceForTest(ledger, { world, databaseUrl: under.databaseUrl });
    const numbers = [...Array(20).keys()];
    await Promise.all(
      numbers.flatMap((number) => [
        under.deliver(OrderPaidSchema, paid(number), `evt_${number}`),
        second.deliver(OrderPaidSchema, paid(number), number % 2 === 0 ? `evt_${number}` : `evt_again_${number}`),
      ]),
    );
    await Promise.all(
      numbers.map((number) =>
        (number % 2 === 0 ? under : second).deliver(OrderRefundedSchema, refunded(number, 1, 42_288n, 7_612n)),
      ),
    );
    expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true, journals: 40n });
    expect(await under.published(JournalPostedSchema)).toHaveLength(40);
    expect(new Set(Object.values(await balances()))).toEqual(new Set([0n]));
    await second.stop();
  });
});
