/**
 * The process is killed before and after each of its statements and commits. The next one finds the order in order: what
 * was asked for is done once or was never begun, with the request sent again or without.
 */

import { create } from '@bufbuild/protobuf';
import { OrderPlacedSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  CancelOrderRequestSchema,
  CreateRefundRequestSchema,
  PlaceOrderRequestSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { type CallContext, isRefusal, type Principal } from '@suuupra/platform/rpc/rpc';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { dyingAt } from '@suuupra/platform/testing-crash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OrdersSurroundings } from './change.ts';
import { cancelOrder, placeOrder } from './orders.ts';
import { createRefund } from './refunds.ts';
import { finance, learner, openSchool, orderOf, outcomeOf, type School } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

type Story = (surroundings: OrdersSurroundings) => Promise<unknown>;

/** Tells the story in a process that dies at each point in turn; `after` looks at what it left. Gives the points. */
async function everyPoint(prepare: () => Promise<{ story: Story; after: () => Promise<void> }>): Promise<number> {
  let points = 0;
  for (const when of ['before', 'after'] as const)
    for (let point = 1; ; point += 1) {
      const { story, after } = await prepare();
      const { database, dead } = dyingAt(point, when);
      const sql = database(school.service.sql);
      const dying = { ...school.surroundings, sql, running: openOneAtATime(sql) };
      if ((await Promise.race([dead, story(dying).then(() => 'done')])) === 'done') break;
      points += 1;
      await after();
    }
  return points;
}

function contextOf(principal: Principal, idempotencyKey: string): CallContext {
  return {
    principal,
    requestId: 'req_test',
    traceparent: '',
    signal: new AbortController().signal,
    deadlineAtMs: Number.MAX_SAFE_INTEGER,
    idempotencyKey,
    ifMatch: '',
    clientAddress: '',
    userAgent: '',
    answer: {},
  };
}

describe('killed at every step', () => {
  it('placing an order is done once by the same request sent again', async () => {
    const points = await everyPoint(async () => {
      const buyer = learner();
      const request = create(PlaceOrderRequestSchema, { items: [{ courseId: 'crs_events' }] });
      const place: Story = (surroundings) => placeOrder(surroundings, request, contextOf(buyer, 'key'));
      return {
        story: place,
        after: async () => {
          const answer = await place(school.surroundings);
          expect(isRefusal(answer)).toBe(false);
          const told = await school.service.published(OrderPlacedSchema);
          const mine = told.filter((event) => buyer.kind === 'user' && event.buyerId === buyer.userId);
          expect(mine).toHaveLength(1);
        },
      };
    });
    expect(points).toBeGreaterThanOrEqual(4);
  });

  it('cancelling is finished by the janitor once payments has closed the intent', async () => {
    const points = await everyPoint(async () => {
      const buyer = learner();
      const order = orderOf(await school.place(buyer, ['crs_events']));
      const request = create(CancelOrderRequestSchema, { id: order.id });
      return {
        story: (surroundings) => cancelOrder(surroundings, request, contextOf(buyer, '')),
        after: async () => {
          const isClosed = school.payments.asked.some(({ what, id }) => what === 'close' && id === order.id);
          school.advance(20_000);
          await school.tidy();
          const outcome = outcomeOf(await school.order(order.id));
          // Before it was asked of payments, it may as well not have been asked of us.
          if (isClosed) expect(outcome).toBe('cancelled');
          else expect(['awaiting_payment', 'cancelled']).toContain(outcome);
          expect(outcomeOf(orderOf(await cancelAgain(order.id, buyer)))).toBe('cancelled');
        },
      };
    });
    expect(points).toBeGreaterThanOrEqual(6);
  });

  it.each(['succeeded', 'pending'])(
    'a refund that is %s is asked of payments under one id and settled once',
    async (said) => {
      const points = await everyPoint(async () => {
        const order = await school.buy(learner(), ['crs_events']);
        const asked = { orderId: order.id, reason: 'r', amount: { currency: 'INR', amountMinor: 100n } };
        const request = create(CreateRefundRequestSchema, asked);
        school.payments.refund = said;
        return {
          story: (surroundings) => createRefund(surroundings, request, contextOf(finance, order.id)),
          after: async () => {
            const answer = await createRefund(school.surroundings, request, contextOf(finance, order.id));
            expect(isRefusal(answer)).toBe(false);
            school.payments.refund = 'succeeded';
            school.advance(60_000);
            await school.tidy();
            const refunds = (await school.order(order.id)).refunds;
            expect(refunds).toMatchObject([{ status: 2, amount: { amountMinor: 100n } }]);
            const sent = school.payments.asked.filter(({ orderId }) => orderId === order.id);
            expect(new Set(sent.map(({ id }) => id))).toEqual(new Set([refunds[0]?.id]));
            const told = await school.service.published(OrderRefundedSchema);
            expect(told.filter((event) => event.orderId === order.id)).toHaveLength(1);
          },
        };
      });
      expect(points).toBeGreaterThanOrEqual(8);
    },
  );

  it('a refund that nobody asks for again is finished by the janitor', async () => {
    await everyPoint(async () => {
      const order = await school.buy(learner(), ['crs_events']);
      const request = create(CreateRefundRequestSchema, { orderId: order.id, reason: 'r' });
      school.payments.refund = 'succeeded';
      return {
        story: (surroundings) => createRefund(surroundings, request, contextOf(finance, order.id)),
        after: async () => {
          const wasAsked = school.payments.asked.length;
          school.advance(60_000);
          await school.tidy();
          const { refunds } = await school.order(order.id);
          expect(refunds.every((refund) => refund.status === 2)).toBe(true);
          expect(refunds.length).toBeLessThanOrEqual(1);
          expect(school.payments.asked.length).toBeGreaterThanOrEqual(Math.min(wasAsked, refunds.length));
        },
      };
    });
  });
});

async function cancelAgain(id: string, buyer: Principal) {
  const request = create(CancelOrderRequestSchema, { id });
  const answer = await cancelOrder(school.surroundings, request, contextOf(buyer, ''));
  if (isRefusal(answer)) return answer;
  return school.order(id);
}
