/** Choosing providers by the rules in force, with every decision kept, and what finance does with the rules. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { MethodType } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import {
  type ListRoutingDecisionsRequest,
  type PutRoutingRulesRequest,
  RouteStrategy,
} from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import { decimalsOf } from '@suuupra/platform/money';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor } from '@suuupra/platform/sql/sql';
import { unfit } from './currency.ts';
import { placeOf } from './ids.ts';
import type { ByBrand, Provider } from './provider.ts';
import {
  decideRoute,
  type Rate,
  type Route,
  type RouteRule,
  type RouteWish,
  type RoutingRules,
  type Strategy,
} from './routing.ts';
import { findProvider, type PaymentsSurroundings } from './surroundings.ts';

/** The sliding window of outcomes: this many, and none older. */
const rateWindow = 100;
const rateWindowMs = 6 * 3_600_000;
const triesMaxDefault = 2;

/** Without rules of finance all goes to the first provider, and to the next when that one fails on the way. */
export function defaultRules(providers: readonly Pick<Provider, 'name'>[]): RoutingRules {
  return {
    version: 0,
    rules: [],
    fallback: providers.map((provider) => provider.name),
    triesMax: triesMaxDefault,
    explorationPercent: 5,
    eliminationBelowPercent: 20,
    setAtMs: 0,
  };
}

export interface Chosen extends Route {
  readonly rates: readonly Rate[];
  readonly rules: RoutingRules;
}

/** The providers to try for a payment, in order. */
export async function chooseRoute(
  surroundings: PaymentsSurroundings,
  wish: RouteWish & { readonly token: string; readonly capture: 'automatic' | 'manual' },
): Promise<Chosen> {
  const { providers, routing, sql, world } = surroundings;
  const rules = (await routing.rules(sql)) ?? defaultRules(providers);
  const sinceMs = world.now() - rateWindowMs;
  const wanted = providers.map(({ name }) => ({ provider: name, method: wish.method }));
  const rates = await routing.rates(sql, wanted, sinceMs, rateWindow);
  const candidates = providers.map((provider) => ({
    name: provider.name,
    capabilities: provider.capabilities,
    unfit: provider.knowsToken(wish.token) ? unfit(provider.capabilities, wish) : 'token',
  }));
  return { ...decideRoute(rules, wish, candidates, rates, world.random()), rates, rules };
}

/** Keeps why an attempt went where it went. */
export async function keepRoute(
  { routing, world }: PaymentsSurroundings,
  tx: SqlExecutor,
  chosen: Chosen,
  attempt: { readonly id: string; readonly orderId: string; readonly provider: string },
  tryNumber: number,
): Promise<void> {
  await routing.keepDecision(tx, {
    id: world.id('rtd'),
    orderId: attempt.orderId,
    attemptId: attempt.id,
    tryNumber,
    provider: attempt.provider,
    rule: chosen.rule,
    because: tryNumber === 1 ? chosen.because : 'retry',
    candidates: chosen.providers,
    rates: chosen.rates,
    leftOut: chosen.leftOut,
    rulesVersion: chosen.rules.version,
    atMs: world.now(),
  });
}

const strategies: Readonly<Record<Strategy, RouteStrategy>> = {
  fixed: RouteStrategy.FIXED,
  split: RouteStrategy.SPLIT,
  success_rate: RouteStrategy.SUCCESS_RATE,
  least_cost: RouteStrategy.LEAST_COST,
};
const methods = { card: MethodType.CARD, upi: MethodType.UPI } as const;

function rulesMessage(rules: RoutingRules) {
  return {
    version: rules.version,
    rules: rules.rules.map((rule) => ({
      name: rule.name,
      method: rule.method === undefined ? MethodType.UNSPECIFIED : methods[rule.method],
      currency: rule.currency ?? '',
      amountAtLeastMinor: BigInt(rule.amountAtLeastMinor),
      amountBelowMinor: BigInt(rule.amountBelowMinor),
      strategy: strategies[rule.strategy],
      shares: rule.shares.map(({ provider, percent }) => ({ provider, percent })),
    })),
    fallback: [...rules.fallback],
    triesMax: rules.triesMax,
    explorationPercent: rules.explorationPercent,
    eliminationBelowPercent: rules.eliminationBelowPercent,
    ...(rules.version === 0 ? {} : { setAt: timestampFromMs(rules.setAtMs) }),
  };
}

export async function getRoutingRules({ routing, sql, providers }: PaymentsSurroundings) {
  return { rules: rulesMessage((await routing.rules(sql)) ?? defaultRules(providers)) };
}

export async function putRoutingRules(
  surroundings: PaymentsSurroundings,
  request: PutRoutingRulesRequest,
  context: CallContext,
) {
  const { routing, sql, world } = surroundings;
  const inForce = (await routing.rules(sql))?.version ?? 0;
  if (request.version !== inForce) return stale(inForce);
  const rules = readRules(surroundings, request);
  if (isRefusal(rules)) return rules;
  const { fallback, explorationPercent, eliminationBelowPercent } = request;
  const next: RoutingRules = {
    version: inForce + 1,
    rules,
    fallback,
    triesMax: request.triesMax === 0 ? triesMaxDefault : request.triesMax,
    explorationPercent,
    eliminationBelowPercent,
    setAtMs: world.now(),
  };
  const by = context.principal.kind === 'user' ? context.principal.userId : '';
  if (!(await routing.putRules(sql, next, by))) return stale(next.version);
  return { rules: rulesMessage(next) };
}

