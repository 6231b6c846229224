import { openMysqlBook } from './mysql-for-test.ts';
import { ledgerStoreContract } from './store.contract.ts';
import { mysqlLedger } from './store-mysql.ts';

ledgerStoreContract('MariaDB', async (options = {}) => {
  const { writers, tamper, close } = await openMysqlBook();
  const [first, second] = writers;
  return {
    processes: [
      { sql: first, store: mysqlLedger(first, options) },
      { sql: second, store: mysqlLedger(second, options) },
    ],
    tamper,
    close,
  };
});
