/** The database of a shard on a place, made where there is none. */
import { openSql } from '../sql/open-sql.ts';
import type { Sql } from '../sql/sql.ts';
import { ensureMysqlDatabaseUrl } from '../sql/sql-mysql.ts';
import { ensureDatabaseUrl } from '../sql/sql-postgres.ts';
import { databaseOf, home, type ShardSettings } from './places.ts';

export interface ShardDatabaseParts {
  /** The service's own database, which shard 0 has at home. */
  readonly own: Sql;
  readonly settings: ShardSettings;
  readonly migrate: (sql: Sql) => Promise<void>;
}

/** Connections of one process to one shard. */
const connectionsPerShard = 4;

export interface ShardDatabase {
  readonly sql: Sql;
  readonly isHome: boolean;
  /** Leaves the service's own database open. */
  close(): Promise<void>;
}

/** Connects to the shard's database with all its tables. Throws a sentence for a place that is not configured. */
export async function openShardDatabase(
  { own, settings, migrate }: ShardDatabaseParts,
  shard: number,
  place: string,
): Promise<ShardDatabase> {
  if (place === home) {
    if (shard !== 0) throw new Error(`only shard 0 may be at ${home}, not shard ${shard}`);
    return { sql: own, isHome: true, close: async () => {} };
  }
  const server = settings.places.get(place);
  if (server === undefined)
    throw new Error(`shard ${shard} is on ${place}, which the setting of the service's places does not name`);
  const name = databaseOf(shard, place, settings);
  const url = await (/^postgres/.test(server) ? ensureDatabaseUrl(server, name) : ensureMysqlDatabaseUrl(server, name));
  const sql = await openSql({ url, connectionsMax: connectionsPerShard });
  try {
    await migrate(sql);
  } catch (error) {
    await sql.close();
    throw error;
  }
  return { sql, isHome: false, close: () => sql.close() };
}
