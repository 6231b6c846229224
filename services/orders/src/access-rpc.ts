/** The outside of subscriptions, gifts, seats and cohorts, what they hear, and their loop. */
import { EmailVerifiedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { CohortsService } from '@suuupra/contracts/gen/suuupra/orders/v1/cohorts_pb.ts';
import { GiftsService } from '@suuupra/contracts/gen/suuupra/orders/v1/gifts_pb.ts';
import { SeatsService } from '@suuupra/contracts/gen/suuupra/orders/v1/seats_pb.ts';
import { SubscriptionsService } from '@suuupra/contracts/gen/suuupra/orders/v1/subscriptions_pb.ts';
import { type Implementation, implement } from '@suuupra/platform/rpc/rpc';
import { type EventHandler, on } from '@suuupra/platform/service';
import type { AccessSurroundings } from './access-parts.ts';
import { createCohort, getCohort, listCohortMembers, listCohorts, updateCohort } from './cohorts.ts';
import { getGift, listGifts, lookAtGift, redeemGift, resendGift } from './gifts.ts';
import { createPlan, getPlan, listPlans, retirePlan } from './plans.ts';
import {
  assignSeat,
  createJoinLink,
  getSeatPool,
  joinSeatPool,
  listJoinLinks,
  listSeatPools,
  listSeats,
  lookAtJoinLink,
  noteVerified,
  refundSeats,
  revokeJoinLink,
  seatClaimsRound,
  withdrawSeat,
} from './seats.ts';
import {
  cancelSubscription,
  changeMandate,
  changePlan,
  getSubscription,
  listSubscriptionBills,
  listSubscriptions,
  previewPlanChange,
  resumeSubscription,
  subscribe,
  subscriptionsRound,
} from './subscriptions.ts';

export const accessServices = [SubscriptionsService, GiftsService, SeatsService, CohortsService] as const;

export function accessRpc(parts: AccessSurroundings): Implementation[] {
  return [subscriptionsRpc(parts), giftsRpc(parts), seatsRpc(parts), cohortsRpc(parts)];
}

function subscriptionsRpc(parts: AccessSurroundings): Implementation {
  return implement(SubscriptionsService, {
    createPlan: (request, context) => createPlan(parts, request, context),
    retirePlan: (request, context) => retirePlan(parts, request, context),
    getPlan: (request) => getPlan(parts, request),
    listPlans: (request) => listPlans(parts, request),
    subscribe: (request, context) => subscribe(parts, request, context),
    getSubscription: (request, context) => getSubscription(parts, request, context),
    listSubscriptions: (request, context) => listSubscriptions(parts, request, context),
    listSubscriptionBills: (request, context) => listSubscriptionBills(parts, request, context),
    previewPlanChange: (request, context) => previewPlanChange(parts, request, context),
    changePlan: (request, context) => changePlan(parts, request, context),
    cancelSubscription: (request, context) => cancelSubscription(parts, request, context),
    resumeSubscription: (request, context) => resumeSubscription(parts, request, context),
    changeSubscriptionMandate: (request, context) => changeMandate(parts, request, context),
  });
}

function giftsRpc(parts: AccessSurroundings): Implementation {
  return implement(GiftsService, {
    listGifts: (request, context) => listGifts(parts, request, context),
    getGift: (request, context) => getGift(parts, request, context),
    resendGift: (request, context) => resendGift(parts, request, context),
    lookAtGift: (request) => lookAtGift(parts, request),
    redeemGift: (request, context) => redeemGift(parts, request, context),
  });
}

function seatsRpc(parts: AccessSurroundings): Implementation {
  return implement(SeatsService, {
    listSeatPools: (request, context) => listSeatPools(parts, request, context),
    getSeatPool: (request, context) => getSeatPool(parts, request, context),
    listSeats: (request, context) => listSeats(parts, request, context),
    assignSeat: (request, context) => assignSeat(parts, request, context),
    withdrawSeat: (request, context) => withdrawSeat(parts, request, context),
    createJoinLink: (request, context) => createJoinLink(parts, request, context),
    listJoinLinks: (request, context) => listJoinLinks(parts, request, context),
    revokeJoinLink: (request, context) => revokeJoinLink(parts, request, context),
    lookAtJoinLink: (request) => lookAtJoinLink(parts, request),
    joinSeatPool: (request, context) => joinSeatPool(parts, request, context),
    refundSeats: (request, context) => refundSeats(parts, request, context),
  });
}

function cohortsRpc(parts: AccessSurroundings): Implementation {
  return implement(CohortsService, {
    createCohort: (request, context) => createCohort(parts, request, context),
    updateCohort: (request, context) => updateCohort(parts, request, context),
    getCohort: (request, context) => getCohort(parts, request, context),
    listCohorts: (request, context) => listCohorts(parts, request, context),
    listCohortMembers: (request, context) => listCohortMembers(parts, request, context),
  });
}

/** What is due of subscriptions and waiting seats; tells when something is due next. */
export async function accessRound(parts: AccessSurroundings): Promise<number | undefined> {
  const due = await Promise.all([subscriptionsRound(parts), seatClaimsRound(parts)]);
  const times = due.filter((each) => each !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

export function accessHandlers(parts: AccessSurroundings): EventHandler[] {
  return [on(EmailVerifiedSchema, ({ event, tx }) => noteVerified(parts, tx, event.userId))];
}
