/** What a person typed, as words to be found. */
import { tokenize } from './analysis.ts';

export const queryCharsMax = 512;
export const queryWordsMax = 32;

export interface QueryWord {
  readonly word: string;
  /** Stands in quotes: found as it is written, in this order, or not at all. */
  readonly quoted: boolean;
  /** May stand for a word that is spelt a little differently. */
  readonly mendable: boolean;
}

export interface ParsedQuery {
  readonly words: readonly QueryWord[];
  /** Runs of quoted words, as positions in `words`. */
  readonly phrases: readonly (readonly number[])[];
}

/** The first 32 words of the first 512 characters. A quote that is not closed is no quote. */
export function parseQuery(text: string): ParsedQuery {
  const words: QueryWord[] = [];
  const phrases: number[][] = [];
  const bounded = text.slice(0, queryCharsMax).toWellFormed();
  for (const match of bounded.matchAll(/"([^"]*)"|[^\s"]+|"/g)) {
    const [chunk, inQuotes] = match;
    const quoted = inQuotes !== undefined;
    const phrase: number[] = [];
    for (const { word } of tokenize(inQuotes ?? chunk)) {
      if (words.length >= queryWordsMax) break;
      phrase.push(words.length);
      words.push({ word, quoted, mendable: !quoted && !isCode(chunk) });
    }
    if (quoted && phrase.length > 0) phrases.push(phrase);
  }
  return { words, phrases };
}

/** Course codes, ids and addresses mean exactly what they say. */
function isCode(chunk: string): boolean {
  return /[\p{N}@_]/u.test(chunk);
}
