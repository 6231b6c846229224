import { halfEntryContract } from './half-entry.contract.ts';
import { openMysqlBook } from './mysql-for-test.ts';
import { mysqlLedger } from './store-mysql.ts';

halfEntryContract('MariaDB', async () => {
  const book = await openMysqlBook();
  return { sql: book.owner, store: mysqlLedger(book.writers[0]), close: () => book.close() };
});
