/** What the operations of the service work with. */
import type { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import type { Client } from '@suuupra/platform/rpc/rpc';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { Provider } from './provider.ts';
import type { PaymentsStore } from './store.ts';

export interface PaymentsSurroundings {
  readonly sql: Sql;
  readonly store: PaymentsStore;
  readonly world: World;
  readonly log: Log;
  readonly orders: Pick<Client<typeof OrdersService>, 'getOrderForPayment'>;
  /** The provider of new payments. */
  readonly provider: Provider;
  publishIn(tx: SqlTransaction): Publish;
  /** Counts what became of attempts, refunds and webhooks. */
  count(what: string): void;
  /** Something may be due earlier than the sweep knows. */
  nudge(): void;
  /** Idempotency keys under way in this process. */
  readonly running: Set<string>;
}

/** The provider by its name; undefined for one we do not work with. */
export function findProvider(surroundings: PaymentsSurroundings, name: string): Provider | undefined {
  return surroundings.provider.name === name ? surroundings.provider : undefined;
}

/** The provider of an attempt or refund of ours, which was made with one that we work with. */
export function providerNamed(surroundings: PaymentsSurroundings, name: string): Provider {
  const provider = findProvider(surroundings, name);
  if (provider === undefined) throw new Error(`there is no payment provider ${name}`);
  return provider;
}
