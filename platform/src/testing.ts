/**
 * Databases for tests: real ones, a fresh one for each. They are PostgreSQL's, unless the run says that its services live
 * on MariaDB: SUUUPRA_TEST_ENGINE=mysql, with the server in SUUUPRA_TEST_MARIADB (tools/engines/run-tests.ts).
 */
import { randomBytes } from 'node:crypto';
import { openSql } from './sql/open-sql.ts';
import type { Sql, SqlDialect } from './sql/sql.ts';
import { ensureMysqlDatabaseUrl } from './sql/sql-mysql.ts';
import { openPostgres } from './sql/sql-postgres.ts';

/** The engine that services are tested on in this run. */
export const testDialect: SqlDialect = process.env['SUUUPRA_TEST_ENGINE'] === 'mysql' ? 'mysql' : 'postgres';

/** URL of a fresh, empty database on the server of this test run. */
export async function freshDatabaseUrl(dialect: SqlDialect = testDialect): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  if (dialect === 'mysql') return ensureMysqlDatabaseUrl(serverOf('SUUUPRA_TEST_MARIADB'), name);
  const server = serverOf('SUUUPRA_TEST_POSTGRES');
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

/** A fresh database, opened. Close it when done; the server goes away with the run, so it need not be durable. */
export async function openTestSql(url?: string): Promise<Sql> {
  return openSql({ url: url ?? (await freshDatabaseUrl()), connectionsMax: 10, durability: 'not needed' });
}

function serverOf(setting: string): string {
  const server = process.env[setting];
  if (server !== undefined) return server;
  throw new Error(
    `There is no ${setting}: run through vitest, whose global set-up or tools/engines starts the server.`,
  );
}
