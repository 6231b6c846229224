/**
 * The `search` port: an index of documents with words, filters and rights.
 *
 * Adapters: search-embedded.ts (an inverted index in this process, derived and rebuildable); Elasticsearch/OpenSearch
 * comes with the many-process issue. The viewer filter is a required argument, so a hit, a count, a facet or a
 * highlight never comes from a document the viewer may not see.
 */
export interface SearchDocument {
  readonly id: string;
  /** Older versions never overwrite newer ones. */
  readonly version: number;
  /** Searched text by field name, e.g. title, summary, body. */
  readonly text: Readonly<Record<string, string>>;
  /** Exact values by field name, for filters and facets. */
  readonly values: Readonly<Record<string, string>>;
  /** The viewer must hold at least one of these marks, e.g. `public`, `course:<id>`. */
  readonly visibleTo: readonly string[];
  /** ISO 639-1; chooses the stemmer. */
  readonly language: string;
}

export interface SearchQuery {
  /**
   * As typed; the first 32 words of the first 512 characters count, quoted ones as they are written and in this order.
   * Without a word nothing is found, and the facets count all that the viewer may see.
   */
  readonly words: string;
  /** Marks the viewer holds. Required: there is no search without a viewer. */
  readonly viewerMarks: ReadonlySet<string>;
  readonly filters: Readonly<Record<string, string>>;
  /** Fields of `values` to count. A facet's own filter does not narrow its counts, so that its other values show. */
  readonly facets: readonly string[];
  /** At most 100. */
  readonly limit: number;
  /** Hits past the first 1,000 are counted and not given. */
  readonly offset: number;
}

export interface SearchHit {
  readonly id: string;
  readonly score: number;
  readonly values: Readonly<Record<string, string>>;
  /** By field: escaped HTML of the best snippet with <mark> around what matched. */
  readonly highlights: Readonly<Record<string, string>>;
}

export interface SearchAnswer {
  /** Best first; what matches all words comes before what matches some, equals in the order of their ids. */
  readonly hits: readonly SearchHit[];
  readonly total: number;
  readonly facets: Readonly<Record<string, readonly { readonly value: string; readonly count: number }[]>>;
  /** The words searched for after mending typos, when that was needed. */
  readonly correctedWords?: string;
}

/** Bounds every adapter keeps. */
export const searchLimitMax = 100;
export const searchWindowMax = 1_000;

export interface SearchIndex {
  /** Throws SearchFault `full` past what the adapter can hold; what was put before stays. */
  put(documents: readonly SearchDocument[]): Promise<void>;
  /** Removes; a later `put` of the same or an older version is passed over. */
  remove(ids: readonly string[], version: number): Promise<void>;
  search(query: SearchQuery): Promise<SearchAnswer>;
  ping(): Promise<number>;
}

export class SearchFault extends Error {
  readonly kind: 'full' | 'invalid' | 'unavailable';
  constructor(kind: SearchFault['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SearchFault';
    this.kind = kind;
  }
}
