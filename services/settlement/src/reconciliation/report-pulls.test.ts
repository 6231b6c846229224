/** The pulling of providers' reports: each settlement once, whatever fails, and whenever the process dies. */
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exactJson } from './provider-json.ts';
import { reconcile } from './reconciliation.ts';
import { listSources, pullEveryMs, pullProviders } from './report-pulls.ts';
import type { FixtureServer } from './report-source.fixture.ts';
import { razorpayItems, razorpaySettlement, startRazorpayFixture } from './report-source-razorpay.fixture.ts';
import { openRazorpayReports } from './report-source-razorpay.ts';
import { readReportSourceSettings } from './report-source-settings.ts';
import {
  type StripePayout,
  startStripeFixture,
  stripeCharge,
  stripeItemizedCsv,
  stripePayout,
} from './report-source-stripe.fixture.ts';
import { openStripeReports } from './report-source-stripe.ts';
import { openReconciliation, type ReconciliationUnderTest } from './testing.ts';

let test: ReconciliationUnderTest;
const servers: FixtureServer[] = [];

beforeAll(async () => {
  test = await openReconciliation();
});
afterAll(() => test.close());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await test.clear();
});

async function stripe(payouts: readonly StripePayout[]) {
  const server = await startStripeFixture(payouts);
  servers.push(server);
  return { server, source: openStripeReports({ secretKey: 'sk_test_fixture', origin: server.origin }) };
}

async function razorpay(items = razorpayItems) {
  const server = await startRazorpayFixture([{ ...razorpaySettlement, items }]);
  servers.push(server);
  const keys = { keyId: 'rzp_test_fixture', keySecret: 'secret' };
  return { server, source: openRazorpayReports({ ...keys, now: test.world.now, origin: server.origin }) };
}

const second: StripePayout = { id: 'po_2', amount: 48_525, transactions: [{ ...stripeCharge, id: 'txn_9' }] };

const files = () =>
  test.sql.query('SELECT file_name, status, reason, simulated, lines_total FROM settlement_files ORDER BY file_name');
const file = (name: string, lines: bigint) => ({
  ...{ file_name: name, status: 'processed', reason: '', simulated: true, lines_total: lines },
});

describe('S1: reports are pulled', () => {
  it('takes each settlement of each provider once, and again nothing', async () => {
    const sources = [(await stripe([stripePayout, second])).source, (await razorpay()).source];
    for (let round = 0; round < 3; round += 1) {
      await pullProviders(test.desk, sources);
      await reconcile(test.desk);
      test.world.advance(pullEveryMs);
    }
    expect(await files()).toEqual([
      file('razorpay-setl_1.csv', 3n),
      file('stripe-po_1.csv', 4n),
      file('stripe-po_2.csv', 1n),
    ]);
    expect(await listSources(test.sql, sources)).toMatchObject([
      { name: 'razorpay', hasKeys: true, simulated: true, reportsPulled: 1n },
      { name: 'stripe', hasKeys: true, simulated: true, reportsPulled: 2n },
    ]);
  });

  it('asks a provider once an hour, not more', async () => {
    const { server, source } = await stripe([stripePayout]);
    await pullProviders(test.desk, [source]);
    const asked = server.asked.length;
    await pullProviders(test.desk, [source]);
    expect(server.asked).toHaveLength(asked);
  });

  it('waits for a payout that is not reconciled yet, and takes the later one meanwhile', async () => {
    const waiting = { ...stripePayout, more: { reconciliation_status: 'in_progress' } };
    const early = await stripe([waiting, second]);
    const after = (days: number) => ({
      ...test.desk,
      world: { ...test.world, now: () => test.world.now() + days * 24 * pullEveryMs },
    });
    await pullProviders(after(10), [early.source]);
    expect((await files()).map((each) => each['file_name'])).toEqual(['stripe-po_2.csv']);
    const late = await stripe([stripePayout, second]);
    await pullProviders(after(40), [late.source]);
    await reconcile(test.desk);
    expect(await files()).toEqual([file('stripe-po_1.csv', 4n), file('stripe-po_2.csv', 1n)]);
  });

  it('waits for a recon that is not whole, and takes it when it is', async () => {
    await pullProviders(test.desk, [(await razorpay(razorpayItems.slice(1))).source]);
    expect(await files()).toEqual([]);
    test.world.advance(pullEveryMs);
    await pullProviders(test.desk, [(await razorpay()).source]);
    expect(await files()).toHaveLength(1);
  });

  it('has the gate refuse a payout that does not add up, and fetches it again the next day', async () => {
    const short = await stripe([{ ...stripePayout, transactions: stripePayout.transactions.slice(1) }]);
    await pullProviders(test.desk, [short.source]);
    await reconcile(test.desk);
    expect(await files()).toMatchObject([{ status: 'failed', reason: 'arithmetic' }]);
    const right = await stripe([stripePayout]);
    test.world.advance(pullEveryMs);
    await pullProviders(test.desk, [right.source]);
    expect(await files()).toHaveLength(1);
    test.world.advance(24 * pullEveryMs);
    await pullProviders(test.desk, [right.source]);
    await reconcile(test.desk);
    expect((await files()).map(({ status }) => status).toSorted()).toEqual(['failed', 'processed']);
  });

  it('S2: refuses by hand what was pulled, and a pull of what came by hand', async () => {
    const { source } = await stripe([stripePayout]);
    await pullProviders(test.desk, [source]);
    await reconcile(test.desk);
    await test.upload('settlement_csv', stripeItemizedCsv);
    await reconcile(test.desk);
    const [byHand] = await test.sql.query(
      "SELECT status, reason, reason_line FROM settlement_files WHERE source = 'upload'",
    );
    expect(byHand).toEqual({ status: 'failed', reason: 'duplicate_page', reason_line: 2n });
    expect(await test.sql.query("SELECT id FROM bookings WHERE kind = 'provider_fee'")).toHaveLength(1);
  });
});

