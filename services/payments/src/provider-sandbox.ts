/**
 * The sandbox: a payment provider that moves no money and says so. It plays another company: it keeps its own books in
 * its own schema, in transactions of its own, knows payments by the merchant's reference, signs its webhooks and delivers
 * them as bytes until they are acknowledged, and goes on after a restart where it was. What its tokens do: sandbox-script.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import {
  type CaptureOutcome,
  type CaptureToMake,
  fingerprintOf,
  type IncrementOutcome,
  type IncrementToMake,
  type Instrument,
  type PayerAction,
  type PaymentToMake,
  type Provider,
  type ProviderCapabilities,
  type ProviderOutcome,
  ProviderTimeout,
  type RefundOutcome,
  type RefundToMake,
} from './provider.ts';
import { deliverDue, queue, type RunningSandbox, type SandboxOptions } from './sandbox-delivery.ts';
import { acceptDispute, closeDisputes, disputeFacts, openDisputes, submitEvidence } from './sandbox-disputes.ts';
import { readSandboxEvent } from './sandbox-event.ts';
import {
  announceCharge,
  changeMandate,
  chargeMandate,
  confirmMandate,
  createMandate,
  mandateOutcome,
  settleMandates,
} from './sandbox-mandates.ts';
import { afterCapture, cardOf, outcomeOf } from './sandbox-payments.ts';
import { makeReports } from './sandbox-reports.ts';
import {
  actionMs,
  challenged,
  isAddress,
  isSandboxToken,
  type SandboxScript,
  scriptFor,
  scriptOf,
  settleAfterMs,
  upiIntentUri,
} from './sandbox-script.ts';
import { seededChance } from './sandbox-settings.ts';
import type { SandboxIncrement, SandboxPayment, SandboxRefund } from './sandbox-store.ts';
import { verifySignature } from './webhook-signature.ts';

export type { SandboxOptions } from './sandbox-delivery.ts';

export interface Sandbox extends Provider {
  /** Settles, disputes, reports and delivers what is due; tells when something is due next. */
  round(): Promise<number | undefined>;
}

const settleMax = 20;
/** Between the repetitions of tok_duplicate_webhooks. */
const repeatEveryMs = 50;
/** 15 %, as Visa lets most merchants do online. */
const overCaptureBasisPoints = 1_500;
const keyRetentionMs = 24 * 3_600_000;

function capabilitiesOf({ settings, cardBasisPoints }: SandboxOptions): ProviderCapabilities {
  return {
    methods: ['card', 'upi'],
    currencies: { card: 'all', upi: ['INR'] },
    exponents: {},
    manualCapture: ['card'],
    partialCapture: true,
    multipleCapture: true,
    overCaptureBasisPoints: { card: { usual: overCaptureBasisPoints } },
    incrementalAuthorization: { card: { usual: true } },
    authorizationMs: { card: { usual: settings.holdMs } },
    mandates: ['card', 'upi'],
    preDebitNoticeMs: { upi: settings.noticeMs },
    keyRetentionMs,
    disputes: true,
    costs: { card: { basisPoints: cardBasisPoints, flatMinor: 0n }, upi: { basisPoints: 0, flatMinor: 0n } },
  };
}

