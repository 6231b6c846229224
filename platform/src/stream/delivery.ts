/** How a group is given the records of one partition: in order, again when it fails, and what becomes of those that never succeed. */
import { setTimeout as delay } from 'node:timers/promises';
import { SqlFault } from '../sql/sql.ts';
import type { LogFields, Telemetry } from '../telemetry/telemetry.ts';
import { backOffMs } from './bell.ts';
import type { ConsumeOptions, StreamRecord } from './stream.ts';

export interface RetryLimits {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** With eight tries the last comes 16 to 32 seconds after the first. */
export const defaultRetry: RetryLimits = { firstMs: 250, mostMs: 30_000 };
export const defaultTriesMax = 8;
export const defaultBatchMax = 100;

/** A record as it was read. */
export interface ReadRecord {
  readonly record: StreamRecord;
  /** Why no handler may see it; it goes to the dead letters. */
  readonly unfit: string | undefined;
}

export interface Delivery {
  readonly options: ConsumeOptions;
  readonly telemetry: Telemetry;
  readonly retry: RetryLimits;
  readonly random: () => number;
  /** Aborted when the partition is no longer ours, or the member stops: what is under way is finished, no more is begun. */
  readonly signal: AbortSignal;
  /** The group has passed this position. */
  note(position: bigint): void;
  /** Durably counts a failed try of the record. */
  countTry(record: StreamRecord, tries: number): Promise<void>;
  /** Durably puts the record aside and passes it. */
  bury(record: StreamRecord, error: unknown): Promise<void>;
}

/** True when every record was handled or put aside; false when the signal came in between. Positions are noted. */
export async function deliver(way: Delivery, read: readonly ReadRecord[]): Promise<boolean> {
  for (let from = 0; from < read.length; ) {
    const unfit = read.findIndex((one, index) => index >= from && one.unfit !== undefined);
    const until = unfit === -1 ? read.length : unfit;
    const fit = read.slice(from, until).map(({ record }) => record);
    if (!(await deliverFit(way, fit))) return false;
    const aside = read[until];
    if (aside !== undefined) {
      if (way.signal.aborted) return false;
      await putAside(way, aside.record, new Error(aside.unfit), fieldsOf(way, aside.record));
    }
    from = until + 1;
  }
  return true;
}

async function deliverFit(way: Delivery, records: readonly StreamRecord[]): Promise<boolean> {
  const [first] = records;
  if (first === undefined) return true;
  if (way.signal.aborted) return false;
  // What failed before, or is alone, needs no try in company: it would only fail its neighbours.
  if (records.length > 1 && first.tries === 0) {
    try {
      await way.options.handle(records);
      way.note(records.at(-1)?.position ?? first.position);
      return true;
    } catch (error) {
      const { group } = way.options;
      const { topic, partition } = first;
      way.telemetry.log.warn('a batch failed; its events are tried one by one', { error, group, topic, partition });
    }
  }
  for (const record of records) {
    if (way.signal.aborted || !(await deliverOne(way, record))) return false;
    way.note(record.position);
  }
  return true;
}

async function deliverOne(way: Delivery, record: StreamRecord): Promise<boolean> {
  const { options, telemetry } = way;
  let { tries } = record;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await options.handle([{ ...record, tries }]);
      return true;
    } catch (error) {
      const fields = { error, ...fieldsOf(way, record) };
      if (isOutage(error)) {
        telemetry.log.warn('an event waits for its database', fields);
      } else {
        tries += 1;
        if (tries >= (options.triesMax ?? defaultTriesMax)) {
          await putAside(way, record, error, fields);
          return true;
        }
        await way.countTry(record, tries);
        telemetry.log.warn('an event could not be applied; it is tried again', { ...fields, tries });
      }
    }
    await pause(backOffMs(attempt, way.retry.firstMs, way.retry.mostMs, way.random), way.signal);
    if (way.signal.aborted) return false;
  }
}

function fieldsOf(way: Delivery, { envelope }: StreamRecord): LogFields {
  return { group: way.options.group, type: envelope.type, event: envelope.id };
}

async function putAside(way: Delivery, record: StreamRecord, error: unknown, fields: LogFields): Promise<void> {
  await way.bury(record, error);
  way.telemetry.log.error('an event went to the dead letters', { error, ...fields });
  way.telemetry
    .counter('suuupra_dead_letters_total', 'Events given up on', ['consumer', 'topic'])
    .inc({ consumer: way.options.group, topic: record.topic });
}

/** The record is not to blame when the database is away, or lost a race: such failures are not counted against it. */
function isOutage(error: unknown): boolean {
  return error instanceof SqlFault && ['unavailable', 'commit_unknown', 'retryable'].includes(error.kind);
}

/** Waits, but not beyond the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
