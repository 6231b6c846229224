/** The orders service for tests of subscriptions, gifts, seats and cohorts: real PostgreSQL, a clock that tests move. */

import { create } from '@bufbuild/protobuf';
import { GetOffersResponseSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { EmailVerifiedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import {
  FindUserByEmailResponseSchema,
  GetUsersResponseSchema,
} from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { CheckAccessResponseSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import {
  EntitlementEndedSchema,
  EntitlementGrantedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { type Order, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  ChargeMandateResponseSchema,
  FindMandateResponseSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  CancelIntentResponseSchema,
  PaymentStatus,
  RefundPaymentResponseSchema,
  ReviseIntentResponseSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { isRefusal, type Principal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld, type World } from '@suuupra/platform/world';
import { accessEffects } from './access-effects.ts';
import { accessItemKinds } from './access-items.ts';
import type { AccessSurroundings } from './access-parts.ts';
import { accessRound } from './access-rpc.ts';
import { commerceEffects } from './effects.ts';
import { janitorRound } from './janitor.ts';
import { orders } from './service.ts';
import { testCache } from './testing.ts';

export const finance = userPrincipal('usr_fin', 'learner', 'finance');
export const teacher = userPrincipal('usr_teacher', 'learner', 'instructor');

type Charge = 'succeeded' | 'failed' | 'unknown' | 'processing' | 'no_answer';

/** Payments as one class of answers needs it: one intent an order, closed or captured, and attempts that may be unknown. */
export interface PaymentsWorld {
  /** What the next charges come to; the last stays. */
  charges: Charge[];
  readonly intents: Map<string, 'captured' | 'closed'>;
  /** Orders with an attempt whose outcome is not known. */
  readonly live: Set<string>;
  /** Charges that were asked for: `order try`. */
  readonly charged: string[];
  readonly refunded: { readonly orderId: string; readonly amountMinor: bigint }[];
  /** Money that came for a closed intent, and was sent back by payments. */
  readonly late: string[];
  refund: 'succeeded' | 'failed' | 'pending';
  mandate: string;
}

export interface AccessSchool {
  readonly service: ServiceUnderTest;
  readonly surroundings: AccessSurroundings;
  readonly payments: PaymentsWorld;
  /** `user course` that learning says is open. */
  readonly enrolled: Set<string>;
  /** By address. */
  readonly people: Map<string, { id: string; verified: boolean }>;
  readonly world: World;
  setNow(ms: number): void;
  /** As new: nobody has bought anything, and it is the first moment again. Streams stay, nobody looks at them. */
  reset(): Promise<void>;
  /** Runs what is due, and delivers what payments has captured, until nothing is. */
  tidy(): Promise<void>;
  place(who: Principal, items: readonly object[], key?: string): Promise<Order | Refusal>;
  pay(orderId: string): Promise<void>;
  buy(who: Principal, items: readonly object[]): Promise<Order>;
  order(id: string): Promise<Order>;
  verify(email: string): Promise<void>;
  /** `+user course source` and `-user course because`, oldest first of each kind. */
  access(): Promise<string[]>;
}

export async function openAccessSchool(startMs = Date.UTC(2026, 0, 31, 9)): Promise<AccessSchool> {
  let nowMs = startMs;
  const world: World = { ...realWorld(), now: () => nowMs };
  const payments = newPayments();
  const enrolled = new Set<string>();
  const people = new Map<string, { id: string; verified: boolean }>();
  const clients = neighbours(payments, enrolled, people);
  const service = await startServiceForTest(orders, { others: clients, world, quiet: true, cache: testCache() });
  const surroundings = surroundingsOf(service, world, clients);
  const delivered = new Set<string>();
  const client = service.client(OrdersService);
  const order = async (id: string) => {
    const answer = await client.getOrder({ id }, { principal: finance });
    if (isRefusal(answer) || answer.order === undefined) throw new Error(`no order ${id}`);
    return answer.order;
  };
  const deliver = async (orderId: string) => {
    if (delivered.has(orderId)) return;
    delivered.add(orderId);
    const { total } = await order(orderId);
    const fact = { orderId, paymentId: `pay_${orderId.slice(4)}`, provider: 'sandbox' };
    await service.deliver(PaymentSucceededSchema, total === undefined ? fact : { ...fact, amount: total });
  };
  const school: AccessSchool = {
    service,
    surroundings,
    payments,
    enrolled,
    people,
    world,
    order,
    setNow: (ms) => {
      nowMs = ms;
    },
    reset: async () => {
      nowMs = startMs;
      Object.assign(payments, { charges: ['succeeded'], refund: 'succeeded', mandate: 'active' });
      for (const kept of [payments.intents, payments.live, enrolled, people, delivered]) kept.clear();
      for (const kept of [payments.charged, payments.refunded, payments.late]) kept.splice(0);
      await service.sql.execute(`TRUNCATE ${emptied.join(', ')} CASCADE`);
    },
    tidy: async () => {
      for (let round = 0; round < 50; round += 1) {
        const due = [await accessRound(surroundings), await janitorRound(surroundings)];
        const captured = [...payments.intents].filter(([id, state]) => state === 'captured' && !delivered.has(id));
        for (const [orderId] of captured) await deliver(orderId);
        if (captured.length === 0 && due.every((each) => each === undefined || each > nowMs)) return;
      }
      throw new Error('it does not come to rest');
    },
    place: async (principal, items, key = world.id('key')) => {
      const answer = await client.placeOrder({ items: [...items] }, { principal, idempotencyKey: key });
      if (isRefusal(answer)) return answer;
      if (answer.order === undefined) throw new Error('an answer without an order');
      return answer.order;
    },
    pay: async (orderId) => {
      if (payments.intents.get(orderId) === 'closed') {
        payments.late.push(orderId);
        return;
      }
      payments.live.delete(orderId);
      payments.intents.set(orderId, 'captured');
      await deliver(orderId);
    },
    buy: async (principal, items) => {
      const placed = await school.place(principal, items);
      if (isRefusal(placed)) throw new Error(`refused: ${placed.code}`);
      await school.pay(placed.id);
      return order(placed.id);
    },
    verify: async (email) => {
      const person = people.get(email);
      if (person === undefined) throw new Error(`nobody has ${email}`);
      people.set(email, { ...person, verified: true });
      await service.deliver(EmailVerifiedSchema, { userId: person.id });
      await school.tidy();
    },
    access: () => accessTold(service),
  };
  return school;
}

function newPayments(): PaymentsWorld {
  return {
    charges: ['succeeded'],
    intents: new Map(),
    live: new Set(),
    charged: [],
    refunded: [],
    late: [],
    refund: 'succeeded',
    mandate: 'active',
  };
}

/** What service.ts puts together, for what tests call past the rpc layer. */
function surroundingsOf(
  service: ServiceUnderTest,
  world: World,
  clients: AccessSurroundings['clients'],
): AccessSurroundings {
  return {
    sql: service.sql,
    world,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    clients,
    publishIn: (tx) => outboxPublisher(tx, { owner: 'orders', world, notify: () => {} }),
    count: () => {},
    openedAfter: () => {},
    cache: testCache(),
    nudge: () => {},
    running: openOneAtATime(service.sql),
    afterEvents: [...commerceEffects, ...accessEffects],
    itemKinds: accessItemKinds,
  };
}

async function accessTold(service: ServiceUnderTest): Promise<string[]> {
  const granted = await service.published(EntitlementGrantedSchema);
  const ended = await service.published(EntitlementEndedSchema);
  return [
    ...granted.map((event) => `+${event.userId} ${event.courseId} ${event.source}`),
    ...ended.map((event) => `-${event.userId} ${event.courseId} ${event.because}`),
  ];
}

const emptied = [
  'orders',
  'order_timers',
  'outbox',
  'idempotency_keys',
  'plans',
  'subscriptions',
  'gifts',
  'seat_pools',
  'seat_claims',
  'cohorts',
  'entitlements',
];

const prices: ReadonlyMap<string, bigint> = new Map([
  ['crs_a', 49_900n],
  ['crs_b', 10_001n],
  ['crs_free', 0n],
  ['crs_other', 20_000n],
]);

function neighbours(
  payments: PaymentsWorld,
  enrolled: Set<string>,
  people: Map<string, { id: string; verified: boolean }>,
): AccessSurroundings['clients'] {
  const userOf = (email: string, { id, verified }: { id: string; verified: boolean }) => ({
    id,
    email,
    displayName: `Name of ${id}`,
    emailVerified: verified,
  });
  return {
    content: {
      getOffers: async ({ courseIds = [] }) =>
        create(GetOffersResponseSchema, {
          offers: courseIds.flatMap((courseId) => {
            const amountMinor = prices.get(courseId);
            const instructorId = courseId === 'crs_other' ? 'usr_other' : 'usr_teacher';
            const offer = { courseId, title: `Course ${courseId}`, slug: courseId, instructorId, release: 3 };
            return amountMinor === undefined ? [] : [{ ...offer, price: { currency: 'INR', amountMinor } }];
          }),
        }),
    },
    learning: {
      checkAccess: async ({ userId, courseId }) =>
        create(CheckAccessResponseSchema, { entitled: enrolled.has(`${userId} ${courseId}`) }),
    },
    payments: {
      refundPayment: async ({ orderId = '', amount }) => {
        if (payments.refund === 'succeeded')
          payments.refunded.push({ orderId, amountMinor: amount?.amountMinor ?? 0n });
        return create(RefundPaymentResponseSchema, { status: payments.refund, paymentId: 'pay_1' });
      },
      reviseIntent: async ({ orderId = '' }) => {
        if (payments.intents.get(orderId) === 'captured') return refuse('already_captured', 'as told');
        if (payments.live.has(orderId)) return refuse('payment_in_progress', 'as told');
        return create(ReviseIntentResponseSchema, {});
      },
      cancelIntent: async ({ orderId = '', because }) => {
        if (payments.intents.get(orderId) === 'captured') return refuse('already_captured', 'as told');
        if (payments.live.has(orderId) && because !== 'hard_limit') return refuse('payment_in_progress', 'as told');
        payments.intents.set(orderId, 'closed');
        return create(CancelIntentResponseSchema, {});
      },
    },
    charging: {
      findMandate: async ({ mandateId = '' }) =>
        mandateId === 'mnd_none'
          ? refuse('not_found', 'as told')
          : create(FindMandateResponseSchema, { mandateId, status: payments.mandate }),
      chargeMandate: async ({ orderId = '', try: number = 0 }) => {
        const name = `${orderId} ${number}`;
        if (!payments.charged.includes(name)) payments.charged.push(name);
        if (payments.intents.get(orderId) === 'captured') return charge(PaymentStatus.SUCCEEDED);
        const said = payments.charges.length > 1 ? payments.charges.shift() : payments.charges[0];
        if (said === 'succeeded') {
          payments.live.delete(orderId);
          payments.intents.set(orderId, 'captured');
          return charge(PaymentStatus.SUCCEEDED);
        }
        if (said === 'failed') {
          payments.live.delete(orderId);
          return charge(PaymentStatus.FAILED);
        }
        payments.live.add(orderId);
        if (said === 'no_answer') return refuse('unavailable', 'as told');
        return charge(said === 'unknown' ? PaymentStatus.UNKNOWN : PaymentStatus.PROCESSING);
      },
    },
    identity: {
      getUsers: async ({ ids = [] }) =>
        create(GetUsersResponseSchema, {
          users: [...people].filter(([, person]) => ids.includes(person.id)).map(([email, one]) => userOf(email, one)),
        }),
      findUserByEmail: async ({ email = '' }) => {
        const person = people.get(email.toLowerCase());
        return create(
          FindUserByEmailResponseSchema,
          person?.verified === true ? { user: userOf(email.toLowerCase(), person) } : {},
        );
      },
    },
  };
}

function charge(status: PaymentStatus) {
  return create(ChargeMandateResponseSchema, { paymentId: 'pay_1', status });
}

export function codeOf(answer: unknown): string {
  return isRefusal(answer) ? answer.code : 'accepted';
}

/** The answer, when it is none of the refusals. */
export function accepted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}
