/** Asking the provider how an attempt stands. Only a provider that answers can settle it. */
import { retrying } from '@suuupra/platform/sql/sql';
import { applyHold } from './increments.ts';
import { applyOutcome, ask, raise } from './outcomes.ts';
import { type Attempt, nextSyncMs, syncPatienceMs } from './payment.ts';
import type { PaymentRef } from './provider.ts';
import type { DueAttempt } from './store.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';

/** From this try on an attempt that is still open is said in the log each time. */
const triesUnremarkable = 8;

/** What of an attempt a question names. */
type Asked = Pick<Attempt, 'id' | 'reference'> & Partial<Pick<Attempt, 'confirmByMs' | 'movedAtMs'>>;

/** How the provider is asked for an attempt: one that was confirmed later was sent later than its id says. */
export function refOf({ id: attemptId, reference, confirmByMs, movedAtMs }: Asked): PaymentRef {
  return confirmByMs === undefined ? { attemptId, reference } : { attemptId, reference, sentAtMs: movedAtMs };
}

/** Asks once; gives the attempt as it is then. Silence about a question is no news of the attempt. */
export async function syncOne(
  surroundings: PaymentsSurroundings,
  known: Asked & Pick<Attempt, 'provider'>,
): Promise<{ readonly before: Attempt | undefined; readonly after: Attempt | undefined; readonly said: string }> {
  const { sql, store } = surroundings;
  const { id: attemptId } = known;
  const provider = providerNamed(surroundings, known.provider);
  const said = await ask(surroundings, { attemptId }, async () => {
    return (await provider.status(refOf(known))) ?? ({ kind: 'never_heard_of' } as const);
  });
  return retrying(() =>
    sql.transaction(async (tx) => {
      const before = await store.findAttempt(tx, attemptId);
      if (said.kind === 'no_answer') return { before, after: before, said: said.kind };
      await applyHold(surroundings, tx, attemptId, said, 'sync');
      const after = await applyOutcome(surroundings, tx, attemptId, said, 'sync');
      return { before, after, said: said.kind };
    }),
  );
}

/**
 * One question of the sweep. What nobody can settle after a day is put before a person; it is asked about on, and never
 * taken for failed.
 */
export async function syncDue(surroundings: PaymentsSurroundings, due: DueAttempt): Promise<void> {
  const { sql, store, world, log } = surroundings;
  const known = await store.findAttempt(sql, due.id);
  if (known === undefined) return;
  const { before, after, said } = await syncOne(surroundings, known);
  if (after === undefined || after.status !== before?.status) return;
  await store.setSyncDue(sql, due.id, nextSyncMs(after, due.tries, world.now()));
  const isOpen = after.status === 'unknown' || after.status === 'processing';
  if (isOpen && world.now() - after.createdAtMs > syncPatienceMs)
    await raise(surroundings, sql, after, after.id, 'unresolved');
  if (isOpen && due.tries >= triesUnremarkable)
    log.warn('a payment is open for long', { attemptId: due.id, tries: due.tries, said });
}
