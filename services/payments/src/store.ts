/**
 * The port to the payments' database. Adapter: store-postgres.ts. Statements are an adapter's own, in the idiom of its
 * engine; what may follow what is decided in payment.ts and refund.ts. Every adapter passes store.contract.ts.
 */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Attempt, Intent } from './payment.ts';
import type { Claimed, Refund } from './refund.ts';

/** What brought a status: a request of ours, the provider's answer, a sync, a webhook, a cancellation, another attempt. */
export type Because = 'request' | 'answer' | 'sync' | 'webhook' | 'cancel' | 'superseded';

export interface Dispute {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly openedAtMs: number;
}

/** An attempt with what became of its money. */
export interface AttemptView {
  readonly attempt: Attempt;
  readonly buyerId: string;
  /** Requested refunds that succeeded. */
  readonly refundedMinor: bigint;
  readonly dispute?: Dispute | undefined;
}

export interface DueAttempt {
  readonly id: string;
  readonly provider: string;
  /** How often the provider was asked, this time included. */
  readonly tries: number;
}

export interface DueRefund {
  readonly refund: Refund;
  readonly tries: number;
}

export interface KeptWebhook {
  readonly provider: string;
  readonly eventId: string;
  readonly body: Uint8Array;
  /** How often it was tried before. */
  readonly tries: number;
}

export interface PaymentsStore {
  /** The order's intent, locked until the transaction ends; made from `fresh` when there is none. */
  openIntent(tx: SqlTransaction, fresh: Intent, nowMs: number): Promise<Intent>;
  lockIntent(tx: SqlTransaction, orderId: string): Promise<Intent | undefined>;
  /** The intent that the attempt belongs to, locked. */
  lockIntentOfAttempt(tx: SqlTransaction, attemptId: string): Promise<Intent | undefined>;
  findIntent(executor: SqlExecutor, orderId: string): Promise<Intent | undefined>;
  saveIntent(tx: SqlTransaction, intent: Intent): Promise<void>;

  /** Throws SqlFault `unique` when another attempt of the order is live. */
  insertAttempt(tx: SqlTransaction, attempt: Attempt, syncDueAtMs: number | undefined): Promise<void>;
  /** Throws SqlFault `unique` when it would be the order's second captured one. */
  saveAttempt(tx: SqlTransaction, attempt: Attempt, syncDueAtMs: number | undefined, because: Because): Promise<void>;
  findAttempt(executor: SqlExecutor, attemptId: string): Promise<Attempt | undefined>;
  liveAttempt(executor: SqlExecutor, orderId: string): Promise<Attempt | undefined>;
  viewAttempt(executor: SqlExecutor, attemptId: string): Promise<AttemptView | undefined>;
  /** Newest first. */
  viewAttempts(
    executor: SqlExecutor,
    orderId: string,
    after: { readonly createdAtMs: number; readonly id: string } | undefined,
    limit: number,
  ): Promise<AttemptView[]>;
  /** Takes attempts whose sync is due and puts them off to `untilMs`: nobody else takes them, and a crash loses none. */
  takeDueAttempts(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<DueAttempt[]>;
  setSyncDue(executor: SqlExecutor, attemptId: string, dueAtMs: number | undefined): Promise<void>;

  /** False when the attempt has a late refund already. Requested refunds are unique by id. */
  insertRefund(tx: SqlTransaction, refund: Refund, dueAtMs: number): Promise<boolean>;
  findRefund(executor: SqlExecutor, refundId: string): Promise<Refund | undefined>;
  saveRefund(tx: SqlTransaction, refund: Refund, because: Because): Promise<void>;
  /** What is spoken for of the order's capture. Exact under the intent's lock. */
  claimed(tx: SqlTransaction, orderId: string): Promise<Claimed>;
  takeDueRefunds(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<DueRefund[]>;
  setRefundDue(executor: SqlExecutor, refundId: string, dueAtMs: number): Promise<void>;

  /** False when it is known already. */
  insertDispute(tx: SqlTransaction, dispute: Dispute): Promise<boolean>;

  /** False when the event was received before. */
  keepWebhook(executor: SqlExecutor, webhook: Omit<KeptWebhook, 'tries'>, nowMs: number): Promise<boolean>;
  /** One webhook that is due, locked until the transaction ends; others are passed over. */
  takeDueWebhook(tx: SqlTransaction, nowMs: number): Promise<KeptWebhook | undefined>;
  closeWebhook(tx: SqlExecutor, webhook: KeptWebhook, status: 'applied' | 'given_up'): Promise<void>;
  postponeWebhook(executor: SqlExecutor, webhook: KeptWebhook, dueAtMs: number): Promise<void>;
  /** Removes at most `limit` webhooks received before and done with. */
  pruneWebhooks(executor: SqlExecutor, beforeMs: number, limit: number): Promise<number>;

  /** When the next attempt, refund or webhook is due. */
  nextDueMs(executor: SqlExecutor): Promise<number | undefined>;
}
