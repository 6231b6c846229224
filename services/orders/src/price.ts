/**
 * What an order costs: prices, a discount over them, and the tax, line by line and exact. Pure. Amounts are minor units.
 */

import { prorate } from './allocation.ts';
import type { Billing, LineTax, OrderLine, Supply } from './order.ts';

/** Indian GST on online education services (SAC 9992), in hundredths of a percent of the net. */
export const gstBasisPoints = 1_800n;
const whole = 10_000n;

/** How the seller takes tax. */
export interface TaxPolicy {
  /** inclusive: prices hold the tax; exclusive: it comes on top. */
  readonly prices: 'inclusive' | 'exclusive';
  /** line: each line's tax is rounded; order: their sum is, and the lines add up to it. */
  readonly rounding: 'line' | 'order';
}

/** A line before its discount and tax. */
export type DraftLine = Omit<OrderLine, 'id' | 'priceMinor' | 'discountMinor' | 'taxMinor' | 'taxes'>;

/** A line with its prices; it gets its id when the order is placed. */
export type PricedLine = Omit<OrderLine, 'id'>;

/**
 * Where online services are supplied: at the recipient's state when it is known, else at the seller's. Recipients abroad
 * get an export, which is zero-rated.
 *
 * Source: IGST Act 2017, section 12(2) (place of supply) and section 16 (zero-rated supply).
 */
export function supplyTo(billing: Billing | undefined, sellerStateCode: string): Supply {
  const country = billing?.country || 'IN';
  if (country !== 'IN') return { sellerStateCode, stateCode: '', country, isExport: true };
  const stateCode = billing?.stateCode || billing?.gstin.slice(0, 2) || sellerStateCode;
  return { sellerStateCode, stateCode, country, isExport: false };
}

/**
 * The lines with what they cost. `discounts` are one a line, at most its listed price (quantity times unit price), in the
 * terms of the price list. Of every line: net + tax = price - discount, and the parts of the tax add up to it.
 */
export function priceLines(
  drafts: readonly DraftLine[],
  discounts: readonly bigint[],
  terms: { readonly currency: string; readonly supply: Supply; readonly policy: TaxPolicy },
): PricedLine[] {
  const rate = rateOf(terms.currency, terms.supply);
  const isExclusive = terms.policy.prices === 'exclusive' && rate > 0n;
  const after = drafts.map((draft, index) => listedMinor(draft) - (discounts[index] ?? 0n));
  const taxOf = (amount: bigint) =>
    isExclusive ? divideHalfUp(amount * rate, whole) : divideHalfUp(amount * rate, whole + rate);
  const taxes =
    terms.policy.rounding === 'line' ? after.map(taxOf) : prorate(taxOf(after.reduce((a, b) => a + b, 0n)), after);
  return drafts.map((draft, index) => {
    const taxMinor = taxes[index] ?? 0n;
    const totalMinor = (after[index] ?? 0n) + (isExclusive ? taxMinor : 0n);
    const discountMinor = discountOf(discounts[index] ?? 0n, taxMinor, isExclusive ? taxOf(listedMinor(draft)) : 0n);
    return {
      ...draft,
      priceMinor: totalMinor + discountMinor,
      discountMinor,
      taxMinor,
      taxes: taxParts(taxMinor, rate, terms.supply),
    };
  });
}

/** With tax on top a discount also saves the tax on it. */
function discountOf(discount: bigint, taxMinor: bigint, undiscountedTaxMinor: bigint): bigint {
  const saved = undiscountedTaxMinor - taxMinor;
  return discount > 0n && saved > 0n ? discount + saved : discount;
}

/** By the price list, for all of the quantity. */
export function listedMinor(draft: Pick<OrderLine, 'quantity' | 'unitPriceMinor'>): bigint {
  return draft.unitPriceMinor * BigInt(draft.quantity);
}

/** Only what is sold in rupees to India is taxed; the rest is an export. */
function rateOf(currency: string, supply: Supply): bigint {
  return currency === 'INR' && !supply.isExport ? gstBasisPoints : 0n;
}

/** Half to the centre and half to the state within the seller's state, the odd unit to the state; else all as IGST. */
function taxParts(taxMinor: bigint, rate: bigint, supply: Supply): LineTax[] {
  if (rate === 0n || taxMinor === 0n) return [];
  if (supply.stateCode !== supply.sellerStateCode)
    return [{ kind: 'igst', rateBasisPoints: Number(rate), amountMinor: taxMinor }];
  const half = { rateBasisPoints: Number(rate / 2n) };
  return [
    { kind: 'cgst', ...half, amountMinor: taxMinor / 2n },
    { kind: 'sgst', ...half, amountMinor: taxMinor - taxMinor / 2n },
  ];
}

/** The tax inside `grossMinor`, rounded half up to the minor unit; net is the rest, so the two always add up. */
export function taxInsideMinor(currency: string, grossMinor: bigint): bigint {
  const rate = currency === 'INR' ? gstBasisPoints : 0n;
  return divideHalfUp(grossMinor * rate, whole + rate);
}

/** `numerator / denominator`, rounded half up; both at least zero, the denominator above. */
export function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}
