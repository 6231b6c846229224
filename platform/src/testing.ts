/**
 * Databases for tests: real ones, a fresh one for each. They are PostgreSQL's, unless the run says that its services live
 * on MariaDB: SUUUPRA_TEST_ENGINE=mysql, with the server in SUUUPRA_TEST_MYSQL (tools/engines/run-tests.ts).
 */
import { randomBytes } from 'node:crypto';
import type { Documents } from './documents/documents.ts';
import { openEmbeddedDocuments } from './documents/documents-embedded.ts';
import { openMongodbDocuments } from './documents/documents-mongodb.ts';
import { openSql } from './sql/open-sql.ts';
import type { Sql, SqlDialect, SqlTransaction } from './sql/sql.ts';
import { ensureMysqlDatabaseUrl } from './sql/sql-mysql.ts';
import { openPostgres } from './sql/sql-postgres.ts';
import { outboxPublisher } from './stream/outbox.ts';
import type { Telemetry } from './telemetry/telemetry.ts';
import type { World } from './world.ts';

/** Whether services keep their documents in MongoDB in this run: SUUUPRA_TEST_ON=mongodb, the server in SUUUPRA_TEST_MONGODB. */
const documentsInMongodb = process.env['SUUUPRA_TEST_ON'] === 'mongodb';

/** The engine that services are tested on in this run. */
export const testDialect: SqlDialect = process.env['SUUUPRA_TEST_ENGINE'] === 'mysql' ? 'mysql' : 'postgres';

/** URL of a fresh, empty database on the server of this test run. */
export async function freshDatabaseUrl(dialect: SqlDialect = testDialect): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  if (dialect === 'mysql') return ensureMysqlDatabaseUrl(serverOf('SUUUPRA_TEST_MYSQL'), name);
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

export interface TestDocumentsOptions {
  /** The service's database; the one in MongoDB has its name. */
  readonly databaseUrl: string;
  readonly sql: Sql;
  readonly owner: string;
  readonly world: World;
  readonly telemetry: Telemetry;
}

export interface TestDocuments {
  readonly documents: Documents;
  /** Envelopes of the committed events that are in no SQL outbox, oldest first. */
  published(): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

/** Documents on the engine of this run. */
export async function openTestDocuments(options: TestDocumentsOptions): Promise<TestDocuments> {
  const { databaseUrl, sql, owner, world, telemetry } = options;
  const notify = () => {};
  if (!documentsInMongodb) {
    const publishIn = (tx: SqlTransaction) => outboxPublisher(tx, { owner, world, notify });
    const documents = await openEmbeddedDocuments({ sql, publishIn });
    return { documents, published: async () => [], close: async () => {} };
  }
  const database = new URL(databaseUrl).pathname.slice(1);
  const url = serverOf('SUUUPRA_TEST_MONGODB');
  const documents = await openMongodbDocuments({ url, database, owner, world, telemetry, notify });
  return {
    documents,
    published: async () => (await documents.outbox.oldest(publishedMax)).map(({ envelope }) => envelope),
    close: () => documents.close(),
  };
}

const publishedMax = 10_000;

function serverOf(setting: string): string {
  const server = process.env[setting];
  if (server !== undefined) return server;
  throw new Error(
    `There is no ${setting}: run through vitest, whose global set-up or tools/engines starts the server.`,
  );
}
