/** Every field of a batch is in its hash, told apart from its neighbours (M12), and books of format 1 keep theirs (C18). */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Batch, batchBytes, batchHash, genesisHash, type Journal, type RejectedCommand } from './chain.ts';

const transfer = { debit: '1100', credit: '2200:ann', amount: 7n };
const journal: Journal = {
  ...{ sequence: 3n, id: 'jnl_3', kind: 'adjustment', cause: 'c', reference: 'r', description: 'd', currency: 'INR' },
  ...{ effectiveAtUs: 5n, transfers: [transfer], holds: [transfer], expiresAtUs: 11n, template: 'adjustment@1' },
  ...{ details: '{"a":"b"}', resolves: 1n, reverses: 2n },
};
const rejected: RejectedCommand = {
  ...{ kind: 'k', cause: 'c', reference: 'r', reason: 'limit_exceeded', detail: 'd', request: '{}', isFinal: true },
};
const batch: Batch = { sequence: 2n, epoch: 4n, recordedAtUs: 6n, journals: [journal], rejected: [rejected] };

/** Each value of the record changed by itself: texts grow, numbers grow, flags turn. */
function changes<T extends object>(record: T): T[] {
  return Object.entries(record).flatMap(([name, value]: [string, unknown]): T[] => {
    if (typeof value === 'string')
      return [
        { ...record, [name]: `${value}x` },
        { ...record, [name]: '' },
      ];
    if (typeof value === 'bigint') return [{ ...record, [name]: value + 1n }];
    if (typeof value === 'boolean') return [{ ...record, [name]: !value }];
    if (!Array.isArray(value)) return [];
    const inner = value.flatMap((one: object) => changes(one).map((other) => [other]));
    return [[], [...value, ...value], ...inner].map((list) => ({ ...record, [name]: list }));
  });
}

const hex = (previous: Uint8Array, of: Batch) => Buffer.from(batchHash(previous, of)).toString('hex');

it('M12: whatever field of a batch, journal, transfer, hold or refused command is changed, the hash is another', () => {
  const all = [batch, ...changes(batch)];
  expect(all.length).toBeGreaterThan(50);
  const hashes = all.map((one) => hex(genesisHash, one));
  expect(new Set(hashes).size).toBe(all.length);
  expect(hashes).not.toContain(hex(new Uint8Array(32).fill(1), batch));
});

it('M12: text that moves over the border of two fields is another batch', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 90 });
  fc.assert(
    fc.property(text, text, fc.nat(90), (reference, description, at) => {
      const whole = reference + description;
      const moved = { reference: whole.slice(0, at), description: whole.slice(at) };
      fc.pre(moved.reference !== reference && whole.isWellFormed() && moved.reference.isWellFormed());
      const [one, other] = [{ reference, description }, moved].map((fields) => ({
        ...batch,
        journals: [{ ...journal, ...fields }],
      }));
      expect(hex(genesisHash, one as Batch)).not.toBe(hex(genesisHash, other as Batch));
    }),
  );
});

it('M12: the bytes are texts with their length before them in UTF-8, and numbers of 8 bytes, whatever their size', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 100 });
  const number = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    return bytes;
  };
  fc.assert(
    fc.property(text, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (description, effectiveAtUs) => {
      const one = { ...batch, format: 1, journals: [{ ...journal, description, effectiveAtUs }] };
      const texts = [journal.id, journal.kind, journal.cause, journal.reference, description, journal.currency];
      const parts = [1n, 2n, 4n, 6n, 1n, 3n].map(number);
      const sized = (each: string) => [number(BigInt(Buffer.byteLength(each))), Buffer.from(each)];
      parts.push(...texts.flatMap(sized), number(effectiveAtUs), number(1n));
      parts.push(...['1100', '2200:ann'].flatMap(sized), number(7n));
      expect(batchBytes(one).equals(Buffer.concat(parts))).toBe(true);
    }),
  );
});

it('C18: a batch hashes as when its format was first written', () => {
  const digest = (format: number) =>
    createHash('sha256')
      .update(hex(genesisHash, { ...batch, format }))
      .digest('hex');
  expect([1, 2].map((format) => digest(format).slice(0, 16))).toEqual(['40bffcf52b95fa51', '3bd4497661a1e6a6']);
});
