/**
 * Disputes: written down when the provider tells, answered by finance before the deadline, closed by the provider's word.
 * An answer is durable here before the provider gets it; until it has confirmed it, the sweep tells it again.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type AcceptDisputeRequest,
  type ChallengeDisputeRequest,
  type GetDisputeRequest,
  type ListDisputesRequest,
  DisputeStage as StageNumber,
  DisputeStatus as StatusNumber,
} from '@suuupra/contracts/gen/suuupra/payments/v1/disputes_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import {
  type Dispute,
  type DisputeDecision,
  type DisputeStatus,
  decideAcceptance,
  decideChallenge,
  decideDispute,
  expire,
  holdsMoney,
} from './dispute.ts';
import { isId, placeOf } from './ids.ts';
import { ask, factOf, raise } from './outcomes.ts';
import type { DisputeFacts, DisputeStage } from './provider.ts';
import type { Because, StatusChange } from './store.ts';
import { isSimulated, type PaymentsSurroundings, providerNamed } from './surroundings.ts';

/** An answer that the provider has not confirmed is given again after this time; a verdict is asked for as often. */
const againMs = 10_000;
const verdictEveryMs = 3_600_000;

/** Applies what is said of a dispute. False while the payment it is about is not known, or not known to have succeeded. */
export async function applyDispute(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attemptId: string,
  said: DisputeFacts,
  source: 'webhook' | 'sync' | 'answer',
): Promise<boolean> {
  const { store, world } = surroundings;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || attempt === undefined) return false;
  if (attempt.status !== 'succeeded') {
    // What was paid is news to us: ask the provider at once.
    await store.setSyncDue(tx, attempt.id, world.now());
    return false;
  }
  const opened: Dispute = {
    id: world.id('dsp'),
    orderId: intent.orderId,
    attemptId,
    provider: attempt.provider,
    reference: said.disputeReference,
    stage: said.stage,
    status: 'opened',
    currency: said.currency,
    amountMinor: said.amountMinor,
    feeMinor: said.feeMinor,
    reason: said.reason,
    evidence: '',
    pending: '',
    evidenceDueAtMs: said.evidenceDueAtMs,
    openedAtMs: world.now(),
  };
  if (await store.insertDispute(tx, opened, dueOf(opened, world.now()))) {
    tx.afterCommit(() => surroundings.count('dispute_opened'));
    tx.afterCommit(surroundings.nudge);
    if (holdsMoney(opened)) {
      const { id: disputeId, currency, amountMinor, reason } = opened;
      await surroundings.publishIn(tx)(DisputeOpenedSchema, {
        ...factOf(attempt),
        amount: { currency, amountMinor },
        disputeId,
        reason,
        openedAt: timestampFromMs(opened.openedAtMs),
        ...(opened.evidenceDueAtMs === undefined ? {} : { evidenceDueAt: timestampFromMs(opened.evidenceDueAtMs) }),
      });
    }
  }
  const dispute = await store.findDisputeByReference(tx, attempt.provider, said.disputeReference, said.stage);
  if (dispute === undefined) throw new Error('a dispute is gone');
  await carryOut(surroundings, tx, dispute, decideDispute(dispute, said, world.now()), source);
  return true;
}

async function carryOut(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  before: Dispute,
  decision: DisputeDecision,
  source: Because,
): Promise<void> {
  const { store, world, log } = surroundings;
  switch (decision.kind) {
    case 'nothing':
      return;
    case 'contradicts':
      log.error('the provider contradicts itself about a dispute', { disputeId: before.id });
      return raise(surroundings, tx, { id: before.attemptId, orderId: before.orderId }, before.id, 'contradiction');
    case 'moves':
      return store.saveDispute(tx, decision.dispute, dueOf(decision.dispute, world.now()), source, world.now());
    case 'closes': {
      const { dispute, outcome } = decision;
      await store.saveDispute(tx, dispute, undefined, source, world.now());
      tx.afterCommit(() => surroundings.count(`dispute_${outcome}`));
      if (!holdsMoney(dispute)) return;
      const { id: disputeId, attemptId: paymentId, orderId, provider, currency } = dispute;
      await surroundings.publishIn(tx)(DisputeClosedSchema, {
        disputeId,
        paymentId,
        orderId,
        outcome,
        amount: { currency, amountMinor: dispute.amountMinor },
        fee: { currency, amountMinor: dispute.feeMinor },
        provider,
        closedAt: timestampFromMs(dispute.closedAtMs ?? world.now()),
      });
    }
  }
}

