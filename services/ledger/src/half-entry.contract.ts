/** The tables can hold no half of an entry, whoever writes (M2); what is written is 64 bits and in one currency (M3, M4). */
import type { Sql } from '@suuupra/platform/sql/sql';
import { testWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerWriter } from './ledger-writer.ts';
import type { LedgerStore } from './store.ts';

export interface TablesUnderTest {
  /** Of the owner, who may write anything that the tables take. */
  readonly sql: Sql;
  readonly store: LedgerStore;
  close(): Promise<void>;
}

const columns = 'journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency';

export function halfEntryContract(name: string, open: () => Promise<TablesUnderTest>): void {
  describe(`the tables of the book in ${name}`, () => {
    let under: TablesUnderTest;
    beforeAll(async () => {
      under = await open();
      const transfers = [{ debit: '1000', credit: '2200:ann', amount: 10n }];
      const about = { kind: 'adjustment', cause: 'a', reference: 'test', description: '', currency: 'INR' };
      await createLedgerWriter(under.store, testWorld()).submit([{ type: 'book', ...about, transfers }]);
    });
    afterAll(() => under.close());

    /** A second transfer of the same journal, with one thing wrong. */
    function added(table: 'transfers' | 'holds', wrong: Readonly<Record<string, string>>): Promise<unknown> {
      const values = columns.split(', ').map((column) => wrong[column] ?? (column === 'position' ? '2' : column));
      const [more, value] = table === 'holds' ? [', expires_at_us', ', 0'] : ['', ''];
      return under.sql.execute(
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
      ['an account that does not exist', { debit_account_id: '999999' }],
      ['a currency that is not its accounts’', { currency: "'USD'" }],
    ])('M2: a transfer or hold with %s cannot be stored', async (_, wrong) => {
      await expect(added('transfers', wrong)).rejects.toThrow();
      await expect(added('holds', wrong)).rejects.toThrow();
      const rows = await under.sql.query('SELECT amount_minor FROM transfers UNION ALL SELECT amount_minor FROM holds');
      expect(rows).toEqual([{ amount_minor: 10n }]);
    });

    it('M2: with nothing wrong it is stored, so the refusals above are of what is wrong', async () => {
      const kept = under.sql.transaction(async (tx) => {
        for (const [table, more, value] of [
          ['transfers', '', ''],
          ['holds', ', expires_at_us', ', 0'],
        ])
          await tx.execute(
            `INSERT INTO ${table} (${columns}${more}) SELECT journal_sequence, 2, debit_account_id, credit_account_id, 5,
               currency${value} FROM transfers WHERE position = 1`,
          );
        throw new Error('taken back');
      });
      await expect(kept).rejects.toThrow('taken back');
    });
  });
}
