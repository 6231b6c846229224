/** Decimals that banks write, and parts of amounts. Exact: no number is made on the way. No I/O. */
import { minorDigitsOf } from '@suuupra/platform/money';

/** The minor units of a decimal with exactly the currency's digits; throws for anything else. */
export function minorOf(currency: string, text: string): bigint {
  const exponent = minorDigitsOf(currency);
  const form = exponent === 0 ? /^-?\d{1,18}$/ : new RegExp(`^-?\\d{1,18}\\.\\d{${exponent}}$`);
  if (!form.test(text)) throw new Error(`an amount in ${currency} has ${exponent} digits after the point`);
  return BigInt(text.replace('.', ''));
}

/** `parts` of a million of `amount`, rounded half up to the minor unit. Both are at least zero. */
export function partOfMillionHalfUp(amount: bigint, partsPerMillion: bigint): bigint {
  return (2n * amount * partsPerMillion + 1_000_000n) / 2_000_000n;
}

/** Parts of a million as per cent: 1000 is `0.1`, 50000 is `5`. */
export function percentText(partsPerMillion: number): string {
  const digits = partsPerMillion.toString().padStart(5, '0');
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`.replace(/\.?0+$/, '');
}
