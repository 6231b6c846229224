/**
 * A pool of seats that one person bought for others. Pure. At any time
 * seats = given + refunding + refunded + free, and none of them is below zero.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

/** A seat may go to so many persons after the first; counted over the pool, so that one busy seat may use another's. */
export const reassignmentsOfSeat = 2;
/** Join links of a pool, revoked ones included. */
export const joinLinksMax = 50;
export const joinLinkMs = 30 * 86_400_000;
/** Unassigned seats go back within this time after the purchase; later only finance refunds. */
export const seatRefundWindowMs = 14 * 86_400_000;

export interface SeatPool {
  /** Bought. */
  readonly seats: number;
  /** With somebody, or waiting for them. */
  readonly given: number;
  readonly refunding: number;
  readonly refunded: number;
  /** Seats taken back from somebody who had used them. */
  readonly withdrawals: number;
  /** The whole line was refunded. */
  readonly isEnded: boolean;
}

export function newPool(seats: number): SeatPool {
  return { seats, given: 0, refunding: 0, refunded: 0, withdrawals: 0, isEnded: false };
}

export function freeSeats(pool: SeatPool): number {
  return pool.isEnded ? 0 : pool.seats - pool.given - pool.refunding - pool.refunded;
}

export function reassignmentsLeft(pool: SeatPool): number {
  return Math.max(0, pool.seats * reassignmentsOfSeat - pool.withdrawals);
}

export function given(pool: SeatPool): SeatPool | Refusal {
  if (freeSeats(pool) < 1) return refuse('no_seat_left', 'All seats of this purchase are given out.');
  return { ...pool, given: pool.given + 1 };
}

/** `wasUsed`: somebody had access by it. An invitation that nobody took up can be moved freely. */
export function withdrawn(pool: SeatPool, wasUsed: boolean): SeatPool | Refusal {
  if (wasUsed && reassignmentsLeft(pool) < 1)
    return refuse('limit_reached', 'The seats of this purchase have changed hands as often as they may.');
  return { ...pool, given: pool.given - 1, withdrawals: pool.withdrawals + (wasUsed ? 1 : 0) };
}

/** Takes free seats out while their refund is under way, so that nobody is given one that goes back. */
export function refundClaimed(pool: SeatPool, seats: number): SeatPool | Refusal {
  const free = freeSeats(pool);
  if (seats > free)
    return refuse('seats_in_use', `${free} seats are free; take back as many as you want to return.`, [
      { field: 'seats', code: 'out_of_range', detail: `at most ${free}` },
    ]);
  return { ...pool, refunding: pool.refunding + seats };
}

export function refundSettled(pool: SeatPool, seats: number, outcome: 'succeeded' | 'failed'): SeatPool {
  const refunding = pool.refunding - seats;
  return outcome === 'failed' ? { ...pool, refunding } : { ...pool, refunding, refunded: pool.refunded + seats };
}

/** The whole line was refunded, or its dispute lost: every seat goes. */
export function poolEnded(pool: SeatPool): SeatPool {
  return { ...pool, given: 0, isEnded: true };
}

/**
 * What so many seats of what is left give back, of what is left of the line: the last seat takes the rest, so the parts
 * add up to the line in any order, also when refunds fail in between.
 */
export function refundOfSeatsMinor(pool: SeatPool, seats: number, lineLeftMinor: bigint): bigint {
  const seatsLeft = pool.seats - pool.refunding - pool.refunded;
  if (seats >= seatsLeft) return lineLeftMinor;
  return (lineLeftMinor * BigInt(seats)) / BigInt(seatsLeft);
}
