/** P16: paid in one currency, settled in another. */

import { minorDigitsOf } from '@suuupra/platform/money';
import { dyingAt } from '@suuupra/platform/testing-crash';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { followsRate, inverseOf, isRate, rateOf, rateToBook, realisedMinor } from './exchange.ts';
import { expectMoney } from './expectations.ts';
import { processNext } from './processing.ts';
import { bookAll, reconcile } from './reconciliation.ts';
import { openReconciliation, type ReconciliationUnderTest, startMs } from './testing.ts';
import { type LineViewRow, lineView, lineViewColumns } from './views.ts';

const currencies = ['USD', 'INR', 'JPY', 'KWD'] as const;
const sum = (currency: string, amountMinor: bigint) => ({ currency, amountMinor });
const sumOf = (values: readonly bigint[]) => values.reduce((total, each) => total + each, 0n);
const anySum = fc.record({
  currency: fc.constantFrom(...currencies),
  amountMinor: fc.bigInt({ min: 1n, max: 10n ** 12n }),
});

describe('a rate', () => {
  it.each([
    ['USD', 1_000n, 'INR', 83_250n, '83.25'],
    ['JPY', 1_000n, 'INR', 55_630n, '0.5563'],
    ['KWD', 1_234n, 'INR', 33_492n, '271.412'],
    ['KWD', 1_001n, 'JPY', 488n, '487.5'],
    ['USD', 999n, 'JPY', 1_523n, '152.45'],
  ])('%s %d is %s %d at %s, and not with a fiftieth more or less', (from, paid, to, settled, rate) => {
    expect(followsRate(sum(from, paid), sum(to, settled), rate)).toBe(true);
    for (const wrong of [(settled * 51n) / 50n, (settled * 49n) / 50n, settled * 100n])
      expect(followsRate(sum(from, paid), sum(to, wrong), rate)).toBe(false);
  });

  it.each(['', '0', '0.0', '-1', '1e2', '1,5', '1234567890123', '1.1234567890123456789'])('is not "%s"', (text) => {
    expect(isRate(text)).toBe(false);
  });

  it('that is booked is found in the amounts, whatever they are and whichever way they go', () => {
    const quotes = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 9n }), fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(anySum, anySum, quotes, (sold, bought, [digits, decimals]) => {
        fc.pre(sold.currency !== bought.currency && isRate(rateOf(sold, bought)));
        const text = digits.toString().padStart(decimals + 1, '0');
        const quoted = decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
        for (const rate of [quoted, inverseOf(quoted)])
          expect(followsRate(sold, bought, rateToBook(sold, bought, rate))).toBe(true);
      }),
    );
  });
});

describe('what changing back gains', () => {
  const line = fc.record({
    amountMinor: fc.bigInt({ min: -10_000n, max: 10_000n }),
    settledMinor: fc.bigInt({ min: -1_000_000n, max: 1_000_000n }),
  });

  it('is all that is left over once everything is back', () => {
    expect(realisedMinor([{ amountMinor: 1_000n, settledMinor: 83_250n }])).toBe(0n);
    const sale = { amountMinor: 1_000n, settledMinor: 83_250n };
    const part = { amountMinor: -400n, settledMinor: -33_700n };
    expect(realisedMinor([sale, part])).toBe(-400n);
    expect(realisedMinor([sale, part, { amountMinor: -600n, settledMinor: -49_000n }])).toBe(550n);
  });

  it('does not depend on the order in which lines come, and waits for the payment', () => {
    expect(realisedMinor([{ amountMinor: -400n, settledMinor: -33_700n }])).toBe(0n);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        expect(realisedMinor(lines.toReversed())).toBe(realisedMinor(lines));
        const rest = -sumOf(lines.map(({ amountMinor }) => amountMinor));
        fc.pre(lines.some(({ amountMinor }) => amountMinor > 0n) && rest <= 0n);
        const whole = [...lines, { amountMinor: rest, settledMinor: 0n }];
        expect(realisedMinor(whole)).toBe(sumOf(lines.map(({ settledMinor }) => settledMinor)));
      }),
    );
  });
});

interface Row {
  readonly type: 'capture' | 'refund' | 'dispute' | 'dispute_won';
  readonly merchant: string;
  readonly paid: { readonly currency: string; readonly amountMinor: bigint };
  /** In rupees. */
  readonly gross: bigint;
  readonly fee?: bigint;
  readonly rate?: string;
}

