/**
 * Money on a MariaDB that is durable and is treated badly: killed under load, cut off at COMMIT, written by a writer of an old
 * epoch, set up so that it would forget. What was acknowledged stands; nothing else does.
 */
import path from 'node:path';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import { type Sql, SqlFault } from '@suuupra/platform/sql/sql';
import { ensureMysqlDatabaseUrl } from '@suuupra/platform/sql/sql-mysql';
import { openCuttingProxy } from '@suuupra/platform/testing-proxy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply, type LedgerCommand, needsOf, type Place } from '../../services/ledger/src/ledger.ts';
import type { LedgerStore } from '../../services/ledger/src/store.ts';
import { mysqlLedger } from '../../services/ledger/src/store-mysql.ts';
import { trialBalances } from '../../services/ledger/src/trial-balance.ts';
import type { RunningEngine } from './engine.ts';
import { startMariadb } from './mariadb.ts';

const migrations = path.join(path.dirname(path.dirname(import.meta.dirname)), 'services/ledger/migrations-mysql');
const crashes = Number(process.env['SUUUPRA_CRASHES'] ?? '3');
let server: RunningEngine;
let databases = 0;

beforeAll(async () => {
  const started = await startMariadb({ mayInstall: false, durable: true });
  if (typeof started === 'string') throw new Error(started);
  server = started;
}, 60_000);
afterAll(() => server.stop());

async function freshBook(): Promise<string> {
  databases += 1;
  const url = await ensureMysqlDatabaseUrl(server.url, `book_${databases}`);
  const sql = await openSql({ url });
  await prepareServiceDatabase(sql);
  await sql.migrate(migrations);
  await sql.close();
  return url;
}

const sale = (number: number): LedgerCommand => ({
  kind: 'order_paid',
  cause: `payment:${number}`,
  reference: `order:ord_${number}`,
  description: `Order ${number}`,
  currency: 'INR',
  effectiveAtUs: BigInt(number),
  orderId: `ord_${number}`,
  lines: [
    {
      lineId: `line_${number}`,
      courseId: 'crs_1',
      courseTitle: 'Double entry',
      instructorId: `usr_${number % 3}`,
      tax: 180n,
      net: 1_000n,
      gross: 1_180n,
    },
  ],
});

/** Works the commands out on what the store has at the place, and writes them. Gives where the book stands after. */
async function book(store: LedgerStore, place: Place, commands: readonly LedgerCommand[], nowUs = 1_000_000n) {
  const loaded = await store.load(needsOf(commands));
  const applied = apply({ ...loaded, place }, [{ mode: 'continue', commands }], nowUs);
  const outcome = await store.commit(place, applied);
  return { outcome, place: applied.batch?.place ?? place };
}

/** The book adds up, has no gap, and holds each of these facts once. */
async function expectWhole(sql: Sql, acknowledged: readonly number[]): Promise<void> {
  const store = mysqlLedger(sql);
  await store.reading(async (reader) => {
    for (const { debit, credit } of trialBalances(await reader.totals())) expect(debit).toBe(credit);
    const { journalSequence } = await reader.head();
    const journals = await reader.entries({ reference: '', account: '' }, journalSequence + 1n, 100_000);
    expect(journals.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: Number(journalSequence) }, (_, index) => journalSequence - BigInt(index)),
    );
    const causes = new Set(journals.map(({ cause }) => cause));
    expect(causes.size).toBe(journals.length);
    expect(acknowledged.filter((number) => !causes.has(`payment:${number}`))).toEqual([]);
    expect((await reader.totalsAfter(journalSequence)).map(({ debit, credit }) => [debit, credit])).toEqual(
      (await reader.totals()).map(({ debit, credit }) => [debit, credit]),
    );
  });
}

