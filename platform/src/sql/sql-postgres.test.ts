import { freshDatabaseUrl } from '../testing.ts';
import { sqlContract } from './sql.contract.ts';
import { openPostgres } from './sql-postgres.ts';

sqlContract('PostgreSQL by URL', async () => {
  const url = await freshDatabaseUrl();
  const sql = await openPostgres({ url });
  const other = await openPostgres({ url: `${url}?application_name=other` });
  return {
    sql,
    other,
    cutConnections: async () => {
      await other.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'other'",
      );
    },
    close: async () => {
      await sql.close();
      await other.close();
    },
  };
});
