/**
 * Where every word about a payment ends, whoever said it: the provider's answer, a webhook, a status sync. All take the
 * intent's lock and the same decision, so whichever comes first does it and the rest find it done.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  LatePaymentReceivedSchema,
  PaymentAuthorizedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import {
  type Attempt,
  type Decision,
  decideOutcome,
  type Intent,
  nextSyncMs,
  type Said,
  type Source,
  withFacts,
} from './payment.ts';
import { ofBrand, ProviderTimeout } from './provider.ts';
import { findProvider, type PaymentsSurroundings } from './surroundings.ts';

/** How long a request to the provider may take before its outcome counts as unknown. Below the deadline of our callers. */
export const providerMsMax = 3_000;

/** The provider's answer; silence and every fault of the call mean `no_answer`: the request may have had its effect. */
export async function ask<T>(
  surroundings: PaymentsSurroundings,
  about: { readonly attemptId?: string; readonly refundId?: string },
  call: () => Promise<T>,
): Promise<T | { readonly kind: 'no_answer' }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProviderTimeout('the provider did not answer in time')), providerMsMax);
  });
  try {
    return await Promise.race([call(), late]);
  } catch (error) {
    surroundings.count('provider_no_answer');
    if (error instanceof ProviderTimeout) surroundings.log.warn('the provider did not answer', { ...about });
    else surroundings.log.error('a call to the provider failed', { ...about, error });
    return { kind: 'no_answer' };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a failure is told to the others: not while the same request of the payer goes on with another try. */
export type Telling = 'tell' | 'keep_failure';

/** Applies what is said about an attempt; gives the attempt as it is then, undefined when there is none of this id. */
export async function applyOutcome(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attemptId: string,
  said: Said,
  source: Source,
  cause?: EventCause,
  telling: Telling = 'tell',
): Promise<Attempt | undefined> {
  const { store, world } = surroundings;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const known = await store.findAttempt(tx, attemptId);
  if (intent === undefined || known === undefined) return undefined;
  const attempt = withFacts(known, 'facts' in said ? said.facts : undefined);
  const decision = decideOutcome(intent, attempt, withHoldEnd(surroundings, attempt, said), source, world.now());
  if (!savesAttempt(decision) && factsDiffer(known, attempt)) await store.saveFacts(tx, attempt);
  await carryOut(surroundings, tx, decision, { attempt, intent }, source, { cause, telling });
  return decision.kind === 'nothing' || decision.kind === 'contradicts' ? attempt : decision.attempt;
}

/** An authorization of which the provider does not say how long it holds, holds as long as its kind usually does. */
function withHoldEnd(surroundings: PaymentsSurroundings, attempt: Attempt, said: Said): Said {
  if (said.kind !== 'authorized' || said.capturableUntilMs !== undefined) return said;
  const { authorizationMs = {} } = findProvider(surroundings, attempt.provider)?.capabilities ?? {};
  const usualMs = ofBrand(authorizationMs[attempt.method], attempt.card?.brand) ?? 0;
  return { ...said, capturableUntilMs: attempt.capturableUntilMs ?? surroundings.world.now() + usualMs };
}

/** Whether carrying it out writes the attempt with what the provider said of it. */
function savesAttempt({ kind }: Decision): boolean {
  return kind === 'moves' || kind === 'authorizes' || kind === 'captures';
}

function factsDiffer(before: Attempt, after: Attempt): boolean {
  return (
    before.reference !== after.reference ||
    before.feeMinor !== after.feeMinor ||
    before.capturableMaxMinor !== after.capturableMaxMinor ||
    before.incrementable !== after.incrementable ||
    JSON.stringify([before.card, before.authentication]) !== JSON.stringify([after.card, after.authentication])
  );
}

/** Does what was decided about an attempt, under the intent's lock. */
export async function carryOut(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  decision: Decision,
  before: { readonly attempt: Attempt; readonly intent: Intent },
  source: Source,
  how: { readonly cause?: EventCause | undefined; readonly telling?: Telling } = {},
): Promise<void> {
  const { store, world, log } = surroundings;
  const publish = surroundings.publishIn(tx);
  switch (decision.kind) {
    case 'nothing':
      return;
    case 'contradicts':
      log.error('the provider takes back a success', { attemptId: before.attempt.id, source });
      return raise(surroundings, tx, before.attempt, before.attempt.id, 'success_taken_back');
    case 'moves':
      await saveMoved(surroundings, tx, decision.attempt, source);
      if (decision.attempt.status === 'failed')
        await tellFailure(surroundings, tx, decision.attempt, before.intent, how);
      break;
    case 'authorizes': {
      const { attempt } = decision;
      await saveMoved(surroundings, tx, attempt, source);
      const capturableUntil = timestampFromMs(attempt.capturableUntilMs ?? world.now());
      await publish(PaymentAuthorizedSchema, { ...factOf(attempt), capturableUntil }, how.cause);
      break;
    }
    case 'captures': {
      const { attempt, intent } = decision;
      await store.saveIntent(tx, intent);
      await store.saveAttempt(tx, attempt, undefined, source);
      await publish(PaymentSucceededSchema, successOf(attempt, world.now()), how.cause);
      break;
    }
    case 'releases': {
      const { attempt } = decision;
      if (attempt.status !== before.attempt.status) await store.saveAttempt(tx, attempt, undefined, source);
      if (attempt.status === 'failed' && before.attempt.status !== 'failed')
        await tellFailure(surroundings, tx, attempt, before.intent, how);
      await release(surroundings, tx, attempt);
      break;
    }
    case 'late':
      return returnLate(surroundings, tx, before.attempt, decision, source, how.cause);
  }
  tx.afterCommit(() => surroundings.count(`attempt_${decision.attempt.status}`));
}

async function saveMoved(
  { store, world, nudge }: PaymentsSurroundings,
  tx: SqlTransaction,
  attempt: Attempt,
  source: Source,
): Promise<void> {
  await store.saveAttempt(tx, attempt, nextSyncMs(attempt, 0, world.now()), source);
  tx.afterCommit(nudge);
}

async function tellFailure(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attempt: Attempt,
  intent: Intent,
  how: { readonly cause?: EventCause | undefined; readonly telling?: Telling },
): Promise<void> {
  await surroundings.risk.markFailed(tx, attempt.id);
  if (how.telling === 'keep_failure') return;
  const { id: paymentId, orderId } = attempt;
  const code = attempt.failure?.code ?? '';
  const fact = { paymentId, orderId, code, buyerId: intent.buyerId };
  await surroundings.publishIn(tx)(PaymentFailedSchema, fact, how.cause);
}

/** Has the provider give back what it holds: reserved here, sent by the sweep until it is heard. */
export async function release(surroundings: PaymentsSurroundings, tx: SqlTransaction, attempt: Attempt): Promise<void> {
  const { store, world } = surroundings;
  const { id: attemptId, orderId } = attempt;
  const order = { id: world.id('voi'), orderId, attemptId, createdAtMs: world.now() };
  if (await store.insertRelease(tx, order, world.now())) tx.afterCommit(surroundings.nudge);
}

/** Puts something into the queue of what a person has to see to. */
export async function raise(
  surroundings: PaymentsSurroundings,
  tx: SqlExecutor,
  about: Pick<Attempt, 'id' | 'orderId'>,
  subjectId: string,
  because: string,
): Promise<void> {
  const { store, world } = surroundings;
  const { id: attemptId, orderId } = about;
  const sinceMs = world.now();
  const raised = { id: world.id('att'), orderId, attemptId, subjectId, because, sinceMs, closedBy: '', note: '' };
  await store.raiseAttention(tx, raised);
  surroundings.count(`attention_${because}`);
}

/** Money for an attempt that is over goes back by itself: reserved here, sent by the sweep. */
async function returnLate(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  before: Attempt,
  { attempt, amountMinor }: { readonly attempt: Attempt; readonly amountMinor: bigint },
  source: Source,
  cause: EventCause | undefined,
): Promise<void> {
  const { store, world, log } = surroundings;
  if (attempt.status !== before.status) await store.saveAttempt(tx, attempt, undefined, source);
  const refund = {
    id: world.id('rfd'),
    orderId: attempt.orderId,
    attemptId: attempt.id,
    kind: 'late',
    currency: attempt.currency,
    amountMinor,
    status: 'pending',
    failureCode: '',
    reference: '',
    createdAtMs: world.now(),
  } as const;
  if (!(await store.insertRefund(tx, refund, world.now()))) return;
  log.warn('a payment came too late and goes back', { attemptId: attempt.id, orderId: attempt.orderId });
  const amount = { currency: attempt.currency, amountMinor };
  await surroundings.publishIn(tx)(LatePaymentReceivedSchema, { ...factOf(attempt), amount }, cause);
  tx.afterCommit(() => surroundings.count('late_payment'));
  tx.afterCommit(surroundings.nudge);
}

export function factOf(attempt: Attempt) {
  return {
    paymentId: attempt.id,
    orderId: attempt.orderId,
    amount: { currency: attempt.currency, amountMinor: attempt.amountMinor },
    provider: attempt.provider,
  };
}

/** What was captured in the end, which may be less than what was asked for. */
function successOf(attempt: Attempt, nowMs: number) {
  const { currency, capturedMinor, feeMinor, method } = attempt;
  return {
    ...factOf(attempt),
    amount: { currency, amountMinor: capturedMinor },
    method,
    succeededAt: timestampFromMs(attempt.settledAtMs ?? nowMs),
    ...(feeMinor === undefined ? {} : { providerFee: { currency, amountMinor: feeMinor } }),
  };
}
