import { fileURLToPath } from 'node:url';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { ledgerReaderContract } from './reader.contract.ts';
import { postgresLedger } from './store-postgres.ts';
import { postgresDesk } from './store-postgres-desk.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));

ledgerReaderContract('PostgreSQL', async (options = {}) => {
  const sql = await openTestSql(await freshDatabaseUrl());
  await sql.migrate(migrations);
  const process = { sql, store: postgresLedger(sql, options) };
  return {
    processes: [process, process],
    desk: postgresDesk(sql),
    tamper: () => Promise.reject(new Error('nothing is tampered with here')),
    close: () => sql.close(),
  };
});
