/** The ledger service over four shards on real databases: the same doors, and what is different behind them. */
import { randomBytes } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BulkMode, LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { LedgerReportsService, TimeBasis } from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { LatePaymentReceivedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { findShardDirectory } from '@suuupra/platform/shards/directory-sql';
import { readShardSettings, type ShardSettings } from '@suuupra/platform/shards/places';
import { shardOf } from '@suuupra/platform/shards/shard-of';
import { testDialect } from '@suuupra/platform/testing';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { type TestWorld, testWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findCrossings } from './crossings.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { ledger } from './service.ts';
import { routeOf, type ShardMap } from './shard-route.ts';
import { connectBook } from './shards.ts';
import { runShards } from './shards-command.ts';
import { verifyLedger } from './verify.ts';

const finance = { principal: userPrincipal('usr_f', 'finance') };
const second = { principal: userPrincipal('usr_g', 'finance') };
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
const people = Array.from({ length: 12 }, (_, index) => `usr_${index}`);

function lineOf(order: number, person: string, part = 1n) {
  const amounts = { net: inr(42_288n / part), tax: inr(7_612n / part), gross: inr(42_288n / part + 7_612n / part) };
  return {
    lineId: `line_${order}_${person}`,
    courseId: 'crs',
    instructorId: person,
    title: 'Sums',
    release: 1,
    ...amounts,
  };
}

function paid(order: number, ...sellers: string[]) {
  const lines = sellers.map((person) => lineOf(order, person));
  return {
    ...{ orderId: `ord_${order}`, buyerId: 'usr_b', lines, paymentId: `pay_${order}`, provider: 'sandbox' },
    ...{
      total: inr(49_900n * BigInt(lines.length)),
      paidAt: timestampFromMs(Date.UTC(2026, 0, 1)),
      number: `S-${order}`,
    },
  };
}

function refunded(order: number, ...sellers: string[]) {
  const lines = sellers.map((person) => lineOf(order, person, 2n));
  return {
    ...{ orderId: `ord_${order}`, refundId: `rfd_${order}`, lines, provider: 'sandbox', number: `S-${order}` },
    ...{ amount: inr(24_950n * BigInt(lines.length)), refundedAt: timestampFromMs(Date.UTC(2026, 0, 2)) },
  };
}

describe('the ledger over four shards', () => {
  let under: ServiceUnderTest;
  let world: TestWorld;
  let settings: ShardSettings;
  beforeEach(async () => {
    world = testWorld();
    vi.stubEnv('SUUUPRA_LEDGER_SHARDS', '4');
    const server = process.env[testDialect === 'mysql' ? 'SUUUPRA_TEST_MYSQL' : 'SUUUPRA_TEST_POSTGRES'] ?? '';
    vi.stubEnv('SUUUPRA_LEDGER_PLACES', `a=${server},b=${server}`);
    vi.stubEnv('SUUUPRA_LEDGER_SHARD_NAMES', `test_${randomBytes(6).toString('hex')}`);
    settings = readShardSettings('ledger', process.env) as ShardSettings;
    under = await startServiceForTest(ledger, { world, quiet: true });
  });
  afterEach(async () => {
    await under.stop();
    vi.unstubAllEnvs();
  });

  const ok = async <T>(answer: Promise<T | Refusal>): Promise<T> => {
    const value = await answer;
    if (isRefusal(value)) throw new Error(`${value.code}: ${value.detail}`);
    return value;
  };
  const api = () => under.client(LedgerService);
  const reports = () => under.client(LedgerReportsService);
  const settlement = () => under.client(LedgerBookingService, 'settlement');
  const balances = async (): Promise<Record<string, bigint>> => {
    const { currencies } = await ok(api().getTrialBalance({}, finance));
    for (const { debitMinor, creditMinor } of currencies) expect(debitMinor).toBe(creditMinor);
    return Object.fromEntries(
      currencies.flatMap(({ accounts }) => accounts.map(({ code, balanceMinor }) => [code, balanceMinor])),
    );
  };
  const eachBook = async <T>(work: (book: Awaited<ReturnType<typeof connectBook>>) => Promise<T>): Promise<T[]> => {
    const directory = await findShardDirectory(under.sql);
    const done: T[] = [];
    for (const { shard, place } of (await directory?.list()) ?? []) {
      const book = await connectBook({ sql: under.sql, settings }, shard, place);
      done.push(await work(book));
      await book.close();
    }
    return done;
  };
  const adjustment = (from: string, to: string, amountMinor: bigint, key: string) => ({
    ...{ currency: 'INR', reference: 'case:1', reason: 'Paid to the wrong one' },
    ...{ transfers: [{ debit: `2200:${from}`, credit: `2200:${to}`, amountMinor }], idempotencyKey: key },
  });
  const proposed = async ({ idempotencyKey, ...rest }: ReturnType<typeof adjustment>) => {
    const { adjustment: one } = await ok(reports().proposeAdjustment(rest, { ...finance, idempotencyKey }));
    return one?.id ?? '';
  };
  const approve = (id: string) => reports().approveAdjustment({ id }, { ...second, idempotencyKey: `approve-${id}` });

  it('puts each merchant into one shard, and reports over all of them as one book', async () => {
    for (const [index, person] of people.entries()) await under.deliver(OrderPaidSchema, paid(index, person));
    const numbers = BigInt(people.length);
    expect(await balances()).toMatchObject({
      ...{ '1100': 49_900n * numbers, '2100': 7_612n * numbers, '4100': 8_458n * numbers, '2200:usr_3': 33_830n },
    });
    const intact = await eachBook(({ store }) => verifyLedger(store));
    expect(intact.every((verdict) => verdict.intact)).toBe(true);
    expect(intact.filter(({ journals }) => journals > 0n).length).toBeGreaterThan(1);
    expect(intact.reduce((sum, { journals }) => sum + journals, 0n)).toBe(numbers);
    const mine = await ok(api().getMyEarnings({}, { principal: userPrincipal('usr_3', 'instructor') }));
    expect(mine).toMatchObject({ balance: inr(33_830n), earnings: [{ orderId: 'ord_3' }] });
  });

  it('splits a sale of several merchants and its refund by shard, each part once', async () => {
    for (const id of ['evt_1', 'evt_1', 'evt_2']) await under.deliver(OrderPaidSchema, paid(1, ...people), id);
    await under.deliver(OrderRefundedSchema, refunded(1, ...people));
    const numbers = BigInt(people.length);
    expect(await balances()).toMatchObject({ '1100': 24_950n * numbers, '2100': 3_806n * numbers });
    const { entries } = await ok(api().listEntries({ reference: 'order:ord_1' }, finance));
    expect(new Set(entries.map(({ id }) => id)).size).toBe(2);
    expect(new Set(entries.map(({ sequence }) => sequence)).size).toBe(entries.length);
  });

  it('gives lists over all shards page by page: nothing twice, nothing left out', async () => {
    for (const [index, person] of people.entries()) {
      world.advance(10);
      await under.deliver(OrderPaidSchema, paid(index, person));
    }
    const seen: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await ok(api().listEntries({ pageSize: 5, pageToken }, finance));
      seen.push(...page.entries.map(({ reference }) => reference));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(seen).toEqual(people.map((_, index) => `order:ord_${index}`).reverse());
    for (const basis of [TimeBasis.RECORDED, TimeBasis.EFFECTIVE]) {
      const lines: bigint[] = [];
      let closing = 0n;
      for (let pageToken = ''; ; ) {
        const page = await ok(
          reports().getStatement({ code: '1100', currency: 'INR', basis, pageSize: 7, pageToken }, finance),
        );
        lines.push(...page.lines.map(({ debitMinor, creditMinor }) => debitMinor - creditMinor));
        closing = page.closingMinor;
        expect(page.lines.at(-1)?.balanceMinor).toBe(lines.reduce((sum, one) => sum + one, 0n));
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
      expect(lines).toHaveLength(3 * people.length);
      expect(closing).toBe(49_900n * BigInt(people.length));
    }
  });

  it('gives settlement a position that is final, and the movements up to it', async () => {
    await under.deliver(OrderPaidSchema, paid(1, ...people));
    // One shard is ahead of the others, and then a process whose clock is behind writes to them.
    world.advance(1_000);
    await under.deliver(OrderPaidSchema, paid(3, 'usr_0'));
    const { sequence: untilSequence } = await ok(settlement().getPosition({}));
    world.advance(-60_000);
    await under.deliver(OrderPaidSchema, paid(2, ...people));
    const range = { afterSequence: 0n, untilSequence };
    const moved = await ok(settlement().listMovedAccounts({ parent: '2200', ...range, pageSize: 100 }));
    expect(moved.accounts.map(({ account }) => account).sort()).toEqual(people.map((one) => `2200:${one}`).sort());
    for (const { account } of moved.accounts.filter((one) => one.account !== '2200:usr_0')) {
      const { movements } = await ok(settlement().listMovements({ account, currency: 'INR', ...range }));
      expect(movements.map(({ reference, creditMinor }) => [reference, creditMinor])).toEqual([
        ['order:ord_1', 33_830n],
      ]);
    }
    const rest = { afterSequence: untilSequence, untilSequence: (await ok(settlement().getPosition({}))).sequence };
    const { movements } = await ok(settlement().listMovements({ account: '2200:usr_1', currency: 'INR', ...rest }));
    expect(movements.map(({ reference }) => reference)).toEqual(['order:ord_2']);
  });

  it('moves money between merchants of two shards once, and nothing stays on the way', async () => {
    await under.deliver(OrderPaidSchema, paid(1, ...people));
    for (const to of people.slice(1)) await ok(approve(await proposed(adjustment('usr_0', to, 100n, `move-${to}`))));
    const after = await balances();
    expect(after).toMatchObject({ '2200:usr_0': 33_830n - 1_100n, '2200:usr_7': 33_930n });
    expect(after['1900']).toBe(0n);
    expect(await eachBook(({ store }) => findCrossings(store, 9_000_000_000_000_000n))).toEqual([[], [], [], []]);
    expect((await eachBook(({ store }) => verifyLedger(store))).every(({ intact }) => intact)).toBe(true);
  });

  it.each(['held', 'held and booked'])('finishes a crossing whose caller died when it was %s', async (state) => {
    await under.deliver(OrderPaidSchema, paid(1, ...people));
    const map = { count: 4, ofMerchant: (id: string) => shardOf(`merchant:${id}`, 4), ofCause: () => 0 };
    const [from = '', to = ''] = [people[0], people.find((id) => map.ofMerchant(id) !== map.ofMerchant('usr_0'))];
    const transfers = [{ debit: `2200:${from}`, credit: `2200:${to}`, amount: 100n }];
    const common = { type: 'book', kind: 'adjustment', cause: 'orphan', reference: 'case:1', currency: 'INR' } as const;
    const route = routeOf({ ...common, description: '', transfers }, map);
    if (route.kind !== 'crossing') throw new Error('the two are in two shards');
    const parts =
      state === 'held'
        ? [[route.from, route.held] as const]
        : ([
            [route.from, route.held],
            [route.to, route.booked],
          ] as const);
    for (const [shard, command] of parts) {
      const place = (await (await findShardDirectory(under.sql))?.find(shard))?.place ?? '';
      const book = await connectBook({ sql: under.sql, settings }, shard, place);
      const writer = createLedgerWriter(book.store, world);
      expect(await writer.submit([command])).toMatchObject({ results: [{ kind: 'posted' }] });
      await writer.stop();
      await book.close();
    }
    // Nobody else resolves what the shards themselves finish.
    const given = { reference: 'case:1', description: '', currency: 'INR', targetId: 'orphan' };
    const journals = ['void_pending', 'post_pending'].map((kind) => ({ ...given, id: `by-${kind}`, kind })) as never;
    const asked = { ...finance, idempotencyKey: 'resolve' };
    expect(await ok(reports().bookJournalsInBulk({ journals, mode: BulkMode.CONTINUE }, asked))).toMatchObject({
      results: [{ reason: 'not_a_hold' }, { reason: 'not_a_hold' }],
    });
    world.advance(60_000);
    await under.begin();
    const expected = { [`2200:${from}`]: 33_730n, [`2200:${to}`]: 33_930n, '1900': 0n };
    await vi.waitFor(async () => expect(await balances()).toMatchObject(expected), { timeout: 20_000, interval: 50 });
    expect(await eachBook(({ store }) => findCrossings(store, 9_000_000_000_000_000n))).toEqual([[], [], [], []]);
  });

  it('gives back what is held where the other shard refuses, and says why', async () => {
    await under.deliver(OrderPaidSchema, paid(1, ...people));
    const before = await balances();
    const others = people.slice(1);
    const ids: string[] = [];
    for (const to of others) ids.push(await proposed(adjustment('usr_0', to, 100n, `move-${to}`)));
    for (const to of others) {
      const request = { code: `2200:${to}`, currency: 'INR', reason: 'Under inquiry' };
      await ok(reports().freezeAccount(request, { ...finance, idempotencyKey: `freeze-${to}` }));
    }
    for (const id of ids)
      expect(await approve(id)).toMatchObject({
        code: 'journal_rejected',
        detail: expect.stringContaining('is frozen'),
      });
    expect(await balances()).toEqual({ ...before, '1900': 0n });
    const { account } = await ok(reports().getAccount({ code: '2200:usr_0', currency: 'INR' }, finance));
    expect(account).toMatchObject({ balanceMinor: 33_830n, availableMinor: 33_830n });
    expect(await eachBook(({ store }) => findCrossings(store, 9_000_000_000_000_000n))).toEqual([[], [], [], []]);
  });

  it('seals a period in every shard, once', async () => {
    await under.deliver(OrderPaidSchema, paid(1, ...people));
    world.advance(365 * 86_400_000);
    const until = timestampFromMs(Date.UTC(2026, 1, 1));
    const close = (key: string) =>
      reports().closePeriod({ until, note: 'January' }, { ...finance, idempotencyKey: key });
    const closed = await ok(close('c1'));
    expect(closed.period?.number).toBe(1n);
    expect(closed.currencies[0]?.debitMinor).toBe(49_900n * BigInt(people.length));
    expect(await close('c2')).toMatchObject({ code: 'period_sealed' });
    expect((await ok(reports().listPeriods({}, finance))).periods).toHaveLength(1);
    expect(
      (await eachBook(({ store }) => verifyLedger(store))).every(({ intact, periods }) => intact && periods === 1n),
    ).toBe(true);
  });

  it('refuses what only one row could keep, and all or none over several shards', async () => {
    const limited = await reports().limitAccount(
      { code: '1100', currency: 'INR', reason: 'Never below', balanceMinMinor: 0n },
      { ...finance, idempotencyKey: 'limit' },
    );
    expect(limited).toMatchObject({ code: 'journal_rejected' });
    const journals = people.map((person, index) => ({
      ...{
        id: `payout_${index}`,
        kind: 'payout_prepared',
        reference: 'payout:1',
        description: 'Payout',
        currency: 'INR',
      },
      transfers: [{ debit: `2200:${person}`, credit: `2260:${person}`, amountMinor: 5n }],
    }));
    expect(await settlement().bookJournals({ mode: BulkMode.ATOMIC, journals })).toMatchObject({
      code: 'invalid_request',
    });
    const { results } = await ok(settlement().bookJournals({ mode: BulkMode.CONTINUE, journals }));
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['posted']));
    const again = await ok(settlement().bookJournals({ mode: BulkMode.CONTINUE, journals }));
    expect(again.results.map(({ outcome, sequence }) => [outcome, sequence])).toEqual(
      results.map(({ sequence }) => ['duplicate', sequence]),
    );
  });

  it('finds the shard of a hold that is posted or reversed by its name alone', async () => {
    const common = { reference: 'payout:1', description: 'Payout', currency: 'INR' };
    const held = people.map((person) => ({
      ...{ ...common, id: `hold_${person}`, kind: 'payout_prepared', pending: true },
      transfers: [{ debit: `2200:${person}`, credit: `2260:${person}`, amountMinor: 5n }],
    }));
    await ok(settlement().bookJournals({ mode: BulkMode.CONTINUE, journals: held }));
    const posted = people.map((person) => ({
      ...common,
      id: `post_${person}`,
      kind: 'post_pending',
      targetId: `hold_${person}`,
    }));
    for (const outcome of ['posted', 'duplicate']) {
      const { results } = await ok(settlement().bookJournals({ mode: BulkMode.STOP, journals: posted }));
      expect(new Set(results.map((result) => result.outcome))).toEqual(new Set([outcome]));
    }
    const nowhere = { ...common, id: 'nowhere', kind: 'post_pending', targetId: 'hold_of_nobody' };
    const { results } = await ok(settlement().bookJournals({ mode: BulkMode.CONTINUE, journals: [nowhere] }));
    expect(results).toMatchObject([{ outcome: 'rejected', reason: 'unknown_target' }]);
  });

  it('serves on while the operator moves shards, shard 0 among them, and books what is no merchant\u2019s', async () => {
    await under.deliver(OrderPaidSchema, paid(1, ...people));
    const said: string[] = [];
    const command = (...args: string[]) => runShards([...args, '--url', under.databaseUrl], (line) => said.push(line));
    expect(await command('list')).toBe(0);
    expect(said.join('\n')).toMatch(/0 +home[\s\S]*1 +a[\s\S]*2 +b[\s\S]*3 +a/);
    for (const [shard, to] of [
      ['0', 'a'],
      ['1', 'b'],
      ['2', 'a'],
    ] as const) {
      const moving = command('move', shard, to);
      const late = { paymentId: `pay_l${shard}`, orderId: `ord_l${shard}`, amount: inr(5n), provider: 'sandbox' };
      await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          under.deliver(LatePaymentReceivedSchema, { ...late, paymentId: `${late.paymentId}_${n}` }),
        ),
      );
      expect(await moving, said.join('\n')).toBe(0);
    }
    await under.deliver(OrderPaidSchema, paid(2, ...people));
    expect(await balances()).toMatchObject({ '1100': 2n * 49_900n * BigInt(people.length) + 120n, '2300': 120n });
    expect(await command('verify')).toBe(0);
    expect(said.at(-1)).toContain('All 4 shards are intact');
    expect(await command('move', '2', 'a')).toBe(2);
    expect(await command('move', '2', 'nowhere')).toBe(2);
  });
});

