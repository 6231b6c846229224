/** Looking at the newest records without being a member of a group: for the operator's page. */
import { ConnectionPool, Consumer } from '@platformatic/kafka';
import { askMsMax, type Cluster, within } from './cluster.ts';
import { endsOf, placeText } from './offsets.ts';
import { offsetAfter, type PlacedRecord, placedRecords } from './records.ts';

export interface Browser {
  /** The newest records of the topics, at most `limit` of each partition, in no order. */
  newest(kafkaTopics: readonly string[], partitions: number, limit: number): Promise<BrowsedRecord[]>;
  close(): Promise<void>;
}

export interface BrowsedRecord extends PlacedRecord {
  readonly kafkaTopic: string;
  readonly partition: number;
}

const fetchBytesMax = 8 * 1_048_576;
const partitionBytesMax = 1_048_576;
const fetchWaitMs = 100;
/** Fetches for one question: enough for `limit` records of the largest size in each of a hundred partitions. */
const roundsMax = 1_000;

interface Wanted {
  readonly kafkaTopic: string;
  readonly partition: number;
  readonly until: bigint;
  offset: bigint;
}

export function createBrowser(cluster: Cluster): Browser {
  const reader = new Consumer({ ...cluster.options, groupId: `${cluster.clientId}-browser` });
  const connectionPool = new ConnectionPool(cluster.clientId, cluster.connection);
  return {
    async newest(kafkaTopics, partitions, limit) {
      const ends = await endsOf(cluster, kafkaTopics, partitions);
      const wanted = kafkaTopics.flatMap((kafkaTopic) =>
        Array.from({ length: partitions }, (_, partition): Wanted => {
          const { first, next } = ends.get(placeText(kafkaTopic, partition)) ?? { first: 0n, next: 0n };
          const from = next - BigInt(limit);
          return { kafkaTopic, partition, until: next, offset: from > first ? from : first };
        }),
      );
      return readAll(reader, connectionPool, wanted);
    },
    async close() {
      await connectionPool.close();
      await reader.close(true);
    },
  };
}

async function readAll(reader: Consumer, connectionPool: ConnectionPool, wanted: Wanted[]): Promise<BrowsedRecord[]> {
  const read: BrowsedRecord[] = [];
  for (const { kafkaTopic } of wanted) if (!reader.topics.has(kafkaTopic)) reader.topics.track(kafkaTopic);
  for (let round = 0; round < roundsMax; round += 1) {
    const open = wanted.filter(({ offset, until }) => offset < until);
    if (open.length === 0) break;
    const metadata = await within(reader.metadata({ topics: reader.topics.current }), askMsMax, 'reading metadata');
    const byNode = Map.groupBy(
      open,
      (one) => metadata.topics.get(one.kafkaTopic)?.partitions[one.partition]?.leader ?? -1,
    );
    for (const [node, ofNode] of byNode) {
      const byTopic = Map.groupBy(ofNode, ({ kafkaTopic }) => metadata.topics.get(kafkaTopic)?.id ?? '');
      const topics = [...byTopic].map(([topicId, ofTopic]) => ({ topicId, partitions: ofTopic.map(requestOf) }));
      const limits = { maxBytes: fetchBytesMax, minBytes: 1, maxWaitTime: fetchWaitMs };
      const fetched = await within(
        reader.fetch({ node, topics, connectionPool, ...limits }),
        askMsMax,
        'reading records',
      );
      for (const { topicId, partitions } of fetched.responses) {
        for (const { partitionIndex, records } of partitions) {
          const one = byTopic.get(topicId)?.find(({ partition }) => partition === partitionIndex);
          if (one === undefined) continue;
          const { kafkaTopic, partition } = one;
          read.push(
            ...placedRecords(records ?? [], one.offset).map((placed) => ({ ...placed, kafkaTopic, partition })),
          );
          one.offset = offsetAfter(records ?? [], one.offset);
        }
      }
    }
  }
  return read;
}

function requestOf({ partition, offset }: Wanted) {
  return {
    partition,
    fetchOffset: offset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: partitionBytesMax,
  };
}
