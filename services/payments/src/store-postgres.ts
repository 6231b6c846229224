/** The payments' database on PostgreSQL. The intent's row is the lock under which everything of an order changes. */
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Attempt, AttemptStatus, Intent, IntentStatus } from './payment.ts';
import type { FailureCode, PayerAction, PaymentMethodKind } from './provider.ts';
import type { Refund, RefundStatus } from './refund.ts';
import type { AttemptView, Because, DueAttempt, KeptWebhook, PaymentsStore } from './store.ts';

interface IntentRow extends SqlRow {
  order_id: string;
  buyer_id: string;
  order_number: string;
  currency: string;
  amount_minor: bigint;
  status: IntentStatus;
  captured_attempt_id: string;
}

const intentColumns = `intents.order_id, intents.buyer_id, intents.order_number, intents.currency, intents.amount_minor,
  intents.status, intents.captured_attempt_id`;

function intentFrom(row: IntentRow | undefined): Intent | undefined {
  if (row === undefined) return undefined;
  return {
    orderId: row.order_id,
    buyerId: row.buyer_id,
    orderNumber: row.order_number,
    currency: row.currency,
    amountMinor: row.amount_minor,
    status: row.status,
    capturedAttemptId: row.captured_attempt_id,
  };
}

interface AttemptRow extends SqlRow {
  id: string;
  order_id: string;
  status: AttemptStatus;
  method: PaymentMethodKind;
  provider: string;
  currency: string;
  amount_minor: bigint;
  action: PayerAction | null;
  failure_code: FailureCode | '';
  failure_detail: string;
  created_at: Date;
  moved_at: Date;
  settled_at: Date | null;
}

const attemptColumns = `attempts.id, attempts.order_id, attempts.status, attempts.method, attempts.provider,
  attempts.currency, attempts.amount_minor, attempts.action, attempts.failure_code, attempts.failure_detail,
  attempts.created_at, attempts.moved_at, attempts.settled_at`;

function attemptFrom(row: AttemptRow): Attempt {
  return {
    id: row.id,
    orderId: row.order_id,
    status: row.status,
    method: row.method,
    provider: row.provider,
    currency: row.currency,
    amountMinor: row.amount_minor,
    action: row.action ?? undefined,
    failure: row.failure_code === '' ? undefined : { code: row.failure_code, detail: row.failure_detail },
    createdAtMs: row.created_at.getTime(),
    movedAtMs: row.moved_at.getTime(),
    settledAtMs: row.settled_at?.getTime(),
  };
}

interface ViewRow extends AttemptRow {
  buyer_id: string;
  refunded_minor: bigint;
  dispute_id: string | null;
  dispute_currency: string;
  dispute_amount_minor: bigint;
  dispute_opened_at: Date;
}

const viewQuery = `SELECT ${attemptColumns}, intents.buyer_id,
    coalesce((SELECT sum(amount_minor) FROM refunds
      WHERE attempt_id = attempts.id AND kind = 'requested' AND status = 'succeeded'), 0)::bigint AS refunded_minor,
    dispute.id AS dispute_id, dispute.currency AS dispute_currency, dispute.amount_minor AS dispute_amount_minor,
    dispute.opened_at AS dispute_opened_at
  FROM attempts JOIN intents ON intents.order_id = attempts.order_id
  LEFT JOIN LATERAL (SELECT * FROM disputes WHERE attempt_id = attempts.id ORDER BY opened_at DESC LIMIT 1) AS dispute
    ON true`;

function viewFrom(row: ViewRow): AttemptView {
  const attempt = attemptFrom(row);
  const dispute =
    row.dispute_id === null
      ? undefined
      : {
          id: row.dispute_id,
          orderId: attempt.orderId,
          attemptId: attempt.id,
          currency: row.dispute_currency,
          amountMinor: row.dispute_amount_minor,
          openedAtMs: row.dispute_opened_at.getTime(),
        };
  return { attempt, buyerId: row.buyer_id, refundedMinor: row.refunded_minor, dispute };
}

interface RefundRow extends SqlRow {
  id: string;
  order_id: string;
  attempt_id: string;
  kind: Refund['kind'];
  currency: string;
  amount_minor: bigint;
  status: RefundStatus;
  failure_code: string;
  created_at: Date;
  settled_at: Date | null;
}

const refundColumns = `refunds.id, refunds.order_id, refunds.attempt_id, refunds.kind, refunds.currency,
  refunds.amount_minor, refunds.status, refunds.failure_code, refunds.created_at, refunds.settled_at`;

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
    createdAtMs: row.created_at.getTime(),
    settledAtMs: row.settled_at?.getTime(),
  };
}

function timeOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}

async function note(tx: SqlExecutor, subjectId: string, status: string, because: Because, atMs: number): Promise<void> {
  await tx.execute('INSERT INTO payment_history (subject_id, status, because, at) VALUES ($1, $2, $3, $4)', [
    subjectId,
    status,
    because,
    new Date(atMs),
  ]);
}

