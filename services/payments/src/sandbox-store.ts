/**
 * The port to the sandbox provider's own books. It plays another company: nothing but the sandbox reads them. Adapter:
 * store-postgres-sandbox.ts. Every adapter passes store.contract.ts.
 */
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { MandateStatus } from './mandate.ts';
import type { Authentication, DisputeStage, FailureCode, PayerAction, PaymentMethodKind } from './provider.ts';

export type SandboxStatus = 'requires_action' | 'processing' | 'authorized' | 'succeeded' | 'failed' | 'voided';

export interface SandboxPayment {
  /** The merchant's reference (our attempt id) is the idempotency key. */
  readonly id: string;
  readonly provider: string;
  readonly reference: string;
  readonly token: string;
  readonly method: PaymentMethodKind;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly capture: 'automatic' | 'manual';
  readonly status: SandboxStatus;
  readonly failureCode: FailureCode | '';
  readonly action?: PayerAction | undefined;
  readonly authentication?: Authentication | undefined;
  readonly capturedMinor: bigint;
  readonly capturableUntilMs?: number | undefined;
  readonly deemed: boolean;
  /** When it settles by itself, and how. */
  readonly settlesAtMs?: number | undefined;
  readonly settlesTo: 'succeeded' | 'authorized' | 'failed' | '';
  /** When the payer is going to dispute it. */
  readonly disputesAtMs?: number | undefined;
  readonly createdAtMs: number;
}

export interface SandboxRefund {
  readonly id: string;
  readonly provider: string;
  readonly paymentId: string;
  readonly amountMinor: bigint;
  readonly status: 'pending' | 'succeeded' | 'failed';
  readonly failureCode: string;
  readonly settlesAtMs?: number | undefined;
  readonly settlesTo: 'succeeded' | 'failed';
  /** Its end is told by webhook. */
  readonly told: boolean;
}

export interface SandboxCapture {
  readonly id: string;
  readonly paymentId: string;
  readonly amountMinor: bigint;
  readonly status: 'succeeded' | 'failed';
  readonly failureCode: string;
}

/** A raise of what is held; `failureCode` is '' when it was granted. */
export interface SandboxIncrement {
  readonly id: string;
  readonly paymentId: string;
  readonly toMinor: bigint;
  readonly failureCode: string;
}

export interface SandboxDispute {
  readonly reference: string;
  readonly provider: string;
  readonly paymentId: string;
  readonly stage: DisputeStage;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  readonly reason: string;
  readonly status: 'opened' | 'challenged' | 'won' | 'lost';
  readonly evidence: string;
  readonly evidenceDueAtMs: number;
  readonly closesAtMs?: number | undefined;
  readonly closesTo: 'won' | 'lost' | '';
}

export interface SandboxMandate {
  readonly id: string;
  readonly provider: string;
  readonly token: string;
  readonly method: PaymentMethodKind;
  readonly umn: string;
  readonly currency: string;
  readonly amountMaxMinor: bigint;
  readonly status: MandateStatus;
  readonly action?: PayerAction | undefined;
  /** When its payer approves it by themselves. */
  readonly settlesAtMs?: number | undefined;
  readonly createdAtMs: number;
}

export interface SandboxNotice {
  readonly paymentId: string;
  readonly mandateId: string;
  readonly toldAtMs: number;
  readonly chargeAtMs: number;
}

export interface SandboxDelivery {
  readonly id: bigint;
  readonly eventId: string;
  readonly body: string;
  /** How often it was handed over, this time included. */
  readonly tries: number;
}

export type MovementKind = 'capture' | 'refund' | 'refund_reversed' | 'dispute' | 'dispute_won' | 'dispute_fee';

/** What moved at the provider. `grossMinor` is signed: what comes to us is positive. */
export interface SandboxMovement {
  readonly kind: MovementKind;
  readonly provider: string;
  readonly providerReference: string;
  readonly merchantReference: string;
  readonly currency: string;
  readonly grossMinor: bigint;
  readonly feeMinor: bigint;
  readonly taxMinor: bigint;
  readonly atMs: number;
}

export interface SandboxReport {
  readonly provider: string;
  readonly name: string;
  readonly content: string;
  readonly madeAtMs: number;
}

