/**
 * The `search` port in this process: an inverted index in typed arrays. It holds nothing that cannot be built again.
 *
 * Everything an answer depends on (which words exist, how frequent they are, how long fields are, what counts as a
 * slip) is counted over what the viewer may see, so an answer is the same as if nothing else were in the index.
 */

import { type Group, groupFor } from './alternatives.ts';
import { type Language, languageCode, loadLanguage, noLanguage } from './analysis.ts';
import { Best } from './best.ts';
import { bitCount } from './dictionary.ts';
import { highlight } from './highlight.ts';
import { type IndexedDocument, InvertedIndex, type Visible } from './inverted-index.ts';
import { type FieldWeights, holdsPhrase, type Matches, matchGroups, proximity, WordBits } from './match.ts';
import { parseQuery, type QueryWord } from './query-words.ts';
import {
  type SearchAnswer,
  type SearchDocument,
  SearchFault,
  type SearchHit,
  type SearchIndex,
  type SearchQuery,
  searchLimitMax,
  searchWindowMax,
} from './search.ts';

export interface EmbeddedSearchOptions {
  /** What a word in each field counts; 1 where nothing is said. */
  readonly fieldWeights?: FieldWeights;
  /** Fewer hits than this, and documents with fewer of the words are taken too. */
  readonly relaxBelowHits?: number;
  readonly documentsMax?: number;
  /** Of all texts and values together: some two to four bytes of memory each, with the index. */
  readonly charsMax?: number;
}

type Settings = Required<EmbeddedSearchOptions>;

const defaults: Settings = {
  fieldWeights: { title: 4, summary: 2, body: 1 },
  relaxBelowHits: 3,
  documentsMax: 500_000,
  charsMax: 400_000_000,
};

/** Removals that are remembered against late writes; the oldest are forgotten. */
const tombstonesMax = 100_000;
/** Indexing lets other work in after this long. */
const sliceMs = 15;
/** The best hits are put in order again by how near their words stand. */
const rerankedMax = 50;
/** Values of one facet in an answer. */
const facetValuesMax = 100;
/** Two thirds of the words, when too few documents hold all of them. */
const shouldMatchShare = 2 / 3;
const visibleKept = 16;
const marksKeptMax = 64;

export function openEmbeddedSearch(options: EmbeddedSearchOptions = {}): SearchIndex {
  return new EmbeddedSearch({ ...defaults, ...options });
}

/** Documents under their words, and what was removed lately. */
class Holdings {
  readonly index = new InvertedIndex();
  readonly tombstones = new Map<string, number>();
}

