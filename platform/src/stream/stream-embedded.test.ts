import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Sql, SqlFault } from '../sql/sql.ts';
import { openPostgres } from '../sql/sql-postgres.ts';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { pruneLog } from './embedded/log.ts';
import type { RecordCheck } from './record-check.ts';
import { collector, streamContract, testCheck, testEnvelope } from './stream.contract.ts';
import type { Stream } from './stream.ts';
import { openEmbeddedStream } from './stream-embedded.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const quickly = { telemetry, world: { random: () => 0.5 }, retry: { firstMs: 2, mostMs: 20 }, check: testCheck };

streamContract('embedded, in PostgreSQL', async () => {
  const url = await freshDatabaseUrl();
  const admin = await openTestSql(url);
  const opened = new Map<Stream, MortalSql>();
  const open = async (check: RecordCheck = testCheck) => {
    const name = `process_${opened.size}`;
    const sql = mortal(await openPostgres({ url: `${url}?application_name=${name}`, connectionsMax: 6 }), name);
    const stream = await openEmbeddedStream({ sql, ...quickly, check });
    opened.set(stream, sql);
    return stream;
  };
  return {
    open: () => open(),
    openMortal: () => open(),
    openUnchecked: () => open(() => undefined),
    kill: async (stream) => opened.get(stream)?.kill(admin),
    async close() {
      for (const [stream, sql] of opened) {
        await stream.close();
        await sql.close();
      }
      await admin.close();
    },
  };
});

interface MortalSql extends Sql {
  kill(admin: Sql): Promise<void>;
}

/** A database as a process sees it until it is killed: from then on nothing reaches it, and its connections are cut. */
function mortal(sql: Sql, applicationName: string): MortalSql {
  let dead = false;
  const living = <A extends readonly unknown[], R>(run: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (dead) throw new SqlFault('unavailable', 'this process is dead');
      return run(...args);
    };
  };
  return {
    ...sql,
    query: living(sql.query) as Sql['query'],
    execute: living(sql.execute),
    transaction: living(sql.transaction) as Sql['transaction'],
    openLockSession: living(sql.openLockSession),
    async kill(admin) {
      dead = true;
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
        applicationName,
      ]);
    },
  };
}

describe('the embedded stream', () => {
  let sql: Sql;
  let stream: Stream;
  beforeAll(async () => {
    sql = await openTestSql();
    stream = await openEmbeddedStream({ sql, ...quickly });
  });
  afterAll(async () => {
    await stream.close();
    await sql.close();
  });

  it('removes old records that every group has passed, and nothing else', async () => {
    const read = collector();
    await stream.append(
      'old',
      Array.from({ length: 5 }, () => testEnvelope('one')),
    );
    const group = { topics: ['old'], types: new Set(['test.v1.Happened']), handle: read.take };
    const reader = await stream.consume({ ...group, group: 'reader' });
    await read.reached(5);
    await reader.stop();
    const slow = await stream.consume({ ...group, group: 'slow', types: new Set(), handle: async () => {} });
    await slow.stop();
    await stream.rewind('slow', ['old']);
    expect(await pruneLog(sql, -1_000)).toBe(0);
    await sql.execute("DELETE FROM stream_offsets WHERE group_name = 'slow'");
    expect(await pruneLog(sql, 3_600_000)).toBe(0);
    expect(await pruneLog(sql, -1_000)).toBe(5);
    const next = testEnvelope('one');
    await stream.append('old', [next]);
    expect(await stream.lag('newcomer', ['old'])).toBe(1n);
    const late = collector();
    const newcomer = await stream.consume({ ...group, group: 'newcomer', handle: late.take });
    await late.reached(1);
    await newcomer.stop();
    expect(late.records.map((record) => [record.envelope.id, record.position])).toEqual([[next.id, 6n]]);
  });

  it('appends an event id once, also when two appenders bring it at the same moment', async () => {
    const other = await openEmbeddedStream({ sql, ...quickly });
    const envelopes = Array.from({ length: 20 }, (_, index) => testEnvelope(`s${index % 3}`));
    await Promise.all([
      stream.append('once', envelopes),
      other.append('once', envelopes),
      stream.append('once', [...envelopes.slice(0, 5), ...envelopes.slice(0, 5)]),
    ]);
    await other.append('once', envelopes);
    expect(await stream.lag('once', ['once'])).toBe(20n);
    await other.close();
  });

  it('puts a record whose bytes are no envelope to the dead letters, and goes on', async () => {
    const read = collector();
    const [first, last] = [testEnvelope('one'), testEnvelope('one')];
    await stream.append('damaged', [first, testEnvelope('one'), last]);
    await sql.execute(
      "UPDATE stream_log SET envelope = '\\xff' WHERE topic = 'damaged' AND position = 2 AND partition = $1",
      [stream.partitionOf('one')],
    );
    const types = new Set(['test.v1.Happened']);
    const consumer = await stream.consume({ group: 'damaged', topics: ['damaged'], types, handle: read.take });
    await read.reached(2);
    await consumer.stop();
    expect(read.records.map((record) => record.envelope.id)).toEqual([first.id, last.id]);
    const [dead] = await stream.deadLetters(1);
    expect(dead).toMatchObject({ group: 'damaged', position: 2n });
    expect(Buffer.from(dead?.envelope.data ?? [])).toEqual(Buffer.from([0xff]));
  });

  it('reads on with a new lock session after the old one was lost', async () => {
    const read = collector();
    const options = { group: 'lost', topics: ['lost'], types: new Set(['test.v1.Happened']), handle: read.take };
    const consumer = await stream.consume(options);
    await stream.append('lost', [testEnvelope('one')]);
    await read.reached(1);
    await sql.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await stream.append('lost', [testEnvelope('one')]);
    const positions = () => read.records.map((record) => record.position);
    await vi.waitUntil(() => positions().includes(2n), { timeout: 20_000, interval: 5 });
    await consumer.stop();
    // The first may come again: its position was perhaps being written on a connection that was cut.
    expect([...new Set(positions())]).toEqual([1n, 2n]);
  });
});
