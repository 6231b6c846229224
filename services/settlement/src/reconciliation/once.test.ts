/** A line is in one place and is taken once, also when two processes take up one file (M33, S9), or its amounts are too large (M3). */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { processNext } from './processing.ts';
import { openReconciliation, type ReconciliationUnderTest, settlementCsv } from './testing.ts';

let test: ReconciliationUnderTest;
beforeAll(async () => {
  test = await openReconciliation(3);
});
afterAll(() => test.close());
afterEach(() => test.clear());

const csv = settlementCsv(
  Array.from({ length: 14 }, (_, number) => ({ merchant: `pay_${number}`, gross: 10_000n, fee: 200n })),
);
const filesNow = () =>
  test.sql.query('SELECT status, reason, reason_line, lines_stored, output_sha256 FROM settlement_files ORDER BY id');

it('S9, M33: processes that take up one file at the same time come to the output of one, and none fails', async () => {
  await test.upload('settlement_csv', csv);
  await processNext(test.desk);
  const alone = await filesNow();
  expect(alone).toMatchObject([{ status: 'processed', lines_stored: 14n }]);
  for (let round = 0; round < 2; round += 1) {
    await test.clear();
    await test.upload('settlement_csv', csv);
    await Promise.all([1, 2, 3].map(() => processNext(test.desk)));
    expect(await filesNow()).toEqual(alone);
    const fees = await test.sql.query("SELECT 1 FROM bookings WHERE kind = 'provider_fee'");
    expect(fees).toHaveLength(14);
  }
});

it('M33: the database itself puts no line into a match and a break', async () => {
  await test.upload('settlement_csv', csv);
  await processNext(test.desk);
  const match = `INSERT INTO matches (id, rule_id, side, currency, difference_minor, actor, note, matched_at)
    VALUES ('mat_1', 'manual', 'provider', 'INR', 0, 'a', '', now())`;
  await test.sql.execute(match);
  const both = test.sql.execute("UPDATE file_lines SET match_id = 'mat_1' WHERE break_id IS NOT NULL");
  await expect(both).rejects.toMatchObject({ kind: 'check' });
});

const mostMinor = 2n ** 63n - 1n;

it.each([
  ['one line', [mostMinor + 1n]],
  ['the sum of two', [mostMinor, mostMinor]],
])(
  'M3: a file whose amounts are beyond 64 bits in %s is refused, and the file behind it is taken',
  async (_, amounts) => {
    await test.upload(
      'settlement_csv',
      settlementCsv(amounts.map((gross, index) => ({ merchant: `pay_${index}`, gross }))),
    );
    await processNext(test.desk);
    await test.upload('settlement_csv', csv);
    await processNext(test.desk);
    const files = await test.sql.query('SELECT status, reason FROM settlement_files ORDER BY created_at, sha256');
    expect(files).toContainEqual({ status: 'failed', reason: 'amount' });
    expect(files).toContainEqual(expect.objectContaining({ status: 'processed' }));
  },
);