const intents: Pick<PaymentsStore, 'openIntent' | 'lockIntent' | 'lockIntentOfAttempt' | 'findIntent' | 'saveIntent'> =
  {
    openIntent: async (tx, fresh, nowMs) => {
      await tx.execute(
        `INSERT INTO intents (order_id, buyer_id, order_number, currency, amount_minor, status, captured_attempt_id, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, '', $7) ON CONFLICT DO NOTHING`,
        [
          fresh.orderId,
          fresh.buyerId,
          fresh.orderNumber,
          fresh.currency,
          fresh.amountMinor,
          fresh.status,
          new Date(nowMs),
        ],
      );
      const intent = await intents.lockIntent(tx, fresh.orderId);
      if (intent === undefined) throw new Error(`the intent of ${fresh.orderId} is gone`);
      return intent;
    },
    lockIntent: async (tx, orderId) => {
      const [row] = await tx.query<IntentRow>(`SELECT ${intentColumns} FROM intents WHERE order_id = $1 FOR UPDATE`, [
        orderId,
      ]);
      return intentFrom(row);
    },
    lockIntentOfAttempt: async (tx, attemptId) => {
      const [row] = await tx.query<IntentRow>(
        `SELECT ${intentColumns} FROM intents
       WHERE order_id = (SELECT order_id FROM attempts WHERE id = $1) FOR UPDATE`,
        [attemptId],
      );
      return intentFrom(row);
    },
    findIntent: async (executor, orderId) => {
      const [row] = await executor.query<IntentRow>(`SELECT ${intentColumns} FROM intents WHERE order_id = $1`, [
        orderId,
      ]);
      return intentFrom(row);
    },
    saveIntent: async (tx, intent) => {
      await tx.execute('UPDATE intents SET status = $2, captured_attempt_id = $3 WHERE order_id = $1', [
        intent.orderId,
        intent.status,
        intent.capturedAttemptId,
      ]);
    },
  };

const attempts: Pick<
  PaymentsStore,
  | 'insertAttempt'
  | 'saveAttempt'
  | 'findAttempt'
  | 'liveAttempt'
  | 'viewAttempt'
  | 'viewAttempts'
  | 'takeDueAttempts'
  | 'setSyncDue'
> = {
  insertAttempt: async (tx, attempt, syncDueAtMs) => {
    await tx.execute(
      `INSERT INTO attempts (id, order_id, status, method, provider, currency, amount_minor, created_at, moved_at, sync_due_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        attempt.id,
        attempt.orderId,
        attempt.status,
        attempt.method,
        attempt.provider,
        attempt.currency,
        attempt.amountMinor,
        new Date(attempt.createdAtMs),
        new Date(attempt.movedAtMs),
        timeOf(syncDueAtMs),
      ],
    );
    await note(tx, attempt.id, attempt.status, 'request', attempt.createdAtMs);
  },
  saveAttempt: async (tx, attempt, syncDueAtMs, because) => {
    await tx.execute(
      `UPDATE attempts SET status = $2, action = $3::jsonb, failure_code = $4, failure_detail = $5, moved_at = $6,
         settled_at = $7, sync_due_at = $8, sync_tries = 0
       WHERE id = $1`,
      [
        attempt.id,
        attempt.status,
        attempt.action === undefined ? null : JSON.stringify(attempt.action),
        attempt.failure?.code ?? '',
        attempt.failure?.detail ?? '',
        new Date(attempt.movedAtMs),
        timeOf(attempt.settledAtMs),
        timeOf(syncDueAtMs),
      ],
    );
    await note(tx, attempt.id, attempt.status, because, attempt.movedAtMs);
  },
  findAttempt: async (executor, attemptId) => {
    const [row] = await executor.query<AttemptRow>(`SELECT ${attemptColumns} FROM attempts WHERE id = $1`, [attemptId]);
    return row === undefined ? undefined : attemptFrom(row);
  },
  liveAttempt: async (executor, orderId) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts
       WHERE order_id = $1 AND status IN ('requires_action', 'processing', 'unknown')`,
      [orderId],
    );
    return row === undefined ? undefined : attemptFrom(row);
  },
  viewAttempt: async (executor, attemptId) => {
    const [row] = await executor.query<ViewRow>(`${viewQuery} WHERE attempts.id = $1`, [attemptId]);
    return row === undefined ? undefined : viewFrom(row);
  },
  viewAttempts: async (executor, orderId, after, limit) => {
    const rows = await executor.query<ViewRow>(
      `${viewQuery} WHERE attempts.order_id = $1
         AND ($2::timestamptz IS NULL OR (attempts.created_at, attempts.id) < ($2::timestamptz, $3::text))
       ORDER BY attempts.created_at DESC, attempts.id DESC LIMIT $4`,
      [orderId, timeOf(after?.createdAtMs), after?.id ?? '', limit],
    );
    return rows.map(viewFrom);
  },
  takeDueAttempts: async (executor, nowMs, untilMs, limit) => {
    const rows = await executor.query<{ id: string; provider: string; sync_tries: number }>(
      `UPDATE attempts SET sync_due_at = $2, sync_tries = sync_tries + 1
       WHERE id IN (SELECT id FROM attempts WHERE sync_due_at <= $1 ORDER BY sync_due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING id, provider, sync_tries`,
      [new Date(nowMs), new Date(untilMs), limit],
    );
    return rows.map((row): DueAttempt => ({ id: row.id, provider: row.provider, tries: row.sync_tries }));
  },
  setSyncDue: async (executor, attemptId, dueAtMs) => {
    await executor.execute(
      `UPDATE attempts SET sync_due_at = $2
       WHERE id = $1 AND status IN ('processing', 'unknown')`,
      [attemptId, timeOf(dueAtMs)],
    );
  },
};

