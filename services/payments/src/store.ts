/**
 * The port to the payments' database. Adapter: store-postgres.ts. Statements are an adapter's own, in the idiom of its
 * engine; what may follow what is decided in payment.ts and refund.ts. Every adapter passes store.contract.ts.
 */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Capture, CaptureSums } from './capture.ts';
import type { Dispute, DisputeStatus } from './dispute.ts';
import type { Increment } from './increment.ts';
import type { Attempt, Intent } from './payment.ts';
import type { ProviderReport } from './provider.ts';
import type { Claimed, Refund, RefundStatus } from './refund.ts';

/**
 * What brought a status: a request of ours, the provider's answer, a sync, a webhook, a cancellation, another attempt, a
 * deadline.
 */
export type Because = 'request' | 'answer' | 'sync' | 'webhook' | 'cancel' | 'superseded' | 'deadline';

/** An authorization to be given back at the provider. */
export interface Release {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  readonly createdAtMs: number;
}

/** What waits for a person. */
export interface Attention {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  /** The refund, capture, dispute or webhook it is about, else the attempt. */
  readonly subjectId: string;
  readonly because: string;
  readonly sinceMs: number;
  readonly closedAtMs?: number | undefined;
  readonly closedBy: string;
  readonly note: string;
}

/** The place in a list by time and id. */
export interface Place {
  readonly atMs: number;
  readonly id: string;
}

export interface StatusChange {
  readonly status: string;
  readonly because: Because;
  readonly atMs: number;
}

/** An attempt with what became of its money. */
export interface AttemptView {
  readonly attempt: Attempt;
  readonly buyerId: string;
  /** What its order costs. */
  readonly orderMinor: bigint;
  /** Requested refunds that succeeded. */
  readonly refundedMinor: bigint;
  readonly dispute?: Pick<Dispute, 'id' | 'status' | 'currency' | 'amountMinor' | 'openedAtMs'> | undefined;
}

export interface DueAttempt {
  readonly id: string;
  readonly provider: string;
  /** How often the provider was asked, this time included. */
  readonly tries: number;
}

export interface Due<T> {
  readonly subject: T;
  /** How often it was taken, this time included. */
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

export interface KeptReport extends ProviderReport {
  readonly position: bigint;
  readonly provider: string;
}

export interface RefundFilter {
  readonly status?: RefundStatus | undefined;
  readonly orderId?: string | undefined;
  /** Asked for from this time on, and before that one. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

export interface PaymentsStore {
  /** The order's intent, locked until the transaction ends; made from `fresh` when there is none. */
  openIntent(tx: SqlTransaction, fresh: Intent, nowMs: number): Promise<Intent>;
  lockIntent(tx: SqlTransaction, orderId: string): Promise<Intent | undefined>;
  /** The intent that the attempt belongs to, locked. */
  lockIntentOfAttempt(tx: SqlTransaction, attemptId: string): Promise<Intent | undefined>;
  findIntent(executor: SqlExecutor, orderId: string): Promise<Intent | undefined>;
  /** The attempt by the provider's own id of it. */
  findAttemptByReference(executor: SqlExecutor, provider: string, reference: string): Promise<Attempt | undefined>;
  saveIntent(tx: SqlTransaction, intent: Intent): Promise<void>;
  /** Gives a locked intent, of which nothing is under way, another amount. */
  reviseIntent(tx: SqlTransaction, orderId: string, amountMinor: bigint): Promise<void>;

  /** Throws SqlFault `unique` when another attempt of the order is live, or the mandate's try was made. */
  insertAttempt(tx: SqlTransaction, attempt: Attempt, syncDueAtMs: number | undefined): Promise<void>;
  /**
   * Throws SqlFault `unique` when it would be the order's second captured one. Of an encrypted method it keeps what a call
   * to the provider may still need (`methodKeptOf`), and nothing once that is over.
   */
  saveAttempt(tx: SqlTransaction, attempt: Attempt, syncDueAtMs: number | undefined, because: Because): Promise<void>;
  /** Keeps what the provider said of the attempt beside its status: no history, no due time. */
  saveFacts(tx: SqlTransaction, attempt: Attempt): Promise<void>;
  findCharge(executor: SqlExecutor, orderId: string, tryNumber: number): Promise<Attempt | undefined>;
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
  /** Only of attempts whose outcome can still change. */
  setSyncDue(executor: SqlExecutor, attemptId: string, dueAtMs: number | undefined): Promise<void>;

