/** Spans of what work asks of engines, as the ring of the process holds them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedCache } from '../cache/cache-embedded.ts';
import { openEmbeddedDocuments } from '../documents/documents-embedded.ts';
import { openSql } from '../sql/open-sql.ts';
import type { Sql, SqlTransaction } from '../sql/sql.ts';
import { outboxPublisher } from '../stream/outbox.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { realWorld } from '../world.ts';
import { inScope } from './call-scope.ts';
import { clientSpansMax } from './client-spans.ts';
import { withMongodbSpans, withRedisSpans } from './engine-spans.ts';
import type { ProcessTelemetry } from './telemetry.ts';
import { openTelemetry } from './telemetry-process.ts';

const world = realWorld();
const open = () => openTelemetry({ logLevel: 'silent', traceShare: 1, otlpEndpoint: '' });

/** The work of one request, and the spans that were below it. */
async function spansOf(telemetry: ProcessTelemetry, work: () => Promise<unknown>) {
  const request = telemetry.forService('gateway').span('request', '');
  await inScope({ requestId: 'req_1', traceparent: request.traceparent }, work);
  request.end();
  const [, traceId, spanId] = request.traceparent.split('-');
  const spans = telemetry.recentSpans(1_000, traceId).filter(({ name }) => name !== 'request');
  expect(spans.every((span) => span.parentSpanId === spanId && span.kind === 'client')).toBe(true);
  return spans.reverse();
}

describe('the spans of a database', () => {
  let sql: Sql;
  let telemetry: ProcessTelemetry;
  let url: string;
  beforeAll(async () => {
    telemetry = open();
    url = await freshDatabaseUrl('postgres');
    sql = await openSql({ url, telemetry: telemetry.forService('orders') });
    await sql.execute('CREATE TABLE seats (id text PRIMARY KEY, taken_by text)');
  });
  afterAll(() => sql.close());

  it('are one for each statement, with its kind and table and no value', async () => {
    const spans = await spansOf(telemetry, async () => {
      await sql.execute('INSERT INTO seats (id, taken_by) VALUES ($1, $2)', ['s1', 'ada@example.org']);
      await sql.query("SELECT id FROM seats WHERE taken_by = 'ada@example.org' FOR UPDATE");
      await sql.staleReader(1_000).query('SELECT id FROM seats');
    });
    expect(spans.map(({ name, service }) => [name, service])).toEqual([
      ['INSERT seats', 'orders'],
      ['SELECT seats', 'orders'],
      ['SELECT seats', 'orders'],
    ]);
    expect(spans[0]?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': decodeURIComponent(new URL(url).pathname.slice(1)),
      'db.operation.name': 'INSERT',
      'db.query.summary': 'INSERT seats',
    });
    expect(JSON.stringify(spans)).not.toContain('ada@example.org');
  });

  it('are one for a transaction, which says what it did and how it ended', async () => {
    const spans = await spansOf(telemetry, async () => {
      await sql.transaction(async (tx) => {
        await tx.query('SELECT id FROM seats FOR UPDATE');
        for (const id of ['s2', 's3']) await tx.execute('INSERT INTO seats (id) VALUES ($1)', [id]);
        tx.withCommit(() => [{ text: 'UPDATE seats SET taken_by = $1', values: ['bob'] }]);
      });
      const refused = sql.transaction(() => Promise.reject(new Error('sold out')));
      await expect(refused).rejects.toThrow('sold out');
      const clash = sql.transaction((tx) => tx.execute("INSERT INTO seats (id) VALUES ('s2')"));
      await expect(clash).rejects.toMatchObject({ kind: 'unique' });
    });
    const told = spans.map(({ name, failed, attributes }) => [
      name,
      failed,
      attributes['suuupra.db.statements'],
      attributes['db.query.summary'],
      attributes['suuupra.db.outcome'],
      attributes['error.type'],
    ]);
    expect(told).toEqual([
      ['transaction', false, 4, 'SELECT seats INSERT seats UPDATE seats', 'committed', undefined],
      ['transaction', false, 0, undefined, 'rolled back', undefined],
      ['transaction', true, 1, 'INSERT seats', 'rolled back', 'unique'],
    ]);
    expect(JSON.stringify(spans)).not.toContain('s2');
  });

  it('of a transaction that was begun for many are below whatever each statement is for', async () => {
    const seen = await sql.transaction((tx) => spansOf(telemetry, () => tx.query('SELECT id FROM seats')));
    expect(seen.map(({ name }) => name)).toEqual(['SELECT seats']);
  });

  it('are bounded for each request', async () => {
    const spans = await spansOf(telemetry, async () => {
      for (let row = 0; row < clientSpansMax + 10; row += 1) await sql.query('SELECT 1');
    });
    expect(spans).toHaveLength(clientSpansMax);
  });

  it('are none where the trace is not kept, or there is none', async () => {
    const before = telemetry.recentSpans(1_000).length;
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    await inScope({ requestId: '', traceparent }, () => sql.query('SELECT 1'));
    await sql.transaction((tx) => tx.query('SELECT 1'));
    expect(telemetry.recentSpans(1_000)).toHaveLength(before);
  });
});

describe('the spans of another engine', () => {
  it('tell the operation, and a name where the first argument is one', async () => {
    const telemetry = open();
    const cache = withRedisSpans(openEmbeddedCache({ world }), telemetry.forService('cache'));
    const sql = await openTestSql();
    const publishIn = (tx: SqlTransaction) => outboxPublisher(tx, { owner: 'content', world, notify: () => {} });
    const documents = withMongodbSpans(
      await openEmbeddedDocuments({ sql, publishIn }),
      telemetry.forService('content'),
    );
    await documents.define([{ name: 'courses', indexed: ['teacher'] }]);
    await cache.set('session:secret', Buffer.from('x'), 1_000);
    const spans = await spansOf(telemetry, async () => {
      expect(Buffer.from((await cache.get('session:secret')) ?? '').toString()).toBe('x');
      expect(await documents.find('courses', { teacher: 'ada lovelace' }, { limit: 1 })).toEqual([]);
    });
    await sql.close();
    expect(spans).toMatchObject([
      { name: 'GET', attributes: { 'db.system.name': 'redis', 'db.operation.name': 'GET' } },
      { name: 'find courses', attributes: { 'db.system.name': 'mongodb', 'db.collection.name': 'courses' } },
    ]);
    expect(JSON.stringify(spans)).not.toMatch(/secret|lovelace/);
  });
});
