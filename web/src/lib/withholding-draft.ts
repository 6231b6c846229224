/** Rates of tax withheld as finance changes them: from one rule and a day to all rules of the next version, and back to words. */
import type { WithholdingTerms } from '../api/types.ts';
import { formatMoney } from './money.ts';
import { sentence } from './words.ts';

const ppmOfPercent = 10_000;

/** `0.1` is 1000 parts of a million; undefined when it is no percentage from 0 to 100 with at most four decimals. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d{1,3})(?:\.(\d{1,4}))?$/.exec(text.trim());
  if (!match?.[1]) return undefined;
  const ppm = Number(match[1]) * ppmOfPercent + Number((match[2] ?? '').padEnd(4, '0'));
  return ppm <= 100 * ppmOfPercent ? ppm : undefined;
}

/** `1000` is `0.1`. */
export function percentText(ppm: number): string {
  const rest = String(ppm % ppmOfPercent)
    .padStart(4, '0')
    .replace(/0+$/, '');
  return `${Math.floor(ppm / ppmOfPercent)}${rest && `.${rest}`}`;
}

/** What of a rule is new from a day on. */
export interface RateChange {
  readonly ratePpm: number;
  readonly ratePpmWithoutPan: number;
  readonly thresholdMinor: string;
  readonly validFrom: string;
  readonly source: string;
}

export interface Draft {
  readonly rules: readonly WithholdingTerms[];
  /** Where the rule is that was made or changed: a refusal names it by this. */
  readonly index: number;
}

/**
 * The rule ends the day before and another follows it to where it would have ended, in the same count of the period. When the
 * day is the rule's own first one, it is changed itself.
 */
export function changedFrom(rules: readonly WithholdingTerms[], rule: WithholdingTerms, change: RateChange): Draft {
  if (change.validFrom === rule.validFrom) {
    const index = rules.findIndex(({ id }) => id === rule.id);
    return { rules: rules.with(index, { ...rule, ...change }), index };
  }
  const next = { ...rule, ...change, id: freeId(rules, rule.kind, change.validFrom), counter: rule.counter || rule.id };
  return { rules: [...endedOn(rules, rule, dayBefore(change.validFrom)).rules, next], index: rules.length };
}

/** The first day on which another rate may begin: the rule's own when it has not begun, else the one after what is settled. */
export function soonestChange({ validFrom }: WithholdingTerms, settledUntil: string): string {
  const next = settledUntil === '' ? validFrom : dayAfter(settledUntil);
  return next > validFrom ? next : validFrom;
}

export function endedOn(rules: readonly WithholdingTerms[], rule: WithholdingTerms, validUntil: string): Draft {
  const index = rules.findIndex(({ id }) => id === rule.id);
  return { rules: rules.with(index, { ...rule, validUntil }), index };
}

function freeId(rules: readonly WithholdingTerms[], kind: string, validFrom: string): string {
  const wanted = `${kind}-${validFrom}`;
  const isTaken = (id: string) => rules.some((rule) => rule.id === id);
  if (!isTaken(wanted)) return wanted;
  let number = 2;
  while (isTaken(`${wanted}-${number}`)) number += 1;
  return `${wanted}-${number}`;
}

/** The day before a day, both as YYYY-MM-DD; '' for what is no day. */
function dayBefore(day: string): string {
  return moved(day, -1);
}

function dayAfter(day: string): string {
  return moved(day, 1);
}

function moved(day: string, days: number): string {
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(at) ? '' : new Date(at + days * 24 * 60 * 60 * 1_000).toISOString().slice(0, 10);
}

/** `0.1 %`; between the number and its sign no line ends. */
export const percent = (ppm: number) => `${percentText(ppm)}\u00a0%`;

/** `0.1 %, 5 % without a PAN`. */
export function rateWords({ ratePpm, ratePpmWithoutPan }: WithholdingTerms): string {
  const without = ratePpmWithoutPan > 0 ? `, ${percent(ratePpmWithoutPan)} without a PAN` : '';
  return `${percent(ratePpm)}${without}`;
}

export function thresholdWords({ currency, thresholdMinor, period }: WithholdingTerms): string {
  if (thresholdMinor === '0') return 'From the first rupee';
  return `Above ${formatMoney({ currency, amountMinor: thresholdMinor })} in a ${sentence(period).toLowerCase()}`;
}

/** What another version would change, one sentence for each rule that is not the same. */
export function differences(before: readonly WithholdingTerms[], after: readonly WithholdingTerms[]): string[] {
  const gone = before
    .filter(({ id }) => !after.some((rule) => rule.id === id))
    .map((rule) => `${nameOf(rule)} from ${rule.validFrom} on is taken out.`);
  const changed = after.flatMap((rule) =>
    differenceOf(
      before.find(({ id }) => id === rule.id),
      rule,
    ),
  );
  return [...gone, ...changed];
}

const nameOf = ({ kind, source }: WithholdingTerms) => `${kind.toUpperCase()} (${source})`;

function differenceOf(before: WithholdingTerms | undefined, after: WithholdingTerms): string[] {
  if (before === undefined) {
    const end = after.validUntil ? ` to ${after.validUntil}` : ' on';
    return [
      `${nameOf(after)}: ${rateWords(after)}, ${thresholdWords(after).toLowerCase()}, from ${after.validFrom}${end}.`,
    ];
  }
  if (JSON.stringify({ ...before, validUntil: '' }) !== JSON.stringify({ ...after, validUntil: '' }))
    return [`${nameOf(after)} from ${after.validFrom}: ${rateWords(after)}, ${thresholdWords(after).toLowerCase()}.`];
  if (before.validUntil === after.validUntil) return [];
  return [after.validUntil ? `${nameOf(after)} ends on ${after.validUntil}.` : `${nameOf(after)} has no end any more.`];
}
