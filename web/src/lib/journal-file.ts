/** A file of journals, one JSON object a line, and the platform's answer to it, one result a line. Pure. */
import type { BookedJournal } from '../api/types.ts';

/** As many as one request of the bulk route takes. */
export const triedMax = 1_000;

export type JournalsRead = { readonly journals: readonly unknown[] } | { readonly wrong: string };

/** The lines of a file; what cannot be tried is said with its line. Empty lines count as lines and are no journals. */
export function readJournals(text: string): JournalsRead {
  const journals: unknown[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const journal = parse(line);
    if (journal === undefined) return { wrong: `Line ${index + 1} is no JSON object.` };
    if (journals.length === triedMax)
      return { wrong: `It holds more than ${triedMax.toLocaleString('en')} journals: so many are booked, not tried.` };
    journals.push(journal);
  }
  return journals.length === 0 ? { wrong: 'There are no journals in it.' } : { journals };
}

export interface BookedTotals {
  readonly posted: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly skipped: number;
}

export interface BookedFile {
  readonly results: readonly BookedJournal[];
  /** Absent: the answer broke off, and the file is to be sent again. */
  readonly totals?: BookedTotals;
}

/** What a stream of journals was answered with. */
export function readBooked(text: string): BookedFile {
  const lines = text.split('\n').flatMap((line): Record<string, unknown>[] => {
    const value = parse(line);
    return value ? [value] : [];
  });
  const end = lines.find((line) => 'end' in line)?.['end'];
  const results = lines.filter((line) => !('end' in line)) as unknown as BookedJournal[];
  return { results, ...(isTotals(end) && { totals: end }) };
}

export function totalsOf(results: readonly BookedJournal[]): BookedTotals {
  const count = (outcome: string) => results.filter((one) => one.outcome === outcome).length;
  return {
    posted: count('posted'),
    duplicate: count('duplicate'),
    rejected: count('rejected'),
    skipped: count('skipped'),
  };
}

/** Those that a person has to look at. */
export function unbooked(results: readonly BookedJournal[]): readonly BookedJournal[] {
  return results.filter(({ outcome }) => outcome === 'rejected' || outcome === 'skipped');
}

function isTotals(value: unknown): value is BookedTotals {
  const of = value as Record<string, unknown> | undefined;
  return ['posted', 'duplicate', 'rejected', 'skipped'].every((name) => typeof of?.[name] === 'number');
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
