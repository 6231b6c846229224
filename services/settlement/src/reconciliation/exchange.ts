/**
 * Money that was paid in one currency and settled in another: whether the amounts follow from the quoted rate, and what
 * giving some of it back at another rate has gained. Exact, in whole numbers. No I/O.
 */
import { minorDigitsOf } from '@suuupra/platform/money';

export interface Sum {
  readonly currency: string;
  readonly amountMinor: bigint;
}

/** Twelve digits before the point hold every pair of currencies, eighteen after it every quote: what the ledger takes. */
const rateText = /^\d{1,12}(?:\.(\d{1,18}))?$/;
const scaleMost = 18n;

function readRate(text: string): { readonly digits: bigint; readonly scale: bigint } | undefined {
  const fraction = rateText.exec(text)?.[1];
  if (!rateText.test(text)) return undefined;
  const digits = BigInt(text.replace('.', ''));
  return digits === 0n ? undefined : { digits, scale: BigInt(fraction?.length ?? 0) };
}

export function isRate(text: string): boolean {
  return readRate(text) !== undefined;
}

/**
 * Whether what is bought is what is sold at this rate: to one minor unit, which rounding takes, and to half of the rate's
 * last digit, which a quote leaves open. The ledger asks the same of an exchange before it books it.
 */
export function followsRate(sold: Sum, bought: Sum, rate: string): boolean {
  const read = readRate(rate);
  if (read === undefined) return false;
  const boughtUnit = unitOf(bought.currency);
  const unit = unitOf(sold.currency) * 10n ** read.scale;
  const difference = absolute(bought.amountMinor) * unit - absolute(sold.amountMinor) * read.digits * boughtUnit;
  return 2n * absolute(difference) <= 2n * unit + absolute(sold.amountMinor) * boughtUnit;
}

/** The rate that the amounts themselves say, both other than zero: to eighteen decimals, cut off. */
export function rateOf(sold: Sum, bought: Sum): string {
  const [over, under] = [
    absolute(bought.amountMinor) * unitOf(sold.currency),
    absolute(sold.amountMinor) * unitOf(bought.currency),
  ];
  return decimalOf(over, under);
}

/** What `rate` is the other way round. */
export function inverseOf(rate: string): string {
  const read = readRate(rate);
  if (read === undefined) throw new Error(`"${rate}" is not a rate`);
  return decimalOf(10n ** read.scale, read.digits);
}

/** A rate for this exchange that the ledger will find in its amounts: the quoted one, else what the amounts say. */
export function rateToBook(sold: Sum, bought: Sum, quoted: string): string {
  return followsRate(sold, bought, quoted) ? quoted : rateOf(sold, bought);
}

function decimalOf(over: bigint, under: bigint): string {
  const digits = ((over * 10n ** scaleMost) / under).toString().padStart(Number(scaleMost) + 1, '0');
  const [whole, fraction] = [digits.slice(0, -Number(scaleMost)), digits.slice(-Number(scaleMost)).replace(/0+$/, '')];
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** What came in, and what it was settled as; both below zero where it went back. */
export interface ExchangedLine {
  readonly amountMinor: bigint;
  readonly settledMinor: bigint;
}

/**
 * What the exchanges of one payment have gained, below zero what they have lost, in the settled currency: all that was
 * settled, less what is left of the payment at the rate that it came in at. Follows from the set of lines, in whatever order
 * they came; nothing is gained while it is not known at what rate the payment came. Once all of it is back, it is
 * exactly what is left over.
 */
export function realisedMinor(lines: readonly ExchangedLine[]): bigint {
  const paid = lines.filter(({ amountMinor }) => amountMinor > 0n);
  const paidMinor = sumOf(paid, ({ amountMinor }) => amountMinor);
  if (paidMinor === 0n) return 0n;
  const leftMinor = sumOf(lines, ({ amountMinor }) => amountMinor);
  const settledForPaid = sumOf(paid, ({ settledMinor }) => settledMinor);
  const settledForLeft = halfAway(settledForPaid * leftMinor, paidMinor);
  return sumOf(lines, ({ settledMinor }) => settledMinor) - settledForLeft;
}

/** Rounded to the nearest, halves away from zero; `under` is above zero. */
function halfAway(over: bigint, under: bigint): bigint {
  const rounded = (2n * absolute(over) + under) / (2n * under);
  return over < 0n ? -rounded : rounded;
}

function sumOf<T>(items: readonly T[], of: (item: T) => bigint): bigint {
  return items.reduce((total, item) => total + of(item), 0n);
}

function unitOf(currency: string): bigint {
  return 10n ** BigInt(minorDigitsOf(currency));
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
