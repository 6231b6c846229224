/**
 * From text to words: what counts as a word, when two spellings are one word, and which words share a stem.
 *
 * Libraries: `@orama/stemmers` (the Snowball algorithms, each language its own module) and `@orama/stopwords`; pitfall:
 * they name Hindi `indian`. Source of the word pattern: Unicode Annex 29, simplified; vowel signs are marks (`\p{M}`),
 * so `[\p{L}\p{N}]+` would shred Devanagari.
 */

export interface Token {
  /** Offsets into the text as it was given, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** The folded word. */
  readonly word: string;
}

/** Longer words are cut: no language has them, hostile text does. */
export const wordCharsMax = 64;

/** Joiners and soft hyphens inside a word belong to it. */
const wordPattern = /[\p{L}\p{M}\p{N}]+(?:[\u00ad\u200c\u200d]+[\p{L}\p{M}\p{N}]+)*/gu;
/** Scripts that are written without spaces. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = new Intl.Segmenter('ja', { granularity: 'word' });

/** The words of a text in order, with their places in it. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(wordPattern)) {
    const [raw] = match;
    if (unspaced.test(raw)) {
      for (const { segment, index } of segmenter.segment(raw)) push(tokens, segment, match.index + index);
    } else {
      push(tokens, raw, match.index);
    }
  }
  return tokens;
}

function push(tokens: Token[], raw: string, start: number): void {
  const word = fold(raw);
  if (word !== '') tokens.push({ start, end: start + raw.length, word });
}

const plainAscii = /^[a-z0-9]+$/;

/** One form for all spellings of a word: compatibility forms, case, and accents of Latin and Greek letters. */
export function fold(raw: string): string {
  const lower = raw.toLowerCase();
  if (lower.length <= wordCharsMax && plainAscii.test(lower)) return lower;
  const folded = raw
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replace(/([\p{Script=Latin}\p{Script=Greek}])\p{Mn}+/gu, '$1')
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}]/gu, '');
  return folded.slice(0, wordCharsMax).toWellFormed();
}

export interface Language {
  readonly code: string;
  stem(word: string): string;
  readonly stopWords: ReadonlySet<string>;
}

interface Loader {
  readonly stemmer: () => Promise<{ readonly stemmer: (word: string) => string }>;
  readonly stopWords: () => Promise<{ readonly stopwords: readonly string[] }>;
}

/** Languages with rules of their own, by ISO 639-1; all others are searched by whole words and prefixes. */
const loaders: Readonly<Record<string, Loader>> = {
  ar: { stemmer: () => import('@orama/stemmers/arabic'), stopWords: () => import('@orama/stopwords/arabic') },
  da: { stemmer: () => import('@orama/stemmers/danish'), stopWords: () => import('@orama/stopwords/danish') },
  de: { stemmer: () => import('@orama/stemmers/german'), stopWords: () => import('@orama/stopwords/german') },
  en: { stemmer: () => import('@orama/stemmers/english'), stopWords: () => import('@orama/stopwords/english') },
  es: { stemmer: () => import('@orama/stemmers/spanish'), stopWords: () => import('@orama/stopwords/spanish') },
  fi: { stemmer: () => import('@orama/stemmers/finnish'), stopWords: () => import('@orama/stopwords/finnish') },
  fr: { stemmer: () => import('@orama/stemmers/french'), stopWords: () => import('@orama/stopwords/french') },
  hi: { stemmer: () => import('@orama/stemmers/indian'), stopWords: () => import('@orama/stopwords/indian') },
  id: { stemmer: () => import('@orama/stemmers/indonesian'), stopWords: () => import('@orama/stopwords/indonesian') },
  it: { stemmer: () => import('@orama/stemmers/italian'), stopWords: () => import('@orama/stopwords/italian') },
  ne: { stemmer: () => import('@orama/stemmers/nepali'), stopWords: () => import('@orama/stopwords/nepali') },
  nl: { stemmer: () => import('@orama/stemmers/dutch'), stopWords: () => import('@orama/stopwords/dutch') },
  pt: { stemmer: () => import('@orama/stemmers/portuguese'), stopWords: () => import('@orama/stopwords/portuguese') },
  ru: { stemmer: () => import('@orama/stemmers/russian'), stopWords: () => import('@orama/stopwords/russian') },
  sv: { stemmer: () => import('@orama/stemmers/swedish'), stopWords: () => import('@orama/stopwords/swedish') },
  ta: { stemmer: () => import('@orama/stemmers/tamil'), stopWords: () => import('@orama/stopwords/tamil') },
  tr: { stemmer: () => import('@orama/stemmers/turkish'), stopWords: () => import('@orama/stopwords/turkish') },
};

/** Stands for every language without rules. */
export const noLanguage: Language = { code: '', stem: (word) => word, stopWords: new Set() };

/** The rules for a language tag such as `en` or `hi-IN`. */
export async function loadLanguage(tag: string): Promise<Language> {
  const code = languageCode(tag);
  const loader = Object.hasOwn(loaders, code) ? loaders[code] : undefined;
  if (loader === undefined) return noLanguage;
  const { stemmer } = await loader.stemmer();
  const { stopwords } = await loader.stopWords();
  const stopWords = new Set(stopwords.flatMap((word) => tokenize(word).map((token) => token.word)));
  return { code, stem: (word) => stemmer(word) || word, stopWords };
}

/** Every language with rules of its own. */
export const languageCodes: readonly string[] = Object.keys(loaders);

/** `hi-IN` is `hi`; '' where there are no rules. */
export function languageCode(tag: string): string {
  const code = tag.toLowerCase().split('-')[0] ?? '';
  return Object.hasOwn(loaders, code) ? code : '';
}
