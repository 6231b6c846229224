/** Providers' own reports, on fixtures written from their documentation: what is read, and what is refused where and why. */
import { describe, expect, it } from 'vitest';
import { BadFile } from './bad-file.ts';
import { Gate } from './gate.ts';
import { readFile } from './read-file.ts';
import { razorpayReconCsv, razorpaySettlement, startRazorpayFixture } from './report-source-razorpay.fixture.ts';
import { openRazorpayReports } from './report-source-razorpay.ts';
import {
  startStripeFixture,
  stripeChargeAbroad,
  stripeItemizedAbroadCsv,
  stripeItemizedCsv,
  stripePayout,
  stripePayoutAbroad,
} from './report-source-stripe.fixture.ts';
import { openStripeReports } from './report-source-stripe.ts';
import { bytesOf } from './testing.ts';

async function check(content: string | Uint8Array) {
  const gate = new Gate();
  const lines = [];
  for await (const item of readFile('settlement_csv', bytesOf(content))) {
    gate.take(item);
    if (item.type === 'line') lines.push(item);
  }
  gate.end();
  return { lines, statements: gate.statements };
}

async function refusal(content: string | Uint8Array) {
  try {
    await check(content);
  } catch (error) {
    if (error instanceof BadFile) return { reason: error.reason, line: error.line };
    throw error;
  }
  return 'accepted';
}

async function pulledStripe(payout = stripePayout) {
  const server = await startStripeFixture([payout]);
  const source = openStripeReports({ secretKey: 'sk_test_fixture', origin: server.origin });
  const [settlement] = await source.settlementsSince(0);
  const bytes = await source.report(settlement ?? expect.fail('no payout is listed'));
  await server.close();
  return Buffer.from(bytes ?? []).toString();
}

async function pulledRazorpay() {
  const server = await startRazorpayFixture([razorpaySettlement]);
  const keys = { keyId: 'rzp_test_fixture', keySecret: 'secret' };
  const source = openRazorpayReports({ ...keys, now: Date.now, origin: server.origin });
  const [settlement] = await source.settlementsSince(0);
  const bytes = await source.report(settlement ?? expect.fail('no settlement is listed'));
  await server.close();
  return Buffer.from(bytes ?? []).toString();
}

const stripeLines = [
  ['payment', 50_000n, 1_475n],
  ['refund', -20_000n, 0n],
  ['dispute', -10_000n, 0n],
  ['dispute_fee', -1_500n, 0n],
];
const razorpayLines = [
  ['payment', 50_000n, 1_180n],
  ['refund', -20_000n, 0n],
  ['adjustment', -1_012n, 0n],
];
const shape = (lines: Awaited<ReturnType<typeof check>>['lines']) =>
  lines.map(({ kind, amountMinor, feeMinor }) => [kind, amountMinor, feeMinor]);

