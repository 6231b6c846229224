/** What every adapter of the `sql` port must do; sql-postgres.test.ts runs it on the embedded and on an external server. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { retrying, type Sql, SqlFault } from './sql.ts';

export interface SqlUnderTest {
  readonly sql: Sql;
  /** A second, independent pool on the same database. */
  readonly other: Sql;
  /** Cuts every connection of `sql` from outside, as a crash of the server or the network would. */
  cutConnections(): Promise<void>;
  close(): Promise<void>;
}

export function sqlContract(name: string, open: () => Promise<SqlUnderTest>): void {
  describe(`sql contract: ${name}`, () => {
    let under: SqlUnderTest;
    let sql: Sql;
    beforeAll(async () => {
      under = await open();
      sql = under.sql;
      await sql.execute('CREATE TABLE accounts (id text PRIMARY KEY, balance int8 NOT NULL CHECK (balance >= 0))');
    });
    afterAll(() => under.close());

    it('gives int8 as bigint, beyond 2^53 too, and takes arrays, bytes, dates and null', async () => {
      const at = new Date('2026-01-02T03:04:05.678Z');
      const [row] = await sql.query(
        'SELECT $1::int8 AS n, $2::bytea AS b, $3::timestamptz AS t, $4::text AS z, (SELECT sum(x) FROM unnest($5::int8[]) x)::text AS s',
        [9_007_199_254_740_993n, Buffer.from([0, 255]), at, null, [1n, 2n, 3n]],
      );
      expect(row).toMatchObject({ n: 9_007_199_254_740_993n, t: at, z: null, s: '6' });
      expect(Buffer.from(row?.['b'] as Buffer)).toEqual(Buffer.from([0, 255]));
    });

    it('keeps all of a transaction or nothing', async () => {
      await expect(
        sql.transaction(async (tx) => {
          await tx.execute("INSERT INTO accounts VALUES ('rollback', 1)");
          throw new Error('stop');
        }),
      ).rejects.toThrow('stop');
      expect(await sql.query("SELECT 1 FROM accounts WHERE id = 'rollback'")).toEqual([]);
    });

    it('runs afterCommit after the commit, and not after a rollback', async () => {
      const seen: string[] = [];
      await sql.transaction(async (tx) => {
        tx.afterCommit(() => seen.push('committed'));
        await tx.execute("INSERT INTO accounts VALUES ('after', 1)");
        expect(seen).toEqual([]);
      });
      await sql
        .transaction(async (tx) => {
          tx.afterCommit(() => seen.push('rolled back'));
          throw new Error('stop');
        })
        .catch(() => {});
      expect(seen).toEqual(['committed']);
    });

    it('names the violated constraint and what kind it is', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('twice', 1)");
      const twice = await sql.execute("INSERT INTO accounts VALUES ('twice', 1)").catch((error: unknown) => error);
      expect(twice).toMatchObject({ kind: 'unique', constraint: 'accounts_pkey' });
      const below = await sql.execute("INSERT INTO accounts VALUES ('below', -1)").catch((error: unknown) => error);
      expect(below).toMatchObject({ kind: 'check', constraint: 'accounts_balance_check' });
    });

    it('loses no update under concurrency when rows are locked', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('hot', 0)");
      const add = () =>
        sql.transaction(async (tx) => {
          const [row] = await tx.query<{ balance: bigint }>("SELECT balance FROM accounts WHERE id = 'hot' FOR UPDATE");
          await tx.execute("UPDATE accounts SET balance = $1 WHERE id = 'hot'", [(row?.balance ?? 0n) + 1n]);
        });
      await Promise.all(Array.from({ length: 40 }, add));
      expect(await sql.query("SELECT balance FROM accounts WHERE id = 'hot'")).toEqual([{ balance: 40n }]);
    });

    it('reports a deadlock as retryable, and a retry gets through', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('left', 1), ('right', 1)");
      let waiting = 0;
      let letGo = () => {};
      const bothHold = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const cross = (first: string, second: string) =>
        retrying(() =>
          sql.transaction(async (tx) => {
            await tx.execute('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [first]);
            waiting += 1;
            if (waiting === 2) letGo();
            await bothHold;
            await tx.execute('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [second]);
          }),
        );
      await Promise.all([cross('left', 'right'), cross('right', 'left')]);
      expect(await sql.query("SELECT balance FROM accounts WHERE id IN ('left','right')")).toEqual([
        { balance: 3n },
        { balance: 3n },
      ]);
    });

    it('serves again after its connections were cut, and a transaction under way fails whole', async () => {
      const cut = sql.transaction(async (tx) => {
        await tx.execute("INSERT INTO accounts VALUES ('cut', 1)");
        await under.cutConnections();
        await tx.execute("UPDATE accounts SET balance = 2 WHERE id = 'cut'");
      });
      await expect(cut).rejects.toBeInstanceOf(SqlFault);
      expect(await sql.query("SELECT 1 FROM accounts WHERE id = 'cut'")).toEqual([]);
    });

    it('gives a lock to one session at a time, and to the next when the holder is gone', async () => {
      const held = await sql.tryLock('leader');
      expect(held).toBeDefined();
      expect(await under.other.tryLock('leader')).toBeUndefined();
      const lost = new Promise((resolve) => held?.lost.addEventListener('abort', resolve));
      await under.cutConnections();
      await lost;
      // The holder knows of the loss before the server has tidied up after it.
      const next = await vi.waitUntil(() => under.other.tryLock('leader'), { timeout: 10_000, interval: 5 });
      await next?.release();
    });

    it('hears notifications, also after the connection was cut', async () => {
      const heard: string[] = [];
      let wake = () => {};
      const listener = await sql.listen('news', (payload) => {
        heard.push(payload);
        wake();
      });
      const until = (text: string) =>
        new Promise<void>((resolve) => {
          wake = () => heard.includes(text) && resolve();
          wake();
        });
      await under.other.execute("SELECT pg_notify('news', 'one')");
      await until('one');
      await listener.close();
    });

    it('applies each migration once, also when two processes start together, and refuses a changed one', async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-migrations-'));
      writeFileSync(
        path.join(folder, '0001_first.sql'),
        'CREATE TABLE first (id int PRIMARY KEY); INSERT INTO first VALUES (1);',
      );
      writeFileSync(path.join(folder, '0002_second.sql'), 'INSERT INTO first VALUES (2);');
      await Promise.all([sql.migrate(folder), under.other.migrate(folder)]);
      await sql.migrate(folder);
      expect(await sql.query('SELECT id FROM first ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
      writeFileSync(path.join(folder, '0002_second.sql'), 'INSERT INTO first VALUES (3);');
      await expect(sql.migrate(folder)).rejects.toThrow('0002_second.sql was changed');
    });

    it('keeps nothing of a migration that fails', async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-migrations-'));
      writeFileSync(path.join(folder, '0009_broken.sql'), 'CREATE TABLE half (id int); SELECT * FROM no_such_table;');
      await expect(sql.migrate(folder)).rejects.toThrow('0009_broken.sql');
      await expect(sql.query('SELECT 1 FROM half')).rejects.toBeInstanceOf(SqlFault);
    });
  });
}
