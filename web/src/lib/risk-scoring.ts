/** The score of payments as sentences, and as a person changes it. Pure. */
import type { RiskFactor, RiskOutcomeCounts, RiskScoring, TryRiskScoringResponse } from '../api/types.ts';
import { formatMoney } from './money.ts';
import { formatDuration } from './time.ts';
import { plural } from './words.ts';

export type ScoringDraft = Pick<RiskScoring, 'factors' | 'challengeFrom' | 'reviewFrom' | 'blockFrom'>;

export const outcomeFields = {
  challengeFrom: '3-D Secure from',
  reviewFrom: 'Held for review from',
  blockFrom: 'Refused from',
} as const;
export type OutcomeField = keyof typeof outcomeFields;

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
