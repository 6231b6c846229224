/** The port to the tables of rules, signals and decisions. Adapter: store-postgres-risk.ts; contract: store.contract.ts. */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Dimension, RiskBlock, RiskDecision, RiskOutcome, RiskRule, Signals } from './risk.ts';
import type { Place } from './store.ts';

export interface CountWish {
  readonly dimension: Dimension;
  readonly valueHash: string;
  readonly counted: RiskRule['counted'];
  readonly sinceMs: number;
}

export interface RiskStore {
  /** All, by name. */
  rules(executor: SqlExecutor): Promise<RiskRule[]>;
  putRule(executor: SqlExecutor, rule: RiskRule): Promise<void>;
  /** False when there is none. */
  deleteRule(executor: SqlExecutor, name: string): Promise<boolean>;

  addBlock(executor: SqlExecutor, block: RiskBlock): Promise<void>;
  removeBlock(executor: SqlExecutor, id: string): Promise<boolean>;
  /** Newest first, those in the past included. */
  listBlocks(executor: SqlExecutor, after: Place | undefined, limit: number): Promise<RiskBlock[]>;
  /** In force now for one of the signals. */
  blocksOf(executor: SqlExecutor, signals: Signals, nowMs: number): Promise<RiskBlock[]>;

  /** For each wish in its order: attempts, or failed ones, with this value since then. */
  counts(executor: SqlExecutor, wanted: readonly CountWish[]): Promise<number[]>;
  /** Keeps the signals of an attempt that is let through; once for each attempt. */
  keepSignals(tx: SqlTransaction, attemptId: string, signals: Signals, atMs: number): Promise<void>;
  markFailed(tx: SqlTransaction, attemptId: string): Promise<void>;
  signalsOf(executor: SqlExecutor, attemptId: string): Promise<Signals>;
  /** Removes at most `limit` signals older than that. */
  pruneSignals(executor: SqlExecutor, beforeMs: number, limit: number): Promise<number>;

  keepDecision(executor: SqlExecutor, decision: RiskDecision): Promise<void>;
  /** Newest first. */
  listDecisions(
    executor: SqlExecutor,
    filter: { readonly orderId?: string | undefined; readonly outcome?: RiskOutcome | undefined },
    after: Place | undefined,
    limit: number,
  ): Promise<RiskDecision[]>;
}
