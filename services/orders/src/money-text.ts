/** Amounts as people read them. Pure. */
import { minorDigitsOf } from '@suuupra/platform/money';

/** `1,23,456.78` for rupees (grouped as India does), `123,456.78` for dollars, `123,457` for yen. */
export function formatMinor(minor: bigint, currency: string): string {
  const exponent = minorDigitsOf(currency);
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const rest = exponent === 0 ? '' : `.${digits.slice(digits.length - exponent)}`;
  const grouping = currency === 'INR' ? /\B(?=(\d{2})*\d{3}$)/g : /\B(?=(\d{3})+$)/g;
  return `${minor < 0n ? '-' : ''}${whole.replace(grouping, ',')}${rest}`;
}
