/** The sandbox provider's books on MariaDB or MySQL, in tables named `sandbox_…`. */
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type {
  MovementKind,
  SandboxCapture,
  SandboxDispute,
  SandboxMandate,
  SandboxPayment,
  SandboxRefund,
  SandboxStore,
} from './sandbox-store.ts';
import { timeOf } from './store-mysql-money.ts';
import { parsed, takeDue } from './store-mysql-rows.ts';

interface PaymentRow extends SqlRow {
  merchant_reference: string;
  provider: string;
  reference: string;
  token: string;
  method: SandboxPayment['method'];
  currency: string;
  amount_minor: bigint;
  capture: SandboxPayment['capture'];
  status: SandboxPayment['status'];
  failure_code: SandboxPayment['failureCode'];
  action: string | null;
  authentication: string | null;
  captured_minor: bigint;
  capturable_until: Date | null;
  deemed: boolean;
  settles_at: Date | null;
  settles_to: SandboxPayment['settlesTo'];
  disputes_at: Date | null;
  created_at: Date;
}

const paymentColumns = `merchant_reference, provider, reference, token, method, currency, amount_minor, capture, status,
  failure_code, action, authentication, captured_minor, capturable_until, deemed, settles_at, settles_to, disputes_at,
  created_at`;

function paymentFrom(row: PaymentRow): SandboxPayment {
  return {
    id: row.merchant_reference,
    provider: row.provider,
    reference: row.reference,
    token: row.token,
    method: row.method,
    currency: row.currency,
    amountMinor: row.amount_minor,
    capture: row.capture,
    status: row.status,
    failureCode: row.failure_code,
    action: parsed<NonNullable<SandboxPayment['action']>>(row.action),
    authentication: parsed<NonNullable<SandboxPayment['authentication']>>(row.authentication),
    capturedMinor: row.captured_minor,
    capturableUntilMs: row.capturable_until?.getTime(),
    deemed: row.deemed,
    settlesAtMs: row.settles_at?.getTime(),
    settlesTo: row.settles_to,
    disputesAtMs: row.disputes_at?.getTime(),
    createdAtMs: row.created_at.getTime(),
  };
}

