/** The sandbox provider's books on PostgreSQL, in the schema `sandbox`. */
import type { SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import type {
  MovementKind,
  SandboxCapture,
  SandboxDispute,
  SandboxMandate,
  SandboxPayment,
  SandboxRefund,
  SandboxStore,
} from './sandbox-store.ts';
import { timeOf } from './store-postgres-money.ts';

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
  action: NonNullable<SandboxPayment['action']> | null;
  authentication: NonNullable<SandboxPayment['authentication']> | null;
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
    action: row.action ?? undefined,
    authentication: row.authentication ?? undefined,
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
    `SELECT ${paymentColumns} FROM sandbox.payments WHERE merchant_reference = $1 ${lock}`,
    [id],
  );
  return row === undefined ? undefined : paymentFrom(row);
}

async function duePayments(tx: SqlTransaction, column: 'settles_at' | 'disputes_at', values: [string, Date, number]) {
  const rows = await tx.query<PaymentRow>(
    `SELECT ${paymentColumns} FROM sandbox.payments WHERE provider = $1 AND ${column} <= $2
     ORDER BY ${column}, merchant_reference LIMIT $3 FOR UPDATE SKIP LOCKED`,
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
      `INSERT INTO sandbox.payments
         (merchant_reference, status, failure_code, action, authentication, captured_minor, capturable_until, deemed,
          settles_at, settles_to, disputes_at, amount_minor, provider, reference, token, method, currency, capture,
          created_at)
       VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
       ON CONFLICT DO NOTHING`,
      [
        ...standingOf(payment),
        payment.provider,
        payment.reference,
        payment.token,
        payment.method,
        payment.currency,
        payment.capture,
        new Date(payment.createdAtMs),
      ],
    );
    return inserted === 1;
  },
  savePayment: async (tx, payment) => {
    await tx.execute(
      `UPDATE sandbox.payments SET status = $2, failure_code = $3, action = $4::jsonb, authentication = $5::jsonb,
         captured_minor = $6, capturable_until = $7, deemed = $8, settles_at = $9, settles_to = $10,
         disputes_at = $11, amount_minor = $12
       WHERE merchant_reference = $1`,
      standingOf(payment),
    );
  },
  takeSettling: (tx, provider, nowMs, limit) => duePayments(tx, 'settles_at', [provider, new Date(nowMs), limit]),
  takeDisputing: (tx, provider, nowMs, limit) => duePayments(tx, 'disputes_at', [provider, new Date(nowMs), limit]),
};

/** Its key and all that changes in its life, in the order in which both statements have them. */
function standingOf(payment: SandboxPayment): SqlValue[] {
  return [
    payment.id,
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
  ];
}

interface IncrementRow extends SqlRow {
  merchant_reference: string;
  payment_reference: string;
  to_minor: bigint;
  failure_code: string;
}

