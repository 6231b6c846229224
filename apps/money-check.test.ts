import { describe, expect, it } from 'vitest';
import { checkMoney } from './money-check.ts';
import type { MoneyFacts } from './money-facts.ts';

const inr = 'INR';

/** One order of two courses paid, one of them given back; everybody tells the same of it. */
function agreeing(): MoneyFacts {
  const sale = { currency: inr, reference: 'order:ord_1' };
  const line = { kind: 'course', totalMinor: 500n };
  const series = 'seller INV 2026-27';
  return {
    intents: [
      {
        ...{ orderId: 'ord_1', currency: inr, status: 'captured', paymentId: 'pay_1', capturedMinor: 1_000n },
        succeeded: [{ paymentId: 'pay_1', capturedMinor: 1_000n }],
      },
    ],
    refunds: [
      { id: 'rfd_1', paymentId: 'pay_1', isLate: false, currency: inr, amountMinor: 500n, status: 'succeeded' },
    ],
    disputes: [],
    orders: [
      {
        ...{ id: 'ord_1', status: 'partially_refunded', currency: inr, totalMinor: 1_000n, refundedMinor: 500n },
        ...{ paymentId: 'pay_1', credit: undefined, disputes: [] },
        lines: [
          { id: 'line_1', ...line, refundedMinor: 0n },
          { id: 'line_2', ...line, refundedMinor: 500n },
        ],
        refunds: [{ id: 'rfd_1', state: 'succeeded', amountMinor: 500n }],
      },
    ],
    invoices: [
      { number: 'INV-1', kind: 'invoice', series, sequence: 1, subject: 'ord_1', totalMinor: 1_000n },
      { number: 'INV-2', kind: 'credit_note', series, sequence: 2, subject: 'rfd_1', totalMinor: 500n },
    ],
    series: new Map([[series, 2]]),
    entitlements: [],
    journals: [
      { id: 'jrn_1', kind: 'order_paid', cause: 'payment:pay_1', ...sale, totalMinor: 1_000n, receivableMinor: 1_000n },
      {
        ...{ id: 'jrn_2', kind: 'order_refunded', cause: 'refund:rfd_1', ...sale },
        ...{ totalMinor: 500n, receivableMinor: -500n },
      },
    ],
    inTransit: new Map(),
    access: { granted: new Set(['line_1', 'line_2']), ended: new Set(['line_2']) },
    expectations: [
      { id: 'exp_1', kind: 'payment', currency: inr, amountMinor: 1_000n, about: 'pay_1' },
      { id: 'exp_2', kind: 'refund', currency: inr, amountMinor: -500n, about: 'rfd_1' },
    ],
    homelessLines: [],
    crookedMatches: [],
    bookings: [{ id: 'bkg_1', state: 'booked', journalId: 'jrn_1' }],
    payouts: [{ id: 'pyt_1', account: '2260:usr_1 INR', status: 'paid', amountMinor: 7n, settledMinor: 7n }],
    crookedStatements: [],
    deadLetters: [],
  };
}

/** One thing at a time that is not as it should be, and the check that must name it. */
const faults: Readonly<Record<string, readonly [string, (facts: MoneyFacts) => Partial<MoneyFacts>]>> = {
  'an order that lost its payment': ['captures and orders', () => ({ orders: [] })],
  'a capture that is gone': ['captures and orders', () => ({ intents: [] })],
  'a capture of another amount': [
    'captures and orders',
    ({ intents }) => ({ intents: intents.map((intent) => ({ ...intent, capturedMinor: 999n })) }),
  ],
  'a sale that was not booked': ['sales in the book', ({ journals }) => ({ journals: journals.slice(1) })],
  'a refund that was not booked': ['refunds in the book', ({ journals }) => ({ journals: journals.slice(0, 1) })],
  'a refund that payments never made': ['refunds of payments and orders', () => ({ refunds: [] })],
  'a refund that orders forgot': [
    'refunds of payments and orders',
    ({ orders }) => ({ orders: orders.map((order) => ({ ...order, refunds: [], refundedMinor: 0n })) }),
  ],
  'access that was not opened': [
    'access',
    () => ({ access: { granted: new Set(['line_2']), ended: new Set(['line_2']) } }),
  ],
  'access that was not ended': ['access', ({ access }) => ({ access: { ...access, ended: new Set() } })],
  'access that nobody paid for': [
    'access',
    ({ access }) => ({ access: { ...access, granted: new Set([...access.granted, 'line_9']) } }),
  ],
  'M31: a number that is missing': [
    'invoices',
    ({ invoices }) => ({ invoices: invoices.map((each) => ({ ...each, sequence: each.sequence + 1 })) }),
  ],
  'M31: an invoice cut off at the end': ['invoices', ({ invoices }) => ({ invoices: invoices.slice(0, 1) })],
  'an expectation that was not written': [
    'expectations',
    ({ expectations }) => ({ expectations: expectations.slice(1) }),
  ],
  'a receivable that drifts': [
    'receivable',
    ({ expectations }) => ({ expectations: expectations.map((each) => ({ ...each, amountMinor: 1n })) }),
  ],
  'a journal of settlement that the book has not': [
    'settlement',
    ({ bookings }) => ({ bookings: bookings.map((each) => ({ ...each, journalId: 'jrn_9' })) }),
  ],
  'a line in no place': ['settlement', () => ({ homelessLines: ['lin_1'] })],
  'a payout that is not its statement': [
    'payouts',
    ({ payouts }) => ({ payouts: payouts.map((each) => ({ ...each, amountMinor: 8n })) }),
  ],
  'money on its way that no payout has': ['payouts', () => ({ inTransit: new Map([['2260:usr_1 INR', 7n]]) })],
  'an event that was set aside': ['events set aside', () => ({ deadLetters: ['ledger orders/0@7'] })],
};

describe('the check of all books', () => {
  it('finds nothing where all agree', () => {
    expect(checkMoney(agreeing())).toEqual([]);
  });

  it.each(Object.entries(faults))('finds %s', (_, [check, broken]) => {
    const facts = agreeing();
    const found = checkMoney({ ...facts, ...broken(facts) });
    expect(found.map((finding) => finding.check)).toContain(check);
    expect(found.every(({ ids }) => ids.length > 0)).toBe(true);
  });
});
