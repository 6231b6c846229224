/** The rules of gifts, seats and cohorts, without a database. */
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeBytes, codeFrom, codeHash } from './access-code.ts';
import * as cohorts from './cohort.ts';
import * as gifts from './gift.ts';
import * as seats from './seat.ts';

const codeOf = (answer: object | Refusal) => (isRefusal(answer) ? answer.code : 'accepted');

describe('a code', () => {
  it('is 130 random bits in groups, and its hash forgives how it is written', () => {
    const code = codeFrom(Buffer.alloc(codeBytes, 0xff));
    expect(code).toBe('ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ');
    expect(codeFrom(Buffer.alloc(codeBytes))).toBe('0000-0000-0000-0000-0000-0000-00');
    expect(codeHash(' oil-o 1 ')).toEqual(codeHash('01101'));
    expect(codeHash(code)).not.toEqual(codeHash(`${code}Z`));
  });
});

describe('a gift', () => {
  const ordered: gifts.Gift = { status: 'ordered', buyerId: 'usr_1', recipientId: '', sends: 0 };

  it('M27: is redeemed once, and only while it is paid for', () => {
    const open = gifts.bought(ordered);
    const redeemed = gifts.redeemed(open, 'usr_2');
    if (isRefusal(redeemed)) throw new Error(redeemed.code);
    expect([gifts.redeemed(ordered, 'usr_2'), gifts.redeemed(redeemed, 'usr_3')].map(codeOf)).toEqual([
      'gift_not_redeemable',
      'gift_not_redeemable',
    ]);
    expect([gifts.takenBack(open).status, gifts.takenBack(redeemed).status]).toEqual(['void', 'ended']);
    expect(gifts.takenBack(gifts.takenBack(redeemed)).status).toBe('ended');
    expect(codeOf(gifts.redeemed(gifts.takenBack(open), 'usr_2'))).toBe('gift_not_redeemable');
    // What is told twice changes nothing.
    expect(gifts.bought(redeemed)).toBe(redeemed);
  });

  it('is sent a few times', () => {
    let gift: gifts.Gift | Refusal = gifts.bought(ordered);
    let sends = 1;
    while (!isRefusal(gift)) {
      gift = gifts.resent(gift);
      if (!isRefusal(gift)) sends += 1;
    }
    expect([sends, gift.code]).toEqual([gifts.sendsMax, 'limit_reached']);
  });
});

