/** Money that changes its currency: the rate it was quoted at, and whether the amounts follow from it. Pure. */
import { minorDigitsOf } from '@suuupra/platform/money';

/** Both journals of an exchange say all of it. */
export interface Exchange {
  readonly sold: { readonly currency: string; readonly amount: bigint };
  readonly bought: { readonly currency: string; readonly amount: bigint };
  /** How many units of the bought currency for one of the sold, as quoted: an exact decimal. */
  readonly rate: string;
  /** Whose quote it is. */
  readonly source: string;
}

export const exchangeKinds: ReadonlySet<string> = new Set(['exchange_sold', 'exchange_bought']);

/** Twelve digits before the point hold every pair of currencies, eighteen after it every quote. */
const rateText = /^\d{1,12}(?:\.(\d{1,18}))?$/;

/** A rate as an integer and how many of its digits are after the point; undefined for what is none, or zero. */
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
 * Whether the bought amount is the sold one at this rate, in whole numbers: to one minor unit, which rounding takes, and to
 * half of the rate's last digit, which the quote leaves open. Wrong sides, wrong decimals and mistyped amounts are not.
 */
export function followsRate({ sold, bought, rate }: Exchange): boolean {
  const read = readRate(rate);
  if (read === undefined) return false;
  const [soldUnit, boughtUnit] = [unitOf(sold.currency), unitOf(bought.currency)];
  const unit = soldUnit * 10n ** read.scale;
  const difference = bought.amount * unit - sold.amount * read.digits * boughtUnit;
  const open = 2n * unit + sold.amount * boughtUnit;
  return 2n * (difference < 0n ? -difference : difference) <= open;
}

/** An amount at a rate, in the other currency's minor units, rounded half away from zero. The rate is one (`isRate`). */
export function atRate(amount: bigint, from: string, to: string, rate: string): bigint {
  const read = readRate(rate);
  if (read === undefined) throw new Error(`${rate} is not a rate`);
  const over = unitOf(from) * 10n ** read.scale;
  const scaled = (amount < 0n ? -amount : amount) * read.digits * unitOf(to);
  const rounded = (2n * scaled + over) / (2n * over);
  return amount < 0n ? -rounded : rounded;
}

function unitOf(currency: string): bigint {
  return 10n ** BigInt(minorDigitsOf(currency));
}

/** What an exchange keeps in the details of both its journals; undefined for every other journal. */
export function exchangeOf(kind: string, details: string): Exchange | undefined {
  if (!exchangeKinds.has(kind) || details === '') return undefined;
  const { rate, source, request } = JSON.parse(details) as Kept;
  const [, sold = ''] = request.from.split(' ');
  const [, bought = '', currency = ''] = request.to.split(' ');
  return {
    sold: { currency: request.currency, amount: BigInt(sold) },
    bought: { currency, amount: BigInt(bought) },
    rate,
    source,
  };
}

/** As command.ts writes an exchange's request: `1000 8300` and `1000 100 USD`. */
interface Kept {
  readonly rate: string;
  readonly source: string;
  readonly request: { readonly currency: string; readonly from: string; readonly to: string };
}
