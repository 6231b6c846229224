import { expect, it } from 'vitest';
import { holdsCardNumber } from './card-number.ts';

it.each([
  '4111111111111111',
  'my card is 4111 1111 1111 1111 12/27 123',
  '5500-0000-0000-0004',
  '3782.822463.10005',
  'tok_378282246310005',
  '４１１１　１１１１　１１１１　１１１１',
  '4111–1111–1111–1111',
  '6304000000000000',
])('finds the card number in %s', (text) => {
  expect(holdsCardNumber(text)).toBe(true);
});

it.each([
  '',
  'tok_ok',
  '4111111111111112',
  '411111111111',
  '41111111111111110000',
  'order 12 of 2026-03-14, 499.00 rupees',
  'requested_by_customer',
])('finds none in %s', (text) => {
  expect(holdsCardNumber(text)).toBe(false);
});
