/** The adapters of the ledger's ports for the engine that its database is on. */
import type { Sql } from '@suuupra/platform/sql/sql';
import type { LedgerDesk } from './desk.ts';
import type { LedgerStore } from './store.ts';
import { mysqlLedger } from './store-mysql.ts';
import { mysqlDesk } from './store-mysql-desk.ts';
import { postgresLedger } from './store-postgres.ts';
import { postgresDesk } from './store-postgres-desk.ts';

export interface LedgerStores {
  readonly store: LedgerStore;
  readonly desk: LedgerDesk;
}

export function ledgerStores(sql: Sql): LedgerStores {
  return sql.dialect === 'mysql'
    ? { store: mysqlLedger(sql), desk: mysqlDesk(sql) }
    : { store: postgresLedger(sql), desk: postgresDesk(sql) };
}