describe('the route of a command', () => {
  const map: ShardMap = { count: 4, ofMerchant: (id) => Number(id.slice(-1)) % 4, ofCause: () => 3 };
  const order = (...transfers: [string, string][]) => ({
    ...({ type: 'book', kind: 'adjustment', cause: 'c', reference: 'r', description: '', currency: 'INR' } as const),
    transfers: transfers.map(([debit, credit]) => ({ debit, credit, amount: 5n })),
  });

  it('balances each leg of a crossing by itself, whichever way the money goes', () => {
    const route = routeOf(
      order(['2200:u1', '2200:u2'], ['2260:u2', '2200:u1'], ['1000', '2200:u2'], ['2200:u1', '4100']),
      map,
    );
    expect(route).toMatchObject({
      kind: 'crossing',
      ...{ from: 1, to: 2 },
      held: {
        transfers: [
          { debit: '2200:u1', credit: '1900' },
          { debit: '1900', credit: '2200:u1' },
          { debit: '2200:u1', credit: '4100' },
        ],
      },
      booked: {
        transfers: [
          { debit: '1900', credit: '2200:u2' },
          { debit: '2260:u2', credit: '1900' },
          { debit: '1000', credit: '2200:u2' },
        ],
      },
    });
  });

  it('refuses three shards in one journal, and orders on the account between shards', () => {
    expect(routeOf(order(['2200:u1', '2200:u2'], ['2200:u1', '2200:u3']), map)).toMatchObject({
      reason: 'crosses_shards',
    });
    expect(routeOf(order(['1900', '2200:u2']), map)).toMatchObject({ reason: 'pair_not_allowed' });
  });

  it('sends what is of no merchant where its id belongs', () => {
    expect(routeOf(order(['1000', '1100']), map)).toEqual({ kind: 'one', shard: 3 });
    expect(routeOf(order(['1000', '2200:u2']), map)).toEqual({ kind: 'one', shard: 2 });
  });
});