const refunds: Pick<
  PaymentsStore,
  'insertRefund' | 'findRefund' | 'saveRefund' | 'claimed' | 'takeDueRefunds' | 'setRefundDue' | 'insertDispute'
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
  saveRefund: async (tx, refund, because) => {
    await tx.execute(
      'UPDATE refunds SET status = $2, failure_code = $3, settled_at = $4, due_at = NULL WHERE id = $1',
      [refund.id, refund.status, refund.failureCode, timeOf(refund.settledAtMs)],
    );
    await note(tx, refund.id, refund.status, because, refund.settledAtMs ?? refund.createdAtMs);
  },
  claimed: async (tx, orderId) => {
    const [row] = await tx.query<{ refunds: bigint; disputes: bigint }>(
      `SELECT
         (SELECT coalesce(sum(amount_minor), 0) FROM refunds
          WHERE order_id = $1 AND kind = 'requested' AND status IN ('pending', 'succeeded'))::bigint AS refunds,
         (SELECT coalesce(sum(amount_minor), 0) FROM disputes WHERE order_id = $1)::bigint AS disputes`,
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
  insertDispute: async (tx, dispute) => {
    const inserted = await tx.execute(
      `INSERT INTO disputes (id, order_id, attempt_id, currency, amount_minor, status, opened_at)
       VALUES ($1, $2, $3, $4, $5, 'opened', $6) ON CONFLICT DO NOTHING`,
      [
        dispute.id,
        dispute.orderId,
        dispute.attemptId,
        dispute.currency,
        dispute.amountMinor,
        new Date(dispute.openedAtMs),
      ],
    );
    return inserted === 1;
  },
};

const webhooks: Pick<
  PaymentsStore,
  'keepWebhook' | 'takeDueWebhook' | 'closeWebhook' | 'postponeWebhook' | 'pruneWebhooks'
> = {
  keepWebhook: async (executor, webhook, nowMs) => {
    const kept = await executor.execute(
      `INSERT INTO webhook_inbox (provider, event_id, body, received_at, due_at) VALUES ($1, $2, $3, $4, $4)
       ON CONFLICT DO NOTHING`,
      [webhook.provider, webhook.eventId, Buffer.from(webhook.body), new Date(nowMs)],
    );
    return kept === 1;
  },
  takeDueWebhook: async (tx, nowMs) => {
    const [row] = await tx.query<{ provider: string; event_id: string; body: Buffer; tries: number }>(
      `SELECT provider, event_id, body, tries FROM webhook_inbox WHERE due_at <= $1
       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
      [new Date(nowMs)],
    );
    return row === undefined
      ? undefined
      : { provider: row.provider, eventId: row.event_id, body: row.body, tries: row.tries };
  },
  closeWebhook: async (tx, webhook, status) => {
    await tx.execute('UPDATE webhook_inbox SET status = $3, due_at = NULL WHERE provider = $1 AND event_id = $2', [
      webhook.provider,
      webhook.eventId,
      status,
    ]);
  },
  postponeWebhook: async (executor, webhook: KeptWebhook, dueAtMs) => {
    await executor.execute(
      `UPDATE webhook_inbox SET due_at = $3, tries = tries + 1
       WHERE provider = $1 AND event_id = $2 AND status = 'kept'`,
      [webhook.provider, webhook.eventId, new Date(dueAtMs)],
    );
  },
  pruneWebhooks: (executor, beforeMs, limit) =>
    executor.execute(
      `DELETE FROM webhook_inbox WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM webhook_inbox WHERE received_at < $1 AND due_at IS NULL LIMIT $2))`,
      [new Date(beforeMs), limit],
    ),
};

export const postgresStore: PaymentsStore = {
  ...intents,
  ...attempts,
  ...refunds,
  ...webhooks,
  nextDueMs: async (executor: SqlExecutor | SqlTransaction) => {
    const [row] = await executor.query<{ due_at: Date | null }>(
      `SELECT least(
         (SELECT min(sync_due_at) FROM attempts WHERE sync_due_at IS NOT NULL),
         (SELECT min(due_at) FROM refunds WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM webhook_inbox WHERE due_at IS NOT NULL)) AS due_at`,
    );
    return row?.due_at?.getTime();
  },
};
