/** The money check's view of a ledger of four shards: one book, as if it had been one. */
import { randomBytes } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { LedgerReportsService } from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { ledger } from '@suuupra/ledger/service';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { readShardSettings, type ShardSettings } from '@suuupra/platform/shards/places';
import { testDialect } from '@suuupra/platform/testing';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { wholeBook } from './money-books.ts';
import { readBook } from './money-facts.ts';

const people = Array.from({ length: 12 }, (_, index) => `usr_${index}`);
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
const at = timestampFromMs(Date.UTC(2026, 0, 1));
const common = { orderId: 'ord_1', provider: 'sandbox', number: 'S-1' };

/** A line of 500 in all for each, or half of it. */
const linesOf = (part: bigint) =>
  people.map((instructorId) => ({
    ...{ lineId: `line_${instructorId}`, courseId: 'crs', instructorId, title: 'Sums', release: 1 },
    ...{ net: inr(40_000n / part), tax: inr(10_000n / part), gross: inr(50_000n / part) },
  }));

describe('the book of a ledger over four shards', () => {
  let under: ServiceUnderTest;
  let settings: ShardSettings | undefined;
  beforeEach(async () => {
    vi.stubEnv('SUUUPRA_LEDGER_SHARDS', '4');
    const server = process.env[testDialect === 'mysql' ? 'SUUUPRA_TEST_MYSQL' : 'SUUUPRA_TEST_POSTGRES'] ?? '';
    vi.stubEnv('SUUUPRA_LEDGER_PLACES', `a=${server},b=${server}`);
    vi.stubEnv('SUUUPRA_LEDGER_SHARD_NAMES', `test_${randomBytes(6).toString('hex')}`);
    settings = readShardSettings('ledger', process.env);
    under = await startServiceForTest(ledger, { quiet: true });
    // The book of a shard is made when something first asks for it.
    await ok(under.client(LedgerService).getTrialBalance({}, { principal: userPrincipal('usr_f', 'finance') }));
  });
  afterEach(async () => {
    await under.stop();
    vi.unstubAllEnvs();
  });

  it('has a sale and a refund of many merchants once, whole', async () => {
    const whole = 50_000n * BigInt(people.length);
    const paid = { ...common, buyerId: 'usr_b', paymentId: 'pay_1', lines: linesOf(1n), total: inr(whole), paidAt: at };
    await under.deliver(OrderPaidSchema, paid);
    const half = { ...common, refundId: 'rfd_1', lines: linesOf(2n), amount: inr(whole / 2n), refundedAt: at };
    await under.deliver(OrderRefundedSchema, half);
    const { journals } = await readBook(under.sql, settings);
    expect(journals).toMatchObject([
      { kind: 'order_paid', cause: 'payment:pay_1', totalMinor: whole, receivableMinor: whole },
      { kind: 'order_refunded', cause: 'refund:rfd_1', totalMinor: whole / 2n, receivableMinor: -whole / 2n },
    ]);
  });

  it('has what moved between merchants of two shards once under its id', async () => {
    const paid = {
      ...common,
      buyerId: 'usr_b',
      paymentId: 'pay_1',
      lines: linesOf(1n),
      total: inr(600_000n),
      paidAt: at,
    };
    await under.deliver(OrderPaidSchema, paid);
    const reports = under.client(LedgerReportsService);
    for (const to of people.slice(1)) {
      const move = { debit: '2200:usr_0', credit: `2200:${to}`, amountMinor: 100n };
      const asked = { currency: 'INR', reference: 'case:1', reason: 'Paid to the wrong one', transfers: [move] };
      const finance = { principal: userPrincipal('usr_f', 'finance'), idempotencyKey: `propose-${to}` };
      const { adjustment } = await ok(reports.proposeAdjustment(asked, finance));
      const second = { principal: userPrincipal('usr_g', 'finance'), idempotencyKey: `approve-${to}` };
      await ok(reports.approveAdjustment({ id: adjustment?.id ?? '' }, second));
    }
    const { journals } = await readBook(under.sql, settings);
    const moved = journals.filter(({ kind }) => kind === 'adjustment');
    expect(moved.map(({ totalMinor }) => totalMinor)).toEqual(people.slice(1).map(() => 100n));
    expect(new Set(journals.map(({ id }) => id)).size).toBe(journals.length);
  });

  it('is not read without the settings of its shards, or with others', async () => {
    await expect(readBook(under.sql)).rejects.toThrow('The ledger is sharded');
    const other = { ...(settings as ShardSettings), count: 8 };
    await expect(readBook(under.sql, other)).rejects.toThrow('There are 4 shards, and SUUUPRA_LEDGER_SHARDS says 8');
    const elsewhere = { ...(settings as ShardSettings), places: new Map() };
    await expect(readBook(under.sql, elsewhere)).rejects.toThrow('SUUUPRA_LEDGER_PLACES does not name');
  });

  async function ok<T>(answer: Promise<T | Refusal>): Promise<T> {
    const value = await answer;
    if (isRefusal(value)) throw new Error(`${value.code}: ${value.detail}`);
    return value;
  }
});

it('adds up what stands on one account in several books', () => {
  const book = (minor: bigint) => ({ journals: [], inTransit: new Map([['2260:usr_1 INR', minor]]) });
  expect(wholeBook([book(3n), book(4n)]).inTransit).toEqual(new Map([['2260:usr_1 INR', 7n]]));
});
