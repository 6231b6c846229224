import { fileURLToPath } from 'node:url';
import { openTestSql } from '@suuupra/platform/testing';
import { halfEntryContract } from './half-entry.contract.ts';
import { postgresLedger } from './store-postgres.ts';

halfEntryContract('PostgreSQL', async () => {
  const sql = await openTestSql();
  await sql.migrate(fileURLToPath(new URL('../migrations/', import.meta.url)));
  return { sql, store: postgresLedger(sql), close: () => sql.close() };
});
