/** Two processes of the service on one database: each thing is done once, whichever of them does it. */
import {
  InvoiceIssuedSchema,
  OrderCancelledSchema,
  OrderPaidSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
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

  it('count each sale once when both follow the orders', async () => {
    await Promise.all([1, 2, 3].flatMap(() => [followSales(one.service.sql), followSales(two.service.sql)]));
    await followSales(one.service.sql);
    expect(await salesLag(two.service.sql)).toBe(0);
    const [sales] = await one.service.sql.query<{ sold: number }>('SELECT sum(sold)::int AS sold FROM sales');
    expect(sales?.sold).toBe((await one.service.published(OrderPaidSchema)).length);
  });
});
