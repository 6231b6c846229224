/**
 * Words of a text: where they stand, what they are compared by, what they stem to.
 *
 * A word is a run of letters, marks and digits (UAX #29 simplified; marks belong to words, else Devanagari falls apart).
 * It is compared folded: NFKC, lower case, Latin diacritics dropped. Stems: Snowball, per language.
 */
import snowball from 'snowball-stemmers';

export interface Word {
  readonly folded: string;
  /** Offsets in the original text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

const wordPattern = /[\p{L}\p{M}\p{N}]+/gu;
const diacritics = /[̀-ͯ]/g;
/** Longer runs are no words but data; they would only fill the dictionary. */
const wordCharsMax = 64;

export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(wordPattern)) {
    const [run] = match;
    if (run.length <= wordCharsMax)
      words.push({ folded: fold(run), start: match.index, end: match.index + run.length });
  }
  return words;
}

export function fold(word: string): string {
  return word.normalize('NFKC').toLowerCase().normalize('NFD').replace(diacritics, '').normalize('NFC');
}

/** ISO 639-1 to the names of the Snowball algorithms; other languages are searched unstemmed. */
const stemmerNames: Readonly<Record<string, string>> = {
  ar: 'arabic',
  ca: 'catalan',
  cs: 'czech',
  da: 'danish',
  de: 'german',
  en: 'english',
  es: 'spanish',
  eu: 'basque',
  fi: 'finnish',
  fr: 'french',
  ga: 'irish',
  hu: 'hungarian',
  hy: 'armenian',
  it: 'italian',
  nl: 'dutch',
  no: 'norwegian',
  pt: 'portuguese',
  ro: 'romanian',
  ru: 'russian',
  sl: 'slovene',
  sv: 'swedish',
  ta: 'tamil',
  tr: 'turkish',
};

const stemmers = new Map<string, { stem(word: string): string }>();

/** The stem of a folded word; the word itself in a language without a stemmer. */
export function stemOf(word: string, language: string): string {
  const name = stemmerNames[language.slice(0, 2).toLowerCase()];
  if (name === undefined) return word;
  let stemmer = stemmers.get(name);
  if (stemmer === undefined) {
    stemmer = snowball.newStemmer(name);
    stemmers.set(name, stemmer);
  }
  return stemmer.stem(word);
}

const stopWords = new Set(
  `a an and are as at be been but by can do does for from had has have how i if in into is it its me my no not of on or
  our so than that the their them then there these they this to up us was we were what when where which who why will
  with you your`.split(/\s+/),
);

/** Words that say little: dropped from a query that has others. English; other languages keep all theirs. */
export function isStopWord(word: string): boolean {
  return stopWords.has(word);
}

/**
 * Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment), or `most + 1` as soon as it is
 * known to be larger.
 */
export function distance(left: string, right: string, most: number): number {
  if (Math.abs(left.length - right.length) > most) return most + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= right.length; j += 1) {
      const same = left[i - 1] === right[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
      if (cost < least) least = cost;
    }
    if (least > most) return most + 1;
    beforeLast = last;
    last = row;
  }
  return last[right.length] ?? most + 1;
}

/** Typing mistakes that are forgiven: one from 5 letters, two from 9; none in words with digits (codes, ids). */
export function typosAllowed(word: string): number {
  if (/\p{N}/u.test(word)) return 0;
  const { length } = [...word];
  if (length >= 9) return 2;
  return length >= 5 ? 1 : 0;
}
