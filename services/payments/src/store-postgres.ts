/** The payments' database on PostgreSQL. The intent's row is the lock under which everything of an order changes. */
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { DisputeStatus } from './dispute.ts';
import {
  type Attempt,
  type AttemptStatus,
  type CaptureMethod,
  type Intent,
  type IntentStatus,
  methodKeptOf,
} from './payment.ts';
import type { Authentication, CardFacts, FailureCode, PayerAction, PaymentMethodKind } from './provider.ts';
import type { AttemptView, DueAttempt, KeptReport, KeptWebhook, PaymentsStore } from './store.ts';
import { increments } from './store-postgres-increments.ts';
import { moneyBack, timeOf } from './store-postgres-money.ts';

interface IntentRow extends SqlRow {
  order_id: string;
  buyer_id: string;
  order_number: string;
  currency: string;
  amount_minor: bigint;
  status: IntentStatus;
  captured_attempt_id: string;
  captured_minor: bigint;
  capture_method: CaptureMethod;
}

const intentColumns = `intents.order_id, intents.buyer_id, intents.order_number, intents.currency, intents.amount_minor,
  intents.status, intents.captured_attempt_id, intents.captured_minor, intents.capture_method`;

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
    capturedMinor: row.captured_minor,
    captureMethod: row.capture_method,
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
  capture_method: CaptureMethod;
  reference: string;
  captured_minor: bigint;
  capturable_until: Date | null;
  fee_minor: bigint | null;
  provider_code: string;
  card: CardFacts | null;
  authentication: Authentication | null;
  mandate_id: string;
  try_number: number;
  charge_at: Date | null;
  confirm_by: Date | null;
  sealed_method: string | null;
  capturable_max_minor: bigint | null;
  incrementable: boolean | null;
}

const attemptColumns = `attempts.id, attempts.order_id, attempts.status, attempts.method, attempts.provider,
  attempts.currency, attempts.amount_minor, attempts.action, attempts.failure_code, attempts.failure_detail,
  attempts.created_at, attempts.moved_at, attempts.settled_at, attempts.capture_method, attempts.reference,
  attempts.captured_minor, attempts.capturable_until, attempts.fee_minor, attempts.provider_code, attempts.card,
  attempts.authentication, attempts.mandate_id, attempts.try_number, attempts.charge_at, attempts.confirm_by,
  attempts.sealed_method, attempts.capturable_max_minor, attempts.incrementable`;

function attemptFrom(row: AttemptRow): Attempt {
  return {
    id: row.id,
    orderId: row.order_id,
    status: row.status,
    method: row.method,
    provider: row.provider,
    currency: row.currency,
    amountMinor: row.amount_minor,
    captureMethod: row.capture_method,
    reference: row.reference,
    capturedMinor: row.captured_minor,
    capturableUntilMs: row.capturable_until?.getTime(),
    action: row.action ?? undefined,
    providerCode: row.provider_code,
    card: row.card ?? undefined,
    authentication: row.authentication ?? undefined,
    feeMinor: row.fee_minor ?? undefined,
    mandateId: row.mandate_id,
    tryNumber: row.try_number,
    chargeAtMs: row.charge_at?.getTime(),
    confirmByMs: row.confirm_by?.getTime(),
    sealedMethod: row.sealed_method ?? undefined,
    capturableMaxMinor: row.capturable_max_minor ?? undefined,
    incrementable: row.incrementable ?? undefined,
    failure: row.failure_code === '' ? undefined : { code: row.failure_code, detail: row.failure_detail },
    createdAtMs: row.created_at.getTime(),
    movedAtMs: row.moved_at.getTime(),
    settledAtMs: row.settled_at?.getTime(),
  };
}

interface ViewRow extends AttemptRow {
  buyer_id: string;
  order_minor: bigint;
  refunded_minor: bigint;
  dispute_id: string | null;
  dispute_currency: string;
  dispute_amount_minor: bigint;
  dispute_opened_at: Date;
  dispute_status: DisputeStatus;
}

const viewQuery = `SELECT ${attemptColumns}, intents.buyer_id, intents.amount_minor AS order_minor,
    coalesce((SELECT sum(amount_minor) FROM refunds
      WHERE attempt_id = attempts.id AND kind = 'requested' AND status = 'succeeded'), 0)::bigint AS refunded_minor,
    dispute.id AS dispute_id, dispute.currency AS dispute_currency, dispute.amount_minor AS dispute_amount_minor,
    dispute.opened_at AS dispute_opened_at, dispute.status AS dispute_status
  FROM attempts JOIN intents ON intents.order_id = attempts.order_id
  LEFT JOIN LATERAL (SELECT * FROM disputes WHERE attempt_id = attempts.id ORDER BY opened_at DESC, id DESC LIMIT 1) AS dispute
    ON true`;

