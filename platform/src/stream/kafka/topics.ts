/** The topics in the cluster: made with what the port promises, and held against it when they are there already. */
import { ConfigResourceTypes, type CreatedTopic } from '@platformatic/kafka';
import { ConfigError } from '../../config.ts';
import { backOffMs } from '../bell.ts';
import { answered, askMsMax, type Cluster, within } from './cluster.ts';

export interface TopicShape {
  readonly partitions: number;
  readonly replication: number;
  /** Age at which the cluster removes records; for ever when absent. */
  readonly keptMs: number | undefined;
}

export interface Topics {
  /** Makes what is missing. Throws ConfigError when one that exists cannot keep the promises of the port. */
  ensure(topics: readonly string[]): Promise<void>;
}

/** A batch of one partition: at most messageBytesMax of appender.ts, and what Kafka adds. */
export const batchBytesMax = 4 * 1_048_576;
const leaderTriesMax = 60;
const leaderFirstMs = 10;
const leaderMostMs = 250;

export function createTopics(cluster: Cluster, shape: TopicShape): Topics {
  const ensured = new Set<string>();
  return {
    async ensure(topics) {
      const names = topics.map(cluster.kafkaName).filter((name) => !ensured.has(name));
      if (names.length === 0) return;
      await ensureNames(cluster, shape, names);
      for (const name of names) ensured.add(name);
    },
  };
}

/** The dead letters have one partition: they are few, and their order is that of their coming. */
export async function ensureDeadLetters(cluster: Cluster, shape: TopicShape): Promise<void> {
  await ensureNames(cluster, { ...shape, partitions: 1 }, [cluster.deadLetters]);
}

async function ensureNames(cluster: Cluster, shape: TopicShape, names: readonly string[]): Promise<void> {
  const known = new Set(await within(cluster.admin.listTopics({}), askMsMax, 'listing topics'));
  for (const name of names) if (!known.has(name)) await make(cluster, shape, name);
  await untilLed(cluster, names);
  for (const name of names) await holdAgainst(cluster, shape, name);
}

/** Of n replicas all but one have a record before it is acknowledged: one broker may be away, and one may be lost. */
function inSyncMin({ replication }: TopicShape): number {
  return Math.max(1, replication - 1);
}

async function make(cluster: Cluster, shape: TopicShape, name: string): Promise<void> {
  const configs = {
    'cleanup.policy': 'delete',
    'retention.ms': String(shape.keptMs ?? -1),
    'retention.bytes': '-1',
    'min.insync.replicas': String(inSyncMin(shape)),
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': String(batchBytesMax),
    // A replay from a time asks when the record was appended, whatever the clock of its publisher said.
    'message.timestamp.type': 'LogAppendTime',
  };
  const made: Promise<CreatedTopic[]> = cluster.admin.createTopics({
    topics: [name],
    partitions: shape.partitions,
    replicas: shape.replication,
    configs: Object.entries(configs).map(([setting, value]) => ({ name: setting, value })),
  });
  try {
    await within(made, askMsMax, `making the topic ${name}`);
  } catch (error) {
    if (answered(error, 'TOPIC_ALREADY_EXISTS')) return;
    if (answered(error, 'INVALID_REPLICATION_FACTOR')) {
      throw new ConfigError(
        `The Kafka cluster has too few brokers for ${shape.replication} replicas of the topic ${name}; add brokers or ask for fewer replicas.`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** A topic that was made just now is not known to every broker, and its partitions have no leaders, for some moments. */
async function untilLed(cluster: Cluster, names: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const asked = cluster.admin.metadata({ topics: [...names], forceUpdate: true });
      const { topics } = await within(asked, askMsMax, 'reading the metadata of topics');
      const led = names.every(
        (name) => topics.get(name)?.partitions.every((partition) => partition.leader >= 0) === true,
      );
      if (led) return;
      if (attempt >= leaderTriesMax) throw new Error(`a partition of ${names.join(', ')} has no leader`);
    } catch (error) {
      if (attempt >= leaderTriesMax) throw error;
    }
    await new Promise((resolve) =>
      setTimeout(resolve, backOffMs(attempt, leaderFirstMs, leaderMostMs, cluster.random)),
    );
  }
}

async function holdAgainst(cluster: Cluster, shape: TopicShape, name: string): Promise<void> {
  const { topics } = await within(cluster.admin.metadata({ topics: [name] }), askMsMax, 'reading metadata');
  const found = topics.get(name);
  if (found?.partitionsCount !== shape.partitions) {
    throw new ConfigError(
      `The Kafka topic ${name} has ${found?.partitionsCount} partitions and the setting says ${shape.partitions}; another number would put the facts of a subject into two partitions and lose their order. Set it to what the topic has.`,
    );
  }
  const fewest = Math.min(...found.partitions.map((partition) => partition.replicas.length));
  if (fewest < shape.replication) {
    throw new ConfigError(
      `The Kafka topic ${name} has ${fewest} replicas and the setting says ${shape.replication}; add replicas (kafka-reassign-partitions) or lower the setting.`,
    );
  }
  const described = cluster.admin.describeConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name }],
  });
  const [config] = await within(described, askMsMax, `reading the settings of the topic ${name}`);
  const values = new Map(config?.configs.map((one) => [one.name, one.value]));
  const problem = weakness(values, shape);
  if (problem !== undefined) throw new ConfigError(`The Kafka topic ${name} ${problem}`);
}

/** What in the settings of a topic breaks a promise of the port. */
function weakness(values: ReadonlyMap<string, string | null | undefined>, shape: TopicShape): string | undefined {
  const inSync = Number(values.get('min.insync.replicas'));
  if (inSync < inSyncMin(shape)) {
    return `has min.insync.replicas=${inSync}; with ${shape.replication} replicas it has to be at least ${inSyncMin(shape)}, or a lost broker loses acknowledged events.`;
  }
  if (values.get('unclean.leader.election.enable') !== 'false') {
    return 'has unclean.leader.election.enable on, which loses acknowledged events; set it to false.';
  }
  if (values.get('cleanup.policy') !== 'delete') {
    return `has cleanup.policy=${values.get('cleanup.policy')}, which removes events from the middle; set it to delete.`;
  }
  if (values.get('message.timestamp.type') !== 'LogAppendTime') {
    return 'has message.timestamp.type=CreateTime; set it to LogAppendTime, or a replay from a time starts at a wrong place.';
  }
  if (Number(values.get('max.message.bytes')) < batchBytesMax) {
    return `has max.message.bytes=${values.get('max.message.bytes')}; set it to at least ${batchBytesMax}.`;
  }
  return undefined;
}
