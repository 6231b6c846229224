/** The rules that share payments among providers while a person changes them, and how they read as sentences. Pure. */
import type { RouteRule, RouteStrategy, RoutingRules } from '../api/types.ts';
import { formatMoney } from './money.ts';

export const strategyWords: Readonly<Record<RouteStrategy, string>> = {
  fixed: 'In this order',
  split: 'Shared by percent',
  success_rate: 'The best of late',
  least_cost: 'The cheapest',
};

export interface RoutingDraft {
  readonly rules: readonly RouteRule[];
  readonly fallback: readonly string[];
  readonly triesMax: number;
  readonly explorationPercent: number;
  readonly eliminationBelowPercent: number;
}

export function draftOf(rules: RoutingRules): RoutingDraft {
  const { fallback, triesMax, explorationPercent, eliminationBelowPercent } = rules;
  return { rules: rules.rules, fallback, triesMax, explorationPercent, eliminationBelowPercent };
}

/** Whether anything would be different. */
export function isChanged(draft: RoutingDraft, inForce: RoutingRules): boolean {
  return JSON.stringify(draft) !== JSON.stringify(draftOf(inForce));
}

/** The list with one of its items a place nearer to the front; the first stays. */
export function raised<T>(items: readonly T[], at: number): readonly T[] {
  const item = items[at];
  if (item === undefined || at < 1) return items;
  const rest = items.toSpliced(at, 1);
  return rest.toSpliced(at - 1, 0, item);
}

/** With the rule in the place of the one it changes; at the end when it changes none. */
export function withRule(draft: RoutingDraft, rule: RouteRule, at: number | undefined): RoutingDraft {
  const rules = at === undefined ? [...draft.rules, rule] : draft.rules.with(at, rule);
  return { ...draft, rules };
}

/** The numbers of the rules, with what the platform takes. */
export const routingNumbers = {
  triesMax: { min: 1, max: 5 },
  explorationPercent: { min: 0, max: 50 },
  eliminationBelowPercent: { min: 0, max: 100 },
} as const;
export type RoutingNumber = keyof typeof routingNumbers;

/** What is typed for one of them; undefined when it is no whole number in its range. */
export function readNumber(name: RoutingNumber, text: string | undefined): number | undefined {
  const { min, max } = routingNumbers[name];
  const value = /^\d{1,3}$/.test(text?.trim() ?? '') ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

export type RuleField = 'name' | 'currency' | 'below' | 'shares';

/** What is wrong with a rule among the others, by its field. */
export function ruleProblems(rule: RouteRule, others: readonly RouteRule[]): Partial<Record<RuleField, string>> {
  const below = BigInt(rule.amountBelowMinor);
  const hasAmount = below > 0n || BigInt(rule.amountAtLeastMinor) > 0n;
  const percent = rule.shares.reduce((sum, share) => sum + share.percent, 0);
  return {
    ...(rule.name === '' && { name: 'Give it a name.' }),
    ...(others.some(({ name }) => name === rule.name) && { name: 'Another rule has this name.' }),
    ...(rule.currency !== '' && !/^[A-Z]{3}$/.test(rule.currency) && { currency: 'Three letters, e.g. INR.' }),
    ...(rule.currency === '' && hasAmount && { currency: 'Amounts are of a currency: say which.' }),
    ...(below > 0n && below <= BigInt(rule.amountAtLeastMinor) && { below: 'It must be above the least amount.' }),
    ...(rule.shares.length === 0 && { shares: 'Choose a provider.' }),
    ...(rule.strategy === 'split' &&
      rule.shares.length > 0 &&
      percent !== 100 && { shares: `The shares are ${percent} % in all; they must be 100.` }),
  };
}

/** For which payments the rule is. */
export function ruleWhen(rule: RouteRule): string {
  const money = (amountMinor: string) =>
    rule.currency ? formatMoney({ currency: rule.currency, amountMinor }) : `${amountMinor} minor units`;
  const parts = [
    rule.method === 'upi' ? 'UPI' : rule.method === 'card' ? 'Card' : '',
    rule.currency,
    rule.amountAtLeastMinor === '0' ? '' : `from ${money(rule.amountAtLeastMinor)}`,
    rule.amountBelowMinor === '0' ? '' : `below ${money(rule.amountBelowMinor)}`,
  ];
  return parts.filter(Boolean).join(', ') || 'Every payment';
}

/** Who takes them. */
export function ruleThen(rule: RouteRule, nameOf: (provider: string) => string): string {
  if (rule.strategy === 'split') return rule.shares.map((one) => `${nameOf(one.provider)} ${one.percent} %`).join(', ');
  return rule.shares.map((one) => nameOf(one.provider)).join(', then ');
}
