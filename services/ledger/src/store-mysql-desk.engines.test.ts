import { ledgerDeskContract } from './desk.contract.ts';
import { openMysqlBook } from './mysql-for-test.ts';
import { mysqlLedger } from './store-mysql.ts';
import { mysqlDesk } from './store-mysql-desk.ts';

ledgerDeskContract('MariaDB', async () => {
  const { writers, close } = await openMysqlBook();
  const [sql] = writers;
  return { sql, store: mysqlLedger(sql), desk: mysqlDesk(sql), close };
});