function jsonOf(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

async function paymentBy(executor: SqlExecutor, id: string, lock: '' | 'FOR UPDATE') {
  const [row] = await executor.query<PaymentRow>(
    `SELECT ${paymentColumns} FROM sandbox_payments WHERE merchant_reference = ? ${lock}`,
    [id],
  );
  return row === undefined ? undefined : paymentFrom(row);
}

async function duePayments(tx: SqlTransaction, column: 'settles_at' | 'disputes_at', values: [string, Date, number]) {
  const rows = await tx.query<PaymentRow>(
    `SELECT ${paymentColumns} FROM sandbox_payments WHERE provider = ? AND ${column} <= ?
     ORDER BY ${column}, merchant_reference LIMIT ? FOR UPDATE SKIP LOCKED`,
    values,
  );
  return rows.map(paymentFrom);
}

const payments: Pick<
  SandboxStore,
  'findPayment' | 'lockPayment' | 'insertPayment' | 'savePayment' | 'takeSettling' | 'takeDisputing'
> = {
  findPayment: (executor, id) => paymentBy(executor, id, ''),
  lockPayment: (tx, id) => paymentBy(tx, id, 'FOR UPDATE'),
  insertPayment: async (tx, payment) => {
    const inserted = await tx.execute(
      `INSERT INTO sandbox_payments
         (merchant_reference, provider, reference, token, method, currency, amount_minor, capture, status, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE merchant_reference = VALUES(merchant_reference)`,
      [
        payment.id,
        payment.provider,
        payment.reference,
        payment.token,
        payment.method,
        payment.currency,
        payment.amountMinor,
        payment.capture,
        payment.status,
        new Date(payment.createdAtMs),
      ],
    );
    if (inserted === 1) await payments.savePayment(tx, payment);
    return inserted === 1;
  },
  savePayment: async (tx, payment) => {
    await tx.execute(
      `UPDATE sandbox_payments SET status = ?, failure_code = ?, action = ?, authentication = ?,
         captured_minor = ?, capturable_until = ?, deemed = ?, settles_at = ?, settles_to = ?, disputes_at = ?,
         amount_minor = ?
       WHERE merchant_reference = ?`,
      [
        payment.status,
        payment.failureCode,
        jsonOf(payment.action),
        jsonOf(payment.authentication),
        payment.capturedMinor,
        timeOf(payment.capturableUntilMs),
        payment.deemed,
        timeOf(payment.settlesAtMs),
        payment.settlesTo,
        timeOf(payment.disputesAtMs),
        payment.amountMinor,
        payment.id,
      ],
    );
  },
  takeSettling: (tx, provider, nowMs, limit) => duePayments(tx, 'settles_at', [provider, new Date(nowMs), limit]),
  takeDisputing: (tx, provider, nowMs, limit) => duePayments(tx, 'disputes_at', [provider, new Date(nowMs), limit]),
};

interface IncrementRow extends SqlRow {
  merchant_reference: string;
  payment_reference: string;
  to_minor: bigint;
  failure_code: string;
}

const increments: Pick<SandboxStore, 'findIncrement' | 'insertIncrement'> = {
  findIncrement: async (executor, id) => {
    const [row] = await executor.query<IncrementRow>(
      `SELECT merchant_reference, payment_reference, to_minor, failure_code FROM sandbox_increments
       WHERE merchant_reference = ?`,
      [id],
    );
    if (row === undefined) return undefined;
    const { merchant_reference, payment_reference: paymentId, to_minor: toMinor, failure_code: failureCode } = row;
    return { id: merchant_reference, paymentId, toMinor, failureCode };
  },
  insertIncrement: async (tx, { id, paymentId, toMinor, failureCode }) => {
    await tx.execute(
      `INSERT INTO sandbox_increments (merchant_reference, payment_reference, to_minor, failure_code)
       VALUES (?, ?, ?, ?)`,
      [id, paymentId, toMinor, failureCode],
    );
  },
};

interface RefundRow extends SqlRow {
  merchant_reference: string;
  provider: string;
  payment_reference: string;
  amount_minor: bigint;
  status: SandboxRefund['status'];
  failure_code: string;
  settles_at: Date | null;
  settles_to: SandboxRefund['settlesTo'];
  told: boolean;
}

const refundColumns = `merchant_reference, provider, payment_reference, amount_minor, status, failure_code, settles_at,
  settles_to, told`;

function refundFrom(row: RefundRow): SandboxRefund {
  return {
    id: row.merchant_reference,
    provider: row.provider,
    paymentId: row.payment_reference,
    amountMinor: row.amount_minor,
    status: row.status,
    failureCode: row.failure_code,
    settlesAtMs: row.settles_at?.getTime(),
    settlesTo: row.settles_to,
    told: row.told,
  };
}

const refunds: Pick<
  SandboxStore,
  'findCapture' | 'insertCapture' | 'findRefund' | 'insertRefund' | 'saveRefund' | 'takeSettlingRefunds' | 'takenMinor'
> = {
  findCapture: async (executor, id) => {
    const [row] = await executor.query<{
      merchant_reference: string;
      payment_reference: string;
      amount_minor: bigint;
      status: SandboxCapture['status'];
      failure_code: string;
    }>(
      `SELECT merchant_reference, payment_reference, amount_minor, status, failure_code FROM sandbox_captures
       WHERE merchant_reference = ?`,
      [id],
    );
    if (row === undefined) return undefined;
    return {
      id: row.merchant_reference,
      paymentId: row.payment_reference,
      amountMinor: row.amount_minor,
      status: row.status,
      failureCode: row.failure_code,
    };
  },
  insertCapture: async (tx, capture) => {
    await tx.execute(
      `INSERT INTO sandbox_captures (merchant_reference, payment_reference, amount_minor, status, failure_code)
       VALUES (?, ?, ?, ?, ?)`,
      [capture.id, capture.paymentId, capture.amountMinor, capture.status, capture.failureCode],
    );
  },
  findRefund: async (executor, id) => {
    const [row] = await executor.query<RefundRow>(
      `SELECT ${refundColumns} FROM sandbox_refunds WHERE merchant_reference = ?`,
      [id],
    );
    return row === undefined ? undefined : refundFrom(row);
  },
  insertRefund: async (tx, refund) => {
    await tx.execute(
      `INSERT INTO sandbox_refunds (merchant_reference, provider, payment_reference, amount_minor, status, failure_code,
         settles_at, settles_to, told)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        refund.id,
        refund.provider,
        refund.paymentId,
        refund.amountMinor,
        refund.status,
        refund.failureCode,
        timeOf(refund.settlesAtMs),
        refund.settlesTo,
        refund.told,
      ],
    );
  },
  saveRefund: async (tx, refund) => {
    await tx.execute(
      `UPDATE sandbox_refunds SET status = ?, failure_code = ?, settles_at = ?, settles_to = ?
       WHERE merchant_reference = ?`,
      [refund.status, refund.failureCode, timeOf(refund.settlesAtMs), refund.settlesTo, refund.id],
    );
  },
  takeSettlingRefunds: async (tx, provider, nowMs, limit) => {
    const rows = await tx.query<RefundRow>(
      `SELECT ${refundColumns} FROM sandbox_refunds WHERE provider = ? AND settles_at <= ?
       ORDER BY settles_at LIMIT ? FOR UPDATE SKIP LOCKED`,
      [provider, new Date(nowMs), limit],
    );
    return rows.map(refundFrom);
  },
  takenMinor: async (tx, paymentId) => {
    const [row] = await tx.query<{ taken: bigint }>(
      `SELECT CAST(((SELECT coalesce(sum(amount_minor), 0) FROM sandbox_refunds
                WHERE payment_reference = ? AND status <> 'failed')
             + (SELECT coalesce(sum(amount_minor), 0) FROM sandbox_disputes
                WHERE payment_reference = ? AND stage <> 'pre_dispute' AND status <> 'won')) AS SIGNED) AS taken`,
      [paymentId, paymentId],
    );
    return row?.taken ?? 0n;
  },
};

interface DisputeRow extends SqlRow {
  reference: string;
  provider: string;
  payment_reference: string;
  stage: SandboxDispute['stage'];
  currency: string;
  amount_minor: bigint;
  fee_minor: bigint;
  reason: string;
  status: SandboxDispute['status'];
  evidence: string;
  evidence_due_at: Date;
  closes_at: Date | null;
  closes_to: SandboxDispute['closesTo'];
}

const disputeColumns = `reference, provider, payment_reference, stage, currency, amount_minor, fee_minor, reason, status,
  evidence, evidence_due_at, closes_at, closes_to`;

function disputeFrom(row: DisputeRow): SandboxDispute {
  return {
    reference: row.reference,
    provider: row.provider,
    paymentId: row.payment_reference,
    stage: row.stage,
    currency: row.currency,
    amountMinor: row.amount_minor,
    feeMinor: row.fee_minor,
    reason: row.reason,
    status: row.status,
    evidence: row.evidence,
    evidenceDueAtMs: row.evidence_due_at.getTime(),
    closesAtMs: row.closes_at?.getTime(),
    closesTo: row.closes_to,
  };
}

async function disputeBy(executor: SqlExecutor, reference: string, lock: '' | 'FOR UPDATE') {
  const [row] = await executor.query<DisputeRow>(
    `SELECT ${disputeColumns} FROM sandbox_disputes WHERE reference = ? ${lock}`,
    [reference],
  );
  return row === undefined ? undefined : disputeFrom(row);
}

const disputes: Pick<
  SandboxStore,
  'findDispute' | 'lockDispute' | 'insertDispute' | 'saveDispute' | 'takeClosingDisputes'
> = {
  findDispute: (executor, reference) => disputeBy(executor, reference, ''),
  lockDispute: (tx, reference) => disputeBy(tx, reference, 'FOR UPDATE'),
  insertDispute: async (tx, dispute) => {
    await tx.execute(
      `INSERT INTO sandbox_disputes (reference, provider, payment_reference, stage, currency, amount_minor, fee_minor,
         reason, status, evidence_due_at, closes_at, closes_to)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        dispute.reference,
        dispute.provider,
        dispute.paymentId,
        dispute.stage,
        dispute.currency,
        dispute.amountMinor,
        dispute.feeMinor,
        dispute.reason,
        dispute.status,
        new Date(dispute.evidenceDueAtMs),
        timeOf(dispute.closesAtMs),
        dispute.closesTo,
      ],
    );
  },
  saveDispute: async (tx, dispute) => {
    await tx.execute(
      `UPDATE sandbox_disputes SET status = ?, evidence = ?, closes_at = ?, closes_to = ? WHERE reference = ?`,
      [dispute.status, dispute.evidence, timeOf(dispute.closesAtMs), dispute.closesTo, dispute.reference],
    );
  },
  takeClosingDisputes: async (tx, provider, nowMs, limit) => {
    const rows = await tx.query<DisputeRow>(
      `SELECT ${disputeColumns} FROM sandbox_disputes WHERE provider = ? AND closes_at <= ?
       ORDER BY closes_at LIMIT ? FOR UPDATE SKIP LOCKED`,
      [provider, new Date(nowMs), limit],
    );
    return rows.map(disputeFrom);
  },
};

