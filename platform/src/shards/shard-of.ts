/**
 * Which logical shard a key belongs to. Pure.
 *
 * There are many more logical shards than databases, and their number never changes after the first start: a key keeps its
 * shard for ever, and growing means moving shards to other databases, never splitting one.
 */
import { hash } from 'node:crypto';

/** What fits into the low bits of a position that names its shard. */
export const shardsMax = 1_024;

/** Whether so many shards may be: a power of two, from 1 to `shardsMax`. */
export function mayBeShards(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= shardsMax && (count & (count - 1)) === 0;
}

/** The shard of a key, from 0 on. SHA-256, so that ids that look alike are spread alike on every machine and release. */
export function shardOf(key: string, count: number): number {
  if (!mayBeShards(count)) throw new RangeError(`there may be 1 to ${shardsMax} shards, a power of two, not ${count}`);
  return count === 1 ? 0 : hash('sha256', key, 'buffer').readUInt32BE(0) & (count - 1);
}

const localBits = 10n;

/** A number for the `local`-th thing of a shard that no other shard gives; it says its shard. Both are at least 0. */
export function globalNumber(shard: number, local: bigint): bigint {
  return (local << localBits) | BigInt(shard);
}

export function shardOfNumber(number: bigint): number {
  return Number(number & (BigInt(shardsMax) - 1n));
}

export function localNumber(number: bigint): bigint {
  return number >> localBits;
}
