/**
 * Statements that a piece of work costs, by database: the embedded server writes each into its log while it is asked to.
 * What it logs it does not do as fast, so nothing else is measured meanwhile.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openKeyring } from '@suuupra/platform/keys/keys-file';
import { openPostgres } from '@suuupra/platform/sql/sql-postgres';

/** Sessions hear of a changed setting between two statements; what still runs in the background comes in this time too. */
const settlingMs = 2_000;

/** Statements that began while `work` ran and shortly after, by database; BEGIN and COMMIT count. The server must run. */
export async function statementsOf(dataFolder: string, work: () => Promise<void>): Promise<Map<string, number>> {
  const folder = path.join(dataFolder, 'postgres');
  const log = path.join(folder, 'postgres.log');
  const keys = await openKeyring(path.join(dataFolder, 'keys.json'));
  const password = Buffer.from(await keys.secret('postgres')).toString('base64url');
  // Its own process looks after the server; this one only asks it.
  const port = readFileSync(path.join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n')[3];
  const sql = await openPostgres({ url: `postgres://suuupra:${password}@127.0.0.1:${port}/postgres` });
  try {
    for (const setting of ["log_statement = 'all'", "log_line_prefix = 'in %d '"])
      await sql.execute(`ALTER SYSTEM SET ${setting}`);
    await sql.query('SELECT pg_reload_conf()');
    await delay(settlingMs);
    const from = statSync(log).size;
    await work();
    await delay(settlingMs);
    return countByDatabase(readFileSync(log).subarray(from).toString('utf8'));
  } finally {
    for (const setting of ['log_statement', 'log_line_prefix']) await sql.execute(`ALTER SYSTEM RESET ${setting}`);
    await sql.query('SELECT pg_reload_conf()');
    await sql.close();
  }
}

function countByDatabase(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, database = ''] of text.matchAll(/^in (\S+) LOG: {2}(?:statement|execute [^:]*): /gm))
    if (database !== 'postgres') counts.set(database, (counts.get(database) ?? 0) + 1);
  return counts;
}
