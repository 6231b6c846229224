/** Two processes of the service on one database: each thing is done once, whichever of them does it. */
import {
  InvoiceIssuedSchema,
  OrderCancelledSchema,
  OrderPaidSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { OrderStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentSucceededSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followSales, salesLag } from './sales.ts';
import { learner, openSchool, orderOf, type School } from './testing.ts';

let one: School;
let two: School;
beforeAll(async () => {
  one = await openSchool();
  two = await openSchool({ databaseUrl: one.service.databaseUrl, payments: one.payments });
});
afterAll(async () => {
  await two.service.stop();
  await one.service.stop();
});

/** More than one round of a janitor takes. */
const many = 25;

describe('two processes of orders', () => {
  it('close and cancel each order that nobody paid once', async () => {
    const placed: string[] = [];
    for (let index = 0; index < many; index += 1) {
      const school = index % 2 === 0 ? one : two;
      placed.push(orderOf(await school.place(learner(), ['crs_events'])).id);
    }
    for (const school of [one, two]) school.advance(31 * 60_000);
    await Promise.all([one.tidy(), two.tidy()]);
    const closed = one.payments.asked.filter(({ what }) => what === 'close').map(({ orderId }) => orderId);
    expect(closed.toSorted()).toEqual(placed.toSorted());
    const told = (await one.service.published(OrderCancelledSchema)).map(({ orderId }) => orderId);
    expect(told.toSorted()).toEqual(placed.toSorted());
  });

  it('mark an order paid once when its payment is told to both at once, and give each invoice its own number', async () => {
    const orders = await Promise.all(
      Array.from({ length: 6 }, async (_, index) =>
        orderOf(await (index % 2 === 0 ? one : two).place(learner(), ['crs_events'])),
      ),
    );
    await Promise.all(
      orders.flatMap(({ id: orderId, total }, index) => {
        const fact = { orderId, paymentId: `pay_${index}`, provider: 'sandbox', ...(total && { amount: total }) };
        return [one, two].map(({ service }) => service.deliver(PaymentSucceededSchema, fact, `evt_paid_${index}`));
      }),
    );
    const ids = orders.map(({ id }) => id).toSorted();
    const paid = (await one.service.published(OrderPaidSchema)).map(({ orderId }) => orderId);
    expect(paid.toSorted()).toEqual(ids);
    const invoices = await one.service.published(InvoiceIssuedSchema);
    expect(invoices.map(({ orderId }) => orderId).toSorted()).toEqual(ids);
    expect(new Set(invoices.map(({ number }) => number)).size).toBe(ids.length);
  });

  it('one of which has its clock an hour behind and one an hour ahead, bill and expire once (C6)', async () => {
    const [ahead, behind] = [await another(3_600_000), await another(-3_600_000)];
    // Placed by the clock that is ahead: by that of the other it is payable two hours longer, and never twice at an end.
    const early = orderOf(await ahead.place(learner(), ['crs_events']));
    const late = orderOf(await behind.place(learner(), ['crs_events']));
    await behind.tidy();
    const atOnce = [early, late].map(async ({ id }) => (await one.order(id)).status);
    expect(await Promise.all(atOnce)).toEqual([OrderStatus.AWAITING_PAYMENT, OrderStatus.AWAITING_PAYMENT]);
    // By the clock that is ahead the other's time is over; what it expires stays expired for both.
    await Promise.all([ahead.tidy(), behind.tidy(), ahead.tidy()]);
    expect((await behind.order(late.id)).status).toBe(OrderStatus.CANCELLED);
    expect((await behind.order(early.id)).status).toBe(OrderStatus.AWAITING_PAYMENT);
    const fact = {
      orderId: early.id,
      paymentId: 'pay_skew',
      provider: 'sandbox',
      ...(early.total && { amount: early.total }),
    };
    await Promise.all([ahead, behind].map(({ service }) => service.deliver(PaymentSucceededSchema, fact, 'evt_skew')));
    expect((await one.order(early.id)).status).toBe(OrderStatus.PAID);
    const told = async (schema: typeof OrderPaidSchema | typeof OrderCancelledSchema, id: string) =>
      (await one.service.published(schema as typeof OrderPaidSchema)).filter(({ orderId }) => orderId === id).length;
    expect([await told(OrderPaidSchema, early.id), await told(OrderCancelledSchema, late.id)]).toEqual([1, 1]);
    // Its invoice has the next number, whatever year each clock is in.
    const numbers = (await one.service.published(InvoiceIssuedSchema)).map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const school of [ahead, behind]) await school.service.stop();
  });

  const another = (aheadMs: number) =>
    openSchool({ databaseUrl: one.service.databaseUrl, payments: one.payments, aheadMs });

  it('count each sale once when both follow the orders', async () => {
    await Promise.all([1, 2, 3].flatMap(() => [followSales(one.service.sql), followSales(two.service.sql)]));
    // Other databases of the cluster hold the feed back for as long as their transactions take.
    for (let tries = 1; (await salesLag(two.service.sql)) > 0; tries += 1) {
      if (tries > 5_000) throw new Error('the sales never came to the end');
      await followSales(one.service.sql);
    }
    const [sales] = await one.service.sql.query<{ sold: number }>('SELECT sum(sold)::int AS sold FROM sales');
    expect(sales?.sold).toBe((await one.service.published(OrderPaidSchema)).length);
  });
});
