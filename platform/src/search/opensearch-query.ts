/**
 * From the words of a query to what an OpenSearch server is asked. Every clause stands beside the viewer's filter.
 */
import { type Language, languageCode, noLanguage } from './analysis.ts';
import { indexedValue, stemOf } from './opensearch-form.ts';
import type { SearchQuery } from './search.ts';

export type Clause = Readonly<Record<string, unknown>>;

/** BM25's saturation, as everywhere. */
const k1 = 1.2;
const stemShare = 0.85;
const prefixShare = 0.5;
export const mendedShare = 0.6;
/** The words side by side raise a score by about this share, as in the embedded engine; less the farther apart. */
const proximityShare = 0.3;
const proximitySteps = [
  { slop: 0, share: 0.5 },
  { slop: 4, share: 0.3 },
  { slop: 20, share: 0.2 },
];
/** What a score of half-saturated words is, for the share above. */
const usualSaturation = 0.5;
/** A long question has no order worth a bonus, and each step is a clause for the server to count. */
const proximityWordsMax = 8;
/** Languages of which stems are scored: the most frequent ones of what the viewer sees. All are found. */
export const languagesScoredMax = 8;
const languagesNearMax = 3;
/** A term query of the server takes no more values. */
export const marksMax = 65_536;

/** One word of the query, as words and stems of the index that stand for it. */
export interface WordGroup {
  readonly words: readonly string[];
  /** In every language that has rules. */
  readonly stems: readonly string[];
  /** What they begin with; '' when the word is whole. */
  readonly prefix: string;
  /** Of an exact hit's weight. */
  readonly share: number;
}

export function wordGroup(word: string, given: { quoted: boolean; isLast: boolean }, all: readonly Language[]) {
  if (given.quoted) return { words: [word], stems: [], prefix: '', share: 1 };
  const prefix = given.isLast && word.length >= 2 ? word : '';
  return { words: [word], stems: stemsOf([word], all), prefix, share: 1 };
}

export function mendedGroup(spellings: readonly string[], all: readonly Language[]): WordGroup {
  return { words: spellings, stems: stemsOf(spellings, all), prefix: '', share: mendedShare };
}

function stemsOf(words: readonly string[], all: readonly Language[]): string[] {
  return [...new Set(all.flatMap((language) => words.map((word) => stemOf(language, word))))];
}

export function viewerClause({ viewerMarks }: SearchQuery): Clause {
  return { terms: { marks: [...viewerMarks] } };
}

export function filterClauses(filters: SearchQuery['filters'], except = ''): Clause[] {
  return Object.entries(filters)
    .filter(([field]) => field !== except)
    .map(([field, value]) => ({ term: { [`values.${field}`]: indexedValue(value) } }));
}

export function groupClause({ words, stems, prefix }: WordGroup): Clause {
  const should: Clause[] = [{ terms: { words } }];
  if (stems.length > 0) should.push({ terms: { stems } });
  if (prefix !== '') should.push({ prefix: { words: { value: prefix } } });
  return { bool: { should, minimum_should_match: 1 } };
}

export function atLeast(groups: readonly WordGroup[], needed: number): Clause {
  return { bool: { should: groups.map(groupClause), minimum_should_match: needed } };
}

export function phraseClause(words: readonly string[]): Clause {
  return { match_phrase: { words: { query: words.join(' '), analyzer: 'whitespace' } } };
}

/** Words of the index that at most `distance` edits lead to, without a limit on how many: a limit would count hidden ones. */
export function nearClause(word: string, distance: number): Clause {
  return {
    fuzzy: { words: { value: word, fuzziness: distance, prefix_length: 0, rewrite: 'constant_score' } },
  };
}

/** What each group adds to a score, and what it adds that the words stand near each other. */
export function scoreClauses(
  groups: readonly WordGroup[],
  rarities: readonly number[],
  languages: readonly string[],
): Clause[] {
  const scored = new Set(languages.slice(0, languagesScoredMax));
  const each = groups.map((group, at) => groupScore(group, rarities[at] ?? 0, scored));
  const total = rarities.reduce((sum, rarity) => sum + rarity, 0) * usualSaturation;
  return [...each, ...nearness(groups, total, languages.slice(0, languagesNearMax))];
}

function groupScore(group: WordGroup, rarity: number, scored: ReadonlySet<string>): Clause {
  const { words, stems, prefix, share } = group;
  const feature = (name: string, boost: number): Clause => ({
    rank_feature: { field: `weights.${name}`, boost, saturation: { pivot: k1 } },
  });
  const base = rarity * share;
  const queries: Clause[] = words.map((word) => feature(word, base));
  // A mended word stands for its forms as it does for itself.
  const stemBoost = share === 1 ? base * stemShare : base;
  for (const stem of stems) if (scored.has(languageOfStem(stem))) queries.push(feature(stem, stemBoost));
  if (prefix !== '') {
    const begins = (field: string, weight: number): Clause => ({
      constant_score: {
        filter: { prefix: { [field]: { value: prefix } } },
        boost: (base * prefixShare * weight) / (weight + k1),
      },
    });
    queries.push(begins('words', 1), begins('strong', 4));
  }
  return { dis_max: { queries } };
}

const languageOfStem = (stem: string) => stem.slice(0, stem.indexOf(':'));

/** In each of the main languages by stems, and by words where there are none. */
function nearness(groups: readonly WordGroup[], total: number, languages: readonly string[]): Clause[] {
  if (groups.length < 2 || groups.length > proximityWordsMax) return [];
  const first = groups.map(({ words }) => words[0] ?? '');
  const inLanguage = (code: string) =>
    groups.map(({ stems }) => stems.find((stem) => languageOfStem(stem) === code) ?? '');
  const texts = [
    { field: 'words', text: first },
    ...languages.filter((code) => code !== '').map((code) => ({ field: 'stems', text: inLanguage(code) })),
  ].filter(({ text }) => !text.includes(''));
  return proximitySteps.map(({ slop, share }) => ({
    dis_max: {
      queries: texts.map(({ field, text }) => ({
        match_phrase: {
          [field]: { query: text.join(' '), analyzer: 'whitespace', slop, boost: total * proximityShare * share },
        },
      })),
    },
  }));
}

/** How much a word tells that `holding` of `visible` documents hold (BM25). */
export function rarityOf(visible: number, holding: number): number {
  const held = Math.min(holding, visible);
  return Math.log(1 + (visible - held + 0.5) / (held + 0.5));
}

/** Which groups a word of a text in this language stands for, as bits. */
export function groupBits(groups: readonly WordGroup[], language: Language): (word: string) => number {
  const sets = groups.map(({ words, stems, prefix }) => ({ words: new Set(words), stems: new Set(stems), prefix }));
  return (word) => {
    const stem = language === noLanguage ? undefined : stemOf(language, word);
    return sets.reduce((bits, group, at) => {
      const holds =
        group.words.has(word) ||
        (stem !== undefined && group.stems.has(stem)) ||
        (group.prefix !== '' && word.startsWith(group.prefix));
      return holds ? bits | (1 << at) : bits;
    }, 0);
  };
}

/** The rules for the language a document was stored with. */
export function languageNamed(all: readonly Language[], code: string): Language {
  return all.find((language) => language.code === languageCode(code)) ?? noLanguage;
}