export function openSandbox(options: SandboxOptions): Sandbox {
  const { sql, world, secrets, store, name, settings } = options;
  const sandbox: RunningSandbox = {
    ...options,
    chaos: settings.chaosSeed === 0 ? undefined : seededChance(settings.chaosSeed),
  };
  /** Answers are late by the seed. */
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const value = await answer;
    if (sandbox.chaos !== undefined && settings.latencyMsMax > 0) await delay(sandbox.chaos() * settings.latencyMsMax);
    return value;
  };
  return {
    name,
    simulated: true,
    capabilities: capabilitiesOf(options),
    knowsToken: isSandboxToken,
    knowsChallengeResponse: (response) => response === 'approve' || response === 'reject',
    inspect: async (method, token) => inspect(method, token),
    create: (payment) => late(makePayment(sandbox, payment)),
    confirm: ({ attemptId }, response) => late(confirmPayment(sandbox, attemptId, response)),
    capture: (capture) => late(makeCapture(sandbox, capture)),
    increment: (increment) => late(raiseHold(sandbox, increment)),
    void: ({ attemptId }) => late(voidPayment(sandbox, attemptId)),
    status: async ({ attemptId }) => {
      await settlePayments(sandbox);
      const payment = await store.findPayment(sql, attemptId);
      return payment?.provider === name ? outcomeOf(payment) : undefined;
    },
    refund: (refund) => late(makeRefund(sandbox, refund)),
    refundStatus: async ({ refundId }) => {
      await settleRefunds(sandbox);
      const refund = await store.findRefund(sql, refundId);
      return refund?.provider === name ? refundOutcomeOf(refund) : undefined;
    },
    disputeStatus: async ({ disputeReference }) => {
      await closeDisputes(sandbox);
      const dispute = await store.findDispute(sql, disputeReference);
      return dispute === undefined ? undefined : disputeFacts(dispute);
    },
    submitEvidence: ({ disputeReference }, evidence) => late(submitEvidence(sandbox, disputeReference, evidence)),
    acceptDispute: ({ disputeReference }) => late(acceptDispute(sandbox, disputeReference)),
    createMandate: (mandate) => late(createMandate(sandbox, mandate)),
    confirmMandate: ({ mandateId }, response) => late(confirmMandate(sandbox, mandateId, response)),
    changeMandate: ({ mandateId }, change) => late(changeMandate(sandbox, mandateId, change)),
    mandateStatus: async ({ mandateId }) => {
      await settleMandates(sandbox);
      const mandate = await store.findMandate(sql, mandateId);
      return mandate === undefined ? undefined : mandateOutcome(mandate);
    },
    announceCharge: (charge, chargeAtMs) => announceCharge(sandbox, charge, chargeAtMs),
    chargeMandate: (charge) => late(chargeMandate(sandbox, charge)),
    verifyWebhook: (headers, body) => verifySignature(secrets, headers, body, world.now()),
    readEvent: readSandboxEvent,
    listReports: async (afterName, limit) => {
      const rows = await store.listReports(sql, name, afterName, limit);
      return rows.map((row) => ({
        name: row.name,
        format: 'settlement_csv',
        sizeBytes: row.sizeBytes,
        madeAtMs: row.madeAtMs,
      }));
    },
    readReport: async (reportName) => {
      const content = await store.readReport(sql, name, reportName);
      return content === undefined ? undefined : Buffer.from(content, 'utf8');
    },
    round: () => sandboxRound(sandbox),
  };
}

/** One token is one card: the same fingerprint at both sandboxes, as a card network would have it. */
function inspect(method: 'card' | 'upi', token: string): Instrument | undefined {
  if (method === 'card') {
    if (!isSandboxToken(token) || isAddress(token)) return undefined;
    return { kind: 'card', card: cardOf(token) };
  }
  if (!isAddress(token)) return undefined;
  const exists = scriptOf(token, 'upi')?.failure !== 'vpa_invalid';
  return { kind: 'vpa', exists, fingerprint: fingerprintOf('upi', token) };
}

async function makePayment(sandbox: RunningSandbox, payment: PaymentToMake): Promise<ProviderOutcome> {
  const { sql, store, name } = sandbox;
  const script = scriptFor(payment, name);
  if (script === undefined) throw new Error('a token that is not of the sandbox');
  const { made, row } = await sql.transaction(async (tx) => {
    const fresh = freshPayment(sandbox, payment, script);
    const inserted = await store.insertPayment(tx, fresh);
    const found = inserted ? fresh : await store.findPayment(tx, payment.attemptId);
    if (found === undefined) throw new Error('a sandbox payment is gone');
    if (inserted) await planWebhooks(sandbox, tx, found, script);
    return { made: inserted, row: found };
  });
  if (row.amountMinor !== payment.amountMinor || row.currency !== payment.currency || row.provider !== name)
    throw new Error('an idempotency key of the sandbox was used for another payment');
  sandbox.nudge();
  if (made && script.losesAnswer === true) throw new ProviderTimeout('the answer of the sandbox was lost');
  return outcomeOf(row);
}

