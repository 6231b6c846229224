import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  disputeOpened,
  latePaymentReceived,
  latePaymentReturned,
  lineRefunded,
  orderPaid,
  proportion,
  refundParts,
  type SaleLine,
  type SoldLine,
  splitNet,
} from './journals.ts';

const line: SaleLine = {
  lineId: 'line_1',
  courseId: 'crs_1',
  courseTitle: 'Double entry',
  instructorId: 'usr_9',
  gross: 49_900n,
  tax: 7_612n,
  net: 42_288n,
};

function sold(net: bigint, tax: bigint): SoldLine {
  const none = { tax: 0n, net: 0n, fee: 0n, share: 0n };
  const amounts = { gross: net + tax, tax, net, ...splitNet(net), refunded: none };
  return { ...line, ...amounts, orderId: 'ord_1', currency: 'INR', soldBy: 1n, soldAtUs: 0n };
}

describe('orderPaid', () => {
  it('debits the receivable for tax, fee and share of each line', () => {
    expect(orderPaid([line])).toEqual([
      { debit: '1100', credit: '2100', amount: 7_612n },
      { debit: '1100', credit: '4100', amount: 8_458n },
      { debit: '1100', credit: '2200:usr_9', amount: 33_830n },
    ]);
  });

  it('leaves out transfers of nothing', () => {
    expect(orderPaid([{ ...line, gross: 2n, tax: 0n, net: 2n }])).toEqual([
      { debit: '1100', credit: '2200:usr_9', amount: 2n },
    ]);
    expect(orderPaid([{ ...line, gross: 0n, tax: 0n, net: 0n }])).toEqual([]);
  });
});

describe('splitNet', () => {
  it.each([
    [0n, 0n],
    [1n, 0n],
    [2n, 0n],
    [3n, 1n],
    [7n, 1n],
    [8n, 2n],
    [100n, 20n],
    [9_007_199_254_740_993n, 1_801_439_850_948_199n],
  ])('of %s gives a fee of %s, rounded half up, and the rest as share', (net, fee) => {
    expect(splitNet(net)).toEqual({ fee, share: net - fee });
  });

  it('rounds a half up', () => {
    expect(proportion(5n, 1n, 2n)).toBe(3n);
  });
});

describe('refundParts', () => {
  it('gives back exactly the parts of the sale, over any partial refunds', () => {
    const parts = fc.array(fc.bigInt({ min: 0n, max: 1_000_000n }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(parts, fc.bigInt({ min: 0n, max: 100_000n }), (nets, tax) => {
        const net = nets.reduce((sum, part) => sum + part, 0n);
        let rest = sold(net, tax);
        const sums = { tax: 0n, fee: 0n, share: 0n };
        nets.forEach((part, index) => {
          const taxNow = index === nets.length - 1 ? tax : 0n;
          const found = refundParts(rest, { lineId: 'line_1', net: part, tax: taxNow, gross: part + taxNow });
          if (found === undefined) throw new Error('a refund within the line is accepted');
          expect(found.fee).toBeGreaterThanOrEqual(0n);
          expect(found.share).toBeGreaterThanOrEqual(0n);
          expect(found.fee + found.share).toBe(part);
          sums.tax += found.tax;
          sums.fee += found.fee;
          sums.share += found.share;
          rest = found.line;
        });
        expect(sums).toEqual({ tax, fee: rest.fee, share: rest.share });
      }),
    );
  });

  it('refuses more than was sold, of net or of tax', () => {
    const rest = sold(100n, 18n);
    expect(refundParts(rest, { lineId: 'line_1', net: 101n, tax: 0n, gross: 101n })).toBeUndefined();
    expect(refundParts(rest, { lineId: 'line_1', net: 0n, tax: 19n, gross: 19n })).toBeUndefined();
  });

  it('reverses the sale', () => {
    const all = refundParts(sold(42_288n, 7_612n), { lineId: 'line_1', net: 42_288n, tax: 7_612n, gross: 49_900n });
    if (all === undefined) throw new Error('the whole line can go back');
    const reversed = orderPaid([line]).map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount }));
    expect(lineRefunded(all)).toEqual(reversed);
  });
});

it('books a dispute, and a late payment both ways', () => {
  expect(disputeOpened(5n)).toEqual([{ debit: '1150', credit: '1100', amount: 5n }]);
  expect(latePaymentReceived(5n)).toEqual([{ debit: '1100', credit: '2300', amount: 5n }]);
  expect(latePaymentReturned(5n)).toEqual([{ debit: '2300', credit: '1100', amount: 5n }]);
});
