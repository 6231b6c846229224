/**
 * Tax that the platform withholds from instructors as an e-commerce operator, as data with dates and sources, and its
 * reckoning. No I/O.
 *
 * Tax is reckoned on what a participant sold in a period so far, less what went back, and less what was already taxed:
 * so refunds lower the base of later settlements, and a threshold that is crossed taxes what was below it as well.
 */
import { partOfMillionHalfUp } from './decimal.ts';

export interface TaxProfileFacts {
  readonly hasPan: boolean;
  /** From the fourth letter of the PAN. */
  readonly entity: 'individual' | 'huf' | 'company' | 'firm' | 'other';
  readonly resident: boolean;
  readonly hasGstin: boolean;
}

export interface WithholdingRule {
  readonly id: string;
  /**
   * What it counts in, when not in a count of its own: rules of one counter go on with each other's count within a period,
   * as a rate that changes in the middle of a year leaves its threshold where it was.
   */
  readonly counter?: string;
  readonly kind: 'tds' | 'tcs';
  readonly currency: 'INR';
  readonly ratePpm: number;
  /** Instead of `ratePpm` when there is no PAN. */
  readonly ratePpmWithoutPan?: number;
  readonly base: 'gross' | 'net_of_tax';
  readonly period: 'financial_year' | 'month';
  /** Not above this in the period, an individual or HUF with a PAN is not taxed. Minor units. */
  readonly thresholdMinor: bigint;
  /** First and last day (India), inclusive. */
  readonly from: string;
  readonly until: string;
  readonly source: string;
}

/** The last day of a rule that has no end yet. */
export const openEnd = '9999-12-31';
/** INR 500,000. */
const threshold194O = 50_000_000n;

/**
 * Rates by date: the first version, before finance has set another. Rounding: half up to the paisa for each settlement.
 * Amounts in other currencies are not withheld on: that needs the telegraphic-transfer buying rate of the day, which is not
 * read here.
 */
export const firstRules: readonly WithholdingRule[] = [
  {
    id: '194o-2024-10',
    kind: 'tds',
    currency: 'INR',
    ratePpm: 1_000,
    ratePpmWithoutPan: 50_000,
    base: 'gross',
    period: 'financial_year',
    thresholdMinor: threshold194O,
    from: '2024-10-01',
    until: '2026-03-31',
    source: 'Income-tax Act 1961, s. 194-O (0.1 % by Finance (No. 2) Act 2024), s. 206AA for want of a PAN',
  },
  {
    id: '393-1-8v-2026-04',
    kind: 'tds',
    currency: 'INR',
    ratePpm: 1_000,
    ratePpmWithoutPan: 50_000,
    base: 'gross',
    period: 'financial_year',
    thresholdMinor: threshold194O,
    from: '2026-04-01',
    until: openEnd,
    source: 'Income-tax Act 2025, s. 393(1), table sl. no. 8(v) (formerly s. 194-O), s. 397(2) for want of a PAN',
  },
  {
    id: 'cgst52-2024-07',
    kind: 'tcs',
    currency: 'INR',
    ratePpm: 5_000,
    base: 'net_of_tax',
    period: 'month',
    thresholdMinor: 0n,
    from: '2024-07-10',
    until: openEnd,
    source: 'CGST Act 2017, s. 52; 0.5 % with SGST/IGST by Notification 15/2024-Central Tax',
  },
];

/** True when the rule concerns this participant at all. */
export function concerns(rule: WithholdingRule, profile: TaxProfileFacts): boolean {
  return rule.kind === 'tds' ? profile.resident : profile.hasGstin;
}

/** For each `counter/period`: the base so far, and what of it was taxed. */
export interface WithheldSoFar {
  readonly base: bigint;
  readonly taxed: bigint;
}

export interface TaxedLine {
  readonly atMs: number;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
}

export interface Withholding {
  readonly rule: WithholdingRule;
  readonly period: string;
  readonly baseMinor: bigint;
  readonly ratePpm: number;
  readonly amountMinor: bigint;
}

export interface Withheld {
  readonly withholdings: readonly Withholding[];
  readonly soFar: ReadonlyMap<string, WithheldSoFar>;
}

/** What is to be withheld for these lines by these rules, after what was withheld before. Never below zero. */
export function withhold(
  rules: readonly WithholdingRule[],
  { currency, profile }: { readonly currency: string; readonly profile: TaxProfileFacts },
  lines: readonly TaxedLine[],
  before: ReadonlyMap<string, WithheldSoFar>,
): Withheld {
  const soFar = new Map(before);
  const withholdings: Withholding[] = [];
  for (const { rule, period, added } of touchedBy(rules, { currency, profile }, lines)) {
    const key = `${counterOf(rule)}/${period}`;
    const was = soFar.get(key) ?? { base: 0n, taxed: 0n };
    const base = was.base + added;
    soFar.set(key, { base, taxed: was.taxed });
    if (base <= was.taxed || isBelowThreshold(rule, profile, base)) continue;
    const ratePpm = profile.hasPan ? rule.ratePpm : (rule.ratePpmWithoutPan ?? rule.ratePpm);
    const amountMinor = partOfMillionHalfUp(base - was.taxed, BigInt(ratePpm));
    soFar.set(key, { base, taxed: base });
    if (amountMinor > 0n) withholdings.push({ rule, period, baseMinor: base - was.taxed, ratePpm, amountMinor });
  }
  return { withholdings, soFar };
}

export function counterOf({ id, counter }: Pick<WithholdingRule, 'id' | 'counter'>): string {
  return counter ?? id;
}

interface Touched {
  readonly rule: WithholdingRule;
  readonly period: string;
  /** What the lines add to the base. */
  added: bigint;
}

/** By counter and period, and in one of them by the day from which the rule is in force. */
function touchedBy(
  rules: readonly WithholdingRule[],
  { currency, profile }: { readonly currency: string; readonly profile: TaxProfileFacts },
  lines: readonly TaxedLine[],
): readonly Touched[] {
  const touched = new Map<string, Touched>();
  for (const line of lines) {
    const day = dayInIndia(line.atMs);
    for (const rule of rules) {
      if (rule.currency !== currency || day < rule.from || day > rule.until || !concerns(rule, profile)) continue;
      const period = rule.period === 'month' ? day.slice(0, 7) : financialYearOf(day);
      const key = `${counterOf(rule)}/${period}/${rule.from}/${rule.id}`;
      const each = touched.get(key) ?? { rule, period, added: 0n };
      each.added += rule.base === 'gross' ? line.grossMinor : line.grossMinor - line.taxMinor;
      touched.set(key, each);
    }
  }
  return [...touched].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

function isBelowThreshold(rule: WithholdingRule, profile: TaxProfileFacts, base: bigint): boolean {
  const isPerson = profile.entity === 'individual' || profile.entity === 'huf';
  return rule.thresholdMinor > 0n && isPerson && profile.hasPan && base <= rule.thresholdMinor;
}

/** India is five and a half hours ahead of UTC, without summer time. */
const aheadMs = 330 * 60 * 1_000;

/** The day in India of a moment, as YYYY-MM-DD. */
export function dayInIndia(atMs: number): string {
  return new Date(atMs + aheadMs).toISOString().slice(0, 10);
}

/** The year from April to March by its first calendar year: 2026-27 for 2026-11-22. */
function financialYearOf(day: string): string {
  const year = Number(day.slice(0, 4)) - (day.slice(5, 7) < '04' ? 1 : 0);
  return `${year}-${String((year + 1) % 100).padStart(2, '0')}`;
}