interface MandateRow extends SqlRow {
  merchant_reference: string;
  provider: string;
  token: string;
  method: SandboxMandate['method'];
  umn: string;
  currency: string;
  amount_max_minor: bigint;
  status: SandboxMandate['status'];
  action: string | null;
  settles_at: Date | null;
  created_at: Date;
}

const mandateColumns = `merchant_reference, provider, token, method, umn, currency, amount_max_minor, status, action,
  settles_at, created_at`;

function mandateFrom(row: MandateRow): SandboxMandate {
  return {
    id: row.merchant_reference,
    provider: row.provider,
    token: row.token,
    method: row.method,
    umn: row.umn,
    currency: row.currency,
    amountMaxMinor: row.amount_max_minor,
    status: row.status,
    action: parsed<NonNullable<SandboxMandate['action']>>(row.action),
    settlesAtMs: row.settles_at?.getTime(),
    createdAtMs: row.created_at.getTime(),
  };
}

async function mandateBy(executor: SqlExecutor, id: string, lock: '' | 'FOR UPDATE') {
  const [row] = await executor.query<MandateRow>(
    `SELECT ${mandateColumns} FROM sandbox_mandates WHERE merchant_reference = ? ${lock}`,
    [id],
  );
  return row === undefined ? undefined : mandateFrom(row);
}

