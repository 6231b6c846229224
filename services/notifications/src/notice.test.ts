import { create } from '@bufbuild/protobuf';
import { events } from '@suuupra/contracts/events';
import { SessionEndedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { EnrolmentEndedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { PaymentFailedSchema } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { describe, expect, it } from 'vitest';
import {
  enrolmentEndedNotice,
  enrolmentNotice,
  paymentFailedNotice,
  receiptNotice,
  refundNotice,
  unknownCourse,
} from './notice.ts';
import { planOf, plans } from './plan.ts';
import { webhookTypes } from './webhooks/webhook.ts';

const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });

describe('notices', () => {
  it('of a receipt name the course, or how many, and say what was simulated or free', () => {
    const one = { orderId: 'ord_1', number: 'S-1', provider: 'sandbox', lines: [{ title: 'Ledgers' }] };
    const receipt = receiptNotice(create(OrderPaidSchema, { ...one, total: inr(49_900n) }));
    expect(receipt).toEqual({
      kind: 'receipt',
      title: 'Receipt for order S-1',
      body: '₹499.00 for Ledgers. Simulated payment: no money moved.',
      link: '/orders/ord_1',
    });
    const two = { ...one, lines: [{ title: 'A' }, { title: 'B' }], provider: 'stripe' };
    expect(receiptNotice(create(OrderPaidSchema, { ...two, total: inr(1n) })).body).toBe('₹0.01 for 2 courses.');
    const free = { ...one, provider: '', total: inr(0n) };
    expect(receiptNotice(create(OrderPaidSchema, free)).body).toBe('Free, nothing was charged: Ledgers.');
  });

  it('of a refund say how much, and whether the order is wholly refunded', () => {
    const event = { orderId: 'ord_1', number: 'S-1', amount: inr(100n), wholeOrderRefunded: true };
    const notice = refundNotice(create(OrderRefundedSchema, event));
    expect(notice.title).toBe('₹1.00 refunded for order S-1');
    expect(notice.body).toBe('The whole order was refunded.');
    const nothing = refundNotice(create(OrderRefundedSchema, { ...event, amount: inr(0n) }));
    expect(nothing.title).toBe('Order S-1 was refunded');
  });

  it('of a failed payment say why in words, also for a code that comes later, and where to try again', () => {
    const body = (code: string) => paymentFailedNotice(create(PaymentFailedSchema, { orderId: 'ord_1', code })).body;
    expect(body('card_declined')).toContain('The card was declined.');
    expect(body('constructor')).toContain('The payment was not completed.');
    expect(body('some_new_code')).not.toContain('some_new_code');
    expect(paymentFailedNotice(create(PaymentFailedSchema, { orderId: 'ord_1' })).link).toBe('/checkout/ord_1');
  });

  it('of a course that content does not know still make a sentence', () => {
    const ended = create(EnrolmentEndedSchema, { refundId: 'ref_1' });
    expect(enrolmentEndedNotice(ended, unknownCourse)).toMatchObject({
      title: 'No longer yours: your course',
      link: '/learn',
    });
    expect(enrolmentNotice({} as never, { title: 'Ledgers', slug: 'ledgers' })).toMatchObject({
      title: 'You can start: Ledgers',
      link: '/courses/ledgers',
    });
  });
});

it('each event that comes here is told to people or to other systems, save the end of a session, of which nobody is told', () => {
  const heard = events.filter((row) => row.consumers.includes('notifications')).map((row) => row.schema.typeName);
  const told = new Set([...plans, ...webhookTypes].map(({ schema }) => schema.typeName));
  expect([...told, SessionEndedSchema.typeName].sort()).toEqual(heard.sort());
  expect(planOf('suuupra.orders.v1.OrderCancelled')).toBeUndefined();
});
