import { expect, test } from 'vitest';
import type { PayoutStatementLine } from '../api/types.ts';
import { whatDiffers } from './statement-check.ts';

const line = (number: number, change: Partial<PayoutStatementLine>): PayoutStatementLine => ({
  number,
  kind: 'sale',
  journalId: '',
  sequence: '1',
  description: '',
  orderId: '',
  courseTitle: '',
  grossMinor: '0',
  taxMinor: '0',
  feeMinor: '0',
  shareMinor: '0',
  amountMinor: '0',
  balanceMinor: '0',
  ...change,
});

const sale = { grossMinor: '11800', taxMinor: '1800', feeMinor: '2000', shareMinor: '8000', amountMinor: '8000' };
const good = [
  line(1, { ...sale, balanceMinor: '9007199254741992' }),
  line(2, { kind: 'tds', amountMinor: '-118', balanceMinor: '9007199254741874' }),
];
const statement = { openingMinor: '9007199254733992', closingMinor: '9007199254741874' };

test('a statement beyond 2^53 adds up to the last paisa', () => {
  expect(whatDiffers(statement, good)).toBeUndefined();
});

test.each([
  ['a line whose parts are not its gross', [{ ...good[0], feeMinor: '2001' }, good[1]], /^Line 1: tax/],
  ['a running balance that is off by one', [good[0], { ...good[1], balanceMinor: '9007199254741875' }], /^Line 2/],
  ['a line that is missing', [good[0]], /closing balance/],
])('%s is named', (_, lines, says) => {
  expect(whatDiffers(statement, lines as PayoutStatementLine[])).toMatch(says);
});
