/**
 * One search on an OpenSearch server, in two requests, or up to twelve when words must be mended.
 *
 * The first counts, over what the viewer sees, the documents that hold each word; these counts decide what is mended and
 * how much a word tells. The second counts hits and facets and brings the hits. What the server would know better it is
 * not asked, for it would count what the viewer does not see.
 */
import type { Language } from './analysis.ts';
import { editDistance } from './dictionary.ts';
import { highlight } from './highlight.ts';
import { type Door, DoorFault } from './opensearch-door.ts';
import { type HitSource, hashedValuePrefix } from './opensearch-form.ts';
import {
  atLeast,
  type Clause,
  filterClauses,
  groupBits,
  groupClause,
  languageNamed,
  languagesScoredMax,
  mendedGroup,
  nearClause,
  phraseClause,
  rarityOf,
  scoreClauses,
  viewerClause,
  type WordGroup,
  wordGroup,
} from './opensearch-query.ts';
import { type ParsedQuery, parseQuery, type QueryWord } from './query-words.ts';
import { type SearchAnswer, type SearchHit, type SearchQuery, searchLimitMax, searchWindowMax } from './search.ts';

export interface SearchGround {
  readonly door: Door;
  /** What is searched: an alias. */
  readonly target: string;
  readonly languages: readonly Language[];
  /** Fewer hits than this, and documents with fewer of the words are taken too. */
  readonly relaxBelowHits: number;
  readonly untilMs: number;
}

const shouldMatchShare = 2 / 3;
const facetValuesMax = 100;
const languagesMax = 64;
/** Letters from which one and two edits are taken for a slip. */
const oneEditCharsMin = 5;
const twoEditsCharsMin = 9;
const mendedWordsMax = 5;
/** Documents read for their words in one look, and looks for one distance: each brings a spelling that was not known. */
const documentsReadMax = 20;
const looksMax = 5;
/** Features that one query is scored by: the server allows 1,024 clauses in all. */
const featuresMax = 500;

interface Answer {
  readonly timed_out: boolean;
  readonly _shards: { readonly failed: number };
  readonly error?: { readonly type?: string; readonly reason?: string };
  readonly status?: number;
  readonly hits: {
    readonly total?: { readonly value: number };
    readonly hits: readonly {
      readonly sort: readonly [number, string];
      readonly _source: HitSource;
      readonly fields?: { readonly vocabulary?: readonly string[] };
    }[];
  };
  readonly aggregations?: Readonly<Record<string, Buckets>>;
}

interface Bucket {
  readonly key: string;
  readonly doc_count: number;
}

interface Buckets {
  readonly doc_count: number;
  readonly buckets: readonly Bucket[];
  readonly [inner: string]: unknown;
}

interface CountedGroup {
  readonly group: WordGroup;
  /** Visible documents that hold it; of a mended one at most. */
  readonly holding: number;
  readonly corrected?: string;
}

interface Facts {
  readonly visible: number;
  /** Of visible documents, most frequent first. */
  readonly languages: readonly string[];
  /** For each word of the query. */
  readonly holding: readonly number[];
}

interface Level {
  readonly needed: number;
  /** Documents that hold at least so many of the words and pass the filters. */
  readonly hits: number;
  readonly facets: SearchAnswer['facets'];
}

export async function searchOn(ground: SearchGround, query: SearchQuery): Promise<SearchAnswer> {
  if (query.viewerMarks.size === 0) {
    return { hits: [], total: 0, facets: Object.fromEntries(query.facets.map((field) => [field, []])) };
  }
  return await new ServerSearch(ground, query).run();
}

class ServerSearch {
  readonly #ground: SearchGround;
  readonly #query: SearchQuery;
  readonly #parsed: ParsedQuery;
  readonly #viewer: Clause;
  readonly #filters: readonly Clause[];

  constructor(ground: SearchGround, query: SearchQuery) {
    this.#ground = ground;
    this.#query = query;
    this.#parsed = parseQuery(query.words);
    this.#viewer = viewerClause(query);
    this.#filters = filterClauses(query.filters);
  }

