/** The orders service for tests: real PostgreSQL, a clock that tests move, a school with a few courses, payments as told. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { RefusalCode } from '@suuupra/contracts/errors';
import {
  GetOffersResponseSchema,
  type Offer,
  OfferSchema,
} from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { CheckAccessResponseSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import { type Order, OrderStatus, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import {
  CancelIntentResponseSchema,
  RefundPaymentResponseSchema,
  type ReviseIntentRequestSchema,
  ReviseIntentResponseSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import type { Cache } from '@suuupra/platform/cache/cache';
import { openEmbeddedCache } from '@suuupra/platform/cache/cache-embedded';
import { type CallOptions, isRefusal, type Principal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import type { Sql } from '@suuupra/platform/sql/sql';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld, type World } from '@suuupra/platform/world';
import type { OrdersSurroundings } from './change.ts';
import { commerceEffects } from './effects.ts';
import { janitorRound } from './janitor.ts';
import { orders } from './service.ts';

export const asha = userPrincipal('usr_asha');
/** Somebody new, who owns nothing yet. */
export function learner(): Principal {
  return userPrincipal(realWorld().id('usr'));
}
export const ravi = userPrincipal('usr_ravi');
export const teacher = userPrincipal('usr_teacher', 'learner', 'instructor');
export const finance = userPrincipal('usr_fin', 'learner', 'finance');

function offer(courseId: string, currency: string, amountMinor: bigint): Offer {
  const rest = { title: `Course ${courseId}`, slug: courseId, instructorId: 'usr_teacher', release: 3 };
  return create(OfferSchema, { courseId, price: { currency, amountMinor }, ...rest });
}

const offers = [
  offer('crs_events', 'INR', 49_900n),
  offer('crs_ledger', 'INR', 10_001n),
  offer('crs_free', 'INR', 0n),
  offer('crs_usd', 'USD', 4_900n),
];

/** What payments says, and what it was asked. */
export interface PaymentsAsTold {
  /** succeeded, pending, failed, or the code of a refusal; or a function that decides each time. */
  refund: string | (() => Promise<string>);
  closing: '' | 'payment_in_progress' | 'already_captured';
  readonly asked: {
    readonly what: 'refund' | 'close' | 'revise' | 'extend';
    readonly id: string;
    readonly orderId: string;
  }[];
}

export interface School {
  readonly service: ServiceUnderTest;
  readonly payments: PaymentsAsTold;
  /** Courses that learning says are open to somebody: `user course`. */
  readonly enrolled: Set<string>;
  readonly surroundings: OrdersSurroundings;
  readonly world: World;
  advance(ms: number): void;
  /** Runs the janitor for what is due. */
  tidy(): Promise<void>;
  place(who: Principal, courseIds: readonly string[], key?: string): Promise<Order | Refusal>;
  /** Places an order and has it paid. */
  buy(who: Principal, courseIds: readonly string[]): Promise<Order>;
  order(id: string, who?: Principal): Promise<Order>;
  refund(who: Principal, orderId: string, options?: RefundOptions): Promise<string>;
}

export interface RefundOptions {
  readonly amountMinor?: bigint;
  readonly courseIds?: readonly string[];
  readonly key?: string;
  readonly reason?: string;
}

/** kept: as ever; absent: forgets at once; flushed: emptied before every second question; failing: throws. */
export type TestCache = 'kept' | 'absent' | 'flushed' | 'failing';

/** A cache for tests. The whole suite runs on another one by `SUUUPRA_TEST_CACHE=failing vitest run services/orders`. */
export function testCache(mode = process.env['SUUUPRA_TEST_CACHE'] ?? 'kept'): Cache {
  const open = () => openEmbeddedCache({ world: realWorld() });
  const kept = open();
  if (mode === 'kept') return kept;
  if (mode === 'absent') return { ...kept, get: async () => undefined, set: async () => {} };
  if (mode === 'failing') {
    const fail = async () => {
      throw new Error('the cache fails, as told');
    };
    return { ...kept, get: fail, set: fail, delete: fail };
  }
  if (mode !== 'flushed') throw new Error(`SUUUPRA_TEST_CACHE: there is no cache that is ${mode}`);
  let now = kept;
  let questions = 0;
  const flushed = () => {
    questions += 1;
    if (questions % 2 === 0) now = open();
    return now;
  };
  return {
    ...kept,
    get: (key) => flushed().get(key),
    set: (key, value, ttlMs) => flushed().set(key, value, ttlMs),
  };
}

export interface SchoolOptions {
  /** A database to take over, as a process that starts again would. */
  readonly databaseUrl?: string;
  readonly aheadMs?: number;
  /** Default: as SUUUPRA_TEST_CACHE says, else one that keeps. */
  readonly cache?: TestCache | Cache;
  /** The payments that an earlier school had: another process. */
  readonly payments?: PaymentsAsTold;
}

