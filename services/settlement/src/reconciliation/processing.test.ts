import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectMoney } from './expectations.ts';
import { fileBytesMax, receiveFile } from './files.ts';
import { processNext } from './processing.ts';
import { collect, reconcile } from './reconciliation.ts';
import { camt053, mt940, openReconciliation, type ReconciliationUnderTest, settlementCsv, startMs } from './testing.ts';

let test: ReconciliationUnderTest;

beforeAll(async () => {
  test = await openReconciliation(3);
});
afterAll(() => test.close());
afterEach(() => test.clear());

const csv = settlementCsv([
  ...[1, 2, 3, 4, 5].map((number) => ({ merchant: `pay_${number}`, gross: 10_000n, fee: 200n, tax: 36n })),
  { merchant: 'pay_6', gross: 3_000n },
  { merchant: 'pay_6', gross: 4_000n },
  { type: 'refund', merchant: 'ref_1', gross: -2_500n },
]);

async function expectPayments(amounts: Record<string, bigint>) {
  await test.sql.transaction(async (tx) => {
    for (const [reference, amountMinor] of Object.entries(amounts))
      await expectMoney(tx, {
        ...{ side: 'provider', kind: amountMinor < 0n ? 'refund' : 'payment', currency: 'INR', amountMinor },
        ...{ references: [reference], expectedAtMs: startMs },
      });
  });
}

const expected = { pay_1: 10_000n, pay_2: 10_000n, pay_3: 9_000n, pay_6: 7_000n, pay_7: 1n, ref_1: -2_500n };

async function output() {
  const [file] = await test.sql.query('SELECT status, output_sha256, lines_stored FROM settlement_files');
  const lines = await test.sql.query('SELECT id, match_id, break_id FROM file_lines ORDER BY ordinal');
  const breaks = await test.sql.query('SELECT id, type, status FROM breaks ORDER BY id');
  const bookings = await test.sql.query('SELECT id, debit, credit, amount_minor FROM bookings ORDER BY id');
  return { file, lines, breaks, bookings };
}

describe('C14, S9: a file killed at every border', () => {
  it('comes to the same output, whatever step its process died at', { timeout: 60_000 }, async () => {
    await expectPayments(expected);
    await test.upload('settlement_csv', csv);
    await processNext(test.desk);
    const whole = await output();
    expect(whole.file).toMatchObject({ status: 'processed', lines_stored: 8n });
    let killed = 0;
    for (let point = 1; ; point += 1) {
      await test.clear();
      await expectPayments(expected);
      await test.upload('settlement_csv', csv);
      const dying = dyingAt(point, 'after');
      const ended = await Promise.race([processNext({ ...test.desk, sql: dying.database(test.sql) }), dying.dead]);
      await processNext(test.desk);
      expect(await output(), `killed after step ${point}`).toEqual(whole);
      if (ended !== 'dead') break;
      killed += 1;
    }
    // Three chunks of lines, three of places, the check and the seal, each with the reads around it.
    expect(killed).toBeGreaterThan(10);
  });

  it('gives the same hash in another database, and another hash when something else was expected', async () => {
    const hashes = [];
    for (const amounts of [expected, expected, { ...expected, pay_4: 10_000n }]) {
      await test.clear();
      await expectPayments(amounts);
      await test.upload('settlement_csv', csv);
      await processNext(test.desk);
      hashes.push((await output()).file?.['output_sha256']);
    }
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });
});

