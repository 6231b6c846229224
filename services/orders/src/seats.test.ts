import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { SeatStatus, SeatsService } from '@suuupra/contracts/gen/suuupra/orders/v1/seats_pb.ts';
import { isRefusal, type Principal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reassignmentsOfSeat, seatRefundWindowMs } from './seat.ts';
import { type AccessSchool, accepted, codeOf, finance, openAccessSchool } from './testing-access.ts';

let school: AccessSchool;
beforeAll(async () => {
  school = await openAccessSchool();
});
beforeEach(() => school.reset());
afterAll(() => school.service.stop());

const owner = userPrincipal('usr_owner');
const api = () => school.service.client(SeatsService);
const key = () => school.world.id('key');

async function boughtPool(quantity: number) {
  const order = await school.buy(owner, [{ courseId: 'crs_b', quantity }]);
  const [pool] = accepted(await api().listSeatPools({}, { principal: owner })).pools;
  if (pool === undefined) throw new Error('no pool');
  return { order, poolId: pool.id };
}
const assign = (poolId: string, email: string, who: Principal = owner) =>
  api().assignSeat({ poolId, email }, { principal: who, idempotencyKey: key() });
const refundSeats = (poolId: string, seats: number, who: Principal = owner) =>
  api().refundSeats({ poolId, seats }, { principal: who, idempotencyKey: key() });
async function counts(poolId: string) {
  const { pool } = accepted(await api().getSeatPool({ id: poolId }, { principal: owner }));
  return [pool?.seats, pool?.seatsAssigned, pool?.seatsFree, pool?.seatsRefunding];
}

