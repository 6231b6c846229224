import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EnrolmentGrantedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { describe, expect, it } from 'vitest';
import { enrolmentLetter, letterText, receiptLetter, refundLetter } from './letter.ts';

const frame = { name: 'Asha', publicUrl: 'https://learn.example.org' };
const inr = (amountMinor: bigint) => ({ currency: 'INR', amountMinor });
const line = (title: string, gross: bigint, tax: bigint) => ({
  title,
  gross: inr(gross),
  tax: inr(tax),
  net: inr(gross - tax),
});

const order = {
  orderId: 'ord_1',
  buyerId: 'usr_1',
  number: 'S-1001',
  lines: [line('Event sourcing', 49_900n, 7_612n), line('Ledgers', 9_901n, 1_510n)],
  total: inr(59_801n),
  paymentId: 'pay_1',
  provider: 'sandbox',
  paidAt: timestampFromDate(new Date('2026-01-01T00:01:59Z')),
};
const paid = create(OrderPaidSchema, order);

describe('a receipt', () => {
  it('says the number, the time, each line, the total, the tax, that it is simulated, where to look, and why it came', () => {
    expect(receiptLetter(paid).subject).toBe('Receipt for order S-1001');
    expect(letterText(receiptLetter(paid), frame)).toBe(`Hello Asha,

this is the receipt for your order S-1001, 2026-01-01 00:01 UTC.

- Event sourcing: ₹499.00
- Ledgers: ₹99.01

Total: ₹598.01
Tax included in it: ₹91.22

Simulated payment: no money moved.

Your order: https://learn.example.org/orders/ord_1

You get this mail because an order was placed with your account; a receipt is sent for each. Suuupra, https://learn.example.org`);
  });

  it('is not called simulated when a real provider took the money', () => {
    const real = create(OrderPaidSchema, { ...order, provider: 'stripe' });
    expect(letterText(receiptLetter(real), frame)).not.toContain('imulated');
  });

  it('of a free order says that nothing was charged', () => {
    const free = create(OrderPaidSchema, {
      ...order,
      lines: [line('Free course', 0n, 0n)],
      total: inr(0n),
      paymentId: '',
      provider: '',
    });
    const text = letterText(receiptLetter(free), frame);
    expect(text).toContain('This order was free: nothing was charged.');
    expect(text).not.toContain('imulated');
  });
});

describe('a refund', () => {
  const refund = {
    orderId: 'ord_1',
    number: 'S-1001',
    amount: inr(49_900n),
    lines: [{ wholeLineRefunded: true }],
    wholeOrderRefunded: false,
    provider: 'sandbox',
  };

  it('says how much of which order, what stays, and that access ends', () => {
    const text = letterText(refundLetter(create(OrderRefundedSchema, refund)), frame);
    expect(text).toContain('₹499.00 of your order S-1001 was refunded.');
    expect(text).toContain('The rest of the order stays paid.');
    expect(text).toContain('Access to the courses that were refunded in full ends.');
    expect(text).toContain('Simulated payment: no money moved.');
  });

  it('of a part of a line leaves the courses', () => {
    const part = create(OrderRefundedSchema, { ...refund, lines: [{ wholeLineRefunded: false }] });
    expect(letterText(refundLetter(part), frame)).toContain('You keep your courses.');
  });
});

describe('text by others', () => {
  const granted = create(EnrolmentGrantedSchema, { courseId: 'crs_1' });

  it('cannot add a line, turn the reading direction, or fill the mail', () => {
    const title = `A\r\nBcc: all@example.org\u2028B\u202eC${'x'.repeat(500)}`;
    const letter = enrolmentLetter(granted, { title, slug: 'a' });
    expect(letter.subject).not.toMatch(/[\r\n\u2028\u202e]/);
    expect([...letter.subject].length).toBeLessThan(230);
    expect(letterText(letter, { ...frame, name: 'A\n\nB' })).toContain('Hello A B,');
  });

  it('is not sent to an address that nobody has shown to be theirs', () => {
    expect(letterText(receiptLetter(paid), { ...frame, name: '' })).toMatch(/^Hello,\n/);
  });

  it('never makes a link that leads elsewhere', () => {
    for (const slug of ['../evil', '//evil.example', 'a?b', '']) {
      expect(enrolmentLetter(granted, { title: 'A', slug }).action.link).toBe('/learn');
    }
    expect(enrolmentLetter(granted, { title: 'A', slug: 'one-purchase' }).action.link).toBe('/courses/one-purchase');
  });
});
