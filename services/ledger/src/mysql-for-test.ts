/** The ledger's database on MariaDB for tests: two processes under the writer's account, and an owner who can do anything. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { ledgerGrants } from './store-mysql-grants.ts';

const migrations = fileURLToPath(new URL('../migrations-mysql/', import.meta.url));

export interface MysqlBook {
  readonly owner: Sql;
  /** For the account that may add and never change. */
  readonly url: string;
  readonly writers: readonly [Sql, Sql];
  tamper(statement: string): Promise<void>;
  close(): Promise<void>;
}

export async function openMysqlBook(): Promise<MysqlBook> {
  const ownerUrl = new URL(await freshDatabaseUrl('mysql'));
  const owner = await openTestSql(ownerUrl.href);
  await prepareServiceDatabase(owner);
  await owner.migrate(migrations);
  const [name, password] = [`w_${randomBytes(8).toString('hex')}`, randomBytes(12).toString('hex')];
  await owner.execute(`CREATE USER '${name}'@'127.0.0.1' IDENTIFIED BY '${password}'`);
  for (const statement of ledgerGrants(ownerUrl.pathname.slice(1), `'${name}'@'127.0.0.1'`))
    await owner.execute(statement);
  const url = new URL(ownerUrl);
  url.username = name;
  url.password = password;
  const writers = [await openTestSql(url.href), await openTestSql(url.href)] as const;
  return {
    owner,
    url: url.href,
    writers,
    tamper: (statement) => tamper(owner, statement),
    close: async () => {
      for (const sql of [...writers, owner]) await sql.close();
    },
  };
}

/** The statements of the contract are PostgreSQL's; one of them has another name for its functions here. */
async function tamper(owner: Sql, statements: string): Promise<void> {
  const triggers = await owner.query<{ Trigger: string }>('SHOW TRIGGERS');
  for (const { Trigger } of triggers) await owner.execute(`DROP TRIGGER ${Trigger}`);
  await owner.transaction(async (tx) => {
    await tx.execute('SET SESSION foreign_key_checks = 0');
    const flipped = 'CONCAT(LEFT(hash, 5), CHAR(ORD(SUBSTRING(hash, 6, 1)) ^ 1), SUBSTRING(hash, 7))';
    for (const one of statements.split('; '))
      await tx.execute(one.replace('set_byte(hash, 5, get_byte(hash, 5) # 1)', flipped));
    await tx.execute('SET SESSION foreign_key_checks = 1');
  });
}
