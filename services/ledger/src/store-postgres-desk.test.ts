import { fileURLToPath } from 'node:url';
import { openTestSql } from '@suuupra/platform/testing';
import { ledgerDeskContract } from './desk.contract.ts';
import { postgresLedger } from './store-postgres.ts';
import { postgresDesk } from './store-postgres-desk.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));

ledgerDeskContract('PostgreSQL', async () => {
  const sql = await openTestSql();
  await sql.migrate(migrations);
  return { sql, store: postgresLedger(sql), desk: postgresDesk(sql), close: () => sql.close() };
});