function viewFrom(row: ViewRow): AttemptView {
  const attempt = attemptFrom(row);
  const dispute =
    row.dispute_id === null
      ? undefined
      : {
          id: row.dispute_id,
          status: row.dispute_status,
          currency: row.dispute_currency,
          amountMinor: row.dispute_amount_minor,
          openedAtMs: row.dispute_opened_at.getTime(),
        };
  const { buyer_id: buyerId, order_minor: orderMinor, refunded_minor: refundedMinor } = row;
  return { attempt, buyerId, orderMinor, refundedMinor, dispute };
}

const intents: Pick<
  PaymentsStore,
  | 'openIntent'
  | 'lockIntent'
  | 'lockIntentOfAttempt'
  | 'findIntent'
  | 'saveIntent'
  | 'reviseIntent'
  | 'findAttemptByReference'
> = {
  openIntent: async (tx, fresh, nowMs) => {
    // The update changes nothing: it locks the row that is there and gives it, in the same statement.
    const [row] = await tx.query<IntentRow>(
      `INSERT INTO intents (order_id, buyer_id, order_number, currency, amount_minor, status, captured_attempt_id,
           capture_method, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8)
       ON CONFLICT (order_id) DO UPDATE SET order_id = intents.order_id RETURNING ${intentColumns}`,
      [
        fresh.orderId,
        fresh.buyerId,
        fresh.orderNumber,
        fresh.currency,
        fresh.amountMinor,
        fresh.status,
        fresh.captureMethod,
        new Date(nowMs),
      ],
    );
    const intent = intentFrom(row);
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
    await tx.execute(
      'UPDATE intents SET status = $2, captured_attempt_id = $3, captured_minor = $4 WHERE order_id = $1',
      [intent.orderId, intent.status, intent.capturedAttemptId, intent.capturedMinor],
    );
  },
  reviseIntent: async (tx, orderId, amountMinor) => {
    await tx.execute('UPDATE intents SET amount_minor = $2 WHERE order_id = $1', [orderId, amountMinor]);
  },
  findAttemptByReference: async (executor, provider, reference) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts WHERE provider = $1 AND reference = $2 AND reference <> ''
         ORDER BY created_at LIMIT 1`,
      [provider, reference],
    );
    return row === undefined ? undefined : attemptFrom(row);
  },
};

const attempts: Pick<
  PaymentsStore,
  | 'insertAttempt'
  | 'saveAttempt'
  | 'saveFacts'
  | 'findCharge'
  | 'findAttempt'
  | 'liveAttempt'
  | 'viewAttempt'
  | 'viewAttempts'
  | 'takeDueAttempts'
  | 'setSyncDue'
> = {
  insertAttempt: async (tx, attempt, syncDueAtMs) => {
    await tx.execute(
      `WITH made AS (
         INSERT INTO attempts (id, order_id, status, method, provider, currency, amount_minor, created_at, moved_at,
           sync_due_at, capture_method, mandate_id, try_number, charge_at, confirm_by, sealed_method)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16))
       INSERT INTO payment_history (subject_id, status, because, at) VALUES ($1, $3, 'request', $8)`,
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
        attempt.captureMethod,
        attempt.mandateId,
        attempt.tryNumber,
        timeOf(attempt.chargeAtMs),
        timeOf(attempt.confirmByMs),
        methodKeptOf(attempt) ?? null,
      ],
    );
  },
  saveAttempt: async (tx, attempt, syncDueAtMs, because) => {
    await tx.execute(
      `WITH moved AS (
         UPDATE attempts SET status = $2, action = $3::jsonb, failure_code = $4, failure_detail = $5, moved_at = $6,
           settled_at = $7, sync_due_at = $8, sync_tries = 0, captured_minor = $9, capturable_until = $10,
           provider_code = $11, charge_at = $12, reference = $13, card = $14::jsonb, authentication = $15::jsonb,
           fee_minor = $16, amount_minor = $18, provider = $19, capture_method = $20, sealed_method = $21,
           capturable_max_minor = $22, incrementable = $23
         WHERE id = $1)
       INSERT INTO payment_history (subject_id, status, because, at) VALUES ($1, $2, $17, $6)`,
      [
        attempt.id,
        attempt.status,
        attempt.action === undefined ? null : JSON.stringify(attempt.action),
        attempt.failure?.code ?? '',
        attempt.failure?.detail ?? '',
        new Date(attempt.movedAtMs),
        timeOf(attempt.settledAtMs),
        timeOf(syncDueAtMs),
        attempt.capturedMinor,
        timeOf(attempt.capturableUntilMs),
        attempt.providerCode,
        timeOf(attempt.chargeAtMs),
        attempt.reference,
        jsonOf(attempt.card),
        jsonOf(attempt.authentication),
        attempt.feeMinor ?? null,
        because,
        attempt.amountMinor,
        attempt.provider,
        attempt.captureMethod,
        methodKeptOf(attempt) ?? null,
        attempt.capturableMaxMinor ?? null,
        attempt.incrementable ?? null,
      ],
    );
  },
  saveFacts: (tx, attempt) => saveFacts(tx, attempt),
  findCharge: async (executor, orderId, tryNumber) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts WHERE order_id = $1 AND try_number = $2 AND mandate_id <> ''`,
      [orderId, tryNumber],
    );
    return row === undefined ? undefined : attemptFrom(row);
  },
  findAttempt: async (executor, attemptId) => {
    const [row] = await executor.query<AttemptRow>(`SELECT ${attemptColumns} FROM attempts WHERE id = $1`, [attemptId]);
    return row === undefined ? undefined : attemptFrom(row);
  },
  liveAttempt: async (executor, orderId) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts
       WHERE order_id = $1
         AND status IN ('requires_confirmation', 'requires_action', 'processing', 'unknown', 'requires_capture')`,
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
       WHERE id = $1 AND status IN ('processing', 'unknown', 'requires_capture')`,
      [attemptId, timeOf(dueAtMs)],
    );
  },
};

