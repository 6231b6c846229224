/** The part of the payments' database on PostgreSQL that is about money of an attempt: captures, releases, refunds, disputes. */
import type { SqlExecutor, SqlRow } from '@suuupra/platform/sql/sql';
import type { Capture } from './capture.ts';
import type { Dispute, DisputeStatus } from './dispute.ts';
import type { DisputeStage } from './provider.ts';
import type { Refund, RefundStatus } from './refund.ts';
import type { Attention, Because, PaymentsStore, StatusChange } from './store.ts';

export function timeOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}

export async function note(
  tx: SqlExecutor,
  subjectId: string,
  status: string,
  because: Because,
  atMs: number,
): Promise<void> {
  await tx.execute('INSERT INTO payment_history (subject_id, status, because, at) VALUES ($1, $2, $3, $4)', [
    subjectId,
    status,
    because,
    new Date(atMs),
  ]);
}

interface CaptureRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  currency: string;
  amount_minor: bigint;
  final: boolean;
  status: Capture['status'];
  failure_code: string;
  created_at: Date;
  settled_at: Date | null;
}

const captureColumns = `captures.id, captures.order_id, captures.attempt_id, captures.currency, captures.amount_minor,
  captures.final, captures.status, captures.failure_code, captures.created_at, captures.settled_at`;

function captureFrom(row: CaptureRow): Capture {
  return {
    id: row.id,
    orderId: row.order_id,
    attemptId: row.attempt_id,
    currency: row.currency,
    amountMinor: row.amount_minor,
    final: row.final,
    status: row.status,
    failureCode: row.failure_code,
    createdAtMs: row.created_at.getTime(),
    settledAtMs: row.settled_at?.getTime(),
  };
}

const captures: Pick<
  PaymentsStore,
  | 'insertCapture'
  | 'findCapture'
  | 'saveCapture'
  | 'captureSums'
  | 'takeDueCaptures'
  | 'setCaptureDue'
  | 'insertRelease'
  | 'takeDueReleases'
  | 'setReleaseDue'
