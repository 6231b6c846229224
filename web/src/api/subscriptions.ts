/** Plans, and who has subscribed to them. */
import { queryOptions } from '@tanstack/react-query';
import { call, query } from './client.ts';
import { withIntent } from './intent.ts';
import { listQuery } from './lists.ts';
import type {
  ListPlansResponse,
  ListSubscriptionBillsResponse,
  ListSubscriptionsResponse,
  Money,
  Plan,
  PlanChange,
  PlanCourseInput,
  PlanInterval,
  Subscription,
} from './types.ts';

const enc = encodeURIComponent;

/** On sale; those that hold one course, when it is named. */
export const plansQuery = (asked: { courseId?: string } = {}) =>
  listQuery<ListPlansResponse>(['plans', asked], '/plans', asked);

export const planQuery = (id: string) =>
  queryOptions({
    queryKey: ['plan', id],
    queryFn: ({ signal }) => call<{ plan: Plan }>('GET', `/plans/${enc(id)}`, { signal }),
    select: (answer) => answer.plan,
  });

export interface PlanFields {
  readonly title: string;
  readonly price: Money;
  readonly interval: PlanInterval;
  readonly trialDays: number;
  readonly courses: readonly PlanCourseInput[];
  readonly timeZone: string;
}

export const createPlan = (body: PlanFields) => call<{ plan: Plan }>('POST', '/plans', { body });

export const retirePlan = (id: string) => call<{ plan: Plan }>('POST', `/plans/${enc(id)}:retire`, { body: {} });

export const subscriptionsQuery = listQuery<ListSubscriptionsResponse>(['subscriptions'], '/subscriptions');

export const subscriptionQuery = (id: string) =>
  queryOptions({
    queryKey: ['subscription', id],
    queryFn: ({ signal }) => call<{ subscription: Subscription }>('GET', `/subscriptions/${enc(id)}`, { signal }),
    select: (answer) => answer.subscription,
  });

export const billsQuery = (id: string) =>
  listQuery<ListSubscriptionBillsResponse>(['bills', id], `/subscriptions/${enc(id)}/bills`);

export interface SubscribeAsked {
  readonly planId: string;
  readonly mandateId: string;
  readonly withoutTrial?: boolean;
}

export const subscribe = (body: SubscribeAsked) =>
  withIntent(`subscribe.${body.planId}.${body.mandateId}.${body.withoutTrial ?? false}`, (idempotencyKey) =>
    call<{ subscription: Subscription }>('POST', '/subscriptions', { body, idempotencyKey }),
  );

/** What another plan would cost at this moment; changes nothing. */
export const planChangeQuery = (id: string, planId: string) =>
  queryOptions({
    queryKey: ['plan-change', id, planId],
    queryFn: ({ signal }) =>
      call<{ change: PlanChange }>('GET', `/subscriptions/${enc(id)}/planChange${query({ planId })}`, { signal }),
    select: (answer) => answer.change,
    staleTime: 0,
    enabled: planId !== '',
  });

export const changePlan = (id: string, planId: string) =>
  withIntent(`change-plan.${id}.${planId}`, (idempotencyKey) =>
    call<{ subscription: Subscription }>('POST', `/subscriptions/${enc(id)}:changePlan`, {
      body: { planId },
      idempotencyKey,
    }),
  );

export const cancelSubscription = (id: string, atOnce: boolean) =>
  call<{ subscription: Subscription }>('POST', `/subscriptions/${enc(id)}:cancel`, { body: { atOnce } });

export const resumeSubscription = (id: string) =>
  call<{ subscription: Subscription }>('POST', `/subscriptions/${enc(id)}:resume`, { body: {} });

export const changeMandate = (id: string, mandateId: string) =>
  withIntent(`change-mandate.${id}.${mandateId}`, (idempotencyKey) =>
    call<{ subscription: Subscription }>('POST', `/subscriptions/${enc(id)}:changeMandate`, {
      body: { mandateId },
      idempotencyKey,
    }),
  );
