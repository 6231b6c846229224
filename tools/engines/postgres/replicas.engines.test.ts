/** Reads from replicas on real servers: as fresh as was asked for, and from the primary whenever no replica is. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '@suuupra/platform/sql/sql';
import { databaseUrlOn, ensureDatabaseUrl, openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningEngine } from '../engine.ts';
import { startPostgres, startPostgresReplica } from '../postgres.ts';

const database = 'replicated';
const seenMsMax = 20_000;
let primary: RunningEngine;
let replica: RunningEngine;
let sql: Sql;
let onReplica: Sql;

beforeAll(async () => {
  primary = running(await startPostgres({ mayInstall: false, durable: false }));
  replica = running(await startPostgresReplica(primary.url));
  const url = await ensureDatabaseUrl(primary.url, database);
  sql = await openPostgres({ url, replicaUrls: [databaseUrlOn(replica.url, database)] });
  await sql.execute('CREATE TABLE facts (number int PRIMARY KEY)');
  await sql.execute('CREATE SEQUENCE counted');
  onReplica = await openPostgres({ url: replica.url, connectionsMax: 1 });
}, 60_000);
afterAll(async () => {
  await sql.close();
  await onReplica.close();
  await replica.stop();
  await primary.stop();
});

function running(engine: RunningEngine | string): RunningEngine {
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

/** Who answers a read that may be so old. */
async function answeredBy(lagMsMax: number): Promise<'replica' | 'primary'> {
  const [row] = await sql.staleReader(lagMsMax).query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica');
  return row?.replica === true ? 'replica' : 'primary';
}

/** Reads until it is this one that answers. */
async function untilAnsweredBy(wanted: 'replica' | 'primary', lagMsMax: number): Promise<void> {
  const untilMs = Date.now() + seenMsMax;
  while ((await answeredBy(lagMsMax)) !== wanted) {
    if (Date.now() > untilMs) throw new Error(`the ${wanted} did not answer within ${seenMsMax} ms`);
    await delay(20);
  }
}

async function newest(reader: Pick<Sql, 'query'>): Promise<number> {
  const [row] = await reader.query<{ number: number | null }>('SELECT max(number) AS number FROM facts');
  return row?.number ?? 0;
}

describe('stale reads', () => {
  it('come from the replica, and never know less than was committed before their bound', async () => {
    await untilAnsweredBy('replica', 2_000);
    const boundMs = 1_000;
    const committed: { readonly number: number; readonly atMs: number }[] = [];
    for (let number = 1; number <= 150; number += 1) {
      await sql.execute('INSERT INTO facts VALUES ($1)', [number]);
      committed.push({ number, atMs: performance.now() });
      const askedMs = performance.now();
      const known = await newest(sql.staleReader(boundMs));
      const due = committed.findLast(({ atMs }) => atMs <= askedMs - boundMs)?.number ?? 0;
      expect(known).toBeGreaterThanOrEqual(due);
      await delay(10);
    }
    expect(await answeredBy(2_000)).toBe('replica');
  }, 60_000);

  it('go to the primary while the replica lags beyond the bound, and come back', async () => {
    await untilAnsweredBy('replica', 2_000);
    await onReplica.query('SELECT pg_wal_replay_pause()');
    await sql.execute('INSERT INTO facts VALUES (1000)');
    await delay(1_200);
    expect(await newest(sql.staleReader(1_000))).toBe(1_000);
    expect(await newest(onReplicaOf())).toBeLessThan(1_000);
    await onReplica.query('SELECT pg_wal_replay_resume()');
    await untilAnsweredBy('replica', 1_000);
    expect(await newest(sql.staleReader(1_000))).toBe(1_000);

    function onReplicaOf(): Pick<Sql, 'query'> {
      return sql.staleReader(600_000);
    }
  }, 60_000);

  it('go to the primary when the replica is killed, without a fault, and come back when it is', async () => {
    await untilAnsweredBy('replica', 5_000);
    await onReplica.close();
    await replica.crash();
    const answers = await Promise.all(Array.from({ length: 20 }, () => answeredBy(60_000)));
    expect(new Set(answers)).toEqual(new Set(['primary']));
    await replica.restart();
    await untilAnsweredBy('replica', 5_000);
    onReplica = await openPostgres({ url: replica.url, connectionsMax: 1 });
  }, 60_000);

  it('change nothing', async () => {
    await untilAnsweredBy('replica', 5_000);
    const reader = sql.staleReader(60_000);
    await expect(reader.query('INSERT INTO facts VALUES (5000)')).rejects.toThrow('SELECT and nothing else');
    await expect(reader.query("SELECT setval('counted', 7)")).rejects.toMatchObject({ name: 'SqlFault' });
    expect(await sql.query('SELECT last_value FROM counted')).toEqual([{ last_value: 1n }]);
  });

  it('are never part of a transaction, which is the primary’s', async () => {
    const [row] = await sql.transaction((tx) => tx.query('SELECT pg_is_in_recovery() AS replica'));
    expect(row).toEqual({ replica: false });
  });
});
