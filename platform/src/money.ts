/**
 * Amounts of money as text: exact, from the integer's digits, never through a float. Pure.
 *
 * Everywhere an amount is a whole number of its currency's minor units. How many digits of it are after the point is ISO
 * 4217's word (list one, amendment 176), not that of Intl, which follows CLDR and gives e.g. the Iraqi dinar none where ISO
 * has three.
 */

const noDigits = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ');
const threeDigits = 'BHD IQD JOD KWD LYD OMR TND'.split(' ');
const fourDigits = 'CLF UYW'.split(' ');
const twoDigits = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
  COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
  KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
  NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
  TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`.split(/\s+/);

const digitsOf: ReadonlyMap<string, number> = new Map([
  ...noDigits.map((code) => [code, 0] as const),
  ...twoDigits.map((code) => [code, 2] as const),
  ...threeDigits.map((code) => [code, 3] as const),
  ...fourDigits.map((code) => [code, 4] as const),
]);

/** All codes that a currency may have. */
export const currencyCodes: readonly string[] = [...digitsOf.keys()];

/** How many digits of the currency's amounts are after the point; undefined for a code that is none. */
export function decimalsOf(currency: string): number | undefined {
  return digitsOf.get(currency);
}

/** The same; two for a code that is none. */
export function minorDigitsOf(currency: string): number {
  return digitsOf.get(currency) ?? 2;
}

/** `499.00` for 49900 INR, `499` for 499 JPY, `-0.005` for -5 KWD. */
export function decimalText(currency: string, amountMinor: bigint): `${number}` {
  const digits = minorDigitsOf(currency);
  const sign = amountMinor < 0n ? '-' : '';
  const whole = String(amountMinor < 0n ? -amountMinor : amountMinor).padStart(digits + 1, '0');
  const text = digits === 0 ? `${sign}${whole}` : `${sign}${whole.slice(0, -digits)}.${whole.slice(-digits)}`;
  return text as `${number}`;
}

/** For sentences: `INR 499.00`. */
export function amountText(currency: string, amountMinor: bigint): string {
  return `${currency} ${decimalText(currency, amountMinor)}`;
}
