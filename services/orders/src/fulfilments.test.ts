import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnrolmentGrantedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { Fulfillment, type Order, OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import type { Principal } from '@suuupra/platform/rpc/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countUnopened } from './fulfilments.ts';
import { accessAskedMs } from './order-view.ts';
import { rebuildOrders } from './rebuild.ts';
import { finance, learner, openSchool, orderOf, type School } from './testing.ts';

const dayMs = 24 * 3_600_000;
let school: School;

beforeEach(async () => {
  school = await openSchool();
});
afterEach(() => school.service.stop());

const idOf = (principal: Principal) => (principal.kind === 'user' ? principal.userId : '');

/** Learning says that the course is open. */
function opened(order: Order, who: Principal, courseId: string): Promise<void> {
  return school.service.deliver(EnrolmentGrantedSchema, {
    enrolmentId: `enr_${courseId}`,
    userId: idOf(who),
    courseId,
    orderId: order.id,
    release: 3,
  });
}

async function eventsOf(orderId: string): Promise<string[]> {
  const rows = await school.service.sql.query<{ type: string }>(
    'SELECT type FROM order_events WHERE stream_id = $1 ORDER BY version',
    [orderId],
  );
  return rows.map((row) => row.type.split('.')[0] ?? '');
}

describe('a paid order', () => {
  it('is fulfilled when learning has opened every line, once, and its status stays what it was', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events', 'crs_ledger']);
    expect(order).toMatchObject({ status: OrderStatus.PAID, fulfillment: Fulfillment.PENDING });
    await opened(order, who, 'crs_events');
    expect((await school.order(order.id)).fulfillment).toBe(Fulfillment.PENDING);
    await opened(order, who, 'crs_ledger');
    await opened(order, who, 'crs_ledger');
    const after = await school.order(order.id);
    expect(after).toMatchObject({ status: OrderStatus.PAID, fulfillment: Fulfillment.FULFILLED });
    expect(after.fulfilledAt).toBeDefined();
    expect(await eventsOf(order.id)).toEqual([
      'OrderPlaced',
      'OrderPaid',
      'AccessConfirmed',
      'AccessConfirmed',
      'OrderFulfilled',
    ]);
  });

  it('is not fulfilled by what was opened to somebody else, or by another course', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events']);
    await opened(order, learner(), 'crs_events');
    await opened(order, who, 'crs_ledger');
    expect((await school.order(order.id)).fulfillment).toBe(Fulfillment.PENDING);
  });

  it('is asked about when nothing was told, until it is open', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events']);
    school.advance(accessAskedMs - 10_000);
    await school.tidy();
    school.enrolled.add(`${idOf(who)} crs_events`);
    await school.tidy();
    expect((await school.order(order.id)).fulfillment).toBe(Fulfillment.PENDING);
    school.enrolled.clear();
    school.advance(10_000);
    await school.tidy();
    expect((await school.order(order.id)).fulfillment).toBe(Fulfillment.PENDING);
    school.enrolled.add(`${idOf(who)} crs_events`);
    school.advance(2 * accessAskedMs);
    await school.tidy();
    expect((await school.order(order.id)).fulfillment).toBe(Fulfillment.FULFILLED);
  });

  it('waits for no line that went back', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events', 'crs_ledger']);
    await opened(order, who, 'crs_events');
    expect(await school.refund(finance, order.id, { courseIds: ['crs_ledger'] })).toBe('succeeded');
    expect(await school.order(order.id)).toMatchObject({
      status: OrderStatus.PARTIALLY_REFUNDED,
      fulfillment: Fulfillment.FULFILLED,
    });
  });

  it('that went back whole is neither fulfilled nor completed', async () => {
    const who = learner();
    const order = await school.buy(who, ['crs_events']);
    await school.refund(finance, order.id);
    await opened(order, who, 'crs_events');
    school.advance(30 * dayMs);
    await school.tidy();
    expect(await school.order(order.id)).toMatchObject({
      status: OrderStatus.REFUNDED,
      fulfillment: Fulfillment.PENDING,
    });
    expect(await eventsOf(order.id)).not.toContain('OrderFulfilled');
  });

  it('is completed when it cannot be returned any more, and not while a refund or a dispute is under way', async () => {
    const who = learner();
    const plain = await school.buy(who, ['crs_events']);
    await opened(plain, who, 'crs_events');
    const other = learner();
    const disputed = await school.buy(other, ['crs_events']);
    await opened(disputed, other, 'crs_events');
    const paymentId = disputed.paymentId;
    const amount = { currency: 'INR', amountMinor: 49_900n };
    await school.service.deliver(DisputeOpenedSchema, { disputeId: 'dsp_1', orderId: disputed.id, paymentId, amount });
    school.advance(14 * dayMs - 60_000);
    await school.tidy();
    expect((await school.order(plain.id)).fulfillment).toBe(Fulfillment.FULFILLED);
    school.advance(120_000);
    await school.tidy();
    expect((await school.order(plain.id)).fulfillment).toBe(Fulfillment.COMPLETED);
    expect((await school.order(disputed.id)).fulfillment).toBe(Fulfillment.FULFILLED);
    const closed = { disputeId: 'dsp_1', orderId: disputed.id, paymentId, amount, outcome: 'won' };
    await school.service.deliver(DisputeClosedSchema, closed);
    await school.tidy();
    await school.tidy();
    expect((await school.order(disputed.id)).fulfillment).toBe(Fulfillment.COMPLETED);
    expect((await eventsOf(disputed.id)).filter((type) => type === 'OrderCompleted')).toHaveLength(1);
    // What finance gives back later changes the money and not that it was completed.
    expect(await school.refund(finance, plain.id, { amountMinor: 100n })).toBe('succeeded');
    expect(await school.order(plain.id)).toMatchObject({
      status: OrderStatus.PARTIALLY_REFUNDED,
      fulfillment: Fulfillment.COMPLETED,
    });
  });
});

