/** The limits of an account as finance types them: signed amounts, or nothing for no limit. Pure. */
import { decimalText, parseAmount } from './money.ts';

export interface Limits {
  readonly balanceMinMinor?: string;
  readonly balanceMaxMinor?: string;
}

export type LimitsRead =
  | { readonly limits: Limits }
  | { readonly wrong: { readonly min?: string | undefined; readonly max?: string | undefined } };

/** Refuses, with a sentence for the field, what is no amount of the currency, and a lower limit above the upper one. */
export function readLimits(minText: string, maxText: string, currency: string): LimitsRead {
  const min = readSigned(minText, currency);
  const max = readSigned(maxText, currency);
  const say = `Give an amount in ${currency}, or nothing.`;
  if (min === 'wrong' || max === 'wrong')
    return { wrong: { min: min === 'wrong' ? say : undefined, max: max === 'wrong' ? say : undefined } };
  if (min !== undefined && max !== undefined && min > max)
    return { wrong: { max: 'It must be at least the lower limit.' } };
  return {
    limits: {
      ...(min !== undefined && { balanceMinMinor: min.toString() }),
      ...(max !== undefined && { balanceMaxMinor: max.toString() }),
    },
  };
}

/** What a field begins with. */
export function limitText(minor: string | undefined, currency: string): string {
  return minor === undefined ? '' : decimalText(BigInt(minor), currency);
}

function readSigned(text: string, currency: string): bigint | undefined | 'wrong' {
  const trimmed = text.trim().replace('−', '-');
  if (trimmed === '') return undefined;
  const isNegative = trimmed.startsWith('-');
  const minor = parseAmount(isNegative ? trimmed.slice(1) : trimmed, currency);
  if (minor === undefined) return 'wrong';
  return isNegative ? -minor : minor;
}
