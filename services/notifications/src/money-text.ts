/** An amount as people read it. No I/O. */
import type { Money } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';

/**
 * Digits after the point where they are not two: ISO 4217, list one. Not taken from Intl, which follows CLDR and gives
 * e.g. the Iraqi dinar no digits where ISO has three.
 */
const exponents: ReadonlyMap<string, number> = new Map([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0] as const),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3] as const),
  ...'CLF UYW'.split(' ').map((code) => [code, 4] as const),
]);
const usualExponent = 2;

/** Minor units to a decimal number, exactly: 49900 INR is `499.00`, 1500 JPY is `1500`. */
export function decimalText(money: Pick<Money, 'currency' | 'amountMinor'>): `${number}` {
  const exponent = exponents.get(money.currency) ?? usualExponent;
  const sign = money.amountMinor < 0n ? '-' : '';
  const digits = (money.amountMinor < 0n ? -money.amountMinor : money.amountMinor)
    .toString()
    .padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = digits.slice(digits.length - exponent);
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}` as `${number}`;
}

/** With the currency's sign and grouped as in India: `₹1,00,000.00`, `$19.00`, `KWD 1.234`. */
export function moneyText(money: Pick<Money, 'currency' | 'amountMinor'>): string {
  const exponent = exponents.get(money.currency) ?? usualExponent;
  const format = new Intl.NumberFormat('en-IN', {
    style: 'currency',
    currency: money.currency,
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  // Intl takes a decimal text exactly; a number would lose digits above 2^53. No-break spaces become plain ones for mail.
  return format.format(decimalText(money)).replaceAll(/[\u00a0\u202f]/g, ' ');
}
