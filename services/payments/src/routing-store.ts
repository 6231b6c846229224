/** The port to the routing tables. Adapter: store-postgres-routing.ts. Every adapter passes store.contract.ts. */
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import type { PaymentMethodKind } from './provider.ts';
import type { Rate, RoutingRules } from './routing.ts';
import type { Place } from './store.ts';

export interface RoutingDecision {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  /** Which try of the payer's request this was, from 1. */
  readonly tryNumber: number;
  readonly provider: string;
  readonly rule: string;
  readonly because: string;
  readonly candidates: readonly string[];
  readonly rates: readonly Rate[];
  readonly leftOut: readonly string[];
  readonly rulesVersion: number;
  readonly atMs: number;
}

export interface RoutingStore {
  /** The newest version; undefined when none was ever set. */
  rules(executor: SqlExecutor): Promise<RoutingRules | undefined>;
  /** False when this version exists already: somebody else was faster. */
  putRules(executor: SqlExecutor, rules: RoutingRules, by: string): Promise<boolean>;
  /** For each wish in its order: outcomes of the provider's last settled attempts with the method since then, at most `window`. */
  rates(
    executor: SqlExecutor,
    wanted: readonly { readonly provider: string; readonly method: PaymentMethodKind }[],
    sinceMs: number,
    window: number,
  ): Promise<Rate[]>;
  keepDecision(executor: SqlExecutor, decision: RoutingDecision): Promise<void>;
  /** Newest first. */
  listDecisions(
    executor: SqlExecutor,
    orderId: string | undefined,
    after: Place | undefined,
    limit: number,
  ): Promise<RoutingDecision[]>;
}
