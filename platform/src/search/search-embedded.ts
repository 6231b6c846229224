/**
 * `search` in this process: an inverted index on typed arrays.
 *
 * Ranking is BM25F (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009) over weighted fields. A query word
 * stands for itself, for words of its stem, and, as the last word of the query, for words that begin with it; only a
 * word that none of these finds in what the viewer may see is forgiven typing mistakes. All words must match; when no
 * document has them all, most must; at last any will do. What the viewer may not see is put aside before anything is
 * counted, scored or shown.
 *
 * Nothing is kept on disk: the service that fills the index does so again at its start.
 */
import { highlight } from './highlight.ts';
import { type DocumentTable, openDocumentTable } from './document-table.ts';
import type { SearchAnswer, SearchHit, SearchIndex, SearchQuery } from './search.ts';
import { isStopWord, typosAllowed, distance, wordsOf } from './words.ts';

const wordsMax = 32;
const charsMax = 512;
const limitMax = 100;
const offsetMax = 1_000;
const prefixWordsMax = 200;
const fuzzyWordsMax = 20;
const facetValuesMax = 50;
/** BM25's saturation and length normalisation, the usual values. */
const k1 = 1.2;
const b = 0.5;
/** How much a match counts that is not the word itself. */
const variantWeights = { exact: 1, stem: 0.9, prefix: 0.7, typo: 0.5 } as const;
type VariantKind = keyof typeof variantWeights;

/** One word of the query and what it may stand for, with how much each counts. */
interface QueryWord {
  readonly text: string;
  readonly variants: ReadonlyMap<string, VariantKind>;
}

interface Scored {
  readonly doc: number;
  readonly score: number;
}

export function openEmbeddedSearch(): SearchIndex {
  const table = openDocumentTable();
  return {
    put: async (documents) => table.put(documents),
    remove: async (ids, version) => table.remove(ids, version),
    search: async (query) => search(table, query),
    ping: async () => 0,
  };
}

function search(table: DocumentTable, query: SearchQuery): SearchAnswer {
  const text = query.words.slice(0, charsMax);
  const visible = visibility(table, query);
  const phrases = [...text.matchAll(/"([^"]+)"/g)].map(([, inner]) => wordsOf(inner ?? '').map((word) => word.folded));
  const typed = wordsOf(text).slice(0, wordsMax).map((word) => word.folded);
  const telling = typed.filter((word) => !isStopWord(word));
  const wanted = telling.length > 0 ? telling : typed;
  const quoted = new Set(phrases.flat());
  const isOpen = /[\p{L}\p{M}\p{N}]$/u.test(text);
  const words = [...new Set(wanted)].map((word, index, all) =>
    queryWord(table, visible, word, { isQuoted: quoted.has(word), isLast: isOpen && index === all.length - 1 }),
  );
  const scored = wanted.length === 0 ? everything(table, visible) : rank(table, visible, words, phrases);
  const shown = scored.slice(Math.min(query.offset, offsetMax)).slice(0, Math.min(query.limit, limitMax));
  const corrected = correction(typed, words);
  return {
    hits: shown.map((hit) => hitOf(table, hit, words)),
    total: scored.length,
    facets: Object.fromEntries(query.facets.map((field) => [field, facet(table, scored, field)])),
    ...(corrected === undefined ? {} : { correctedWords: corrected }),
  };
}

type Visible = (doc: number) => boolean;

/** Documents that live, that the viewer may see and that pass the filters; each is decided once a query. */
function visibility(table: DocumentTable, { viewerMarks, filters }: SearchQuery): Visible {
  const wanted = Object.entries(filters);
  const decided = new Map<number, boolean>();
  return (doc) => {
    const known = decided.get(doc);
    if (known !== undefined) return known;
    const document = table.documentOf(doc);
    const seen =
      document !== undefined &&
      document.visibleTo.some((mark) => viewerMarks.has(mark)) &&
      wanted.every(([field, value]) => document.values[field] === value);
    decided.set(doc, seen);
    return seen;
  };
}

