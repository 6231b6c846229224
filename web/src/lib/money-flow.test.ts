import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from '../api/types.ts';
import { flowsOf } from './money-flow.ts';

function journal(debits: readonly bigint[], credits: readonly bigint[]): Entry {
  const leg = (side: 'debit' | 'credit') => (amount: bigint, index: number) => ({
    account: `${side}-${index}`,
    accountName: `${side} ${index}`,
    [side]: { currency: 'INR', amountMinor: amount.toString() },
  });
  const legs = [...debits.map(leg('debit')), ...credits.map(leg('credit'))];
  return { id: 'e', reference: '', kind: 'order_paid', description: '', cause: '', sequence: '1', legs };
}

/** Cuts a total into as many positive parts as there are cuts, and one. */
function parts(total: bigint, cuts: readonly number[]): bigint[] {
  const places = [...new Set(cuts.map((cut) => (BigInt(cut) * total) / 1000n))].filter((at) => at > 0n && at < total);
  const ends = [...places, total].sort((a, b) => (a < b ? -1 : 1));
  return ends.map((end, index) => end - (ends[index - 1] ?? 0n));
}

test('ribbons carry exactly what each account was debited and credited', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.bigInt(1n, 10n ** 12n), cuts, cuts, (total, left, right) => {
      const [flow] = flowsOf(journal(parts(total, left), parts(total, right)));
      for (const side of ['left', 'right'] as const) {
        flow?.[side].forEach((node, index) => {
          const end = side === 'left' ? 'from' : 'to';
          const carried = flow.ribbons.filter((ribbon) => ribbon[end] === index);
          expect(carried.reduce((sum, ribbon) => sum + ribbon.amountMinor, 0n)).toBe(node.amountMinor);
        });
      }
    }),
  );
});

test('each currency has a picture of its own', () => {
  const entry = journal([100n], [100n]);
  const dollars = { currency: 'USD', amountMinor: '7' };
  entry.legs.push(
    { account: 'a', accountName: '', debit: dollars },
    { account: 'b', accountName: '', credit: dollars },
  );
  expect(flowsOf(entry).map((flow) => flow.currency)).toEqual(['INR', 'USD']);
});
