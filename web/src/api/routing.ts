/** Which provider takes a payment, and why it was this one. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { listQuery } from './lists.ts';
import type {
  GetRoutingRulesResponse,
  ListProvidersResponse,
  ListRoutingDecisionsResponse,
  PutRoutingRulesResponse,
  RouteRuleInput,
} from './types.ts';

/** How they do is of the last six hours, at most the last hundred payments of each method. */
export const providersQuery = queryOptions({
  queryKey: ['finance', 'providers'],
  queryFn: ({ signal }) => call<ListProvidersResponse>('GET', '/routing/providers', { signal }),
  select: (answer) => answer.providers,
});

export const routingRulesQuery = queryOptions({
  queryKey: ['finance', 'routing-rules'],
  queryFn: ({ signal }) => call<GetRoutingRulesResponse>('GET', '/routing/rules', { signal }),
  select: (answer) => answer.rules,
});

export interface RoutingRulesAsked {
  /** The one that was read: when another is in force by then, this is refused `stale_etag`. */
  readonly version: number;
  readonly rules: readonly RouteRuleInput[];
  readonly fallback: readonly string[];
  readonly triesMax: number;
  readonly explorationPercent: number;
  readonly eliminationBelowPercent: number;
}

export const putRoutingRules = (body: RoutingRulesAsked) =>
  call<PutRoutingRulesResponse>('PUT', '/routing/rules', { body });

export const routingDecisionsQuery = (asked: { orderId?: string | undefined }) =>
  listQuery<ListRoutingDecisionsResponse>(['finance', 'routing-decisions', asked], '/routing/decisions', asked);