interface Expected extends Row {
  readonly paymentId: string;
}

const whole = (currency: string, minor: bigint) => {
  const exponent = minorDigitsOf(currency);
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const sign = minor < 0n ? '-' : '';
  return exponent === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
};

/** As the sandbox writes it when it settles in rupees what was paid in others. */
function report(rows: readonly Row[], settlement = 'stl_1'): string {
  const end = `INR,${settlement},2026-11-20,SIM${settlement.toUpperCase().replaceAll('_', '')}`;
  const inr = (minor: bigint) => whole('INR', minor);
  const lines = rows.map(({ type, merchant, paid, gross, fee = 0n, rate = '' }, index) => {
    const exchanged =
      paid.currency === 'INR' ? ',,' : `${paid.currency},${whole(paid.currency, paid.amountMinor)},${rate}`;
    const amounts = `${inr(gross)},${inr(fee)},0.00,${inr(gross - fee)}`;
    return `${type},ch_${settlement}_${index},${merchant},${amounts},${end},${exchanged}`;
  });
  const net = inr(sumOf(rows.map(({ gross, fee = 0n }) => gross - fee)));
  const header =
    'type,provider_reference,merchant_reference,gross,fee,tax,net,currency,settlement_id,settlement_date,utr,presentment_currency,presentment_gross,exchange_rate';
  return `${[header, ...lines, `payout,${settlement},,${net},0.00,0.00,${net},${end},,,`].join('\r\n')}\r\n`;
}

