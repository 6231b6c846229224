/**
 * Where every word about a payment ends, whoever said it: the provider's answer, a webhook, a status sync. All take the
 * intent's lock and the same decision, so whichever comes first does it and the rest find it done.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type Attempt, type Decision, decideOutcome, nextSyncMs, type Said, type Source } from './payment.ts';
import { ProviderTimeout } from './provider.ts';
import type { Dispute } from './store.ts';
import type { PaymentsSurroundings } from './surroundings.ts';

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

/** Applies what is said about an attempt; gives the attempt as it is then, undefined when there is none of this id. */
export async function applyOutcome(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attemptId: string,
  said: Said,
  source: Source,
  cause?: EventCause,
): Promise<Attempt | undefined> {
  const { store, world } = surroundings;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || attempt === undefined) return undefined;
  const decision = decideOutcome(intent, attempt, said, source, world.now());
  await carryOut(surroundings, tx, decision, { attempt, buyerId: intent.buyerId }, source, cause);
  return decision.kind === 'nothing' || decision.kind === 'contradicts' ? attempt : decision.attempt;
}

async function carryOut(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  decision: Decision,
  before: { readonly attempt: Attempt; readonly buyerId: string },
  source: Source,
  cause: EventCause | undefined,
): Promise<void> {
  const { store, world, log } = surroundings;
  const publish = surroundings.publishIn(tx);
  switch (decision.kind) {
    case 'nothing':
      return;
    case 'contradicts':
      log.error('the provider takes back a success', { attemptId: before.attempt.id, source });
      return;
    case 'moves': {
      const { attempt } = decision;
      await store.saveAttempt(tx, attempt, nextSyncMs(attempt, 0, world.now()), source);
      tx.afterCommit(surroundings.nudge);
      if (attempt.status === 'failed') {
        const code = attempt.failure?.code ?? '';
        const { buyerId } = before;
        await publish(PaymentFailedSchema, { paymentId: attempt.id, orderId: attempt.orderId, code, buyerId }, cause);
      }
      break;
    }
    case 'captures': {
      const { attempt, intent } = decision;
      await store.saveIntent(tx, intent);
      await store.saveAttempt(tx, attempt, undefined, source);
      const succeededAt = timestampFromMs(attempt.settledAtMs ?? world.now());
      await publish(PaymentSucceededSchema, { ...factOf(attempt), succeededAt }, cause);
      break;
    }
    case 'late':
      return returnLate(surroundings, tx, before.attempt, decision.attempt, source, cause);
  }
  tx.afterCommit(() => surroundings.count(`attempt_${decision.attempt.status}`));
}

/** Money for an attempt that is over goes back by itself: reserved here, sent by the sweep. */
async function returnLate(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  before: Attempt,
  attempt: Attempt,
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
    amountMinor: attempt.amountMinor,
    status: 'pending',
    failureCode: '',
    createdAtMs: world.now(),
  } as const;
  if (!(await store.insertRefund(tx, refund, world.now()))) return;
  log.warn('a payment came too late and goes back', { attemptId: attempt.id, orderId: attempt.orderId });
  await surroundings.publishIn(tx)(LatePaymentReceivedSchema, factOf(attempt), cause);
  tx.afterCommit(() => surroundings.count('late_payment'));
  tx.afterCommit(surroundings.nudge);
}

function factOf(attempt: Attempt) {
  return {
    paymentId: attempt.id,
    orderId: attempt.orderId,
    amount: { currency: attempt.currency, amountMinor: attempt.amountMinor },
    provider: attempt.provider,
  };
}

/** Writes a dispute down. False while the payment it is about is not known here, or not known to have succeeded. */
export async function applyDispute(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  opened: Omit<Dispute, 'orderId' | 'openedAtMs'>,
): Promise<boolean> {
  const { store, world } = surroundings;
  const intent = await store.lockIntentOfAttempt(tx, opened.attemptId);
  const attempt = await store.findAttempt(tx, opened.attemptId);
  if (intent === undefined || attempt === undefined) return false;
  if (attempt.status !== 'succeeded') {
    // What was paid is news to us: ask the provider at once.
    await store.setSyncDue(tx, attempt.id, world.now());
    return false;
  }
  const dispute: Dispute = { ...opened, orderId: intent.orderId, openedAtMs: world.now() };
  if (!(await store.insertDispute(tx, dispute))) return true;
  const amount = { currency: dispute.currency, amountMinor: dispute.amountMinor };
  await surroundings.publishIn(tx)(DisputeOpenedSchema, { ...factOf(attempt), amount, disputeId: dispute.id });
  tx.afterCommit(() => surroundings.count('dispute_opened'));
  return true;
}