const mandates: Pick<
  SandboxStore,
  'findMandate' | 'lockMandate' | 'insertMandate' | 'saveMandate' | 'takeSettlingMandates' | 'keepNotice' | 'findNotice'
> = {
  findMandate: (executor, id) => mandateBy(executor, id, ''),
  lockMandate: (tx, id) => mandateBy(tx, id, 'FOR UPDATE'),
  insertMandate: async (tx, mandate) => {
    const inserted = await tx.execute(
      `INSERT INTO sandbox_mandates (merchant_reference, provider, token, method, umn, currency, amount_max_minor, status,
         action, settles_at, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE merchant_reference = VALUES(merchant_reference)`,
      [
        mandate.id,
        mandate.provider,
        mandate.token,
        mandate.method,
        mandate.umn,
        mandate.currency,
        mandate.amountMaxMinor,
        mandate.status,
        jsonOf(mandate.action),
        timeOf(mandate.settlesAtMs),
        new Date(mandate.createdAtMs),
      ],
    );
    return inserted === 1;
  },
  saveMandate: async (tx, mandate) => {
    await tx.execute(
      `UPDATE sandbox_mandates SET status = ?, amount_max_minor = ?, action = ?, settles_at = ?
       WHERE merchant_reference = ?`,
      [mandate.status, mandate.amountMaxMinor, jsonOf(mandate.action), timeOf(mandate.settlesAtMs), mandate.id],
    );
  },
  takeSettlingMandates: async (tx, provider, nowMs, limit) => {
    const rows = await tx.query<MandateRow>(
      `SELECT ${mandateColumns} FROM sandbox_mandates WHERE provider = ? AND settles_at <= ?
       ORDER BY settles_at LIMIT ? FOR UPDATE SKIP LOCKED`,
      [provider, new Date(nowMs), limit],
    );
    return rows.map(mandateFrom);
  },
  keepNotice: async (executor, notice) => {
    await executor.execute(
      `INSERT INTO sandbox_notices (payment_reference, mandate_reference, told_at, charge_at) VALUES (?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE payment_reference = VALUES(payment_reference)`,
      [notice.paymentId, notice.mandateId, new Date(notice.toldAtMs), new Date(notice.chargeAtMs)],
    );
  },
  findNotice: async (executor, paymentId) => {
    const [row] = await executor.query<{ mandate_reference: string; told_at: Date; charge_at: Date }>(
      'SELECT mandate_reference, told_at, charge_at FROM sandbox_notices WHERE payment_reference = ?',
      [paymentId],
    );
    if (row === undefined) return undefined;
    const { mandate_reference: mandateId, told_at, charge_at } = row;
    return { paymentId, mandateId, toldAtMs: told_at.getTime(), chargeAtMs: charge_at.getTime() };
  },
};

