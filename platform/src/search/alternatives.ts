/** Which words of the index stand for a word of the query: itself, its stem's, its continuations, its right spelling. */
import type { InvertedIndex, Visible } from './inverted-index.ts';
import { stemKey } from './inverted-index.ts';
import type { QueryWord } from './query-words.ts';

/** One word of the index, in documents of these languages (bits), for this share of an exact hit. */
export interface Alternative {
  readonly wordId: number;
  readonly languages: number;
  readonly weight: number;
}

export interface Group {
  readonly alternatives: readonly Alternative[];
  /** The word that was searched for instead. */
  readonly corrected?: string;
}

const everyLanguage = -1;
const exactWeight = 1;
const stemWeight = 0.85;
const prefixWeight = 0.5;
const mendedWeight = 0.6;
const prefixCharsMin = 2;
/** The most frequent ones are taken; a short prefix begins thousands of words. */
const prefixWordsMax = 500;
/** Letters from which one and two edits are taken for a slip. */
const oneEditCharsMin = 5;
const twoEditsCharsMin = 9;
const mendedWordsMax = 5;

/** Spelling is mended only where nothing visible holds the word as it is, so a slip never outranks the right word. */
export function groupFor(index: InvertedIndex, visible: Visible, query: QueryWord, isLast: boolean): Group {
  const exact = exactAlternatives(index, query.word);
  if (query.quoted) return { alternatives: exact };
  const related = withStems(index, visible, query.word, exact);
  const found = isLast ? withPrefixes(index, visible, query.word, related) : related;
  if (found.some((one) => visibleCount(index, visible, one) > 0) || !query.mendable) return { alternatives: found };
  return mended(index, visible, query.word) ?? { alternatives: found };
}

function exactAlternatives(index: InvertedIndex, word: string): Alternative[] {
  const wordId = index.dictionary.find(word);
  return wordId === undefined ? [] : [{ wordId, languages: everyLanguage, weight: exactWeight }];
}

/** A word counts as the same by its stem only in documents of the language whose stem it is. */
function withStems(index: InvertedIndex, visible: Visible, word: string, exact: readonly Alternative[]): Alternative[] {
  const masks = new Map<number, number>();
  index.languages.forEach((language, number) => {
    if (number === 0 || (visible.languageCounts[number] ?? 0) === 0) return;
    for (const id of index.stems.get(stemKey(number, language.stem(word))) ?? []) {
      masks.set(id, (masks.get(id) ?? 0) | (1 << number));
    }
  });
  for (const { wordId } of exact) masks.delete(wordId);
  const stems = [...masks].map(([wordId, languages]) => ({ wordId, languages, weight: stemWeight }));
  return [...exact, ...inWordOrder(index, stems)];
}

function withPrefixes(
  index: InvertedIndex,
  visible: Visible,
  word: string,
  related: readonly Alternative[],
): Alternative[] {
  if (word.length < prefixCharsMin) return [...related];
  const taken = new Map(related.map(({ wordId, languages }) => [wordId, languages]));
  const begun = index.dictionary.withPrefix(word).flatMap((wordId) => {
    const languages = ~(taken.get(wordId) ?? 0);
    return languages === 0 ? [] : [{ wordId, languages, weight: prefixWeight }];
  });
  return [...related, ...inWordOrder(index, mostFrequent(index, visible, begun, prefixWordsMax))];
}

/** The order in which weights are added up must not depend on words that the viewer does not see. */
function inWordOrder(index: InvertedIndex, alternatives: Alternative[]): Alternative[] {
  const { words } = index.dictionary;
  return alternatives.sort((a, b) => ((words[a.wordId] ?? '') < (words[b.wordId] ?? '') ? -1 : 1));
}

function mostFrequent(
  index: InvertedIndex,
  visible: Visible,
  alternatives: readonly Alternative[],
  max: number,
): Alternative[] {
  if (alternatives.length <= max) return [...alternatives];
  const { words } = index.dictionary;
  return alternatives
    .map((alternative) => ({ alternative, count: visibleCount(index, visible, alternative) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => {
      if (a.count !== b.count) return b.count - a.count;
      return (words[a.alternative.wordId] ?? '') < (words[b.alternative.wordId] ?? '') ? -1 : 1;
    })
    .slice(0, max)
    .map(({ alternative }) => alternative);
}

/** Documents that the viewer sees and that hold the word in one of its languages. */
function visibleCount(index: InvertedIndex, visible: Visible, { wordId, languages }: Alternative): number {
  const postings = index.postings[wordId];
  let count = 0;
  for (let at = 0; at < (postings?.length ?? 0); at += 1) {
    const document = postings?.documents[at] ?? 0;
    if (visible.documents[document] === 1 && (languages >>> (index.languageOf[document] ?? 0)) & 1) count += 1;
  }
  return count;
}

function mended(index: InvertedIndex, visible: Visible, word: string): Group | undefined {
  const letters = Array.from(word).length;
  const edits = letters >= twoEditsCharsMin ? 2 : letters >= oneEditCharsMin ? 1 : 0;
  if (edits === 0) return undefined;
  const near = index.dictionary
    .near(word, edits)
    .filter(({ id }) => !/\p{N}/u.test(index.dictionary.words[id] ?? ''))
    .map(({ id, distance }) => ({
      distance,
      alternative: { wordId: id, languages: everyLanguage, weight: mendedWeight },
    }))
    .filter(({ alternative }) => visibleCount(index, visible, alternative) > 0);
  if (near.length === 0) return undefined;
  const nearest = Math.min(...near.map(({ distance }) => distance));
  const candidates = near.filter(({ distance }) => distance === nearest).map(({ alternative }) => alternative);
  const best = byFrequency(index, visible, candidates).slice(0, mendedWordsMax);
  const spellings = best.map(({ wordId }) => index.dictionary.words[wordId] ?? '');
  return { alternatives: merged(index, visible, spellings), corrected: spellings[0] ?? word };
}

function byFrequency(index: InvertedIndex, visible: Visible, alternatives: readonly Alternative[]): Alternative[] {
  const { words } = index.dictionary;
  const counts = new Map(alternatives.map((one) => [one.wordId, visibleCount(index, visible, one)]));
  return [...alternatives].sort((a, b) => {
    const difference = (counts.get(b.wordId) ?? 0) - (counts.get(a.wordId) ?? 0);
    return difference !== 0 ? difference : (words[a.wordId] ?? '') < (words[b.wordId] ?? '') ? -1 : 1;
  });
}

/** The right spellings and what shares their stems, each word once. */
function merged(index: InvertedIndex, visible: Visible, spellings: readonly string[]): Alternative[] {
  const languages = new Map<number, number>();
  for (const spelling of spellings) {
    for (const one of withStems(index, visible, spelling, exactAlternatives(index, spelling))) {
      languages.set(one.wordId, (languages.get(one.wordId) ?? 0) | one.languages);
    }
  }
  const all = [...languages].map(([wordId, mask]) => ({ wordId, languages: mask, weight: mendedWeight }));
  return inWordOrder(index, all);
}
