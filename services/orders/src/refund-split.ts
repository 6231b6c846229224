/**
 * How a refund is spread over the lines of an order: by largest remainder, to the minor unit, so that any sequence of
 * partial refunds of a line gives back exactly what was paid for it, and exactly the tax in it.
 */
import { divideHalfUp } from './price.ts';

/** What was paid for a line, and what of it is already given back or promised to be. */
export interface RefundableLine {
  readonly lineId: string;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
  readonly takenGrossMinor: bigint;
  readonly takenTaxMinor: bigint;
}

export interface RefundPart {
  readonly lineId: string;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
}

export function leftMinor(line: RefundableLine): bigint {
  return line.grossMinor - line.takenGrossMinor;
}

/** Spreads `amountMinor` over what is left of the lines in proportion to it; at most what is left in all. */
export function spreadRefund(lines: readonly RefundableLine[], amountMinor: bigint): RefundPart[] {
  const shares = allocate(amountMinor, lines.map(leftMinor));
  return lines.map((line, index) => partOf(line, shares[index] ?? 0n)).filter((part) => part.grossMinor > 0n);
}

/** All that is left of these lines. */
export function wholeLines(lines: readonly RefundableLine[]): RefundPart[] {
  return lines.map((line) => partOf(line, leftMinor(line))).filter((part) => part.grossMinor > 0n);
}

/**
 * Splits an amount in proportion to weights whose sum is at least the amount; no share exceeds its weight. What integer
 * division leaves over goes to the largest remainders, the earlier first (Hamilton's method).
 */
export function allocate(amountMinor: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((total, weight) => total + weight, 0n);
  if (amountMinor < 0n || amountMinor > sum) throw new RangeError('an amount beyond the sum of its weights');
  if (sum === 0n) return weights.map(() => 0n);
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

/**
 * The tax of a part brings the tax given back so far to the line's share of its tax, rounded. A failed refund in between
 * may have left it a unit off, so it is kept within what the tax and the net of the line still hold: the last part of a
 * line then always takes exactly the rest of both.
 */
function partOf(line: RefundableLine, grossMinor: bigint): RefundPart {
  const { takenGrossMinor, takenTaxMinor } = line;
  const taxLeft = line.taxMinor - takenTaxMinor;
  const netLeft = leftMinor(line) - taxLeft;
  const goal =
    line.grossMinor === 0n ? 0n : divideHalfUp(line.taxMinor * (takenGrossMinor + grossMinor), line.grossMinor);
  const least = grossMinor > netLeft ? grossMinor - netLeft : 0n;
  const most = grossMinor < taxLeft ? grossMinor : taxLeft;
  return { lineId: line.lineId, grossMinor, taxMinor: clamp(goal - takenTaxMinor, least, most) };
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}