> = {
  insertCapture: async (tx, capture, dueAtMs) => {
    await tx.execute(
      `INSERT INTO captures (id, order_id, attempt_id, currency, amount_minor, final, status, created_at, due_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        capture.id,
        capture.orderId,
        capture.attemptId,
        capture.currency,
        capture.amountMinor,
        capture.final,
        capture.status,
        new Date(capture.createdAtMs),
        new Date(dueAtMs),
      ],
    );
    await note(tx, capture.id, capture.status, 'request', capture.createdAtMs);
  },
  findCapture: async (executor, captureId) => {
    const [row] = await executor.query<CaptureRow>(`SELECT ${captureColumns} FROM captures WHERE id = $1`, [captureId]);
    return row === undefined ? undefined : captureFrom(row);
  },
  saveCapture: async (tx, capture, because) => {
    await tx.execute(
      'UPDATE captures SET status = $2, failure_code = $3, settled_at = $4, due_at = NULL WHERE id = $1',
      [capture.id, capture.status, capture.failureCode, timeOf(capture.settledAtMs)],
    );
    await note(tx, capture.id, capture.status, because, capture.settledAtMs ?? capture.createdAtMs);
  },
  captureSums: async (tx, attemptId) => {
    const [row] = await tx.query<{ pending: bigint; succeeded: bigint; final: boolean }>(
      `SELECT coalesce(sum(amount_minor) FILTER (WHERE status = 'pending'), 0)::bigint AS pending,
         coalesce(sum(amount_minor) FILTER (WHERE status = 'succeeded'), 0)::bigint AS succeeded,
         coalesce(bool_or(final AND status <> 'failed'), false) AS final
       FROM captures WHERE attempt_id = $1`,
      [attemptId],
    );
    return {
      pendingMinor: row?.pending ?? 0n,
      succeededMinor: row?.succeeded ?? 0n,
      isFinal: row?.final ?? false,
    };
  },
  takeDueCaptures: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<CaptureRow & { tries: number }>(
      `UPDATE captures SET due_at = $2, tries = tries + 1
       WHERE id IN (SELECT id FROM captures WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING ${captureColumns}, captures.tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row) => ({ subject: captureFrom(row), tries: row.tries }));
  },
  setCaptureDue: async (executor, captureId, dueAtMs) => {
    await executor.execute("UPDATE captures SET due_at = $2 WHERE id = $1 AND status = 'pending'", [
      captureId,
      new Date(dueAtMs),
    ]);
  },
  insertRelease: async (tx, release, dueAtMs) => {
    const inserted = await tx.execute(
      `INSERT INTO voids (id, order_id, attempt_id, created_at, due_at) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (attempt_id) DO NOTHING`,
      [release.id, release.orderId, release.attemptId, new Date(release.createdAtMs), new Date(dueAtMs)],
    );
    return inserted === 1;
  },
  takeDueReleases: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<{
      id: string;
      order_id: string;
      attempt_id: string;
      created_at: Date;
      tries: number;
    }>(
      `UPDATE voids SET due_at = $2, tries = tries + 1
       WHERE id IN (SELECT id FROM voids WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING id, order_id, attempt_id, created_at, tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row) => ({
      subject: {
        id: row.id,
        orderId: row.order_id,
        attemptId: row.attempt_id,
        createdAtMs: row.created_at.getTime(),
      },
      tries: row.tries,
    }));
  },
  setReleaseDue: async (executor, releaseId, dueAtMs, nowMs) => {
    await executor.execute('UPDATE voids SET due_at = $2, done_at = $3 WHERE id = $1 AND done_at IS NULL', [
      releaseId,
      timeOf(dueAtMs),
      dueAtMs === undefined ? new Date(nowMs) : null,
    ]);
  },
};

interface RefundRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  kind: Refund['kind'];
  currency: string;
  amount_minor: bigint;
  status: RefundStatus;
  failure_code: string;
  reference: string;
  sent_at: Date | null;
  created_at: Date;
  settled_at: Date | null;
}

const refundColumns = `refunds.id, refunds.order_id, refunds.attempt_id, refunds.kind, refunds.currency,
  refunds.amount_minor, refunds.status, refunds.failure_code, refunds.reference, refunds.sent_at, refunds.created_at,
  refunds.settled_at`;

function refundFrom(row: RefundRow): Refund {
  return {
    id: row.id,
    orderId: row.order_id,
    attemptId: row.attempt_id,
    kind: row.kind,
    currency: row.currency,
    amountMinor: row.amount_minor,
    status: row.status,
    failureCode: row.failure_code,
    reference: row.reference,
    sentAtMs: row.sent_at?.getTime(),
    createdAtMs: row.created_at.getTime(),
    settledAtMs: row.settled_at?.getTime(),
  };
}

const refunds: Pick<
  PaymentsStore,
  | 'insertRefund'
  | 'findRefund'
  | 'findRefundByReference'
  | 'refundsOfAttempt'
  | 'listRefunds'
  | 'saveRefund'
  | 'markRefundSent'
  | 'setRefundReference'
  | 'claimed'
  | 'takeDueRefunds'
  | 'setRefundDue'
> = {
  insertRefund: async (tx, refund, dueAtMs) => {
    const inserted = await tx.execute(
      `INSERT INTO refunds (id, order_id, attempt_id, kind, currency, amount_minor, status, created_at, due_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (attempt_id) WHERE kind = 'late' DO NOTHING`,
      [
        refund.id,
        refund.orderId,
        refund.attemptId,
        refund.kind,
        refund.currency,
        refund.amountMinor,
        refund.status,
        new Date(refund.createdAtMs),
        new Date(dueAtMs),
      ],
    );
    if (inserted === 1) await note(tx, refund.id, refund.status, 'request', refund.createdAtMs);
    return inserted === 1;
  },
  findRefund: async (executor, refundId) => {
    const [row] = await executor.query<RefundRow>(`SELECT ${refundColumns} FROM refunds WHERE id = $1`, [refundId]);
    return row === undefined ? undefined : refundFrom(row);
  },
  findRefundByReference: async (executor, provider, reference) => {
    const [row] = await executor.query<RefundRow>(
      `SELECT ${refundColumns} FROM refunds JOIN attempts ON attempts.id = refunds.attempt_id
       WHERE attempts.provider = $1 AND refunds.reference = $2 AND refunds.reference <> ''`,
      [provider, reference],
    );
    return row === undefined ? undefined : refundFrom(row);
  },
  refundsOfAttempt: async (executor, attemptId, limit) => {
    const rows = await executor.query<RefundRow>(
      `SELECT ${refundColumns} FROM refunds WHERE attempt_id = $1 ORDER BY created_at, id LIMIT $2`,
      [attemptId, limit],
    );
    return rows.map(refundFrom);
  },
  listRefunds: async (executor, { status, orderId, fromMs, untilMs }, after, limit) => {
    const rows = await executor.query<RefundRow & { provider: string }>(
      `SELECT ${refundColumns}, attempts.provider FROM refunds JOIN attempts ON attempts.id = refunds.attempt_id
       WHERE ($1::text = '' OR refunds.status = $1::text) AND ($2::text = '' OR refunds.order_id = $2::text)
         AND ($3::timestamptz IS NULL OR (refunds.created_at, refunds.id) < ($3::timestamptz, $4::text))
         AND refunds.created_at >= coalesce($5::timestamptz, '-infinity')
         AND refunds.created_at < coalesce($6::timestamptz, 'infinity')
       ORDER BY refunds.created_at DESC, refunds.id DESC LIMIT $7`,
      [status ?? '', orderId ?? '', timeOf(after?.atMs), after?.id ?? '', timeOf(fromMs), timeOf(untilMs), limit],
    );
    return rows.map((row) => ({ ...refundFrom(row), provider: row.provider }));
  },
  saveRefund: async (tx, refund, because) => {
    await tx.execute(
      'UPDATE refunds SET status = $2, failure_code = $3, settled_at = $4, due_at = NULL WHERE id = $1',
      [refund.id, refund.status, refund.failureCode, timeOf(refund.settledAtMs)],
    );
    await note(tx, refund.id, refund.status, because, refund.settledAtMs ?? refund.createdAtMs);
  },
  markRefundSent: async (executor, refundId, nowMs) => {
    await executor.execute('UPDATE refunds SET sent_at = $2 WHERE id = $1 AND sent_at IS NULL', [
      refundId,
      new Date(nowMs),
    ]);
  },
  setRefundReference: async (executor, refundId, reference) => {
    await executor.execute("UPDATE refunds SET reference = $2 WHERE id = $1 AND reference = ''", [refundId, reference]);
  },
  claimed: async (tx, orderId) => {
    const [row] = await tx.query<{ refunds: bigint; disputes: bigint }>(
      `SELECT
         (SELECT coalesce(sum(amount_minor), 0) FROM refunds
          WHERE order_id = $1 AND kind = 'requested' AND status IN ('pending', 'succeeded'))::bigint AS refunds,
         (SELECT coalesce(sum(amount_minor), 0) FROM disputes
          WHERE order_id = $1 AND stage <> 'pre_dispute' AND status <> 'won')::bigint AS disputes`,
      [orderId],
    );
    return { refundsMinor: row?.refunds ?? 0n, disputesMinor: row?.disputes ?? 0n };
  },
  takeDueRefunds: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<RefundRow & { tries: number }>(
      `UPDATE refunds SET due_at = $2, tries = tries + 1
       WHERE id IN (SELECT id FROM refunds WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING ${refundColumns}, refunds.tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row) => ({ refund: refundFrom(row), tries: row.tries }));
  },
  setRefundDue: async (executor, refundId, dueAtMs) => {
    await executor.execute("UPDATE refunds SET due_at = $2 WHERE id = $1 AND status = 'pending'", [
      refundId,
      new Date(dueAtMs),
    ]);
  },
};

