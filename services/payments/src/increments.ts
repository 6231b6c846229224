/**
 * Having the payer's bank hold more of what is authorized: reserved under the intent's lock, sent to the provider outside
 * any transaction under an id of its own, settled by its answer, a webhook or the sweep, whichever is first. Until it is
 * known the payment is not captured and not raised again.
 */
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { decideIncrement, decideIncrementOutcome, type Increment, type Raisable, raiseHeld } from './increment.ts';
import { ask, raise } from './outcomes.ts';
import { type Attempt, nextSyncMs, type Said, type Source, withFacts } from './payment.ts';
import type { IncrementOutcome, Provider } from './provider.ts';
import { type PaymentsSurroundings, providerNamed } from './surroundings.ts';

/** A raise whose request died before the provider's answer was written down is sent again after this time. */
const resendMs = 10_000;

/** The authorization with all that was ever asked of it, under the intent's lock. */
export async function raisable(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attempt: Attempt,
): Promise<Raisable> {
  const { store } = surroundings;
  const sums = await store.captureSums(tx, attempt.id);
  const increments = await store.incrementsOf(tx, attempt.id);
  return { attempt, sums, increments, provider: providerNamed(surroundings, attempt.provider).capabilities };
}

export interface IncrementWish {
  readonly incrementId: string;
  readonly attemptId: string;
  /** What is to be held in all; absent: what the order costs. */
  readonly amount: { readonly currency: string; readonly amountMinor: bigint } | undefined;
}

