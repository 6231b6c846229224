/**
 * Which provider takes a payment: rules as data, the first that fits decides. Pure; chance is given.
 *
 * What cannot take the payment (method, currency, amount, manual capture, a token that is not its own) is left out first.
 * The success rate is of a sliding window of the last settled attempts. A provider below the floor is left out as long as
 * another is above it; a share of exploration goes on asking all, so that one that has recovered is found out.
 */
import type { PaymentMethodKind, ProviderCapabilities } from './provider.ts';

export type Strategy = 'fixed' | 'split' | 'success_rate' | 'least_cost';

export interface RouteRule {
  readonly name: string;
  readonly method?: PaymentMethodKind | undefined;
  readonly currency?: string | undefined;
  /** Minor units as decimal text: the rules are kept as JSON. */
  readonly amountAtLeastMinor: string;
  /** '0': no upper end. */
  readonly amountBelowMinor: string;
  readonly strategy: Strategy;
  readonly shares: readonly { readonly provider: string; readonly percent: number }[];
}

export interface RoutingRules {
  readonly version: number;
  readonly rules: readonly RouteRule[];
  readonly fallback: readonly string[];
  /** Attempts for one request of the payer, the first included. */
  readonly triesMax: number;
  readonly explorationPercent: number;
  readonly eliminationBelowPercent: number;
  readonly setAtMs: number;
}

export interface Rate {
  readonly provider: string;
  readonly succeeded: number;
  readonly failed: number;
}

export interface Candidate {
  readonly name: string;
  readonly capabilities: ProviderCapabilities;
  /** Why it cannot take this payment; '' when it can. */
  readonly unfit: string;
}

export interface RouteWish {
  readonly method: PaymentMethodKind;
  readonly currency: string;
  readonly amountMinor: bigint;
}

export interface Route {
  /** In the order in which they are tried; empty when none can take it. */
  readonly providers: readonly string[];
  readonly rule: string;
  readonly because: 'fixed' | 'split' | 'explored' | 'best_rate' | 'least_cost' | 'fallback';
  readonly leftOut: readonly string[];
}

/** Below so many outcomes a rate says nothing. */
export const rateMin = 10;

export function decideRoute(
  rules: RoutingRules,
  wish: RouteWish,
  candidates: readonly Candidate[],
  rates: readonly Rate[],
  /** In [0, 1). */
  chance: number,
): Route {
  const leftOut = candidates.filter((each) => each.unfit !== '').map((each) => `${each.name}: ${each.unfit}`);
  const usable = candidates.filter((each) => each.unfit === '');
  const floor = belowFloor(rules, usable, rates);
  leftOut.push(...[...floor].map((name) => `${name}: below_floor`));
  const isUsable = (name: string) => usable.some((each) => each.name === name) && !floor.has(name);
  const fallback = rules.fallback.filter(isUsable);
  for (const rule of rules.rules) {
    if (!fits(rule, wish)) continue;
    const shares = rule.shares.filter((share) => isUsable(share.provider));
    if (shares.length === 0) continue;
    const { order, because } = choose(rule, shares, wish, usable, rates, rules.explorationPercent, chance);
    return { providers: unique([...order, ...fallback]), rule: rule.name, because, leftOut };
  }
  return { providers: unique(fallback), rule: 'fallback', because: 'fallback', leftOut };
}

function fits(rule: RouteRule, wish: RouteWish): boolean {
  const below = BigInt(rule.amountBelowMinor);
  return (
    (rule.method === undefined || rule.method === wish.method) &&
    (rule.currency === undefined || rule.currency === wish.currency) &&
    wish.amountMinor >= BigInt(rule.amountAtLeastMinor) &&
    (below === 0n || wish.amountMinor < below)
  );
}

function belowFloor(rules: RoutingRules, usable: readonly Candidate[], rates: readonly Rate[]): ReadonlySet<string> {
  const bad = usable.filter(({ name }) => {
    const percent = percentOf(rates, name);
    return percent !== undefined && percent < rules.eliminationBelowPercent;
  });
  return new Set(bad.length === usable.length ? [] : bad.map((each) => each.name));
}

function percentOf(rates: readonly Rate[], name: string): number | undefined {
  const rate = rates.find((each) => each.provider === name);
  const total = (rate?.succeeded ?? 0) + (rate?.failed ?? 0);
  return rate === undefined || total < rateMin ? undefined : (100 * rate.succeeded) / total;
}

function choose(
  rule: RouteRule,
  shares: RouteRule['shares'],
  wish: RouteWish,
  usable: readonly Candidate[],
  rates: readonly Rate[],
  explorationPercent: number,
  chance: number,
): { readonly order: readonly string[]; readonly because: Route['because'] } {
  const names = shares.map((share) => share.provider);
  switch (rule.strategy) {
    case 'fixed':
      return { order: names, because: 'fixed' };
    case 'split':
      return { order: first(names, splitBy(shares, chance)), because: 'split' };
    case 'least_cost': {
      const cost = (name: string) => costOf(usable.find((each) => each.name === name)?.capabilities, wish);
      return { order: names.toSorted((a, b) => Number(cost(a) - cost(b))), because: 'least_cost' };
    }
    case 'success_rate': {
      const isExploring = chance * 100 < explorationPercent;
      const at = Math.floor(((chance * 100) / Math.max(1, explorationPercent)) * names.length);
      if (isExploring) return { order: first(names, names[at] ?? ''), because: 'explored' };
      // One that nobody has tried often enough is taken for good: else it would never be tried.
      const rank = (name: string) => percentOf(rates, name) ?? 100;
      return { order: names.toSorted((a, b) => rank(b) - rank(a)), because: 'best_rate' };
    }
  }
}

/** What the payment costs there in minor units. */
export function costOf(capabilities: ProviderCapabilities | undefined, wish: RouteWish): bigint {
  const cost = capabilities?.costs[wish.method];
  return cost === undefined
    ? wish.amountMinor
    : (wish.amountMinor * BigInt(cost.basisPoints)) / 10_000n + cost.flatMinor;
}

function splitBy(shares: RouteRule['shares'], chance: number): string {
  const total = shares.reduce((sum, share) => sum + share.percent, 0);
  let left = chance * total;
  for (const share of shares) {
    left -= share.percent;
    if (left < 0) return share.provider;
  }
  return shares[0]?.provider ?? '';
}

function first(names: readonly string[], name: string): string[] {
  return unique([name, ...names]).filter((each) => each !== '');
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
