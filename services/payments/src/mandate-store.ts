/** The port to the mandates' tables. Adapter: store-postgres-mandates.ts. Every adapter passes store.contract.ts. */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Mandate } from './mandate.ts';
import type { Because, Due, Place } from './store.ts';

export interface MandateStore {
  insert(tx: SqlTransaction, mandate: Mandate, dueAtMs: number | undefined): Promise<void>;
  /** Locked until the transaction ends. */
  lock(tx: SqlTransaction, mandateId: string): Promise<Mandate | undefined>;
  find(executor: SqlExecutor, mandateId: string): Promise<Mandate | undefined>;
  findByReference(executor: SqlExecutor, provider: string, reference: string): Promise<Mandate | undefined>;
  save(tx: SqlTransaction, mandate: Mandate, dueAtMs: number | undefined, because: Because): Promise<void>;
  /** Newest first. */
  list(executor: SqlExecutor, buyerId: string, after: Place | undefined, limit: number): Promise<Mandate[]>;
  /** Mandates of the buyer that are not over. */
  countLive(executor: SqlExecutor, buyerId: string): Promise<number>;
  takeDue(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<Due<Mandate>[]>;
  setDue(executor: SqlExecutor, mandateId: string, dueAtMs: number | undefined): Promise<void>;
}