const deliveries: Pick<SandboxStore, 'queueDelivery' | 'takeDeliveries' | 'dropDelivery' | 'postponeDelivery'> = {
  queueDelivery: async (tx, provider, eventId, body, dueAtMs) => {
    await tx.execute('INSERT INTO sandbox_deliveries (provider, event_id, body, due_at) VALUES (?, ?, ?, ?)', [
      provider,
      eventId,
      body,
      new Date(dueAtMs),
    ]);
  },
  takeDeliveries: async (executor, provider, nowMs, untilMs, limit) => {
    const rows = await takeDue<{ id: bigint; event_id: string; body: string; tries: number } & SqlRow>(
      executor,
      { table: 'sandbox_deliveries', columns: 'id, event_id, body, tries', where: 'provider = ?', values: [provider] },
      nowMs,
      untilMs,
      limit,
    );
    return rows
      .toSorted((a, b) => Number(a.id - b.id))
      .map((row) => ({ id: row.id, eventId: row.event_id, body: row.body, tries: row.tries }));
  },
  dropDelivery: async (executor, id) => {
    await executor.execute('DELETE FROM sandbox_deliveries WHERE id = ?', [id]);
  },
  postponeDelivery: async (executor, id, dueAtMs) => {
    await executor.execute('UPDATE sandbox_deliveries SET due_at = ? WHERE id = ?', [new Date(dueAtMs), id]);
  },
};

interface MovementRow extends SqlRow {
  id: bigint;
  provider: string;
  kind: MovementKind;
  provider_reference: string;
  merchant_reference: string;
  currency: string;
  gross_minor: bigint;
  fee_minor: bigint;
  tax_minor: bigint;
  at: Date;
}

const reports: Pick<
  SandboxStore,
  'addMovement' | 'takeMovements' | 'setReported' | 'insertReport' | 'listReports' | 'readReport' | 'firstMovementMs'
