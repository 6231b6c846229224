import { describe, expect, it } from 'vitest';
import { createTail, type TailRecord } from './tail.ts';

const key = { topic: 'orders', partition: 3 };

function records(from: number, to: number, bytes = 1): TailRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    position: BigInt(from + index),
    type: 'test.v1.Happened',
    bytes: new Uint8Array(bytes),
  }));
}

describe('the tail of a partition', () => {
  const positions = (found: readonly TailRecord[]) => found.map((record) => Number(record.position));

  it('gives what follows a position, at most as many as asked for', () => {
    const tail = createTail();
    tail.keep(key, records(5, 6));
    tail.keep(key, records(7, 9));
    expect(positions(tail.after(key, 4n, 10))).toEqual([5, 6, 7, 8, 9]);
    expect(positions(tail.after(key, 6n, 2))).toEqual([7, 8]);
    expect(tail.after(key, 9n, 10)).toEqual([]);
    expect(tail.after({ ...key, partition: 4 }, 4n, 10)).toEqual([]);
  });

  it('gives nothing when the next record is not held: another process may have appended it', () => {
    const tail = createTail();
    tail.keep(key, records(5, 6));
    expect(tail.after(key, 3n, 10)).toEqual([]);
    tail.keep(key, records(8, 8));
    expect(tail.after(key, 6n, 10)).toEqual([]);
    expect(positions(tail.after(key, 7n, 10))).toEqual([8]);
  });

  it('passes over what it is told late, and never gives it in the wrong place', () => {
    const tail = createTail();
    tail.keep(key, records(2, 2));
    tail.keep(key, records(1, 1));
    expect(tail.after(key, 0n, 10)).toEqual([]);
    expect(positions(tail.after(key, 1n, 10))).toEqual([2]);
  });

  it('lets the oldest go when there are too many, or too large ones', () => {
    const tail = createTail();
    tail.keep(key, records(1, 1_000));
    expect(positions(tail.after(key, 800n, 1_000))).toHaveLength(200);
    expect(tail.after(key, 799n, 1)).toEqual([]);
    tail.keep(key, records(1_001, 1_003, 60_000));
    expect(positions(tail.after(key, 1_001n, 10))).toEqual([1_002, 1_003]);
    tail.keep(key, records(1_004, 1_004, 1_000_000));
    expect(tail.after(key, 1_003n, 10)).toEqual([]);
  });
});
