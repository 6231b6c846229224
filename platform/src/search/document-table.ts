/**
 * The documents of the embedded index and, for each word of them, where it stands: postings in typed arrays.
 *
 * A document that is replaced or removed leaves its number behind as a gap; when gaps are many the table is built anew.
 * A removed id is remembered with its version, so that an older `put` that arrives late does not bring it back.
 */
import type { SearchDocument } from './search.ts';
import { stemOf, wordsOf } from './words.ts';

export interface Postings {
  some(test: (doc: number) => boolean): boolean;
  /** `fields` holds how often the word stands in each field: 8 bits a field, saturated, in the order of `fieldNames`. */
  forEach(visit: (doc: number, fields: number) => void): void;
}

export interface DocumentTable {
  /** Living documents. */
  readonly size: number;
  put(documents: readonly SearchDocument[]): void;
  remove(ids: readonly string[], version: number): void;
  documentOf(doc: number): SearchDocument | undefined;
  allDocs(): number[];
  postingsOf(term: string): Postings | undefined;
  termsOfSameStem(word: string): Iterable<string>;
  termsWithPrefix(prefix: string, most: number): string[];
  termsOfLength(least: number, most: number): string[];
  /** BM25F's weighted, length-normalised frequency of one posting. */
  fieldWeight(doc: number, fields: number, b: number): number;
  /** Whether the words stand side by side in one field. */
  holdsPhrase(doc: number, phrase: readonly string[]): boolean;
}

/** Fields by weight; a document's other fields count as the last. */
const fieldNames = ['title', 'summary', 'body', 'other'] as const;
const fieldWeights = [4, 2, 1, 1];
const fieldCount = fieldNames.length;
const frequencyMax = 255;
const gapsLeast = 1_000;
const gapShareMax = 0.25;
/** Removed ids remembered; the oldest are forgotten first. */
const removedMax = 100_000;

class PostingList implements Postings {
  #docs = new Uint32Array(4);
  #fields = new Uint32Array(4);
  #length = 0;

  add(doc: number, fields: number): void {
    if (this.#length === this.#docs.length) {
      this.#docs = grown(this.#docs);
      this.#fields = grown(this.#fields);
    }
    this.#docs[this.#length] = doc;
    this.#fields[this.#length] = fields;
    this.#length += 1;
  }