> = {
  addMovement: async (tx, movement) => {
    await tx.execute(
      `INSERT INTO sandbox_movements (provider, kind, provider_reference, merchant_reference, currency, gross_minor,
         fee_minor, tax_minor, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE provider = VALUES(provider)`,
      [
        movement.provider,
        movement.kind,
        movement.providerReference,
        movement.merchantReference,
        movement.currency,
        movement.grossMinor,
        movement.feeMinor,
        movement.taxMinor,
        new Date(movement.atMs),
      ],
    );
  },
  takeMovements: async (tx, provider, beforeMs, limit) => {
    const rows = await tx.query<MovementRow>(
      `SELECT id, provider, kind, provider_reference, merchant_reference, currency, gross_minor, fee_minor, tax_minor, at
       FROM sandbox_movements WHERE provider = ? AND report_name = '' AND at < ? ORDER BY id LIMIT ? FOR UPDATE`,
      [provider, new Date(beforeMs), limit],
    );
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      provider: row.provider,
      providerReference: row.provider_reference,
      merchantReference: row.merchant_reference,
      currency: row.currency,
      grossMinor: row.gross_minor,
      feeMinor: row.fee_minor,
      taxMinor: row.tax_minor,
      atMs: row.at.getTime(),
    }));
  },
  setReported: async (tx, ids, reportName) => {
    if (ids.length > 0)
      await tx.execute('UPDATE sandbox_movements SET report_name = ? WHERE id IN (?)', [reportName, ids]);
  },
  insertReport: async (tx, report) => {
    await tx.execute('INSERT INTO sandbox_reports (provider, name, content, made_at) VALUES (?, ?, ?, ?)', [
      report.provider,
      report.name,
      report.content,
      new Date(report.madeAtMs),
    ]);
  },
  listReports: async (executor, provider, afterName, limit) => {
    const rows = await executor.query<{ provider: string; name: string; size_bytes: number; made_at: Date }>(
      `SELECT provider, name, octet_length(content) AS size_bytes, made_at FROM sandbox_reports
       WHERE provider = ? AND name > ? ORDER BY name LIMIT ?`,
      [provider, afterName, limit],
    );
    return rows.map((row) => ({
      provider: row.provider,
      name: row.name,
      sizeBytes: Number(row.size_bytes),
      madeAtMs: row.made_at.getTime(),
    }));
  },
  readReport: async (executor, provider, name) => {
    const [row] = await executor.query<{ content: string }>(
      'SELECT content FROM sandbox_reports WHERE provider = ? AND name = ?',
      [provider, name],
    );
    return row?.content;
  },
  firstMovementMs: async (executor, provider) => {
    const [row] = await executor.query<{ at: Date | null }>(
      "SELECT min(at) AS at FROM sandbox_movements WHERE provider = ? AND report_name = ''",
      [provider],
    );
    return row?.at?.getTime();
  },
};

export const mysqlSandboxStore: SandboxStore = {
  ...payments,
  ...increments,
  ...refunds,
  ...disputes,
  ...mandates,
  ...deliveries,
  ...reports,
  nextDueMs: async (executor, provider) => {
    const [row] = await executor.query<{ due_at: Date | null }>(
      `SELECT MIN(due_at) AS due_at FROM (
         SELECT MIN(settles_at) AS due_at FROM sandbox_payments WHERE settles_at IS NOT NULL AND provider = ? UNION ALL
         SELECT MIN(disputes_at) AS due_at FROM sandbox_payments WHERE disputes_at IS NOT NULL AND provider = ? UNION ALL
         SELECT MIN(settles_at) AS due_at FROM sandbox_refunds WHERE settles_at IS NOT NULL AND provider = ? UNION ALL
         SELECT MIN(closes_at) AS due_at FROM sandbox_disputes WHERE closes_at IS NOT NULL AND provider = ? UNION ALL
         SELECT MIN(settles_at) AS due_at FROM sandbox_mandates WHERE settles_at IS NOT NULL AND provider = ? UNION ALL
         SELECT MIN(due_at) AS due_at FROM sandbox_deliveries WHERE provider = ?) AS dues`,
      [provider, provider, provider, provider, provider, provider],
    );
    return row?.due_at?.getTime();
  },
};
