/** Amounts divided among many without losing or making a unit. Pure. */

/**
 * Splits an amount in proportion to weights whose sum is at least the amount; no share exceeds its weight. What integer
 * division leaves over goes to the largest remainders, the earlier first (Hamilton's method).
 */
export function allocate(amountMinor: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((total, weight) => total + weight, 0n);
  if (amountMinor < 0n || amountMinor > sum) throw new RangeError('an amount beyond the sum of its weights');
  return prorate(amountMinor, weights);
}

/** As `allocate`, for any amount; by equal parts when all weights are zero. */
export function prorate(amountMinor: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((total, weight) => total + weight, 0n);
  if (sum === 0n)
    return amountMinor === 0n || weights.length === 0
      ? weights.map(() => 0n)
      : prorate(
          amountMinor,
          weights.map(() => 1n),
        );
  const shares = weights.map((weight) => (amountMinor * weight) / sum);
  const remainders = weights.map((weight) => (amountMinor * weight) % sum);
  let over = amountMinor - shares.reduce((total, share) => total + share, 0n);
  const byRemainder = weights.map((_, index) => index).sort((a, b) => compare(remainders[b], remainders[a]) || a - b);
  for (const index of byRemainder) {
    if (over === 0n) break;
    shares[index] = (shares[index] ?? 0n) + 1n;
    over -= 1n;
  }
  return shares;
}

function compare(a = 0n, b = 0n): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
