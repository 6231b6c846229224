/** What an authorization may be raised to before it is captured (incremental authorization). Pure. */
import { amountText } from '@suuupra/platform/money';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type CaptureSums, capturableMinor } from './capture.ts';
import type { Attempt } from './payment.ts';
import { type IncrementOutcome, ofBrand, type ProviderCapabilities } from './provider.ts';

export interface Increment {
  /** The provider's idempotency key. */
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  readonly currency: string;
  /** What was held before, and what is held in all when it succeeds. */
  readonly fromMinor: bigint;
  readonly toMinor: bigint;
  readonly status: 'pending' | 'succeeded' | 'failed';
  readonly failureCode: string;
  readonly createdAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** Stripe takes ten for one payment, declined ones included; what a bank declined ten times it does not grant. */
export const incrementsMax = 10;

export function isPending({ status }: Pick<Increment, 'status'>): boolean {
  return status === 'pending';
}

/** An authorization with all that was ever asked of it. Exact under the intent's lock. */
export interface Raisable {
  readonly attempt: Attempt;
  readonly sums: CaptureSums;
  readonly increments: readonly Increment[];
  readonly provider: ProviderCapabilities;
}

/** Whether this authorization can be raised: as the provider said with it, else as it declares for the card's brand. */
export function isIncrementable(attempt: Attempt, provider: ProviderCapabilities): boolean {
  return (
    attempt.incrementable ?? ofBrand(provider.incrementalAuthorization[attempt.method], attempt.card?.brand) ?? false
  );
}

/** The total to hold, or why not. Never more than the order costs. Without an amount just that. */
export function decideIncrement(
  { attempt, sums, increments, provider }: Raisable,
  orderMinor: bigint,
  wanted: { readonly currency: string; readonly amountMinor: bigint } | undefined,
  nowMs: number,
): { readonly fromMinor: bigint; readonly toMinor: bigint } | Refusal {
  if (attempt.status !== 'requires_capture')
    return refuse('not_capturable', 'The payment has nothing authorized that could be raised.');
  if (attempt.capturableUntilMs === undefined || nowMs >= attempt.capturableUntilMs)
    return refuse('not_capturable', 'The authorization has lapsed.');
  if (sums.pendingMinor + sums.succeededMinor > 0n)
    return refuse('not_capturable', 'Something of the authorization is captured already.');
  if (increments.some(isPending))
    return refuse('payment_in_progress', "The payer's bank is being asked to hold more; wait for its answer.");
  if (!isIncrementable(attempt, provider))
    return refuse('not_capturable', 'An authorization of this card cannot be raised at its provider.');
  if (increments.length >= incrementsMax)
    return refuse('not_capturable', `An authorization is raised at most ${incrementsMax} times.`);
  if (wanted !== undefined && wanted.currency !== attempt.currency)
    return amountRefused(`The payment was authorized in ${attempt.currency}.`);
  const toMinor = wanted?.amountMinor ?? orderMinor;
  if (toMinor <= attempt.amountMinor)
    return amountRefused(`${amountText(attempt.currency, attempt.amountMinor)} is held already.`);
  if (toMinor > orderMinor)
    return amountRefused(`The order costs ${amountText(attempt.currency, orderMinor)}: no more is held for it.`);
  return { fromMinor: attempt.amountMinor, toMinor };
}

function amountRefused(detail: string): Refusal {
  return refuse('amount_invalid', detail, [{ field: 'amount', code: 'not_allowed', detail }]);
}

export type Revision =
  /** The order may cost this from now on. */
  | { readonly kind: 'fits' }
  /** A raise is on its way: its answer first. */
  | { readonly kind: 'waits'; readonly increment: Increment }
  | { readonly kind: 'raises'; readonly fromMinor: bigint; readonly toMinor: bigint };

/**
 * Whether an order of which this is authorized may cost another amount. Less is captured in part; more goes as far as the
 * provider lets a capture go beyond the hold, and from there the hold is raised first.
 */
export function decideRevision(held: Raisable, totalMinor: bigint, nowMs: number): Revision | Refusal {
  const { attempt, sums, increments, provider } = held;
  const pending = increments.find(isPending);
  if (pending !== undefined) return { kind: 'waits', increment: pending };
  const isTouched = sums.pendingMinor + sums.succeededMinor > 0n;
  if (attempt.status !== 'requires_capture' || isTouched || totalMinor <= 0n)
    return refuse('payment_in_progress', 'A payment of this order is authorized and waits to be captured.');
  if (totalMinor < attempt.amountMinor && !provider.partialCapture)
    return refuse('payment_in_progress', 'What is authorized of this order is captured wholly or released.');
  if (totalMinor <= capturableMinor(attempt, provider)) return { kind: 'fits' };
  const currency = attempt.currency;
  const raised = decideIncrement(held, totalMinor, { currency, amountMinor: totalMinor }, nowMs);
  if (isRefusal(raised)) return refuse('payment_in_progress', raised.detail);
  return { kind: 'raises', ...raised };
}

/**
 * The raise that a hold of this amount answers: the one on its way, when as much as it asked for is held, or one that was
 * taken for failed and of which just as much is held. Less says nothing: until it is captured a hold only grows, so that
 * word is an old one.
 */
export function raiseHeld(increments: readonly Increment[], heldMinor: bigint): Increment | undefined {
  const pending = increments.find(isPending);
  if (pending !== undefined) return pending.toMinor <= heldMinor ? pending : undefined;
  const isGranted = increments.some(({ status, toMinor }) => status === 'succeeded' && toMinor >= heldMinor);
  return isGranted ? undefined : increments.find(({ toMinor }) => toMinor === heldMinor);
}

export type IncrementDecision =
  | { readonly kind: 'nothing' }
  /** The raise was settled before, and of the hold that it made is said more. */
  | { readonly kind: 'learns'; readonly attempt: Attempt }
  /** `attempt` holds the new amount, when there is still an authorization to hold it. */
  | { readonly kind: 'settles'; readonly increment: Increment; readonly attempt: Attempt | undefined }
  | { readonly kind: 'contradicts' };

/** What becomes of a raise by what is said about it; `attempt` is with the facts that were said with it. */
export function decideIncrementOutcome(
  increment: Increment,
  attempt: Attempt,
  outcome: IncrementOutcome,
  nowMs: number,
): IncrementDecision {
  if (outcome.kind === 'pending') return { kind: 'nothing' };
  if (outcome.kind === increment.status) return decideAgain(increment, attempt, outcome);
  if (increment.status !== 'pending') return { kind: 'contradicts' };
  const failureCode = outcome.kind === 'failed' ? outcome.code : '';
  const settled: Increment = { ...increment, status: outcome.kind, failureCode, settledAtMs: nowMs };
  const holdsMore = outcome.kind === 'succeeded' && attempt.status === 'requires_capture';
  if (!holdsMore) return { kind: 'settles', increment: settled, attempt: undefined };
  const { toMinor: amountMinor } = increment;
  const capturableUntilMs = outcome.capturableUntilMs ?? attempt.capturableUntilMs;
  return { kind: 'settles', increment: settled, attempt: { ...attempt, amountMinor, capturableUntilMs } };
}

/** The answer says of the new hold what the webhook that overtook it did not; not once another raise has changed it. */
function decideAgain(increment: Increment, attempt: Attempt, outcome: IncrementOutcome): IncrementDecision {
  if (outcome.kind !== 'succeeded') return { kind: 'nothing' };
  const isOfNow = attempt.status === 'requires_capture' && attempt.amountMinor === increment.toMinor;
  const capturableUntilMs = outcome.capturableUntilMs ?? attempt.capturableUntilMs;
  const isNews = outcome.facts !== undefined || capturableUntilMs !== attempt.capturableUntilMs;
  return isOfNow && isNews ? { kind: 'learns', attempt: { ...attempt, capturableUntilMs } } : { kind: 'nothing' };
}
