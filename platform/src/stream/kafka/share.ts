/** One partition that a member reads: what was fetched of it, and the way of the group through it. */
import { backOffMs, createBell } from '../bell.ts';
import { type Delivery, defaultBatchMax, deliver, pause, type ReadRecord, type RetryLimits } from '../delivery.ts';
import type { RecordCheck } from '../record-check.ts';
import type { ConsumeOptions } from '../stream.ts';
import type { Cluster } from './cluster.ts';
import type { Commits, Generation } from './commits.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Passed } from './offsets.ts';
import { envelopeOf, type PlacedRecord } from './records.ts';

export interface ShareParts {
  readonly cluster: Cluster;
  readonly options: ConsumeOptions;
  readonly check: RecordCheck;
  readonly retry: RetryLimits;
  readonly deadLetters: DeadLetters;
  readonly commits: Commits;
  /** Called when the share can take more. */
  wanting(): void;
}

export interface SharePlace {
  readonly topic: string;
  readonly kafkaTopic: string;
  readonly partition: number;
  readonly generation: Generation;
}

export interface Share extends SharePlace {
  /** The offset to fetch from, when it wants to be fetched: never more than one fetch waits while another is handled. */
  wants(): bigint | undefined;
  /** What was fetched from `from`, up to `until`. Passed over when the share has moved on since. */
  offer(from: bigint, until: bigint, records: readonly PlacedRecord[]): void;
  /** Goes on at another offset: what lay between is not there any more. */
  jump(from: bigint, to: bigint): void;
  /** No more is begun; `ended` resolves when the batch under way is finished. */
  release(): void;
  readonly ended: Promise<void>;
}

const idleMs = 60_000;

interface Way {
  readonly parts: ShareParts;
  readonly place: SharePlace;
  readonly signal: AbortSignal;
  /** Resolves when there is something to do. */
  wait(): Promise<void>;
  fetched: PlacedRecord[];
  /** The next offset to fetch; undefined until the group's position is known. */
  next: bigint | undefined;
}

/** Starts at what `load` gives: what the group has passed. `load` is called again after a failure. */
export function openShare(parts: ShareParts, place: SharePlace, load: () => Promise<Passed>): Share {
  const stopping = new AbortController();
  const bell = createBell();
  const way: Way = {
    parts,
    place,
    signal: stopping.signal,
    wait: () => bell.wait(idleMs),
    fetched: [],
    next: undefined,
  };
  return {
    ...place,
    wants: () => (way.fetched.length === 0 && !stopping.signal.aborted ? way.next : undefined),
    offer(from, until, records) {
      if (way.next !== from || until === from) return;
      way.next = until;
      way.fetched.push(...records);
      bell.ring();
    },
    jump(from, to) {
      if (way.next === from) way.next = to;
    },
    release() {
      stopping.abort();
      bell.ring();
    },
    ended: run(way, load),
  };
}

/** Never throws. */
async function run(way: Way, load: () => Promise<Passed>): Promise<void> {
  const { retry, options, cluster } = way.parts;
  for (let failures = 0; !way.signal.aborted; ) {
    try {
      const start = await load();
      failures = 0;
      way.next = start.position;
      way.parts.wanting();
      await follow(way, start);
    } catch (error) {
      failures += 1;
      way.next = undefined;
      way.fetched = [];
      const { topic, partition } = way.place;
      cluster.telemetry.log.warn('the stream did not answer; trying again', {
        error,
        group: options.group,
        topic,
        partition,
      });
      await pause(backOffMs(failures, retry.firstMs, retry.mostMs, cluster.random), way.signal);
    }
  }
}

async function follow(way: Way, start: Passed): Promise<void> {
  const { options, cluster, retry, commits, deadLetters } = way.parts;
  const { kafkaTopic, partition, generation } = way.place;
  const delivery: Delivery = {
    options,
    telemetry: cluster.telemetry,
    retry,
    random: cluster.random,
    signal: way.signal,
    note: (position) => commits.note(generation, kafkaTopic, partition, { position, tries: 0 }),
    async countTry(record, tries) {
      commits.note(generation, kafkaTopic, partition, { position: record.position - 1n, tries });
      await commits.flush();
    },
    bury: (record, error) => deadLetters.bury(options.group, record, error),
  };
  while (!way.signal.aborted) {
    const taken = takeBatch(way, start);
    if (taken === undefined) {
      await way.wait();
      continue;
    }
    if (way.fetched.length === 0) way.parts.wanting();
    if (await deliver(delivery, taken.read)) delivery.note(taken.last);
  }
}

/** The next wanted records that were fetched, and the position of the last one looked at; undefined when there are none. */
function takeBatch(
  way: Way,
  start: Passed,
): { readonly read: readonly ReadRecord[]; readonly last: bigint } | undefined {
  const batchMax = way.parts.options.batchMax ?? defaultBatchMax;
  const read: ReadRecord[] = [];
  let looked = 0;
  for (const placed of way.fetched) {
    if (read.length === batchMax) break;
    looked += 1;
    const one = readOne(way, placed, start);
    if (one !== undefined) read.push(one);
  }
  const last = way.fetched[looked - 1];
  way.fetched = way.fetched.slice(looked);
  return last === undefined ? undefined : { read, last: last.offset + 1n };
}

/** The record as the group gets it; undefined for one that it does not want. */
function readOne({ parts, place }: Way, { offset, record }: PlacedRecord, start: Passed): ReadRecord | undefined {
  const { envelope, problem } = envelopeOf(record);
  const wanted = parts.options.types.has(envelope.type);
  if (!wanted && (problem === undefined || envelope.type !== '')) return undefined;
  const position = offset + 1n;
  const tries = position === start.position + 1n ? start.tries : 0;
  return {
    record: { topic: place.topic, partition: place.partition, position, envelope, tries },
    unfit: problem ?? parts.check(place.topic, envelope),
  };
}
