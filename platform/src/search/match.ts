/**
 * Which documents match a query and how well: BM25F over the fields, then how near the words stand to each other.
 *
 * Sources: Robertson, Zaragoza, Taylor (2004), Simple BM25 extension to multiple weighted fields.
 */
import type { Group } from './alternatives.ts';
import { bitCount } from './dictionary.ts';
import type { IndexedDocument, InvertedIndex, Visible } from './inverted-index.ts';
import { frequencyOf } from './postings.ts';

/** Saturation of repeated words, and how much a long field counts against a document: the usual values. */
const k1 = 1.2;
const b = 0.75;
/** The words side by side raise a score by this share. */
const proximityShare = 0.3;

/** Documents that hold at least one of the words, with the words they hold (bits) and their scores. */
export interface Matches {
  readonly documents: readonly number[];
  readonly bits: Int32Array;
  readonly scores: Float64Array;
}

export type FieldWeights = Readonly<Record<string, number>>;
/** A field that the index was told no weight for. */
const fieldWeightDefault = 1;

export function matchGroups(
  index: InvertedIndex,
  visible: Visible,
  groups: readonly Group[],
  fieldWeights: FieldWeights,
): Matches {
  const size = index.documents.length;
  const bits = new Int32Array(size);
  const scores = new Float64Array(size);
  const weights = new Float64Array(size);
  const documents: number[] = [];
  const weigh = weigher(index, visible, fieldWeights);
  groups.forEach((group, number) => {
    const touched = weighGroup(index, visible, group, weights, weigh);
    const idf = Math.log(1 + (visible.count - touched.length + 0.5) / (touched.length + 0.5));
    for (const document of touched) {
      const weight = weights[document] ?? 0;
      weights[document] = 0;
      if (bits[document] === 0) documents.push(document);
      bits[document] = (bits[document] ?? 0) | (1 << number);
      scores[document] = (scores[document] ?? 0) + (idf * weight * (k1 + 1)) / (k1 + weight);
    }
  });
  return { documents, bits, scores };
}

type Weigh = (document: number, packed: number) => number;

/** Frequencies in the fields, each by its weight and against the length of the field in what the viewer sees. */
function weigher(index: InvertedIndex, visible: Visible, fieldWeights: FieldWeights): Weigh {
  const weights = index.fields.map((name) => fieldWeights[name] ?? fieldWeightDefault);
  const means = visible.fieldTotals.map((total) => total / Math.max(1, visible.count));
  return (document, packed) => {
    let weight = 0;
    for (let field = 0; field < weights.length; field += 1) {
      const frequency = frequencyOf(packed, field);
      if (frequency === 0) continue;
      const length = index.fieldLengths[field]?.[document] ?? 0;
      weight += ((weights[field] ?? 0) * frequency) / (1 - b + (b * length) / Math.max(1, means[field] ?? 1));
    }
    return weight;
  };
}

/** Adds up the weights of a group's words in each visible document; gives the documents. */
function weighGroup(
  index: InvertedIndex,
  visible: Visible,
  group: Group,
  weights: Float64Array,
  weigh: Weigh,
): number[] {
  const touched: number[] = [];
  const { languageOf } = index;
  for (const alternative of group.alternatives) {
    const postings = index.postings[alternative.wordId];
    if (postings === undefined) continue;
    for (let at = 0; at < postings.length; at += 1) {
      const document = postings.documents[at] ?? 0;
      if (visible.documents[document] !== 1) continue;
      if (((alternative.languages >>> (languageOf[document] ?? 0)) & 1) === 0) continue;
      if (weights[document] === 0) touched.push(document);
      weights[document] =
        (weights[document] ?? 0) + alternative.weight * weigh(document, postings.frequencies[at] ?? 0);
    }
  }
  return touched;
}

/** For documents of one language: which words of the query a word of the index stands for, as bits. */
export class WordBits {
  readonly #groups: readonly Group[];
  readonly #byLanguage = new Map<number, Map<number, number>>();

  constructor(groups: readonly Group[]) {
    this.#groups = groups;
  }

  of(language: number): ReadonlyMap<number, number> {
    const known = this.#byLanguage.get(language);
    if (known !== undefined) return known;
    const bits = new Map<number, number>();
    this.#groups.forEach((group, number) => {
      for (const { wordId, languages } of group.alternatives) {
        if ((languages >>> language) & 1) bits.set(wordId, (bits.get(wordId) ?? 0) | (1 << number));
      }
    });
    this.#byLanguage.set(language, bits);
    return bits;
  }
}

/** What to multiply a score by: 1 when the words stand far apart, 1.3 when they stand side by side in one field. */
export function proximity(document: IndexedDocument, bitsOf: ReadonlyMap<number, number>, wanted: number): number {
  const different = bitCount(wanted);
  if (different < 2) return 1;
  let nearest = Number.POSITIVE_INFINITY;
  let start = 0;
  for (const end of document.fieldEnds) {
    nearest = Math.min(nearest, narrowestSpan(document.words, start, end, bitsOf, wanted));
    start = end;
  }
  return 1 + (proximityShare * (different - 1)) / Math.max(nearest, different - 1);
}

/** Words from the first to the last of the narrowest passage that holds all wanted ones; infinite where none does. */
function narrowestSpan(
  words: Uint32Array,
  start: number,
  end: number,
  bitsOf: ReadonlyMap<number, number>,
  wanted: number,
): number {
  /** Where each wanted word was seen last, by its bit. */
  const lastSeen = new Map<number, number>();
  const bitsWanted = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (wanted >>> bit) & 1);
  let nearest = Number.POSITIVE_INFINITY;
  for (let at = start; at < end; at += 1) {
    const bits = (bitsOf.get(words[at] ?? 0) ?? 0) & wanted;
    if (bits === 0) continue;
    for (const bit of bitsWanted) if ((bits >>> bit) & 1) lastSeen.set(bit, at);
    if (lastSeen.size < bitsWanted.length) continue;
    nearest = Math.min(nearest, at - Math.min(...lastSeen.values()));
  }
  return nearest;
}

/** Whether one field holds these words one after the other. */
export function holdsPhrase(document: IndexedDocument, phrase: readonly (number | undefined)[]): boolean {
  let start = 0;
  for (const end of document.fieldEnds) {
    for (let at = start; at + phrase.length <= end; at += 1) {
      if (phrase.every((word, offset) => word !== undefined && document.words[at + offset] === word)) return true;
    }
    start = end;
  }
  return false;
}
