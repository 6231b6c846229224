/** Amounts as people read them. Pure. */

/** Minor digits of the currencies that do not have two. Source: ISO 4217, list one. */
const exponents: ReadonlyMap<string, number> = new Map([
  ...[
    'BIF',
    'CLP',
    'DJF',
    'GNF',
    'ISK',
    'JPY',
    'KMF',
    'KRW',
    'PYG',
    'RWF',
    'UGX',
    'UYI',
    'VND',
    'VUV',
    'XAF',
    'XOF',
    'XPF',
  ].map((code) => [code, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3] as const),
  ['CLF', 4],
  ['UYW', 4],
]);

/** `1,23,456.78` for rupees (grouped as India does), `123,456.78` for dollars, `123,457` for yen. */
export function formatMinor(minor: bigint, currency: string): string {
  const exponent = exponents.get(currency) ?? 2;
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const rest = exponent === 0 ? '' : `.${digits.slice(digits.length - exponent)}`;
  const grouping = currency === 'INR' ? /\B(?=(\d{2})*\d{3}$)/g : /\B(?=(\d{3})+$)/g;
  return `${minor < 0n ? '-' : ''}${whole.replace(grouping, ',')}${rest}`;
}
