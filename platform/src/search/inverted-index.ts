/**
 * The data of the embedded search engine: documents under numbers, for each word the documents that hold it, for each
 * mark the documents that it opens, for each document its words in order. All is derived and can be built again.
 */
import { type Language, languageCode, noLanguage, tokenize } from './analysis.ts';
import { Dictionary, grown } from './dictionary.ts';
import { fieldsMax, Postings } from './postings.ts';
import { type SearchDocument, SearchFault } from './search.ts';

export interface IndexedDocument {
  readonly id: string;
  readonly version: number;
  readonly text: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, string>>;
  readonly visibleTo: readonly string[];
  /** Position in `languages`. */
  readonly language: number;
  /** Word numbers in order, field after field. */
  readonly words: Uint32Array;
  /** Where each field's words end in `words`. */
  readonly fieldEnds: readonly number[];
}

/** What one viewer may see, and what is counted over it: nothing else may influence an answer. */
export interface Visible {
  /** 1 for each visible document. */
  readonly documents: Uint8Array;
  readonly count: number;
  /** Words in each field over all visible documents. */
  readonly fieldTotals: readonly number[];
  /** Visible documents in each language. */
  readonly languageCounts: readonly number[];
}

/** Removed documents keep their number until this many are gone and they are a third of all. */
const goneBeforeCompactionMin = 1_000;
const gone = 0xffffffff;
/** A language is one bit of a 32-bit mask; the first stands for all without rules. */
const languagesMax = 32;
/** Of one field of a document; the rest is not searched. */
export const fieldCharsMax = 200_000;

export class InvertedIndex {
  readonly dictionary = new Dictionary();
  /** By word number. */
  readonly postings: Postings[] = [];
  /** Words by `<language> <stem>`. */
  readonly stems = new Map<string, number[]>();
  readonly fields: string[] = [];
  readonly languages: Language[] = [noLanguage];
  documents: (IndexedDocument | undefined)[] = [];
  /** By document number, for each field. */
  fieldLengths: Uint32Array[] = [];
  languageOf = new Uint8Array(1_024);
  charCount = 0;
  /** Counts up with each change. */
  changes = 0;
  readonly #numbers = new Map<string, number>();
  readonly #marks = new Map<string, number[]>();
  /** For each word the languages under which it is in `stems`, as bits. */
  #stemmed = new Uint32Array(1_024);
  #languageByCode = new Map<string, number>([['', 0]]);

  get size(): number {
    return this.#numbers.size;
  }

  document(id: string): IndexedDocument | undefined {
    const number = this.#numbers.get(id);
    return number === undefined ? undefined : this.documents[number];
  }