describe('money on MariaDB', () => {
  it('M8, C2: loses nothing that was acknowledged when the server is killed under load', async () => {
    const url = await freshBook();
    const acknowledged: number[] = [];
    let number = 0;
    for (let crash = 0; crash < crashes; crash += 1) {
      const sql = await openSql({ url });
      const store = mysqlLedger(sql);
      let place = await store.takeOver();
      const target = acknowledged.length + 40;
      let killed: Promise<void> | undefined;
      try {
        for (;;) {
          const commands = [sale(number), sale(number + 1)];
          number += 2;
          const done = await book(store, place, commands);
          expect(done.outcome).toBe('committed');
          place = done.place;
          acknowledged.push(number - 2, number - 1);
          if (acknowledged.length >= target) killed ??= server.crash();
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SqlFault);
      }
      await killed;
      await sql.close();
      await server.restart();
      const after = await openSql({ url });
      await expectWhole(after, acknowledged);
      await after.close();
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(40 * crashes);
  }, 120_000);

  it('M16, C4: a commit whose answer was lost is found by its place, and is not written again', async () => {
    const url = await freshBook();
    const proxy = await openCuttingProxy({ host: '127.0.0.1', port: Number(new URL(url).port) }, 'COMMIT');
    const through = new URL(url);
    through.port = String(proxy.address.port);
    const [sql, direct] = [await openSql({ url: through.href, connectionsMax: 1 }), await openSql({ url })];
    const store = mysqlLedger(sql);
    const place = await store.takeOver();
    const loaded = await store.load(needsOf([sale(1)]));
    const applied = apply({ ...loaded, place }, [{ mode: 'continue', commands: [sale(1)] }], 1n);
    const lost = store.commit(place, applied, async () => proxy.arm());
    await expect(lost).rejects.toMatchObject({ kind: 'commit_unknown' });
    const now = await mysqlLedger(direct).place();
    expect(Buffer.from(now.hash)).toEqual(Buffer.from(applied.batch?.hash ?? []));
    expect(await mysqlLedger(direct).commit(place, applied)).toBe('fenced');
    await expectWhole(direct, [1]);
    await Promise.all([sql.close(), direct.close(), proxy.close()]);
  });

  it('M15, C3: a writer of an old epoch commits nothing, however long it waited', async () => {
    const url = await freshBook();
    const [old, fresh] = [await openSql({ url }), await openSql({ url })];
    const before = await mysqlLedger(old).takeOver();
    const taken = await mysqlLedger(fresh).takeOver();
    expect((await book(mysqlLedger(old), before, [sale(1)])).outcome).toBe('fenced');
    expect((await book(mysqlLedger(fresh), taken, [sale(2)])).outcome).toBe('committed');
    expect((await book(mysqlLedger(old), before, [sale(3)])).outcome).toBe('fenced');
    await expectWhole(fresh, [2]);
    const rows = await fresh.query<{ cause: string }>('SELECT cause FROM journals');
    expect(rows.map((row) => row.cause)).toEqual(['payment:2']);
    await Promise.all([old.close(), fresh.close()]);
  });

  it('M15: many writers of one epoch take turns or are fenced; none is lost and none is doubled', async () => {
    const url = await freshBook();
    const pools = await Promise.all(Array.from({ length: 4 }, () => openSql({ url })));
    const stores = pools.map((sql) => mysqlLedger(sql));
    await stores[0]?.takeOver();
    let fenced = 0;
    const write = async (store: LedgerStore, number: number): Promise<void> => {
      for (;;) {
        const { outcome } = await book(store, await store.place(), [sale(number)], BigInt(number));
        if (outcome === 'committed') return;
        fenced += 1;
      }
    };
    const numbers = Array.from({ length: 40 }, (_, index) => index);
    await Promise.all(
      stores.map(async (store, index) => {
        for (const number of numbers.filter((one) => one % stores.length === index)) await write(store, number);
      }),
    );
    expect(fenced).toBeGreaterThan(0);
    const [sql] = pools;
    if (sql !== undefined) await expectWhole(sql, numbers);
    await Promise.all(pools.map((pool) => pool.close()));
  });

  it('M8: refuses to start on a server that acknowledges before the disk has it', async () => {
    const url = await freshBook();
    const admin = await openSql({ url });
    await admin.execute('SET GLOBAL innodb_flush_log_at_trx_commit = 2');
    try {
      await expect(openSql({ url, durability: 'required' })).rejects.toThrow(
        /innodb_flush_log_at_trx_commit is 2, and has to be 1/,
      );
      expect(await mysqlLedger(admin).durabilityGap()).toMatch(/innodb_flush_log_at_trx_commit/);
      await (await openSql({ url, durability: 'not needed' })).close();
    } finally {
      await admin.execute('SET GLOBAL innodb_flush_log_at_trx_commit = 1');
    }
    expect(await mysqlLedger(admin).durabilityGap()).toBeUndefined();
    await admin.close();
  });

  it('M5: a limit holds in the database itself, as the last line of defence', async () => {
    const url = await freshBook();
    const sql = await openSql({ url });
    const store = mysqlLedger(sql);
    await book(store, await store.takeOver(), [sale(1)]);
    const [account] = await sql.query<{ id: bigint }>("SELECT id FROM accounts WHERE code = '4100'");
    const limit = 'UPDATE account_totals SET net_max_minor = 0 WHERE account_id = ?';
    await sql.execute(limit, [account?.id ?? 0n]);
    const over = sql.execute('UPDATE account_totals SET debit_minor = 10000 WHERE account_id = ?', [account?.id ?? 0n]);
    await expect(over).rejects.toMatchObject({ kind: 'check', constraint: 'not_above_limit' });
    await sql.close();
  });
});
