/** Access by everything that can be bought: nothing for money that is only held, each ground granted once and ended once (M27). */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CohortsService } from '@suuupra/contracts/gen/suuupra/orders/v1/cohorts_pb.ts';
import { GiftsService } from '@suuupra/contracts/gen/suuupra/orders/v1/gifts_pb.ts';
import { GiftBoughtSchema, OrderPaidSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { Order } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { SeatsService } from '@suuupra/contracts/gen/suuupra/orders/v1/seats_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentAuthorizedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { endEntitlements, grantEntitlement } from './entitlements.ts';
import { type AccessSchool, accepted, openAccessSchool, teacher } from './testing-access.ts';

const startMs = Date.UTC(2026, 0, 31, 9);
const asha = userPrincipal('usr_asha');
const gift = { recipientEmail: 'meera@example.org', recipientName: 'Meera', message: '' };

let school: AccessSchool;
beforeAll(async () => {
  school = await openAccessSchool(startMs);
});
beforeEach(() => school.reset());
afterAll(() => school.service.stop());

const key = () => school.world.id('key');

async function cohortOf(capacity: number): Promise<string> {
  const startsAt = timestampFromMs(startMs + 90 * 86_400_000);
  const endsAt = timestampFromMs(startMs + 120 * 86_400_000);
  const { cohort } = accepted(
    await school.service
      .client(CohortsService)
      .createCohort({ courseId: 'crs_a', title: 'Spring', capacity, startsAt, endsAt }, { principal: teacher }),
  );
  return cohort?.id ?? '';
}

/** The buyer's bank takes back what is left of the order, and says so twice. */
async function loseDispute({ id: orderId, paymentId, total }: Order): Promise<void> {
  const fact = {
    orderId,
    paymentId,
    disputeId: `dsp_${orderId}`,
    provider: 'sandbox',
    ...(total && { amount: total }),
  };
  await school.service.deliver(DisputeOpenedSchema, fact);
  for (let told = 0; told < 2; told += 1)
    await school.service.deliver(DisputeClosedSchema, { ...fact, outcome: 'lost' });
}

it('M27: money that is only held opens nothing, whatever is bought', async () => {
  const cohortId = await cohortOf(3);
  const items = [{ courseId: 'crs_b' }, { courseId: 'crs_a', gift }, { courseId: 'crs_b', quantity: 3 }, { cohortId }];
  for (const item of items) {
    const { id: orderId, total } = accepted(await school.place(asha, [item]));
    const held = {
      orderId,
      paymentId: `pay_${orderId.slice(4)}`,
      provider: 'sandbox',
      ...(total && { amount: total }),
    };
    await school.service.deliver(PaymentAuthorizedSchema, held);
    await school.service.deliver(PaymentAuthorizedSchema, held);
  }
  expect(await school.access()).toEqual([]);
  expect(await school.service.published(OrderPaidSchema)).toEqual([]);
  expect(await school.service.published(GiftBoughtSchema)).toEqual([]);
  expect(await school.service.sql.query('SELECT state FROM cohort_places')).toEqual([{ state: 'live' }]);
  expect(await school.service.sql.query('SELECT 1 FROM seat_pools')).toEqual([]);
});

it('M27: a lost dispute ends what a gift opened, once', async () => {
  const order = await school.buy(asha, [{ courseId: 'crs_a', gift }]);
  const [bought] = await school.service.published(GiftBoughtSchema);
  const code = bought?.redeemPath.replace('/gifts/', '') ?? '';
  const meera = { principal: userPrincipal('usr_meera'), idempotencyKey: key() };
  accepted(await school.service.client(GiftsService).redeemGift({ code }, meera));
  await loseDispute(order);
  expect(await school.access()).toEqual(['+usr_meera crs_a gift', '-usr_meera crs_a dispute_lost']);
});

it('M27: a lost dispute ends what a seat opened, once', async () => {
  const order = await school.buy(asha, [{ courseId: 'crs_b', quantity: 2 }]);
  const seats = school.service.client(SeatsService);
  const [pool] = accepted(await seats.listSeatPools({}, { principal: asha })).pools;
  school.people.set('ravi@example.org', { id: 'usr_ravi', verified: true });
  const request = { poolId: pool?.id ?? '', email: 'ravi@example.org' };
  accepted(await seats.assignSeat(request, { principal: asha, idempotencyKey: key() }));
  await loseDispute(order);
  expect(await school.access()).toEqual(['+usr_ravi crs_b seat', '-usr_ravi crs_b dispute_lost']);
});

it('M27, M28: a lost dispute ends the place in a cohort, once, and it can be sold again', async () => {
  const cohortId = await cohortOf(1);
  await loseDispute(await school.buy(asha, [{ cohortId }]));
  expect(await school.access()).toEqual(['+usr_asha crs_a cohort', '-usr_asha crs_a dispute_lost']);
  await school.buy(userPrincipal('usr_ravi'), [{ cohortId }]);
  const taken = await school.service.sql.query('SELECT sold, reserved, capacity FROM cohorts');
  expect(taken).toEqual([{ sold: 1, reserved: 0, capacity: 1 }]);
});

it('M27: one ground grants a course once and ends it once, however often it is told', async () => {
  const whose = { userId: 'usr_asha', orderId: 'ord_1' };
  const ground = { source: 'seat', sourceId: 'seat_1' } as const;
  const grant = { ...ground, ...whose, courseId: 'crs_a', courseTitle: 'A', release: 1 };
  const { sql } = school.service;
  const told = (times: number, once: () => Promise<unknown>) => Promise.all(Array.from({ length: times }, once));
  await told(5, () => sql.transaction((tx) => grantEntitlement(school.surroundings, tx, grant)));
  await told(5, () => sql.transaction((tx) => endEntitlements(school.surroundings, tx, ground, 'refunded')));
  expect(await school.access()).toEqual(['+usr_asha crs_a seat', '-usr_asha crs_a refunded']);
});

it('M28: the database itself holds no place too many, whatever the program writes', async () => {
  const cohortId = await cohortOf(1);
  await school.buy(asha, [{ cohortId }]);
  const { sql } = school.service;
  for (const wrong of ['sold = 2', 'reserved = 1', 'capacity = 0', 'sold = -1'])
    await expect(sql.execute(`UPDATE cohorts SET ${wrong}`)).rejects.toMatchObject({ kind: 'check' });
  const again = `INSERT INTO cohort_places (line_id, cohort_id, order_id, buyer_id, state, reserved_at, hard_limit_at)
    SELECT 'line_2', cohort_id, 'ord_2', buyer_id, 'live', reserved_at, hard_limit_at FROM cohort_places`;
  await expect(sql.execute(again)).rejects.toMatchObject({ kind: 'unique' });
});
