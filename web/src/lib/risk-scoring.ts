/** The score of payments as sentences, and as a person changes it. Pure. */
import type {
  RiskDimension,
  RiskFactor,
  RiskMeasure,
  RiskOutcomeCounts,
  RiskScoring,
  TryRiskScoringResponse,
} from '../api/types.ts';
import { formatMoney, parseAmount } from './money.ts';
import { formatDuration } from './time.ts';
import { plural } from './words.ts';

export type ScoringDraft = Pick<RiskScoring, 'factors' | 'challengeFrom' | 'reviewFrom' | 'blockFrom'>;

export const outcomeFields = {
  challengeFrom: '3-D Secure from',
  reviewFrom: 'Held for review from',
  blockFrom: 'Refused from',
} as const;
export type OutcomeField = keyof typeof outcomeFields;

/** The most that the platform takes. */
export const factorsMax = 20;
const windowDaysMax = 30;

export const measureWords: Readonly<Record<RiskMeasure, string>> = {
  count: 'How often somebody tries, or fails',
  distinct: 'How many different values come together',
  unseen: 'That something is seen for the first time',
  amount: 'The amount of the payment',
  above_usual: 'The amount beside what the buyer usually pays',
};

export const dimensionWords: Readonly<Record<RiskDimension, string>> = {
  customer: 'Customer',
  fingerprint: 'Card or UPI address',
  address: 'Network address',
  device: 'Device',
};

export const windowUnits = { minutes: 60, hours: 3_600, days: 86_400 } as const;
export type WindowUnit = keyof typeof windowUnits;

/** What of a new factor is chosen and not typed. */
export interface FactorChoice {
  readonly measure: RiskMeasure;
  readonly dimension: RiskDimension;
  readonly distinct: RiskDimension;
  readonly counted: 'attempts' | 'failures';
  readonly unit: WindowUnit;
}

export type FactorField = 'name' | 'measure' | 'distinct' | 'window' | 'above' | 'currency' | 'points' | 'pointsMax';

/** What a measure needs to be told. */
export function needsOf(measure: RiskMeasure): ReadonlySet<FactorField | 'dimension' | 'counted'> {
  switch (measure) {
    case 'count':
      return new Set(['dimension', 'counted', 'window', 'above', 'pointsMax']);
    case 'distinct':
      return new Set(['dimension', 'distinct', 'window', 'above', 'pointsMax']);
    case 'unseen':
      return new Set(['dimension', 'window']);
    case 'amount':
      return new Set(['currency', 'above']);
    case 'above_usual':
      return new Set(['above']);
  }
}

/** A new factor out of a form's values, with what is wrong by the field's name. What its measure does not need is left out. */
export function readFactor(
  choice: FactorChoice,
  values: Readonly<Record<string, string>>,
  others: readonly RiskFactor[],
): { readonly factor: RiskFactor; readonly problems: Partial<Record<FactorField, string>> } {
  const { measure, unit } = choice;
  const problems: Partial<Record<FactorField, string>> = {};
  const needs = needsOf(measure);
  const text = (name: FactorField) => (values[name] ?? '').trim();
  const whole = (name: FactorField, min: number, max: number, inWords = `from ${min} to ${max}`): number => {
    if (name !== 'points' && !needs.has(name)) return 0;
    const value = /^[-−]?\d{1,9}$/.test(text(name)) ? Number(text(name).replace('−', '-')) : Number.NaN;
    if (value >= min && value <= max) return value;
    problems[name] = `Give a whole number ${inWords}.`;
    return 0;
  };
  const seconds = windowUnits[unit];
  const currency = needs.has('currency') ? text('currency').toUpperCase() : '';
  const factor: RiskFactor = {
    name: text('name'),
    measure,
    ...(needs.has('dimension') && { dimension: choice.dimension }),
    ...(needs.has('counted') && { counted: choice.counted }),
    ...(needs.has('distinct') && { distinct: choice.distinct }),
    windowSeconds: whole('window', 1, (windowDaysMax * 86_400) / seconds) * seconds,
    above: measure === 'amount' ? '0' : String(whole('above', 0, 999_999_999, 'of 0 or more')),
    currency,
    points: whole('points', -100, 100),
    pointsMax: whole('pointsMax', 0, 100),
  };
  const amountMinor = measure === 'amount' ? parseAmount(text('above'), currency) : undefined;
  const found: RiskFactor = amountMinor === undefined ? factor : { ...factor, above: String(amountMinor) };
  if (measure === 'amount' && amountMinor === undefined) problems.above = 'Give an amount.';
  if (needs.has('currency') && !/^[A-Z]{3}$/.test(currency)) problems.currency = 'Three letters, e.g. INR.';
  if (found.points === 0) problems.points ??= 'Give points, above or below 0.';
  return { factor: found, problems: { ...problems, ...clashesOf(found, others) } };
}

