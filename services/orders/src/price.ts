/**
 * What a price is made of. Prices on the platform are what the buyer pays: the tax is inside.
 */

/** Tax inside a price of the currency, in percent of the net. Indian GST on online education: 18; else zero-rated export. */
const taxPercentInside: ReadonlyMap<string, bigint> = new Map([['INR', 18n]]);

/** The tax inside `grossMinor`, rounded half up to the minor unit; net is the rest, so the two always add up. */
export function taxInsideMinor(currency: string, grossMinor: bigint): bigint {
  const percent = taxPercentInside.get(currency) ?? 0n;
  return divideHalfUp(grossMinor * percent, 100n + percent);
}

/** `numerator / denominator`, rounded half up; both at least zero, the denominator above. */
export function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}
