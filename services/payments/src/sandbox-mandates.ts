/**
 * Mandates at the sandbox: saved cards and UPI AutoPay. A card's is active at once (after a challenge with
 * tok_requires_3ds), a UPI payer approves in their app after about a second. A UPI charge needs a notice to the payer long
 * enough before; nobody is really told: the notice is simulated, that it was given is not.
 */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import {
  type ChargeToMake,
  type MandateChange,
  type MandateOutcome,
  type MandateToMake,
  type ProviderOutcome,
  ProviderTimeout,
} from './provider.ts';
import { queue, type RunningSandbox } from './sandbox-delivery.ts';
import { afterCapture, outcomeOf } from './sandbox-payments.ts';
import { actionMs, scriptOf, settleAfterMs, upiIntentUri } from './sandbox-script.ts';
import type { SandboxMandate, SandboxPayment } from './sandbox-store.ts';

const settleMax = 20;
/** A mandate of the sandbox holds this long. */
const validMs = 5 * 365 * 24 * 3_600_000;

export function mandateOutcome(mandate: SandboxMandate): MandateOutcome {
  const facts = {
    reference: `sbm_${mandate.id}`,
    umn: mandate.umn,
    amountMaxMinor: mandate.amountMaxMinor,
    validUntilMs: mandate.createdAtMs + validMs,
  };
  if (mandate.status === 'pending')
    return { kind: 'pending', ...(mandate.action === undefined ? {} : { action: mandate.action }), facts };
  return { kind: mandate.status, ...(mandate.status === 'failed' ? { code: 'card_declined' as const } : {}), facts };
}

export async function createMandate(sandbox: RunningSandbox, wanted: MandateToMake): Promise<MandateOutcome> {
  const { sql, store, name } = sandbox;
  const row = await sql.transaction(async (tx) => {
    await store.insertMandate(tx, freshMandate(sandbox, wanted));
    return store.findMandate(tx, wanted.mandateId);
  });
  if (row === undefined || row.provider !== name || row.currency !== wanted.currency || row.method !== wanted.method)
    throw new Error('an idempotency key of the sandbox was used for another mandate');
  sandbox.nudge();
  return mandateOutcome(row);
}

function freshMandate({ world, name, publicUrl }: RunningSandbox, wanted: MandateToMake): SandboxMandate {
  const nowMs = world.now();
  const { mandateId: id, token, method } = wanted;
  const script = scriptOf(token, method);
  if (script === undefined) throw new Error('a token that is not of the sandbox');
  const isAsked = script.first === 'requires_action';
  const isPending = isAsked || (method === 'upi' && script.first !== 'failed');
  const expiresAtMs = nowMs + actionMs;
  const link = upiIntentUri({ attemptId: id, amountMinor: wanted.amountMaxMinor, orderNumber: 'AutoPay' });
  const action =
    method === 'upi'
      ? ({ type: 'upi_intent', url: '', uri: link.replace('upi://pay', 'upi://mandate'), expiresAtMs } as const)
      : ({ type: 'challenge', url: `${publicUrl}/sandbox/mandates/${id}`, uri: '', expiresAtMs } as const);
  return {
    id,
    provider: name,
    token,
    method,
    umn: method === 'upi' ? `${id.replace('mdt_', '')}@sandbox` : '',
    currency: wanted.currency,
    amountMaxMinor: wanted.amountMaxMinor,
    status: script.first === 'failed' ? 'failed' : isPending ? 'pending' : 'active',
    action: isPending ? action : undefined,
    settlesAtMs: isPending && !isAsked ? nowMs + settleAfterMs : undefined,
    createdAtMs: nowMs,
  };
}

export async function settleMandates(sandbox: RunningSandbox): Promise<void> {
  const { sql, store, world, name } = sandbox;
  await sql.transaction(async (tx) => {
    for (const row of await store.takeSettlingMandates(tx, name, world.now(), settleMax)) {
      const active: SandboxMandate = { ...row, status: 'active', action: undefined, settlesAtMs: undefined };
      await store.saveMandate(tx, active);
      await tell(sandbox, tx, active);
    }
  });
}

async function tell(sandbox: RunningSandbox, tx: SqlTransaction, mandate: SandboxMandate): Promise<void> {
  const { world } = sandbox;
  const data = { merchantReference: mandate.id, status: mandate.status };
  await queue(sandbox, tx, world.id('whk'), { type: `mandate.${mandate.status}`, data }, world.now());
  tx.afterCommit(sandbox.nudge);
}

async function update(
  { sql, store }: RunningSandbox,
  id: string,
  change: (mandate: SandboxMandate) => SandboxMandate,
): Promise<MandateOutcome> {
  return sql.transaction(async (tx) => {
    const mandate = await store.lockMandate(tx, id);
    if (mandate === undefined) throw new Error('the sandbox knows no such mandate');
    const changed = change(mandate);
    if (changed !== mandate) await store.saveMandate(tx, changed);
    return mandateOutcome(changed);
  });
}

