import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BulkMode, LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import {
  AccountStatus,
  AdjustmentStatus,
  LedgerReportsService,
  MonitorDirection,
  TimeBasis,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { RawContext } from '@suuupra/platform/http/route';
import { isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerStores } from './adapters.ts';
import { readAnchors } from './anchors.ts';
import { ledger } from './service.ts';
import { verifyLedger } from './verify.ts';

const maker = userPrincipal('usr_maker', 'finance');
const checker = userPrincipal('usr_checker', 'finance');
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

function paid(number: number, atMs: number, lines = 1) {
  const amounts = { net: inr(42_288n), tax: inr(7_612n), gross: inr(49_900n) };
  const line = (index: number) => ({
    lineId: `line_${number}_${index}`,
    courseId: `crs_${index}`,
    instructorId: 'usr_1',
    title: `Course ${index}`,
    release: 1,
    ...amounts,
  });
  return {
    orderId: `ord_${number}`,
    buyerId: 'usr_b',
    lines: [...Array(lines).keys()].map(line),
    total: inr(49_900n * BigInt(lines)),
    paymentId: `pay_${number}`,
    provider: 'sandbox',
    paidAt: timestampFromMs(atMs),
    number: `S-${number}`,
  };
}

describe('the finance desk of the ledger', () => {
  let under: ServiceUnderTest;
  let world: TestWorld;
  beforeEach(async () => {
    world = testWorld();
    under = await startServiceForTest(ledger, { world, quiet: true });
  });
  afterEach(() => under.stop());

  let keys = 0;
  const by = (principal: Principal, given?: string) => {
    keys += 1;
    return { principal, idempotencyKey: given ?? `key_${keys}` };
  };
  const desk = () => under.client(LedgerReportsService);
  const booking = () => under.client(LedgerBookingService, 'settlement');
  async function ok<T>(answer: Promise<T | Refusal>): Promise<T> {
    const value = await answer;
    if (isRefusal(value)) throw new Error(`${value.code}: ${value.detail}`);
    return value;
  }
  const inr1100 = { code: '1100', currency: 'INR' };
  const settled = (id: string, amountMinor: bigint) => ({
    ...{ id, kind: 'provider_settled', reference: 'file:1', description: 'Settled', currency: 'INR' },
    transfers: [{ debit: '1000', credit: '1100', amountMinor }],
  });

  it('L14: gives a statement page by page whose closing is the opening of the next', async () => {
    const startMs = world.now();
    for (const number of [1, 2, 3]) {
      world.advance(1_000);
      await under.deliver(OrderPaidSchema, paid(number, world.now()));
    }
    const range = { ...inr1100, basis: TimeBasis.EFFECTIVE };
    const until = timestampFromMs(startMs + 2_500);
    const first = await ok(desk().getStatement({ ...range, until, pageSize: 4 }, by(maker)));
    expect(first).toMatchObject({ openingMinor: 0n, closingMinor: 99_800n, debitsMinor: 99_800n, creditsMinor: 0n });
    const rest = await ok(
      desk().getStatement({ ...range, until, pageSize: 4, pageToken: first.nextPageToken }, by(maker)),
    );
    expect(rest.nextPageToken).toBe('');
    expect([...first.lines, ...rest.lines].at(-1)?.balanceMinor).toBe(99_800n);
    expect(first.lines[0]).toMatchObject({ kind: 'order_paid', reference: 'order:ord_1', counterpart: '2100' });
    const next = await ok(desk().getStatement({ ...range, from: until }, by(maker)));
    expect(next).toMatchObject({ openingMinor: 99_800n, closingMinor: 149_700n });
    expect(await desk().getStatement({ ...inr1100, code: '9999' }, by(maker))).toMatchObject({ code: 'not_found' });
  });

  it('L12: gives a balance and a trial balance by recorded time, effective time and sequence', async () => {
    const startMs = world.now();
    world.advance(10_000);
    await under.deliver(OrderPaidSchema, paid(1, startMs + 1_000));
    world.advance(10_000);
    await under.deliver(OrderPaidSchema, paid(2, startMs + 2_000));
    const at = async (point: object) => (await ok(desk().getBalance({ ...inr1100, ...point }, by(maker)))).balanceMinor;
    expect(await at({})).toBe(99_800n);
    expect(await at({ at: timestampFromMs(startMs + 15_000) })).toBe(49_900n);
    expect(await at({ effectiveAt: timestampFromMs(startMs + 2_000) })).toBe(99_800n);
    expect(await at({ effectiveAt: timestampFromMs(startMs + 1_999) })).toBe(49_900n);
    expect(await at({ sequence: 1n })).toBe(49_900n);
    const trial = under.client(LedgerService);
    const effective = await ok(
      trial.getTrialBalance({ effectiveAt: timestampFromMs(startMs + 1_500) }, { principal: maker }),
    );
    expect(effective.currencies[0]).toMatchObject({ debitMinor: 49_900n, creditMinor: 49_900n });
    const first = await ok(trial.getTrialBalance({ sequence: 1n }, { principal: maker }));
    expect(first).toMatchObject({ sequence: 1n, currencies: [{ debitMinor: 49_900n }] });
    expect(
      await trial.getTrialBalance({ sequence: 1n, at: timestampFromMs(startMs) }, { principal: maker }),
    ).toMatchObject({ code: 'invalid_request' });
  });

  it('L25: answers from a book that holds the sequence asked for, or says that it does not', async () => {
    const { sequence } = await ok(
      booking().bookJournals({ journals: [settled('set_1', 100n)], mode: BulkMode.ATOMIC }),
    );
    expect(sequence).toBe(1n);
    expect(await ok(desk().getAccount({ ...inr1100, atLeast: sequence }, by(maker)))).toMatchObject({
      account: { balanceMinor: -100n, status: AccountStatus.OPEN },
      sequence: 1n,
    });
    const refused = await desk().getAccount({ ...inr1100, atLeast: 2n }, by(maker));
    expect(refused).toMatchObject({ code: 'sequence_not_reached', retryAfterSeconds: 1 });
  });

  it('L22, M17: a closed period keeps its trial balance; what a person books into it is refused, a fact is moved', async () => {
    const startMs = world.now();
    await under.deliver(OrderPaidSchema, paid(1, startMs));
    world.advance(60_000);
    const until = timestampFromMs(startMs + 30_000);
    const closed = await ok(desk().closePeriod({ until, note: 'January' }, by(maker, 'close')));
    expect(closed).toMatchObject({
      period: { number: 1n, until, sealedBy: 'usr_maker', sequence: 1n, note: 'January' },
      currencies: [{ currency: 'INR', debitMinor: 49_900n, creditMinor: 49_900n }],
    });
    expect(await ok(desk().closePeriod({ until, note: 'January' }, by(maker, 'close')))).toEqual(closed);
    expect(await desk().closePeriod({ until }, by(maker))).toMatchObject({ code: 'period_sealed' });
    const ahead = timestampFromMs(world.now() + 1);
    expect(await desk().closePeriod({ until: ahead }, by(maker))).toMatchObject({ code: 'invalid_request' });

    const late = { ...settled('late', 5n), effectiveAt: timestampFromMs(startMs + 1) };
    const booked = await ok(booking().bookJournals({ journals: [late], mode: BulkMode.CONTINUE }));
    expect(booked.results[0]).toMatchObject({ outcome: 'rejected', reason: 'period_sealed' });
    await under.deliver(OrderPaidSchema, paid(2, startMs + 1));
    const { entries } = await ok(under.client(LedgerService).listEntries({ pageSize: 1 }, { principal: maker }));
    expect(entries[0]).toMatchObject({ reference: 'order:ord_2', effectiveAt: entries[0]?.at });
    expect(entries[0]?.description).toContain('in a sealed period');
    const { period, currencies } = await ok(desk().getPeriod({ number: 1n }, by(maker)));
    expect({ period, currencies }).toMatchObject({ period: closed.period, currencies: closed.currencies });
    expect((await ok(desk().listPeriods({}, by(maker)))).periods).toHaveLength(1);
    expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true, periods: 1n });
  });

  it('an adjustment is booked once, and only when another person approves it', async () => {
    await under.deliver(OrderPaidSchema, paid(1, world.now()));
    const request = {
      ...{ currency: 'INR', reason: 'Rounding at the bank', reference: 'break:1' },
      transfers: [{ debit: '5300', credit: '1100', amountMinor: 3n }],
    };
    const proposed = await ok(desk().proposeAdjustment(request, by(maker, 'propose')));
    const id = proposed.adjustment?.id ?? '';
    expect(await ok(desk().proposeAdjustment(request, by(maker, 'propose')))).toEqual(proposed);
    expect(await desk().approveAdjustment({ id }, by(maker))).toMatchObject({ code: 'second_person_required' });
    expect((await ok(desk().getAccount(inr1100, by(maker)))).account?.balanceMinor).toBe(49_900n);
    const answers = await Promise.all([1, 2, 3].map(() => desk().approveAdjustment({ id }, by(checker))));
    expect(answers.filter((answer) => !isRefusal(answer))).toHaveLength(1);
    const { adjustment } = await ok(desk().getAdjustment({ id }, by(maker)));
    expect(adjustment).toMatchObject({ status: AdjustmentStatus.BOOKED, decidedBy: 'usr_checker', sequence: 2n });
    expect((await ok(desk().getAccount(inr1100, by(maker)))).account?.balanceMinor).toBe(49_897n);
    expect(await desk().rejectAdjustment({ id }, by(checker))).toMatchObject({ code: 'already_decided' });

    const reversal = { currency: 'INR', reason: 'It was right', reversesJournalId: adjustment?.journalId ?? '' };
    const second = await ok(desk().proposeAdjustment(reversal, by(checker)));
    await ok(desk().approveAdjustment({ id: second.adjustment?.id ?? '' }, by(maker)));
    expect((await ok(desk().getAccount(inr1100, by(maker)))).account?.balanceMinor).toBe(49_900n);
    const third = await desk().proposeAdjustment(reversal, by(checker));
    expect(third).toMatchObject({ code: 'journal_rejected' });
    expect((await ok(desk().listAdjustments({}, by(maker)))).adjustments).toHaveLength(2);
  });

  it('L4: an exchange is booked when another person approves it, and its rate is in statement, entries and answer', async () => {
    const exchange = {
      ...{ fromAccount: '1100', fromMinor: 10_000n, toAccount: '1000', toCurrency: 'INR', toMinor: 831_250n },
      ...{ rate: '83.125', source: 'bank:quote-7' },
    };
    const request = { currency: 'USD', reason: 'Paid out in rupees', reference: 'bank:1', exchange };
    const wrong = { ...request, exchange: { ...exchange, toMinor: 8_312n } };
    expect(await desk().proposeExchange(wrong, by(maker))).toMatchObject({ code: 'journal_rejected' });
    const proposed = await ok(desk().proposeExchange(request, by(maker, 'exchange')));
    expect(await ok(desk().proposeExchange(request, by(maker, 'exchange')))).toEqual(proposed);
    expect(proposed.adjustment).toMatchObject({ kind: 'exchange_sold', currency: 'USD', exchange });
    const id = proposed.adjustment?.id ?? '';
    expect(await desk().approveAdjustment({ id }, by(maker))).toMatchObject({ code: 'second_person_required' });
    const { adjustment } = await ok(desk().approveAdjustment({ id }, by(checker)));
    expect(adjustment).toMatchObject({ status: AdjustmentStatus.BOOKED, sequence: 1n, exchange });

    const shown = { soldCurrency: 'USD', soldMinor: 10_000n, boughtCurrency: 'INR', boughtMinor: 831_250n };
    const rate = { ...shown, rate: '83.125', source: 'bank:quote-7' };
    const lines = async (code: string, currency: string) =>
      (await ok(desk().getStatement({ code, currency }, by(maker)))).lines;
    expect(await lines('1100', 'USD')).toMatchObject([{ creditMinor: 10_000n, exchange: rate }]);
    expect(await lines('1000', 'INR')).toMatchObject([{ debitMinor: 831_250n, exchange: rate }]);
    const { entries } = await ok(under.client(LedgerService).listEntries({}, { principal: maker }));
    expect(entries.map((entry) => entry.exchange)).toMatchObject([rate, rate]);
    const { currencies } = await ok(under.client(LedgerService).getTrialBalance({}, { principal: maker }));
    for (const { debitMinor, creditMinor } of currencies) expect(debitMinor).toBe(creditMinor);
    expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true });
  });

  describe('L4: account 1800 at the end of a period', () => {
    /** The first moment of the next period. */
    let untilMs: number;
    beforeEach(async () => {
      const exchange = {
        ...{ fromAccount: '1100', fromMinor: 10_000n, toAccount: '1100', toCurrency: 'INR', toMinor: 830_000n },
        ...{ rate: '83', source: 'stripe:txn_1' },
      };
      await sell('fx_1', exchange);
      world.advance(60_000);
      untilMs = world.now();
      world.advance(60_000);
    });
    const sell = async (id: string, exchange: object, atMs?: number) => {
      const common = { kind: 'exchange_sold', reference: 'payment:pay_1', description: 'Settled in rupees' };
      const effectiveAt = atMs === undefined ? {} : { effectiveAt: timestampFromMs(atMs) };
      const journals = [{ ...common, ...effectiveAt, id, currency: 'USD', exchange }] as never;
      const { results } = await ok(booking().bookJournals({ journals, mode: BulkMode.CONTINUE }));
      expect(results).toMatchObject([{ outcome: 'posted' }]);
    };
    const ask = (rate: string, key?: string) => {
      const rates = [{ currency: 'USD', rate, source: 'rbi:2025-12-31' }];
      const request = { currency: 'INR', until: timestampFromMs(untilMs), rates, reason: 'Closing rates of December' };
      return desk().proposeRevaluation(request, by(maker, key));
    };
    const asked = async (rate: string) => (await ok(ask(rate))).adjustment?.id ?? '';
    const approve = (id: string) => desk().approveAdjustment({ id }, by(checker));
    const balanceAt = async (code: string, atMs: number) =>
      (await ok(desk().getBalance({ code, currency: 'INR', effectiveAt: timestampFromMs(atMs) }, by(maker))))
        .balanceMinor;
    /** Of 1800 and the unrealised difference, at the first moment of the next period. */
    const begun = async () => [await balanceAt('1800', untilMs), await balanceAt('5410', untilMs)];
    const balanceInLastMoment = async (code: string) => {
      const lastMoment = { ...timestampFromMs(untilMs - 1), nanos: ((untilMs - 1) % 1_000) * 1_000_000 + 999_000 };
      return (await ok(desk().getBalance({ code, currency: 'INR', effectiveAt: lastMoment }, by(maker)))).balanceMinor;
    };

    it('is valued by two people, and the next period begins as if it had not been', async () => {
      const proposed = await ok(ask('84.10', 'closing'));
      expect(await ok(ask('84.10', 'closing'))).toEqual(proposed);
      const balance = {
        currency: 'USD',
        balanceMinor: 10_000n,
        rate: '84.10',
        source: 'rbi:2025-12-31',
        valueMinor: 841_000n,
      };
      const shown = { balances: [balance], ownMinor: -830_000n, differenceMinor: 11_000n };
      expect(proposed.adjustment).toMatchObject({ kind: 'revaluation', currency: 'INR', revaluation: shown });
      const id = proposed.adjustment?.id ?? '';
      expect(await desk().approveAdjustment({ id }, by(maker))).toMatchObject({ code: 'second_person_required' });
      expect(await ok(approve(id))).toMatchObject({
        adjustment: { status: AdjustmentStatus.BOOKED, sequence: 3n, revaluation: shown },
      });
      expect([await balanceInLastMoment('1800'), await balanceInLastMoment('5410')]).toEqual([-841_000n, 11_000n]);
      expect(await begun()).toEqual([-830_000n, 0n]);
      const { lines } = await ok(desk().getStatement({ code: '1800', currency: 'INR' }, by(maker)));
      expect(lines.map(({ kind }) => kind)).toEqual(['exchange_bought', 'revaluation', 'revaluation_reversed']);
      const { entries } = await ok(under.client(LedgerService).listEntries({ account: '1800' }, { principal: maker }));
      expect(entries.map(({ revaluation }) => revaluation)).toMatchObject([shown, shown, undefined, undefined]);
      expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true });
      const until = timestampFromMs(untilMs);
      const { currencies } = await ok(desk().closePeriod({ until, note: 'December' }, by(maker)));
      const rupees = currencies.find(({ currency }) => currency === 'INR');
      expect(rupees?.accounts.find(({ code }) => code === '5410')?.balanceMinor).toBe(11_000n);
      expect(await ask('84.20')).toMatchObject({ code: 'journal_rejected', detail: expect.stringContaining('sealed') });
    });

    it('asked again, books only what is more, and nothing where nothing is', async () => {
      await ok(approve(await asked('84.10')));
      expect(await ask('84.10')).toMatchObject({
        code: 'journal_rejected',
        detail: expect.stringContaining('nothing'),
      });
      const id = await asked('84');
      expect((await ok(desk().getAdjustment({ id }, by(maker)))).adjustment?.revaluation).toMatchObject({
        ownMinor: -841_000n,
        differenceMinor: -1_000n,
      });
      await ok(approve(id));
      expect([await balanceInLastMoment('1800'), await balanceInLastMoment('5410')]).toEqual([-840_000n, 10_000n]);
      expect(await begun()).toEqual([-830_000n, 0n]);
    });

    it('of two that were proposed for one end, and approved at once, one is booked', async () => {
      const ids = [await asked('84.10'), await asked('84.10')];
      const answers = await Promise.all(ids.map(approve));
      const codes = answers.map((answer) => (isRefusal(answer) ? answer.code : 'booked'));
      expect(codes.sort()).toEqual(['booked', 'journal_rejected']);
      expect(await balanceInLastMoment('5410')).toBe(11_000n);
    });

    it('is proposed anew when what happened before its end was told since', async () => {
      const id = await asked('84.10');
      const exchange = { fromAccount: '1100', fromMinor: 100n, toAccount: '1100', toCurrency: 'INR', toMinor: 8_300n };
      await sell('fx_2', { ...exchange, rate: '83', source: 'stripe:txn_2' }, untilMs - 1);
      expect(await approve(id)).toMatchObject({ code: 'journal_rejected', detail: expect.stringContaining('moved') });
      expect(await balanceInLastMoment('5410')).toBe(0n);
      await ok(approve(await asked('84.10')));
      expect(await balanceInLastMoment('5410')).toBe(11_110n);
    });

    it('booked by an approval that died before it was noted is not booked twice', async () => {
      const id = await asked('84.10');
      await ok(approve(id));
      await under.sql.transaction((tx) =>
        tx.execute(
          `UPDATE adjustments SET status = 'proposed', decided_by = '', decided_at_us = NULL, journal_id = '',
             journal_sequence = NULL WHERE id = '${id}'`,
        ),
      );
      expect(await ok(approve(id))).toMatchObject({ adjustment: { status: AdjustmentStatus.BOOKED, sequence: 3n } });
      expect(await balanceInLastMoment('5410')).toBe(11_000n);
    });

    it('takes the rates that are needed, of a period that is over', async () => {
      expect(await ask('84,10')).toMatchObject({ errors: [{ field: 'rates[0].rate' }] });
      const request = { currency: 'INR', until: timestampFromMs(untilMs), reason: 'Closing' };
      const euro = { currency: 'EUR', rate: '90', source: 'ecb:1' };
      expect(await desk().proposeRevaluation({ ...request, rates: [euro] }, by(maker))).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'rates[0].currency' }, { field: 'rates', code: 'required', detail: 'a rate of USD' }],
      });
      untilMs = world.now() + 1;
      expect(await ask('84.10')).toMatchObject({ errors: [{ field: 'until' }] });
      const learner = { principal: userPrincipal('usr_l', 'learner'), idempotencyKey: 'k' };
      expect(await desk().proposeRevaluation({ ...request, rates: [euro] }, learner)).toMatchObject({
        code: 'permission_denied',
      });
    });
  });

  it('L4: services exchange under an id of their own; finance needs two people, and half of one is refused', async () => {
    const exchange = {
      ...{ fromAccount: '1100', fromMinor: 100n, toAccount: '1100', toCurrency: 'INR', toMinor: 8_313n },
      ...{ rate: '83.125', source: 'stripe:txn_1' },
    };
    const common = { kind: 'exchange_sold', reference: 'payment:pay_1', description: 'Settled in rupees' };
    const journal = { ...common, id: 'fx_1', currency: 'USD', exchange };
    const book = (journals: readonly object[]) =>
      booking().bookJournals({ journals: journals as never, mode: BulkMode.CONTINUE });
    const first = await ok(book([journal, { ...journal, id: 'fx_2', exchange: { ...exchange, rate: '81' } }]));
    expect(first.results).toMatchObject([
      { outcome: 'posted', sequence: 1n },
      { outcome: 'rejected', reason: 'amounts_differ' },
    ]);
    const again = await ok(book([journal]));
    expect(again.results).toMatchObject([{ outcome: 'duplicate', boughtJournalId: first.results[0]?.boughtJournalId }]);
    const other = await ok(book([{ ...journal, exchange: { ...exchange, source: 'stripe:txn_2' } }]));
    expect(other.results).toMatchObject([{ outcome: 'rejected', reason: 'id_reused' }]);
    const { exchange: _whole, ...half } = journal;
    expect(await book([{ ...half, transfers: settled('x', 1n).transfers }])).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'journals[0].exchange' }],
    });
    expect(await book([{ ...settled('y', 1n), exchange }])).toMatchObject({ code: 'invalid_request' });
    const bulk = { journals: [journal], mode: BulkMode.CONTINUE };
    expect(await desk().bookJournalsInBulk(bulk, by(maker))).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'journals[0].kind' }],
    });
    const { entries } = await ok(under.client(LedgerService).listEntries({}, { principal: maker }));
    expect(entries.map((entry) => [entry.id, entry.kind])).toEqual([
      [first.results[0]?.boughtJournalId, 'exchange_bought'],
      [first.results[0]?.journalId, 'exchange_sold'],
    ]);
  });

  it('L18, L19: bulk says what becomes of each, and a dry run writes nothing', async () => {
    const journals = [settled('a', 10n), settled('b', 0n), settled('c', 30n)];
    const book = (mode: BulkMode, dryRun: boolean, key?: string) =>
      ok(desk().bookJournalsInBulk({ journals, mode, dryRun }, by(maker, key)));
    const dry = await book(BulkMode.CONTINUE, true);
    expect(dry.results.map((one) => one.outcome)).toEqual(['posted', 'rejected', 'posted']);
    expect(dry.balances).toContainEqual(expect.objectContaining({ account: '1000', balanceMinor: 40n }));
    const none = await ok(under.client(LedgerService).listEntries({}, { principal: maker }));
    expect(none.entries).toEqual([]);
    const done = await book(BulkMode.STOP, false, 'bulk');
    expect(done.results.map((one) => one.outcome)).toEqual(['posted', 'rejected', 'skipped']);
    expect(await book(BulkMode.STOP, false, 'bulk')).toEqual(done);
    expect(
      await desk().bookJournalsInBulk(
        { journals: [{ ...settled('x', 1n), kind: 'adjustment' }], mode: BulkMode.ATOMIC },
        by(maker),
      ),
    ).toMatchObject({ code: 'invalid_request', errors: [{ field: 'journals[0].kind' }] });
    expect(await desk().bookJournalsInBulk({ journals }, by(maker))).toMatchObject({ code: 'invalid_request' });
  });

  it('freezes, limits, watches and closes an account', async () => {
    const cash = { code: '1000', currency: 'INR', reason: 'Audit' };
    await ok(booking().bookJournals({ journals: [settled('in', 500n)], mode: BulkMode.ATOMIC }));
    const limited = await ok(desk().limitAccount({ ...cash, balanceMinMinor: 100n }, by(maker)));
    expect(limited.account).toMatchObject({ balanceMinor: 500n, balanceMinMinor: 100n });
    const monitor = { account: '1000', currency: 'INR', thresholdMinor: 300n, direction: MonitorDirection.BELOW };
    const created = await ok(desk().createMonitor(monitor, by(maker)));
    expect(created.monitor).toMatchObject({ account: '1000', thresholdMinor: 300n, crossed: false });
    const out = { ...settled('out', 250n), transfers: [{ debit: '1100', credit: '1000', amountMinor: 250n }] };
    await ok(booking().bookJournals({ journals: [out], mode: BulkMode.ATOMIC }));
    expect((await ok(desk().listMonitors({}, by(maker)))).monitors).toMatchObject([{ crossed: true }]);
    await ok(desk().freezeAccount(cash, by(maker)));
    const frozen = await ok(booking().bookJournals({ journals: [settled('more', 1n)], mode: BulkMode.ATOMIC }));
    expect(frozen.results[0]).toMatchObject({ outcome: 'rejected', reason: 'account_frozen' });
    const thawed = await ok(desk().thawAccount(cash, by(maker)));
    expect(thawed.account?.status).toBe(AccountStatus.OPEN);
    expect(await desk().closeAccount(cash, by(maker))).toMatchObject({ code: 'journal_rejected' });
    const { accounts } = await ok(desk().listAccounts({}, by(maker)));
    expect(accounts.map((account) => account.code)).toEqual(['1000', '1100']);
    expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true });
  });

  it('S8: tells settlement what moved an instructor, gapless, with the split of each line', async () => {
    await under.deliver(OrderPaidSchema, paid(1, world.now(), 2));
    const back = { lineId: 'line_1_1', courseId: 'crs_1', instructorId: 'usr_1' };
    await under.deliver(OrderRefundedSchema, {
      ...{ orderId: 'ord_1', refundId: 'rfd_1', amount: inr(11_800n), provider: 'sandbox', number: 'S-1' },
      lines: [{ ...back, net: inr(10_000n), tax: inr(1_800n), gross: inr(11_800n) }],
      refundedAt: timestampFromMs(world.now()),
    });
    const { sequence: untilSequence } = await ok(booking().getPosition({}));
    const range = { afterSequence: 0n, untilSequence };
    const { accounts } = await ok(booking().listMovedAccounts({ parent: '2200', ...range }));
    expect(accounts).toMatchObject([{ account: '2200:usr_1', currency: 'INR' }]);
    const movements = [];
    for (let pageToken = ''; ; ) {
      const page = await ok(
        booking().listMovements({ account: '2200:usr_1', currency: 'INR', ...range, pageSize: 1, pageToken }),
      );
      movements.push(...page.movements);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    const split = (line: {
      lineId: string;
      grossMinor: bigint;
      taxMinor: bigint;
      feeMinor: bigint;
      shareMinor: bigint;
    }) => [line.lineId, line.grossMinor, line.taxMinor, line.feeMinor, line.shareMinor] as const;
    expect(movements.map(({ creditMinor, debitMinor }) => creditMinor - debitMinor)).toEqual([
      33_830n,
      33_830n,
      -8_000n,
    ]);
    expect(movements.map(({ line }) => line && split(line))).toEqual([
      ['line_1_0', 49_900n, 7_612n, 8_458n, 33_830n],
      ['line_1_1', 49_900n, 7_612n, 8_458n, 33_830n],
      ['line_1_1', -11_800n, -1_800n, -2_000n, -8_000n],
    ]);
    const beyond = { afterSequence: 0n, untilSequence: untilSequence + 1n };
    expect(await booking().listMovements({ account: '2200:usr_1', currency: 'INR', ...beyond })).toMatchObject({
      code: 'sequence_not_reached',
    });
  });

  it.each([
    ['break_written_off', '5300', '1100'],
    ['exchange_difference', '5400', '1100'],
    ['payout_returned', '1000', '2200:usr_1'],
    ['reserve_released', '2250:usr_1', '2200:usr_1'],
    ['instructor_debt_written_off', '5300', '1200'],
  ])(
    'S5: one person of finance alone books no loss and nothing that a person is owed: %s',
    async (kind, debit, credit) => {
      const journal = { ...settled('alone', 100n), kind, transfers: [{ debit, credit, amountMinor: 100n }] };
      const bulk = { journals: [journal], mode: BulkMode.CONTINUE };
      expect(await desk().bookJournalsInBulk({ ...bulk, dryRun: true }, by(maker))).toMatchObject({
        code: 'invalid_request',
        errors: [{ field: 'journals[0].kind' }],
      });
      expect(await ok(booking().bookJournals(bulk))).toMatchObject({ results: [{ outcome: 'posted' }] });
    },
  );

  it('is closed to everybody but finance, and its service part to everybody but services', async () => {
    const learner = { principal: userPrincipal('usr_l', 'learner') };
    expect(await desk().listAccounts({}, learner)).toMatchObject({ code: 'permission_denied' });
    expect(await desk().closePeriod({ until: timestampFromMs(1) }, learner)).toMatchObject({
      code: 'permission_denied',
    });
    const outside = under.client(LedgerBookingService);
    expect(await outside.getPosition({}, { principal: maker })).toMatchObject({ code: 'permission_denied' });
  });

  it('streams the general ledger as CSV to finance, and to nobody else', async () => {
    for (const number of [1, 2]) await under.deliver(OrderPaidSchema, paid(number, world.now() + number * 86_400_000));
    const [route] = under.routes;
    let principal: Principal = maker;
    const server = createServer((request, response) => {
      const { searchParams: query } = new URL(request.url ?? '', 'http://x');
      const context = { principal, query, signal: new AbortController().signal, traceparent: '', params: {} };
      void route?.handle(request, response, context as unknown as RawContext);
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const get = async (query: string) => (await fetch(url + query)).text();
      const all = (await get('')).trimEnd().split('\r\n');
      expect(all).toHaveLength(1 + 2 * 2 * 3);
      expect(all[1]).toContain(',1100,Receivable from payment provider,2100,INR,76.12,');
      expect((await get('?account=2200:usr_1')).trimEnd().split('\r\n')).toHaveLength(3);
      expect((await get('?from=2026-01-03&account=4100')).trimEnd().split('\r\n')).toHaveLength(2);
      expect((await fetch(`${url}?from=yesterday`)).status).toBe(400);
      principal = userPrincipal('usr_l', 'learner');
      expect((await fetch(url)).status).toBe(403);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('M12: anchors the head of the chain outside the database when it has begun', async () => {
    await under.deliver(OrderPaidSchema, paid(1, world.now()));
    await under.begin();
    const { openDiskObjects } = await import('@suuupra/platform/objects/objects-disk');
    const objects = await openDiskObjects({ folder: `${under.folder}/objects`, world });
    await expect.poll(() => readAnchors(objects, world.now(), world.now())).toHaveLength(3);
    const anchors = await readAnchors(objects, world.now(), world.now());
    expect(await verifyLedger(ledgerStores(under.sql).store, anchors)).toMatchObject({ intact: true, anchors: 3n });
  });
});