function freshPayment(sandbox: RunningSandbox, payment: PaymentToMake, script: SandboxScript): SandboxPayment {
  const { world, name } = sandbox;
  const nowMs = world.now();
  const isHeld = payment.capture === 'manual' && payment.method === 'card';
  const isTaken = script.first === 'succeeded';
  const askedMs = (payment.collectMinutes ?? 0) * 60_000 || actionMs;
  const settlesAfterMs = script.failure === 'expired' ? askedMs : (script.settles?.afterMs ?? 0);
  return {
    id: payment.attemptId,
    provider: name,
    reference: world.id('sbp'),
    token: payment.token,
    method: payment.method,
    currency: payment.currency,
    amountMinor: payment.amountMinor,
    capture: payment.capture,
    status: isTaken && isHeld ? 'authorized' : script.first,
    failureCode: script.failure ?? '',
    action: actionOf(sandbox, payment, script, nowMs + askedMs),
    authentication: script.authentication,
    capturedMinor: isTaken && !isHeld ? payment.amountMinor : 0n,
    capturableUntilMs: isHeld ? nowMs + (script.holdMs ?? sandbox.settings.holdMs) : undefined,
    deemed: script.deemed === true,
    settlesAtMs: script.settles === undefined ? undefined : nowMs + settlesAfterMs,
    settlesTo: script.settles?.to ?? '',
    createdAtMs: nowMs,
  };
}

function actionOf(
  { publicUrl }: RunningSandbox,
  payment: PaymentToMake,
  script: SandboxScript,
  expiresAtMs: number,
): PayerAction | undefined {
  const isPending = script.first === 'requires_action' || script.first === 'processing';
  if (payment.method === 'upi') {
    if (!isPending) return undefined;
    return isAddress(payment.token)
      ? { type: 'upi_collect', url: '', uri: '', expiresAtMs }
      : { type: 'upi_intent', url: '', uri: upiIntentUri(payment), expiresAtMs };
  }
  if (script.first !== 'requires_action') return undefined;
  return { type: 'challenge', url: `${publicUrl}/sandbox/3ds/${payment.attemptId}`, uri: '', expiresAtMs };
}

/** What is told by itself after a payment that was final at once: its answer said it, so only what comes on top. */
async function planWebhooks(
  sandbox: RunningSandbox,
  tx: SqlTransaction,
  row: SandboxPayment,
  script: SandboxScript,
): Promise<void> {
  if (row.status !== 'succeeded') return;
  await afterCapture(sandbox, tx, row, row.reference, row.capturedMinor);
  if (script.repeatsWebhooks === true) await tellSuccessRepeatedly(sandbox, tx, row);
}

/** Two events, each three times, the later before the earlier. */
async function tellSuccessRepeatedly(sandbox: RunningSandbox, tx: SqlTransaction, row: SandboxPayment): Promise<void> {
  const { world } = sandbox;
  const processing = {
    id: world.id('whk'),
    event: { type: 'payment.processing', data: paymentData(row, 'processing') },
  };
  const succeeded = { id: world.id('whk'), event: { type: 'payment.succeeded', data: paymentData(row, 'succeeded') } };
  const order = [succeeded, processing, succeeded, processing, processing, succeeded];
  for (const [index, { id, event }] of order.entries())
    await queue(sandbox, tx, id, event, world.now() + (index + 1) * repeatEveryMs);
}

function paymentData(row: SandboxPayment, status: SandboxPayment['status']) {
  return {
    merchantReference: row.id,
    reference: row.reference,
    status,
    currency: row.currency,
    amountMinor: row.amountMinor.toString(),
    capturedMinor: row.capturedMinor.toString(),
    failureCode: status === 'failed' ? row.failureCode : '',
  };
}

