/** Rules of withholding as finance asks for them: what is well-formed, and what would change the past. No I/O. */
import type { FieldError } from '@suuupra/contracts/errors';
import { counterOf, openEnd, type WithholdingRule } from './withholding.ts';

/** As they come from outside: everything may be wrong. Parts of a million, minor units, days in India as YYYY-MM-DD. */
export interface WithholdingTerms {
  readonly id: string;
  readonly kind: string;
  readonly currency: string;
  readonly ratePpm: number;
  readonly ratePpmWithoutPan: number;
  readonly base: string;
  readonly period: string;
  readonly thresholdMinor: bigint;
  readonly validFrom: string;
  readonly validUntil: string;
  readonly source: string;
  readonly counter: string;
}

const kinds: readonly string[] = ['tds', 'tcs'] satisfies WithholdingRule['kind'][];
const bases: readonly string[] = ['gross', 'net_of_tax'] satisfies WithholdingRule['base'][];
const periods: readonly string[] = ['financial_year', 'month'] satisfies WithholdingRule['period'][];
const idForm = /^[a-z0-9][a-z0-9-]{0,39}$/;
const idWords = 'lower-case letters, digits and hyphens, at most 40';
const million = 1_000_000;
/** INR 1,000 crore: more is a slip of the hand. */
const thresholdMost = 1_000_000_000_000n;

/** The rule, when all of it is well-formed by itself; else what is wrong with its fields. */
export function readTerms(terms: WithholdingTerms, at: string): WithholdingRule | readonly FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: keyof WithholdingTerms, isGood: boolean, detail: string, code = 'not_allowed') => {
    if (!isGood) errors.push({ field: `${at}.${field}`, code, detail });
  };
  const isRate = (ppm: number) => ppm >= 0 && ppm <= million;
  check('id', idForm.test(terms.id), idWords, 'bad_format');
  check('kind', kinds.includes(terms.kind), kinds.join(' or '));
  check('currency', terms.currency === 'INR', 'INR: on other currencies nothing is withheld');
  check('ratePpm', isRate(terms.ratePpm), 'from 0 to 1000000, which is 100 %', 'out_of_range');
  check('ratePpmWithoutPan', isRate(terms.ratePpmWithoutPan), 'from 0 to 1000000, which is 100 %', 'out_of_range');
  check('base', bases.includes(terms.base), bases.join(' or '));
  check('period', periods.includes(terms.period), periods.join(' or '));
  const isThreshold = terms.thresholdMinor >= 0n && terms.thresholdMinor <= thresholdMost;
  check('thresholdMinor', isThreshold, `from 0 to ${thresholdMost}, in minor units`, 'out_of_range');
  check('validFrom', isDay(terms.validFrom), 'a day as YYYY-MM-DD', 'bad_format');
  const isOpen = terms.validUntil === '';
  check('validUntil', isOpen || isDay(terms.validUntil), 'a day as YYYY-MM-DD, or empty for no end', 'bad_format');
  check('validUntil', isOpen || terms.validUntil >= terms.validFrom, 'not before validFrom', 'out_of_range');
  check('source', terms.source.trim() !== '', 'the law it follows from', 'required');
  check('counter', terms.counter === '' || idForm.test(terms.counter), `${idWords}; empty: by itself`, 'bad_format');
  return errors.length > 0 ? errors : ruleOf(terms);
}

function ruleOf(terms: WithholdingTerms): WithholdingRule {
  return {
    id: terms.id,
    ...(terms.counter !== '' && terms.counter !== terms.id && { counter: terms.counter }),
    kind: terms.kind as WithholdingRule['kind'],
    currency: 'INR',
    ratePpm: terms.ratePpm,
    ...(terms.ratePpmWithoutPan > 0 && { ratePpmWithoutPan: terms.ratePpmWithoutPan }),
    base: terms.base as WithholdingRule['base'],
    period: terms.period as WithholdingRule['period'],
    thresholdMinor: terms.thresholdMinor,
    from: terms.validFrom,
    until: terms.validUntil === '' ? openEnd : terms.validUntil,
    source: terms.source.trim(),
  };
}