interface DisputeRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  provider: string;
  reference: string;
  stage: DisputeStage;
  status: DisputeStatus;
  currency: string;
  amount_minor: bigint;
  fee_minor: bigint;
  reason: string;
  evidence: string;
  pending: Dispute['pending'];
  evidence_due_at: Date | null;
  opened_at: Date;
  closed_at: Date | null;
}

const disputeColumns = `disputes.id, disputes.order_id, disputes.attempt_id, disputes.provider, disputes.reference,
  disputes.stage, disputes.status, disputes.currency, disputes.amount_minor, disputes.fee_minor, disputes.reason,
  disputes.evidence, disputes.pending, disputes.evidence_due_at, disputes.opened_at, disputes.closed_at`;

function disputeFrom(row: DisputeRow): Dispute {
  return {
    id: row.id,
    orderId: row.order_id,
    attemptId: row.attempt_id,
    provider: row.provider,
    reference: row.reference,
    stage: row.stage,
    status: row.status,
    currency: row.currency,
    amountMinor: row.amount_minor,
    feeMinor: row.fee_minor,
    reason: row.reason,
    evidence: row.evidence,
    pending: row.pending,
    evidenceDueAtMs: row.evidence_due_at?.getTime(),
    openedAtMs: row.opened_at.getTime(),
    closedAtMs: row.closed_at?.getTime(),
  };
}

