/** The tables can hold no half of an entry, whoever writes (M2); what is written is 64 bits and in one currency (M3, M4). */
import { fileURLToPath } from 'node:url';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openTestSql } from '@suuupra/platform/testing';
import { testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLedgerWriter } from './ledger-writer.ts';
import { postgresLedger } from './store-postgres.ts';

let sql: Sql;
beforeAll(async () => {
  sql = await openTestSql();
  await sql.migrate(fileURLToPath(new URL('../migrations/', import.meta.url)));
  const transfers = [{ debit: '1000', credit: '2200:ann', amount: 10n }];
  const about = { kind: 'adjustment', cause: 'a', reference: 'test', description: '', currency: 'INR' };
  await createLedgerWriter(postgresLedger(sql), testWorld()).submit([{ type: 'book', ...about, transfers }]);
});
afterAll(() => sql.close());

const columns = 'journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency';
/** A second transfer of the same journal, with one thing wrong. */
function added(table: 'transfers' | 'holds', wrong: Readonly<Record<string, string>>): Promise<unknown> {
  const values = columns.split(', ').map((column) => wrong[column] ?? (column === 'position' ? '2' : column));
  const [more, value] = table === 'holds' ? [', expires_at_us', ', 0'] : ['', ''];
  return sql.execute(
    `INSERT INTO ${table} (${columns}${more}) SELECT ${values.join(', ')}${value} FROM transfers WHERE position = 1`,
  );
}

it.each([
  ['no debit', { debit_account_id: 'NULL' }],
  ['no credit', { credit_account_id: 'NULL' }],
  ['no amount', { amount_minor: 'NULL' }],
  ['an amount of nothing', { amount_minor: '0' }],
  ['an amount below nothing', { amount_minor: '-1' }],
  ['more than 64 bits', { amount_minor: '9223372036854775808' }],
  ['one account on both sides', { credit_account_id: 'debit_account_id' }],
])('M2: a transfer or hold with %s cannot be stored', async (_, wrong) => {
  await expect(added('transfers', wrong)).rejects.toThrow();
  await expect(added('holds', wrong)).rejects.toThrow();
  const rows = await sql.query('SELECT amount_minor FROM transfers UNION ALL SELECT amount_minor FROM holds');
  expect(rows).toEqual([{ amount_minor: 10n }]);
});

it('M2: with nothing wrong it is stored, so the refusals above are of what is wrong', async () => {
  const kept = sql.transaction(async (tx) => {
    await tx.execute(
      `INSERT INTO transfers (${columns}) SELECT journal_sequence, 2, debit_account_id, credit_account_id, 5, currency FROM transfers`,
    );
    throw new Error('taken back');
  });
  await expect(kept).rejects.toThrow('taken back');
});