async function saveFacts(tx: SqlExecutor, attempt: Attempt): Promise<void> {
  await tx.execute(
    `UPDATE attempts SET reference = $2, card = $3::jsonb, authentication = $4::jsonb, fee_minor = $5,
       capturable_max_minor = $6, incrementable = $7 WHERE id = $1`,
    [
      attempt.id,
      attempt.reference,
      jsonOf(attempt.card),
      jsonOf(attempt.authentication),
      attempt.feeMinor ?? null,
      attempt.capturableMaxMinor ?? null,
      attempt.incrementable ?? null,
    ],
  );
}

function jsonOf(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

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

interface ReportRow extends SqlRow {
  position: bigint;
  provider: string;
  name: string;
  format: 'settlement_csv';
  size_bytes: bigint;
  made_at: Date;
}

function reportFrom(row: ReportRow): KeptReport {
  const { position, provider, name, format } = row;
  return { position, provider, name, format, sizeBytes: Number(row.size_bytes), madeAtMs: row.made_at.getTime() };
}

const reportColumns = 'position, provider, name, format, size_bytes, made_at';

const reports: Pick<PaymentsStore, 'keepReport' | 'lastReport' | 'listReports' | 'findReport'> = {
  keepReport: async (executor, provider, report) => {
    const kept = await executor.execute(
      `INSERT INTO provider_reports (provider, name, format, size_bytes, made_at) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT DO NOTHING`,
      [provider, report.name, report.format, report.sizeBytes, new Date(report.madeAtMs)],
    );
    return kept === 1;
  },
  lastReport: async (executor, provider) => {
    const [row] = await executor.query<{ name: string | null }>(
      'SELECT max(name COLLATE "C") AS name FROM provider_reports WHERE provider = $1',
      [provider],
    );
    return row?.name ?? '';
  },
  listReports: async (executor, afterPosition, limit) => {
    const rows = await executor.query<ReportRow>(
      `SELECT ${reportColumns} FROM provider_reports WHERE position > $1 ORDER BY position LIMIT $2`,
      [afterPosition, limit],
    );
    return rows.map(reportFrom);
  },
  findReport: async (executor, position) => {
    const [row] = await executor.query<ReportRow>(`SELECT ${reportColumns} FROM provider_reports WHERE position = $1`, [
      position,
    ]);
    return row === undefined ? undefined : reportFrom(row);
  },
};

export const postgresStore: PaymentsStore = {
  ...intents,
  ...attempts,
  ...increments,
  ...moneyBack,
  ...webhooks,
  ...reports,
  nextDueMs: async (executor: SqlExecutor | SqlTransaction) => {
    const [row] = await executor.query<{ due_at: Date | null }>(
      `SELECT least(
         (SELECT min(sync_due_at) FROM attempts WHERE sync_due_at IS NOT NULL),
         (SELECT min(due_at) FROM refunds WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM captures WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM increments WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM voids WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM disputes WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM mandates WHERE due_at IS NOT NULL),
         (SELECT min(due_at) FROM webhook_inbox WHERE due_at IS NOT NULL)) AS due_at`,
    );
    return row?.due_at?.getTime();
  },
};