describe('what is refused leaves nothing behind', () => {
  const nothing = async () => {
    const counts = await Promise.all(
      [
        'settlement_file_parts',
        'file_lines',
        'file_statements',
        'account_positions',
        'bookings',
        'breaks',
        'matches',
      ].map((table) => test.sql.query<{ rows: bigint }>(`SELECT count(*) AS rows FROM ${table}`)),
    );
    return counts.every(([row]) => row?.rows === 0n);
  };

  it.each([
    [
      'arithmetic',
      10,
      camt053(
        [
          { amount: 5n, reference: 'x' },
          { amount: 5n, reference: 'y' },
        ],
        { closing: 1n },
      ),
    ],
    ['truncated', 5, camt053([]).slice(0, 330)],
    ['document_type', 1, '<!DOCTYPE a [<!ENTITY b "c">]><Document/>'],
  ])('a file that fails the gate: %s', async (reason, line, content) => {
    await test.upload('camt053', content);
    await reconcile(test.desk);
    const [file] = await test.sql.query('SELECT status, reason, reason_line, reason_detail FROM settlement_files');
    expect(file).toMatchObject({
      status: 'failed',
      reason,
      reason_line: BigInt(line),
      reason_detail: expect.stringMatching(/.{20}/),
    });
    expect(await nothing()).toBe(true);
  });

  const incompressible = Array.from({ length: 400 }, (_none, index) => `${index * 7_919}x`).join('');
  it.each([
    ['a NUL in a cell', 'encoding', csv.replace('pay_3', 'pay\u0000_3')],
    ['a year that no database has', 'date', csv.replace('2026-11-20', '0000-11-20')],
    [
      'fee and tax that add up beyond 64 bits',
      'amount',
      settlementCsv([{ merchant: 'pay_1', gross: 2n ** 62n, fee: 2n ** 62n, tax: 2n ** 62n }]),
    ],
    ['a name of a movement too long to be looked up', 'limit', csv.replace('ch_stl_1_2', incompressible)],
    ['a name of a settlement too long to be looked up', 'limit', csv.replaceAll('stl_1', incompressible)],
  ])('a file that no table takes is refused, and does not hold up the next: %s', async (_what, reason, content) => {
    await test.upload('settlement_csv', content);
    await test.upload('mt940', mt940([{ amount: 7n, reference: 'x' }]));
    await reconcile(test.desk);
    const files = await test.sql.query('SELECT status, reason FROM settlement_files ORDER BY format DESC');
    expect(files).toEqual([
      { status: 'failed', reason },
      { status: 'processed', reason: '' },
    ]);
  });

  it('100 MB is refused by its size', async () => {
    async function* large() {
      const piece = Buffer.alloc(1_000_000, 'x');
      for (let sent = 0; sent < 100; sent += 1) yield piece;
    }
    const file = {
      format: 'mt940',
      source: 'upload',
      name: 'large',
      by: 'usr',
      simulated: false,
      body: large(),
    } as const;
    const refused = await receiveFile(test.desk, file);
    expect(isRefusal(refused) && refused.code).toBe('payload_too_large');
    expect(fileBytesMax).toBe(67_108_864);
    expect(await test.sql.query('SELECT 1 FROM settlement_files')).toEqual([]);
    expect(await nothing()).toBe(true);
  });

  it('the same bytes are taken once, and again only after they failed', async () => {
    await test.upload('settlement_csv', csv);
    await expect(test.upload('settlement_csv', csv)).rejects.toThrow('settlement_file_known');
    await reconcile(test.desk);
    await expect(test.upload('settlement_csv', csv)).rejects.toThrow('settlement_file_known');
    const second = mt940([], { sequence: 2, opening: 7n });
    await test.upload('mt940', mt940([{ amount: 7n, reference: 'x' }], { sequence: 1, lastPage: true }));
    await reconcile(test.desk);
    await test.upload('mt940', mt940([], { sequence: 3, opening: 7n }));
    await reconcile(test.desk);
    await test.upload('mt940', second);
    await reconcile(test.desk);
    await test.upload('mt940', mt940([], { sequence: 3, opening: 7n }));
    await reconcile(test.desk);
    const files = await test.sql.query(
      "SELECT status, reason FROM settlement_files WHERE format = 'mt940' ORDER BY created_at, id",
    );
    expect(files.map(({ status, reason }) => `${status} ${reason}`.trim())).toEqual([
      'processed',
      'failed sequence_gap',
      'processed',
      'processed',
    ]);
  });

  const npci = (cycle: string, utr: string) =>
    [
      'RECORD_TYPE,UPI_TXN_ID,RRN,ORDER_REF,AMOUNT_PAISE,SETTLEMENT_CYCLE,UTR,TXN_DATE,RECORD_COUNT',
      `CR,u1,r-${utr},pay_1,50000,${cycle},${utr},20112026,`,
      `T,,,,50000,${cycle},${utr},20112026,1`,
      '',
    ].join('\n');
  it.each([
    ['settlement_csv' as const, csv, settlementCsv([{ merchant: 'pay_9', gross: 1n }], { settlement: 'stl_2' })],
    ['npci_csv' as const, npci('C1', 'UTR1'), npci('C1', 'UTR2')],
  ])(
    'a settlement that comes again in other bytes is refused and books no fee again: %s',
    async (format, one, next) => {
      await test.upload(format, one);
      await reconcile(test.desk);
      const booked = await test.sql.query('SELECT id FROM bookings ORDER BY id');
      await test.upload(format, `${one}\n`);
      await reconcile(test.desk);
      expect(await test.sql.query('SELECT id FROM bookings ORDER BY id')).toEqual(booked);
      await test.upload(format, next);
      await reconcile(test.desk);
      const files = await test.sql.query('SELECT status, reason FROM settlement_files ORDER BY created_at, id');
      expect(files).toEqual([
        { status: 'processed', reason: '' },
        { status: 'failed', reason: 'duplicate_page' },
        { status: 'processed', reason: '' },
      ]);
    },
  );

  it('a statement that comes again in another format is a duplicate page', async () => {
    const entries = [{ amount: 7n, reference: 'x' }];
    await test.upload('mt940', mt940(entries));
    await reconcile(test.desk);
    await test.upload('camt053', camt053(entries));
    await reconcile(test.desk);
    const [failed] = await test.sql.query("SELECT reason FROM settlement_files WHERE status = 'failed'");
    expect(failed).toEqual({ reason: 'duplicate_page' });
    expect((await test.sql.query('SELECT 1 FROM file_lines')).length).toBe(1);
  });

  it('what a dead upload left is cleared away', async () => {
    async function* never(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(300_000);
      await new Promise(() => {});
    }
    const file = {
      format: 'mt940',
      source: 'upload',
      name: 'dead',
      by: 'usr',
      simulated: false,
      body: never(),
    } as const;
    void receiveFile(test.desk, file);
    await expect.poll(() => test.sql.query('SELECT 1 FROM settlement_file_parts')).toHaveLength(1);
    test.world.advance(2 * 60 * 60 * 1_000);
    await reconcile(test.desk);
    expect(await test.sql.query('SELECT 1 FROM settlement_files')).toEqual([]);
    expect(await nothing()).toBe(true);
  });
});

