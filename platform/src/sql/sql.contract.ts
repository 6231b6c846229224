/**
 * What every adapter of the `sql` port must do: sql-postgres.test.ts runs it on the embedded and on an external
 * PostgreSQL, sql-mysql.engines.test.ts on MariaDB.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openPartitionedNetwork } from '../testing-partition.ts';
import { openCuttingProxy } from '../testing-proxy.ts';
import { retrying, type Sql, SqlFault, type SqlTransaction } from './sql.ts';

export interface SqlUnderTest {
  readonly sql: Sql;
  /** A second, independent pool on the same database. */
  readonly other: Sql;
  /** The database through another address, one pool of its own. */
  connect(
    address: { readonly host: string; readonly port: number },
    limits?: { readonly statementMsMax: number },
  ): Promise<Sql>;
  /** Where the server listens. */
  readonly address: { readonly host: string; readonly port: number };
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
      await sql.execute(
        `CREATE TABLE accounts (id varchar(20) PRIMARY KEY, balance bigint NOT NULL,
           CONSTRAINT accounts_balance_check CHECK (balance >= 0))`,
      );
      await sql.execute(
        `CREATE TABLE kinds (y boolean, n bigint, d decimal(30, 0), b ${bytes[sql.dialect]}, t ${instant[sql.dialect]}, z varchar(9))`,
      );
    });
    afterAll(() => under.close());
    /** The contract's statements are written with $1, $2, … in order. */
    const inDialect = (text: string) => (sql.dialect === 'mysql' ? text.replace(/\$\d+/g, '?') : text);

    it('takes and gives 64-bit integers exactly (M3), bytes, dates, text and null', async () => {
      const at = new Date('2026-01-02T03:04:05.678Z');
      const text = `quote ' backslash \\ zero-width \u200b emoji \u{1f600}`;
      const integers = [2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 0n, -1n];
      for (const n of integers) {
        await sql.execute('DELETE FROM kinds');
        const insert = inDialect('INSERT INTO kinds (n, d, b, t, z, y) VALUES ($1, $2, $3, $4, $5, $6)');
        await sql.execute(insert, [n, n.toString(), Buffer.from([0, 255, 39, 92]), at, null, n > 0n]);
        const [row] = await sql.query('SELECT n, d, b, t, z, y FROM kinds');
        expect(row).toMatchObject({ n, d: n.toString(), t: at, z: null, y: n > 0n });
        expect(Buffer.from(row?.['b'] as Buffer)).toEqual(Buffer.from([0, 255, 39, 92]));
        expect(await sql.query(inDialect('SELECT 1 AS found FROM kinds WHERE n = $1'), [n])).toHaveLength(1);
        expect(await sql.query(inDialect('SELECT 1 AS found FROM kinds WHERE n < $1'), [n])).toHaveLength(0);
        expect(await sql.query(inDialect('SELECT n FROM kinds WHERE n IN ($1)'), [n])).toEqual([{ n }]);
        expect(await sql.query('SELECT count(*) AS counted FROM kinds')).toEqual([{ counted: 1n }]);
      }
      await sql.execute(inDialect('INSERT INTO accounts VALUES ($1, $2)'), ["it's \\ 'it'", 1n]);
      expect(await sql.query(inDialect('SELECT id FROM accounts WHERE id = $1'), ["it's \\ 'it'"])).toHaveLength(1);
      const [spoken] = await sql.query<{ said: string }>(
        sql.dialect === 'mysql' ? 'SELECT ? AS said' : 'SELECT $1::text AS said',
        [text],
      );
      expect(spoken?.said).toBe(text);
    });

    it('counts the rows that a statement found, changed or not, and those that it inserted', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('same', 1), ('other', 1)");
      expect(await sql.execute("UPDATE accounts SET balance = 1 WHERE id IN ('same', 'other')")).toBe(2);
      expect(await sql.execute("UPDATE accounts SET balance = 1 WHERE id = 'none'")).toBe(0);
      const once = {
        postgres: "INSERT INTO accounts VALUES ('same', 1) ON CONFLICT DO NOTHING",
        mysql: "INSERT INTO accounts VALUES ('same', 1) ON DUPLICATE KEY UPDATE id = VALUES(id)",
      }[sql.dialect];
      expect(await sql.execute(once)).toBe(0);
      expect(await sql.execute(once.replaceAll("'same'", "'new'"))).toBe(1);
      expect(await sql.execute("DELETE FROM accounts WHERE id IN ('same', 'other', 'new')")).toBe(3);
    });

    it('refuses an integer beyond 64 bits as invalid, and never wraps it', async () => {
      const write = sql.execute(inDialect('INSERT INTO kinds (n) VALUES ($1)'), [2n ** 63n]);
      await expect(write).rejects.toMatchObject({ kind: 'invalid' });
    });

    it('reads what others committed since, within one transaction: READ COMMITTED', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('seen', 1)");
      const read = "SELECT balance FROM accounts WHERE id = 'seen'";
      await sql.transaction(async (tx) => {
        expect(await tx.query(read)).toEqual([{ balance: 1n }]);
        await under.other.execute("UPDATE accounts SET balance = 2 WHERE id = 'seen'");
        expect(await tx.query(read)).toEqual([{ balance: 2n }]);
      });
      const view = { isolation: 'repeatable read', readOnly: true } as const;
      await sql
        .transaction(async (tx) => {
          expect(await tx.query(read)).toEqual([{ balance: 2n }]);
          await under.other.execute("UPDATE accounts SET balance = 3 WHERE id = 'seen'");
          expect(await tx.query(read)).toEqual([{ balance: 2n }]);
          await expect(tx.execute("UPDATE accounts SET balance = 4 WHERE id = 'seen'")).rejects.toBeInstanceOf(
            SqlFault,
          );
        }, view)
        .catch(() => {});
      expect(await sql.query(read)).toEqual([{ balance: 3n }]);
    });

    it('gives up a server that falls silent, alone and in a transaction, and goes on when it is back', async () => {
      const network = await openPartitionedNetwork(under.address.port);
      const through = await under.connect({ host: '127.0.0.1', port: network.port }, { statementMsMax: 200 });
      onTestFinished(async () => {
        await through.close();
        await network.close();
      });
      network.cut();
      await expect(through.query('SELECT 1 AS found')).rejects.toMatchObject({ kind: 'unavailable' });
      network.heal();
      const cutWithin = through.transaction(async (tx) => {
        await tx.query('SELECT 1 AS found');
        network.cut();
        await tx.execute("INSERT INTO accounts VALUES ('silent', 1)");
      });
      await expect(cutWithin).rejects.toMatchObject({ kind: 'unavailable' });
      network.heal();
      expect(await through.query("SELECT id FROM accounts WHERE id = 'silent'")).toEqual([]);
    }, 30_000);

    it('says commit_unknown when the connection is lost during COMMIT, and the commit stands (M16)', async () => {
      const proxy = await openCuttingProxy(under.address, 'COMMIT');
      const through = await under.connect(proxy.address);
      try {
        const lost = through.transaction(async (tx) => {
          await tx.execute("INSERT INTO accounts VALUES ('lost', 1)");
          proxy.arm();
        });
        await expect(lost).rejects.toMatchObject({ kind: 'commit_unknown' });
        expect(await sql.query("SELECT balance FROM accounts WHERE id = 'lost'")).toEqual([{ balance: 1n }]);
      } finally {
        await through.close();
        await proxy.close();
      }
    });

    it('commits nothing after a deadlock took the transaction away, though the work goes on', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('one', 1), ('two', 1)");
      const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const cross = async (mine: number, first: string, second: string) =>
        sql.transaction(async (tx) => {
          await tx.execute(inDialect('UPDATE accounts SET balance = balance + 1 WHERE id = $1'), [first]);
          both[mine]?.resolve();
          await both[1 - mine]?.promise;
          const update = inDialect('UPDATE accounts SET balance = balance + 1 WHERE id = $1');
          const failed = await tx.execute(update, [second]).then(
            () => false,
            () => true,
          );
          if (failed) await tx.execute("INSERT INTO accounts VALUES ('stray', 1)");
        });
      const ends = await Promise.allSettled([cross(0, 'one', 'two'), cross(1, 'two', 'one')]);
      expect(ends.filter((end) => end.status === 'rejected')).toHaveLength(1);
      expect(await sql.query("SELECT 1 AS found FROM accounts WHERE id = 'stray'")).toEqual([]);
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

    it('runs beforeCommit in the transaction, in order, after its work; what it throws rolls all back', async () => {
      const seen: string[] = [];
      await sql.transaction(async (tx) => {
        tx.beforeCommit(async () => {
          seen.push('first');
          await tx.execute("INSERT INTO accounts VALUES ('last words', 1)");
          tx.beforeCommit(async () => void seen.push('added by the first'));
        });
        tx.beforeCommit(async () => void seen.push('second'));
        tx.afterCommit(() => seen.push('committed'));
        seen.push('worked');
      });
      expect(seen).toEqual(['worked', 'first', 'second', 'added by the first', 'committed']);
      expect(await sql.query("SELECT balance FROM accounts WHERE id = 'last words'")).toEqual([{ balance: 1n }]);
      const refused = sql.transaction(async (tx) => {
        tx.beforeCommit(async () => {
          throw new Error('not so');
        });
        await tx.execute("INSERT INTO accounts VALUES ('never', 1)");
      });
      await expect(refused).rejects.toThrow('not so');
      expect(await sql.query("SELECT balance FROM accounts WHERE id = 'never'")).toEqual([]);
    });

    it('runs withCommit last; a statement of it that fails rolls all back, and its fault is told', async () => {
      const insert = (id: string, balance: number) => ({
        text: inDialect('INSERT INTO accounts VALUES ($1, $2)'),
        values: [id, balance],
      });
      await sql.transaction(async (tx) => {
        tx.withCommit(() => [insert('sent last', 1)]);
        tx.beforeCommit(async () => void (await tx.execute("INSERT INTO accounts VALUES ('sent before', 1)")));
        expect(await tx.query("SELECT 1 AS found FROM accounts WHERE id LIKE 'sent %'")).toEqual([]);
      });
      expect(await sql.query("SELECT id FROM accounts WHERE id LIKE 'sent %' ORDER BY id")).toEqual([
        { id: 'sent before' },
        { id: 'sent last' },
      ]);
      let committed = false;
      const refused = sql.transaction(async (tx) => {
        await tx.execute("INSERT INTO accounts VALUES ('unsent', 1)");
        tx.withCommit(() => [insert('unsent too', 1), insert('sent last', 1), insert('unsent as well', 1)]);
        tx.afterCommit(() => {
          committed = true;
        });
      });
      await expect(refused).rejects.toMatchObject({ kind: 'unique' });
      expect(committed).toBe(false);
      expect(await sql.query("SELECT id FROM accounts WHERE id LIKE 'unsent%'")).toEqual([]);
      // The connection is fit for the next one.
      await sql.transaction(async (tx) => void (await tx.execute("INSERT INTO accounts VALUES ('sent again', 1)")));
    });

    it('runs what is begun together in its order, in one transaction, from the first statement on', async () => {
      await sql.transaction(async (tx) => {
        await Promise.all([
          tx.execute("INSERT INTO accounts VALUES ('together', 1)"),
          tx.execute("UPDATE accounts SET balance = balance * 10 WHERE id = 'together'"),
          tx.execute("UPDATE accounts SET balance = balance + 5 WHERE id = 'together'"),
        ]);
      });
      expect(await sql.query("SELECT balance FROM accounts WHERE id = 'together'")).toEqual([{ balance: 15n }]);
      const failing = ["('apart', 1)", "('together', 1)", "('apart too', 1)"];
      const refused = sql.transaction((tx) =>
        Promise.all(failing.map((row) => tx.execute(`INSERT INTO accounts VALUES ${row}`))),
      );
      await expect(refused).rejects.toMatchObject({ kind: 'unique' });
      expect(await sql.query("SELECT id FROM accounts WHERE id LIKE 'apart%'")).toEqual([]);
    });

    it('refuses what is begun in a transaction after its end', async () => {
      let late: SqlTransaction | undefined;
      await sql.transaction(async (tx) => {
        late = tx;
        await tx.query('SELECT 1 AS one');
      });
      await expect(late?.execute("INSERT INTO accounts VALUES ('late', 1)")).rejects.toThrow('over');
      await sql
        .transaction(async (tx) => {
          late = tx;
          throw new Error('stop');
        })
        .catch(() => {});
      await expect(late?.execute("INSERT INTO accounts VALUES ('late', 1)")).rejects.toThrow('over');
      expect(await sql.query("SELECT id FROM accounts WHERE id = 'late'")).toEqual([]);
    });

    it('names the violated constraint and what kind it is', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('twice', 1)");
      const twice = await sql.execute("INSERT INTO accounts VALUES ('twice', 1)").catch((error: unknown) => error);
      expect(twice).toMatchObject({
        kind: 'unique',
        constraint: sql.dialect === 'mysql' ? 'PRIMARY' : 'accounts_pkey',
      });
      const below = await sql.execute("INSERT INTO accounts VALUES ('below', -1)").catch((error: unknown) => error);
      expect(below).toMatchObject({ kind: 'check', constraint: 'accounts_balance_check' });
    });

    it('loses no update under concurrency when rows are locked', async () => {
      await sql.execute("INSERT INTO accounts VALUES ('hot', 0)");
      const add = () =>
        sql.transaction(async (tx) => {
          const [row] = await tx.query<{ balance: bigint }>("SELECT balance FROM accounts WHERE id = 'hot' FOR UPDATE");
          await tx.execute(inDialect("UPDATE accounts SET balance = $1 WHERE id = 'hot'"), [(row?.balance ?? 0n) + 1n]);
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
            await tx.execute(inDialect('UPDATE accounts SET balance = balance + 1 WHERE id = $1'), [first]);
            waiting += 1;
            if (waiting === 2) letGo();
            await bothHold;
            await tx.execute(inDialect('UPDATE accounts SET balance = balance + 1 WHERE id = $1'), [second]);
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
      await under.other.notify('news', 'one');
      await until('one');
      await listener.close();
    });

    it('applies each migration once, also when two processes start together, and refuses a changed one', async () => {
      const folder = migrationsFolder();
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

    it('keeps nothing of a migration that fails, or goes on where it stopped once it is mended', async () => {
      const folder = migrationsFolder();
      writeFileSync(path.join(folder, '0009_broken.sql'), 'CREATE TABLE half (id int); SELECT * FROM no_such_table;');
      await expect(sql.migrate(folder)).rejects.toThrow('0009_broken.sql');
      if (sql.dialect === 'mysql') {
        const mended = 'CREATE TABLE half (id int);\n-- mended; it was "broken"\nINSERT INTO half VALUES (1);';
        writeFileSync(path.join(folder, '0009_broken.sql'), mended);
        await Promise.all([sql.migrate(folder), under.other.migrate(folder)]);
        expect(await sql.query('SELECT id FROM half')).toEqual([{ id: 1 }]);
        return;
      }
      await expect(sql.query('SELECT 1 FROM half')).rejects.toBeInstanceOf(SqlFault);
    });
  });
}

function migrationsFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'suuupra-migrations-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const bytes = { postgres: 'bytea', mysql: 'varbinary(100)' };
const instant = { postgres: 'timestamptz', mysql: 'datetime(3)' };