describe('what nobody pays', () => {
  it('has nothing to fulfil', async () => {
    const order = orderOf(await school.place(learner(), ['crs_events']));
    expect(order.fulfillment).toBe(Fulfillment.NONE);
    school.advance(31 * 60_000);
    await school.tidy();
    expect(await school.order(order.id)).toMatchObject({
      status: OrderStatus.CANCELLED,
      fulfillment: Fulfillment.NONE,
    });
  });
});

it('the rows tell the same after a rebuild, and nothing is done twice', async () => {
  const who = learner();
  const order = await school.buy(who, ['crs_events']);
  await opened(order, who, 'crs_events');
  const before = await school.service.sql.query('SELECT * FROM orders WHERE id = $1', [order.id]);
  await rebuildOrders(school.service.sql);
  expect(await school.service.sql.query('SELECT * FROM orders WHERE id = $1', [order.id])).toEqual(before);
});

describe('the time from captured money to opened access', () => {
  /** Of the histogram: how many lines took at most so long, and an exemplar. */
  async function within(seconds: string): Promise<number> {
    const line = new RegExp(`^suuupra_orders_opened_after_seconds_bucket\\{[^}]*le="${seconds}"[^}]*\\} (\\d+)`, 'm');
    return Number(line.exec(await school.service.metrics())?.[1] ?? Number.NaN);
  }

  async function paidAgo(ms: number, who: Principal): Promise<Order> {
    const order = orderOf(await school.place(who, ['crs_events']));
    await school.service.deliver(PaymentSucceededSchema, {
      ...{ orderId: order.id, paymentId: `pay_${order.id.slice(4)}`, provider: 'sandbox' },
      amount: { currency: 'INR', amountMinor: 49_900n },
      succeededAt: timestampFromMs(school.world.now() - ms),
    });
    return order;
  }

  it('is measured once a line, from the capture to the opening', async () => {
    const [late, early] = [learner(), learner()];
    const slow = await paidAgo(45_000, late);
    await opened(slow, late, 'crs_events');
    await opened(slow, late, 'crs_events');
    // By a clock that is ahead of ours: not less than nothing.
    const quick = await paidAgo(-3_600_000, early);
    await opened(quick, early, 'crs_events');
    const counts = [await within('0.05'), await within('30.0'), await within('60.0'), await within('\\+Inf')];
    expect(counts).toEqual([1, 1, 2, 2]);
    expect(await school.service.metrics()).toMatch(
      /opened_after_seconds_bucket\{le="60.0"\} 2 # \{.*trace_id="[0-9a-f]{32}"/,
    );
  });

  it('is not measured where nothing was opened by money, or nobody told of it', async () => {
    const [free, asked] = [learner(), learner()];
    const gratis = await school.buy(free, ['crs_events']);
    await opened(gratis, free, 'crs_events');
    await paidAgo(1_000, asked);
    school.enrolled.add(`${idOf(asked)} crs_events`);
    school.advance(accessAskedMs);
    await school.tidy();
    expect(await within('\\+Inf')).toBe(0);
  });

  it('leaves what never opens to be counted', async () => {
    await paidAgo(0, learner());
    const { sql } = school.service;
    expect(await countUnopened(sql, school.world.now() + accessAskedMs)).toBe(0);
    expect(await countUnopened(sql, school.world.now() + 3 * accessAskedMs)).toBe(1);
  });
});
