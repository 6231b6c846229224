import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CohortsService } from '@suuupra/contracts/gen/suuupra/orders/v1/cohorts_pb.ts';
import { OrderStatus, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reservationHardLimitMs } from './cohort.ts';
import { payableMs } from './order.ts';
import { type AccessSchool, accepted, codeOf, finance, openAccessSchool, teacher } from './testing-access.ts';

/** Buyers of the rush; places are a tenth of them. */
const buyersOfRush = 1_000;
const startMs = Date.UTC(2026, 0, 31, 9);

let school: AccessSchool;
beforeAll(async () => {
  school = await openAccessSchool(startMs);
});
beforeEach(() => school.reset());
afterAll(() => school.service.stop());

const api = () => school.service.client(CohortsService);
async function cohortOf(capacity: number, courseId = 'crs_a') {
  const times = {
    startsAt: timestampFromMs(startMs + 90 * 86_400_000),
    endsAt: timestampFromMs(startMs + 120 * 86_400_000),
  };
  const { cohort } = accepted(
    await api().createCohort({ courseId, title: 'Spring', capacity, ...times }, { principal: teacher }),
  );
  if (cohort === undefined) throw new Error('no cohort');
  return cohort.id;
}
async function counts(id: string) {
  const { cohort } = accepted(await api().getCohort({ id }, { principal: finance }));
  return [cohort?.sold, cohort?.reserved, cohort?.placesLeft];
}
const buyer = (name: string | number) => userPrincipal(`usr_${name}`);