describe('files of a provider that settles in another currency', () => {
  let test: ReconciliationUnderTest;
  beforeAll(async () => {
    test = await openReconciliation(3);
  });
  afterAll(() => test.close());
  afterEach(async () => {
    await test.clear();
    test.book.journals.length = 0;
  });

  const kindOf = { capture: 'payment', refund: 'refund', dispute: 'dispute', dispute_won: 'dispute_reversal' } as const;
  const expectAll = (rows: readonly Expected[]) =>
    test.sql.transaction(async (tx) => {
      for (const { type, merchant, paid, paymentId } of rows)
        await expectMoney(tx, {
          ...{ side: 'provider', kind: kindOf[type], ...paid, feeMinor: type === 'capture' ? 1n : undefined },
          ...{ references: [...new Set([merchant, paymentId])], paymentId, expectedAtMs: startMs },
        });
    });
  const take = async (content: string) => {
    await test.upload('settlement_csv', content);
    await reconcile(test.desk);
    await bookAll(test.desk);
  };
  const balances = (currency: string) =>
    Object.fromEntries(['1100', '1800', '5100', '5400'].map((code) => [code, test.book.balance(code, currency)]));

  const sale: Expected = {
    type: 'capture',
    merchant: 'pay_1',
    paymentId: 'pay_1',
    paid: sum('USD', 1_000n),
    gross: 83_250n,
    fee: 1_665n,
    rate: '83.25',
  };
  const part: Expected = {
    type: 'refund',
    merchant: 'ref_1',
    paymentId: 'pay_1',
    paid: sum('USD', -400n),
    gross: -33_700n,
    rate: '84.25',
  };
  const rest: Expected = {
    type: 'dispute',
    merchant: 'dsp_1',
    paymentId: 'pay_1',
    paid: sum('USD', -600n),
    gross: -49_000n,
    rate: '81.666667',
  };

  it('are matched in what was paid, booked as exchanges with rate and source, and expected of the bank as settled', async () => {
    await expectAll([sale]);
    await take(report([sale]));
    expect(await test.sql.query('SELECT type FROM breaks')).toEqual([]);
    expect(balances('USD')).toMatchObject({ '1100': -1_000n, '1800': 1_000n });
    expect(balances('INR')).toEqual({ '1100': 83_250n - 1_665n, '1800': -83_250n, '5100': 1_665n, '5400': 0n });
    const [exchange] = test.book.journals.filter(({ kind }) => kind === 'exchange_sold');
    expect(exchange?.exchange).toMatchObject({ rate: '83.25', source: 'sandbox:ch_stl_1_0', fromMinor: 1_000n });
    expect(await test.sql.query("SELECT currency, amount_minor FROM expectations WHERE side = 'bank'")).toEqual([
      { currency: 'INR', amount_minor: 83_250n - 1_665n },
    ]);
    const [line] = await test.sql.query<LineViewRow>(`SELECT ${lineViewColumns} FROM file_lines`);
    expect(lineView(line as LineViewRow)).toMatchObject({
      amount: sum('USD', 1_000n),
      fee: sum('INR', 1_665n),
      settled: sum('INR', 83_250n),
      ...{ exchangeRate: '83.25', exchangeSource: 'sandbox:ch_stl_1_0', state: 'matched' },
    });
  });

  it('realise what each day at its own rate gained or lost, and leave nothing open once all is back', async () => {
    await expectAll([sale, part, rest]);
    await take(report([sale]));
    await take(report([part], 'stl_2'));
    // 4.00 came in as 333.00 and went back as 337.00.
    expect(balances('INR')).toMatchObject({ '1800': -49_950n, '5400': 400n });
    expect(balances('USD')).toMatchObject({ '1800': 600n });
    await take(report([rest], 'stl_3'));
    expect(balances('INR')).toMatchObject({ '1800': 0n, '5400': -550n });
    expect(balances('USD')).toMatchObject({ '1100': 0n, '1800': 0n });
  });

  it('come to the same books, in whatever order and files they come', async () => {
    const seen: unknown[] = [];
    for (const files of [[[sale, part, rest]], [[rest], [part], [sale]], [[part, sale], [rest]]]) {
      await expectAll([sale, part, rest]);
      for (const [index, rows] of files.entries()) await take(report(rows, `stl_${index}`));
      seen.push([balances('INR'), balances('USD')]);
      await test.clear();
      test.book.journals.length = 0;
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });

  it('hold for any payments, what goes back of them, and any rates: each currency adds up by itself', {
    timeout: 60_000,
  }, async () => {
    const rates = { USD: 83_250_000n, JPY: 556_300n, KWD: 271_412_000n };
    const part_ = fc.record({ share: fc.bigInt({ min: 1n, max: 100n }), drift: fc.bigInt({ min: -200n, max: 200n }) });
    const payment = fc.record({
      currency: fc.constantFrom('USD' as const, 'JPY' as const, 'KWD' as const),
      amountMinor: fc.bigInt({ min: 100n, max: 1_000_000n }),
      back: fc.array(part_, { maxLength: 3 }),
    });
    const settledAt = (currency: keyof typeof rates, minor: bigint, drift: bigint) => {
      const millionths = rates[currency] + (rates[currency] * drift) / 10_000n;
      const over = minor * millionths * 100n;
      const under = 1_000_000n * 10n ** BigInt(minorDigitsOf(currency));
      const magnitude = (2n * (over < 0n ? -over : over) + under) / (2n * under);
      const text = millionths.toString().padStart(7, '0');
      return { gross: over < 0n ? -magnitude : magnitude, rate: `${text.slice(0, -6)}.${text.slice(-6)}` };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(payment, { minLength: 1, maxLength: 4 }), fc.integer(), async (payments, seed) => {
        await test.clear();
        test.book.journals.length = 0;
        const rows = payments.flatMap(({ currency, amountMinor, back }, index) => {
          const paymentId = `pay_${index}`;
          const first = settledAt(currency, amountMinor, 0n);
          let left = amountMinor;
          const returned = back.flatMap(({ share, drift }, number) => {
            const minor = number === back.length - 1 && share > 50n ? left : (left * share) / 200n;
            left -= minor;
            if (minor === 0n) return [];
            const settled = settledAt(currency, -minor, drift);
            if (settled.gross === 0n) return [];
            const merchant = `ref_${index}_${number}`;
            return [{ type: 'refund' as const, merchant, paymentId, paid: sum(currency, -minor), ...settled }];
          });
          return [
            { type: 'capture' as const, merchant: paymentId, paymentId, paid: sum(currency, amountMinor), ...first },
            ...returned,
          ];
        });
        await expectAll(rows);
        const shuffled = rows.toSorted((a, b) => mixed(a.merchant, seed) - mixed(b.merchant, seed));
        const at = Math.floor(shuffled.length / 2);
        for (const [index, half] of [shuffled.slice(0, at), shuffled.slice(at)].entries())
          if (half.length > 0) await take(report(half, `stl_${index}`));
        expect(await test.sql.query('SELECT type FROM breaks')).toEqual([]);
        for (const currency of ['USD', 'JPY', 'KWD']) {
          const open = sumOf(rows.filter(({ paid }) => paid.currency === currency).map(({ paid }) => paid.amountMinor));
          expect(test.book.balance('1800', currency)).toBe(open);
          expect(test.book.balance('1100', currency)).toBe(-open);
        }
        // What is still open stands in 1800 at the rate that each payment came in at; the rest was gained or lost.
        const bases = payments.map(({ currency, amountMinor }, index) => {
          const own = rows.filter(({ paymentId }) => paymentId === `pay_${index}`);
          const left = sumOf(own.map(({ paid }) => paid.amountMinor));
          const over = 2n * settledAt(currency, amountMinor, 0n).gross * left + amountMinor;
          return over / (2n * amountMinor);
        });
        expect(test.book.balance('1800', 'INR')).toBe(-sumOf(bases));
        expect(sumOf(Object.values(balances('INR')))).toBe(0n);
      }),
      { numRuns: 25 },
    );
  });

  it('come to the same output, whatever step their process died at', { timeout: 60_000 }, async () => {
    const rows = [sale, part, rest];
    const output = async () => [
      await test.sql.query('SELECT status, output_sha256 FROM settlement_files'),
      await test.sql.query('SELECT id, match_id, payment_id FROM file_lines ORDER BY ordinal'),
      await test.sql.query(
        'SELECT id, currency, debit, credit, amount_minor, to_minor, rate FROM bookings ORDER BY id',
      ),
      await test.sql.query('SELECT realised_minor FROM exchange_results'),
    ];
    await expectAll(rows);
    await test.upload('settlement_csv', report(rows));
    await processNext(test.desk);
    const once = await output();
    for (let point = 1; ; point += 1) {
      await test.clear();
      await expectAll(rows);
      await test.upload('settlement_csv', report(rows));
      const dying = dyingAt(point, 'after');
      const ended = await Promise.race([processNext({ ...test.desk, sql: dying.database(test.sql) }), dying.dead]);
      await processNext(test.desk);
      expect(await output(), `killed after step ${point}`).toEqual(once);
      if (ended !== 'dead') {
        expect(point).toBeGreaterThan(5);
        break;
      }
    }
  });

  it('leave what came in a currency that nobody expected to people', async () => {
    await expectAll([sale]);
    await take(
      report([{ ...sale, paid: sum('KWD', 3_075n), rate: '27.0731707317' }].map((row) => ({ ...row, rate: '' }))),
    );
    expect(await test.sql.query('SELECT type FROM breaks')).toEqual([{ type: 'currency' }]);
  });

  const good = report([sale]);
  it.each([
    ['a rate that does not give the gross', good.replace('USD,10.00,83.25', 'USD,10.00,82.25'), 'exchange_rate'],
    ['a rate that is none', good.replace('USD,10.00,83.25', 'USD,10.00,83x'), 'exchange_rate'],
    ['a rate of zero', good.replace('USD,10.00,83.25', 'USD,10.00,0.0'), 'exchange_rate'],
    ['no currency', good.replace('USD,10.00,83.25', ',10.00,83.25'), 'currency'],
    ['what is no currency', good.replace('USD,10.00,83.25', 'DOLLARS,10.00,83.25'), 'currency'],
    ['yen with decimals', good.replace('USD,10.00,83.25', 'JPY,10.00,83.25'), 'exponent'],
    ['a fourth decimal of dinars', good.replace('USD,10.00,83.25', 'KWD,10.0001,83.25'), 'exponent'],
    ['the same currency with another amount', good.replace('USD,10.00,83.25', 'INR,10.00,'), 'arithmetic'],
    ['opposite ways', good.replace('USD,10.00,83.25', 'USD,-10.00,83.25'), 'amount'],
    ['nothing for something', good.replace('USD,10.00,83.25', 'USD,0.00,83.25'), 'amount'],
  ])('are refused whole with %s', async (_, content, reason) => {
    await test.upload('settlement_csv', content);
    await reconcile(test.desk);
    expect(await test.sql.query('SELECT status, reason, reason_line FROM settlement_files')).toEqual([
      { status: 'failed', reason, reason_line: 2n },
    ]);
    for (const table of ['file_lines', 'bookings', 'matches', 'breaks', 'expectations'])
      expect(await test.sql.query(`SELECT 1 FROM ${table}`)).toEqual([]);
  });
});

/** An order that a seed picks, the same each time. */
function mixed(text: string, seed: number): number {
  let state = seed | 0;
  for (const letter of text) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x9e3779b1);
  return state;
}
