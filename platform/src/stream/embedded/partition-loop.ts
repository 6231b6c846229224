/** One group's way through one partition: wait, read, handle, note the position. */
import type { Sql } from '../../sql/sql.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { backOffMs } from '../bell.ts';
import { type Delivery, defaultBatchMax, deliver, pause, type RetryLimits } from '../delivery.ts';
import type { RecordCheck } from '../record-check.ts';
import type { ConsumeOptions } from '../stream.ts';
import type { Heads } from './heads.ts';
import { readLog, readTail } from './log.ts';
import type { Offset, Offsets } from './offsets.ts';
import type { PartitionKey } from './tables.ts';
import type { Tail } from './tail.ts';

export interface LoopParts {
  readonly sql: Sql;
  readonly heads: Heads;
  readonly tail: Tail;
  readonly offsets: Offsets;
  readonly telemetry: Telemetry;
  readonly retry: RetryLimits;
  readonly random: () => number;
  readonly check: RecordCheck;
}

/** Runs until the signal is aborted, then finishes what is under way. Never throws. */
export async function runPartition(
  parts: LoopParts,
  options: ConsumeOptions,
  key: PartitionKey,
  signal: AbortSignal,
): Promise<void> {
  const { offsets } = parts;
  const way: Delivery = {
    ...parts,
    options,
    signal,
    note: (position) => offsets.note(options.group, key, position),
    countTry: (record, tries) => offsets.countTry(options.group, record, tries),
    bury: (record, error) => offsets.bury(options.group, record, error),
  };
  let at: Offset | undefined;
  for (let failures = 0; !signal.aborted; ) {
    try {
      at ??= await offsets.load(options.group, key);
      await parts.heads.past(key, at.position, signal);
      if (signal.aborted) return;
      at = await takeBatch(parts, way, key, at);
      failures = 0;
    } catch (error) {
      failures += 1;
      parts.telemetry.log.warn('the stream did not answer; trying again', { error, group: options.group, ...key });
      await pause(backOffMs(failures, parts.retry.firstMs, parts.retry.mostMs, parts.random), signal);
    }
  }
}

async function takeBatch(parts: LoopParts, way: Delivery, key: PartitionKey, at: Offset): Promise<Offset> {
  const { batchMax, types } = way.options;
  // Taken before the read: all records up to it are committed and would be seen, so a gap is one left by pruning.
  const head = parts.heads.at(key);
  const limit = batchMax ?? defaultBatchMax;
  const tail = parts.tail.after(key, at.position, limit);
  const slice =
    tail.length > 0
      ? readTail(key, tail, types, parts.check)
      : await readLog(parts.sql, key, at.position, limit, [...types], parts.check);
  const [first, ...rest] = slice.records;
  const records = first === undefined ? [] : [{ ...first, record: { ...first.record, tries: at.tries } }, ...rest];
  if (!(await deliver(way, records))) return at;
  const last = slice.last ?? head;
  const position = slice.full || last > head ? last : head;
  way.note(position);
  return { position, tries: 0 };
}
