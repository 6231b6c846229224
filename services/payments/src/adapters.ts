/** The adapters of the payments' ports for the engine that their database is on. */
import type { Sql } from '@suuupra/platform/sql/sql';
import type { MandateStore } from './mandate-store.ts';
import type { RiskStore } from './risk-store.ts';
import type { RoutingStore } from './routing-store.ts';
import type { SandboxStore } from './sandbox-store.ts';
import type { PaymentsStore } from './store.ts';
import { mysqlStore } from './store-mysql.ts';
import { mysqlMandateStore } from './store-mysql-mandates.ts';
import { mysqlRiskStore } from './store-mysql-risk.ts';
import { mysqlRoutingStore } from './store-mysql-routing.ts';
import { mysqlSandboxStore } from './store-mysql-sandbox.ts';
import { postgresStore } from './store-postgres.ts';
import { postgresMandateStore } from './store-postgres-mandates.ts';
import { postgresRiskStore } from './store-postgres-risk.ts';
import { postgresRoutingStore } from './store-postgres-routing.ts';
import { postgresSandboxStore } from './store-postgres-sandbox.ts';

export interface PaymentsStores {
  readonly store: PaymentsStore;
  readonly mandates: MandateStore;
  readonly risk: RiskStore;
  readonly routing: RoutingStore;
  readonly sandbox: SandboxStore;
}

const onPostgres: PaymentsStores = {
  store: postgresStore,
  mandates: postgresMandateStore,
  risk: postgresRiskStore,
  routing: postgresRoutingStore,
  sandbox: postgresSandboxStore,
};

const onMysql: PaymentsStores = {
  store: mysqlStore,
  mandates: mysqlMandateStore,
  risk: mysqlRiskStore,
  routing: mysqlRoutingStore,
  sandbox: mysqlSandboxStore,
};

export function paymentsStores({ dialect }: Pick<Sql, 'dialect'>): PaymentsStores {
  return dialect === 'mysql' ? onMysql : onPostgres;
}

/** The folders of the service's migrations. */
export const paymentsMigrations = {
  postgres: new URL('../migrations/', import.meta.url),
  mysql: new URL('../migrations-mysql/', import.meta.url),
};