export function confirmMandate(sandbox: RunningSandbox, id: string, response: string): Promise<MandateOutcome> {
  return update(sandbox, id, (mandate) => {
    if (mandate.status !== 'pending') return mandate;
    const status = response === 'approve' ? 'active' : 'failed';
    return { ...mandate, status, action: undefined, settlesAtMs: undefined };
  });
}

export function changeMandate(sandbox: RunningSandbox, id: string, change: MandateChange): Promise<MandateOutcome> {
  return update(sandbox, id, (mandate) => {
    const isOver = mandate.status === 'revoked' || mandate.status === 'failed' || mandate.status === 'expired';
    if (isOver) return mandate;
    switch (change.kind) {
      case 'modify':
        return { ...mandate, amountMaxMinor: change.amountMaxMinor };
      case 'pause':
        return mandate.status === 'active' ? { ...mandate, status: 'paused' } : mandate;
      case 'resume':
        return mandate.status === 'paused' ? { ...mandate, status: 'active' } : mandate;
      case 'revoke':
        return { ...mandate, status: 'revoked', action: undefined, settlesAtMs: undefined };
    }
  });
}

export async function announceCharge(
  { sql, store, world }: RunningSandbox,
  charge: ChargeToMake,
  chargeAtMs: number,
): Promise<void> {
  const { attemptId: paymentId, mandate } = charge;
  await store.keepNotice(sql, { paymentId, mandateId: mandate.mandateId, toldAtMs: world.now(), chargeAtMs });
}

export async function chargeMandate(sandbox: RunningSandbox, charge: ChargeToMake): Promise<ProviderOutcome> {
  const { sql, store, name } = sandbox;
  const { made, row, losesAnswer } = await sql.transaction(async (tx) => {
    const mandate = await store.lockMandate(tx, charge.mandate.mandateId);
    if (mandate === undefined) throw new Error('the sandbox knows no such mandate');
    const fresh = await freshCharge(sandbox, tx, charge, mandate);
    const inserted = await store.insertPayment(tx, fresh);
    const found = await store.findPayment(tx, charge.attemptId);
    if (found === undefined) throw new Error('a sandbox payment is gone');
    if (inserted && found.status === 'succeeded')
      await afterCapture(sandbox, tx, found, found.reference, found.capturedMinor);
    return { made: inserted, row: found, losesAnswer: scriptOf(mandate.token, mandate.method)?.losesAnswer === true };
  });
  if (row.amountMinor !== charge.amountMinor || row.currency !== charge.currency || row.provider !== name)
    throw new Error('an idempotency key of the sandbox was used for another payment');
  sandbox.nudge();
  if (made && losesAnswer) throw new ProviderTimeout('the answer of the sandbox was lost');
  return outcomeOf(row);
}

async function freshCharge(
  sandbox: RunningSandbox,
  tx: SqlTransaction,
  charge: ChargeToMake,
  mandate: SandboxMandate,
): Promise<SandboxPayment> {
  const { world, name, store, settings } = sandbox;
  const nowMs = world.now();
  const notice = await store.findNotice(tx, charge.attemptId);
  const isTold =
    mandate.method !== 'upi' ||
    settings.noticeMs === 0 ||
    (notice !== undefined && nowMs - notice.toldAtMs >= settings.noticeMs);
  const failureCode = whyNotCharged(mandate, charge, isTold);
  const isTaken = failureCode === '';
  return {
    id: charge.attemptId,
    provider: name,
    reference: world.id('sbp'),
    token: mandate.token,
    method: mandate.method,
    currency: charge.currency,
    amountMinor: charge.amountMinor,
    capture: 'automatic',
    status: isTaken ? 'succeeded' : 'failed',
    failureCode,
    authentication:
      mandate.method === 'card'
        ? { flow: 'exempted', exemption: 'merchant_initiated', liabilityShifted: false }
        : undefined,
    capturedMinor: isTaken ? charge.amountMinor : 0n,
    deemed: false,
    settlesTo: '',
    createdAtMs: nowMs,
  };
}

function whyNotCharged(mandate: SandboxMandate, charge: ChargeToMake, isTold: boolean): SandboxPayment['failureCode'] {
  if (mandate.status !== 'active' || mandate.currency !== charge.currency) return 'mandate_not_active';
  if (charge.amountMinor > mandate.amountMaxMinor) return 'amount_too_high';
  if (!isTold) return 'mandate_not_active';
  return scriptOf(mandate.token, mandate.method)?.chargeFails ?? '';
}
