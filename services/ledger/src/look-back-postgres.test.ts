/** Whoever looks what became of a commit waits for the one that is still under way (M16, the second half of C4). */
import { fileURLToPath } from 'node:url';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { testWorld } from '@suuupra/platform/world';
import { expect, it } from 'vitest';
import { createLedgerWriter } from './ledger-writer.ts';
import { postgresLedger } from './store-postgres.ts';

it('M16, C4: a look at the place of the book waits behind a commit that has not landed yet', async () => {
  const url = await freshDatabaseUrl();
  const sql = await openTestSql(url);
  await sql.migrate(fileURLToPath(new URL('../migrations/', import.meta.url)));
  const other = await openPostgres({ url, connectionsMax: 2 });
  const reached = Promise.withResolvers<void>();
  const mayLand = Promise.withResolvers<void>();
  const failpoint = async (name: string) => {
    if (name !== 'before commit') return;
    reached.resolve();
    await mayLand.promise;
  };
  const transfers = [{ debit: '1000', credit: '2200:ann', amount: 10n }];
  const about = { kind: 'adjustment', cause: 'a', reference: 'test', description: '', currency: 'INR' };
  const writer = createLedgerWriter(postgresLedger(other, { failpoint }), testWorld());
  const written = writer.submit([{ type: 'book', ...about, transfers }]);
  await reached.promise;
  let isDone = false;
  const looked = postgresLedger(sql)
    .place()
    .finally(() => {
      isDone = true;
    });
  const isWaiting = async () =>
    (await sql.query("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
      .length > 0;
  while (!isDone && !(await isWaiting()));
  mayLand.resolve();
  expect(await looked).toMatchObject({ batchSequence: 1n, journalSequence: 1n });
  expect(await written).toMatchObject({ results: [{ kind: 'posted' }] });
  await other.close();
  await sql.close();
});
