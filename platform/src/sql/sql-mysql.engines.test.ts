import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freshDatabaseUrl } from '../testing.ts';
import { sqlContract } from './sql.contract.ts';
import { SqlFault } from './sql.ts';
import { openMysql } from './sql-mysql.ts';
import { statementsOf } from './sql-mysql-migrations.ts';

sqlContract('MariaDB or MySQL by URL', async () => {
  const url = await freshDatabaseUrl('mysql');
  const sql = await openMysql({ url });
  const other = await openMysql({ url });
  const { hostname, port } = new URL(url);
  return {
    sql,
    other,
    address: { host: hostname, port: Number(port) },
    connect: (address, limits) => {
      const through = new URL(url);
      through.host = `${address.host}:${address.port}`;
      return openMysql({ url: through.href, connectionsMax: 1, ...limits });
    },
    cutConnections: async () => {
      const others = await other.query<{ id: bigint }>(
        'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
      );
      for (const { id } of others) await other.execute('KILL ?', [id]).catch(() => {});
    },
    close: async () => {
      await sql.close();
      await other.close();
    },
  };
});

describe('MariaDB or MySQL', () => {
  it('answers a lock that is waited for too long as retryable (C7)', async () => {
    const url = await freshDatabaseUrl('mysql');
    const [patient, brief] = [await openMysql({ url }), await openMysql({ url, statementMsMax: 2_000 })];
    await patient.execute('CREATE TABLE rows_ (id int PRIMARY KEY)');
    await patient.execute('INSERT INTO rows_ VALUES (1)');
    await patient.transaction(async (tx) => {
      await tx.query('SELECT id FROM rows_ FOR UPDATE');
      const waiting = brief.transaction((other) => other.query('SELECT id FROM rows_ FOR UPDATE'));
      await expect(waiting).rejects.toMatchObject({ kind: 'retryable' });
    });
    await Promise.all([patient.close(), brief.close()]);
  });

  it('answers error 1020, a row changed since the snapshot, as retryable (C7)', async ({ skip }) => {
    const url = await freshDatabaseUrl('mysql');
    const sql = await openMysql({ url });
    const [server] = await sql.query<{ version: string }>('SELECT VERSION() AS version');
    if (server?.version.includes('MariaDB') !== true) {
      await sql.close();
      return skip('MySQL has no such error: its repeatable reads overwrite, and nothing here asks for them to write');
    }
    await sql.execute('CREATE TABLE rows_ (id int PRIMARY KEY, n int)');
    await sql.execute('INSERT INTO rows_ VALUES (1, 1)');
    const stale = sql.transaction(
      async (tx) => {
        await tx.execute('SET innodb_snapshot_isolation = ON').catch(() => {});
        await tx.query('SELECT n FROM rows_');
        await sql.execute('UPDATE rows_ SET n = 2');
        await tx.execute('UPDATE rows_ SET n = n + 1');
      },
      { isolation: 'repeatable read' },
    );
    await expect(stale).rejects.toMatchObject({ kind: 'retryable' });
    await sql.close();
  });

  it('keeps values out of its faults', async () => {
    const sql = await openMysql({ url: await freshDatabaseUrl('mysql') });
    await sql.execute('CREATE TABLE kept (id varchar(50) PRIMARY KEY, n int)');
    const insert = () => sql.execute('INSERT INTO kept VALUES (?, ?)', ["o'hara secret", 1]);
    await insert();
    const twice = await insert().catch((error: unknown) => error);
    const wrong = await sql.execute('INSERT INTO kept VALUES (?, ?)', ['x', 'secret']).catch((error: unknown) => error);
    for (const fault of [twice, wrong]) {
      expect(fault).toBeInstanceOf(SqlFault);
      expect(inspect(fault, { depth: 5 })).not.toContain('secret');
    }
    expect(twice).toMatchObject({ kind: 'unique', constraint: 'PRIMARY' });
    expect(wrong).toMatchObject({ kind: 'invalid' });
    await sql.close();
  });

  it('gives up a server that greets nobody, in time', async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as { port: number };
    const opening = openMysql({ url: `mysql://nobody:none@127.0.0.1:${port}/none`, waitMsMax: 50 });
    await expect(opening).rejects.toMatchObject({ kind: 'unavailable' });
    mute.close();
  });

  it('splits a migration into statements, whatever is quoted in it', () => {
    expect(
      statementsOf("-- a; b\nINSERT INTO t VALUES ('a;''b', \"c;\", `d;`); /* e; */ SELECT 1 - 2 / 3;\n-- end"),
    ).toEqual(["INSERT INTO t VALUES ('a;''b', \"c;\", `d;`)", 'SELECT 1 - 2 / 3']);
  });
});