const increments: Pick<SandboxStore, 'findIncrement' | 'insertIncrement'> = {
  findIncrement: async (executor, id) => {
    const [row] = await executor.query<IncrementRow>(
      `SELECT merchant_reference, payment_reference, to_minor, failure_code FROM sandbox.increments
       WHERE merchant_reference = $1`,
      [id],
    );
    if (row === undefined) return undefined;
    const { merchant_reference, payment_reference: paymentId, to_minor: toMinor, failure_code: failureCode } = row;
    return { id: merchant_reference, paymentId, toMinor, failureCode };
  },
  insertIncrement: async (tx, { id, paymentId, toMinor, failureCode }) => {
    await tx.execute(
      `INSERT INTO sandbox.increments (merchant_reference, payment_reference, to_minor, failure_code)
       VALUES ($1, $2, $3, $4)`,
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
      `SELECT merchant_reference, payment_reference, amount_minor, status, failure_code FROM sandbox.captures
       WHERE merchant_reference = $1`,
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
      `INSERT INTO sandbox.captures (merchant_reference, payment_reference, amount_minor, status, failure_code)
       VALUES ($1, $2, $3, $4, $5)`,
      [capture.id, capture.paymentId, capture.amountMinor, capture.status, capture.failureCode],
    );
  },
  findRefund: async (executor, id) => {
    const [row] = await executor.query<RefundRow>(
      `SELECT ${refundColumns} FROM sandbox.refunds WHERE merchant_reference = $1`,
      [id],
    );
    return row === undefined ? undefined : refundFrom(row);
  },
  insertRefund: async (tx, refund) => {
    await tx.execute(
      `INSERT INTO sandbox.refunds (merchant_reference, provider, payment_reference, amount_minor, status, failure_code,
         settles_at, settles_to, told)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
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
      `UPDATE sandbox.refunds SET status = $2, failure_code = $3, settles_at = $4, settles_to = $5
       WHERE merchant_reference = $1`,
      [refund.id, refund.status, refund.failureCode, timeOf(refund.settlesAtMs), refund.settlesTo],
    );
  },
  takeSettlingRefunds: async (tx, provider, nowMs, limit) => {
    const rows = await tx.query<RefundRow>(
      `SELECT ${refundColumns} FROM sandbox.refunds WHERE provider = $1 AND settles_at <= $2
       ORDER BY settles_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [provider, new Date(nowMs), limit],
    );
    return rows.map(refundFrom);
  },
  takenMinor: async (tx, paymentId) => {
    const [row] = await tx.query<{ taken: bigint }>(
      `SELECT ((SELECT coalesce(sum(amount_minor), 0) FROM sandbox.refunds
                WHERE payment_reference = $1 AND status <> 'failed')
             + (SELECT coalesce(sum(amount_minor), 0) FROM sandbox.disputes
                WHERE payment_reference = $1 AND stage <> 'pre_dispute' AND status <> 'won'))::bigint AS taken`,
      [paymentId],
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
    `SELECT ${disputeColumns} FROM sandbox.disputes WHERE reference = $1 ${lock}`,
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
      `INSERT INTO sandbox.disputes (reference, provider, payment_reference, stage, currency, amount_minor, fee_minor,
         reason, status, evidence_due_at, closes_at, closes_to)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
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
      `UPDATE sandbox.disputes SET status = $2, evidence = $3, closes_at = $4, closes_to = $5 WHERE reference = $1`,
      [dispute.reference, dispute.status, dispute.evidence, timeOf(dispute.closesAtMs), dispute.closesTo],
    );
  },
  takeClosingDisputes: async (tx, provider, nowMs, limit) => {
    const rows = await tx.query<DisputeRow>(
      `SELECT ${disputeColumns} FROM sandbox.disputes WHERE provider = $1 AND closes_at <= $2
       ORDER BY closes_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
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
  action: NonNullable<SandboxMandate['action']> | null;
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
    action: row.action ?? undefined,
    settlesAtMs: row.settles_at?.getTime(),
    createdAtMs: row.created_at.getTime(),
  };
}

async function mandateBy(executor: SqlExecutor, id: string, lock: '' | 'FOR UPDATE') {
  const [row] = await executor.query<MandateRow>(
    `SELECT ${mandateColumns} FROM sandbox.mandates WHERE merchant_reference = $1 ${lock}`,
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
      `INSERT INTO sandbox.mandates (merchant_reference, provider, token, method, umn, currency, amount_max_minor, status,
         action, settles_at, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11) ON CONFLICT DO NOTHING`,
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
      `UPDATE sandbox.mandates SET status = $2, amount_max_minor = $3, action = $4::jsonb, settles_at = $5
       WHERE merchant_reference = $1`,
      [mandate.id, mandate.status, mandate.amountMaxMinor, jsonOf(mandate.action), timeOf(mandate.settlesAtMs)],
    );
  },
  takeSettlingMandates: async (tx, provider, nowMs, limit) => {
    const rows = await tx.query<MandateRow>(
      `SELECT ${mandateColumns} FROM sandbox.mandates WHERE provider = $1 AND settles_at <= $2
       ORDER BY settles_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [provider, new Date(nowMs), limit],
    );
    return rows.map(mandateFrom);
  },
  keepNotice: async (executor, notice) => {
    await executor.execute(
      `INSERT INTO sandbox.notices (payment_reference, mandate_reference, told_at, charge_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      [notice.paymentId, notice.mandateId, new Date(notice.toldAtMs), new Date(notice.chargeAtMs)],
    );
  },
  findNotice: async (executor, paymentId) => {
    const [row] = await executor.query<{ mandate_reference: string; told_at: Date; charge_at: Date }>(
      'SELECT mandate_reference, told_at, charge_at FROM sandbox.notices WHERE payment_reference = $1',
      [paymentId],
    );
    if (row === undefined) return undefined;
    const { mandate_reference: mandateId, told_at, charge_at } = row;
    return { paymentId, mandateId, toldAtMs: told_at.getTime(), chargeAtMs: charge_at.getTime() };
  },
};

const deliveries: Pick<SandboxStore, 'queueDelivery' | 'takeDeliveries' | 'dropDelivery' | 'postponeDelivery'> = {
  queueDelivery: async (tx, provider, eventId, body, dueAtMs) => {
    await tx.execute('INSERT INTO sandbox.deliveries (provider, event_id, body, due_at) VALUES ($1, $2, $3, $4)', [
      provider,
      eventId,
      body,
      new Date(dueAtMs),
    ]);
  },
  takeDeliveries: async (executor, provider, nowMs, untilMs, limit) => {
    const rows = await executor.query<{ id: bigint; event_id: string; body: string; tries: number; due_at: Date }>(
      `WITH due AS (
         SELECT id, due_at FROM sandbox.deliveries WHERE provider = $1 AND due_at <= $2
         ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED)
       UPDATE sandbox.deliveries SET due_at = $3, tries = tries + 1 FROM due WHERE deliveries.id = due.id
       RETURNING deliveries.id, event_id, body, tries, due.due_at`,
      [provider, new Date(nowMs), new Date(untilMs), limit],
    );
    return rows
      .toSorted((a, b) => a.due_at.getTime() - b.due_at.getTime() || Number(a.id - b.id))
      .map((row) => ({ id: row.id, eventId: row.event_id, body: row.body, tries: row.tries }));
  },
  dropDelivery: async (executor, id) => {
    await executor.execute('DELETE FROM sandbox.deliveries WHERE id = $1', [id]);
  },
  postponeDelivery: async (executor, id, dueAtMs) => {
    await executor.execute('UPDATE sandbox.deliveries SET due_at = $2 WHERE id = $1', [id, new Date(dueAtMs)]);
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
      `INSERT INTO sandbox.movements (provider, kind, provider_reference, merchant_reference, currency, gross_minor,
         fee_minor, tax_minor, at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
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
       FROM sandbox.movements WHERE provider = $1 AND report_name = '' AND at < $2 ORDER BY id LIMIT $3 FOR UPDATE`,
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
    await tx.execute('UPDATE sandbox.movements SET report_name = $2 WHERE id = ANY ($1::bigint[])', [ids, reportName]);
  },
  insertReport: async (tx, report) => {
    await tx.execute('INSERT INTO sandbox.reports (provider, name, content, made_at) VALUES ($1, $2, $3, $4)', [
      report.provider,
      report.name,
      report.content,
      new Date(report.madeAtMs),
    ]);
  },
  listReports: async (executor, provider, afterName, limit) => {
    const rows = await executor.query<{ provider: string; name: string; size_bytes: number; made_at: Date }>(
      `SELECT provider, name, octet_length(content) AS size_bytes, made_at FROM sandbox.reports
       WHERE provider = $1 AND name COLLATE "C" > $2 ORDER BY name COLLATE "C" LIMIT $3`,
      [provider, afterName, limit],
    );
    return rows.map((row) => ({
      provider: row.provider,
      name: row.name,
      sizeBytes: row.size_bytes,
      madeAtMs: row.made_at.getTime(),
    }));
  },
  readReport: async (executor, provider, name) => {
    const [row] = await executor.query<{ content: string }>(
      'SELECT content FROM sandbox.reports WHERE provider = $1 AND name = $2',
      [provider, name],
    );
    return row?.content;
  },
  firstMovementMs: async (executor, provider) => {
    const [row] = await executor.query<{ at: Date | null }>(
      "SELECT min(at) AS at FROM sandbox.movements WHERE provider = $1 AND report_name = ''",
      [provider],
    );
    return row?.at?.getTime();
  },
};

export const postgresSandboxStore: SandboxStore = {
  ...payments,
  ...increments,
  ...refunds,
  ...disputes,
  ...mandates,
  ...deliveries,
  ...reports,
  nextDueMs: async (executor, provider) => {
    const [row] = await executor.query<{ due_at: Date | null }>(
      `SELECT least(
         (SELECT min(settles_at) FROM sandbox.payments WHERE settles_at IS NOT NULL AND provider = $1),
         (SELECT min(disputes_at) FROM sandbox.payments WHERE disputes_at IS NOT NULL AND provider = $1),
         (SELECT min(settles_at) FROM sandbox.refunds WHERE settles_at IS NOT NULL AND provider = $1),
         (SELECT min(closes_at) FROM sandbox.disputes WHERE closes_at IS NOT NULL AND provider = $1),
         (SELECT min(settles_at) FROM sandbox.mandates WHERE settles_at IS NOT NULL AND provider = $1),
         (SELECT min(due_at) FROM sandbox.deliveries WHERE provider = $1)) AS due_at`,
      [provider],
    );
    return row?.due_at?.getTime();
  },
};
