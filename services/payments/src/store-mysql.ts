/** The payments' database on MariaDB or MySQL. The intent's row is the lock under which everything of an order changes. */
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
import { increments } from './store-mysql-increments.ts';
import { moneyBack, note, timeOf } from './store-mysql-money.ts';
import { parsed, takeDue } from './store-mysql-rows.ts';

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
  action: string | null;
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
  card: string | null;
  authentication: string | null;
  mandate_id: string;
  try_number: number;
  charge_at: Date | null;
  confirm_by: Date | null;
  sealed_method: string | null;
  capturable_max_minor: bigint | null;
  incrementable: number | bigint | boolean | null;
}

const attemptColumns = `attempts.id, attempts.order_id, attempts.status, attempts.method, attempts.provider,
  attempts.currency, attempts.amount_minor, attempts.action, attempts.failure_code, attempts.failure_detail,
  attempts.created_at, attempts.moved_at, attempts.settled_at, attempts.capture_method, attempts.reference,
  attempts.captured_minor, attempts.capturable_until, attempts.fee_minor, attempts.provider_code, attempts.card,
  attempts.authentication, attempts.mandate_id, attempts.try_number, attempts.charge_at, attempts.confirm_by,
  attempts.sealed_method, attempts.capturable_max_minor, attempts.incrementable`;

/**
 * One that waits for its confirmation is stored as requires_action without a provider (the migration says why): what asks
 * for an action always has one.
 */
function storedStatus(status: AttemptStatus): string {
  return status === 'requires_confirmation' ? 'requires_action' : status;
}

function statusFrom({ status, provider }: AttemptRow): AttemptStatus {
  return status === 'requires_action' && provider === '' ? 'requires_confirmation' : status;
}

