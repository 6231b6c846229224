/** The part of the payments' database on MariaDB or MySQL that is about money of an attempt: captures, releases, refunds, disputes. */
import type { SqlExecutor, SqlRow } from '@suuupra/platform/sql/sql';
import type { Capture } from './capture.ts';
import type { Dispute, DisputeStatus } from './dispute.ts';
import type { DisputeStage } from './provider.ts';
import type { Refund, RefundStatus } from './refund.ts';
import type { Attention, Because, PaymentsStore, StatusChange } from './store.ts';
import { insertedOnce, takeDue } from './store-mysql-rows.ts';

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
  await tx.execute('INSERT INTO payment_history (subject_id, status, because, at) VALUES (?, ?, ?, ?)', [
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
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    const [row] = await executor.query<CaptureRow>(`SELECT ${captureColumns} FROM captures WHERE id = ?`, [captureId]);
    return row === undefined ? undefined : captureFrom(row);
  },
  saveCapture: async (tx, capture, because) => {
    await tx.execute('UPDATE captures SET status = ?, failure_code = ?, settled_at = ?, due_at = NULL WHERE id = ?', [
      capture.status,
      capture.failureCode,
      timeOf(capture.settledAtMs),
      capture.id,
    ]);
    await note(tx, capture.id, capture.status, because, capture.settledAtMs ?? capture.createdAtMs);
  },
  captureSums: async (tx, attemptId) => {
    const [row] = await tx.query<{ pending: bigint; succeeded: bigint; final: number | bigint }>(
      `SELECT CAST(COALESCE(SUM(CASE WHEN status = 'pending' THEN amount_minor END), 0) AS SIGNED) AS pending,
         CAST(COALESCE(SUM(CASE WHEN status = 'succeeded' THEN amount_minor END), 0) AS SIGNED) AS succeeded,
         COALESCE(MAX(final AND status <> 'failed'), 0) AS final
       FROM captures WHERE attempt_id = ?`,
      [attemptId],
    );
    return {
      pendingMinor: row?.pending ?? 0n,
      succeededMinor: row?.succeeded ?? 0n,
      isFinal: Number(row?.final ?? 0) === 1,
    };
  },
  takeDueCaptures: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<CaptureRow & { tries: number } & SqlRow>(
      executor,
      { table: 'captures', columns: `${captureColumns}, captures.tries` },
      nowMs,
      untilMs,
      limit,
    );
    return rows.map((row) => ({ subject: captureFrom(row), tries: row.tries }));
  },
  setCaptureDue: async (executor, captureId, dueAtMs) => {
    await executor.execute("UPDATE captures SET due_at = ? WHERE id = ? AND status = 'pending'", [
      new Date(dueAtMs),
      captureId,
    ]);
  },
  insertRelease: async (tx, release, dueAtMs) => {
    const isNew = await insertedOnce('voids_one_an_attempt', () =>
      tx.execute(`INSERT INTO voids (id, order_id, attempt_id, created_at, due_at) VALUES (?, ?, ?, ?, ?)`, [
        release.id,
        release.orderId,
        release.attemptId,
        new Date(release.createdAtMs),
        new Date(dueAtMs),
      ]),
    );
    return isNew;
  },
  takeDueReleases: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<
      {
        id: string;
        order_id: string;
        attempt_id: string;
        created_at: Date;
        tries: number;
      } & SqlRow
    >(executor, { table: 'voids', columns: 'id, order_id, attempt_id, created_at, tries' }, nowMs, untilMs, limit);
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
    await executor.execute('UPDATE voids SET due_at = ?, done_at = ? WHERE id = ? AND done_at IS NULL', [
      timeOf(dueAtMs),
      dueAtMs === undefined ? new Date(nowMs) : null,
      releaseId,
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
    const isNew = await insertedOnce('refunds_one_late', () =>
      tx.execute(
        `INSERT INTO refunds (id, order_id, attempt_id, kind, currency, amount_minor, status, created_at, due_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
      ),
    );
    if (isNew) await note(tx, refund.id, refund.status, 'request', refund.createdAtMs);
    return isNew;
  },
  findRefund: async (executor, refundId) => {
    const [row] = await executor.query<RefundRow>(`SELECT ${refundColumns} FROM refunds WHERE id = ?`, [refundId]);
    return row === undefined ? undefined : refundFrom(row);
  },
  findRefundByReference: async (executor, provider, reference) => {
    const [row] = await executor.query<RefundRow>(
      `SELECT ${refundColumns} FROM refunds JOIN attempts ON attempts.id = refunds.attempt_id
       WHERE attempts.provider = ? AND refunds.reference = ? AND refunds.reference <> ''`,
      [provider, reference],
    );
    return row === undefined ? undefined : refundFrom(row);
  },
  refundsOfAttempt: async (executor, attemptId, limit) => {
    const rows = await executor.query<RefundRow>(
      `SELECT ${refundColumns} FROM refunds WHERE attempt_id = ? ORDER BY created_at, id LIMIT ?`,
      [attemptId, limit],
    );
    return rows.map(refundFrom);
  },
  listRefunds: async (executor, { status, orderId, fromMs, untilMs }, after, limit) => {
    const [wanted, order, place] = [status ?? '', orderId ?? '', timeOf(after?.atMs)];
    const [from, until] = [timeOf(fromMs), timeOf(untilMs)];
    const rows = await executor.query<RefundRow & { provider: string }>(
      `SELECT ${refundColumns}, attempts.provider FROM refunds JOIN attempts ON attempts.id = refunds.attempt_id
       WHERE (? = '' OR refunds.status = ?) AND (? = '' OR refunds.order_id = ?)
         AND (? IS NULL OR (refunds.created_at, refunds.id) < (?, ?))
         AND (? IS NULL OR refunds.created_at >= ?) AND (? IS NULL OR refunds.created_at < ?)
       ORDER BY refunds.created_at DESC, refunds.id DESC LIMIT ?`,
      [wanted, wanted, order, order, place, place, after?.id ?? '', from, from, until, until, limit],
    );
    return rows.map((row) => ({ ...refundFrom(row), provider: row.provider }));
  },
  saveRefund: async (tx, refund, because) => {
    await tx.execute('UPDATE refunds SET status = ?, failure_code = ?, settled_at = ?, due_at = NULL WHERE id = ?', [
      refund.status,
      refund.failureCode,
      timeOf(refund.settledAtMs),
      refund.id,
    ]);
    await note(tx, refund.id, refund.status, because, refund.settledAtMs ?? refund.createdAtMs);
  },
  markRefundSent: async (executor, refundId, nowMs) => {
    await executor.execute('UPDATE refunds SET sent_at = ? WHERE id = ? AND sent_at IS NULL', [
      new Date(nowMs),
      refundId,
    ]);
  },
  setRefundReference: async (executor, refundId, reference) => {
    await executor.execute("UPDATE refunds SET reference = ? WHERE id = ? AND reference = ''", [reference, refundId]);
  },
  claimed: async (tx, orderId) => {
    const [row] = await tx.query<{ refunds: bigint; disputes: bigint }>(
      `SELECT
         (SELECT CAST(coalesce(sum(amount_minor), 0) AS SIGNED) FROM refunds
          WHERE order_id = ? AND kind = 'requested' AND status IN ('pending', 'succeeded')) AS refunds,
         (SELECT CAST(coalesce(sum(amount_minor), 0) AS SIGNED) FROM disputes
          WHERE order_id = ? AND stage <> 'pre_dispute' AND status <> 'won') AS disputes`,
      [orderId, orderId],
    );
    return { refundsMinor: row?.refunds ?? 0n, disputesMinor: row?.disputes ?? 0n };
  },
  takeDueRefunds: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<RefundRow & { tries: number } & SqlRow>(
      executor,
      { table: 'refunds', columns: `${refundColumns}, refunds.tries` },
      nowMs,
      untilMs,
      limit,
    );
    return rows.map((row) => ({ refund: refundFrom(row), tries: row.tries }));
  },
  setRefundDue: async (executor, refundId, dueAtMs) => {
    await executor.execute("UPDATE refunds SET due_at = ? WHERE id = ? AND status = 'pending'", [
      new Date(dueAtMs),
      refundId,
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
    const isNew = await insertedOnce('disputes_by_reference', () =>
      tx.execute(
        `INSERT INTO disputes (id, order_id, attempt_id, provider, reference, stage, status, currency, amount_minor,
         fee_minor, reason, evidence_due_at, opened_at, due_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
      ),
    );
    if (isNew) await note(tx, dispute.id, dispute.status, 'webhook', dispute.openedAtMs);
    return isNew;
  },
  findDispute: async (executor, disputeId) => {
    const [row] = await executor.query<DisputeRow>(`SELECT ${disputeColumns} FROM disputes WHERE id = ?`, [disputeId]);
    return row === undefined ? undefined : disputeFrom(row);
  },
  findDisputeByReference: async (executor, provider, reference, stage) => {
    const [row] = await executor.query<DisputeRow>(
      `SELECT ${disputeColumns} FROM disputes WHERE provider = ? AND reference = ? AND stage = ?`,
      [provider, reference, stage],
    );
    return row === undefined ? undefined : disputeFrom(row);
  },
  saveDispute: async (tx, dispute, dueAtMs, because, nowMs) => {
    const [before] = await tx.query<{ status: string }>('SELECT status FROM disputes WHERE id = ?', [dispute.id]);
    await tx.execute(
      `UPDATE disputes SET status = ?, fee_minor = ?, evidence = ?, pending = ?, evidence_due_at = ?,
         closed_at = ?, due_at = ?, tries = 0
       WHERE id = ?`,
      [
        dispute.status,
        dispute.feeMinor,
        dispute.evidence,
        dispute.pending,
        timeOf(dispute.evidenceDueAtMs),
        timeOf(dispute.closedAtMs),
        timeOf(dueAtMs),
        dispute.id,
      ],
    );
    if (before?.status !== dispute.status) await note(tx, dispute.id, dispute.status, because, nowMs);
  },
  listDisputes: async (executor, { status, orderId }, after, limit) => {
    const rows = await executor.query<DisputeRow>(
      `SELECT ${disputeColumns} FROM disputes
       WHERE (? = '' OR status = ?) AND (? = '' OR order_id = ?)
         AND (? IS NULL OR (opened_at, id) < (?, ?))
       ORDER BY opened_at DESC, id DESC LIMIT ?`,
      [
        status ?? '',
        status ?? '',
        orderId ?? '',
        orderId ?? '',
        timeOf(after?.atMs),
        timeOf(after?.atMs),
        after?.id ?? '',
        limit,
      ],
    );
    return rows.map(disputeFrom);
  },
  takeDueDisputes: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<DisputeRow & { tries: number } & SqlRow>(
      executor,
      { table: 'disputes', columns: `${disputeColumns}, disputes.tries` },
      nowMs,
      untilMs,
      limit,
    );
    return rows.map((row) => ({ subject: disputeFrom(row), tries: row.tries }));
  },
  setDisputeDue: async (executor, disputeId, dueAtMs) => {
    await executor.execute('UPDATE disputes SET due_at = ? WHERE id = ? AND closed_at IS NULL', [
      timeOf(dueAtMs),
      disputeId,
    ]);
  },
  historyOf: async (executor, subjectId) => {
    const rows = await executor.query<{ status: string; because: Because; at: Date }>(
      'SELECT status, because, at FROM payment_history WHERE subject_id = ? ORDER BY id LIMIT 100',
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
      `INSERT INTO attention (id, order_id, attempt_id, subject_id, because, since) VALUES (?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE since = IF(closed_at IS NULL, since, VALUES(since)), closed_at = NULL`,
      [raised.id, raised.orderId, raised.attemptId, raised.subjectId, raised.because, new Date(raised.sinceMs)],
    );
  },
  listAttention: async (executor, closed, after, limit) => {
    const rows = await executor.query<AttentionRow>(
      `SELECT ${attentionColumns} FROM attention
       WHERE (closed_at IS NOT NULL) = ? AND (? IS NULL OR (since, id) > (?, ?))
       ORDER BY since, id LIMIT ?`,
      [closed, timeOf(after?.atMs), timeOf(after?.atMs), after?.id ?? '', limit],
    );
    return rows.map(attentionFrom);
  },
  closeAttention: async (executor, id, by, text, nowMs) => {
    await executor.execute(
      'UPDATE attention SET closed_at = ?, closed_by = ?, note = ? WHERE id = ? AND closed_at IS NULL',
      [new Date(nowMs), by, text, id],
    );
    const [row] = await executor.query<AttentionRow>(`SELECT ${attentionColumns} FROM attention WHERE id = ?`, [id]);
    return row === undefined ? undefined : attentionFrom(row);
  },
};

export const moneyBack = { ...captures, ...refunds, ...disputes, ...attention };