/** Idempotent by the increment's id. */
export async function reserveIncrement(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  { incrementId, attemptId, amount }: IncrementWish,
): Promise<Increment | Refusal> {
  const { store, world } = surroundings;
  const intent = await store.lockIntentOfAttempt(tx, attemptId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (intent === undefined || attempt === undefined) return refuse('not_found', 'There is no such payment.');
  const known = await store.findIncrement(tx, incrementId);
  if (known !== undefined) return known;
  // Before it is confirmed it has no provider that could say what it can.
  if (attempt.status !== 'requires_capture')
    return refuse('not_capturable', 'The payment has nothing authorized that could be raised.');
  const held = await raisable(surroundings, tx, attempt);
  const decided = decideIncrement(held, intent.amountMinor, amount, world.now());
  return isRefusal(decided) ? decided : insertIncrement(surroundings, tx, incrementId, attempt, decided);
}

/** The row, durable before the provider hears of it. */
export async function insertIncrement(
  { store, world, nudge }: PaymentsSurroundings,
  tx: SqlTransaction,
  id: string,
  { id: attemptId, orderId, currency }: Attempt,
  { fromMinor, toMinor }: Pick<Increment, 'fromMinor' | 'toMinor'>,
): Promise<Increment> {
  const createdAtMs = world.now();
  const about = { id, orderId, attemptId, currency, fromMinor, toMinor, createdAtMs };
  const increment: Increment = { ...about, status: 'pending', failureCode: '' };
  await store.insertIncrement(tx, increment, createdAtMs + resendMs);
  tx.afterCommit(nudge);
  return increment;
}

/** Asks the provider for it, and gives the raise as it is then: `pending` when the answer is lost. */
export async function sendIncrement(surroundings: PaymentsSurroundings, increment: Increment): Promise<Increment> {
  const { store, sql } = surroundings;
  const { id, attemptId } = increment;
  const attempt = await store.findAttempt(sql, attemptId);
  if (attempt === undefined) throw new Error(`the attempt ${attemptId} is gone`);
  const outcome = await answerTo(surroundings, increment, attempt);
  const settled = await retrying(() =>
    sql.transaction((tx) => applyIncrementOutcome(surroundings, tx, id, outcome, 'answer')),
  );
  if (settled === undefined) throw new Error(`the increment ${id} is gone`);
  return settled;
}

/** The same request while the provider keeps its key; from then on only how much is held says what came of it. */
async function answerTo(
  surroundings: PaymentsSurroundings,
  increment: Increment,
  attempt: Attempt,
): Promise<IncrementOutcome> {
  const { sql, world } = surroundings;
  const { id: incrementId, attemptId, currency, toMinor: authorizedMinor } = increment;
  const { reference } = attempt;
  const provider = providerNamed(surroundings, attempt.provider);
  if (world.now() - increment.createdAtMs < provider.capabilities.keyRetentionMs) {
    const wish = { incrementId, attemptId, reference, currency, authorizedMinor };
    const said = await ask(surroundings, { attemptId }, () => provider.increment(wish));
    return said.kind === 'no_answer' ? { kind: 'pending' } : said;
  }
  const held = await heldNow(surroundings, provider, attempt);
  if (held === undefined) await raise(surroundings, sql, attempt, incrementId, 'unresolved');
  if (held === undefined) return { kind: 'pending' };
  return held >= authorizedMinor ? { kind: 'succeeded' } : { kind: 'failed', code: 'not_raised' };
}

/** What the provider holds by its own word; 0 when it holds nothing any more, undefined when it does not say. */
async function heldNow(
  surroundings: PaymentsSurroundings,
  provider: Provider,
  { id: attemptId, reference }: Attempt,
): Promise<bigint | undefined> {
  const said = await ask(surroundings, { attemptId }, async () => {
    return (await provider.status({ attemptId, reference })) ?? ({ kind: 'no_answer' } as const);
  });
  if (said.kind === 'no_answer') return undefined;
  return said.kind === 'authorized' ? said.authorizedMinor : 0n;
}

/**
 * Settles a raise by what the provider says it holds for the payment, where it tells of the payment and not of the raise.
 * Before `applyOutcome` of the same words: that writes the attempt, which has its new amount then.
 */
export async function applyHold(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  attemptId: string,
  said: Said,
  source: Source,
): Promise<void> {
  if (said.kind !== 'authorized' || said.authorizedMinor === undefined) return;
  const { store } = surroundings;
  await store.lockIntentOfAttempt(tx, attemptId);
  const raised = raiseHeld(await store.incrementsOf(tx, attemptId), said.authorizedMinor);
  if (raised === undefined) return;
  const { capturableUntilMs, facts } = said;
  const until = capturableUntilMs === undefined ? {} : { capturableUntilMs };
  const outcome = { kind: 'succeeded', ...until, ...(facts === undefined ? {} : { facts }) } as const;
  await applyIncrementOutcome(surroundings, tx, raised.id, outcome, source);
}

/** Applies what is said about a raise; gives it as it is then, undefined when there is none of this id. */
export async function applyIncrementOutcome(
  surroundings: PaymentsSurroundings,
  tx: SqlTransaction,
  incrementId: string,
  outcome: IncrementOutcome,
  source: Source,
): Promise<Increment | undefined> {
  const { store, world } = surroundings;
  const attemptId = (await store.findIncrement(tx, incrementId))?.attemptId;
  if (attemptId === undefined) return undefined;
  await store.lockIntentOfAttempt(tx, attemptId);
  const increment = await store.findIncrement(tx, incrementId);
  const attempt = await store.findAttempt(tx, attemptId);
  if (increment === undefined || attempt === undefined) return undefined;
  const facts = outcome.kind === 'succeeded' ? outcome.facts : undefined;
  const decision = decideIncrementOutcome(increment, withFacts(attempt, facts), outcome, world.now());
  if (decision.kind === 'nothing') return increment;
  if (decision.kind === 'contradicts') {
    await raise(surroundings, tx, attempt, incrementId, 'contradiction');
    return increment;
  }
  if (decision.attempt !== undefined)
    await store.saveAttempt(tx, decision.attempt, nextSyncMs(decision.attempt, 0, world.now()), source);
  if (decision.kind === 'learns') return increment;
  await store.saveIncrement(tx, decision.increment, source);
  tx.afterCommit(() => surroundings.count(`increment_${decision.increment.status}`));
  return decision.increment;
}
