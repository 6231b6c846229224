import { freshDatabaseUrl } from '../testing.ts';
import { sqlContract } from './sql.contract.ts';
import { openPostgres } from './sql-postgres.ts';

sqlContract('PostgreSQL by URL', async () => {
  const url = await freshDatabaseUrl();
  const sql = await openPostgres({ url });
  const other = await openPostgres({ url: `${url}?application_name=other` });
  const { port } = new URL(url);
  return {
    sql,
    other,
    // The URL may be of the server's socket; the proxy of the tests speaks TCP.
    address: { host: '127.0.0.1', port: Number(port) },
    connect: (address, limits) => {
      const through = new URL(url);
      through.host = `${address.host}:${address.port}`;
      return openPostgres({ url: through.href, connectionsMax: 1, ...limits });
    },
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