async function confirmPayment(sandbox: RunningSandbox, id: string, response: string): Promise<ProviderOutcome> {
  return sandbox.sql.transaction(async (tx) => {
    const row = await sandbox.store.lockPayment(tx, id);
    if (row === undefined) throw new Error('the sandbox knows no such payment');
    if (row.status !== 'requires_action') return outcomeOf(row);
    const settled = answered(sandbox, row, response === 'approve');
    await sandbox.store.savePayment(tx, settled);
    if (settled.status === 'succeeded')
      await afterCapture(sandbox, tx, settled, settled.reference, settled.capturedMinor);
    return outcomeOf(settled);
  });
}

/** The payer has approved or not: a held payment is authorized, another captured. */
function answered(sandbox: RunningSandbox, row: SandboxPayment, approved: boolean): SandboxPayment {
  const isHeld = row.capture === 'manual' && row.method === 'card';
  const over = { ...row, action: undefined, settlesAtMs: undefined };
  if (!approved) return { ...over, status: 'failed', failureCode: 'authentication_failed' };
  const authentication = row.method === 'card' ? challenged : row.authentication;
  if (!isHeld) return { ...over, status: 'succeeded', failureCode: '', authentication, capturedMinor: row.amountMinor };
  const holdMs = scriptOf(row.token, row.method)?.holdMs ?? sandbox.settings.holdMs;
  return {
    ...over,
    status: 'authorized',
    failureCode: '',
    authentication,
    capturableUntilMs: sandbox.world.now() + holdMs,
  };
}

async function makeCapture(sandbox: RunningSandbox, capture: CaptureToMake): Promise<CaptureOutcome> {
  const { sql, store, world } = sandbox;
  return sql.transaction(async (tx) => {
    const row = await store.lockPayment(tx, capture.attemptId);
    if (row === undefined) throw new Error('the sandbox knows no such payment');
    const known = await store.findCapture(tx, capture.captureId);
    if (known !== undefined)
      return known.status === 'succeeded' ? { kind: 'succeeded' } : { kind: 'failed', code: known.failureCode };
    const failureCode = whyNotCaptured(row, capture, world.now());
    const { captureId: id, amountMinor } = capture;
    const status = failureCode === '' ? 'succeeded' : 'failed';
    await store.insertCapture(tx, { id, paymentId: row.id, amountMinor, status, failureCode });
    if (failureCode !== '') return { kind: 'failed', code: failureCode };
    const capturedMinor = row.capturedMinor + amountMinor;
    const isOver = capture.final || capturedMinor >= mostOf(row);
    const taken: SandboxPayment = { ...row, capturedMinor, status: isOver ? 'succeeded' : 'authorized' };
    await store.savePayment(tx, taken);
    await afterCapture(sandbox, tx, taken, id, amountMinor);
    tx.afterCommit(sandbox.nudge);
    return { kind: 'succeeded', reference: id };
  });
}

function whyNotCaptured(row: SandboxPayment, capture: CaptureToMake, nowMs: number): string {
  if (row.status !== 'authorized') return 'not_authorized';
  if (nowMs >= (row.capturableUntilMs ?? 0)) return 'authorization_expired';
  if (scriptOf(row.token, row.method)?.captureFails === true) return 'issuer_declined';
  return row.capturedMinor + capture.amountMinor > mostOf(row) ? 'exceeds_authorization' : '';
}

/** The most that is captured of a payment. */
function mostOf({ amountMinor }: SandboxPayment): bigint {
  return amountMinor + (amountMinor * BigInt(overCaptureBasisPoints)) / 10_000n;
}

