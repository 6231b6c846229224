/**
 * Disputes at the sandbox. A payer disputes what was not refunded, or nothing. A bank that gets evidence decides after
 * `verdictMs`: a text with the word `winning_evidence` wins, every other loses; no evidence until the deadline loses. An
 * inquiry that is not won becomes a dispute; a dispute of tok_pre_arbitration that is won goes on to pre-arbitration.
 */
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { DisputeFacts, DisputeStage } from './provider.ts';
import { queue, type RunningSandbox } from './sandbox-delivery.ts';
import { scriptOf } from './sandbox-script.ts';
import type { MovementKind, SandboxDispute } from './sandbox-store.ts';

export const winningWord = 'winning_evidence';
/** What a dispute costs beside its amount, in minor units of its currency; an inquiry costs nothing. */
export const disputeFeeMinor = 1_500n;
const openMax = 20;

export function disputeFacts(dispute: SandboxDispute): DisputeFacts {
  return {
    disputeReference: dispute.reference,
    stage: dispute.stage,
    status: dispute.status,
    currency: dispute.currency,
    amountMinor: dispute.amountMinor,
    feeMinor: dispute.feeMinor,
    reason: dispute.reason,
    evidenceDueAtMs: dispute.evidenceDueAtMs,
  };
}

/** Payers who are going to dispute do. */
export async function openDisputes(sandbox: RunningSandbox): Promise<void> {
  const { sql, store, world, name } = sandbox;
  await sql.transaction(async (tx) => {
    for (const row of await store.takeDisputing(tx, name, world.now(), openMax)) {
      await store.savePayment(tx, { ...row, disputesAtMs: undefined });
      const stage = scriptOf(row.token, row.method)?.disputed?.stage ?? 'dispute';
      const leftMinor = row.capturedMinor - (await store.takenMinor(tx, row.id));
      if (leftMinor > 0n) await openDispute(sandbox, tx, row.id, row.currency, leftMinor, stage);
    }
  });
}

async function openDispute(
  sandbox: RunningSandbox,
  tx: SqlTransaction,
  paymentId: string,
  currency: string,
  amountMinor: bigint,
  stage: DisputeStage,
): Promise<void> {
  const { store, world, name, settings } = sandbox;
  const evidenceDueAtMs = world.now() + settings.evidenceMs;
  const dispute: SandboxDispute = {
    reference: world.id('sdp'),
    provider: name,
    paymentId,
    stage,
    currency,
    amountMinor,
    feeMinor: stage === 'pre_dispute' ? 0n : disputeFeeMinor,
    reason: 'fraudulent',
    status: 'opened',
    evidence: '',
    evidenceDueAtMs,
    closesAtMs: evidenceDueAtMs,
    closesTo: 'lost',
  };
  await store.insertDispute(tx, dispute);
  if (stage !== 'pre_dispute') {
    await move(sandbox, tx, dispute, 'dispute', -amountMinor, 0n);
    await move(sandbox, tx, dispute, 'dispute_fee', -dispute.feeMinor, 0n);
  }
  await tell(sandbox, tx, dispute);
}

async function move(
  { store, name, world }: RunningSandbox,
  tx: SqlTransaction,
  dispute: SandboxDispute,
  kind: MovementKind,
  grossMinor: bigint,
  feeMinor: bigint,
): Promise<void> {
  const { currency, paymentId, reference } = dispute;
  const about = { provider: name, providerReference: reference, merchantReference: paymentId, currency };
  await store.addMovement(tx, { ...about, kind, grossMinor, feeMinor, taxMinor: 0n, atMs: world.now() });
}

async function tell(sandbox: RunningSandbox, tx: SqlTransaction, dispute: SandboxDispute): Promise<void> {
  const { world } = sandbox;
  const data = {
    merchantReference: dispute.paymentId,
    disputeReference: dispute.reference,
    stage: dispute.stage,
    currency: dispute.currency,
    amountMinor: dispute.amountMinor.toString(),
    feeMinor: dispute.feeMinor.toString(),
    reason: dispute.reason,
    evidenceDueAtMs: dispute.evidenceDueAtMs,
  };
  await queue(sandbox, tx, world.id('whk'), { type: `dispute.${dispute.status}`, data }, world.now());
  tx.afterCommit(sandbox.nudge);
}

/** The first evidence counts, and only before the deadline. */
export async function submitEvidence(
  sandbox: RunningSandbox,
  reference: string,
  evidence: string,
): Promise<DisputeFacts> {
  const { sql, store, world, settings } = sandbox;
  return sql.transaction(async (tx) => {
    const dispute = await store.lockDispute(tx, reference);
    if (dispute === undefined) throw new Error('the sandbox knows no such dispute');
    if (dispute.status !== 'opened' || world.now() >= dispute.evidenceDueAtMs) return disputeFacts(dispute);
    const given: SandboxDispute = {
      ...dispute,
      status: 'challenged',
      evidence,
      closesAtMs: world.now() + settings.verdictMs,
      closesTo: evidence.includes(winningWord) ? 'won' : 'lost',
    };
    await store.saveDispute(tx, given);
    tx.afterCommit(sandbox.nudge);
    return disputeFacts(given);
  });
}

export async function acceptDispute(sandbox: RunningSandbox, reference: string): Promise<DisputeFacts> {
  const { sql, store } = sandbox;
  return sql.transaction(async (tx) => {
    const dispute = await store.lockDispute(tx, reference);
    if (dispute === undefined) throw new Error('the sandbox knows no such dispute');
    if (dispute.status !== 'opened') return disputeFacts(dispute);
    const lost: SandboxDispute = { ...dispute, status: 'lost', closesAtMs: undefined, closesTo: '' };
    await store.saveDispute(tx, lost);
    return disputeFacts(lost);
  });
}

/** Deadlines pass and banks decide. */
export async function closeDisputes(sandbox: RunningSandbox): Promise<void> {
  const { sql, store, world, name } = sandbox;
  await sql.transaction(async (tx) => {
    for (const dispute of await store.takeClosingDisputes(tx, name, world.now(), openMax)) {
      const status = dispute.closesTo === 'won' ? 'won' : 'lost';
      const closed: SandboxDispute = { ...dispute, status, closesAtMs: undefined, closesTo: '' };
      await store.saveDispute(tx, closed);
      if (status === 'won' && closed.stage !== 'pre_dispute')
        await move(sandbox, tx, closed, 'dispute_won', closed.amountMinor, 0n);
      await tell(sandbox, tx, closed);
      await goOn(sandbox, tx, closed);
    }
  });
}

/** The stage that follows, over what is left of the payment. */
async function goOn(sandbox: RunningSandbox, tx: SqlTransaction, closed: SandboxDispute): Promise<void> {
  const { store } = sandbox;
  const payment = await store.findPayment(tx, closed.paymentId);
  const next = payment === undefined ? undefined : scriptOf(payment.token, payment.method)?.disputed?.next;
  if (payment === undefined || next === undefined || closed.stage === next) return;
  if (closed.status !== (next === 'dispute' ? 'lost' : 'won')) return;
  const leftMinor = payment.capturedMinor - (await store.takenMinor(tx, payment.id));
  const amountMinor = closed.amountMinor < leftMinor ? closed.amountMinor : leftMinor;
  if (amountMinor > 0n) await openDispute(sandbox, tx, payment.id, closed.currency, amountMinor, next);
}
