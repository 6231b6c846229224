/** Money for people: exact, from minor units, with the currency always said. */
import type { Money } from '../api/types.ts';

/** ISO 4217 exponents that are not 2. */
const exponents: Readonly<Record<string, number>> = {
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
  CLF: 4,
  UYW: 4,
};

/** How many digits follow the decimal point in a currency's amounts. */
export function exponentOf(currency: string): number {
  return exponents[currency] ?? 2;
}

/** `49900` of INR is `499.00`; no grouping, a plain minus. */
export function decimalText(amountMinor: bigint, currency: string): string {
  const exponent = exponentOf(currency);
  const digits = (amountMinor < 0n ? -amountMinor : amountMinor).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const text = exponent === 0 ? whole : `${whole}.${digits.slice(-exponent)}`;
  return amountMinor < 0n ? `-${text}` : text;
}

/** `₹499.00`: grouped as the currency's home writes it, every minor digit shown. Never goes through a float. */
export function formatMoney(money: Money): string {
  const amount = BigInt(money.amountMinor);
  const digits = exponentOf(money.currency);
  return formatter(money.currency, digits).format(decimalText(amount, money.currency) as `${number}`);
}

export function isZero(money: Money | undefined): boolean {
  return money === undefined || BigInt(money.amountMinor) === 0n;
}

/**
 * What someone typed as an amount in minor units; undefined when it is no amount of this currency.
 * Grouping commas and spaces are allowed, more decimals than the currency has are not.
 */
export function parseAmount(text: string, currency: string): bigint | undefined {
  const exponent = exponentOf(currency);
  const match = /^(\d{1,15})(?:\.(\d*))?$/.exec(text.replaceAll(/[,\s]/g, ''));
  const fraction = match?.[2] ?? '';
  if (!match?.[1] || fraction.length > exponent) return undefined;
  return BigInt(match[1] + fraction.padEnd(exponent, '0'));
}

export function subtract(from: Money, amount: Money | undefined): Money {
  return {
    currency: from.currency,
    amountMinor: (BigInt(from.amountMinor) - BigInt(amount?.amountMinor ?? '0')).toString(),
  };
}

const formatters = new Map<string, Intl.NumberFormat>();

function formatter(currency: string, digits: number): Intl.NumberFormat {
  const known = formatters.get(currency);
  if (known) return known;
  const made = new Intl.NumberFormat(currency === 'INR' ? 'en-IN' : 'en', {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  formatters.set(currency, made);
  return made;
}
