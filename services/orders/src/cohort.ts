/**
 * A dated run of a course with a limited number of places. Pure. At any time sold + reserved <= capacity.
 *
 * An order reserves its place when it is placed and holds it for as long as it can still be paid: until it expires, and
 * beyond that while a payment is live or its outcome unknown, up to a hard limit. A place is given back only once payments
 * has closed the order's intent, so money that comes later is sent back there and never buys a place that is gone.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

/** Of one course, closed ones included. */
export const cohortsMax = 200;
/** A payment that is still not settled so long after the order expired gives up its place. */
export const reservationHardLimitMs = 24 * 3_600_000;

export interface Cohort {
  readonly capacity: number;
  readonly sold: number;
  readonly reserved: number;
  readonly salesEndAtMs: number;
  readonly isClosed: boolean;
}

export type ReservationState = 'live' | 'sold' | 'released' | 'returned';

export function placesLeft(cohort: Cohort): number {
  return cohort.capacity - cohort.sold - cohort.reserved;
}

export function reserved(cohort: Cohort, nowMs: number): Cohort | Refusal {
  if (cohort.isClosed || nowMs >= cohort.salesEndAtMs)
    return refuse('cohort_closed', 'This cohort takes no more orders.');
  if (placesLeft(cohort) < 1) return refuse('cohort_full', 'No place is left in this cohort.');
  return { ...cohort, reserved: cohort.reserved + 1 };
}

/** Undefined when the reservation is not live: what has expired cannot be consumed. */
export function sold(cohort: Cohort, state: ReservationState): Cohort | undefined {
  return state === 'live' ? { ...cohort, reserved: cohort.reserved - 1, sold: cohort.sold + 1 } : undefined;
}

export function released(cohort: Cohort, state: ReservationState): Cohort | undefined {
  return state === 'live' ? { ...cohort, reserved: cohort.reserved - 1 } : undefined;
}

/** Its price went back: the place can be sold again. */
export function returned(cohort: Cohort, state: ReservationState): Cohort | undefined {
  return state === 'sold' ? { ...cohort, sold: cohort.sold - 1 } : undefined;
}

export function withCapacity(cohort: Cohort, capacity: number): Cohort | Refusal {
  const taken = cohort.sold + cohort.reserved;
  if (capacity < taken)
    return refuse('capacity_in_use', `${taken} places are sold or reserved.`, [
      { field: 'capacity', code: 'out_of_range', detail: `at least ${taken}` },
    ]);
  return { ...cohort, capacity };
}