describe('a pool of seats', () => {
  type Move = { readonly kind: 'give' | 'withdraw' | 'claim' | 'settle' | 'fail' | 'end'; readonly seats: number };

  function moved(pool: seats.SeatPool, { kind, seats: number }: Move): seats.SeatPool | Refusal {
    if (kind === 'give') return seats.given(pool);
    if (kind === 'withdraw') return pool.given > 0 ? seats.withdrawn(pool, number % 2 === 0) : pool;
    if (kind === 'claim') return seats.refundClaimed(pool, number);
    if (kind === 'end') return number === 1 ? seats.poolEnded(pool) : pool;
    const settled = Math.min(number, pool.refunding);
    return seats.refundSettled(pool, settled, kind === 'fail' ? 'failed' : 'succeeded');
  }

  it('never has more seats given, refunding and refunded than were bought, whatever happens to it', () => {
    const move = fc.record<Move>({
      kind: fc.constantFrom('give', 'give', 'withdraw', 'claim', 'settle', 'fail', 'end'),
      seats: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(move, { maxLength: 40 }), (number, moves) => {
        let pool = seats.newPool(number);
        for (const each of moves) {
          const next = moved(pool, each);
          if (!isRefusal(next)) pool = next;
          const { given, refunding, refunded } = pool;
          expect(given + refunding + refunded).toBeLessThanOrEqual(pool.seats);
          expect(Math.min(given, refunding, refunded, seats.freeSeats(pool))).toBeGreaterThanOrEqual(0);
          expect(pool.withdrawals).toBeLessThanOrEqual(number * seats.reassignmentsOfSeat);
        }
      }),
    );
  });

  it('M25: gives back exactly what it cost, in any parts, also when some fail', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        fc.array(fc.record({ number: fc.integer({ min: 1, max: 10 }), fails: fc.boolean() }), { maxLength: 30 }),
        (number, paidMinor, refunds) => {
          let pool = seats.newPool(number);
          let left = paidMinor;
          const all = [...refunds, ...Array.from({ length: number }, () => ({ number: 1, fails: false }))];
          for (const { number: wanted, fails } of all) {
            const claimed = seats.refundClaimed(pool, wanted);
            if (isRefusal(claimed)) continue;
            const amount = seats.refundOfSeatsMinor(pool, wanted, left);
            expect(amount >= 0n && amount <= left).toBe(true);
            if (!fails) left -= amount;
            pool = seats.refundSettled(claimed, wanted, fails ? 'failed' : 'succeeded');
          }
          expect([pool.refunded, left]).toEqual([number, 0n]);
        },
      ),
    );
  });

  it('refuses one seat too many, a refund of given seats, and endless changes of hands', () => {
    let pool = seats.newPool(1);
    const give = seats.given(pool);
    if (isRefusal(give)) throw new Error(give.code);
    pool = give;
    expect([codeOf(seats.given(pool)), codeOf(seats.refundClaimed(pool, 1))]).toEqual(['no_seat_left', 'seats_in_use']);
    const used = { ...pool, withdrawals: seats.reassignmentsOfSeat };
    expect([codeOf(seats.withdrawn(used, true)), codeOf(seats.withdrawn(used, false))]).toEqual([
      'limit_reached',
      'accepted',
    ]);
  });
});

describe('a cohort', () => {
  const open: cohorts.Cohort = { capacity: 3, sold: 0, reserved: 0, salesEndAtMs: 1_000, isClosed: false };

  it('M28: has sold and reserved at most its capacity, whatever happens to it', () => {
    const move = fc.record({
      kind: fc.constantFrom('reserve', 'reserve', 'sell', 'release', 'return', 'resize'),
      of: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        let cohort = open;
        const places: cohorts.ReservationState[] = [];
        const become = (next: cohorts.Cohort | Refusal | undefined, then: () => void) => {
          if (next === undefined || isRefusal(next)) return;
          cohort = next;
          then();
        };
        for (const { kind, of } of moves) {
          const state = places[of] ?? 'released';
          if (kind === 'reserve') become(cohorts.reserved(cohort, 0), () => places.push('live'));
          if (kind === 'sell') become(cohorts.sold(cohort, state), () => places.splice(of, 1, 'sold'));
          if (kind === 'release') become(cohorts.released(cohort, state), () => places.splice(of, 1, 'released'));
          if (kind === 'return') become(cohorts.returned(cohort, state), () => places.splice(of, 1, 'returned'));
          if (kind === 'resize') become(cohorts.withCapacity(cohort, of), () => {});
          const count = (wanted: cohorts.ReservationState) => places.filter((each) => each === wanted).length;
          expect([cohort.sold, cohort.reserved]).toEqual([count('sold'), count('live')]);
          expect(cohorts.placesLeft(cohort)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('takes nobody when it is full, closed, or its sale is over; what has expired cannot be consumed', () => {
    expect([
      codeOf(cohorts.reserved({ ...open, reserved: 3 }, 0)),
      codeOf(cohorts.reserved({ ...open, isClosed: true }, 0)),
      codeOf(cohorts.reserved(open, 1_000)),
      codeOf(cohorts.withCapacity({ ...open, sold: 2, reserved: 1 }, 2)),
    ]).toEqual(['cohort_full', 'cohort_closed', 'cohort_closed', 'capacity_in_use']);
    expect([cohorts.sold(open, 'released'), cohorts.sold(open, 'sold'), cohorts.returned(open, 'live')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
