/** Databases for tests: real ones, a fresh one for each. */
import { randomBytes } from 'node:crypto';
import type { Sql } from './sql/sql.ts';
import { openPostgres } from './sql/sql-postgres.ts';

/** URL of a fresh, empty database on the PostgreSQL of this test run. */
export async function freshDatabaseUrl(): Promise<string> {
  const server = process.env['SUUUPRA_TEST_POSTGRES'];
  if (server === undefined)
    throw new Error('There is no test PostgreSQL: run through vitest, whose global set-up starts one.');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const admin = await openPostgres({ url: server, connectionsMax: 1 });
  try {
    await admin.execute(`CREATE DATABASE ${name}`);
  } finally {
    await admin.close();
  }
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** A fresh database, opened. Close it when done; the server goes away with the run. */
export async function openTestSql(url?: string): Promise<Sql> {
  return openPostgres({ url: url ?? (await freshDatabaseUrl()), connectionsMax: 10 });
}
