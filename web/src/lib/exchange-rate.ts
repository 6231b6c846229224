/** Whether two amounts follow from a quoted rate, as the ledger will ask. Pure, in whole numbers. */
import { exponentOf } from './money.ts';

/** Twelve digits before the point and eighteen after it, as the ledger takes them. */
const rateText = /^(\d{1,12})(?:\.(\d{1,18}))?$/;

interface Rate {
  /** The rate times ten to the power of `scale`; above zero. */
  readonly digits: bigint;
  readonly scale: number;
}

/** `83.125`; undefined for what is no rate, or none above zero. */
export function readRate(text: string): Rate | undefined {
  const match = rateText.exec(text.trim());
  if (!match) return undefined;
  const fraction = match[2] ?? '';
  const digits = BigInt(`${match[1]}${fraction}`);
  return digits === 0n ? undefined : { digits, scale: fraction.length };
}

export interface Side {
  readonly currency: string;
  readonly amountMinor: bigint;
}

/** What the sold amount is worth at the rate, in minor units of the bought currency, rounded half up. */
export function boughtAt(sold: Side, rate: Rate, currency: string): bigint {
  const over = sold.amountMinor * rate.digits * unitOf(currency);
  const under = unitOf(sold.currency) * 10n ** BigInt(rate.scale);
  return (2n * over + under) / (2n * under);
}

/** As the ledger judges: to one minor unit, and to half of the rate's last digit, which the quote leaves open. */
export function followsRate(sold: Side, bought: Side, rate: Rate): boolean {
  const unit = unitOf(sold.currency) * 10n ** BigInt(rate.scale);
  const apart = bought.amountMinor * unit - sold.amountMinor * rate.digits * unitOf(bought.currency);
  const open = 2n * unit + sold.amountMinor * unitOf(bought.currency);
  return 2n * (apart < 0n ? -apart : apart) <= open;
}

const impliedDecimals = 6;

/** How many of the bought one of the sold made, to six decimals; undefined when nothing was sold. */
export function impliedRate(sold: Side, bought: Side): string | undefined {
  if (sold.amountMinor === 0n) return undefined;
  const over = bought.amountMinor * unitOf(sold.currency) * 10n ** BigInt(impliedDecimals);
  const under = sold.amountMinor * unitOf(bought.currency);
  const text = ((2n * over + under) / (2n * under)).toString().padStart(impliedDecimals + 1, '0');
  return `${text.slice(0, -impliedDecimals)}.${text.slice(-impliedDecimals)}`;
}

function unitOf(currency: string): bigint {
  return 10n ** BigInt(exponentOf(currency));
}