function stale(version: number): Refusal {
  return refuse('stale_etag', `The rules are at version ${version} now; read them again.`);
}

function readRules(surroundings: PaymentsSurroundings, request: PutRoutingRulesRequest): RouteRule[] | Refusal {
  const named = [...request.fallback, ...request.rules.flatMap((rule) => rule.shares.map((share) => share.provider))];
  const unknown = named.find((name) => findProvider(surroundings, name) === undefined);
  if (unknown !== undefined) return refuse('routing_rules_invalid', `There is no payment provider ${unknown}.`);
  if (new Set(request.rules.map((rule) => rule.name)).size < request.rules.length)
    return refuse('routing_rules_invalid', 'Two rules have one name.');
  const rules: RouteRule[] = [];
  for (const rule of request.rules) {
    const strategy = (Object.keys(strategies) as Strategy[]).find((word) => strategies[word] === rule.strategy);
    if (strategy === undefined) return refuse('routing_rules_invalid', `The rule ${rule.name} has no strategy.`);
    if (rule.currency !== '' && decimalsOf(rule.currency) === undefined)
      return refuse('routing_rules_invalid', `${rule.currency} is no currency of ISO 4217.`);
    const total = rule.shares.reduce((sum, share) => sum + share.percent, 0);
    if (strategy === 'split' && total !== 100)
      return refuse('routing_rules_invalid', `The shares of ${rule.name} are ${total} % in all; they must be 100.`);
    rules.push({
      name: rule.name,
      ...(rule.method === MethodType.UNSPECIFIED ? {} : { method: rule.method === MethodType.UPI ? 'upi' : 'card' }),
      ...(rule.currency === '' ? {} : { currency: rule.currency }),
      amountAtLeastMinor: rule.amountAtLeastMinor.toString(),
      amountBelowMinor: rule.amountBelowMinor.toString(),
      strategy,
      shares: rule.shares.map(({ provider, percent }) => ({ provider, percent })),
    });
  }
  return rules;
}

export async function listProviders({ providers, routing, sql, world }: PaymentsSurroundings) {
  const sinceMs = world.now() - rateWindowMs;
  return {
    providers: await Promise.all(
      providers.map(async ({ name, simulated, capabilities }) => {
        const wanted = capabilities.methods.map((method) => ({ provider: name, method }));
        const accepted = capabilities.methods.flatMap((method) => capabilities.currencies[method] ?? []);
        return {
          name,
          simulated,
          methods: capabilities.methods.map((method) => methods[method]),
          currencies: accepted.includes('all') ? [] : [...new Set(accepted)],
          manualCapture: capabilities.manualCapture.length > 0,
          multipleCapture: capabilities.multipleCapture,
          mandates: capabilities.mandates.length > 0,
          incrementalAuthorization: capabilities.methods
            .filter((method) => isEver(capabilities.incrementalAuthorization[method]))
            .map((method) => methods[method]),
          overCaptureBasisPoints: capabilities.overCaptureBasisPoints.card?.usual ?? 0,
          rates: await routing.rates(sql, wanted, sinceMs, rateWindow),
        };
      }),
    ),
  };
}

/** Whether it is so of any brand. */
function isEver(by: ByBrand<boolean> | undefined): boolean {
  return by !== undefined && [by.usual, ...Object.values(by.brands ?? {})].includes(true);
}

/** Every shard works with the same providers; how they do is the sum. */
export function providersOver(shards: readonly Awaited<ReturnType<typeof listProviders>>[]) {
  const [first, ...others] = shards;
  return {
    providers: (first?.providers ?? []).map((provider, at) => ({
      ...provider,
      rates: provider.rates.map((rate, of) => {
        const more = others.map(({ providers }) => providers[at]?.rates[of]);
        const sum = (what: 'succeeded' | 'failed') => more.reduce((all, each) => all + (each?.[what] ?? 0), rate[what]);
        return { ...rate, succeeded: sum('succeeded'), failed: sum('failed') };
      }),
    })),
  };
}

export async function listRoutingDecisions(
  { routing, sql }: PaymentsSurroundings,
  request: ListRoutingDecisionsRequest,
) {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  const rows = await routing.listDecisions(sql, request.orderId, placeOf(page.after), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    decisions: shown.map(({ attemptId: paymentId, tryNumber, atMs, candidates, rates, leftOut, ...row }) => ({
      ...row,
      paymentId,
      try: tryNumber,
      candidates: [...candidates],
      rates: [...rates],
      leftOut: [...leftOut],
      at: timestampFromMs(atMs),
    })),
    nextPageToken: last === undefined ? '' : pageToken([new Date(last.atMs).toISOString(), last.id]),
  };
}
