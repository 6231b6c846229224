/**
 * Finishes what requests leave unfinished: webhooks that are kept, attempts whose outcome nobody has told, refunds on
 * their way. What is due is kept in the database, so a restart forgets nothing.
 */

import { retrying } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import { applyOutcome, ask } from './outcomes.ts';
import { nextSyncMs } from './payment.ts';
import { sendRefund } from './refunds.ts';
import type { DueAttempt, DueRefund } from './store.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';
import { applyDueWebhook } from './webhooks.ts';

/** Webhooks applied in one round, one after the other. */
const webhooksMax = 50;
/** Calls to the provider in one round, at the same time. */
const callsMax = 10;
/** What was taken comes back after this time if we die with it: longer than a call to the provider may last. */
const leaseMs = 15_000;
const refundFirstMs = 10_000;
const refundMostMs = 3_600_000;
/** From this try on an attempt or refund that is still open is said in the log each time. */
const triesUnremarkable = 8;
const webhooksKeptMs = 30 * 24 * 3_600_000;
const pruneEveryMs = 3_600_000;
const pruneMax = 1_000;

/** One round of the sweep; tells when something is due next. Keep the function: it remembers when it last pruned. */
export function sweepOf(surroundings: PaymentsSurroundings): () => Promise<number | undefined> {
  const { sql, store, world } = surroundings;
  let prunedAtMs = 0;
  return async () => {
    for (let applied = 0; applied < webhooksMax && (await applyDueWebhook(surroundings)); ) applied += 1;
    const untilMs = world.now() + leaseMs;
    const attempts = await store.takeDueAttempts(sql, world.now(), untilMs, callsMax);
    await Promise.all(attempts.map((due) => tolerantly(surroundings, due.id, () => syncAttempt(surroundings, due))));
    const refunds = await store.takeDueRefunds(sql, world.now(), untilMs, callsMax);
    await Promise.all(
      refunds.map((due) => tolerantly(surroundings, due.refund.id, () => resendRefund(surroundings, due))),
    );
    if (world.now() - prunedAtMs > pruneEveryMs) {
      await store.pruneWebhooks(sql, world.now() - webhooksKeptMs, pruneMax);
      prunedAtMs = world.now();
    }
    return store.nextDueMs(sql);
  };
}

/** One that fails keeps no other from being done; its lease brings it back. */
async function tolerantly(surroundings: PaymentsSurroundings, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    surroundings.log.error('something due of payments will be tried again', { id, error });
  }
}

/** Asks the provider how an attempt stands. Only a provider that answers can settle it. */
async function syncAttempt(surroundings: PaymentsSurroundings, due: DueAttempt): Promise<void> {
  const { sql, store, world, log } = surroundings;
  const provider = providerNamed(surroundings, due.provider);
  const said = await ask(surroundings, { attemptId: due.id }, async () => {
    return (await provider.status(due.id)) ?? ({ kind: 'never_heard_of' } as const);
  });
  await retrying(() =>
    sql.transaction(async (tx) => {
      const before = await store.findAttempt(tx, due.id);
      // Silence about a question is no news of the attempt.
      const attempt = said.kind === 'no_answer' ? before : await applyOutcome(surroundings, tx, due.id, said, 'sync');
      if (attempt === undefined || attempt.status !== before?.status) return;
      await store.setSyncDue(tx, due.id, nextSyncMs(attempt, due.tries, world.now()));
    }),
  );
  if (due.tries >= triesUnremarkable)
    log.warn('a payment is open for long', { attemptId: due.id, tries: due.tries, said: said.kind });
}

async function resendRefund(surroundings: PaymentsSurroundings, due: DueRefund): Promise<void> {
  const { sql, store, world, log } = surroundings;
  const refund = await sendRefund(surroundings, due.refund);
  if (refund.status !== 'pending') return;
  const delayMs = backOffMs(due.tries, refundFirstMs, refundMostMs, world.random);
  await store.setRefundDue(sql, refund.id, world.now() + delayMs);
  if (due.tries >= triesUnremarkable)
    log.warn('a refund is pending for long', { refundId: refund.id, tries: due.tries });
}
