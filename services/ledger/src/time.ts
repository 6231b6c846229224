/** The ledger's times: microseconds since the epoch as bigint, exact in every engine and in the hash chain. */
import type { Timestamp } from '@bufbuild/protobuf/wkt';

export interface TimestampParts {
  readonly seconds: bigint;
  readonly nanos: number;
}

export function microsecondsOf(timestamp: Pick<Timestamp, 'seconds' | 'nanos'>): bigint {
  return timestamp.seconds * 1_000_000n + BigInt(Math.floor(timestamp.nanos / 1_000));
}

export function timestampOf(microseconds: bigint): TimestampParts {
  const seconds = microseconds / 1_000_000n - (microseconds < 0n && microseconds % 1_000_000n !== 0n ? 1n : 0n);
  return { seconds, nanos: Number(microseconds - seconds * 1_000_000n) * 1_000 };
}