describe('seats', () => {
  it('M27: open the course for whom the owner names, or when that address is verified, once each', async () => {
    const { order, poolId } = await boughtPool(3);
    expect(order.total?.amountMinor).toBe(30_003n);
    school.people.set('asha@example.org', { id: 'usr_asha', verified: true });
    school.people.set('ravi@example.org', { id: 'usr_ravi', verified: false });
    const { seat } = accepted(await assign(poolId, 'Asha@example.org'));
    expect(seat).toMatchObject({ status: SeatStatus.ASSIGNED, email: 'Asha@example.org' });
    expect(accepted(await assign(poolId, 'ravi@example.org')).seat?.status).toBe(SeatStatus.INVITED);
    expect(codeOf(await assign(poolId, 'asha@EXAMPLE.org'))).toBe('seat_already_assigned');
    expect(codeOf(await assign(poolId, 'RAVI@example.org'))).toBe('seat_already_assigned');
    expect(await school.access()).toEqual(['+usr_asha crs_b seat']);
    await school.verify('ravi@example.org');
    await school.verify('ravi@example.org');
    expect(await school.access()).toEqual(['+usr_asha crs_b seat', '+usr_ravi crs_b seat']);
    expect(await counts(poolId)).toEqual([3, 2, 1, 0]);
    const { seats } = accepted(await api().listSeats({ poolId }, { principal: owner }));
    expect(seats.map((each) => each.displayName).sort()).toEqual(['Name of usr_asha', 'Name of usr_ravi']);
    expect(codeOf(await api().listSeats({ poolId }, { principal: userPrincipal('usr_asha') }))).toBe('not_found');
    expect(codeOf(await assign(poolId, 'x@example.org', userPrincipal('usr_asha')))).toBe('not_found');
  });

  it('are taken by a join link up to its limit, whoever comes at once', async () => {
    const { poolId } = await boughtPool(5);
    const made = accepted(await api().createJoinLink({ poolId, usesMax: 3 }, { principal: owner }));
    const code = made.joinPath.replace('/join/', '');
    expect(accepted(await api().lookAtJoinLink({ code }))).toMatchObject({ courseId: 'crs_b', open: true });
    const join = (name: string) =>
      api().joinSeatPool({ code }, { principal: userPrincipal(name), idempotencyKey: key() });
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => join(`usr_${name}`)));
    expect(answers.filter((each) => !isRefusal(each))).toHaveLength(3);
    expect(answers.filter(isRefusal).map((each) => each.code)).toEqual(
      Array.from({ length: 3 }, () => 'join_link_closed'),
    );
    expect([await counts(poolId), (await school.access()).length]).toEqual([[5, 3, 2, 0], 3]);
    const second = accepted(await api().createJoinLink({ poolId }, { principal: owner }));
    const again = second.joinPath.replace('/join/', '');
    const taken = answers.findIndex((each) => !isRefusal(each));
    const holder = userPrincipal(`usr_${'abcdef'[taken]}`);
    expect(codeOf(await api().joinSeatPool({ code: again }, { principal: holder, idempotencyKey: key() }))).toBe(
      'seat_already_assigned',
    );
    accepted(await api().revokeJoinLink({ poolId, id: second.link?.id ?? '' }, { principal: owner }));
    expect(
      codeOf(await api().joinSeatPool({ code: again }, { principal: userPrincipal('usr_z'), idempotencyKey: key() })),
    ).toBe('join_link_closed');
    const links = accepted(await api().listJoinLinks({ poolId }, { principal: owner })).links;
    expect(links.map((link) => [link.uses, link.revoked])).toEqual(
      expect.arrayContaining([
        [3, false],
        [0, true],
      ]),
    );
  });

  it('are withdrawn and given on, a limited number of times', async () => {
    const { poolId } = await boughtPool(1);
    school.people.set('a@example.org', { id: 'usr_a', verified: true });
    const withdraw = (id: string) => api().withdrawSeat({ poolId, id }, { principal: owner });
    for (let round = 0; round < reassignmentsOfSeat; round += 1) {
      const { seat } = accepted(await assign(poolId, 'a@example.org'));
      accepted(await withdraw(seat?.id ?? ''));
      accepted(await withdraw(seat?.id ?? ''));
    }
    const { seat } = accepted(await assign(poolId, 'a@example.org'));
    expect(codeOf(await withdraw(seat?.id ?? ''))).toBe('limit_reached');
    const told = await school.access();
    expect(told.filter((each) => each === '-usr_a crs_b seat_withdrawn')).toHaveLength(reassignmentsOfSeat);
    expect(await counts(poolId)).toEqual([1, 1, 0, 0]);
  });

  it('M25, M27: that nobody has go back to the unit, those in use do not, and a whole refund ends all', async () => {
    const { order, poolId } = await boughtPool(3);
    school.people.set('a@example.org', { id: 'usr_a', verified: true });
    accepted(await assign(poolId, 'a@example.org'));
    expect(codeOf(await refundSeats(poolId, 3))).toBe('seats_in_use');
    // Two seats are free: whichever of the three is first, what is left is too little for the others.
    const asked = [2, 2, 1];
    const answers = await Promise.all(asked.map((seats) => refundSeats(poolId, seats)));
    const made = asked.filter((_, at) => !isRefusal(answers[at]));
    expect(made).toHaveLength(1);
    const [gone = 0] = made;
    expect(await counts(poolId)).toEqual([3 - gone, 1, 2 - gone, 0]);
    expect(school.payments.refunded).toHaveLength(1);
    const left = 30_003n - school.payments.refunded.reduce((sum, each) => sum + each.amountMinor, 0n);
    expect((await school.order(order.id)).refunded?.amountMinor).toBe(30_003n - left);
    const whole = { orderId: order.id, reason: 'all' };
    accepted(
      await school.service.client(OrdersService).createRefund(whole, { principal: finance, idempotencyKey: 'w' }),
    );
    expect(school.payments.refunded.reduce((sum, each) => sum + each.amountMinor, 0n)).toBe(30_003n);
    expect(await school.access()).toEqual(['+usr_a crs_b seat', '-usr_a crs_b refunded']);
    expect(codeOf(await assign(poolId, 'a@example.org'))).toBe('no_seat_left');
  });

  it('whose refund fails are free again, and go back within the window only', async () => {
    const { poolId } = await boughtPool(2);
    school.payments.refund = 'pending';
    accepted(await refundSeats(poolId, 1));
    expect(await counts(poolId)).toEqual([2, 0, 1, 1]);
    school.payments.refund = 'failed';
    school.setNow(school.world.now() + 120_000);
    await school.tidy();
    expect(await counts(poolId)).toEqual([2, 0, 2, 0]);
    school.setNow(school.world.now() + seatRefundWindowMs);
    expect(codeOf(await refundSeats(poolId, 1))).toBe('refund_window_closed');
    school.payments.refund = 'succeeded';
    accepted(await refundSeats(poolId, 1, finance));
    expect(await counts(poolId)).toEqual([1, 0, 1, 0]);
  });
});
