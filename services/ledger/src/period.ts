/**
 * What a sealed period allows. Pure.
 *
 * Sealing says: all that happened before this time is in the book. What is told later with an earlier time is never
 * accepted silently. A person who books it is refused and can choose a date of the open period. A fact that another
 * service tells (money did move) is booked in the open period, and its journal says when it really happened.
 */

export type PeriodPolicy = 'refuse' | 'book_in_open_period';

export interface PlaceInPeriod {
  /** End of the last sealed period, microseconds since the epoch; 0 when none is sealed. */
  readonly sealedUntilUs: bigint;
  /** When it happened. */
  readonly effectiveAtUs: bigint;
  /** When the book records it; never within a sealed period. */
  readonly recordedAtUs: bigint;
  readonly policy: PeriodPolicy;
}

export type Placement =
  | { readonly kind: 'as_given'; readonly effectiveAtUs: bigint }
  /** `reference` goes into the journal's description. */
  | { readonly kind: 'moved'; readonly effectiveAtUs: bigint; readonly reference: string }
  | { readonly kind: 'refused' };

/** The effective time a journal gets; `refused` becomes the rejection `period_sealed`. */
export function placeInPeriod({ sealedUntilUs, effectiveAtUs, recordedAtUs, policy }: PlaceInPeriod): Placement {
  if (effectiveAtUs >= sealedUntilUs) return { kind: 'as_given', effectiveAtUs };
  if (policy === 'refuse') return { kind: 'refused' };
  const open = recordedAtUs > sealedUntilUs ? recordedAtUs : sealedUntilUs;
  const happened = new Date(Number(effectiveAtUs / 1_000n)).toISOString();
  return { kind: 'moved', effectiveAtUs: open, reference: `happened ${happened}, in a sealed period` };
}

/** Why a period cannot be sealed up to this time; undefined when it can. */
export function refuseSeal(period: {
  readonly sealedUntilUs: bigint;
  readonly untilUs: bigint;
  readonly nowUs: bigint;
}): 'not_over' | 'sealed' | undefined {
  if (period.untilUs > period.nowUs) return 'not_over';
  return period.untilUs <= period.sealedUntilUs ? 'sealed' : undefined;
}
