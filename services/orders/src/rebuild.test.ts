import { afterAll, beforeAll, expect, it } from 'vitest';
import { rebuildOrders, rebuildWhenOutdated } from './rebuild.ts';
import { asha, finance, openSchool, outcomeOf, ravi, type School } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
  const paid = await school.buy(asha, ['crs_events', 'crs_ledger', 'crs_free']);
  await school.refund(finance, paid.id, { amountMinor: 12_345n });
  school.payments.refund = 'pending';
  await school.refund(finance, paid.id, { amountMinor: 1n });
  school.payments.refund = 'failed';
  await school.refund(finance, paid.id, { amountMinor: 2n });
  await school.place(ravi, ['crs_usd']);
  await school.place(ravi, ['crs_free']);
  await school.place(asha, ['crs_usd']);
  school.advance(31 * 60_000);
  await school.tidy();
});
afterAll(() => school.service.stop());

const rows = () =>
  school.service.sql.query<{ id: string; row: string }>('SELECT id, o::text AS row FROM orders AS o ORDER BY id');

it('gives the same rows as the orders that wrote them, whatever became of the rows', async () => {
  const before = await rows();
  expect(before).toHaveLength(4);
  const { sql } = school.service;
  await sql.execute("UPDATE orders SET status = 'awaiting_payment', lines = '[]', version = 0, paid_at = NULL");
  await sql.execute('DELETE FROM orders WHERE id = $1', [before[1]?.id ?? '']);
  expect(await rows()).not.toEqual(before);
  expect(await rebuildOrders(sql)).toBe(4);
  expect(await rows()).toEqual(before);
});

it('runs by itself when the rows are of another version of the program, and only then', async () => {
  const { sql } = school.service;
  const before = await rows();
  await sql.execute("UPDATE orders SET cancelled_because = 'spoiled'");
  await rebuildWhenOutdated(sql);
  expect(await rows()).not.toEqual(before);
  await sql.execute('UPDATE projections SET version = 0');
  await rebuildWhenOutdated(sql);
  expect(await rows()).toEqual(before);
});

it('works on a stream that nobody can change', async () => {
  const { sql } = school.service;
  for (const statement of [
    "UPDATE order_events SET type = 'OrderEaten.v1'",
    'DELETE FROM order_events',
    'TRUNCATE order_events',
  ])
    await expect(sql.execute(statement)).rejects.toMatchObject({ kind: 'permission' });
});

it('and orders that go on meanwhile do not get in each other’s way', async () => {
  const own = await openSchool();
  const order = await own.buy(asha, ['crs_events']);
  await Promise.all([
    ...Array.from({ length: 10 }, () => own.refund(finance, order.id, { amountMinor: 100n })),
    ...Array.from({ length: 5 }, () => rebuildOrders(own.service.sql)),
  ]);
  expect((await own.order(order.id)).refunded?.amountMinor).toBe(1_000n);
  expect(outcomeOf(await own.order(order.id))).toBe('partially_refunded');
  await own.service.stop();
});