function queryWord(
  table: DocumentTable,
  visible: Visible,
  word: string,
  how: { readonly isQuoted: boolean; readonly isLast: boolean },
): QueryWord {
  const variants = new Map<string, VariantKind>();
  const add = (term: string, kind: VariantKind) => {
    if (!variants.has(term) && isSeen(table, visible, term)) variants.set(term, kind);
  };
  add(word, 'exact');
  if (how.isQuoted) return { text: word, variants };
  for (const term of table.termsOfSameStem(word)) add(term, 'stem');
  if (how.isLast) for (const term of table.termsWithPrefix(word, prefixWordsMax)) add(term, 'prefix');
  if (variants.size > 0) return { text: word, variants };
  const most = typosAllowed(word);
  if (most === 0) return { text: word, variants };
  const near = table
    .termsOfLength(word.length - most, word.length + most)
    .map((term) => ({ term, away: distance(word, term, most) }))
    .filter(({ term, away }) => away <= most && isSeen(table, visible, term))
    .sort((left, right) => left.away - right.away || (left.term < right.term ? -1 : 1))
    .slice(0, fuzzyWordsMax);
  for (const { term } of near) variants.set(term, 'typo');
  for (const { term } of near) for (const kin of table.termsOfSameStem(term)) add(kin, 'typo');
  return { text: word, variants };
}

function isSeen(table: DocumentTable, visible: Visible, term: string): boolean {
  return table.postingsOf(term)?.some((doc) => visible(doc)) ?? false;
}

function everything(table: DocumentTable, visible: Visible): Scored[] {
  return table
    .allDocs()
    .filter(visible)
    .map((doc) => ({ doc, score: 0 }))
    .sort((left, right) => byId(table, left, right));
}

/** BM25F over the words, then the three steps of forgiveness: all words, most, any. */
function rank(table: DocumentTable, visible: Visible, words: readonly QueryWord[], phrases: readonly string[][]): Scored[] {
  const scores = new Map<number, number>();
  const matched = new Map<number, number>();
  for (const word of words) {
    const weights = weightsOf(table, visible, word);
    const rarity = Math.log(1 + (table.size - weights.size + 0.5) / (weights.size + 0.5));
    for (const [doc, weight] of weights) {
      scores.set(doc, (scores.get(doc) ?? 0) + rarity * (weight / (k1 + weight)));
      matched.set(doc, (matched.get(doc) ?? 0) + 1);
    }
  }
  const inPhrase = [...scores.keys()].filter((doc) => phrases.every((phrase) => table.holdsPhrase(doc, phrase)));
  for (const least of [words.length, Math.ceil(words.length * 0.7), 1]) {
    const found = inPhrase.filter((doc) => (matched.get(doc) ?? 0) >= least);
    if (found.length === 0) continue;
    return found
      .map((doc) => ({ doc, score: (scores.get(doc) ?? 0) * ((matched.get(doc) ?? 0) / words.length) ** 2 }))
      .sort((left, right) => right.score - left.score || byId(table, left, right));
  }
  return [];
}

/** Weighted frequency of a word in each visible document that has it, normalised by field length. */
function weightsOf(table: DocumentTable, visible: Visible, word: QueryWord): Map<number, number> {
  const weights = new Map<number, number>();
  for (const [term, kind] of word.variants) {
    table.postingsOf(term)?.forEach((doc, fields) => {
      if (!visible(doc)) return;
      const weight = variantWeights[kind] * table.fieldWeight(doc, fields, b);
      // Several forms of one word in a document do not add up: the best counts.
      weights.set(doc, Math.max(weights.get(doc) ?? 0, weight));
    });
  }
  return weights;
}

function byId(table: DocumentTable, left: Scored, right: Scored): number {
  const [a = '', z = ''] = [table.documentOf(left.doc)?.id, table.documentOf(right.doc)?.id];
  if (a === z) return 0;
  return a < z ? -1 : 1;
}

function facet(table: DocumentTable, scored: readonly Scored[], field: string): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { doc } of scored) {
    const value = table.documentOf(doc)?.values[field];
    if (value !== undefined && value !== '') counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((left, right) => right.count - left.count || (left.value < right.value ? -1 : 1))
    .slice(0, facetValuesMax);
}

function hitOf(table: DocumentTable, { doc, score }: Scored, words: readonly QueryWord[]): SearchHit {
  const document = table.documentOf(doc);
  if (document === undefined) throw new Error('a hit without its document');
  const matches = (folded: string) => words.some((word) => word.variants.has(folded));
  const highlights = Object.entries(document.text).flatMap(([field, text]) => {
    const html = highlight(text, matches, field === 'title');
    return html === undefined ? [] : [[field, html] as const];
  });
  return { id: document.id, score, values: document.values, highlights: Object.fromEntries(highlights) };
}

/** What was searched for instead of what was typed; undefined when nothing was mended. */
function correction(typed: readonly string[], words: readonly QueryWord[]): string | undefined {
  const mended = new Map(
    words.flatMap((word) => {
      const [first] = word.variants;
      return first !== undefined && first[1] === 'typo' ? [[word.text, first[0]] as const] : [];
    }),
  );
  return mended.size === 0 ? undefined : typed.map((word) => mended.get(word) ?? word).join(' ');
}
