/** One coupon: what it takes off which lines, and when it does not. Pure. */
import { amountText } from '@suuupra/platform/money';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { prorate } from './allocation.ts';
import { type DraftLine, divideHalfUp, listedMinor } from './price.ts';

export interface Coupon {
  readonly id: string;
  readonly code: string;
  /** One of the two is above zero. */
  readonly percentBasisPoints: number;
  readonly amountMinor: bigint;
  readonly amountCurrency: string;
  readonly scope: 'all' | 'courses' | 'instructor';
  readonly courseIds: readonly string[];
  readonly instructorId: string;
  readonly validFromMs: number;
  readonly validUntilMs?: number;
  /** 0: without a limit. */
  readonly usesMax: number;
  readonly usesPerBuyerMax: number;
  readonly minimumMinor: bigint;
  readonly minimumCurrency: string;
  readonly uses: number;
  readonly isWithdrawn: boolean;
  readonly createdBy: string;
  readonly createdAtMs: number;
}

export interface Discounted {
  readonly coupon: { readonly id: string; readonly code: string };
  /** One a line, at most its listed price; they add up to what the coupon takes off. */
  readonly discounts: readonly bigint[];
}

/** Codes are the same in any case of letters. */
export function codeKey(code: string): string {
  return code.trim().toUpperCase();
}

/** What the coupon takes off each line, spread over the lines it applies to by largest remainder. */
export function discountsOf(
  coupon: Coupon,
  lines: readonly DraftLine[],
  currency: string,
  nowMs: number,
): Discounted | Refusal {
  if (coupon.isWithdrawn || nowMs < coupon.validFromMs || nowMs >= (coupon.validUntilMs ?? Number.POSITIVE_INFINITY))
    return no('coupon_expired', 'The coupon is not valid now.');
  const weights = lines.map((line) => (appliesTo(coupon, line) ? listedMinor(line) : 0n));
  const base = weights.reduce((sum, weight) => sum + weight, 0n);
  if (base === 0n)
    return no('coupon_not_applicable', 'The coupon applies to nothing in this order that costs anything.');
  if (coupon.amountMinor > 0n && coupon.amountCurrency !== currency)
    return no('coupon_not_applicable', `The coupon takes off an amount in ${coupon.amountCurrency}.`);
  if (coupon.minimumMinor > 0n && coupon.minimumCurrency !== currency)
    return no('coupon_not_applicable', `The coupon has a minimum in ${coupon.minimumCurrency}.`);
  if (base < coupon.minimumMinor)
    return no('coupon_minimum_not_met', `The coupon needs ${amountText(currency, coupon.minimumMinor)} or more.`);
  const off =
    coupon.amountMinor > 0n ? coupon.amountMinor : divideHalfUp(base * BigInt(coupon.percentBasisPoints), 10_000n);
  return {
    coupon: { id: coupon.id, code: coupon.code },
    discounts: prorate(off < base ? off : base, weights),
  };
}

function appliesTo(coupon: Coupon, line: DraftLine): boolean {
  switch (coupon.scope) {
    case 'all':
      return true;
    case 'courses':
      return coupon.courseIds.includes(line.courseId) && isOfOwner(coupon, line);
    case 'instructor':
      return line.instructorId === coupon.instructorId;
  }
}

/** A coupon that an instructor made stays with their own courses, whoever teaches them later. */
function isOfOwner(coupon: Coupon, line: DraftLine): boolean {
  return coupon.instructorId === '' || line.instructorId === coupon.instructorId;
}

type CouponRefusal =
  | 'coupon_not_found'
  | 'coupon_expired'
  | 'coupon_exhausted'
  | 'coupon_not_applicable'
  | 'coupon_minimum_not_met';

export function no(code: CouponRefusal, sentence: string): Refusal {
  return refuse(code, sentence, [{ field: 'couponCode', code: 'not_allowed', detail: sentence }]);
}