  insertCapture(tx: SqlTransaction, capture: Capture, dueAtMs: number): Promise<void>;
  findCapture(executor: SqlExecutor, captureId: string): Promise<Capture | undefined>;
  saveCapture(tx: SqlTransaction, capture: Capture, because: Because): Promise<void>;
  /** What is spoken for of the attempt's authorization. Exact under the intent's lock. */
  captureSums(tx: SqlTransaction, attemptId: string): Promise<CaptureSums>;
  takeDueCaptures(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<Due<Capture>[]>;
  setCaptureDue(executor: SqlExecutor, captureId: string, dueAtMs: number): Promise<void>;

  /** Throws SqlFault `unique` when another one of the attempt is pending. */
  insertIncrement(tx: SqlTransaction, increment: Increment, dueAtMs: number): Promise<void>;
  findIncrement(executor: SqlExecutor, incrementId: string): Promise<Increment | undefined>;
  saveIncrement(tx: SqlTransaction, increment: Increment, because: Because): Promise<void>;
  /** All that were ever asked for, oldest first: a handful (increment.ts). Exact under the intent's lock. */
  incrementsOf(executor: SqlExecutor, attemptId: string): Promise<Increment[]>;
  takeDueIncrements(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<Due<Increment>[]>;
  setIncrementDue(executor: SqlExecutor, incrementId: string, dueAtMs: number): Promise<void>;

  /** False when the attempt is being released already. */
  insertRelease(tx: SqlTransaction, release: Release, dueAtMs: number): Promise<boolean>;
  takeDueReleases(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<Due<Release>[]>;
  /** Done when `dueAtMs` is undefined. */
  setReleaseDue(executor: SqlExecutor, releaseId: string, dueAtMs: number | undefined, nowMs: number): Promise<void>;

  /** False when the attempt has a late refund already. Requested refunds are unique by id. */
  insertRefund(tx: SqlTransaction, refund: Refund, dueAtMs: number): Promise<boolean>;
  findRefund(executor: SqlExecutor, refundId: string): Promise<Refund | undefined>;
  findRefundByReference(executor: SqlExecutor, provider: string, reference: string): Promise<Refund | undefined>;
  /** Oldest first, at most `limit`. */
  refundsOfAttempt(executor: SqlExecutor, attemptId: string, limit: number): Promise<Refund[]>;
  /** Across orders, late ones included, newest first, each with the provider of its payment. */
  listRefunds(
    executor: SqlExecutor,
    filter: RefundFilter,
    after: Place | undefined,
    limit: number,
  ): Promise<(Refund & { readonly provider: string })[]>;
  saveRefund(tx: SqlTransaction, refund: Refund, because: Because): Promise<void>;
  /** Notes that a request leaves for the provider; the first time counts. */
  markRefundSent(executor: SqlExecutor, refundId: string, nowMs: number): Promise<void>;
  setRefundReference(executor: SqlExecutor, refundId: string, reference: string): Promise<void>;
  /** What is spoken for of the order's capture. Exact under the intent's lock. */
  claimed(tx: SqlTransaction, orderId: string): Promise<Claimed>;
  takeDueRefunds(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<DueRefund[]>;
  setRefundDue(executor: SqlExecutor, refundId: string, dueAtMs: number): Promise<void>;

  /** False when the provider's dispute is known already in this stage. */
  insertDispute(tx: SqlTransaction, dispute: Dispute, dueAtMs: number | undefined): Promise<boolean>;
  findDispute(executor: SqlExecutor, disputeId: string): Promise<Dispute | undefined>;
  findDisputeByReference(
    executor: SqlExecutor,
    provider: string,
    reference: string,
    stage: Dispute['stage'],
  ): Promise<Dispute | undefined>;
  saveDispute(
    tx: SqlTransaction,
    dispute: Dispute,
    dueAtMs: number | undefined,
    because: Because,
    nowMs: number,
  ): Promise<void>;
  /** Newest first. */
  listDisputes(
    executor: SqlExecutor,
    filter: { readonly status?: DisputeStatus | undefined; readonly orderId?: string | undefined },
    after: Place | undefined,
    limit: number,
  ): Promise<Dispute[]>;
  takeDueDisputes(executor: SqlExecutor, nowMs: number, untilMs: number, limit: number): Promise<Due<Dispute>[]>;
  setDisputeDue(executor: SqlExecutor, disputeId: string, dueAtMs: number | undefined): Promise<void>;
  /** Oldest first. */
  historyOf(executor: SqlExecutor, subjectId: string): Promise<StatusChange[]>;

  /** Once for each subject and reason while it is open; opens it again when it was closed. */
  raiseAttention(tx: SqlExecutor, attention: Attention): Promise<void>;
  /** Oldest first. */
  listAttention(executor: SqlExecutor, closed: boolean, after: Place | undefined, limit: number): Promise<Attention[]>;
  closeAttention(
    executor: SqlExecutor,
    id: string,
    by: string,
    note: string,
    nowMs: number,
  ): Promise<Attention | undefined>;

  /** False when the event was received before. */
  keepWebhook(executor: SqlExecutor, webhook: Omit<KeptWebhook, 'tries'>, nowMs: number): Promise<boolean>;
  /** One webhook that is due, locked until the transaction ends; others are passed over. */
  takeDueWebhook(tx: SqlTransaction, nowMs: number): Promise<KeptWebhook | undefined>;
  closeWebhook(tx: SqlExecutor, webhook: KeptWebhook, status: 'applied' | 'given_up'): Promise<void>;
  postponeWebhook(executor: SqlExecutor, webhook: KeptWebhook, dueAtMs: number): Promise<void>;
  /** Removes at most `limit` webhooks received before and done with. */
  pruneWebhooks(executor: SqlExecutor, beforeMs: number, limit: number): Promise<number>;

  /** False when it is known already. */
  keepReport(executor: SqlExecutor, provider: string, report: ProviderReport): Promise<boolean>;
  /** The name of the provider's last report that we know; '' when none. */
  lastReport(executor: SqlExecutor, provider: string): Promise<string>;
  /** In the order in which they were kept, after the position. */
  listReports(executor: SqlExecutor, afterPosition: bigint, limit: number): Promise<KeptReport[]>;
  findReport(executor: SqlExecutor, position: bigint): Promise<KeptReport | undefined>;

  /** When the next of all that is due is. */
  nextDueMs(executor: SqlExecutor): Promise<number | undefined>;
}
