/**
 * What finance decides, kept beside the book: sealed periods and adjustments. One adapter for each engine; desk.contract.ts
 * says what all promise.
 */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Adjustment, AdjustmentStatus, Decision } from './adjustment.ts';
import type { AccountTotals, Head, SealedPeriod } from './reader.ts';

export interface LedgerDesk {
  /** Takes the writer's row: until the transaction ends nothing is booked. Gives where the book stands. */
  lockBook(tx: SqlTransaction): Promise<Head>;
  /** The last sealed period, read within the transaction. */
  lastPeriod(tx: SqlTransaction): Promise<SealedPeriod | undefined>;
  /**
   * Keeps the period with what every account added up to before its end, and tells the writer where the open period begins.
   * The caller holds the book's lock.
   */
  seal(tx: SqlTransaction, period: SealedPeriod): Promise<void>;
  /** The balances of a period, read within the transaction. */
  periodTotals(tx: SqlTransaction, number: bigint): Promise<AccountTotals[]>;
  propose(tx: SqlTransaction, adjustment: Adjustment): Promise<void>;
  /** Locks the adjustment until the transaction ends. */
  take(tx: SqlTransaction, id: string): Promise<Adjustment | undefined>;
  /** Ends one that is proposed. The journal of the decision says whether it was booked or rejected. */
  decide(tx: SqlTransaction, id: string, decision: Decision): Promise<void>;
  adjustment(id: string): Promise<Adjustment | undefined>;
  /** Newest first, those before the given id; absent status: all. */
  adjustments(status: AdjustmentStatus | undefined, before: string | undefined, limit: number): Promise<Adjustment[]>;
}
