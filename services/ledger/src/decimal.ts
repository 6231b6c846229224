/** Amounts as decimal text, exact: from the integer's digits, never through a float. Pure. */

/** ISO 4217 currencies whose minor unit is not the hundredth (list one, "minor unit"). */
const minorDigits: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0]),
  ),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
};

/** How many digits of the currency's amounts are after the point. */
export function minorDigitsOf(currency: string): number {
  return minorDigits[currency] ?? 2;
}

/** `499.00` for 49900 INR, `499` for 499 JPY, `-0.005` for -5 KWD. */
export function decimalText(amountMinor: bigint, currency: string): string {
  const digits = minorDigitsOf(currency);
  const sign = amountMinor < 0n ? '-' : '';
  const whole = String(amountMinor < 0n ? -amountMinor : amountMinor).padStart(digits + 1, '0');
  return digits === 0 ? `${sign}${whole}` : `${sign}${whole.slice(0, -digits)}.${whole.slice(-digits)}`;
}
