/**
 * The form in which documents lie in an OpenSearch index, and its name.
 *
 * Words are divided, folded and stemmed here, by the analysis of the embedded engine: both engines know the same words,
 * and the server needs no analysis plug-in. What a word weighs in a document is worked out here as well (BM25F over the
 * fields) and stored as a feature of the document: the server's own BM25 counts over documents that the viewer may not
 * see, and would let them show through in the order of hits.
 */
import { createHash } from 'node:crypto';
import { type Language, noLanguage, tokenize } from './analysis.ts';
import { fieldCharsMax } from './inverted-index.ts';
import type { FieldWeights } from './match.ts';
import type { SearchDocument } from './search.ts';

/** To be raised when the same text gives other words or weights; a built index is then built anew. */
const formNumber = 1;

/** How much a long field counts against a document (BM25's usual value). */
const b = 0.75;
/** Words that a field usually has. The true mean would change with every document, and all weights with it. */
const usualWords: Readonly<Record<string, number>> = { title: 6, summary: 25, body: 300 };
const usualWordsElsewhere = 100;
const fieldWeightElsewhere = 1;
export const valueCharsMax = 256;

export interface StoredDocument {
  readonly id: string;
  readonly given: Pick<SearchDocument, 'text' | 'values'>;
  readonly marks: readonly string[];
  readonly language: string;
  /** The folded words, one string for each field, so that no phrase crosses fields. */
  readonly words: readonly string[];
  /** Their stems as `<language>:<stem>`, in the same places. */
  readonly stems: readonly string[];
  /** The words of the fields that weigh most. */
  readonly strong: readonly string[];
  /** Each word once, to be read. */
  readonly vocabulary: readonly string[];
  /** What each word and each stem weighs here. */
  readonly weights: Readonly<Record<string, number>>;
  readonly values: Readonly<Record<string, string>>;
}

/** Read back with a hit. */
export type HitSource = Pick<StoredDocument, 'id' | 'given' | 'language'>;

/** What is kept of a removed document: no mark, so nobody sees it, and a version that late writes meet. */
export const tombstone = { marks: [], gone: true };

/**
 * The server's version numbers: a removal stands between the document's version and the next one, so that it wins over
 * the version it removes and loses to the next.
 */
export const putVersion = (version: number) => version * 2;
export const removeVersion = (version: number) => version * 2 + 1;

export function storedDocument(
  document: SearchDocument,
  language: Language,
  fieldWeights: FieldWeights,
): StoredDocument {
  const fields = Object.entries(document.text).map(([name, text]) => ({
    name,
    words: tokenize(text.slice(0, fieldCharsMax)).map(({ word }) => word),
  }));
  const strongest = Math.max(...Object.values(fieldWeights));
  const stemmed = (words: readonly string[]) => words.map((word) => stemOf(language, word));
  return {
    id: document.id,
    given: { text: document.text, values: document.values },
    marks: document.visibleTo,
    language: language.code,
    words: fields.map(({ words }) => words.join(' ')),
    stems: language === noLanguage ? [] : fields.map(({ words }) => stemmed(words).join(' ')),
    strong: fields.filter(({ name }) => fieldWeights[name] === strongest).map(({ words }) => words.join(' ')),
    vocabulary: [...new Set(fields.flatMap(({ words }) => words))],
    weights: weightsOf(fields, language, fieldWeights),
    values: Object.fromEntries(Object.entries(document.values).map(([name, value]) => [name, indexedValue(value)])),
  };
}

export function stemOf(language: Language, word: string): string {
  return `${language.code}:${language.stem(word)}`;
}

/** Long values are filtered by what they hash to; nobody counts them. */
export function indexedValue(value: string): string {
  if (value.length <= valueCharsMax) return value;
  return `${hashedValuePrefix}${createHash('sha256').update(value).digest('hex')}`;
}

/** No text begins so: it is not a character of any script. */
export const hashedValuePrefix = '\u0001sha256:';

/** BM25F's weight of each word and stem, before it is saturated (Robertson, Zaragoza, Taylor 2004). */
function weightsOf(
  fields: readonly { readonly name: string; readonly words: readonly string[] }[],
  language: Language,
  fieldWeights: FieldWeights,
): Record<string, number> {
  const weights = new Map<string, number>();
  const add = (word: string, weight: number) => weights.set(word, (weights.get(word) ?? 0) + weight);
  for (const { name, words } of fields) {
    const usual = usualWords[name] ?? usualWordsElsewhere;
    const weight = (fieldWeights[name] ?? fieldWeightElsewhere) / (1 - b + (b * words.length) / usual);
    for (const word of words) {
      add(word, weight);
      if (language !== noLanguage) add(stemOf(language, word), weight);
    }
  }
  return Object.fromEntries(weights);
}

const words = { type: 'text', analyzer: 'whitespace', similarity: 'boolean', norms: false };

/** One shard: counts are exact, and a catalogue of courses is far below what one holds. */
const settings = {
  number_of_shards: 1,
  auto_expand_replicas: '0-1',
  // Every write asks for its own refresh; this is for those that were cut off.
  refresh_interval: '5s',
};

const properties = {
  id: { type: 'keyword' },
  given: { type: 'object', enabled: false },
  marks: { type: 'keyword' },
  language: { type: 'keyword' },
  gone: { type: 'boolean' },
  words: { ...words, index_options: 'positions' },
  stems: { ...words, index_options: 'positions' },
  strong: { ...words, index_options: 'docs' },
  vocabulary: { type: 'keyword', index: false },
  weights: { type: 'rank_features' },
  values: { type: 'object', dynamic: true },
};

const mappings = {
  dynamic: false,
  _source: { excludes: ['words', 'stems', 'strong', 'vocabulary', 'weights', 'marks', 'values'] },
  dynamic_templates: [{ values: { path_match: 'values.*', mapping: { type: 'keyword' } } }],
  properties,
};

/** Names the form: indices of another one are built anew. */
export function formOf(fieldWeights: FieldWeights): string {
  const parts = JSON.stringify([formNumber, b, usualWords, settings, mappings, fieldWeights]);
  return createHash('sha256').update(parts).digest('hex').slice(0, 8);
}

/** What a new index is made with; `built` is set when a rebuild has filled it. */
export function indexBody(form: string, aliases: readonly string[]): object {
  return {
    settings,
    mappings: { ...mappings, _meta: { form, built: false } },
    aliases: Object.fromEntries(aliases.map((alias) => [alias, {}])),
  };
}

/**
 * `attempt` is the builder's own mark: two that build at once must not meet in one name, or the one that gives up would
 * remove what the other has made. Empty for the first index of all, which any process may make but only once.
 */
export const indexName = (name: string, form: string, number: number, attempt: string) =>
  `${name}-${form}-${number}${attempt === '' ? '' : `-${attempt}`}`;

/** The number of an index of this name, undefined when it is none of ours. */
export function indexNumber(name: string, index: string): number | undefined {
  const rest = index.startsWith(`${name}-`) ? index.slice(name.length + 1) : '';
  const match = /^[0-9a-f]{8}-(\d+)(?:-[0-9a-f]{8})?$/.exec(rest);
  return match === null ? undefined : Number(match[1]);
}