function attemptFrom(row: AttemptRow): Attempt {
  return {
    id: row.id,
    orderId: row.order_id,
    status: statusFrom(row),
    method: row.method,
    provider: row.provider,
    currency: row.currency,
    amountMinor: row.amount_minor,
    captureMethod: row.capture_method,
    reference: row.reference,
    capturedMinor: row.captured_minor,
    capturableUntilMs: row.capturable_until?.getTime(),
    action: parsed<PayerAction>(row.action),
    providerCode: row.provider_code,
    card: parsed<CardFacts>(row.card),
    authentication: parsed<Authentication>(row.authentication),
    feeMinor: row.fee_minor ?? undefined,
    mandateId: row.mandate_id,
    tryNumber: row.try_number,
    chargeAtMs: row.charge_at?.getTime(),
    confirmByMs: row.confirm_by?.getTime(),
    sealedMethod: row.sealed_method ?? undefined,
    capturableMaxMinor: row.capturable_max_minor ?? undefined,
    incrementable: row.incrementable === null ? undefined : Number(row.incrementable) === 1,
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
    CAST(COALESCE((SELECT SUM(amount_minor) FROM refunds
      WHERE attempt_id = attempts.id AND kind = 'requested' AND status = 'succeeded'), 0) AS SIGNED) AS refunded_minor,
    dispute.id AS dispute_id, dispute.currency AS dispute_currency, dispute.amount_minor AS dispute_amount_minor,
    dispute.opened_at AS dispute_opened_at, dispute.status AS dispute_status
  FROM attempts JOIN intents ON intents.order_id = attempts.order_id
  LEFT JOIN disputes AS dispute ON dispute.id =
    (SELECT one.id FROM disputes AS one WHERE one.attempt_id = attempts.id ORDER BY one.opened_at DESC LIMIT 1)`;

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
    await tx.execute(
      `INSERT INTO intents (order_id, buyer_id, order_number, currency, amount_minor, status, captured_attempt_id,
           capture_method, created_at)
       VALUES (?, ?, ?, ?, ?, ?, '', ?, ?) ON DUPLICATE KEY UPDATE order_id = VALUES(order_id)`,
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
    const intent = await intents.lockIntent(tx, fresh.orderId);
    if (intent === undefined) throw new Error(`the intent of ${fresh.orderId} is gone`);
    return intent;
  },
  lockIntent: async (tx, orderId) => {
    const [row] = await tx.query<IntentRow>(`SELECT ${intentColumns} FROM intents WHERE order_id = ? FOR UPDATE`, [
      orderId,
    ]);
    return intentFrom(row);
  },
  lockIntentOfAttempt: async (tx, attemptId) => {
    const [row] = await tx.query<IntentRow>(
      `SELECT ${intentColumns} FROM intents
       WHERE order_id = (SELECT order_id FROM attempts WHERE id = ?) FOR UPDATE`,
      [attemptId],
    );
    return intentFrom(row);
  },
  findIntent: async (executor, orderId) => {
    const [row] = await executor.query<IntentRow>(`SELECT ${intentColumns} FROM intents WHERE order_id = ?`, [orderId]);
    return intentFrom(row);
  },
  saveIntent: async (tx, intent) => {
    await tx.execute('UPDATE intents SET status = ?, captured_attempt_id = ?, captured_minor = ? WHERE order_id = ?', [
      intent.status,
      intent.capturedAttemptId,
      intent.capturedMinor,
      intent.orderId,
    ]);
  },
  reviseIntent: async (tx, orderId, amountMinor) => {
    await tx.execute('UPDATE intents SET amount_minor = ? WHERE order_id = ?', [amountMinor, orderId]);
  },
  findAttemptByReference: async (executor, provider, reference) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts WHERE provider = ? AND reference = ? AND reference <> ''
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
      `INSERT INTO attempts (id, order_id, status, method, provider, currency, amount_minor, created_at, moved_at,
         sync_due_at, capture_method, mandate_id, try_number, charge_at, confirm_by, sealed_method)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        attempt.id,
        attempt.orderId,
        storedStatus(attempt.status),
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
    await note(tx, attempt.id, attempt.status, 'request', attempt.createdAtMs);
  },
  saveAttempt: async (tx, attempt, syncDueAtMs, because) => {
    await tx.execute(
      `UPDATE attempts SET status = ?, action = ?, failure_code = ?, failure_detail = ?, moved_at = ?,
         settled_at = ?, sync_due_at = ?, sync_tries = 0, captured_minor = ?, capturable_until = ?,
         provider_code = ?, charge_at = ?, amount_minor = ?, provider = ?, capture_method = ?, sealed_method = ?
       WHERE id = ?`,
      [
        storedStatus(attempt.status),
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
        attempt.amountMinor,
        attempt.provider,
        attempt.captureMethod,
        methodKeptOf(attempt) ?? null,
        attempt.id,
      ],
    );
    await saveFacts(tx, attempt);
    await note(tx, attempt.id, attempt.status, because, attempt.movedAtMs);
  },
  saveFacts: (tx, attempt) => saveFacts(tx, attempt),
  findCharge: async (executor, orderId, tryNumber) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts WHERE order_id = ? AND try_number = ? AND mandate_id <> ''`,
      [orderId, tryNumber],
    );
    return row === undefined ? undefined : attemptFrom(row);
  },
  findAttempt: async (executor, attemptId) => {
    const [row] = await executor.query<AttemptRow>(`SELECT ${attemptColumns} FROM attempts WHERE id = ?`, [attemptId]);
    return row === undefined ? undefined : attemptFrom(row);
  },
  liveAttempt: async (executor, orderId) => {
    const [row] = await executor.query<AttemptRow>(
      `SELECT ${attemptColumns} FROM attempts
       WHERE order_id = ? AND status IN ('requires_action', 'processing', 'unknown', 'requires_capture')`,
      [orderId],
    );
    return row === undefined ? undefined : attemptFrom(row);
  },
  viewAttempt: async (executor, attemptId) => {
    const [row] = await executor.query<ViewRow>(`${viewQuery} WHERE attempts.id = ?`, [attemptId]);
    return row === undefined ? undefined : viewFrom(row);
  },
  viewAttempts: async (executor, orderId, after, limit) => {
    const rows = await executor.query<ViewRow>(
      `${viewQuery} WHERE attempts.order_id = ?
         AND (? IS NULL OR (attempts.created_at, attempts.id) < (?, ?))
       ORDER BY attempts.created_at DESC, attempts.id DESC LIMIT ?`,
      [orderId, timeOf(after?.createdAtMs), timeOf(after?.createdAtMs), after?.id ?? '', limit],
    );
    return rows.map(viewFrom);
  },
  takeDueAttempts: async (executor, nowMs, untilMs, limit) => {
    const rows = await takeDue<{ id: string; provider: string; sync_tries: number } & SqlRow>(
      executor,
      { table: 'attempts', columns: 'id, provider, sync_tries', due: 'sync_due_at', tries: 'sync_tries' },
      nowMs,
      untilMs,
      limit,
    );
    return rows.map((row): DueAttempt => ({ id: row.id, provider: row.provider, tries: row.sync_tries }));
  },
  setSyncDue: async (executor, attemptId, dueAtMs) => {
    await executor.execute(
      `UPDATE attempts SET sync_due_at = ?
       WHERE id = ? AND status IN ('processing', 'unknown', 'requires_capture')`,
      [timeOf(dueAtMs), attemptId],
    );
  },
};

async function saveFacts(tx: SqlExecutor, attempt: Attempt): Promise<void> {
  await tx.execute(
    `UPDATE attempts SET reference = ?, card = ?, authentication = ?, fee_minor = ?, capturable_max_minor = ?,
       incrementable = ? WHERE id = ?`,
    [
      attempt.reference,
      jsonOf(attempt.card),
      jsonOf(attempt.authentication),
      attempt.feeMinor ?? null,
      attempt.capturableMaxMinor ?? null,
      attempt.incrementable ?? null,
      attempt.id,
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
      `INSERT INTO webhook_inbox (provider, event_id, body, received_at, due_at) VALUES (?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE provider = VALUES(provider)`,
      [webhook.provider, webhook.eventId, Buffer.from(webhook.body), new Date(nowMs), new Date(nowMs)],
    );
    return kept === 1;
  },
  takeDueWebhook: async (tx, nowMs) => {
    const [row] = await tx.query<{ provider: string; event_id: string; body: Buffer; tries: number }>(
      `SELECT provider, event_id, body, tries FROM webhook_inbox WHERE due_at <= ?
       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
      [new Date(nowMs)],
    );
    return row === undefined
      ? undefined
      : { provider: row.provider, eventId: row.event_id, body: row.body, tries: row.tries };
  },
  closeWebhook: async (tx, webhook, status) => {
    await tx.execute('UPDATE webhook_inbox SET status = ?, due_at = NULL WHERE provider = ? AND event_id = ?', [
      status,
      webhook.provider,
      webhook.eventId,
    ]);
  },
  postponeWebhook: async (executor, webhook: KeptWebhook, dueAtMs) => {
    await executor.execute(
      `UPDATE webhook_inbox SET due_at = ?, tries = tries + 1
       WHERE provider = ? AND event_id = ? AND status = 'kept'`,
      [new Date(dueAtMs), webhook.provider, webhook.eventId],
    );
  },
  pruneWebhooks: (executor, beforeMs, limit) =>
    executor.execute(`DELETE FROM webhook_inbox WHERE received_at < ? AND due_at IS NULL LIMIT ?`, [
      new Date(beforeMs),
      limit,
    ]),
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
      `INSERT INTO provider_reports (provider, name, format, size_bytes, made_at) VALUES (?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE provider = VALUES(provider)`,
      [provider, report.name, report.format, report.sizeBytes, new Date(report.madeAtMs)],
    );
    return kept === 1;
  },
  lastReport: async (executor, provider) => {
    const [row] = await executor.query<{ name: string | null }>(
      'SELECT max(name) AS name FROM provider_reports WHERE provider = ?',
      [provider],
    );
    return row?.name ?? '';
  },
  listReports: async (executor, afterPosition, limit) => {
    const rows = await executor.query<ReportRow>(
      `SELECT ${reportColumns} FROM provider_reports WHERE position > ? ORDER BY position LIMIT ?`,
      [afterPosition, limit],
    );
    return rows.map(reportFrom);
  },
  findReport: async (executor, position) => {
    const [row] = await executor.query<ReportRow>(`SELECT ${reportColumns} FROM provider_reports WHERE position = ?`, [
      position,
    ]);
    return row === undefined ? undefined : reportFrom(row);
  },
};

export const mysqlStore: PaymentsStore = {
  ...intents,
  ...attempts,
  ...increments,
  ...moneyBack,
  ...webhooks,
  ...reports,
  nextDueMs: async (executor: SqlExecutor | SqlTransaction) => {
    const [row] = await executor.query<{ due_at: Date | null }>(`SELECT MIN(due_at) AS due_at FROM (
         SELECT MIN(sync_due_at) AS due_at FROM attempts WHERE sync_due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM refunds WHERE due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM captures WHERE due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM increments WHERE due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM voids WHERE due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM disputes WHERE due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM mandates WHERE due_at IS NOT NULL UNION ALL
         SELECT MIN(due_at) AS due_at FROM webhook_inbox WHERE due_at IS NOT NULL) AS dues`);
    return row?.due_at?.getTime();
  },
};