/** What the platform refuses of a factor among the others. */
function clashesOf(factor: RiskFactor, others: readonly RiskFactor[]): Partial<Record<FactorField, string>> {
  const twin = others.find((other) => measuredBy(other) === measuredBy(factor));
  return {
    ...(!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(factor.name) && { name: 'Small letters, digits and single hyphens.' }),
    ...(others.some(({ name }) => name === factor.name) && { name: 'Another factor has this name.' }),
    ...(factor.measure === 'distinct' &&
      factor.distinct === factor.dimension && { distinct: 'Count the values of something else.' }),
    ...(twin && { measure: `${twin.name} measures the same; change its points instead.` }),
  };
}

/** What is measured, whatever it is called and adds: two factors of a score measure different things. */
function measuredBy({ measure, dimension, counted, distinct, windowSeconds, currency }: RiskFactor): string {
  const needs = measure === undefined ? new Set<string>() : needsOf(measure);
  const of = (name: string, value: string | number | undefined) => (needs.has(name as FactorField) ? value : '');
  return [
    measure,
    ...[of('dimension', dimension), of('counted', counted), of('distinct', distinct)],
    ...[of('window', windowSeconds), of('currency', currency)],
  ].join(' ');
}

/** What the factor looks at. */
export function factorWords(factor: RiskFactor): string {
  const { measure, dimension = 'customer', distinct = 'customer', counted, above, currency } = factor;
  const days = factor.windowSeconds / 86_400;
  const window = days > 1 && Number.isInteger(days) ? plural(days, 'day') : formatDuration(factor.windowSeconds);
  const within = `within ${window}`;
  const more = Number(above);
  switch (measure) {
    case 'count':
      return `More than ${plural(more, counted === 'failures' ? 'failure' : 'attempt')} by one ${dimension} ${within}`;
    case 'distinct':
      return `More than ${plural(more, `${distinct}`)} with one ${dimension} ${within}`;
    case 'unseen':
      return `A ${dimension} not seen ${within}`;
    case 'amount':
      return `More than ${formatMoney({ currency, amountMinor: above })}`;
    default:
      return `More than ${above} % of what the buyer usually pays`;
  }
}

/** What it adds. */
export function pointsWords({ measure, points, pointsMax }: RiskFactor): string {
  const isCounted = measure === 'count' || measure === 'distinct';
  const sign = points < 0 ? '−' : '+';
  const each = `${sign}${Math.abs(points)}${isCounted ? ' for each more' : ''}`;
  return isCounted && pointsMax > 0 ? `${each}, ${sign}${pointsMax} at most` : each;
}

export type ScoringProblems = Readonly<Record<string, string>>;

/** The draft out of a form's values, with what is wrong by the field's name. */
export function readDraft(
  factors: readonly RiskFactor[],
  values: Readonly<Record<string, string>>,
): { readonly draft: ScoringDraft; readonly problems: ScoringProblems } {
  const problems: Record<string, string> = {};
  const read = (name: string, min: number, max: number): number => {
    const text = (values[name] ?? '').trim();
    const value = /^[-−]?\d{1,4}$/.test(text) ? Number(text.replace('−', '-')) : Number.NaN;
    if (value >= min && value <= max) return value;
    problems[name] = `Give a whole number from ${min} to ${max}.`;
    return 0;
  };
  const changed = factors.map((factor) => ({ ...factor, points: read(pointsField(factor), -100, 100) }));
  for (const factor of changed) {
    const name = pointsField(factor);
    if (factor.points === 0) problems[name] ??= 'Give points, or remove the factor.';
  }
  const [challengeFrom, reviewFrom, blockFrom] = (Object.keys(outcomeFields) as OutcomeField[]).map((name) =>
    read(name, 0, 100),
  ) as [number, number, number];
  if (challengeFrom > 0 && reviewFrom > 0 && reviewFrom <= challengeFrom)
    problems['reviewFrom'] ??= 'Must be above the score of 3-D Secure.';
  if (blockFrom > 0 && blockFrom <= Math.max(challengeFrom, reviewFrom))
    problems['blockFrom'] ??= 'Must be above the scores before it.';
  return { draft: { factors: changed, challengeFrom, reviewFrom, blockFrom }, problems };
}

export function pointsField({ name }: RiskFactor): string {
  return `points.${name}`;
}

/** The difference that a draft makes, as sentences. */
export function triedWords(tried: TryRiskScoringResponse): readonly string[] {
  if (tried.decisions === 0) return ['No payment has been scored yet, so nothing can be said.'];
  const line = (word: string, of: (counts: RiskOutcomeCounts) => number) =>
    `${word}: ${of(tried.before)} then, ${of(tried.after)} with the draft.`;
  return [
    `Of the last ${plural(tried.decisions, 'payment')}:`,
    line('Let through', (counts) => counts.allow),
    line('3-D Secure', (counts) => counts.challenge),
    line('Held for review', (counts) => counts.review),
    line('Refused', (counts) => counts.block),
    tried.turnedAway === 0
      ? 'It would have turned away no payment that succeeded.'
      : `It would have held or refused ${plural(tried.turnedAway, 'payment')} that succeeded.`,
    ...(tried.unmeasured.length === 0 ? [] : [`Not measured yet: ${tried.unmeasured.join(', ')}.`]),
  ];
}
