import { expect, test } from 'vitest';
import type { Order } from '../api/types.ts';
import { openLines, refundMeant } from './refund-draft.ts';

const inr = (amountMinor: string) => ({ currency: 'INR', amountMinor });
const line = (id: string, total: string, refunded = '0') => ({
  id,
  title: `Course ${id}`,
  total: inr(total),
  refunded: inr(refunded),
});
/** Two lines are open, of one nothing is left, and one cost nothing. */
const lines = [line('a', '10000'), line('b', '5000', '1000'), line('c', '700', '700'), line('d', '0')];
const order = { lines } as unknown as Order;
const left = inr('14000');
const byAmount = (amount: string) => refundMeant(order, left, { by: 'amount', amount, lineIds: [] });
const byLines = (...lineIds: string[]) => refundMeant(order, left, { by: 'lines', amount: '1', lineIds });

test('a part of the amount ends no access', () => {
  expect(byAmount('99.50')).toEqual({
    amountMinor: 9_950n,
    asked: { amount: inr('9950') },
    ends: [],
    isWhole: false,
  });
});

test('all that is left is asked for without an amount, and ends what is open and what came free', () => {
  const whole = { amountMinor: 14_000n, asked: {}, ends: ['Course a', 'Course b', 'Course d'], isWhole: true };
  expect(byAmount('140.00')).toEqual(whole);
  expect(byLines('a', 'b')).toEqual(whole);
});

test('a line gives back what is left of it, and ends its access', () => {
  expect(byLines('b')).toEqual({
    amountMinor: 4_000n,
    asked: { items: [{ lineId: 'b' }] },
    ends: ['Course b'],
    isWhole: false,
  });
});

test('nothing is meant by no amount, no line, or a line of which nothing is left', () => {
  for (const text of ['', '0', 'all', '1.005']) expect(byAmount(text), text).toBeUndefined();
  expect(byLines()).toBeUndefined();
  expect(byLines('c')).toBeUndefined();
  expect(openLines(order, 'INR').map(({ id }) => id)).toEqual(['a', 'b']);
});
