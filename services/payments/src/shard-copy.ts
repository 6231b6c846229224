/** How a shard of payments gets from one database into another. */
import { sqlShardCopy, stopNoting } from '@suuupra/platform/shards/copy-sql';
import type { ShardCopy } from '@suuupra/platform/shards/move';
import type { Sql } from '@suuupra/platform/sql/sql';
import { migrateShard } from './shards.ts';

/** What is of the service and of no shard; the tables of the sandbox have a schema of their own in PostgreSQL. */
const apart: readonly string[] = [
  ...['risk_rules', 'risk_blocks', 'risk_signals', 'risk_scorings', 'routing_rules', 'provider_reports'],
  ...['sandbox_payments', 'sandbox_captures', 'sandbox_refunds', 'sandbox_disputes', 'sandbox_mandates'],
  ...['sandbox_increments', 'sandbox_notices', 'sandbox_deliveries', 'sandbox_movements', 'sandbox_reports'],
];

export function paymentsShardCopy(source: Sql, target: Sql): ShardCopy {
  return sqlShardCopy({ source, target, migrate: migrateShard, apart });
}

/** What was laid in the source for copying goes away. */
export function endCopying(source: Sql): Promise<void> {
  return stopNoting(source, apart);
}