/** Holds more, once for each id of the merchant's; what was held before stays held when that is refused. */
async function raiseHold(sandbox: RunningSandbox, increment: IncrementToMake): Promise<IncrementOutcome> {
  const { sql, store, world } = sandbox;
  const { incrementId: id, authorizedMinor: toMinor } = increment;
  const { isLost, failureCode } = await sql.transaction(async (tx) => {
    const row = await store.lockPayment(tx, increment.attemptId);
    if (row === undefined) throw new Error('the sandbox knows no such payment');
    const known = await store.findIncrement(tx, id);
    if (known !== undefined && (known.paymentId !== row.id || known.toMinor !== toMinor))
      throw new Error('an idempotency key of the sandbox was used for another raise');
    const wanted = { id, paymentId: row.id, toMinor, failureCode: whyNotRaised(row, toMinor, world.now()) };
    const isLost = known === undefined && scriptOf(row.token, row.method)?.losesIncrement === true;
    if (known !== undefined) return { isLost, failureCode: known.failureCode };
    await store.insertIncrement(tx, wanted);
    if (wanted.failureCode === '') await store.savePayment(tx, { ...row, amountMinor: toMinor });
    if (isLost) await tellIncrement(sandbox, tx, wanted);
    return { isLost, failureCode: wanted.failureCode };
  });
  if (isLost) throw new ProviderTimeout('the answer of the sandbox was lost');
  return failureCode === '' ? { kind: 'succeeded' } : { kind: 'failed', code: failureCode };
}

/** What the answer did not say. */
async function tellIncrement(
  sandbox: RunningSandbox,
  tx: SqlTransaction,
  { id: merchantReference, failureCode }: SandboxIncrement,
): Promise<void> {
  const { world, nudge } = sandbox;
  const status = failureCode === '' ? 'succeeded' : 'failed';
  const event = { type: `increment.${status}`, data: { merchantReference, status, failureCode } };
  await queue(sandbox, tx, world.id('whk'), event, world.now() + settleAfterMs);
  tx.afterCommit(nudge);
}

function whyNotRaised(row: SandboxPayment, toMinor: bigint, nowMs: number): string {
  if (row.status !== 'authorized' || row.capturedMinor > 0n) return 'not_authorized';
  if (nowMs >= (row.capturableUntilMs ?? 0)) return 'authorization_expired';
  if (toMinor <= row.amountMinor) return 'amount_too_small';
  return scriptOf(row.token, row.method)?.incrementFails === true ? 'issuer_declined' : '';
}

async function voidPayment(sandbox: RunningSandbox, id: string): Promise<ProviderOutcome> {
  const { sql, store } = sandbox;
  return sql.transaction(async (tx) => {
    const row = await store.lockPayment(tx, id);
    if (row === undefined) throw new Error('the sandbox knows no such payment');
    if (row.status !== 'authorized' && row.status !== 'requires_action') return outcomeOf(row);
    // What was captured stays captured; only the rest is released.
    const status = row.capturedMinor > 0n ? 'succeeded' : 'voided';
    const over: SandboxPayment = { ...row, status, action: undefined, settlesAtMs: undefined };
    await store.savePayment(tx, over);
    return outcomeOf(over);
  });
}

function refundOutcomeOf(row: SandboxRefund): RefundOutcome {
  const reference = `sbr_${row.id}`;
  return row.status === 'failed'
    ? { kind: 'failed', code: row.failureCode, reference }
    : { kind: row.status, reference };
}

async function makeRefund(sandbox: RunningSandbox, refund: RefundToMake): Promise<RefundOutcome> {
  const { sql, store } = sandbox;
  const row = await sql.transaction(async (tx) => {
    const payment = await store.lockPayment(tx, refund.attemptId);
    if (payment === undefined) throw new Error('the sandbox knows no such payment');
    return (await store.findRefund(tx, refund.refundId)) ?? (await insertRefund(sandbox, tx, refund, payment));
  });
  sandbox.nudge();
  return refundOutcomeOf(row);
}

async function insertRefund(
  sandbox: RunningSandbox,
  tx: SqlTransaction,
  refund: RefundToMake,
  payment: SandboxPayment,
): Promise<SandboxRefund> {
  const { store, world, name } = sandbox;
  const taken = await store.takenMinor(tx, payment.id);
  const leftMinor = payment.status === 'succeeded' ? payment.capturedMinor - taken : 0n;
  const script = scriptOf(payment.token, payment.method)?.refunds;
  const isRefused = refund.amountMinor > leftMinor;
  const row: SandboxRefund = {
    id: refund.refundId,
    provider: name,
    paymentId: payment.id,
    amountMinor: refund.amountMinor,
    status: isRefused ? 'failed' : (script?.first ?? 'succeeded'),
    failureCode: isRefused ? 'exceeds_payment' : '',
    settlesAtMs: isRefused || script === undefined ? undefined : world.now() + settleAfterMs,
    settlesTo: script?.to ?? 'succeeded',
    told: script?.told ?? true,
  };
  await store.insertRefund(tx, row);
  if (row.status === 'succeeded') await moveRefund(sandbox, tx, row, payment.currency, 'refund');
  return row;
}

