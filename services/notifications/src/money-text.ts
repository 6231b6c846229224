/** An amount as people read it. No I/O. */
import type { Money } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';
import { decimalText, minorDigitsOf } from '@suuupra/platform/money';

/** With the currency's sign and grouped as in India: `₹1,00,000.00`, `$19.00`, `KWD 1.234`. */
export function moneyText(money: Pick<Money, 'currency' | 'amountMinor'>): string {
  const exponent = minorDigitsOf(money.currency);
  const format = new Intl.NumberFormat('en-IN', {
    style: 'currency',
    currency: money.currency,
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  // Intl takes a decimal text exactly; a number would lose digits above 2^53. No-break spaces become plain ones for mail.
  return format.format(decimalText(money.currency, money.amountMinor)).replaceAll(/[\u00a0\u202f]/g, ' ');
}