  /** Replaces the document of this id. The rules of its language must have been given with `learn`. */
  add(document: SearchDocument): void {
    for (const name of Object.keys(document.text)) this.#fieldOf(name);
    this.remove(document.id);
    const number = this.documents.length;
    const language = this.#languageByCode.get(languageCode(document.language)) ?? 0;
    this.#reserve(number);
    const { words, fieldEnds } = this.#indexText(document, number, language);
    const { id, version, text, values, visibleTo } = document;
    this.documents.push({ id, version, text, values, visibleTo, language, words, fieldEnds });
    this.#numbers.set(id, number);
    this.languageOf[number] = language;
    this.charCount += charsOf(document);
    for (const mark of new Set(visibleTo)) listOf(this.#marks, mark).push(number);
    this.changes += 1;
  }

  remove(id: string): void {
    const number = this.#numbers.get(id);
    if (number === undefined) return;
    this.charCount -= charsOf(this.documents[number]);
    this.documents[number] = undefined;
    this.#numbers.delete(id);
    this.changes += 1;
    const goneCount = this.documents.length - this.#numbers.size;
    if (goneCount >= goneBeforeCompactionMin && goneCount * 3 >= this.documents.length) this.#compact();
  }

  learn(language: Language): void {
    if (this.#languageByCode.has(language.code)) return;
    if (this.languages.length >= languagesMax) throw new Error(`An index has at most ${languagesMax} languages.`);
    this.#languageByCode.set(language.code, this.languages.length);
    this.languages.push(language);
  }

  /** What a viewer with these marks may see. */
  visibleTo(marks: ReadonlySet<string>): Visible {
    const documents = new Uint8Array(this.documents.length);
    const fieldTotals = this.fields.map(() => 0);
    const languageCounts = this.languages.map(() => 0);
    let count = 0;
    for (const mark of marks) {
      for (const number of this.#marks.get(mark) ?? []) {
        const document = this.documents[number];
        if (document === undefined || documents[number] === 1) continue;
        documents[number] = 1;
        count += 1;
        languageCounts[document.language] = (languageCounts[document.language] ?? 0) + 1;
        for (let field = 0; field < fieldTotals.length; field += 1) {
          fieldTotals[field] = (fieldTotals[field] ?? 0) + (this.fieldLengths[field]?.[number] ?? 0);
        }
      }
    }
    return { documents, count, fieldTotals, languageCounts };
  }

  #indexText(document: SearchDocument, number: number, language: number) {
    const words: number[] = [];
    const fieldEnds = this.fields.map((name, field) => {
      const before = words.length;
      for (const { word } of tokenize((document.text[name] ?? '').slice(0, fieldCharsMax))) {
        const id = this.#wordOf(word, language);
        this.postings[id]?.count(number, field);
        words.push(id);
      }
      const lengths = this.fieldLengths[field];
      if (lengths !== undefined) lengths[number] = words.length - before;
      return words.length;
    });
    return { words: Uint32Array.from(words), fieldEnds };
  }

  #fieldOf(name: string): void {
    if (this.fields.includes(name)) return;
    if (this.fields.length >= fieldsMax) {
      throw new SearchFault('invalid', `An index searches at most ${fieldsMax} fields; "${name}" is one more.`);
    }
    this.fields.push(name);
    this.fieldLengths.push(new Uint32Array(this.languageOf.length));
  }

  #wordOf(word: string, language: number): number {
    const id = this.dictionary.add(word);
    if (id === this.postings.length) this.postings.push(new Postings());
    if (language === 0) return id;
    if (id >= this.#stemmed.length) this.#stemmed = grown(this.#stemmed, id + 1);
    const known = this.#stemmed[id] ?? 0;
    if ((known >>> language) & 1) return id;
    this.#stemmed[id] = known | (1 << language);
    listOf(this.stems, stemKey(language, this.languages[language]?.stem(word) ?? word)).push(id);
    return id;
  }

  #reserve(number: number): void {
    if (number < this.languageOf.length) return;
    this.languageOf = grown(this.languageOf, number + 1);
    this.fieldLengths = this.fieldLengths.map((lengths) => grown(lengths, this.languageOf.length));
  }

  /** Gives the documents new numbers without gaps. Words that no document holds any more keep theirs. */
  #compact(): void {
    const numbers = new Uint32Array(this.documents.length).fill(gone);
    const kept: IndexedDocument[] = [];
    this.documents.forEach((document, number) => {
      if (document === undefined) return;
      numbers[number] = kept.length;
      this.languageOf[kept.length] = document.language;
      for (const lengths of this.fieldLengths) lengths[kept.length] = lengths[number] ?? 0;
      this.#numbers.set(document.id, kept.length);
      kept.push(document);
    });
    for (const postings of this.postings) postings.renumber(numbers, gone);
    for (const [mark, list] of this.#marks) {
      const rest = list.flatMap((number) => (numbers[number] === gone ? [] : [numbers[number] ?? gone]));
      if (rest.length === 0) this.#marks.delete(mark);
      else this.#marks.set(mark, rest);
    }
    this.documents = kept;
    this.changes += 1;
  }
}

export function stemKey(language: number, stem: string): string {
  return `${language} ${stem}`;
}

function listOf<K>(map: Map<K, number[]>, key: K): number[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const list: number[] = [];
  map.set(key, list);
  return list;
}

function charsOf(document: Pick<SearchDocument, 'text' | 'values'> | undefined): number {
  if (document === undefined) return 0;
  return [...Object.values(document.text), ...Object.values(document.values)].reduce(
    (sum, text) => sum + text.length,
    0,
  );
}
