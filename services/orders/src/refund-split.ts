/**
 * How a refund is spread over the lines of an order: by largest remainder, to the minor unit, so that any sequence of
 * partial refunds of a line gives back exactly what was paid for it, and exactly the tax in it.
 */
import { allocate } from './allocation.ts';
import { divideHalfUp } from './price.ts';

/** What was paid for a line, and what of it is already given back or promised to be. */
export interface RefundableLine {
  readonly lineId: string;
  /** The parts of the tax, at most two. */
  readonly taxes?: readonly (TaxShare & { readonly takenMinor: bigint })[];
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
  readonly takenGrossMinor: bigint;
  readonly takenTaxMinor: bigint;
}

/** A part of a tax; the parts add up to it. */
export interface TaxShare {
  readonly kind: 'cgst' | 'sgst' | 'igst';
  readonly amountMinor: bigint;
}

export interface RefundPart {
  readonly lineId: string;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
  /** Absent for a line whose tax has no parts. */
  readonly taxes?: readonly TaxShare[];
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
  const taxMinor = clamp(goal - takenTaxMinor, least, most);
  const taxes = taxesOf(line, taxMinor);
  return { lineId: line.lineId, grossMinor, taxMinor, ...(taxes.length === 0 ? {} : { taxes }) };
}

/** The first part of the tax by the same rule within the tax; the second takes the rest. */
function taxesOf(line: RefundableLine, taxMinor: bigint): TaxShare[] {
  const [first, second] = line.taxes ?? [];
  if (first === undefined) return [];
  if (second === undefined) return [{ kind: first.kind, amountMinor: taxMinor }];
  const firstLeft = first.amountMinor - first.takenMinor;
  const secondLeft = second.amountMinor - second.takenMinor;
  const goal =
    line.taxMinor === 0n ? 0n : divideHalfUp(first.amountMinor * (line.takenTaxMinor + taxMinor), line.taxMinor);
  const least = taxMinor > secondLeft ? taxMinor - secondLeft : 0n;
  const most = taxMinor < firstLeft ? taxMinor : firstLeft;
  const amountMinor = clamp(goal - first.takenMinor, least, most);
  return [
    { kind: first.kind, amountMinor },
    { kind: second.kind, amountMinor: taxMinor - amountMinor },
  ];
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}
