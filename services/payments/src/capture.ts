/** What may be taken of an authorization. Pure. */
import { amountText } from '@suuupra/platform/money';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { Attempt } from './payment.ts';
import { type CaptureOutcome, ofBrand, type ProviderCapabilities } from './provider.ts';

export interface Capture {
  readonly id: string;
  readonly orderId: string;
  readonly attemptId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Nothing more will be captured: the rest of the authorization is released. */
  readonly final: boolean;
  readonly status: 'pending' | 'succeeded' | 'failed';
  readonly failureCode: string;
  readonly createdAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** What is already spoken for of an authorization. */
export interface CaptureSums {
  readonly pendingMinor: bigint;
  readonly succeededMinor: bigint;
  /** A capture that is pending or made is the last one. */
  readonly isFinal: boolean;
}

/** An authorization as a capture finds it. */
export interface Held {
  readonly attempt: Attempt;
  /** What its order costs. */
  readonly orderMinor: bigint;
  /** A raise of it is on its way: what is held is not known. */
  readonly isIncrementing: boolean;
}

/** The most that the provider lets be captured: what was authorized, and what may go beyond it. */
export function capturableMinor(
  attempt: Attempt,
  provider: Pick<ProviderCapabilities, 'overCaptureBasisPoints'>,
): bigint {
  const { amountMinor, capturableMaxMinor, method, card } = attempt;
  const basisPoints = BigInt(ofBrand(provider.overCaptureBasisPoints[method], card?.brand) ?? 0);
  const mostMinor = capturableMaxMinor ?? amountMinor + (amountMinor * basisPoints) / 10_000n;
  return mostMinor > amountMinor ? mostMinor : amountMinor;
}

/**
 * The amount to capture, or why not. In all never more than the order costs, whatever is held (M29), and never more than
 * the provider allows (M19). Without an amount all that is left of the smaller of the two.
 */
export function decideCapture(
  { attempt, orderMinor, isIncrementing }: Held,
  sums: CaptureSums,
  wanted: { readonly currency: string; readonly amountMinor: bigint } | undefined,
  isFinal: boolean,
  provider: ProviderCapabilities,
  nowMs: number,
): { readonly amountMinor: bigint; readonly final: boolean } | Refusal {
  if (attempt.status !== 'requires_capture' || sums.isFinal)
    return refuse('not_capturable', 'The payment has nothing authorized that could be captured.');
  if (attempt.capturableUntilMs === undefined || nowMs >= attempt.capturableUntilMs)
    return refuse('not_capturable', 'The authorization has lapsed.');
  if (isIncrementing)
    return refuse('not_capturable', "The payer's bank is being asked to hold more; ask again in a moment.");
  if (wanted !== undefined && wanted.currency !== attempt.currency)
    return refuse('not_capturable', `The payment was authorized in ${attempt.currency}.`);
  const takenMinor = sums.pendingMinor + sums.succeededMinor;
  const capMinor = capturableMinor(attempt, provider);
  const wholeMinor = capMinor < orderMinor ? capMinor : orderMinor;
  const amountMinor = wanted?.amountMinor ?? wholeMinor - takenMinor;
  if (amountMinor <= 0n) return refuse('amount_invalid', 'A capture is of more than nothing.');
  const mostMinor = wholeMinor - takenMinor;
  if (amountMinor > mostMinor)
    return refuse(
      'capture_exceeds_authorized',
      `At most ${amountText(attempt.currency, mostMinor < 0n ? 0n : mostMinor)} is left.`,
    );
  const isAll = takenMinor + amountMinor >= wholeMinor;
  if (takenMinor + amountMinor < attempt.amountMinor && !provider.partialCapture)
    return refuse('not_capturable', 'This provider captures the whole amount or nothing.');
  // Where one capture is all there is, it is the last.
  return { amountMinor, final: isFinal || isAll || !provider.multipleCapture };
}

export type CaptureDecision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'settles'; readonly capture: Capture }
  | { readonly kind: 'contradicts' };

export function decideCaptureOutcome(capture: Capture, outcome: CaptureOutcome, nowMs: number): CaptureDecision {
  if (outcome.kind === 'pending' || outcome.kind === capture.status) return { kind: 'nothing' };
  if (capture.status !== 'pending') return { kind: 'contradicts' };
  const failureCode = outcome.kind === 'failed' ? outcome.code : '';
  return { kind: 'settles', capture: { ...capture, status: outcome.kind, failureCode, settledAtMs: nowMs } };
}
