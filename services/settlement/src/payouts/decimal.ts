/** Minor units as the decimals that banks write. Exact: no number is made on the way. No I/O. */

/** Digits after the point where they are not two: ISO 4217, list one. */
const exponents: ReadonlyMap<string, number> = new Map([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0] as const),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3] as const),
  ...'CLF UYW'.split(' ').map((code) => [code, 4] as const),
]);
const usualExponent = 2;

export function exponentOf(currency: string): number {
  return exponents.get(currency) ?? usualExponent;
}

/** 49900 INR is `499.00`, 1500 JPY is `1500`, 1234 KWD is `1.234`. */
export function decimalText(currency: string, minor: bigint): string {
  const exponent = exponentOf(currency);
  const sign = minor < 0n ? '-' : '';
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  return exponent === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-exponent)}`;
}

/** The minor units of a decimal with exactly the currency's digits; throws for anything else. */
export function minorOf(currency: string, text: string): bigint {
  const exponent = exponentOf(currency);
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
