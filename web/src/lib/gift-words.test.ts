import { expect, it } from 'vitest';
import { receiversOf, receiverWords } from './gift-words.ts';

const meera = { recipientEmail: 'meera@example.org', recipientName: 'Meera' };
const nameless = { recipientEmail: 'ravi@example.org', recipientName: ' ' };

it('names who gets a gift, and gives the address alone where there is no name', () => {
  expect([meera, nameless].map(receiverWords)).toEqual(['Meera, meera@example.org', 'ravi@example.org']);
});

it('tells two gifts of one order apart, and lines of the same name in two orders', () => {
  const receiver = receiversOf([
    { ...meera, orderId: 'ord_1', lineId: 'l1' },
    { ...nameless, orderId: 'ord_1', lineId: 'l2' },
    { ...nameless, orderId: 'ord_2', lineId: 'l1' },
  ]);
  const email = (orderId: string, lineId: string) => receiver(orderId, lineId)?.recipientEmail;
  expect([email('ord_1', 'l1'), email('ord_1', 'l2'), email('ord_2', 'l1'), email('ord_2', 'l2')]).toEqual([
    'meera@example.org',
    'ravi@example.org',
    'ravi@example.org',
    undefined,
  ]);
});