describe('files that come by themselves', () => {
  it('takes each report of payments and each statement of the bank once', async () => {
    const report = { provider: 'sandbox', format: 'settlement_csv', sizeBytes: 1n, madeAt: timestampFromMs(startMs) };
    test.reports.push({ report: { ...report, id: 'rep_1', fileName: 'one.csv' }, content: Buffer.from(csv) });
    test.reports.push({ report: { ...report, id: 'rep_2', fileName: 'again.csv' }, content: Buffer.from(csv) });
    const statement = { account: 'ACCOUNT-ONE', currency: 'INR', sequence: 1, businessDate: '2026-11-20' };
    const content = Buffer.from(camt053([{ amount: 53_320n, reference: 'SIMUTRONE' }]));
    const bank = {
      ...{ name: 'sandbox', simulated: true },
      statementsAfter: async (id: string) =>
        id === ''
          ? [{ ...statement, id: '1', files: [{ format: 'camt053_08' as const, name: 'one.xml', content }] }]
          : [],
    };
    await collect(test.desk, bank);
    await collect(test.desk, bank);
    const files = await test.sql.query('SELECT source, file_name, simulated FROM settlement_files ORDER BY source');
    expect(files).toEqual([
      { source: 'bank', file_name: 'one.xml', simulated: true },
      { source: 'provider', file_name: 'one.csv', simulated: true },
    ]);
  });
});
