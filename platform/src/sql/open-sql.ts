/** A database by its URL: postgres://, postgresql://, mysql:// or mariadb://; refused when it would lose what it acknowledged. */
import { ConfigError } from '../config.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Sql, SqlDialect } from './sql.ts';
import { openMysql } from './sql-mysql.ts';
import { openPostgres } from './sql-postgres.ts';
import { withSqlSpans } from './sql-spans.ts';

export interface OpenSqlOptions {
  readonly url: string;
  readonly connectionsMax?: number;
  readonly waitMsMax?: number;
  readonly statementMsMax?: number;
  /** Read replicas; PostgreSQL only. */
  readonly replicaUrls?: readonly string[];
  /** Absent: required, unless the environment says that the data is a test's and is thrown away. */
  readonly durability?: 'required' | 'not needed';
  /** Where its work is a part of traces; none without. */
  readonly telemetry?: Pick<Telemetry, 'span'>;
}

/** For tests alone, whose servers forget what they held: tools/test-setup.ts and tools/engines set it. */
const volatileSetting = 'SUUUPRA_VOLATILE_DATABASE';
const volatileAccepted = 'for-tests-only';

const dialects: Readonly<Record<string, SqlDialect>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
};

/** Throws with a sentence when the scheme is none of ours or the server acknowledges before the disk has it (M8). */
export async function openSql(options: OpenSqlOptions): Promise<Sql> {
  const isVolatile = process.env[volatileSetting] === volatileAccepted;
  const { durability = isVolatile ? 'not needed' : 'required', telemetry, ...rest } = options;
  const scheme = new URL(options.url).protocol;
  const dialect = dialects[scheme];
  if (dialect === undefined)
    throw new ConfigError(
      `A database's address begins with postgres://, mysql:// or mariadb://, not with ${scheme}//.`,
    );
  if (dialect === 'mysql' && (options.replicaUrls ?? []).length > 0)
    throw new ConfigError('Read replicas are for a database on PostgreSQL; one on MySQL or MariaDB is read as it is.');
  const sql = await (dialect === 'mysql' ? openMysql(rest) : openPostgres(rest));
  try {
    if (durability === 'required') await assertDurable(sql);
    return telemetry === undefined ? sql : await spanned(sql, options.url, telemetry);
  } catch (error) {
    await sql.close();
    throw error;
  }
}

async function spanned(sql: Sql, url: string, telemetry: Pick<Telemetry, 'span'>): Promise<Sql> {
  const database = decodeURIComponent(new URL(url).pathname.slice(1));
  if (sql.dialect === 'postgres') return withSqlSpans(sql, { telemetry, database, system: 'postgresql' });
  const [server] = await sql.query<{ version: string }>('SELECT VERSION() AS version');
  const system = server?.version.includes('MariaDB') === true ? 'mariadb' : 'mysql';
  return withSqlSpans(sql, { telemetry, database, system });
}

/** A setting without which a commit may be acknowledged and lost, and its safe values. */
interface Needed {
  readonly name: string;
  readonly safe: readonly string[];
}

const needed: Readonly<Record<SqlDialect, readonly Needed[]>> = {
  postgres: [
    { name: 'fsync', safe: ['on'] },
    { name: 'full_page_writes', safe: ['on'] },
    // Every value but `off` waits for the own disk.
    { name: 'synchronous_commit', safe: ['on', 'local', 'remote_write', 'remote_apply'] },
  ],
  mysql: [
    { name: 'innodb_flush_log_at_trx_commit', safe: ['1'] },
    { name: 'innodb_doublewrite', safe: ['ON', '1'] },
  ],
};

/** Throws a sentence that names the setting when the server acknowledges commits that a crash can take back (M8). */
export async function assertDurable(sql: Sql): Promise<void> {
  const gap = await durabilityGap(sql);
  if (gap !== undefined) throw new ConfigError(`${gap}; set it and start again.`);
}

/** Why an acknowledged commit may be lost with the machine, as one sentence; undefined when it is on the disk. */
export async function durabilityGap(sql: Sql): Promise<string | undefined> {
  const names = needed[sql.dialect].map(({ name }) => name);
  const rows =
    sql.dialect === 'postgres'
      ? await sql.query<Setting>('SELECT name, setting AS value FROM pg_settings WHERE name = ANY ($1)', [names])
      : await sql.query<Setting>('SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', [names]);
  const values = new Map(rows.map((row) => [row.name ?? row.Variable_name ?? '', row.value ?? row.Value ?? '']));
  for (const { name, safe } of needed[sql.dialect]) {
    const value = values.get(name) ?? 'not known';
    if (!safe.includes(value))
      return `The database acknowledges what a crash can lose: its ${name} is ${value}, and has to be ${safe[0]}`;
  }
  return undefined;
}

interface Setting extends Record<string, unknown> {
  name?: string;
  value?: string;
  Variable_name?: string;
  Value?: string;
}