describe('S1: reports of Stripe', () => {
  it('reads the itemized payout reconciliation', async () => {
    const { lines, statements } = await check(stripeItemizedCsv);
    expect(shape(lines)).toEqual(stripeLines);
    expect(lines[0]?.references).toEqual(['pay_1', 'pi_1', 'ch_1', 'txn_1']);
    expect(statements).toMatchObject([
      {
        account: 'stripe',
        reference: 'po_1',
        onceKey: 'po_1',
        currency: 'INR',
        closingMinor: 17_025n,
        date: '2026-11-19',
      },
    ]);
  });

  it('reads what was paid in another currency, with the rate that it was changed at (P16)', async () => {
    const { lines, statements } = await check(await pulledStripe(stripePayoutAbroad));
    const abroad = (amountMinor: bigint, settledMinor: bigint, rate: string, source: string) => ({
      ...{ currency: 'USD', amountMinor },
      settled: { currency: 'INR', amountMinor: settledMinor, rate, source: `stripe:${source}` },
    });
    expect(lines).toMatchObject([
      { kind: 'payment', feeMinor: 3_646n, ...abroad(1_000n, 83_250n, '83.25', 'txn_4') },
      { kind: 'refund', feeMinor: 0n, ...abroad(-400n, -33_700n, '84.25', 'txn_5') },
      // Its fee is in another currency than what is disputed, and stays with the line.
      { kind: 'dispute', feeMinor: 1_500n, ...abroad(-600n, -49_000n, '81.666667', 'txn_6') },
    ]);
    expect(statements).toMatchObject([{ currency: 'INR', closingMinor: -4_596n, lines: 3 }]);
  });

  it('reads a rate that JSON writes with an exponent', async () => {
    const tiny = {
      ...{ ...stripeChargeAbroad, amount: 150, fee: 0, net: 150, exchange_rate: 1.5e-7 },
      source: { ...(stripeChargeAbroad['source'] as object), amount: 1_000_000_000, currency: 'idr' },
    };
    const { lines } = await check(await pulledStripe({ id: 'po_3', amount: 150, transactions: [tiny] }));
    expect(lines).toMatchObject([{ currency: 'IDR', settled: { amountMinor: 150n, rate: '0.00000015' } }]);
  });

  it('reads the same from the itemized report, whose rate the amounts say', async () => {
    const { lines } = await check(stripeItemizedAbroadCsv);
    expect(lines).toMatchObject([
      { currency: 'USD', amountMinor: 1_000n, feeMinor: 3_646n, settled: { amountMinor: 83_250n, rate: '83.25' } },
      { currency: 'INR', amountMinor: 50_000n },
      { kind: 'fee', currency: 'INR', amountMinor: -1_000n },
    ]);
    expect(lines.slice(1).every(({ settled }) => settled === undefined)).toBe(true);
  });

  it('reads the same from the API, held against the payout, and keeps nothing of a person', async () => {
    const csv = await pulledStripe();
    const { lines, statements } = await check(csv);
    expect(shape(lines)).toEqual(stripeLines);
    expect(lines.map(({ references }) => references[0])).toEqual(['pay_1', 'rfd_1', 'pay_of_pi_2', 'pay_of_pi_2']);
    expect(statements).toMatchObject([{ reference: 'TRACEpo_1', onceKey: 'po_1', closingMinor: 17_025n, lines: 4 }]);
    expect(csv).not.toContain('omebody');
    expect(await pulledStripe()).toBe(csv);
  });

  it.each([
    ['a wrong net', stripeItemizedCsv.replace('485.25', '485.24'), { reason: 'arithmetic', line: 2 }],
    ['a third decimal', stripeItemizedCsv.replace('500.00', '500.001'), { reason: 'exponent', line: 2 }],
    ['a float', stripeItemizedCsv.replace('500.00', '5e2'), { reason: 'amount', line: 2 }],
    ['a category nobody knows', stripeItemizedCsv.replace(',refund,', ',magic,'), { reason: 'malformed', line: 3 }],
    ['another currency', stripeItemizedCsv.replace(/inr(?=,-100)/, 'usd'), { reason: 'currency', line: 4 }],
    ['no payout', stripeItemizedCsv.replace('\npo_1,', '\n,'), { reason: 'malformed', line: 2 }],
    ['a cut row', stripeItemizedCsv.slice(0, -20), { reason: 'truncated', line: 4 }],
    ['a cut line end', stripeItemizedCsv.slice(0, -1), { reason: 'truncated', line: 4 }],
    [
      'another encoding',
      Buffer.from(stripeItemizedCsv.replace('Order', 'Ördér'), 'latin1'),
      { reason: 'encoding', line: 2 },
    ],
    ['no such date', stripeItemizedCsv.replace('2026-11-19', '2026-11-31'), { reason: 'date', line: 2 }],
  ])('refuses %s', async (_, content, expected) => {
    expect(await refusal(content)).toEqual(expected);
  });

  it('refuses what the payout does not add up to, has lost, or names twice', async () => {
    const csv = await pulledStripe();
    const rows = csv.split('\r\n');
    expect(await refusal(csv.replace(',17025,', ',17026,'))).toEqual({ reason: 'arithmetic', line: 5 });
    expect(await refusal(rows.toSpliced(2, 1).join('\r\n'))).toEqual({ reason: 'count', line: 4 });
    expect(await refusal(rows.toSpliced(4, 1).join('\r\n'))).toEqual({ reason: 'truncated', line: 4 });
    expect(await refusal(csv + rows.slice(1).join('\r\n'))).toEqual({ reason: 'duplicate_page', line: 6 });
  });
});

describe('S1: reports of Razorpay', () => {
  it('reads the recon report in rupees', async () => {
    const { lines, statements } = await check(razorpayReconCsv);
    expect(shape(lines)).toEqual(razorpayLines);
    expect(lines[0]?.references).toEqual(['pay_1', 'order_1', 'pay_R1']);
    expect(statements).toMatchObject([
      { account: 'razorpay', reference: 'UTR1', onceKey: 'setl_1', closingMinor: 27_808n },
    ]);
  });

  it('reads the same from the API, held against the settlement', async () => {
    const csv = await pulledRazorpay();
    const { lines, statements } = await check(csv);
    expect(shape(lines).toSorted()).toEqual(razorpayLines.toSorted());
    expect(lines.find(({ kind }) => kind === 'refund')?.references[0]).toBe('rfd_1');
    expect(statements).toMatchObject([{ reference: 'UTR1', onceKey: 'setl_1', closingMinor: 27_808n, lines: 3 }]);
    expect(statements[0]?.date).toBe('2026-11-19');
  });

  it.each([
    ['a fee that does not fit', razorpayReconCsv.replace('11.80', '11.81'), { reason: 'arithmetic', line: 2 }],
    ['a debit and a credit', razorpayReconCsv.replace('payment,0.00', 'payment,1.00'), { reason: 'amount', line: 2 }],
    ['a third decimal', razorpayReconCsv.replace('10.12,INR', '10.120,INR'), { reason: 'exponent', line: 4 }],
    ['a type nobody knows', razorpayReconCsv.replace('adjustment', 'magic'), { reason: 'malformed', line: 4 }],
    ['a cut row', razorpayReconCsv.slice(0, -10), { reason: 'truncated', line: 4 }],
  ])('refuses %s', async (_, content, expected) => {
    expect(await refusal(content)).toEqual(expected);
  });

  it('refuses what the settlement does not add up to', async () => {
    const csv = await pulledRazorpay();
    expect(await refusal(csv.replace(',27808,', ',27809,'))).toEqual({ reason: 'arithmetic', line: 5 });
  });
});
