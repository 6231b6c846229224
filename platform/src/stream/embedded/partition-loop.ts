/** One group's way through one partition: wait, read, handle, note the position; and what happens when handling fails. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Sql, SqlFault } from '../../sql/sql.ts';
import type { LogFields, Telemetry } from '../../telemetry/telemetry.ts';
import { backOffMs } from '../bell.ts';
import type { ConsumeOptions, StreamRecord } from '../stream.ts';
import type { Heads } from './heads.ts';
import { readLog } from './log.ts';
import type { Offset, Offsets } from './offsets.ts';
import type { PartitionKey } from './tables.ts';

export interface RetryLimits {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** With eight tries the last comes 16 to 32 seconds after the first. */
export const defaultRetry: RetryLimits = { firstMs: 250, mostMs: 30_000 };
export const defaultTriesMax = 8;
export const defaultBatchMax = 100;

export interface LoopParts {
  readonly sql: Sql;
  readonly heads: Heads;
  readonly offsets: Offsets;
  readonly telemetry: Telemetry;
  readonly retry: RetryLimits;
  readonly random: () => number;
}

/** Runs until the signal is aborted, then finishes what is under way. Never throws. */
export async function runPartition(
  parts: LoopParts,
  options: ConsumeOptions,
  key: PartitionKey,
  signal: AbortSignal,
): Promise<void> {
  const way = { parts, options, key, signal };
  let at: Offset | undefined;
  for (let failures = 0; !signal.aborted; ) {
    try {
      at ??= await parts.offsets.load(options.group, key);
      await parts.heads.past(key, at.position, signal);
      if (signal.aborted) return;
      at = await takeBatch(way, at);
      failures = 0;
    } catch (error) {
      failures += 1;
      parts.telemetry.log.warn('the stream did not answer; trying again', { error, group: options.group, ...key });
      await pause(backOffMs(failures, parts.retry.firstMs, parts.retry.mostMs, parts.random), signal);
    }
  }
}

interface Way {
  readonly parts: LoopParts;
  readonly options: ConsumeOptions;
  readonly key: PartitionKey;
  readonly signal: AbortSignal;
}

async function takeBatch(way: Way, at: Offset): Promise<Offset> {
  const { parts, options, key } = way;
  // Taken before the read: all records up to it are committed and would be seen, so a gap is one left by pruning.
  const head = parts.heads.at(key);
  const slice = await readLog(parts.sql, key, at.position, options.batchMax ?? defaultBatchMax, [...options.types]);
  const [first, ...rest] = slice.records;
  const records = first === undefined ? [] : [{ ...first, tries: at.tries }, ...rest];
  if (!(await deliver(way, records))) return at;
  const last = slice.last ?? head;
  const position = slice.full || last > head ? last : head;
  parts.offsets.note(options.group, key, position);
  return { position, tries: 0 };
}

/** True when every record was handled or put aside; false when the loop was told to stop in between. */
async function deliver(way: Way, records: readonly StreamRecord[]): Promise<boolean> {
  const [first] = records;
  if (first === undefined) return true;
  // What failed before, or is alone, needs no try in company: it would only fail its neighbours.
  if (records.length > 1 && first.tries === 0) {
    try {
      await way.options.handle(records);
      return true;
    } catch (error) {
      const { group } = way.options;
      way.parts.telemetry.log.warn('a batch failed; its events are tried one by one', { error, group, ...way.key });
    }
  }
  for (const record of records) {
    if (way.signal.aborted || !(await deliverOne(way, record))) return false;
    way.parts.offsets.note(way.options.group, way.key, record.position);
  }
  return true;
}

async function deliverOne(way: Way, record: StreamRecord): Promise<boolean> {
  const { parts, options } = way;
  let { tries } = record;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await options.handle([{ ...record, tries }]);
      return true;
    } catch (error) {
      const fields = { error, group: options.group, type: record.envelope.type, event: record.envelope.id };
      if (isOutage(error)) {
        parts.telemetry.log.warn('an event waits for its database', fields);
      } else {
        tries += 1;
        if (tries >= (options.triesMax ?? defaultTriesMax)) {
          await putAside(way, record, error, fields);
          return true;
        }
        await parts.offsets.countTry(options.group, record, tries);
        parts.telemetry.log.warn('an event could not be applied; it is tried again', { ...fields, tries });
      }
    }
    await pause(backOffMs(attempt, parts.retry.firstMs, parts.retry.mostMs, parts.random), way.signal);
    if (way.signal.aborted) return false;
  }
}

async function putAside(way: Way, record: StreamRecord, error: unknown, fields: LogFields): Promise<void> {
  const { parts, options } = way;
  await parts.offsets.bury(options.group, record, error);
  parts.telemetry.log.error('an event went to the dead letters', fields);
  parts.telemetry
    .counter('suuupra_dead_letters_total', 'Events given up on', ['consumer', 'topic'])
    .inc({ consumer: options.group, topic: record.topic });
}

/** The record is not to blame when the database is away, or lost a race: such failures are not counted against it. */
function isOutage(error: unknown): boolean {
  return error instanceof SqlFault && ['unavailable', 'commit_unknown', 'retryable'].includes(error.kind);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