/** A day that the calendar has. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === text;
}

export function termsOf(rule: WithholdingRule): WithholdingTerms {
  return {
    id: rule.id,
    kind: rule.kind,
    currency: rule.currency,
    ratePpm: rule.ratePpm,
    ratePpmWithoutPan: rule.ratePpmWithoutPan ?? 0,
    base: rule.base,
    period: rule.period,
    thresholdMinor: rule.thresholdMinor,
    validFrom: rule.from,
    validUntil: rule.until === openEnd ? '' : rule.until,
    source: rule.source,
    counter: rule.counter ?? '',
  };
}

/** What is wrong with the rules among each other: one id, two rules on one day, a counter of two kinds. */
export function faultsTogether(rules: readonly WithholdingRule[]): readonly FieldError[] {
  return rules.flatMap((rule, index) => {
    const before = rules.slice(0, index);
    return [...twice(rule, before, index), ...sameDays(rule, before, index), ...wrongCounter(rule, rules, index)];
  });
}

function twice(rule: WithholdingRule, before: readonly WithholdingRule[], index: number): FieldError[] {
  if (!before.some(({ id }) => id === rule.id)) return [];
  return [{ field: `rules[${index}].id`, code: 'not_allowed', detail: `another rule has the id ${rule.id}` }];
}

function sameDays(rule: WithholdingRule, before: readonly WithholdingRule[], index: number): FieldError[] {
  const other = before.find(({ kind, from, until }) => kind === rule.kind && from <= rule.until && rule.from <= until);
  if (other === undefined) return [];
  const detail = `${other.id} is in force on some of the same days, and ${rule.kind} is withheld once`;
  return [{ field: `rules[${index}].validFrom`, code: 'not_allowed', detail }];
}

function wrongCounter(rule: WithholdingRule, rules: readonly WithholdingRule[], index: number): FieldError[] {
  const refused = (detail: string) => [{ field: `rules[${index}].counter`, code: 'not_allowed', detail }];
  const { counter } = rule;
  if (counter === undefined) return [];
  const named = rules.find(({ id }) => id === counter);
  if (named?.counter !== undefined) return refused(`${counter} itself counts in ${named.counter}: name that`);
  const unlike = rules.find(
    (other) =>
      counterOf(other) === counter &&
      (other.kind !== rule.kind || other.base !== rule.base || other.period !== rule.period),
  );
  return unlike === undefined ? [] : refused(`${unlike.id} counts there another kind, base or period`);
}

/**
 * What of the next rules would change days that are settled: `settledUntil` and before, in India. A rule that has begun by then
 * stays as it is but for its end, which is then or later; another begins after it.
 */
export function faultsOfPast(
  current: readonly WithholdingRule[],
  next: readonly WithholdingRule[],
  settledUntil: string,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const begun = current.filter(({ from }) => from <= settledUntil);
  for (const rule of begun) {
    const index = next.findIndex(({ id }) => id === rule.id);
    const after = next[index];
    const detail = `${rule.id} was in force up to ${settledUntil}, which is settled: it may only be ended, on that day or later`;
    if (after === undefined) errors.push({ field: 'rules', code: 'not_allowed', detail });
    else if (!staysAs(rule, after, settledUntil))
      errors.push({ field: `rules[${index}].${differingField(rule, after)}`, code: 'not_allowed', detail });
  }
  for (const [index, rule] of next.entries()) {
    if (rule.from > settledUntil || begun.some(({ id }) => id === rule.id)) continue;
    const detail = `after ${settledUntil}: up to then everybody is settled`;
    errors.push({ field: `rules[${index}].validFrom`, code: 'out_of_range', detail });
  }
  return errors;
}

function staysAs(was: WithholdingRule, is: WithholdingRule, settledUntil: string): boolean {
  if (differingField(was, is) !== 'validUntil') return false;
  return was.until <= settledUntil ? is.until === was.until : is.until >= settledUntil;
}

const lasting: readonly (keyof WithholdingTerms)[] = [
  'kind',
  'currency',
  'ratePpm',
  'ratePpmWithoutPan',
  'base',
  'period',
  'thresholdMinor',
  'validFrom',
  'source',
  'counter',
];

/** The first field beside the end that is not the same; the end, when all others are. */
function differingField(was: WithholdingRule, is: WithholdingRule): keyof WithholdingTerms {
  const [before, after] = [termsOf(was), termsOf(is)];
  return lasting.find((field) => before[field] !== after[field]) ?? 'validUntil';
}
