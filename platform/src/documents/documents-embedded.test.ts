import { fromBinary } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareServiceDatabase } from '../sql/service-tables.ts';
import type { Sql, SqlTransaction } from '../sql/sql.ts';
import { openPostgres } from '../sql/sql-postgres.ts';
import { outboxPublisher } from '../stream/outbox.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { testWorld } from '../world.ts';
import { documentsContract } from './documents.contract.ts';
import type { Documents } from './documents.ts';
import { openEmbeddedDocuments } from './documents-embedded.ts';

const world = testWorld();

function publishIn(tx: SqlTransaction) {
  return outboxPublisher(tx, { owner: 'identity', world, notify: () => {} });
}

documentsContract('embedded, JSONB', async () => {
  const url = await freshDatabaseUrl();
  const sql = await openTestSql(url);
  const otherSql = await openTestSql(url);
  await prepareServiceDatabase(sql);
  return {
    documents: await openEmbeddedDocuments({ sql, publishIn }),
    other: await openEmbeddedDocuments({ sql: otherSql, publishIn }),
    published: async () => {
      const rows = await sql.query<{ envelope: Buffer }>('SELECT envelope FROM outbox ORDER BY id');
      return rows.map((row) => fromBinary(EnvelopeSchema, row.envelope).subject);
    },
    close: async () => {
      await sql.close();
      await otherSql.close();
    },
  };
});

describe('the embedded documents', () => {
  let sql: Sql;
  let documents: Documents;
  beforeAll(async () => {
    // One connection: the statistics of an index are told by the connection that used it.
    sql = await openPostgres({ url: await freshDatabaseUrl(), connectionsMax: 1 });
    documents = await openEmbeddedDocuments({ sql, publishIn });
    await documents.define([{ name: 'courses', indexed: ['owner'], unique: [['slug']] }]);
  });
  afterAll(() => sql.close());

  it('searches by the index and not by reading the whole collection', async () => {
    await sql.execute(
      `INSERT INTO documents (collection, id, body)
       SELECT 'courses', 'crs_' || n, jsonb_build_object('owner', 'usr_' || n % 1000, 'slug', 's' || n) FROM generate_series(1, 20000) n`,
    );
    await sql.execute('ANALYZE documents');
    const before = await scans();
    await documents.find('courses', { owner: 'usr_7' }, { limit: 10 });
    await documents.find('courses', { slug: 's77' }, { limit: 10 });
    const after = await scans();
    expect(after.get('documents_courses_by_owner')).toBe((before.get('documents_courses_by_owner') ?? 0n) + 1n);
    expect(after.get('documents_courses_unique_slug')).toBe((before.get('documents_courses_unique_slug') ?? 0n) + 1n);
  });

  it('defines the same collections again without a change', async () => {
    await documents.define([{ name: 'courses', indexed: ['owner'], unique: [['slug']] }]);
    const [row] = await sql.query("SELECT count(*)::int AS n FROM pg_indexes WHERE tablename = 'documents'");
    expect(row?.['n']).toBe(3);
  });

  /** How often each index was used until now. */
  async function scans(): Promise<Map<string, bigint>> {
    await sql.query('SELECT pg_stat_force_next_flush()');
    const rows = await sql.query<{ indexrelname: string; idx_scan: bigint }>(
      'SELECT indexrelname, idx_scan FROM pg_stat_user_indexes',
    );
    return new Map(rows.map((row) => [row.indexrelname, row.idx_scan]));
  }
});
