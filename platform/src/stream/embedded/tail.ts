/**
 * The newest records that this process appended itself, so that its own readers need not read them back from the
 * database. They are immutable and kept once they are committed, as the bytes that were written: each reader makes its
 * own of them, as from the database.
 */
import { keyText, type PartitionKey } from './tables.ts';

export interface TailRecord {
  readonly position: bigint;
  readonly type: string;
  /** Of an Envelope. */
  readonly bytes: Uint8Array;
}

export interface Tail {
  /** Takes what was committed, in the order of the positions and without a gap; what else was held may be let go. */
  keep(key: PartitionKey, records: readonly TailRecord[]): void;
  /** At most `limit` records that follow the position without a gap; none when the next one is not held. */
  after(key: PartitionKey, position: bigint, limit: number): readonly TailRecord[];
}

/** Of each partition: two batches of a reader, and with a hundred partitions no more than twelve megabytes. */
const recordsMax = 200;
const bytesMax = 128 * 1_024;

export function createTail(): Tail {
  const tails = new Map<string, readonly TailRecord[]>();
  return {
    keep(key, records) {
      const [first] = records;
      if (first === undefined) return;
      const held = tails.get(keyText(key)) ?? [];
      const last = held.at(-1)?.position ?? 0n;
      // Told late by an appender whose commit came first: a reader that is there finds it in the database.
      if (first.position <= last) return;
      const follows = first.position === last + 1n;
      tails.set(keyText(key), newest(follows ? [...held, ...records] : records));
    },
    after(key, position, limit) {
      const held = tails.get(keyText(key)) ?? [];
      const [first] = held;
      if (first === undefined || position + 1n < first.position) return [];
      const from = Number(position + 1n - first.position);
      return held.slice(from, from + limit);
    },
  };
}

/** As many of the last ones as there is room for. */
function newest(records: readonly TailRecord[]): readonly TailRecord[] {
  let from = records.length;
  for (let bytes = 0; from > 0 && records.length - from < recordsMax; from -= 1) {
    bytes += records[from - 1]?.bytes.byteLength ?? 0;
    if (bytes > bytesMax) break;
  }
  return records.slice(from);
}
