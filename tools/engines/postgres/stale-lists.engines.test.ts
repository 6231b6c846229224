/** Lists that say how old they may be, on a primary and a replica that stands still: and what nobody may see late. */
import { randomUUID } from 'node:crypto';
import { migrateService, prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { databaseUrlOn, ensureDatabaseUrl, openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listInvoices } from '../../../services/orders/src/invoices.ts';
import { orders } from '../../../services/orders/src/service.ts';
import type { RunningEngine } from '../engine.ts';
import { startPostgres, startPostgresReplica } from '../postgres.ts';

const database = 'stale_lists';
let primary: RunningEngine;
let replica: RunningEngine;
let sql: Sql;
let onReplica: Sql;

beforeAll(async () => {
  primary = running(await startPostgres({ mayInstall: false, durable: false }));
  replica = running(await startPostgresReplica(primary.url));
  const url = await ensureDatabaseUrl(primary.url, database);
  sql = await openPostgres({ url, replicaUrls: [databaseUrlOn(replica.url, database)] });
  await prepareServiceDatabase(sql);
  await migrateService(sql, orders);
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

const soon = { timeout: 20_000, interval: 50 };

/** An invoice as the store keeps one. */
async function issue(buyerId: string): Promise<string> {
  const id = `inv_${randomUUID().replaceAll('-', '')}`;
  const contents = {
    ...{
      kind: 'invoice',
      orderNumber: '1',
      seller: { gstin: '29AAAAA0000A1Z5', name: 'Suuupra' },
      recipient: {},
      lines: [],
    },
    ...{ placeOfSupply: '', isExport: false, currency: 'INR', reason: '' },
    ...{ taxableMinor: '0', taxMinor: '0', totalMinor: '0' },
  };
  await sql.execute(
    `INSERT INTO invoices (id, kind, entity, series, financial_year, sequence, number, order_id, subject, buyer_id, issued_at, contents)
     SELECT $1, 'invoice', 'x', 'S', '2026', count(*) + 1, $1, $1, $1, $2, now(), $3 FROM invoices`,
    [id, buyerId, JSON.stringify(contents)],
  );
  return id;
}

/** The ids of the list, as the rpc gives it. */
async function listed(userId: string, roles: string[], all: boolean): Promise<string[]> {
  const request = { all, kind: '', orderId: '', pageSize: 100, pageToken: '' };
  const context = { principal: { kind: 'user', userId, sessionId: 's', roles } };
  const answer = (await listInvoices({ sql } as never, request as never, context as never)) as {
    invoices: { id: string }[];
  };
  return answer.invoices.map(({ id }) => id);
}

const asFinance = () => listed('usr_finance', ['finance'], true);
const asBuyer = () => listed('usr_asha', ['learner'], false);

describe('lists that may be old', () => {
  it('come from the replica within their bound, and what somebody has just done from the primary', async () => {
    const first = await issue('usr_asha');
    await expect
      .poll(() => sql.staleReader(5_000).query('SELECT pg_is_in_recovery() AS replica'), soon)
      .toEqual([{ replica: true }]);
    await onReplica.query('SELECT pg_wal_replay_pause()');
    const second = await issue('usr_asha');
    expect((await asBuyer()).sort()).toEqual([first, second].sort());
    // Finance's list is that of the replica, which stands still, until it is older than it may be.
    expect(await asFinance()).toEqual([first]);
    const pausedMs = performance.now();
    await expect.poll(async () => (await asFinance()).length, soon).toBe(2);
    expect(performance.now() - pausedMs).toBeLessThan(6_500);
    await onReplica.query('SELECT pg_wal_replay_resume()');
  }, 60_000);

  it('are the primary’s when the replica is killed', async () => {
    await replica.crash();
    const third = await issue('usr_asha');
    expect(await asFinance()).toContain(third);
    expect(await asBuyer()).toContain(third);
    await replica.restart();
  }, 60_000);
});