describe('what goes wrong on the way', () => {
  it.each([
    ['a key that is not accepted', (server: FixtureServer) => server.failWith(401), /does not let our key/],
    ['a provider that is down', (server: FixtureServer) => server.failWith(503), /answered 503/],
    [
      'an answer that is cut off',
      (server: FixtureServer) => server.cutAfter('{"data": ['),
      /broke its answer off|did not answer/,
    ],
  ])('%s is told, takes nothing, and is tried again', async (_, breaks, failure) => {
    const { server, source } = await stripe([stripePayout]);
    breaks(server);
    await pullProviders(test.desk, [source]);
    expect(await files()).toEqual([]);
    const [, told] = await listSources(test.sql, [source]);
    expect(told?.failure).toMatch(failure);
    expect(JSON.stringify(told, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
      'fixture',
    );
    server.failWith(undefined);
    server.cutAfter(undefined);
    test.world.advance(pullEveryMs);
    await pullProviders(test.desk, [source]);
    expect(await files()).toHaveLength(1);
    expect((await listSources(test.sql, [source]))[1]?.failedAt).toBeUndefined();
  });

  it('one provider that fails keeps no other waiting', async () => {
    const broken = await stripe([stripePayout]);
    broken.server.failWith(500);
    await pullProviders(test.desk, [broken.source, (await razorpay()).source]);
    expect((await files()).map((each) => each['file_name'])).toEqual(['razorpay-setl_1.csv']);
  });

  it('without keys nothing is pulled, and the list says so', async () => {
    expect(readReportSourceSettings({})).toEqual({});
    await pullProviders(test.desk, []);
    expect(await listSources(test.sql, [])).toEqual([
      { name: 'razorpay', hasKeys: false, simulated: false },
      { name: 'stripe', hasKeys: false, simulated: false },
    ]);
  });
});

it.each(['before', 'after'] as const)(
  'C14: killed %s any of its steps, the pulling ends with each settlement once',
  { timeout: 120_000 },
  async (when) => {
    const { source } = await stripe([stripePayout, second]);
    let killed = 0;
    for (let point = 1; ; point += 1) {
      await test.clear();
      const dying = dyingAt(point, when);
      const desk = { ...test.desk, sql: dying.database(test.sql) };
      const ended = await Promise.race([pullProviders(desk, [source]), dying.dead]);
      for (let round = 0; round < 3; round += 1) {
        test.world.advance(pullEveryMs);
        await pullProviders(test.desk, [source]);
        await reconcile(test.desk);
      }
      expect(await files(), `killed ${when} step ${point}`).toEqual([
        file('stripe-po_1.csv', 4n),
        file('stripe-po_2.csv', 1n),
      ]);
      if (ended !== 'dead') break;
      killed += 1;
    }
    expect(killed).toBeGreaterThan(8);
  },
);

it('M3: amounts keep their digits, whatever a float would make of them', () => {
  expect(exactJson('{"amount":9007199254740993,"list":[0.1,-9223372036854775807]}')).toEqual({
    amount: '9007199254740993',
    list: ['0.1', '-9223372036854775807'],
  });
});

it.each([
  [{ SUUUPRA_STRIPE_SECRET_KEY: 'pk_test_x' }, /SUUUPRA_STRIPE_SECRET_KEY/],
  [{ SUUUPRA_RAZORPAY_KEY_ID: 'x', SUUUPRA_RAZORPAY_KEY_SECRET: 'y' }, /SUUUPRA_RAZORPAY_KEY_ID/],
  [{ SUUUPRA_RAZORPAY_KEY_ID: 'rzp_test_x' }, /together/],
])('a wrong key stops the start with a sentence', (env, sentence) => {
  expect(() => readReportSourceSettings(env)).toThrow(sentence);
});