class EmbeddedSearch implements SearchIndex {
  readonly shared = false;
  readonly #settings: Settings;
  readonly #visible = new Map<string, Visible>();
  #serving = new Holdings();
  /** Being filled by a rebuild; takes every write as well. */
  #building: Holdings | undefined;
  #wasBuilt = false;
  #visibleAsOf = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async put(documents: readonly SearchDocument[]): Promise<void> {
    await this.#putInto(documents, () => (this.#building ? [this.#serving, this.#building] : [this.#serving]));
  }

  async #putInto(documents: readonly SearchDocument[], into: () => readonly Holdings[]): Promise<void> {
    const codes = new Set(documents.map((document) => languageCode(document.language)));
    const languages: Language[] = await Promise.all([...codes].map(loadLanguage));
    let sliceEndMs = performance.now() + sliceMs;
    for (const document of documents) {
      for (const holdings of into()) this.#putOne(holdings, document, languages);
      if (performance.now() < sliceEndMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      sliceEndMs = performance.now() + sliceMs;
    }
  }

  #putOne({ index, tombstones }: Holdings, document: SearchDocument, languages: readonly Language[]): void {
    if ((tombstones.get(document.id) ?? Number.NEGATIVE_INFINITY) >= document.version) return;
    const known = index.document(document.id);
    if (known !== undefined && known.version > document.version) return;
    const { documentsMax, charsMax } = this.#settings;
    if ((known === undefined && index.size >= documentsMax) || index.charCount >= charsMax) {
      throw new SearchFault('full', `The search index is full: ${documentsMax} documents or ${charsMax} characters.`);
    }
    for (const language of languages) if (language !== noLanguage) index.learn(language);
    tombstones.delete(document.id);
    index.add(document);
  }

  async remove(ids: readonly string[], version: number): Promise<void> {
    for (const holdings of this.#building ? [this.#serving, this.#building] : [this.#serving]) {
      removeFrom(holdings, ids, version);
    }
  }

  async search(query: SearchQuery): Promise<SearchAnswer> {
    return new Search(this.#serving.index, this.#settings, this.#visibleTo(query.viewerMarks), query).run();
  }

  async needsRebuild(): Promise<boolean> {
    return !this.#wasBuilt;
  }

  async rebuild(documents: AsyncIterable<readonly SearchDocument[]>, signal?: AbortSignal): Promise<void> {
    if (this.#building !== undefined) throw new SearchFault('invalid', 'The search index is being rebuilt already.');
    const building = new Holdings();
    this.#building = building;
    try {
      for await (const some of documents) {
        signal?.throwIfAborted();
        await this.#putInto(some, () => [building]);
      }
      signal?.throwIfAborted();
      this.#serving = building;
      this.#wasBuilt = true;
      this.#visible.clear();
    } finally {
      this.#building = undefined;
    }
  }

  async ping(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {}

  /** Most searches are by viewers with the same few marks. */
  #visibleTo(marks: ReadonlySet<string>): Visible {
    const { index } = this.#serving;
    if (marks.size > marksKeptMax) return index.visibleTo(marks);
    if (this.#visibleAsOf !== index.changes) this.#visible.clear();
    this.#visibleAsOf = index.changes;
    const key = JSON.stringify([...marks].sort());
    const kept = this.#visible.get(key);
    if (kept !== undefined) return kept;
    const visible = index.visibleTo(marks);
    const [oldest] = this.#visible.keys();
    if (this.#visible.size >= visibleKept && oldest !== undefined) this.#visible.delete(oldest);
    this.#visible.set(key, visible);
    return visible;
  }
}

function removeFrom({ index, tombstones }: Holdings, ids: readonly string[], version: number): void {
  for (const id of ids) {
    const known = index.document(id);
    if (known !== undefined && known.version > version) continue;
    index.remove(id);
    const before = tombstones.get(id) ?? Number.NEGATIVE_INFINITY;
    tombstones.delete(id);
    tombstones.set(id, Math.max(before, version));
  }
  for (const id of tombstones.keys()) {
    if (tombstones.size <= tombstonesMax) break;
    tombstones.delete(id);
  }
}

interface Candidate {
  readonly document: IndexedDocument;
  readonly bits: number;
  readonly matched: number;
  score: number;
}

/** One query on its way through the index. */
class Search {
  readonly #index: InvertedIndex;
  readonly #settings: Settings;
  readonly #visible: Visible;
  readonly #query: SearchQuery;
  readonly #filters: readonly (readonly [string, string])[];

  constructor(index: InvertedIndex, settings: Settings, visible: Visible, query: SearchQuery) {
    this.#index = index;
    this.#settings = settings;
    this.#visible = visible;
    this.#query = query;
    this.#filters = Object.entries(query.filters);
  }

  run(): SearchAnswer {
    const parsed = parseQuery(this.#query.words);
    const words = this.#withoutStopWords(parsed.words);
    if (words.length === 0) return { hits: [], total: 0, facets: this.#facets(this.#allVisible(), 0) };
    const groups = words.map((word) => groupFor(this.#index, this.#visible, word, word === parsed.words.at(-1)));
    const matches = matchGroups(this.#index, this.#visible, groups, this.#settings.fieldWeights);
    const phrases = parsed.phrases.map((phrase) =>
      phrase.map((at) => this.#index.dictionary.find(parsed.words[at]?.word ?? '')),
    );
    const candidates = this.#candidates(matches, phrases);
    const needed = this.#level(candidates, words.length);
    const bits = new WordBits(groups);
    const hits = this.#best(candidates, needed, words.length, bits);
    const corrected = this.#corrected(parsed.words, words, groups);
    return {
      hits: hits.map((hit) => this.#hit(hit, bits)),
      total: candidates.filter(({ matched, failing }) => matched >= needed && failing === passing).length,
      facets: this.#facets(candidates, needed),
      ...(corrected !== undefined && { correctedWords: corrected }),
    };
  }

  /** Words that say nothing by themselves are dropped when others remain; what is quoted stays. */
  #withoutStopWords(words: readonly QueryWord[]): readonly QueryWord[] {
    const { stopWords } = this.#mainLanguage();
    const telling = words.filter(({ word, quoted }) => quoted || !stopWords.has(word));
    return telling.length > 0 ? telling : words;
  }

  /** The language of most of what the viewer sees. */
  #mainLanguage(): Language {
    const { languages } = this.#index;
    const counts = this.#visible.languageCounts;
    return languages.reduce((main, language) => {
      const difference = (counts[languages.indexOf(language)] ?? 0) - (counts[languages.indexOf(main)] ?? 0);
      return difference > 0 || (difference === 0 && language.code < main.code) ? language : main;
    }, noLanguage);
  }

  #candidates(matches: Matches, phrases: readonly (readonly (number | undefined)[])[]): FilteredCandidate[] {
    return matches.documents.flatMap((number) => {
      const document = this.#index.documents[number];
      if (document === undefined || !phrases.every((phrase) => holdsPhrase(document, phrase))) return [];
      const bits = matches.bits[number] ?? 0;
      const score = matches.scores[number] ?? 0;
      return [{ document, bits, matched: bitCount(bits), score, failing: this.#failing(document) }];
    });
  }

  #allVisible(): FilteredCandidate[] {
    return this.#index.documents.flatMap((document, number) => {
      if (document === undefined || this.#visible.documents[number] !== 1) return [];
      return [{ document, bits: 0, matched: 0, score: 0, failing: this.#failing(document) }];
    });
  }

  /** The one filter that keeps the document out, `passing` when none does, `severalFail` when more do. */
  #failing(document: IndexedDocument): number {
    let failing = passing;
    for (let at = 0; at < this.#filters.length; at += 1) {
      const [field = '', value = ''] = this.#filters[at] ?? [];
      if (document.values[field] === value) continue;
      if (failing !== passing) return severalFail;
      failing = at;
    }
    return failing;
  }

  /** How many of the words a hit must hold: all, then most, then one, until enough documents do. */
  #level(candidates: readonly FilteredCandidate[], wordCount: number): number {
    const levels = [wordCount, Math.ceil(wordCount * shouldMatchShare), 1];
    const enough = levels.find((needed) => {
      const hits = candidates.filter(({ matched, failing }) => matched >= needed && failing === passing);
      return hits.length >= this.#settings.relaxBelowHits;
    });
    return enough ?? 1;
  }

  #best(candidates: readonly FilteredCandidate[], needed: number, wordCount: number, bits: WordBits): Candidate[] {
    const most = Math.ceil(wordCount * shouldMatchShare);
    const tier = ({ matched }: Candidate) => (matched >= wordCount ? 0 : matched >= most ? 1 : 2);
    const isBefore = (a: Candidate, b: Candidate) => {
      const difference = tier(a) - tier(b);
      if (difference !== 0) return difference < 0;
      return a.score === b.score ? a.document.id < b.document.id : a.score > b.score;
    };
    const { limit, offset } = this.#query;
    const end = Math.min(offset + Math.min(limit, searchLimitMax), searchWindowMax);
    const best = new Best<Candidate>(Math.max(end, rerankedMax), isBefore);
    for (const candidate of candidates) {
      if (candidate.matched >= needed && candidate.failing === passing) best.offer(candidate);
    }
    const sorted = best.sorted();
    const first = sorted.slice(0, rerankedMax);
    for (const hit of first) hit.score *= proximity(hit.document, bits.of(hit.document.language), hit.bits);
    first.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    return [...first, ...sorted.slice(rerankedMax)].slice(offset, end);
  }

  #hit({ document, score }: Candidate, bits: WordBits): SearchHit {
    const bitsOf = bits.of(document.language);
    const groupsOf = (word: string) => {
      const id = this.#index.dictionary.find(word);
      return id === undefined ? 0 : (bitsOf.get(id) ?? 0);
    };
    const highlights = Object.entries(document.text).flatMap(([field, text]) => {
      const html = highlight(text, groupsOf);
      return html === undefined ? [] : [[field, html] as const];
    });
    return { id: document.id, score, values: document.values, highlights: Object.fromEntries(highlights) };
  }

  #facets(candidates: readonly FilteredCandidate[], needed: number): SearchAnswer['facets'] {
    const counts = this.#query.facets.map((field) => ({ field, values: new Map<string, number>() }));
    for (const { document, matched, failing } of candidates) {
      if (matched < needed || failing === severalFail) continue;
      for (const { field, values } of counts) {
        const value = document.values[field];
        if (value === undefined || (failing !== passing && this.#filters[failing]?.[0] !== field)) continue;
        values.set(value, (values.get(value) ?? 0) + 1);
      }
    }
    return Object.fromEntries(counts.map(({ field, values }) => [field, mostFirst(values)]));
  }

  #corrected(typed: readonly QueryWord[], words: readonly QueryWord[], groups: readonly Group[]): string | undefined {
    if (groups.every(({ corrected }) => corrected === undefined)) return undefined;
    return typed.map((word) => groups[words.indexOf(word)]?.corrected ?? word.word).join(' ');
  }
}

interface FilteredCandidate extends Candidate {
  readonly failing: number;
}

const passing = -1;
const severalFail = -2;

function mostFirst(values: ReadonlyMap<string, number>): { value: string; count: number }[] {
  return [...values]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => (a.count === b.count ? (a.value < b.value ? -1 : 1) : b.count - a.count))
    .slice(0, facetValuesMax);
}
