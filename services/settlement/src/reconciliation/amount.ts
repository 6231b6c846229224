/** Amounts as files write them, to minor units: by the digits, never by a number. Exponents: ISO 4217. No I/O. */
import { minorDigitsOf } from '@suuupra/platform/money';
import { BadFile } from './bad-file.ts';

/** What a database's bigint holds; a larger amount is refused, never wrapped. */
const mostMinor = 2n ** 63n - 1n;
const digitsMax = 24;

/** An amount in major units, e.g. `499.00` or, with a comma as its mark, `499,00`. At most as many decimals as the currency has. */
export function majorAmount(text: string, currency: string, line: number, mark: '.' | ',' = '.'): bigint {
  const found = mark === '.' ? /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text) : /^([+-]?)(\d+)(?:,(\d*))?$/.exec(text);
  if (found === null || text.length > digitsMax)
    throw new BadFile('amount', line, `"${shown(text)}" is not an amount: digits, with "${mark}" before the decimals.`);
  const [, sign, whole = '', fraction = ''] = found;
  const exponent = minorDigitsOf(currency);
  if (fraction.length > exponent) {
    const detail = `${currency} has ${exponent} decimals, "${shown(text)}" has ${fraction.length}.`;
    throw new BadFile('exponent', line, detail);
  }
  return bounded(BigInt(`${whole}${fraction.padEnd(exponent, '0')}`), sign === '-', line);
}

/** An amount in minor units: an integer. */
export function minorAmount(text: string, currency: string, line: number): bigint {
  if (/^[+-]?\d+[.,]\d*$/.test(text))
    throw new BadFile(
      'exponent',
      line,
      `"${shown(text)}" has decimals; this file gives the minor units of ${currency}.`,
    );
  if (!/^[+-]?\d+$/.test(text) || text.length > digitsMax)
    throw new BadFile('amount', line, `"${shown(text)}" is not an integer of minor units.`);
  return bounded(BigInt(text.replace(/^[+-]/, '')), text.startsWith('-'), line);
}

export function fitsBook(minor: bigint): boolean {
  return minor <= mostMinor && minor >= -mostMinor;
}

function bounded(minor: bigint, isNegative: boolean, line: number): bigint {
  if (!fitsBook(minor)) throw new BadFile('amount', line, 'The amount is larger than the book can hold.');
  return isNegative ? -minor : minor;
}

export function currencyCode(text: string, line: number): string {
  if (!/^[A-Z]{3}$/.test(text)) throw new BadFile('currency', line, `"${shown(text)}" is not a currency of ISO 4217.`);
  return text;
}

/** `yyyy-mm-dd`, also at the head of a time (ISO 8601, with a T or a space). */
export function isoDate(text: string, line: number): string {
  return calendarDate(/^(\d{4})-(\d{2})-(\d{2})(?:[T ]|$)/.exec(text), text, line);
}

/** Of `yymmdd`, as SWIFT writes it; 80 to 99 are of the last century (SWIFT's own rule). */
export function swiftDate(text: string, line: number): string {
  const found = /^(\d{2})(\d{2})(\d{2})$/.exec(text);
  const century = found !== null && Number(found[1]) >= 80 ? '19' : '20';
  return calendarDate(/^(\d{4})(\d{2})(\d{2})$/.exec(found === null ? '' : `${century}${text}`), text, line);
}

/** Of `ddmmyyyy` or `dd-mm-yyyy`. */
export function dayFirstDate(text: string, line: number): string {
  const found = /^(\d{2})[-/]?(\d{2})[-/]?(\d{4})$/.exec(text);
  const ordered = found === null ? '' : `${found[3]}${found[2]}${found[1]}`;
  return calendarDate(/^(\d{4})(\d{2})(\d{2})$/.exec(ordered), text, line);
}

/** No bank has sent a file of another time, and no database takes the year 0. */
const earliest = '1970-01-01';
const latest = '2199-12-31';

function calendarDate(found: RegExpExecArray | null, text: string, line: number): string {
  const date = found === null ? '' : `${found[1]}-${found[2]}-${found[3]}`;
  const at = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== date || date < earliest || date > latest)
    throw new BadFile('date', line, `"${shown(text)}" is not a date.`);
  return date;
}

/** A piece of a file in a sentence for people: short, no control characters. */
export function shown(text: string): string {
  const clean = text.replaceAll(/\p{C}/gu, '?');
  return clean.length > 40 ? `${clean.slice(0, 40)}…` : clean;
}
