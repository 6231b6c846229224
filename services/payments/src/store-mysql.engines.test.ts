import { migrateService, prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { paymentsMigrations, paymentsStores } from './adapters.ts';
import { storeContract } from './store.contract.ts';

storeContract(async () => {
  const sql = await openTestSql(await freshDatabaseUrl('mysql'));
  await prepareServiceDatabase(sql);
  await migrateService(sql, { name: 'payments', migrations: paymentsMigrations });
  return { ...paymentsStores(sql), sql };
});