const disputes: Pick<
  PaymentsStore,
  | 'insertDispute'
  | 'findDispute'
  | 'findDisputeByReference'
  | 'saveDispute'
  | 'listDisputes'
  | 'takeDueDisputes'
  | 'setDisputeDue'
  | 'historyOf'
> = {
  insertDispute: async (tx, dispute, dueAtMs) => {
    const inserted = await tx.execute(
      `INSERT INTO disputes (id, order_id, attempt_id, provider, reference, stage, status, currency, amount_minor,
         fee_minor, reason, evidence_due_at, opened_at, due_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
       ON CONFLICT (provider, reference, stage) DO NOTHING`,
      [
        dispute.id,
        dispute.orderId,
        dispute.attemptId,
        dispute.provider,
        dispute.reference,
        dispute.stage,
        dispute.status,
        dispute.currency,
        dispute.amountMinor,
        dispute.feeMinor,
        dispute.reason,
        timeOf(dispute.evidenceDueAtMs),
        new Date(dispute.openedAtMs),
        timeOf(dueAtMs),
      ],
    );
    if (inserted === 1) await note(tx, dispute.id, dispute.status, 'webhook', dispute.openedAtMs);
    return inserted === 1;
  },
  findDispute: async (executor, disputeId) => {
    const [row] = await executor.query<DisputeRow>(`SELECT ${disputeColumns} FROM disputes WHERE id = $1`, [disputeId]);
    return row === undefined ? undefined : disputeFrom(row);
  },
  findDisputeByReference: async (executor, provider, reference, stage) => {
    const [row] = await executor.query<DisputeRow>(
      `SELECT ${disputeColumns} FROM disputes WHERE provider = $1 AND reference = $2 AND stage = $3`,
      [provider, reference, stage],
    );
    return row === undefined ? undefined : disputeFrom(row);
  },
  saveDispute: async (tx, dispute, dueAtMs, because, nowMs) => {
    const [before] = await tx.query<{ status: string }>('SELECT status FROM disputes WHERE id = $1', [dispute.id]);
    await tx.execute(
      `UPDATE disputes SET status = $2, fee_minor = $3, evidence = $4, pending = $5, evidence_due_at = $6,
         closed_at = $7, due_at = $8, tries = 0
       WHERE id = $1`,
      [
        dispute.id,
        dispute.status,
        dispute.feeMinor,
        dispute.evidence,
        dispute.pending,
        timeOf(dispute.evidenceDueAtMs),
        timeOf(dispute.closedAtMs),
        timeOf(dueAtMs),
      ],
    );
    if (before?.status !== dispute.status) await note(tx, dispute.id, dispute.status, because, nowMs);
  },
  listDisputes: async (executor, { status, orderId }, after, limit) => {
    const rows = await executor.query<DisputeRow>(
      `SELECT ${disputeColumns} FROM disputes
       WHERE ($1::text = '' OR status = $1::text) AND ($2::text = '' OR order_id = $2::text)
         AND ($3::timestamptz IS NULL OR (opened_at, id) < ($3::timestamptz, $4::text))
       ORDER BY opened_at DESC, id DESC LIMIT $5`,
      [status ?? '', orderId ?? '', timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(disputeFrom);
  },
  takeDueDisputes: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<DisputeRow & { tries: number }>(
      `UPDATE disputes SET due_at = $2, tries = tries + 1
       WHERE id IN (SELECT id FROM disputes WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING ${disputeColumns}, disputes.tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row) => ({ subject: disputeFrom(row), tries: row.tries }));
  },
  setDisputeDue: async (executor, disputeId, dueAtMs) => {
    await executor.execute('UPDATE disputes SET due_at = $2 WHERE id = $1 AND closed_at IS NULL', [
      disputeId,
      timeOf(dueAtMs),
    ]);
  },
  historyOf: async (executor, subjectId) => {
    const rows = await executor.query<{ status: string; because: Because; at: Date }>(
      'SELECT status, because, at FROM payment_history WHERE subject_id = $1 ORDER BY id LIMIT 100',
      [subjectId],
    );
    return rows.map((row): StatusChange => ({ status: row.status, because: row.because, atMs: row.at.getTime() }));
  },
};

interface AttentionRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  subject_id: string;
  because: string;
  since: Date;
  closed_at: Date | null;
  closed_by: string;
  note: string;
}

function attentionFrom(row: AttentionRow): Attention {
  return {
    id: row.id,
    orderId: row.order_id,
    attemptId: row.attempt_id,
    subjectId: row.subject_id,
    because: row.because,
    sinceMs: row.since.getTime(),
    closedAtMs: row.closed_at?.getTime(),
    closedBy: row.closed_by,
    note: row.note,
  };
}

const attentionColumns = 'id, order_id, attempt_id, subject_id, because, since, closed_at, closed_by, note';

const attention: Pick<PaymentsStore, 'raiseAttention' | 'listAttention' | 'closeAttention'> = {
  raiseAttention: async (tx, raised) => {
    await tx.execute(
      `INSERT INTO attention (id, order_id, attempt_id, subject_id, because, since) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (subject_id, because) DO UPDATE
         SET since = CASE WHEN attention.closed_at IS NULL THEN attention.since ELSE excluded.since END,
           closed_at = NULL`,
      [raised.id, raised.orderId, raised.attemptId, raised.subjectId, raised.because, new Date(raised.sinceMs)],
    );
  },
  listAttention: async (executor, closed, after, limit) => {
    const rows = await executor.query<AttentionRow>(
      `SELECT ${attentionColumns} FROM attention
       WHERE (closed_at IS NOT NULL) = $1 AND ($2::timestamptz IS NULL OR (since, id) > ($2::timestamptz, $3::text))
       ORDER BY since, id LIMIT $4`,
      [closed, timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(attentionFrom);
  },
  closeAttention: async (executor, id, by, text, nowMs) => {
    await executor.execute(
      'UPDATE attention SET closed_at = $4, closed_by = $2, note = $3 WHERE id = $1 AND closed_at IS NULL',
      [id, by, text, new Date(nowMs)],
    );
    const [row] = await executor.query<AttentionRow>(`SELECT ${attentionColumns} FROM attention WHERE id = $1`, [id]);
    return row === undefined ? undefined : attentionFrom(row);
  },
};

export const moneyBack = { ...captures, ...refunds, ...disputes, ...attention };