/** When the sweep looks at it: an answer on its way soon, the deadline, and then now and then for the verdict. */
function dueOf(dispute: Dispute, nowMs: number): number | undefined {
  if (dispute.closedAtMs !== undefined) return undefined;
  if (dispute.pending !== '') return nowMs + againMs;
  if (dispute.status === 'opened' && dispute.evidenceDueAtMs !== undefined)
    return Math.max(dispute.evidenceDueAtMs, nowMs);
  return nowMs + verdictEveryMs;
}

/** What is due of a dispute: an answer to be given again, a deadline that has passed, a verdict to be asked for. */
export async function seeToDispute(surroundings: PaymentsSurroundings, known: Dispute, tries: number): Promise<void> {
  const { store, sql, world } = surroundings;
  await retrying(() =>
    sql.transaction(async (tx) => {
      await store.lockIntent(tx, known.orderId);
      const dispute = await store.findDispute(tx, known.id);
      if (dispute === undefined) return;
      const over = expire(dispute, world.now());
      if (over !== dispute) await store.saveDispute(tx, over, world.now() + againMs, 'deadline', world.now());
    }),
  );
  await tellProvider(surroundings, known.id);
  const after = await store.findDispute(sql, known.id);
  if (after === undefined || after.closedAtMs !== undefined) return;
  const delayMs = Math.min(verdictEveryMs, againMs * 2 ** Math.min(tries, 9));
  const dueAtMs = dueOf(after, world.now()) ?? world.now();
  await store.setDisputeDue(sql, after.id, after.status === 'opened' ? dueAtMs : world.now() + delayMs);
}

/** Gives the provider what it has not confirmed, else asks how the dispute stands, and applies what it says. */
async function tellProvider(surroundings: PaymentsSurroundings, disputeId: string): Promise<void> {
  const { store, sql } = surroundings;
  const dispute = await store.findDispute(sql, disputeId);
  if (dispute === undefined || dispute.closedAtMs !== undefined) return;
  const { attemptId, reference: disputeReference, stage, pending, evidence } = dispute;
  const provider = providerNamed(surroundings, dispute.provider);
  const ref = { attemptId, disputeReference, stage };
  const said = await ask<DisputeFacts | undefined>(surroundings, { attemptId }, () => {
    if (pending === 'challenge') return provider.submitEvidence(ref, evidence);
    return pending === 'accept' ? provider.acceptDispute(ref) : provider.disputeStatus(ref);
  });
  if (said === undefined || 'kind' in said) return;
  const source = pending === '' ? 'sync' : 'answer';
  await retrying(() => sql.transaction((tx) => applyDispute(surroundings, tx, attemptId, said, source)));
}

const stages: Readonly<Record<DisputeStage, StageNumber>> = {
  pre_dispute: StageNumber.PRE_DISPUTE,
  dispute: StageNumber.DISPUTE,
  pre_arbitration: StageNumber.PRE_ARBITRATION,
};
const statuses: Readonly<Record<DisputeStatus, StatusNumber>> = {
  opened: StatusNumber.OPENED,
  challenged: StatusNumber.CHALLENGED,
  accepted: StatusNumber.ACCEPTED,
  expired: StatusNumber.EXPIRED,
  won: StatusNumber.WON,
  lost: StatusNumber.LOST,
};

