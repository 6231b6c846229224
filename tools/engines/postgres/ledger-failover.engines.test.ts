/**
 * C7 M8: the ledger's PostgreSQL dies under load and its standby is promoted in its place. The primary answers a commit when
 * the standby has it (synchronous_standby_names), so nothing that was acknowledged is lost; the writer goes on by itself.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { Sql } from '@suuupra/platform/sql/sql';
import { ensureDatabaseUrl, openPostgres } from '@suuupra/platform/sql/sql-postgres';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLedgerWriter, type LedgerWriter } from '../../../services/ledger/src/ledger-writer.ts';
import { postgresLedger } from '../../../services/ledger/src/store-postgres.ts';
import { verifyLedger } from '../../../services/ledger/src/verify.ts';
import { type Answered, answeredOf, orderOfNumber } from '../../../services/ledger/src/writer-for-test.ts';
import type { RunningEngine } from '../engine.ts';
import { startPostgres, startPostgresReplica } from '../postgres.ts';

const migrations = path.join(path.resolve(import.meta.dirname, '../../..'), 'services/ledger/migrations');
const callers = 6;

/** The address that stays while the server behind it changes, as a virtual address or a pooler gives it. */
class StableAddress {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor() {
    this.#server = createServer((client) => {
      const upstream = connect(this.#port, '127.0.0.1');
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts who was connected to the server before. */
  pointTo(url: string): void {
    this.#port = Number(new URL(url).port);
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.pointTo('http://127.0.0.1:1');
    this.#server.close();
  }
}

let primary: RunningEngine;
let standby: RunningEngine;
const address = new StableAddress();
const open: Sql[] = [];

beforeEach(async () => {
  primary = running(await startPostgres({ mayInstall: false, durable: true }));
  standby = running(await startPostgresReplica(primary.url));
}, 90_000);
afterEach(async () => {
  for (const sql of open.splice(0)) await sql.close();
  address.close();
  await standby.stop();
  await primary.stop();
}, 60_000);

function running(engine: RunningEngine | string): RunningEngine {
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

async function opened(url: string): Promise<Sql> {
  const sql = await openPostgres({ url, connectionsMax: 4 });
  open.push(sql);
  return sql;
}

/** Books one command after the other, each again and again until it is answered. */
async function bookUntil(writer: LedgerWriter, first: number, stop: AbortSignal, answered: Answered[]): Promise<void> {
  for (let number = first; !stop.aborted; number += callers) {
    for (;;) {
      const submitted = await writer.submit([orderOfNumber('failover', number)]).catch((error: unknown) => {
        expect(error).toMatchObject({ name: 'SqlFault' });
        return undefined;
      });
      const [result] = submitted === undefined || isRefusal(submitted) ? [] : submitted.results;
      if (result !== undefined) {
        const given = answeredOf(number, result);
        answered.push({ ...given, kind: given.kind === 'duplicate' ? 'posted' : given.kind });
        break;
      }
      await delay(50);
    }
  }
}

it('C7 M8: a standby that is promoted under load has all that was acknowledged, and the same writer goes on', async () => {
  const admin = await opened(primary.url);
  await admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await admin.query('SELECT pg_reload_conf()');
  await expect
    .poll(async () => (await admin.query<{ sync_state: string }>('SELECT sync_state FROM pg_stat_replication'))[0], {
      timeout: 20_000,
    })
    .toEqual({ sync_state: 'sync' });
  const database = new URL(await ensureDatabaseUrl(primary.url, 'book'));
  address.pointTo(primary.url);
  database.port = String(await address.listen());
  const sql = await opened(database.href);
  await sql.migrate(migrations);
  const writer = createLedgerWriter(postgresLedger(sql), realWorld());
  const answered: Answered[] = [];
  const stop = new AbortController();
  const load = Promise.all([...Array(callers).keys()].map((first) => bookUntil(writer, first, stop.signal, answered)));
  await expect.poll(() => answered.length, { timeout: 30_000 }).toBeGreaterThan(300);

  await primary.crash();
  const acknowledged = answered.slice();
  const promoted = await opened(standby.url);
  await promoted.query('SELECT pg_promote(true, 30)');
  // The one that was primary is gone for good; nobody is to be waited for.
  await promoted.execute("ALTER SYSTEM SET synchronous_standby_names = ''");
  await promoted.query('SELECT pg_reload_conf()');
  address.pointTo(standby.url);
  await expect.poll(() => answered.length, { timeout: 60_000 }).toBeGreaterThan(acknowledged.length + 300);
  stop.abort();
  await load;

  const again = createLedgerWriter(postgresLedger(sql), realWorld());
  for (let from = 0; from < answered.length; from += 500) {
    const part = answered.slice(from, from + 500);
    const told = await again.submit(part.map(({ number }) => orderOfNumber('failover', number)));
    if (isRefusal(told)) throw new Error(told.detail);
    const kept = part.map((one) => ({ ...one, kind: one.kind === 'posted' ? 'duplicate' : one.kind }));
    expect(told.results.map((result, index) => answeredOf(part[index]?.number ?? 0, result))).toEqual(kept);
  }
  await again.stop();
  await writer.stop();
  expect(await verifyLedger(postgresLedger(sql))).toMatchObject({ intact: true });
  expect(await sql.query('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: false }]);
}, 180_000);