async function moveRefund(
  { store, name, world }: RunningSandbox,
  tx: SqlTransaction,
  row: SandboxRefund,
  currency: string,
  kind: 'refund' | 'refund_reversed',
): Promise<void> {
  await store.addMovement(tx, {
    kind,
    provider: name,
    providerReference: `sbr_${row.id}`,
    merchantReference: row.id,
    currency,
    grossMinor: kind === 'refund' ? -row.amountMinor : row.amountMinor,
    feeMinor: 0n,
    taxMinor: 0n,
    atMs: world.now(),
  });
}

async function sandboxRound(sandbox: RunningSandbox): Promise<number | undefined> {
  const { sql, store, world, name } = sandbox;
  await settlePayments(sandbox);
  await settleRefunds(sandbox);
  await settleMandates(sandbox);
  await openDisputes(sandbox);
  await closeDisputes(sandbox);
  const reportAtMs = await makeReports(sandbox);
  await deliverDue(sandbox);
  const dueAtMs = await store.nextDueMs(sql, name);
  const dues = [dueAtMs, reportAtMs].filter((each) => each !== undefined);
  return dues.length === 0 ? undefined : Math.max(Math.min(...dues), world.now());
}

async function settlePayments(sandbox: RunningSandbox): Promise<void> {
  const { sql, store, world, name } = sandbox;
  await sql.transaction(async (tx) => {
    for (const row of await store.takeSettling(tx, name, world.now(), settleMax)) {
      const isTaken = row.settlesTo === 'succeeded';
      const settled: SandboxPayment = {
        ...row,
        status: isTaken ? 'succeeded' : 'failed',
        failureCode: isTaken ? '' : row.failureCode,
        capturedMinor: isTaken ? row.amountMinor : 0n,
        settlesAtMs: undefined,
        action: undefined,
        deemed: false,
      };
      await store.savePayment(tx, settled);
      if (isTaken) await afterCapture(sandbox, tx, settled, settled.reference, settled.capturedMinor);
      const script = scriptOf(row.token, row.method);
      if (script?.settles?.told !== true) continue;
      if (script.repeatsWebhooks === true) await tellSuccessRepeatedly(sandbox, tx, settled);
      else await queue(sandbox, tx, world.id('whk'), settledEvent(settled), world.now());
    }
  });
}

function settledEvent(row: SandboxPayment) {
  return { type: `payment.${row.status}`, data: paymentData(row, row.status) };
}

async function settleRefunds(sandbox: RunningSandbox): Promise<void> {
  const { sql, store, world, name } = sandbox;
  await sql.transaction(async (tx) => {
    for (const row of await store.takeSettlingRefunds(tx, name, world.now(), settleMax)) {
      const failureCode = row.settlesTo === 'failed' ? 'account_closed' : '';
      const settled: SandboxRefund = { ...row, status: row.settlesTo, failureCode, settlesAtMs: undefined };
      await store.saveRefund(tx, settled);
      const currency = (await store.findPayment(tx, row.paymentId))?.currency ?? 'INR';
      if (settled.status === 'succeeded') await moveRefund(sandbox, tx, settled, currency, 'refund');
      else if (row.status === 'succeeded') await moveRefund(sandbox, tx, settled, currency, 'refund_reversed');
      if (!row.told) continue;
      const data = { merchantReference: row.id, status: settled.status, failureCode };
      await queue(sandbox, tx, world.id('whk'), { type: `refund.${settled.status}`, data }, world.now());
    }
  });
}
