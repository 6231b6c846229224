/** What the operations of the service work with. */

import { createHmac } from 'node:crypto';
import type { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import type { Client } from '@suuupra/platform/rpc/rpc';
import type { OneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { MandateStore } from './mandate-store.ts';
import type { Provider, ProviderEvent } from './provider.ts';
import type { RiskStore } from './risk-store.ts';
import type { RoutingStore } from './routing-store.ts';
import type { KeptWebhook, PaymentsStore } from './store.ts';

export const sandboxNames: readonly string[] = ['sandbox', 'sandbox_b'];

export interface PaymentsSurroundings {
  readonly sql: Sql;
  readonly store: PaymentsStore;
  readonly mandates: MandateStore;
  readonly risk: RiskStore;
  readonly routing: RoutingStore;
  readonly world: World;
  readonly log: Log;
  readonly orders: Pick<Client<typeof OrdersService>, 'getOrderForPayment'>;
  /** Those that we work with, the one of default rules first. */
  readonly providers: readonly [Provider, ...Provider[]];
  /** Keys the hashes of who pays. */
  readonly riskSecret: Uint8Array;
  /** Encrypts the tokens of methods that wait for their confirmation. */
  readonly methodSecret: Uint8Array;
  publishIn(tx: SqlTransaction): Publish;
  /** Counts what became of attempts, refunds and webhooks. */
  count(what: string): void;
  /** Something may be due earlier than the sweep knows. */
  nudge(): void;
  /** Hands an event over to the shard that it is about, and is true when it did; absent where there is one shard. */
  readonly forward?: (webhook: KeptWebhook, event: ProviderEvent) => Promise<boolean>;
  /** Idempotency keys under way, in whichever process. */
  readonly running: OneAtATime;
}

/** The provider by its name; undefined for one we do not work with. */
export function findProvider(
  surroundings: Pick<PaymentsSurroundings, 'providers'>,
  name: string,
): Provider | undefined {
  return surroundings.providers.find((provider) => provider.name === name);
}

/** The provider of an attempt or refund of ours, which was made with one that we work with. */
export function providerNamed(surroundings: PaymentsSurroundings, name: string): Provider {
  const provider = findProvider(surroundings, name);
  if (provider === undefined) throw new Error(`there is no payment provider ${name}`);
  return provider;
}

/**
 * True when no real money moved, also at a sandbox that is off by now. Before a provider is chosen: when none that could be
 * moves any.
 */
export function isSimulated(surroundings: Pick<PaymentsSurroundings, 'providers'>, name: string): boolean {
  if (name === '') return surroundings.providers.every(({ simulated }) => simulated);
  return findProvider(surroundings, name)?.simulated ?? sandboxNames.includes(name);
}

/** What stands for a value that is to be recognised and not kept. */
export function keyedHash(surroundings: PaymentsSurroundings, dimension: string, value: string): string {
  return createHmac('sha256', surroundings.riskSecret)
    .update(`${dimension}\n${value}`)
    .digest('base64url')
    .slice(0, 32);
}
