/** Parts of a refund follow the line in proportion at every step, and not only in the end (M25). */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { divideHalfUp } from './price.ts';
import { leftMinor, type RefundableLine, spreadRefund } from './refund-split.ts';

const minor = (max: bigint) => fc.bigInt({ min: 1n, max });

it('M25: after any partial refunds the tax that went back is the tax of what went back, rounded once', () => {
  fc.assert(
    fc.property(
      minor(5_000_000n),
      fc.nat(100),
      fc.array(minor(1_000n), { maxLength: 40 }),
      (gross, percent, shares) => {
        const tax = (gross * BigInt(percent)) / 100n;
        const half = tax / 2n;
        let line: RefundableLine = {
          ...{ lineId: 'a', grossMinor: gross, taxMinor: tax, takenGrossMinor: 0n, takenTaxMinor: 0n },
          taxes: [
            { kind: 'cgst', amountMinor: half, takenMinor: 0n },
            { kind: 'sgst', amountMinor: tax - half, takenMinor: 0n },
          ],
        };
        for (const share of shares) {
          const [part] = spreadRefund([line], (leftMinor(line) * share) / 1_000n);
          if (part === undefined) continue;
          line = {
            ...line,
            takenGrossMinor: line.takenGrossMinor + part.grossMinor,
            takenTaxMinor: line.takenTaxMinor + part.taxMinor,
            taxes: (line.taxes ?? []).map((each, index) => ({
              ...each,
              takenMinor: each.takenMinor + (part.taxes?.[index]?.amountMinor ?? 0n),
            })),
          };
          expect(line.takenTaxMinor).toBe(divideHalfUp(tax * line.takenGrossMinor, gross));
          const [central, state] = (line.taxes ?? []).map((each) => each.takenMinor);
          expect((central ?? 0n) + (state ?? 0n)).toBe(line.takenTaxMinor);
          expect(central).toBe(tax === 0n ? 0n : divideHalfUp(half * line.takenTaxMinor, tax));
        }
      },
    ),
  );
});
