import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import type { BankInstruction } from './bank.ts';
import { type PayoutFileInput, pain001, payoutFiles } from './payout-file.ts';
import { germanAccount, indianAccount } from './testing.ts';

function instruction(n: number, given: Partial<BankInstruction> = {}): BankInstruction {
  return {
    endToEndId: `pyt-${n}`,
    currency: 'INR',
    amountMinor: 9_007_199_254_740_993n,
    destination: indianAccount(`12345678000${n}`),
    ...given,
  };
}

const input: PayoutFileInput = {
  batchId: 'pbt_1',
  currency: 'INR',
  createdAtMs: Date.UTC(2026, 10, 22, 12),
  instructions: [instruction(1), instruction(2, { destination: { method: 'upi', holder: 'A & B', vpa: 'ab@bank' } })],
};

/** The text of each element by its name, read as XML is read. */
function elements(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const parser = new SaxesParser();
  const open: { name: string; text: string }[] = [];
  parser.on('opentag', ({ name }) => void open.push({ name, text: '' }));
  parser.on('text', (piece) => {
    const last = open.at(-1);
    if (last !== undefined) last.text += piece;
  });
  parser.on('closetag', () => {
    const closed = open.pop();
    if (closed !== undefined) found.set(closed.name, [...(found.get(closed.name) ?? []), closed.text]);
  });
  parser.write(text).close();
  return found;
}

describe('payout files', () => {
  it('S7: pain.001 is well-formed, names each payout, and its control sums are exact above 2^53', () => {
    const read = elements(pain001(input));
    expect(read.get('EndToEndId')).toEqual(['pyt-1', 'pyt-2']);
    expect(read.get('InstdAmt')).toEqual(['90071992547409.93', '90071992547409.93']);
    expect(read.get('CtrlSum')).toEqual(['180143985094819.86', '180143985094819.86']);
    expect(read.get('NbOfTxs')).toEqual(['2', '2']);
    expect(read.get('Nm')).toContain('A & B');
  });

  it.each([
    ['JPY', 1_500n, '1500'],
    ['INR', 1_500n, '15.00'],
    ['KWD', 1_500n, '1.500'],
  ])('writes %s with its decimals', (currency, amountMinor, text) => {
    const destination = currency === 'INR' ? indianAccount('123456789') : germanAccount;
    const given = { ...input, currency, instructions: [instruction(1, { currency, amountMinor, destination })] };
    expect(elements(pain001(given)).get('CtrlSum')).toEqual([text, text]);
    const formats = payoutFiles(given).map(({ format }) => format);
    expect(formats).toEqual(currency === 'INR' ? ['pain_001', 'csv', 'nach_csv'] : ['pain_001', 'csv']);
  });

  it('M32: the same batch gives the same bytes', () => {
    expect(payoutFiles(structuredClone(input))).toEqual(payoutFiles(input));
  });

  it('the CSV ends with the total', () => {
    const csv = payoutFiles(input).find(({ format }) => format === 'csv')?.content ?? '';
    expect(csv.trimEnd().split('\r\n').at(-1)).toBe('total,INR,180143985094819.86,,,,');
  });
});