export async function openSchool(options: SchoolOptions = {}): Promise<School> {
  let aheadMs = options.aheadMs ?? 0;
  const world: World = { ...realWorld(), now: () => Date.now() + aheadMs };
  const payments: PaymentsAsTold = options.payments ?? { refund: 'succeeded', closing: '', asked: [] };
  const enrolled = new Set<string>();
  const neighbours = neighboursOf(payments, enrolled);
  const service = await startServiceForTest(orders, {
    others: neighbours,
    world,
    quiet: true,
    cache: typeof options.cache === 'object' ? options.cache : testCache(options.cache),
    ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
  });
  const surroundings = surroundingsOf(service.sql, world, neighbours);
  return {
    service,
    payments,
    enrolled,
    surroundings,
    world,
    ...callsOf(service),
    advance: (ms) => {
      aheadMs += ms;
    },
    tidy: async () => {
      for (;;) {
        const dueAtMs = await janitorRound(surroundings);
        if (dueAtMs === undefined || dueAtMs > world.now()) return;
      }
    },
  };
}

type Neighbours = ReturnType<typeof neighboursOf>;

function neighboursOf(payments: PaymentsAsTold, enrolled: Set<string>) {
  return {
    content: {
      getOffers: async ({ courseIds }: { courseIds?: readonly string[] }) =>
        create(GetOffersResponseSchema, { offers: offers.filter((each) => courseIds?.includes(each.courseId)) }),
    },
    learning: {
      checkAccess: async ({ userId, courseId }: { userId?: string; courseId?: string }) =>
        create(CheckAccessResponseSchema, { entitled: enrolled.has(`${userId} ${courseId}`) }),
    },
    payments: {
      refundPayment: async ({ refundId: id = '', orderId = '' }: { refundId?: string; orderId?: string }) => {
        payments.asked.push({ what: 'refund', id, orderId });
        const said = typeof payments.refund === 'string' ? payments.refund : await payments.refund();
        return ['succeeded', 'pending', 'failed'].includes(said)
          ? create(RefundPaymentResponseSchema, { status: said, paymentId: 'pay_1' })
          : refuse(said as RefusalCode, 'as told');
      },
      reviseIntent: async ({ orderId = '', amount, extend }: MessageInitShape<typeof ReviseIntentRequestSchema>) => {
        payments.asked.push({
          what: extend === true ? 'extend' : 'revise',
          id: String(amount?.amountMinor ?? 0n),
          orderId,
        });
        return payments.closing === '' ? create(ReviseIntentResponseSchema, {}) : refuse(payments.closing, 'as told');
      },
      cancelIntent: async ({ orderId = '' }: { orderId?: string }) => {
        payments.asked.push({ what: 'close', id: orderId, orderId });
        return payments.closing === '' ? create(CancelIntentResponseSchema, {}) : refuse(payments.closing, 'as told');
      },
    },
  };
}

/** What service.ts puts together, for what tests call past the rpc layer. */
export function surroundingsOf(sql: Sql, world: World, clients: Neighbours): OrdersSurroundings {
  return {
    sql,
    world,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    clients,
    publishIn: (tx) => outboxPublisher(tx, { owner: 'orders', world, notify: () => {} }),
    count: () => {},
    openedAfter: () => {},
    cache: testCache(),
    nudge: () => {},
    running: openOneAtATime(sql),
    afterEvents: commerceEffects,
    itemKinds: [],
  };
}

function callsOf(service: ServiceUnderTest): Pick<School, 'place' | 'buy' | 'order' | 'refund'> {
  const client = service.client(OrdersService);
  const newKey = () => service.world.id('key');
  const calls: Pick<School, 'place' | 'buy' | 'order' | 'refund'> = {
    place: async (principal, courseIds, key = newKey()) => {
      const items = courseIds.map((courseId) => ({ courseId }));
      const answer = await client.placeOrder({ items }, { principal, idempotencyKey: key });
      return isRefusal(answer) ? answer : orderIn(answer);
    },
    buy: async (who, courseIds) => {
      const order = orderOf(await calls.place(who, courseIds));
      const fact = { orderId: order.id, paymentId: `pay_${order.id.slice(4)}`, provider: 'sandbox' };
      await service.deliver(PaymentSucceededSchema, { ...fact, ...(order.total && { amount: order.total }) });
      return calls.order(order.id, who);
    },
    order: async (id, principal = finance) => {
      const answer = await client.getOrder({ id }, { principal });
      if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
      return orderIn(answer);
    },
    refund: async (principal, orderId, given = {}) => {
      const { amountMinor, courseIds = [], key = newKey(), reason = 'requested_by_customer' } = given;
      const options: CallOptions = { principal, idempotencyKey: key };
      const amount = amountMinor === undefined ? {} : { amount: { currency: 'INR', amountMinor } };
      const items = courseIds.map((courseId) => ({ courseId }));
      const answer = await client.createRefund({ orderId, items, reason, ...amount }, options);
      if (isRefusal(answer)) return answer.code;
      return ['unspecified', 'pending', 'succeeded', 'failed'][answer.refund?.status ?? 0] ?? '';
    },
  };
  return calls;
}

function orderIn(answer: { order?: Order | undefined }): Order {
  if (answer.order === undefined) throw new Error('an answer without an order');
  return answer.order;
}

/** The order, when it is one. */
export function orderOf(answer: Order | Refusal): Order {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return answer;
}

/** `awaiting_payment`, or the code of the refusal. */
export function outcomeOf(answer: Order | Refusal): string {
  if (isRefusal(answer)) return answer.code;
  const [name = ''] = Object.entries(OrderStatus).find(([, number]) => number === answer.status) ?? [];
  return name.toLowerCase();
}
