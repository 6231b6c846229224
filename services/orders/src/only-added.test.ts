/** The service's own role, where it is not a superuser, may add to the events and the invoices, and nothing else (M11). */
import { randomBytes } from 'node:crypto';
import type { Sql } from '@suuupra/platform/sql/sql';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { finance, learner, openSchool, type School } from './testing.ts';

const role = `orders_${randomBytes(6).toString('hex')}`;
let superuser: Sql;
let school: School;

beforeAll(async () => {
  const url = new URL(await freshDatabaseUrl());
  superuser = await openTestSql(url.href);
  await superuser.execute(`CREATE ROLE ${role} LOGIN NOSUPERUSER PASSWORD '${role}'`);
  await superuser.execute(`ALTER DATABASE ${url.pathname.slice(1)} OWNER TO ${role}`);
  await superuser.execute(`ALTER SCHEMA public OWNER TO ${role}`);
  url.username = role;
  url.password = role;
  school = await openSchool({ databaseUrl: url.href });
});
afterAll(async () => {
  await school.service.stop();
  await superuser.close();
});

it.each(['order_events', 'invoices'])('%s: what is there stays as it is, also without the triggers', async (table) => {
  const order = await school.buy(learner(), ['crs_events']);
  expect(await school.refund(finance, order.id)).toBe('succeeded');
  await superuser.execute(`ALTER TABLE ${table} DISABLE TRIGGER ALL`);
  const key = table === 'invoices' ? 'id' : 'stream_id';
  for (const statement of [`UPDATE ${table} SET ${key} = ${key}`, `DELETE FROM ${table}`, `TRUNCATE ${table}`])
    await expect(school.service.sql.execute(statement)).rejects.toMatchObject({
      kind: 'permission',
      message: expect.stringContaining('permission denied'),
    });
  await superuser.execute(`ALTER TABLE ${table} ENABLE TRIGGER ALL`);
});
