/** The port to the tables of rules, signals and decisions. Adapter: store-postgres-risk.ts; contract: store.contract.ts. */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Dimension, Judgement, RiskBlock, RiskDecision, RiskOutcome, RiskRule, Signals } from './risk.ts';
import type { RiskScoring } from './risk-score.ts';
import type { Place } from './store.ts';

export interface CountWish {
  readonly dimension: Dimension;
  readonly valueHash: string;
  readonly counted: RiskRule['counted'];
  readonly sinceMs: number;
  /** Not the attempts are counted but the values of another dimension that came with them, save the one given. */
  readonly distinct?: { readonly dimension: Dimension; readonly butHash: string } | undefined;
}

/** What is paid: kept with the customer's signal, so that the buyer's usual amount is known. */
export interface Paid {
  readonly currency: string;
  readonly amountMinor: bigint;
}

/** No count goes further: an address that sent a million attempts is as suspicious after this many. */
export const countedMax = 1_000;

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

  /** The newest version; undefined when none was ever set. */
  scoring(executor: SqlExecutor): Promise<RiskScoring | undefined>;
  /** False when this version exists already: somebody else was faster. */
  putScoring(executor: SqlExecutor, scoring: RiskScoring, by: string): Promise<boolean>;

  /** For each wish in its order, at most `countedMax`: attempts, or failed ones, with this value since then. */
  counts(executor: SqlExecutor, wanted: readonly CountWish[]): Promise<number[]>;
  /** Amounts of the customer's last attempts in the currency that did not fail, newest first. */
  amounts(executor: SqlExecutor, customerHash: string, currency: string, limit: number): Promise<bigint[]>;
  /** Keeps the signals of an attempt that is let through; once for each attempt. */
  keepSignals(tx: SqlTransaction, attemptId: string, signals: Signals, paid: Paid, atMs: number): Promise<void>;
  markFailed(tx: SqlTransaction, attemptId: string): Promise<void>;
  signalsOf(executor: SqlExecutor, attemptId: string): Promise<Signals>;
  /** Removes at most `limit` signals older than that. */
  pruneSignals(executor: SqlExecutor, beforeMs: number, limit: number): Promise<number>;

  keepDecision(executor: SqlExecutor, decision: RiskDecision): Promise<void>;
  /** The newest that were scored, with what became of their payments ('' where none was made). */
  judgements(executor: SqlExecutor, limit: number): Promise<(Judgement & { readonly status: string })[]>;
  /** Newest first. */
  listDecisions(
    executor: SqlExecutor,
    filter: { readonly orderId?: string | undefined; readonly outcome?: RiskOutcome | undefined },
    after: Place | undefined,
    limit: number,
  ): Promise<RiskDecision[]>;
}
