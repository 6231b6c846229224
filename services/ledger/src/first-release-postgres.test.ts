/** C18 M13: a book of the first release is migrated, found intact, read, and continued by this one. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openTestSql } from '@suuupra/platform/testing';
import { testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BookOrder, Fact } from './command.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { timeMaxUs } from './reader.ts';
import { postgresLedger } from './store-postgres.ts';
import { verifyLedger } from './verify.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));
const fixture = readFileSync(new URL('./first-release.fixture.sql', import.meta.url), 'utf8');

let sql: Sql;
let folder: string;
beforeAll(async () => {
  sql = await openTestSql();
  folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-first-release-'));
  cpSync(path.join(migrations, '0001_ledger.sql'), path.join(folder, '0001_ledger.sql'));
  await sql.migrate(folder);
  for (const statement of fixture.split(';\n')) if (statement.trim() !== '') await sql.execute(statement);
  await sql.migrate(migrations);
});
afterAll(async () => {
  await sql.close();
  rmSync(folder, { recursive: true });
});

const common = (kind: string, cause: string, order: number) => ({
  ...{ kind, cause, reference: `order:ord_${order}`, description: 'told by this release', currency: 'INR' },
  ...{ effectiveAtUs: 1_767_225_900_000_000n, orderId: `ord_${order}` },
});

function sale(number: number): Fact {
  const line = { lineId: `line_${number}`, courseId: `crs_${number}`, courseTitle: 'C', instructorId: 'usr_a' };
  const lines = [{ ...line, gross: 49_900n, tax: 7_612n, net: 42_288n }];
  return { ...common('order_paid', `payment:pay_${number}`, number), lines } as Fact;
}

function refund(number: number, order: number, line: number, gross: bigint, tax: bigint): Fact {
  const lines = [{ lineId: `line_${line}`, gross, tax, net: gross - tax }];
  return { ...common('order_refunded', `refund:rfd_${number}`, order), lines } as Fact;
}

const store = () => postgresLedger(sql);
const totals = () => store().reading((reader) => reader.totals());

it('C18: every batch has the hash it was written with, and all that is worked out from it is what is stored', async () => {
  const [head] = await sql.query<{ hash: Buffer; batch_sequence: bigint }>('SELECT * FROM ledger_writer');
  expect(await verifyLedger(store())).toMatchObject({
    ...{ intact: true, batches: 4n, journals: 8n, snapshots: 2n, soldLines: 5n, hash: head?.hash },
  });
  expect(await sql.query('SELECT DISTINCT format FROM batches')).toEqual([{ format: 1 }]);
});

it('C18: what it booked is known: told again it is a duplicate, and its lines are refunded up to what is left', async () => {
  const writer = createLedgerWriter(store(), testWorld());
  const before = await totals();
  const { results } = (await writer.submit([
    sale(1),
    refund(1, 1, 1, 10_000n, 1_525n),
    refund(2, 1, 1, 49_900n, 7_612n),
    refund(3, 1, 1, 39_900n, 6_087n),
    refund(4, 2, 3, 49_900n, 7_612n),
  ])) as { results: readonly { kind: string; reason?: string }[] };
  expect(results.map(({ kind, reason }) => reason ?? kind)).toEqual([
    ...['duplicate', 'duplicate', 'refund_exceeds_line', 'posted', 'posted'],
  ]);
  await writer.stop();
  const balance = (list: typeof before, code: string) => {
    const found = list.find((one) => one.code === code && one.currency === 'INR');
    return (found?.credit ?? 0n) - (found?.debit ?? 0n);
  };
  const after = await totals();
  // All of line 1 and of line 3 went back: 33,830 were each one's share, of which 6,780 had gone before.
  expect(balance(before, '2200:usr_a') - balance(after, '2200:usr_a')).toBe(27_050n);
  expect(balance(before, '2200:usr_b') - balance(after, '2200:usr_b')).toBe(33_830n);
});

it('C18: is continued: new batches follow in the same chain, and the past reads as it did', async () => {
  const past = await store().reading((reader) => reader.totalsAfter(8n));
  const writer = createLedgerWriter(store(), testWorld());
  const payout: BookOrder = {
    ...{ type: 'book', kind: 'payout_prepared', cause: 'pay_a', reference: 'payout:1', description: '' },
    ...{ currency: 'INR', transfers: [{ debit: '2200:usr_a', credit: '2260:usr_a', amount: 5n }] },
    hold: { timeoutUs: 0n },
  };
  expect(await writer.submit([sale(7), payout])).toMatchObject({
    results: [{ kind: 'posted' }, { kind: 'posted' }],
  });
  await writer.stop();
  expect(await store().reading((reader) => reader.totalsAfter(8n))).toEqual(past);
  const rows = await sql.query<{ format: number }>('SELECT format FROM batches ORDER BY sequence');
  expect(rows.map(({ format }) => format).slice(0, 6)).toEqual([1, 1, 1, 1, 2, 2]);
  expect(await verifyLedger(store())).toMatchObject({ intact: true, batches: 6n, journals: 12n });
  const entries = await store().reading((reader) => reader.entries({ reference: '', account: '2200' }, timeMaxUs, 20));
  expect(entries.length).toBeGreaterThan(6);
});

it('M12: a changed byte of the first release is found', async () => {
  await sql.transaction(async (tx) => {
    await tx.execute('ALTER TABLE journals DISABLE TRIGGER only_added');
    await tx.execute("UPDATE journals SET description = description || ' ' WHERE sequence = 4");
  });
  expect(await verifyLedger(store())).toMatchObject({ intact: false, difference: { place: 'batch 3' } });
});
