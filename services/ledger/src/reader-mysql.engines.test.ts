import { openMysqlBook } from './mysql-for-test.ts';
import { ledgerReaderContract } from './reader.contract.ts';
import { mysqlLedger } from './store-mysql.ts';
import { mysqlDesk } from './store-mysql-desk.ts';

ledgerReaderContract('MariaDB', async (options = {}) => {
  const { writers, tamper, close } = await openMysqlBook();
  const [sql] = writers;
  const process = { sql, store: mysqlLedger(sql, options) };
  return { processes: [process, process], desk: mysqlDesk(sql), tamper, close };
});