  some(test: (doc: number) => boolean): boolean {
    for (let at = 0; at < this.#length; at += 1) if (test(this.#docs[at] ?? 0)) return true;
    return false;
  }

  forEach(visit: (doc: number, fields: number) => void): void {
    for (let at = 0; at < this.#length; at += 1) visit(this.#docs[at] ?? 0, this.#fields[at] ?? 0);
  }
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(array.length * 2);
  next.set(array);
  return next;
}

interface State {
  documents: (SearchDocument | undefined)[];
  /** Words in each field of each document. */
  lengths: Uint32Array[];
  numbers: Map<string, number>;
  postings: Map<string, PostingList>;
  stems: Map<string, Set<string>>;
  languages: Set<string>;
  totalLengths: number[];
  gaps: number;
  /** Terms in order, made when first needed after a change. */
  sorted: string[] | undefined;
  byLength: Map<number, string[]> | undefined;
}

function emptyState(): State {
  return {
    documents: [],
    lengths: [],
    numbers: new Map(),
    postings: new Map(),
    stems: new Map(),
    languages: new Set(),
    totalLengths: new Array<number>(fieldCount).fill(0),
    gaps: 0,
    sorted: undefined,
    byLength: undefined,
  };
}

export function openDocumentTable(): DocumentTable {
  let state = emptyState();
  const removed = new Map<string, number>();

  const drop = (id: string) => {
    const doc = state.numbers.get(id);
    if (doc === undefined) return;
    state.numbers.delete(id);
    state.documents[doc] = undefined;
    state.lengths[doc]?.forEach((length, field) => {
      state.totalLengths[field] = (state.totalLengths[field] ?? 0) - length;
    });
    state.gaps += 1;
  };
  const putOne = (document: SearchDocument) => {
    if ((removed.get(document.id) ?? -1) >= document.version) return;
    const known = state.numbers.get(document.id);
    if (known !== undefined && (state.documents[known]?.version ?? 0) > document.version) return;
    drop(document.id);
    append(state, document);
  };
  const compactWhenSparse = () => {
    if (state.gaps < gapsLeast || state.gaps < state.documents.length * gapShareMax) return;
    const living = state.documents.filter((document) => document !== undefined);
    state = emptyState();
    for (const document of living) append(state, document);
  };

  return {
    get size() {
      return state.numbers.size;
    },
    put: (documents) => {
      for (const document of documents) putOne(document);
      compactWhenSparse();
    },
    remove: (ids, version) => {
      for (const id of ids) {
        const known = state.numbers.get(id);
        if (known !== undefined && (state.documents[known]?.version ?? 0) > version) continue;
        drop(id);
        removed.set(id, Math.max(version, removed.get(id) ?? 0));
        const oldest = removed.keys().next().value;
        if (removed.size > removedMax && oldest !== undefined) removed.delete(oldest);
      }
      compactWhenSparse();
    },
    documentOf: (doc) => state.documents[doc],
    allDocs: () => [...state.numbers.values()],
    postingsOf: (term) => state.postings.get(term),
    termsOfSameStem: (word) => kinOf(state, word),
    termsWithPrefix: (prefix, most) => withPrefix(sortedTerms(state), prefix, most),
    termsOfLength: (least, most) => ofLength(state, least, most),
    fieldWeight: (doc, fields, b) => fieldWeight(state, doc, fields, b),
    holdsPhrase: (doc, phrase) => {
      const texts = Object.values(state.documents[doc]?.text ?? {});
      return (
        phrase.length === 0 ||
        texts.some((text) =>
          standsIn(
            wordsOf(text).map((word) => word.folded),
            phrase,
          ),
        )
      );
    },
  };
}

function append(state: State, document: SearchDocument): void {
  const doc = state.documents.length;
  const lengths = new Uint32Array(fieldCount);
  const frequencies = new Map<string, number>();
  for (const [name, text] of Object.entries(document.text)) {
    const known = fieldNames.indexOf(name as (typeof fieldNames)[number]);
    const field = known < 0 ? fieldCount - 1 : known;
    const words = wordsOf(text);
    lengths[field] = (lengths[field] ?? 0) + words.length;
    for (const { folded } of words) frequencies.set(folded, counted(frequencies.get(folded) ?? 0, field));
  }
  state.documents.push(document);
  state.lengths.push(lengths);
  state.numbers.set(document.id, doc);
  state.languages.add(document.language);
  lengths.forEach((length, field) => {
    state.totalLengths[field] = (state.totalLengths[field] ?? 0) + length;
  });
  for (const [term, fields] of frequencies) addPosting(state, term, doc, fields, document.language);
}

function counted(fields: number, field: number): number {
  const shift = field * 8;
  const frequency = (fields >>> shift) & frequencyMax;
  return frequency === frequencyMax ? fields : (fields + (1 << shift)) >>> 0;
}

function addPosting(state: State, term: string, doc: number, fields: number, language: string): void {
  let list = state.postings.get(term);
  if (list === undefined) {
    list = new PostingList();
    state.postings.set(term, list);
    state.sorted = undefined;
    state.byLength = undefined;
  }
  list.add(doc, fields);
  const stem = `${language}:${stemOf(term, language)}`;
  const kin = state.stems.get(stem);
  if (kin === undefined) state.stems.set(stem, new Set([term]));
  else kin.add(term);
}

/** A query has no language of its own: its words are stemmed in every language that the documents have. */
function* kinOf(state: State, word: string): Iterable<string> {
  for (const language of state.languages) yield* state.stems.get(`${language}:${stemOf(word, language)}`) ?? [];
}

function sortedTerms(state: State): string[] {
  state.sorted ??= [...state.postings.keys()].sort();
  return state.sorted;
}

function withPrefix(terms: readonly string[], prefix: string, most: number): string[] {
  let low = 0;
  let high = terms.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((terms[middle] ?? '') < prefix) low = middle + 1;
    else high = middle;
  }
  const found: string[] = [];
  for (let at = low; at < terms.length && found.length < most; at += 1) {
    const term = terms[at] ?? '';
    if (!term.startsWith(prefix)) break;
    found.push(term);
  }
  return found;
}

function ofLength(state: State, least: number, most: number): string[] {
  if (state.byLength === undefined) {
    state.byLength = new Map();
    for (const term of state.postings.keys()) {
      const same = state.byLength.get(term.length);
      if (same === undefined) state.byLength.set(term.length, [term]);
      else same.push(term);
    }
  }
  const found: string[] = [];
  for (let length = least; length <= most; length += 1) found.push(...(state.byLength.get(length) ?? []));
  return found;
}

function fieldWeight(state: State, doc: number, fields: number, b: number): number {
  let weight = 0;
  for (let field = 0; field < fieldCount; field += 1) {
    const frequency = (fields >>> (field * 8)) & frequencyMax;
    if (frequency === 0) continue;
    const average = (state.totalLengths[field] ?? 0) / Math.max(1, state.numbers.size);
    const length = state.lengths[doc]?.[field] ?? 0;
    weight += ((fieldWeights[field] ?? 1) * frequency) / (1 - b + (b * length) / Math.max(1, average));
  }
  return weight;
}

function standsIn(words: readonly string[], phrase: readonly string[]): boolean {
  return words.some((_, start) => phrase.every((word, offset) => words[start + offset] === word));
}