  async run(): Promise<SearchAnswer> {
    const typed = this.#parsed.words;
    if (typed.length === 0) return await this.#facetsOfAll();
    const groups = typed.map((word) => wordGroup(word.word, this.#place(word), this.#ground.languages));
    const facts = await this.#facts(groups);
    const kept = this.#withoutStopWords(facts);
    const counted = await this.#mended(
      kept.map((at) => ({
        word: typed[at] as QueryWord,
        group: groups[at] as WordGroup,
        holding: facts.holding[at] ?? 0,
      })),
      facts,
    );
    const corrected = typed.map((word, at) => counted[kept.indexOf(at)]?.corrected ?? word.word).join(' ');
    const answer = await this.#hitsOf(counted, facts);
    return counted.some((one) => one.corrected !== undefined) ? { ...answer, correctedWords: corrected } : answer;
  }

  #place(word: QueryWord) {
    return { quoted: word.quoted, isLast: word === this.#parsed.words.at(-1) };
  }

  async #facetsOfAll(): Promise<SearchAnswer> {
    const [answer] = await this.#ask([
      { size: 0, query: { bool: { filter: [this.#viewer] } }, aggs: this.#facetAggregations() },
    ]);
    return { hits: [], total: 0, facets: this.#facetsIn(answer?.aggregations ?? {}) };
  }

  async #facts(groups: readonly WordGroup[]): Promise<Facts> {
    const [answer] = await this.#ask([
      {
        size: 0,
        track_total_hits: true,
        query: { bool: { filter: [this.#viewer] } },
        aggs: {
          languages: { terms: { field: 'language', size: languagesMax } },
          ...Object.fromEntries(groups.map((group, at) => [`g${at}`, { filter: groupClause(group) }])),
        },
      },
    ]);
    const found = answer?.aggregations ?? {};
    const languages = [...(found['languages']?.buckets ?? [])].sort(mostFirst).map(({ key }) => key);
    return {
      visible: answer?.hits.total?.value ?? 0,
      languages,
      holding: groups.map((_, at) => found[`g${at}`]?.doc_count ?? 0),
    };
  }

  /** Words that say nothing by themselves are dropped when others remain; what is quoted stays. Gives their places. */
  #withoutStopWords({ languages }: Facts): number[] {
    const { stopWords } = languageNamed(this.#ground.languages, languages[0] ?? '');
    const all = [...this.#parsed.words.keys()];
    const telling = all.filter((at) => {
      const word = this.#parsed.words[at];
      return word?.quoted === true || !stopWords.has(word?.word ?? '');
    });
    return telling.length > 0 ? telling : all;
  }

  /** Spelling is mended only where nothing visible holds the word as it is. */
  async #mended(
    words: readonly { readonly word: QueryWord; readonly group: WordGroup; readonly holding: number }[],
    facts: Facts,
  ): Promise<CountedGroup[]> {
    const wrong = words.filter(({ word, holding }) => holding === 0 && word.mendable && editsFor(word.word) > 0);
    if (wrong.length === 0) return [...words];
    const spellings = await this.#spellings([...new Set(wrong.map(({ word }) => word.word))]);
    const featuresEach = 1 + Math.min(languagesScoredMax, facts.languages.length);
    const each = Math.max(1, Math.min(mendedWordsMax, Math.floor(featuresMax / (words.length * featuresEach))));
    return words.map((one) => {
      const near = wrong.includes(one) ? (spellings.get(one.word.word) ?? []).slice(0, each) : [];
      const [first] = near;
      if (first === undefined) return one;
      return {
        group: mendedGroup(
          near.map(({ key }) => key),
          this.#ground.languages,
        ),
        holding: near.reduce((sum, { doc_count }) => sum + doc_count, 0),
        corrected: first.key,
      };
    });
  }

  /** For each wrong word the nearest words that the viewer's documents hold, most frequent first. */
  async #spellings(wrong: readonly string[]): Promise<Map<string, Bucket[]>> {
    const found = new Map<string, Set<string>>();
    for (const distance of [1, 2]) {
      const open = wrong.filter((word) => !found.has(word) && editsFor(word) >= distance);
      for (const [word, near] of await this.#wordsNear(open, distance)) if (near.size > 0) found.set(word, near);
    }
    const candidates = [...new Set([...found.values()].flatMap((near) => [...near]))];
    const counts = await this.#countsOf(candidates);
    return new Map(
      [...found].map(([word, near]) => [
        word,
        [...near].map((key) => ({ key, doc_count: counts.get(key) ?? 0 })).sort(mostFirst),
      ]),
    );
  }

  /** Looks at documents that hold a near word, then at those that hold another one, until there are none. */
  async #wordsNear(words: readonly string[], distance: number): Promise<Map<string, Set<string>>> {
    const near = new Map(words.map((word) => [word, new Set<string>()]));
    const seen = new Map(words.map((word) => [word, new Set<string>()]));
    let open = [...words];
    for (let look = 0; look < looksMax && open.length > 0; look += 1) {
      const answers = await this.#ask(open.map((word) => this.#lookFor(word, distance, seen.get(word) ?? new Set())));
      open = open.filter((word, at) => {
        const held = answers[at]?.hits.hits.flatMap((hit) => hit.fields?.vocabulary ?? []) ?? [];
        const known = seen.get(word) ?? new Set();
        const before = known.size;
        for (const other of held) if (editDistance(word, other, distance) <= distance) known.add(other);
        for (const other of known) if (!/\p{N}/u.test(other)) near.get(word)?.add(other);
        return known.size > before;
      });
    }
    return near;
  }

  #lookFor(word: string, distance: number, seen: ReadonlySet<string>): object {
    return {
      size: documentsReadMax,
      _source: false,
      track_total_hits: false,
      docvalue_fields: ['vocabulary'],
      sort: [{ id: 'asc' }],
      query: {
        bool: {
          filter: [this.#viewer, nearClause(word, distance)],
          must_not: seen.size === 0 ? [] : [{ terms: { words: [...seen] } }],
        },
      },
    };
  }

  async #countsOf(words: readonly string[]): Promise<Map<string, number>> {
    if (words.length === 0) return new Map();
    const [answer] = await this.#ask([
      {
        size: 0,
        query: { bool: { filter: [this.#viewer] } },
        aggs: Object.fromEntries(words.map((word, at) => [`w${at}`, { filter: { term: { words: word } } }])),
      },
    ]);
    return new Map(words.map((word, at) => [word, answer?.aggregations?.[`w${at}`]?.doc_count ?? 0]));
  }

  async #hitsOf(counted: readonly CountedGroup[], facts: Facts): Promise<SearchAnswer> {
    const groups = counted.map(({ group }) => group);
    const scores = scoreClauses(
      groups,
      counted.map(({ holding }) => rarityOf(facts.visible, holding)),
      facts.languages,
    );
    const base: readonly Clause[] = [
      this.#viewer,
      ...this.#parsed.phrases.map((phrase) => phraseClause(phrase.map((at) => this.#parsed.words[at]?.word ?? ''))),
    ];
    const counts = [...new Set([groups.length, Math.ceil(groups.length * shouldMatchShare), 1])];
    const tier = (at: number, window: Window) =>
      this.#tier({ base, groups, scores, needed: counts[at] ?? 1, below: counts[at - 1], window });
    const whole = this.#window();
    const first = whole.size > 0 ? [tier(0, whole)] : [];
    const [counting, ...firstHits] = await this.#ask([this.#counting(base, groups, counts), ...first]);
    const levels = counts.map((needed, at) => this.#levelIn(counting, needed, at));
    const level = levels.find(({ hits }) => hits >= this.#ground.relaxBelowHits) ?? (levels.at(-1) as Level);
    const later = levels.slice(1, levels.indexOf(level) + 1).flatMap((_, index) => {
      const at = index + 1;
      const window = within(whole, levels[at - 1]?.hits ?? 0, levels[at]?.hits ?? 0);
      return window.size > 0 ? [tier(at, window)] : [];
    });
    const hits = [...firstHits, ...(later.length > 0 ? await this.#ask(later) : [])].flatMap((one) => one.hits.hits);
    return {
      hits: hits.slice(0, whole.size).map(({ sort, _source }) => this.#hit(_source, sort[0], groups)),
      total: level.hits,
      facets: level.facets,
    };
  }

  #window(): Window {
    const { limit, offset } = this.#query;
    const end = Math.min(offset + Math.min(limit, searchLimitMax), searchWindowMax);
    return { from: offset, size: Math.max(0, end - offset) };
  }

  #tier(parts: {
    readonly base: readonly Clause[];
    readonly groups: readonly WordGroup[];
    readonly scores: readonly Clause[];
    readonly needed: number;
    readonly below: number | undefined;
    readonly window: Window;
  }): object {
    const { base, groups, scores, needed, below, window } = parts;
    return {
      ...window,
      track_total_hits: false,
      // Equal scores in the order of ids, so that pages fit together.
      sort: [{ _score: 'desc' }, { id: 'asc' }],
      query: {
        bool: {
          filter: [...base, ...this.#filters, atLeast(groups, needed)],
          must_not: below === undefined ? [] : [atLeast(groups, below)],
          should: scores,
        },
      },
    };
  }

  #counting(base: readonly Clause[], groups: readonly WordGroup[], counts: readonly number[]): object {
    const levels = counts.map((needed, at) => [
      `level${at}`,
      { filter: atLeast(groups, needed), aggs: { hits: { filter: all(this.#filters) }, ...this.#facetAggregations() } },
    ]);
    return {
      size: 0,
      track_total_hits: false,
      query: { bool: { filter: [...base, atLeast(groups, 1)] } },
      aggs: Object.fromEntries(levels),
    };
  }

  #levelIn(answer: Answer | undefined, needed: number, at: number): Level {
    const found = (answer?.aggregations?.[`level${at}`] ?? {}) as Readonly<Record<string, Buckets>>;
    return { needed, hits: found['hits']?.doc_count ?? 0, facets: this.#facetsIn(found) };
  }

  /** A facet's own filter does not narrow its counts. */
  #facetAggregations(): Record<string, unknown> {
    return Object.fromEntries(
      this.#query.facets.map((field, at) => [
        `facet${at}`,
        {
          filter: all(filterClauses(this.#query.filters, field)),
          aggs: {
            values: {
              terms: { field: `values.${field}`, size: facetValuesMax, order: [{ _count: 'desc' }, { _key: 'asc' }] },
            },
          },
        },
      ]),
    );
  }

  #facetsIn(found: Readonly<Record<string, Buckets>>): SearchAnswer['facets'] {
    return Object.fromEntries(
      this.#query.facets.map((field, at) => {
        const values = found[`facet${at}`]?.['values'] as Buckets | undefined;
        const counted = [...(values?.buckets ?? [])].filter(({ key }) => !key.startsWith(hashedValuePrefix));
        return [field, counted.sort(mostFirst).map(({ key, doc_count }) => ({ value: key, count: doc_count }))];
      }),
    );
  }

  #hit({ id, given, language }: HitSource, score: number, groups: readonly WordGroup[]): SearchHit {
    const groupsOf = groupBits(groups, languageNamed(this.#ground.languages, language));
    const highlights = Object.entries(given.text).flatMap(([field, text]) => {
      const html = highlight(text, groupsOf);
      return html === undefined ? [] : [[field, html] as const];
    });
    return { id, score, values: given.values, highlights: Object.fromEntries(highlights) };
  }

  async #ask(searches: readonly object[]): Promise<readonly Answer[]> {
    const { door, target, untilMs } = this.#ground;
    const timeout = `${Math.max(1, Math.round(untilMs - performance.now()))}ms`;
    const { responses } = await door.send<{ readonly responses: readonly Answer[] }>(
      {
        kind: 'search',
        method: 'POST',
        path: `/${target}/_msearch`,
        lines: searches.flatMap((search) => [{ allow_partial_search_results: false }, { timeout, ...search }]),
      },
      untilMs,
    );
    for (const answer of responses) refuseHalfAnswers(answer);
    return responses;
  }
}

/** A search that some of the server could not take part in is none. */
function refuseHalfAnswers({ error, status = 0, timed_out, _shards }: Answer): void {
  if (error !== undefined) {
    const kind = status === 400 ? 'invalid' : 'unavailable';
    const reason = `${error.type}: ${error.reason}`;
    throw new DoorFault(kind, status, reason, `The search engine refused: ${status} ${reason}`);
  }
  if (timed_out || _shards.failed > 0) {
    throw new DoorFault('unavailable', 0, 'partial', 'The search engine could not finish its answer.');
  }
}

interface Window {
  readonly from: number;
  readonly size: number;
}

/** The part of a window of all hits that falls into those from `start` to `end`, counted from `start`. */
function within({ from, size }: Window, start: number, end: number): Window {
  const first = Math.max(from, start);
  return { from: first - start, size: Math.max(0, Math.min(from + size, end) - first) };
}

const all = (filter: readonly Clause[]): Clause => ({ bool: { filter } });

function editsFor(word: string): number {
  const letters = Array.from(word).length;
  return letters >= twoEditsCharsMin ? 2 : letters >= oneEditCharsMin ? 1 : 0;
}

function mostFirst(a: Bucket, b: Bucket): number {
  return a.doc_count === b.doc_count ? (a.key < b.key ? -1 : 1) : b.doc_count - a.doc_count;
}
