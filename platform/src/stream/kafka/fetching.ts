/** Fetching for a member: one long poll to each broker, for all partitions that it leads and that can take more. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConnectionPool, Consumer } from '@platformatic/kafka';
import { type Bell, backOffMs, createBell } from '../bell.ts';
import { pause } from '../delivery.ts';
import { answered, askMsMax, type Cluster, within } from './cluster.ts';
import { endsOf, placeText } from './offsets.ts';
import { offsetAfter, placedRecords } from './records.ts';
import type { Share } from './share.ts';

export interface FetchParts {
  readonly cluster: Cluster;
  readonly consumer: Consumer;
  /** Its own connections: a broker answers the requests of one connection in turn, and a long poll would hold up heartbeats. */
  readonly connectionPool: ConnectionPool;
  readonly kafkaTopics: readonly string[];
  readonly partitions: number;
  readonly signal: AbortSignal;
  shares(): Iterable<Share>;
}

export interface Fetching {
  /** There may be new partitions, or some that can take more again. */
  wake(): void;
  readonly ended: Promise<void>;
}

/** One fetch, and what of it may come from one partition. A single larger batch comes all the same. */
const fetchBytesMax = 8 * 1_048_576;
const partitionBytesMax = 1_048_576;
/** How long a broker holds a poll when nothing comes: one request a second when idle. */
const pollMs = 1_000;
/** While some partitions have enough, the poll for the others is short, so that they are not left out for long. */
const shortPollFirstMs = 10;
const shortPollMostMs = 250;
const idleMs = 1_000;
const retryFirstMs = 100;
const retryMostMs = 5_000;

export function startFetching(parts: FetchParts): Fetching {
  const loops = new Map<number, { readonly bell: Bell; readonly ended: Promise<void> }>();
  /** A look at the brokers, and a loop for each that is new. */
  const watch = async () => {
    const bell = createBell();
    parts.signal.addEventListener('abort', () => bell.ring());
    for (let failures = 0; !parts.signal.aborted; ) {
      try {
        for (const node of (await metadataOf(parts)).brokers.keys()) {
          if (loops.has(node)) continue;
          const loopBell = createBell();
          loops.set(node, { bell: loopBell, ended: fetchFrom(parts, node, loopBell) });
        }
        failures = 0;
        await bell.wait(idleMs);
      } catch (error) {
        failures += 1;
        parts.cluster.telemetry.log.warn('the Kafka brokers do not answer; trying again', { error });
        await pause(backOffMs(failures, retryFirstMs, retryMostMs, parts.cluster.random), parts.signal);
      }
    }
    await Promise.all([...loops.values()].map(({ ended }) => ended));
  };
  const wake = () => {
    for (const { bell } of loops.values()) bell.ring();
  };
  parts.signal.addEventListener('abort', wake);
  return { wake, ended: watch() };
}

/** From the memory of the client; asked for again when it is a minute old or an error said that it is wrong. */
function metadataOf({ consumer, kafkaTopics }: FetchParts) {
  return within(consumer.metadata({ topics: [...kafkaTopics] }), askMsMax, 'reading metadata');
}

/** Never throws. */
async function fetchFrom(parts: FetchParts, node: number, bell: Bell): Promise<void> {
  let empty = 0;
  for (let failures = 0; !parts.signal.aborted; ) {
    let open: Share[] = [];
    try {
      // What the last fetch brought is taken first: most partitions can then take more.
      await nextTurn();
      const metadata = await metadataOf(parts);
      const led = [...parts.shares()].filter(
        ({ kafkaTopic, partition }) => metadata.topics.get(kafkaTopic)?.partitions[partition]?.leader === node,
      );
      open = led.filter((share) => share.wants() !== undefined);
      if (open.length === 0) {
        await bell.wait(idleMs);
        continue;
      }
      const shortMs = Math.min(shortPollMostMs, shortPollFirstMs * 2 ** Math.min(empty, 10));
      const waitMs = open.length < led.length ? shortMs : pollMs;
      empty = (await fetchOnce(parts, node, open, waitMs)) === 0 ? empty + 1 : 0;
      failures = 0;
    } catch (error) {
      if (parts.signal.aborted) return;
      failures += 1;
      await afterFailure(parts, open, error, failures);
    }
  }
}

/** Gives the number of records that came. */
async function fetchOnce(parts: FetchParts, node: number, open: readonly Share[], waitMs: number): Promise<number> {
  const { consumer, connectionPool } = parts;
  const metadata = await metadataOf(parts);
  const from = new Map(open.map((share) => [share, share.wants() ?? 0n]));
  const byTopic = Map.groupBy(open, ({ kafkaTopic }) => metadata.topics.get(kafkaTopic)?.id ?? '');
  const topics = [...byTopic].map(([topicId, shares]) => ({
    topicId,
    partitions: shares.map((share) => ({
      partition: share.partition,
      fetchOffset: from.get(share) ?? 0n,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: partitionBytesMax,
    })),
  }));
  const limits = { maxBytes: fetchBytesMax, minBytes: 1, maxWaitTime: waitMs };
  const fetched = await within(
    consumer.fetch({ node, topics, connectionPool, ...limits }),
    waitMs + askMsMax,
    'fetching records',
  );
  return handOut(fetched, byTopic, from);
}

type Fetched = Awaited<ReturnType<Consumer['fetch']>>;

function handOut(
  fetched: Fetched,
  byTopic: ReadonlyMap<string, readonly Share[]>,
  from: ReadonlyMap<Share, bigint>,
): number {
  let count = 0;
  for (const { topicId, partitions } of fetched.responses) {
    for (const { partitionIndex, records } of partitions) {
      const share = byTopic.get(topicId)?.find(({ partition }) => partition === partitionIndex);
      const offset = share === undefined ? undefined : from.get(share);
      if (share === undefined || offset === undefined) continue;
      const placed = placedRecords(records ?? [], offset);
      count += placed.length;
      share.offer(offset, offsetAfter(records ?? [], offset), placed);
    }
  }
  return count;
}

async function afterFailure(
  parts: FetchParts,
  open: readonly Share[],
  error: unknown,
  failures: number,
): Promise<void> {
  const { cluster, consumer, kafkaTopics, partitions, signal } = parts;
  // A leader may have moved: the next look asks for it.
  consumer.clearMetadata();
  if (answered(error, 'OFFSET_OUT_OF_RANGE')) {
    const ends = await endsOf(cluster, kafkaTopics, partitions).catch(() => undefined);
    for (const share of open) {
      const at = ends?.get(placeText(share.kafkaTopic, share.partition));
      const from = share.wants();
      if (at === undefined || from === undefined || (from >= at.first && from <= at.next)) continue;
      const to = from < at.first ? at.first : at.next;
      const { topic, partition } = share;
      if (from > 0n) {
        const fields = { group: consumer.groupId, topic, partition, from, to };
        cluster.telemetry.log.error('records were removed before the group had passed them', fields);
      }
      share.jump(from, to);
    }
  } else {
    cluster.telemetry.log.warn('events could not be fetched; trying again', { error, failures });
  }
  await pause(backOffMs(failures, retryFirstMs, retryMostMs, cluster.random), signal);
}