function disputeMessage(surroundings: PaymentsSurroundings, dispute: Dispute, history: readonly StatusChange[] = []) {
  const money = (amountMinor: bigint) => ({ currency: dispute.currency, amountMinor });
  return {
    id: dispute.id,
    paymentId: dispute.attemptId,
    orderId: dispute.orderId,
    stage: stages[dispute.stage],
    status: statuses[dispute.status],
    amount: money(dispute.amountMinor),
    fee: money(dispute.feeMinor),
    reason: dispute.reason,
    evidence: dispute.evidence,
    openedAt: timestampFromMs(dispute.openedAtMs),
    provider: dispute.provider,
    providerReference: dispute.reference,
    simulated: isSimulated(surroundings, dispute.provider),
    ...(dispute.evidenceDueAtMs === undefined ? {} : { evidenceDueAt: timestampFromMs(dispute.evidenceDueAtMs) }),
    ...(dispute.closedAtMs === undefined ? {} : { closedAt: timestampFromMs(dispute.closedAtMs) }),
    history: history.map(({ status, because, atMs }) => ({
      status: statuses[status as DisputeStatus] ?? StatusNumber.UNSPECIFIED,
      because,
      at: timestampFromMs(atMs),
    })),
  };
}

export async function listDisputes(surroundings: PaymentsSurroundings, request: ListDisputesRequest) {
  const { store, sql } = surroundings;
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const status = (Object.keys(statuses) as DisputeStatus[]).find((word) => statuses[word] === request.status);
  const filter = { status, orderId: request.orderId };
  const rows = await store.listDisputes(sql, filter, placeOf(page.after), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    disputes: shown.map((each) => disputeMessage(surroundings, each)),
    nextPageToken: last === undefined ? '' : pageToken([new Date(last.openedAtMs).toISOString(), last.id]),
  };
}

export async function getDispute(surroundings: PaymentsSurroundings, { id }: Pick<GetDisputeRequest, 'id'>) {
  const { store, sql } = surroundings;
  const dispute = isId(id) ? await store.findDispute(sql, id) : undefined;
  if (dispute === undefined) return noDispute();
  return { dispute: disputeMessage(surroundings, dispute, await store.historyOf(sql, id)) };
}

function noDispute(): Refusal {
  return refuse('not_found', 'There is no such dispute.');
}

export function challengeDispute(surroundings: PaymentsSurroundings, { id, evidence }: ChallengeDisputeRequest) {
  return answerDispute(surroundings, id, (dispute) => decideChallenge(dispute, evidence, surroundings.world.now()));
}

export function acceptDispute(surroundings: PaymentsSurroundings, { id }: AcceptDisputeRequest) {
  return answerDispute(surroundings, id, (dispute) => decideAcceptance(dispute, surroundings.world.now()));
}

/** Written down first, then told to the provider; the answer says how it stands. */
async function answerDispute(
  surroundings: PaymentsSurroundings,
  id: string,
  decide: (dispute: Dispute) => Dispute | Refusal | undefined,
) {
  const { store, sql, world } = surroundings;
  if (!isId(id)) return noDispute();
  const decided = await refusableTransaction(sql, async (tx) => {
    const orderId = (await store.findDispute(tx, id))?.orderId;
    if (orderId === undefined) return noDispute();
    await store.lockIntent(tx, orderId);
    const dispute = await store.findDispute(tx, id);
    if (dispute === undefined) return noDispute();
    const answered = decide(dispute);
    if (answered === undefined || isRefusal(answered)) return answered ?? { changed: false };
    await store.saveDispute(tx, answered, dueOf(answered, world.now()), 'request', world.now());
    tx.afterCommit(surroundings.nudge);
    return { changed: true };
  });
  if (isRefusal(decided)) return decided;
  if (decided.changed) await tellProvider(surroundings, id);
  return getDispute(surroundings, { id });
}
