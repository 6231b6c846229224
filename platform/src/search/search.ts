/**
 * The `search` port: an index of documents with words, filters and rights.
 *
 * Adapters: search-embedded.ts (an inverted index in this process), search-opensearch.ts (an index that many processes
 * share on a server). Both are derived and can be built again while they serve. The viewer filter is a required
 * argument, so a hit, a count, a facet or a highlight never comes from a document the viewer may not see.
 */
export interface SearchDocument {
  readonly id: string;
  /** Older versions never overwrite newer ones. */
  readonly version: number;
  /** Searched text by field name, e.g. title, summary, body. */
  readonly text: Readonly<Record<string, string>>;
  /** Exact values by field name, for filters and facets. Facets may leave out values of more than 256 characters. */
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

/** Every method throws SearchFault, `unavailable` soon after the engine has gone away: no call waits without end. */
export interface SearchIndex {
  /**
   * True when the index is on a server, one for all processes that open it by its name: what one of them puts, all find.
   * False when it is this process's own: every process must be given every document.
   */
  readonly shared: boolean;
  /**
   * Resolved, the documents are found by every search that begins. Throws SearchFault `full` past what the adapter can
   * hold, `invalid` for a document that it cannot take; what was put before stays, and of these some may be in.
   */
  put(documents: readonly SearchDocument[]): Promise<void>;
  /** Removes; a later `put` of the same or an older version is passed over. */
  remove(ids: readonly string[], version: number): Promise<void>;
  search(query: SearchQuery): Promise<SearchAnswer>;
  /** True until a `rebuild` has filled the index, and again when what serves has another form than this program makes. */
  needsRebuild(): Promise<boolean>;
  /**
   * Builds a second index from all that is stored and then, at one moment, serves it instead of the first. Until then
   * searches are answered from the first, and `put` and `remove` of this process reach both. `documents` is read after
   * the call and must hold what was put before it; what it does not hold is gone with the switch. When it throws, when
   * `signal` is aborted or when not all arrived, it throws and the first index goes on serving. One rebuild at a time,
   * by one process: the caller holds a lease.
   */
  rebuild(documents: AsyncIterable<readonly SearchDocument[]>, signal?: AbortSignal): Promise<void>;
  /** Round trip in milliseconds. */
  ping(): Promise<number>;
  close(): Promise<void>;
}

export class SearchFault extends Error {
  readonly kind: 'full' | 'invalid' | 'unavailable';
  constructor(kind: SearchFault['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SearchFault';
    this.kind = kind;
  }
}