describe('a cohort', () => {
  it('is planned by who teaches the course, and shrinks to what is taken', async () => {
    const id = await cohortOf(2);
    const times = { startsAt: timestampFromMs(startMs), endsAt: timestampFromMs(startMs + 1_000) };
    const create = (courseId: string, given = times) =>
      api().createCohort({ courseId, title: 'X', capacity: 1, ...given }, { principal: teacher });
    expect(codeOf(await create('crs_other'))).toBe('permission_denied');
    expect(codeOf(await create('crs_none'))).toBe('course_not_available');
    expect(codeOf(await create('crs_a', { ...times, endsAt: times.startsAt }))).toBe('invalid_request');
    await school.buy(buyer(1), [{ cohortId: id }]);
    await school.buy(buyer(2), [{ cohortId: id }]);
    expect(codeOf(await api().updateCohort({ id, capacity: 1 }, { principal: teacher }))).toBe('capacity_in_use');
    expect(codeOf(await school.place(buyer(3), [{ cohortId: id }]))).toBe('cohort_full');
    accepted(await api().updateCohort({ id, capacity: 3 }, { principal: teacher }));
    expect(codeOf(await school.place(buyer(3), [{ cohortId: id }]))).toBe('accepted');
    const answer = accepted(await api().getCohort({ id }));
    expect([answer.cohort?.sold, answer.cohort?.placesLeft]).toEqual([0, 0]);
    const { members } = accepted(await api().listCohortMembers({ cohortId: id }, { principal: teacher }));
    expect(members.map((member) => member.userId).sort()).toEqual(['usr_1', 'usr_2']);
    expect(
      codeOf(await api().listCohortMembers({ cohortId: id }, { principal: userPrincipal('usr_x', 'instructor') })),
    ).toBe('not_found');
    accepted(await api().updateCohort({ id, capacity: 9, closed: true }, { principal: teacher }));
    expect(codeOf(await school.place(buyer(4), [{ cohortId: id }]))).toBe('cohort_closed');
    const listed = accepted(await api().listCohorts({ courseId: 'crs_a' }));
    expect(listed.cohorts.map((each) => each.id)).toEqual([id]);
  });

  it('M27: opens the course once when it is paid, and ends it once when it is refunded', async () => {
    const id = await cohortOf(1);
    const order = await school.buy(buyer(1), [{ cohortId: id }]);
    await school.service.deliver(PaymentSucceededSchema, {
      orderId: order.id,
      paymentId: order.paymentId,
      provider: 'sandbox',
      ...(order.total === undefined ? {} : { amount: order.total }),
    });
    expect([await school.access(), await counts(id)]).toEqual([['+usr_1 crs_a cohort'], [1, 0, 0]]);
    const refund = { orderId: order.id, reason: 'no time' };
    accepted(
      await school.service.client(OrdersService).createRefund(refund, { principal: buyer(1), idempotencyKey: 'k' }),
    );
    expect(await school.access()).toEqual(['+usr_1 crs_a cohort', '-usr_1 crs_a refunded']);
    expect(await counts(id)).toEqual([0, 0, 1]);
    await school.buy(buyer(2), [{ cohortId: id }]);
    expect(await counts(id)).toEqual([1, 0, 0]);
  });

  it('gives one place to a person, and holds it while the order can be paid', async () => {
    const id = await cohortOf(2);
    expect(codeOf(await school.place(buyer(1), [{ cohortId: id }]))).toBe('accepted');
    expect(codeOf(await school.place(buyer(1), [{ cohortId: id }]))).toBe('already_enrolled');
    expect(await counts(id)).toEqual([0, 1, 1]);
    school.setNow(startMs + payableMs);
    await school.tidy();
    expect(await counts(id)).toEqual([0, 0, 2]);
  });

  it('of a free course sells its place at once', async () => {
    const id = await cohortOf(1, 'crs_free');
    const order = accepted(await school.place(buyer(1), [{ cohortId: id }]));
    expect([order.status, await counts(id), await school.access()]).toEqual([
      OrderStatus.PAID,
      [1, 0, 0],
      ['+usr_1 crs_free cohort'],
    ]);
  });

  it('M28, M20: keeps a place whose payment is unknown up to the hard limit; what comes later is sent back', async () => {
    const id = await cohortOf(1);
    const order = accepted(await school.place(buyer(1), [{ cohortId: id }]));
    school.payments.live.add(order.id);
    school.setNow(startMs + payableMs + reservationHardLimitMs - 1);
    await school.tidy();
    expect(await counts(id)).toEqual([0, 1, 0]);
    expect(codeOf(await school.place(buyer(2), [{ cohortId: id }]))).toBe('cohort_full');
    school.setNow(startMs + payableMs + reservationHardLimitMs + 60_000);
    await school.tidy();
    expect([await counts(id), (await school.order(order.id)).status]).toEqual([[0, 0, 1], OrderStatus.CANCELLED]);
    await school.buy(buyer(2), [{ cohortId: id }]);
    await school.pay(order.id);
    expect([school.payments.late, await counts(id)]).toEqual([[order.id], [1, 0, 0]]);
    expect(await school.access()).toEqual(['+usr_2 crs_a cohort']);
  });

  it('M21: money for a place that is gone goes back by itself', async () => {
    const id = await cohortOf(1);
    const order = accepted(await school.place(buyer(1), [{ cohortId: id }]));
    // As if the place had been given up while its payment was captured.
    await school.service.sql.execute("UPDATE cohort_places SET state = 'released'");
    await school.service.sql.execute('UPDATE cohorts SET reserved = 0');
    await school.pay(order.id);
    school.setNow(startMs + 60_000);
    await school.tidy();
    expect(school.payments.refunded).toEqual([{ orderId: order.id, amountMinor: 49_900n }]);
    expect([await school.access(), await counts(id)]).toEqual([[], [0, 0, 1]]);
  });

  it('C12: a rush of buyers, expiring reservations and late captures never sell a place too many', async () => {
    const capacity = buyersOfRush / 10;
    const id = await cohortOf(capacity);
    let mostTaken = 0;
    const watch = async () => {
      const [row] = await school.service.sql.query<{ taken: number }>(
        "SELECT count(*)::int AS taken FROM cohort_places WHERE state IN ('live', 'sold')",
      );
      mostTaken = Math.max(mostTaken, row?.taken ?? 0);
    };
    const waiting: string[] = [];
    const sold = new Set<string>();
    for (let from = 0; from < buyersOfRush; from += 30) {
      const placed = await Promise.all(
        Array.from({ length: 30 }, (_, index) => school.place(buyer(`r${from + index}`), [{ cohortId: id }])),
      );
      const orders = placed.flatMap((each) => (isRefusal(each) ? [] : [each.id]));
      for (const each of placed) if (isRefusal(each)) expect(each.code).toBe('cohort_full');
      await watch();
      // A third pay at once, a third have a payment without an outcome, a third never come back.
      const paying = orders.filter((_, index) => index % 3 === 0);
      for (const orderId of orders.filter((_, index) => index % 3 === 1)) school.payments.live.add(orderId);
      waiting.push(...orders.filter((_, index) => index % 3 === 1));
      await Promise.all(paying.map((orderId) => school.pay(orderId)));
      for (const orderId of paying) sold.add(orderId);
      school.setNow(school.world.now() + payableMs + 61_000);
      await Promise.all([school.tidy(), watch()]);
    }
    // Half of the unknown settle before the hard limit, half after it.
    const early = waiting.filter((_, index) => index % 2 === 0);
    await Promise.all(early.map((orderId) => school.pay(orderId)));
    for (const orderId of early) sold.add(orderId);
    school.setNow(school.world.now() + reservationHardLimitMs + 120_000);
    await school.tidy();
    const late = waiting.filter((_, index) => index % 2 === 1);
    await Promise.all(late.map((orderId) => school.pay(orderId)));
    await watch();
    expect(mostTaken).toBeLessThanOrEqual(capacity);
    expect([await counts(id), [...school.payments.late].sort()]).toEqual([
      [sold.size, 0, capacity - sold.size],
      [...late].sort(),
    ]);
    expect((await school.access()).length).toBe(sold.size);
    expect(sold.size).toBeGreaterThan(capacity / 3);
  }, 60_000);
});
