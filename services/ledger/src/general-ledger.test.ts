import { decimalText } from '@suuupra/platform/money';
import { describe, expect, it } from 'vitest';
import { cell, csvHeader, csvRows } from './general-ledger.ts';
import type { BookedTransfer } from './reader.ts';

const transfer: BookedTransfer = {
  sequence: 7n,
  position: 1,
  journalId: 'jnl_1',
  kind: 'order_paid',
  reference: 'order:ord_1',
  description: 'Order S-1, "paid"',
  currency: 'INR',
  effectiveAtUs: 1_767_225_600_000_001n,
  recordedAtUs: 1_767_225_601_000_000n,
  debit: '1100',
  credit: '2200:usr_1',
  amount: 9_007_199_254_740_993n,
};

describe('the general ledger as CSV', () => {
  it.each([
    [49_900n, 'INR', '499.00'],
    [5n, 'INR', '0.05'],
    [-5n, 'KWD', '-0.005'],
    [499n, 'JPY', '499'],
    [0n, 'USD', '0.00'],
    [9_223_372_036_854_775_807n, 'INR', '92233720368547758.07'],
    [12_345n, 'CLF', '1.2345'],
  ])('M3: writes %s %s as %s', (amount, currency, text) => {
    expect(decimalText(currency, amount)).toBe(text);
  });

  it('has one row for each side, with exact amounts and quoted text', () => {
    expect(csvRows(transfer).split('\r\n')).toEqual([
      '7,1,jnl_1,2026-01-01T00:00:01.000000Z,2026-01-01T00:00:00.000001Z,order_paid,order:ord_1,"Order S-1, ""paid""",1100,Receivable from payment provider,2200:usr_1,INR,90071992547409.93,,,,,',
      '7,1,jnl_1,2026-01-01T00:00:01.000000Z,2026-01-01T00:00:00.000001Z,order_paid,order:ord_1,"Order S-1, ""paid""",2200:usr_1,Payable to instructor,1100,INR,,90071992547409.93,,,,',
      '',
    ]);
    expect(csvRows(transfer, '2200:usr_1').split('\r\n')).toHaveLength(2);
    expect(csvRows(transfer).split('\r\n')[1]?.split(',').length).toBeGreaterThanOrEqual(csvHeader.split(',').length);
  });

  it('L4: shows an exchange with its rate, its source and what stands on the other side', () => {
    const exchange = {
      sold: { currency: 'USD', amount: 10_000n },
      bought: { currency: 'JPY', amount: 14_925n },
      rate: '149.25',
      source: 'bank:quote 7, May',
    };
    const sold: BookedTransfer = { ...transfer, kind: 'exchange_sold', currency: 'USD', amount: 10_000n, exchange };
    expect(csvRows(sold, '1100')).toContain(',USD,100.00,,149.25,"bank:quote 7, May",JPY,14925\r\n');
    const bought: BookedTransfer = { ...sold, kind: 'exchange_bought', currency: 'JPY', amount: 14_925n };
    expect(csvRows(bought, '1100')).toContain(',JPY,14925,,149.25,"bank:quote 7, May",USD,100.00\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@x', '\tx'])('never lets a spreadsheet run %s', (text) => {
    expect(cell(text).replace(/^"/, '')).toMatch(/^'/);
  });
});
