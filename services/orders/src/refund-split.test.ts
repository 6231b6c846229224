import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate } from './allocation.ts';
import { taxInsideMinor } from './price.ts';
import { leftMinor, type RefundableLine, type RefundPart, spreadRefund, wholeLines } from './refund-split.ts';

// Small ones too: there the rounding of the tax has the least room.
const amount = fc.oneof(fc.bigInt({ min: 0n, max: 10_000_000n }), fc.bigInt({ min: 0n, max: 40n }));

describe('an amount split by weights', () => {
  it('adds up, and gives nobody more than their weight', () => {
    const weighted = fc
      .array(amount, { minLength: 1, maxLength: 20 })
      .chain((weights) =>
        fc.tuple(fc.bigInt({ min: 0n, max: weights.reduce((a, b) => a + b, 0n) }), fc.constant(weights)),
      );
    fc.assert(
      fc.property(weighted, ([total, weights]) => {
        const shares = allocate(total, weights);
        expect(shares.reduce((a, b) => a + b, 0n)).toBe(total);
        for (const [index, share] of shares.entries()) {
          const weight = weights[index] ?? 0n;
          expect(share >= 0n && share <= weight).toBe(true);
        }
      }),
    );
  });
  it('gives the largest remainder the unit that is over, and the earlier of equals', () => {
    expect(
      allocate(
        100n,
        [1n, 1n, 1n].map((n) => n * 50n),
      ),
    ).toEqual([34n, 33n, 33n]);
    expect(allocate(10n, [70n, 20n, 10n])).toEqual([7n, 2n, 1n]);
    expect(allocate(5n, [10n, 29n, 61n])).toEqual([1n, 1n, 3n]);
    expect(() => allocate(4n, [1n, 2n])).toThrow();
  });
});

/** A book of refunds of some lines: parts are taken, and some given back when their refund fails. */
interface Book {
  readonly lines: RefundableLine[];
  readonly taken: { part: RefundPart; line: number }[];
}

function take(book: Book, parts: readonly RefundPart[]): void {
  for (const part of parts) {
    const at = book.lines.findIndex((line) => line.lineId === part.lineId);
    book.taken.push({ part, line: at });
    change(book, at, part, 1n);
  }
}

function change(book: Book, at: number, part: RefundPart, sign: bigint): void {
  const line = book.lines[at];
  if (line === undefined) throw new Error('no such line');
  book.lines[at] = {
    ...line,
    takenGrossMinor: line.takenGrossMinor + sign * part.grossMinor,
    takenTaxMinor: line.takenTaxMinor + sign * part.taxMinor,
  };
}

describe('partial refunds', () => {
  it('carry no tax below nothing when the refund that left the tax to them has failed', () => {
    const line = { lineId: 'line_1', grossMinor: 10n, taxMinor: 1n };
    // 4 of 10 went with no tax and failed; 2 went with the unit of tax.
    const [part] = spreadRefund([{ ...line, takenGrossMinor: 2n, takenTaxMinor: 1n }], 1n);
    expect(part).toEqual({ lineId: 'line_1', grossMinor: 1n, taxMinor: 0n });
    // 9 of 10 are taken without tax: what is left is the tax.
    const [last] = spreadRefund([{ ...line, takenGrossMinor: 9n, takenTaxMinor: 0n }], 1n);
    expect(last).toEqual({ lineId: 'line_1', grossMinor: 1n, taxMinor: 1n });
  });

  it('add up to each line and its tax exactly, in every order, also when some fail in between', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('amount' as const), share: fc.integer({ min: 1, max: 1_000 }) }),
      fc.record({ kind: fc.constant('fail' as const), share: fc.integer({ min: 0, max: 1_000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 1, maxLength: 6 }),
        fc.array(step, { maxLength: 25 }),
        (prices, steps) => {
          const book: Book = {
            taken: [],
            lines: prices.map((price, index) => ({
              lineId: `line_${index}`,
              grossMinor: price,
              taxMinor: taxInsideMinor('INR', price),
              takenGrossMinor: 0n,
              takenTaxMinor: 0n,
            })),
          };
          const left = () => book.lines.reduce((sum, line) => sum + leftMinor(line), 0n);
          for (const { kind, share } of steps) {
            if (kind === 'amount') {
              const wanted = (left() * BigInt(share)) / 1_000n;
              const parts = spreadRefund(book.lines, wanted);
              expect(parts.reduce((sum, part) => sum + part.grossMinor, 0n)).toBe(wanted);
              for (const part of parts) expect(part.taxMinor >= 0n && part.taxMinor <= part.grossMinor).toBe(true);
              take(book, parts);
            } else if (book.taken.length > 0) {
              const [failed] = book.taken.splice(share % book.taken.length, 1);
              if (failed !== undefined) change(book, failed.line, failed.part, -1n);
            }
          }
          take(book, wholeLines(book.lines));
          for (const line of book.lines) {
            expect(line.takenGrossMinor).toBe(line.grossMinor);
            expect(line.takenTaxMinor).toBe(line.taxMinor);
          }
        },
      ),
    );
  });
});
