import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { OrderPaidSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MysqlBook, openMysqlBook } from './mysql-for-test.ts';
import { ledger } from './service.ts';

let book: MysqlBook;
beforeAll(async () => {
  book = await openMysqlBook();
});
afterAll(() => book.close());

describe("the writer's account on MariaDB (M11)", () => {
  it('starts the service, hears of a sale and reads it back, with rights to add alone', async () => {
    const service = await startServiceForTest(ledger, { databaseUrl: book.url });
    try {
      const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
      await service.deliver(OrderPaidSchema, {
        orderId: 'ord_1',
        paymentId: 'pay_1',
        total: inr(118n),
        paidAt: timestampFromMs(1_700_000_000_000),
        lines: [
          {
            lineId: 'line_1',
            courseId: 'crs_1',
            title: 'Double entry',
            instructorId: 'usr_1',
            gross: inr(118n),
            tax: inr(18n),
            net: inr(100n),
          },
        ],
      });
      const finance = { principal: userPrincipal('usr_f', 'finance') };
      const balance = await service.client(LedgerService).getTrialBalance({}, finance);
      expect(balance).not.toBeInstanceOf(Error);
      expect(await service.sql.query('SELECT kind FROM journals')).toEqual([{ kind: 'order_paid' }]);
    } finally {
      await service.stop();
    }
  });

  it.each([
    'UPDATE journals SET sequence = sequence',
    'DELETE FROM transfers',
    'TRUNCATE transfers',
    'DROP TABLE rejections',
    'DROP TRIGGER journals_no_update',
    'CREATE TABLE other (id int)',
    'DELETE FROM account_totals',
    'INSERT INTO ledger_writer (shard) VALUES (1)',
  ])('may not %s', async (statement) => {
    const refused = book.writers[0].execute(statement);
    await expect(refused).rejects.toMatchObject({ kind: 'permission' });
  });
});
