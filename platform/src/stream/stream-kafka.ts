/**
 * The `stream` port on Apache Kafka (brokers from 3.5 on). A topic of the port is the topic `suuupra.<topic>`; dead letters
 * of all groups are in `suuupra.dead-letters`. Records are CloudEvents in the binary mode of their Kafka binding
 * (kafka/records.ts).
 *
 * What it promises beyond the port: an acknowledged event is on all replicas in sync, which have to be all but one of
 * them; topics that were set up to promise less stop the start. Nothing is removed by age unless `keptMs` is given, and then
 * whether or not every group has passed it. Dead letters are told at least once.
 *
 * What it costs: each group of a process keeps one long poll open to each broker, answered once a second when nothing
 * comes. Memory of a group is bounded by two fetches of each partition it reads (kafka/member.ts).
 */
import { events } from '@suuupra/contracts/events';
import { ConfigError } from '../config.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { defaultRetry, type RetryLimits } from './delivery.ts';
import { createAppender } from './kafka/appender.ts';
import { createBrowser } from './kafka/browse.ts';
import { askMsMax, type Cluster, type KafkaSecurity, openCluster, reasonOf, within } from './kafka/cluster.ts';
import { createDeadLetters, deadLetterOf } from './kafka/dead-letters.ts';
import { defaultSession, type Member, openMember, type SessionLimits } from './kafka/member.ts';
import { lagOf, putBack, whenNobodyReads } from './kafka/offsets.ts';
import { envelopeOf } from './kafka/records.ts';
import { createTopics, ensureDeadLetters } from './kafka/topics.ts';
import { partitionOfSubject } from './partition-of.ts';
import { checkByContracts, type RecordCheck, refuseUnfit } from './record-check.ts';
import type { ConsumeOptions, Stream, StreamRecord } from './stream.ts';

export interface KafkaStreamOptions {
  /** `host:port` of some brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** Names this process in the logs and quotas of the brokers. */
  readonly clientId: string;
  readonly telemetry: Telemetry;
  readonly world: Pick<World, 'random'>;
  /**
   * Partitions of each topic; default 8. Bounds how many processes of one service can share a topic, and never changes
   * once there are records: the order of a subject follows from it.
   */
  readonly partitions?: number;
  /** Replicas of each topic; default 1, which loses acknowledged events with its broker. Three in production. */
  readonly replication?: number;
  readonly security?: KafkaSecurity;
  /** Age at which the cluster removes records; for ever when absent. */
  readonly keptMs?: number;
  /** Topics that are made and checked at the start; the owners of contracts/src/events.ts when absent. */
  readonly topics?: readonly string[];
  readonly topicPrefix?: string;
  /** What may travel; contracts/src/events.ts says it when absent. */
  readonly check?: RecordCheck;
  readonly retry?: RetryLimits;
  readonly session?: SessionLimits;
  /** How long an append may take; default 10 s. */
  readonly appendMsMax?: number;
}

const defaultPartitions = 8;
const defaultAppendMsMax = 10_000;
const listMax = 100;

/** Opens the stream and makes its topics. Throws ConfigError when the cluster cannot be reached or cannot keep the promises of the port. */
export async function openKafkaStream(options: KafkaStreamOptions): Promise<Stream> {
  const shape = {
    partitions: options.partitions ?? defaultPartitions,
    replication: options.replication ?? 1,
    keptMs: options.keptMs,
  };
  const cluster = openCluster({
    ...options,
    random: options.world.random,
    topicPrefix: options.topicPrefix ?? 'suuupra.',
    security: options.security,
  });
  const topics = createTopics(cluster, shape);
  try {
    await topics.ensure(options.topics ?? [...new Set(events.map(({ owner }) => owner))]);
    await ensureDeadLetters(cluster, shape);
  } catch (error) {
    await cluster.admin.close();
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      `Kafka at ${options.brokers.join(', ')} cannot be used: ${reasonOf(error)} Check that it runs, and the settings of its brokers, TLS and SASL.`,
      { cause: error },
    );
  }
  return streamOf(options, cluster, topics, shape.partitions);
}

function streamOf(
  options: KafkaStreamOptions,
  cluster: Cluster,
  topics: ReturnType<typeof createTopics>,
  partitions: number,
): Stream {
  const check = options.check ?? checkByContracts;
  const appender = createAppender(cluster, partitions, options.appendMsMax ?? defaultAppendMsMax);
  const browser = createBrowser(cluster);
  const deadLetters = createDeadLetters(cluster, appender);
  const members = new Map<string, Member>();
  const retry = options.retry ?? defaultRetry;
  const session = options.session ?? defaultSession;
  let closed = false;
  const kafkaNames = async (names: readonly string[]) => {
    await topics.ensure(names);
    return names.map(cluster.kafkaName);
  };
  const join = async (consume: ConsumeOptions) => {
    if (closed) throw new Error('the stream is closed');
    if (members.has(consume.group)) throw new Error(`${consume.group} already consumes in this process`);
    await kafkaNames(consume.topics);
    const member = openMember({ cluster, options: consume, check, retry, session, deadLetters, partitions });
    members.set(consume.group, member);
    const stop = async () => {
      await member.stop();
      if (members.get(consume.group) === member) members.delete(consume.group);
    };
    await member.joined.catch(async (error: unknown) => {
      await stop();
      throw error;
    });
    return { stop };
  };
  return {
    system: 'kafka',
    async append(topic, envelopes) {
      refuseUnfit(check, topic, envelopes);
      await topics.ensure([topic]);
      await appender.append(topic, envelopes);
    },
    consume: join,
    partitionOf: (subject) => partitionOfSubject(subject, partitions),
    async lag(group, names) {
      const asked = await kafkaNames(names);
      await members.get(group)?.flush();
      return lagOf(cluster, group, asked, partitions);
    },
    async deadLetters(limit) {
      const most = Math.min(limit, listMax);
      const newest = await browser.newest([cluster.deadLetters], 1, most);
      return newest
        .toSorted((a, b) => Number(b.offset - a.offset))
        .slice(0, most)
        .map(deadLetterOf);
    },
    async rewind(group, names, since) {
      const asked = await kafkaNames(names);
      await whenNobodyReads(cluster, group);
      await putBack(cluster, group, asked, partitions, since);
    },
    latest: (limit) => latest(cluster, browser, partitions, Math.min(limit, listMax)),
    async ping() {
      const startedMs = performance.now();
      await within(cluster.admin.metadata({ topics: [], forceUpdate: true }), askMsMax, 'a ping');
      return performance.now() - startedMs;
    },
    async close() {
      closed = true;
      await Promise.all([...members.values()].map((member) => member.stop()));
      await appender.close();
      await browser.close();
      await cluster.admin.close();
    },
  };
}

async function latest(
  cluster: Cluster,
  browser: ReturnType<typeof createBrowser>,
  partitions: number,
  limit: number,
): Promise<StreamRecord[]> {
  const names = await within(cluster.admin.listTopics({}), askMsMax, 'listing topics');
  const ours = names.filter((name) => cluster.topicOf(name) !== undefined);
  const newest = await browser.newest(ours, partitions, limit);
  return newest
    .toSorted((a, b) => b.at.getTime() - a.at.getTime() || Number(b.offset - a.offset))
    .slice(0, limit)
    .map(({ kafkaTopic, partition, offset, record }) => ({
      topic: cluster.topicOf(kafkaTopic) ?? kafkaTopic,
      partition,
      position: offset + 1n,
      envelope: envelopeOf(record).envelope,
      tries: 0,
    }));
}