/** `take…` locks what is due until the transaction ends, oldest first, and passes over what others hold. */
export interface SandboxStore {
  findPayment(executor: SqlExecutor, id: string): Promise<SandboxPayment | undefined>;
  lockPayment(tx: SqlTransaction, id: string): Promise<SandboxPayment | undefined>;
  /** False when there is one of this id. */
  insertPayment(tx: SqlTransaction, payment: SandboxPayment): Promise<boolean>;
  savePayment(tx: SqlTransaction, payment: SandboxPayment): Promise<void>;
  takeSettling(tx: SqlTransaction, provider: string, nowMs: number, limit: number): Promise<SandboxPayment[]>;
  takeDisputing(tx: SqlTransaction, provider: string, nowMs: number, limit: number): Promise<SandboxPayment[]>;

  findCapture(executor: SqlExecutor, id: string): Promise<SandboxCapture | undefined>;
  insertCapture(tx: SqlTransaction, capture: SandboxCapture): Promise<void>;

  findIncrement(executor: SqlExecutor, id: string): Promise<SandboxIncrement | undefined>;
  insertIncrement(tx: SqlTransaction, increment: SandboxIncrement): Promise<void>;

  findRefund(executor: SqlExecutor, id: string): Promise<SandboxRefund | undefined>;
  insertRefund(tx: SqlTransaction, refund: SandboxRefund): Promise<void>;
  saveRefund(tx: SqlTransaction, refund: SandboxRefund): Promise<void>;
  takeSettlingRefunds(tx: SqlTransaction, provider: string, nowMs: number, limit: number): Promise<SandboxRefund[]>;
  /** Refunds that did not fail, and disputes that hold or have taken money. */
  takenMinor(tx: SqlTransaction, paymentId: string): Promise<bigint>;

  findDispute(executor: SqlExecutor, reference: string): Promise<SandboxDispute | undefined>;
  lockDispute(tx: SqlTransaction, reference: string): Promise<SandboxDispute | undefined>;
  insertDispute(tx: SqlTransaction, dispute: SandboxDispute): Promise<void>;
  saveDispute(tx: SqlTransaction, dispute: SandboxDispute): Promise<void>;
  takeClosingDisputes(tx: SqlTransaction, provider: string, nowMs: number, limit: number): Promise<SandboxDispute[]>;

  findMandate(executor: SqlExecutor, id: string): Promise<SandboxMandate | undefined>;
  lockMandate(tx: SqlTransaction, id: string): Promise<SandboxMandate | undefined>;
  insertMandate(tx: SqlTransaction, mandate: SandboxMandate): Promise<boolean>;
  saveMandate(tx: SqlTransaction, mandate: SandboxMandate): Promise<void>;
  takeSettlingMandates(tx: SqlTransaction, provider: string, nowMs: number, limit: number): Promise<SandboxMandate[]>;
  /** Once for each payment; the first counts. */
  keepNotice(executor: SqlExecutor, notice: SandboxNotice): Promise<void>;
  findNotice(executor: SqlExecutor, paymentId: string): Promise<SandboxNotice | undefined>;

  queueDelivery(tx: SqlExecutor, provider: string, eventId: string, body: string, dueAtMs: number): Promise<void>;
  takeDeliveries(
    executor: SqlExecutor,
    provider: string,
    nowMs: number,
    untilMs: number,
    limit: number,
  ): Promise<SandboxDelivery[]>;
  dropDelivery(executor: SqlExecutor, id: bigint): Promise<void>;
  postponeDelivery(executor: SqlExecutor, id: bigint, dueAtMs: number): Promise<void>;

  /** Once for each kind and provider reference. */
  addMovement(tx: SqlExecutor, movement: SandboxMovement): Promise<void>;
  /** Movements before that time that are in no report, oldest first, locked. */
  takeMovements(
    tx: SqlTransaction,
    provider: string,
    beforeMs: number,
    limit: number,
  ): Promise<(SandboxMovement & { readonly id: bigint })[]>;
  setReported(tx: SqlTransaction, ids: readonly bigint[], reportName: string): Promise<void>;
  insertReport(tx: SqlTransaction, report: SandboxReport): Promise<void>;
  /** By name, without their content. */
  listReports(
    executor: SqlExecutor,
    provider: string,
    afterName: string,
    limit: number,
  ): Promise<(Omit<SandboxReport, 'content'> & { readonly sizeBytes: number })[]>;
  readReport(executor: SqlExecutor, provider: string, name: string): Promise<string | undefined>;

  /** The oldest movement that is in no report. */
  firstMovementMs(executor: SqlExecutor, provider: string): Promise<number | undefined>;
  /** When the next of all but reports is due. */
  nextDueMs(executor: SqlExecutor, provider: string): Promise<number | undefined>;
}
