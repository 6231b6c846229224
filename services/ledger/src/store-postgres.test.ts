import { fileURLToPath } from 'node:url';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { ledgerStoreContract } from './store.contract.ts';
import { postgresLedger } from './store-postgres.ts';

const migrations = fileURLToPath(new URL('../migrations/', import.meta.url));

ledgerStoreContract('PostgreSQL', async (options = {}) => {
  const url = await freshDatabaseUrl();
  const first = await openTestSql(url);
  await first.migrate(migrations);
  const second = await openTestSql(url);
  return {
    processes: [
      { sql: first, store: postgresLedger(first, options) },
      { sql: second, store: postgresLedger(second, options) },
    ],
    tamper: async (statement) => {
      await first.transaction(async (tx) => {
        await tx.execute('SET LOCAL session_replication_role = replica');
        for (const one of statement.split('; ')) await tx.execute(one);
      });
    },
    close: async () => {
      await first.close();
      await second.close();
    },
  };
});
