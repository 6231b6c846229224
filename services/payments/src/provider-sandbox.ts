/**
 * The sandbox: a payment provider that moves no money and says so. It plays another company: it keeps its own books in
 * its own schema, in transactions of its own, knows payments by the merchant's reference only, signs its webhooks and
 * delivers them as bytes until they are acknowledged, and goes on after a restart where it was.
 */
import type { Sql, SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import type { World } from '@suuupra/platform/world';
import {
  type FailureCode,
  type PayerAction,
  type PaymentMethodKind,
  type PaymentToMake,
  type Provider,
  type ProviderEvent,
  type ProviderOutcome,
  ProviderTimeout,
  type RefundOutcome,
  type RefundToMake,
} from './provider.ts';
import {
  failureDetails,
  isSandboxToken,
  type SandboxScript,
  type SandboxStatus,
  scriptOf,
  settleAfterMs,
  upiIntentUri,
} from './sandbox-script.ts';
import { signWebhook, verifySignature } from './webhook-signature.ts';

export interface SandboxOptions {
  readonly sql: Sql;
  readonly world: World;
  /** Where people reach the platform: the 3-D Secure page is a page of the web app. */
  readonly publicUrl: string;
  /** Live webhook secrets, the current one first: it signs; all are accepted. */
  readonly secrets: readonly [Uint8Array, ...Uint8Array[]];
  /** Hands a signed webhook over as it would come by HTTP; gives the HTTP status of the answer. */
  readonly deliver: (headers: Record<string, string>, body: Uint8Array) => Promise<number>;
  /** Something may be due earlier than the sandbox's loop knows. */
  readonly nudge: () => void;
}

export interface Sandbox extends Provider {
  /** Settles and delivers what is due; tells when something is due next. */
  round(): Promise<number | undefined>;
}

/** How long the payer has for the bank's page or their UPI app. */
const actionMs = 15 * 60_000;
const settleMax = 20;
const deliverMax = 20;
/** A delivery that is under way comes back after this time if we die with it. */
const leaseMs = 15_000;
/** A webhook that is not acknowledged is delivered this often, over about three hours. */
const deliveriesMax = 12;
const againFirstMs = 1_000;
const againMostMs = 3_600_000;
/** Between the repetitions of tok_duplicate_webhooks. */
const repeatEveryMs = 50;

export function openSandbox(options: SandboxOptions): Sandbox {
  const { sql, world, secrets } = options;
  return {
    name: 'sandbox',
    simulated: true,
    knowsToken: isSandboxToken,
    knowsChallengeResponse: (response) => response === 'approve' || response === 'reject',
    create: (payment) => makePayment(options, payment),
    confirm: (attemptId, response) => confirmPayment(options, attemptId, response),
    status: async (attemptId) => {
      await settlePayments(options);
      const row = await findPayment(sql, attemptId);
      return row === undefined ? undefined : outcomeOf(row);
    },
    refund: (refund) => makeRefund(options, refund),
    verifyWebhook: (headers, body) => verifySignature(secrets, headers, body, world.now()),
    readEvent: readSandboxEvent,
    round: () => sandboxRound(options),
  };
}

interface PaymentRow extends Record<string, unknown> {
  merchant_reference: string;
  token: string;
  method: PaymentMethodKind;
  currency: string;
  amount_minor: bigint;
  status: SandboxStatus;
  failure_code: FailureCode | '';
  action: PayerAction | null;
  settles_to: 'succeeded' | 'failed' | '';
}

const paymentColumns =
  'merchant_reference, token, method, currency, amount_minor, status, failure_code, action, settles_to';

async function findPayment(executor: SqlExecutor, reference: string, lock = ''): Promise<PaymentRow | undefined> {
  const [row] = await executor.query<PaymentRow>(
    `SELECT ${paymentColumns} FROM sandbox.payments WHERE merchant_reference = $1 ${lock}`,
    [reference],
  );
  return row;
}

function outcomeOf(row: Pick<PaymentRow, 'status' | 'failure_code' | 'action'>): ProviderOutcome {
  const action = row.action ?? undefined;
  switch (row.status) {
    case 'succeeded':
      return { kind: 'succeeded' };
    case 'failed': {
      const code = row.failure_code === '' ? 'card_declined' : row.failure_code;
      return { kind: 'failed', code, detail: failureDetails[code] };
    }
    case 'requires_action':
      if (action === undefined) throw new Error('a sandbox payment asks for no action that is known');
      return { kind: 'requires_action', action };
    case 'processing':
      return action === undefined ? { kind: 'processing' } : { kind: 'processing', action };
  }
}

async function makePayment(options: SandboxOptions, payment: PaymentToMake): Promise<ProviderOutcome> {
  const script = scriptOf(payment.token, payment.method);
  if (script === undefined) throw new Error('a token that is not of the sandbox');
  const { made, row } = await options.sql.transaction(async (tx) => {
    const inserted = await insertPayment(options, tx, payment, script);
    const found = await findPayment(tx, payment.attemptId);
    if (found === undefined) throw new Error('a sandbox payment is gone');
    if (inserted) await planWebhooks(options, tx, found, script);
    return { made: inserted, row: found };
  });
  if (row.amount_minor !== payment.amountMinor || row.currency !== payment.currency)
    throw new Error('an idempotency key of the sandbox was used for another payment');
  options.nudge();
  if (made && script.losesAnswer === true) throw new ProviderTimeout('the answer of the sandbox was lost');
  return outcomeOf(row);
}

async function insertPayment(
  { world, publicUrl }: SandboxOptions,
  tx: SqlTransaction,
  payment: PaymentToMake,
  script: SandboxScript,
): Promise<boolean> {
  const nowMs = world.now();
  const action = actionOf(payment, script, publicUrl, nowMs + actionMs);
  const settlesAt = script.settles === undefined ? null : new Date(nowMs + script.settles.afterMs);
  const inserted = await tx.execute(
    `INSERT INTO sandbox.payments
       (merchant_reference, token, method, currency, amount_minor, status, failure_code, action, settles_at, settles_to, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11) ON CONFLICT DO NOTHING`,
    [
      payment.attemptId,
      payment.token,
      payment.method,
      payment.currency,
      payment.amountMinor,
      script.first,
      script.failure ?? '',
      action === undefined ? null : JSON.stringify(action),
      settlesAt,
      script.settles?.to ?? '',
      new Date(nowMs),
    ],
  );
  return inserted === 1;
}

function actionOf(
  payment: PaymentToMake,
  script: SandboxScript,
  publicUrl: string,
  expiresAtMs: number,
): PayerAction | undefined {
  const isPending = script.first === 'requires_action' || script.first === 'processing';
  if (payment.method === 'upi')
    return isPending ? { type: 'upi_intent', url: '', uri: upiIntentUri(payment), expiresAtMs } : undefined;
  if (script.first !== 'requires_action') return undefined;
  return { type: 'challenge', url: `${publicUrl}/sandbox/3ds/${payment.attemptId}`, uri: '', expiresAtMs };
}

/** What is told by itself after a payment that was final at once: its answer said it, so only what comes on top. */
async function planWebhooks(
  options: SandboxOptions,
  tx: SqlTransaction,
  row: PaymentRow,
  script: SandboxScript,
): Promise<void> {
  if (row.status !== 'succeeded') return;
  await planAfterSuccess(options, tx, row, script);
  if (script.repeatsWebhooks === true) await tellSuccessRepeatedly(options, tx, row);
}

async function planAfterSuccess(
  { world }: SandboxOptions,
  tx: SqlTransaction,
  row: PaymentRow,
  script: SandboxScript,
): Promise<void> {
  if (script.disputedAfterMs === undefined) return;
  const event = {
    type: 'dispute.opened',
    data: { ...paymentData(row, 'succeeded'), disputeReference: world.id('sdp') },
  };
  await queue(tx, world.id('whk'), event, world.now() + script.disputedAfterMs);
}

/** Two events, each three times, the later before the earlier. */
async function tellSuccessRepeatedly({ world }: SandboxOptions, tx: SqlTransaction, row: PaymentRow): Promise<void> {
  const processing = {
    id: world.id('whk'),
    event: { type: 'payment.processing', data: paymentData(row, 'processing') },
  };
  const succeeded = { id: world.id('whk'), event: { type: 'payment.succeeded', data: paymentData(row, 'succeeded') } };
  const order = [succeeded, processing, succeeded, processing, processing, succeeded];
  for (const [index, { id, event }] of order.entries())
    await queue(tx, id, event, world.now() + (index + 1) * repeatEveryMs);
}

function paymentData(row: PaymentRow, status: SandboxStatus) {
  return {
    merchantReference: row.merchant_reference,
    status,
    currency: row.currency,
    amountMinor: row.amount_minor.toString(),
    failureCode: status === 'failed' ? row.failure_code : '',
  };
}

async function queue(tx: SqlExecutor, eventId: string, event: object, dueAtMs: number): Promise<void> {
  await tx.execute('INSERT INTO sandbox.deliveries (event_id, body, due_at) VALUES ($1, $2, $3)', [
    eventId,
    JSON.stringify(event),
    new Date(dueAtMs),
  ]);
}

async function confirmPayment(options: SandboxOptions, reference: string, response: string): Promise<ProviderOutcome> {
  const { sql } = options;
  const approved = response === 'approve';
  await sql.execute(
    `UPDATE sandbox.payments SET status = $2, failure_code = $3, action = NULL
     WHERE merchant_reference = $1 AND status = 'requires_action'`,
    [reference, approved ? 'succeeded' : 'failed', approved ? '' : 'authentication_failed'],
  );
  const row = await findPayment(sql, reference);
  if (row === undefined) throw new Error('the sandbox knows no such payment');
  return outcomeOf(row);
}

interface RefundRow extends Record<string, unknown> {
  merchant_reference: string;
  payment_reference: string;
  amount_minor: bigint;
  status: 'pending' | 'succeeded' | 'failed';
  failure_code: string;
}

async function makeRefund(options: SandboxOptions, refund: RefundToMake): Promise<RefundOutcome> {
  const row = await options.sql.transaction(async (tx) => {
    const payment = await findPayment(tx, refund.attemptId, 'FOR UPDATE');
    if (payment === undefined) throw new Error('the sandbox knows no such payment');
    return (await findRefund(tx, refund.refundId)) ?? (await insertRefund(options, tx, refund, payment));
  });
  options.nudge();
  return row.status === 'failed' ? { kind: 'failed', code: row.failure_code } : { kind: row.status };
}

async function findRefund(executor: SqlExecutor, reference: string): Promise<RefundRow | undefined> {
  const [row] = await executor.query<RefundRow>(
    `SELECT merchant_reference, payment_reference, amount_minor, status, failure_code FROM sandbox.refunds
     WHERE merchant_reference = $1`,
    [reference],
  );
  return row;
}

async function insertRefund(
  { world }: SandboxOptions,
  tx: SqlTransaction,
  refund: RefundToMake,
  payment: PaymentRow,
): Promise<RefundRow> {
  const [sum] = await tx.query<{ taken: bigint }>(
    `SELECT coalesce(sum(amount_minor), 0)::bigint AS taken FROM sandbox.refunds
     WHERE payment_reference = $1 AND status <> 'failed'`,
    [refund.attemptId],
  );
  const leftMinor = payment.status === 'succeeded' ? payment.amount_minor - (sum?.taken ?? 0n) : 0n;
  const isLater = scriptOf(payment.token, payment.method)?.refundsLater === true;
  const [status, failureCode] =
    refund.amountMinor > leftMinor
      ? (['failed', 'exceeds_payment'] as const)
      : ([isLater ? 'pending' : 'succeeded', ''] as const);
  const settlesAt = status === 'pending' ? new Date(world.now() + settleAfterMs) : null;
  await tx.execute(
    `INSERT INTO sandbox.refunds (merchant_reference, payment_reference, amount_minor, status, failure_code, settles_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [refund.refundId, refund.attemptId, refund.amountMinor, status, failureCode, settlesAt],
  );
  return {
    merchant_reference: refund.refundId,
    payment_reference: refund.attemptId,
    amount_minor: refund.amountMinor,
    status,
    failure_code: failureCode,
  };
}

async function sandboxRound(options: SandboxOptions): Promise<number | undefined> {
  const { sql, world } = options;
  await settlePayments(options);
  await settleRefunds(options);
  await deliverDue(options);
  const [row] = await sql.query<{ due_at: Date | null }>(
    `SELECT least(
       (SELECT min(settles_at) FROM sandbox.payments WHERE settles_at IS NOT NULL),
       (SELECT min(settles_at) FROM sandbox.refunds WHERE settles_at IS NOT NULL),
       (SELECT min(due_at) FROM sandbox.deliveries)) AS due_at`,
  );
  return row?.due_at === null || row === undefined ? undefined : Math.max(row.due_at.getTime(), world.now());
}

async function settlePayments(options: SandboxOptions): Promise<void> {
  const { sql, world } = options;
  await sql.transaction(async (tx) => {
    const rows = await tx.query<PaymentRow>(
      `UPDATE sandbox.payments SET status = settles_to, settles_at = NULL, action = NULL
       WHERE merchant_reference IN (
         SELECT merchant_reference FROM sandbox.payments WHERE settles_at <= $1
         ORDER BY settles_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING ${paymentColumns}`,
      [new Date(world.now()), settleMax],
    );
    for (const row of rows) {
      const script = scriptOf(row.token, row.method);
      if (script?.settles?.told !== true) continue;
      if (script.repeatsWebhooks === true) await tellSuccessRepeatedly(options, tx, row);
      else await queue(tx, world.id('whk'), settledEvent(row), world.now());
      await planAfterSuccess(options, tx, row, script);
    }
  });
}

function settledEvent(row: PaymentRow) {
  return { type: `payment.${row.status}`, data: paymentData(row, row.status) };
}

async function settleRefunds({ sql, world }: SandboxOptions): Promise<void> {
  await sql.transaction(async (tx) => {
    const rows = await tx.query<{ merchant_reference: string }>(
      `UPDATE sandbox.refunds SET status = 'succeeded', settles_at = NULL
       WHERE merchant_reference IN (
         SELECT merchant_reference FROM sandbox.refunds WHERE settles_at <= $1
         ORDER BY settles_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING merchant_reference`,
      [new Date(world.now()), settleMax],
    );
    for (const row of rows) {
      const event = {
        type: 'refund.succeeded',
        data: { merchantReference: row.merchant_reference, status: 'succeeded' },
      };
      await queue(tx, world.id('whk'), event, world.now());
    }
  });
}

interface DeliveryRow extends Record<string, unknown> {
  id: bigint;
  event_id: string;
  body: string;
  tries: number;
}

async function deliverDue(options: SandboxOptions): Promise<void> {
  const { sql, world } = options;
  const rows = await sql.query<DeliveryRow>(
    `UPDATE sandbox.deliveries SET due_at = $2, tries = tries + 1
     WHERE id IN (SELECT id FROM sandbox.deliveries WHERE due_at <= $1 ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id, event_id, body, tries`,
    [new Date(world.now()), new Date(world.now() + leaseMs), deliverMax],
  );
  for (const row of rows) await deliver(options, row);
}

/** Until it is acknowledged, or has been tried too often: then the merchant's own status sync has to find out. */
async function deliver({ sql, world, secrets, deliver: handOver }: SandboxOptions, row: DeliveryRow): Promise<void> {
  const body = Buffer.from(row.body);
  const headers = signWebhook([secrets[0]], row.event_id, world.now(), body);
  const status = await handOver({ ...headers, 'content-type': 'application/json' }, body).catch(() => 0);
  if (status === 200 || row.tries >= deliveriesMax) {
    await sql.execute('DELETE FROM sandbox.deliveries WHERE id = $1', [row.id]);
    return;
  }
  const delayMs = backOffMs(row.tries, againFirstMs, againMostMs, world.random);
  await sql.execute('UPDATE sandbox.deliveries SET due_at = $2 WHERE id = $1', [
    row.id,
    new Date(world.now() + delayMs),
  ]);
}

interface SandboxEventBody {
  readonly type: string;
  readonly data: {
    readonly merchantReference: string;
    readonly status: SandboxStatus;
    readonly currency: string;
    readonly amountMinor: string;
    readonly failureCode: FailureCode | '';
    readonly disputeReference: string;
  };
}

function readSandboxEvent(body: Uint8Array): ProviderEvent {
  const { type, data } = JSON.parse(Buffer.from(body).toString('utf8')) as SandboxEventBody;
  if (typeof type !== 'string' || typeof data?.merchantReference !== 'string')
    throw new Error('a webhook of the sandbox without a type or a reference');
  const attemptId = data.merchantReference;
  switch (type) {
    case 'payment.processing':
    case 'payment.succeeded':
    case 'payment.failed': {
      const outcome = outcomeOf({ status: data.status, failure_code: data.failureCode, action: null });
      return { type: 'payment', attemptId, outcome };
    }
    case 'refund.succeeded':
      return { type: 'refund', refundId: data.merchantReference, outcome: { kind: 'succeeded' } };
    case 'dispute.opened': {
      const { currency, amountMinor, disputeReference: disputeId } = data;
      return { type: 'dispute_opened', attemptId, disputeId, currency, amountMinor: BigInt(amountMinor) };
    }
    default:
      return { type: 'other' };
  }
}
