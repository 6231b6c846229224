/** "Paid" is told once, on whatever way an order comes to be paid: by card, for nothing, by a coupon, by hand, by other lines. */
import { CouponScope, CouponsService } from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import { OrderPaidSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { type Order, OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { QuotesService } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import {
  PaymentAuthorizedSchema,
  PaymentSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { finance, learner, openSchool, orderOf, outcomeOf, type School } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

function given<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer;
}
const keyed = (principal: Principal) => ({ principal, idempotencyKey: school.world.id('key') });

async function pay({ id: orderId, total }: Order): Promise<void> {
  const fact = { orderId, paymentId: `pay_${orderId.slice(4)}`, provider: 'sandbox', ...(total && { amount: total }) };
  for (let told = 0; told < 2; told += 1) await school.service.deliver(PaymentSucceededSchema, fact);
}

const ways: Readonly<Record<string, () => Promise<string>>> = {
  'by a payment that is told twice': async () => {
    const order = orderOf(await school.place(learner(), ['crs_events']));
    await pay(order);
    return order.id;
  },
  'by a payment that was held before': async () => {
    const order = orderOf(await school.place(learner(), ['crs_events']));
    const fact = { orderId: order.id, paymentId: `pay_${order.id.slice(4)}`, provider: 'sandbox' };
    await school.service.deliver(PaymentAuthorizedSchema, { ...fact, ...(order.total && { amount: order.total }) });
    await pay(order);
    return order.id;
  },
  'for nothing, by one key twice': async () => {
    const buyer = learner();
    const [first, again] = [1, 2].map(() => school.place(buyer, ['crs_free'], 'free'));
    const order = orderOf((await first) as Order);
    expect(orderOf((await again) as Order).id).toBe(order.id);
    return order.id;
  },
  'by a coupon that leaves nothing': async () => {
    const code = school.world.id('C').replaceAll('_', '-');
    const request = { code, scope: CouponScope.ALL, percentBasisPoints: 10_000 };
    given(await school.service.client(CouponsService).createCoupon(request, keyed(finance)));
    const placed = { items: [{ courseId: 'crs_events' }], couponCode: code };
    const answer = given(await school.service.client(OrdersService).placeOrder(placed, keyed(learner())));
    return answer.order?.id ?? '';
  },
  'by lines of another order': async () => {
    const buyer = learner();
    const first = await school.buy(buyer, ['crs_events']);
    const request = {
      orderId: first.id,
      lineIds: first.lines.map(({ id }) => id),
      items: [{ courseId: 'crs_ledger' }],
    };
    const answer = given(await school.service.client(QuotesService).exchangeLines(request, keyed(buyer)));
    return answer.exchangeOrder?.id ?? '';
  },
};

it.each(Object.keys(ways))('M26, M27: an order that is paid %s is told of as paid once', async (way) => {
  const orderId = (await ways[way]?.()) ?? '';
  expect(outcomeOf(await school.order(orderId))).toBe('paid');
  const told = (await school.service.published(OrderPaidSchema)).filter((event) => event.orderId === orderId);
  expect(told).toHaveLength(1);
});
