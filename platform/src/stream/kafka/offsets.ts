/**
 * What the groups have passed, as Kafka keeps it: the committed offset of a partition is the position of the last record
 * that was passed (positions begin at 1, offsets at 0). The tries of the record after it are in the commit's metadata.
 */
import { answered, askMsMax, type Cluster, within } from './cluster.ts';

export interface Passed {
  readonly position: bigint;
  /** How often the record after the position was tried. */
  readonly tries: number;
}

export interface PartitionEnds {
  /** Offset of the oldest record that is still there. */
  readonly first: bigint;
  /** Offset of the next record to come. */
  readonly next: bigint;
}

const earliest = -2n;
const latest = -1n;
const nobodyStates: readonly string[] = ['Empty', 'Dead'];

export function placeText(kafkaTopic: string, partition: number): string {
  return `${kafkaTopic}:${partition}`;
}

export function triesText(tries: number): string {
  return tries === 0 ? '' : `tries=${tries}`;
}

function triesOf(metadata: string | null | undefined): number {
  return Number(/^tries=(\d+)$/.exec(metadata ?? '')?.[1] ?? 0);
}

/** What the group has committed, by placeText. A partition that it never passed a record of is not in it. */
export async function passedBy(
  cluster: Cluster,
  group: string,
  places: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, Passed>> {
  const topics = [...places].map(([name, partitions]) => ({ name, partitionIndexes: [...partitions] }));
  const asked = cluster.admin.listConsumerGroupOffsets({ groups: [{ groupId: cluster.groupName(group), topics }] });
  const [found] = await within(asked, askMsMax, `reading the positions of ${group}`);
  const passed = new Map<string, Passed>();
  for (const { name, partitions } of found?.topics ?? []) {
    for (const { partitionIndex, committedOffset, metadata } of partitions) {
      if (committedOffset < 0n) continue;
      passed.set(placeText(name, partitionIndex), { position: committedOffset, tries: triesOf(metadata) });
    }
  }
  return passed;
}

/** Where the partitions begin and end, by placeText. */
export async function endsOf(
  cluster: Cluster,
  kafkaTopics: readonly string[],
  partitions: number,
): Promise<Map<string, PartitionEnds>> {
  const [first, next] = await Promise.all([
    offsetsAt(cluster, kafkaTopics, partitions, earliest),
    offsetsAt(cluster, kafkaTopics, partitions, latest),
  ]);
  return new Map([...next].map(([place, offset]) => [place, { first: first.get(place) ?? 0n, next: offset }]));
}

/** The offset of each partition's first record of the time (ms since 1970) or later; -1 when it has none. By placeText. */
export async function offsetsAt(
  cluster: Cluster,
  kafkaTopics: readonly string[],
  partitions: number,
  timestamp: bigint,
): Promise<Map<string, bigint>> {
  if (kafkaTopics.length === 0) return new Map();
  const asked = cluster.admin.listOffsets({
    topics: kafkaTopics.map((name) => ({
      name,
      partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
    })),
  });
  const found = await within(asked, askMsMax, 'reading the ends of partitions');
  return new Map(
    found.flatMap(({ name, partitions: all }) =>
      all.map(({ partitionIndex, offset }): [string, bigint] => [placeText(name, partitionIndex), offset]),
    ),
  );
}

/** Records that the group has not passed and that are still there. */
export async function lagOf(
  cluster: Cluster,
  group: string,
  kafkaTopics: readonly string[],
  partitions: number,
): Promise<bigint> {
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const [ends, passed] = await Promise.all([
    endsOf(cluster, kafkaTopics, partitions),
    passedBy(cluster, group, new Map(kafkaTopics.map((name) => [name, all]))),
  ]);
  let lag = 0n;
  for (const [place, { first, next }] of ends) {
    const position = passed.get(place)?.position ?? 0n;
    lag += next - (position > first ? position : first);
  }
  return lag;
}

/** Throws when the group has a member, of any process: also one that died and whose session has not ended yet. */
export async function whenNobodyReads(cluster: Cluster, group: string): Promise<void> {
  const name = cluster.groupName(group);
  const described = cluster.admin.describeGroups({ groups: [name] });
  try {
    const found = (await within(described, askMsMax, `describing the group ${group}`)).get(name);
    if (found === undefined || nobodyStates.includes(found.state)) return;
  } catch (error) {
    if (answered(error, 'GROUP_ID_NOT_FOUND')) return;
    throw error;
  }
  throw new Error(`${group} has a running member; stop it first`);
}

/** Puts the group to the beginning, or before the first records of the time. The brokers refuse it for a group with members. */
export async function putBack(
  cluster: Cluster,
  group: string,
  kafkaTopics: readonly string[],
  partitions: number,
  since: Date | undefined,
): Promise<void> {
  const ends = await endsOf(cluster, kafkaTopics, partitions);
  const found =
    since === undefined ? undefined : await offsetsAt(cluster, kafkaTopics, partitions, BigInt(since.getTime()));
  const offsetOf = (place: string): bigint => {
    const { first, next } = ends.get(place) ?? { first: 0n, next: 0n };
    if (found === undefined) return first;
    const at = found.get(place) ?? -1n;
    return at < 0n ? next : at;
  };
  const topics = kafkaTopics.map((name) => ({
    name,
    partitionOffsets: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      offset: offsetOf(placeText(name, partition)),
    })),
  }));
  await within(
    cluster.admin.alterConsumerGroupOffsets({ groupId: cluster.groupName(group), topics }),
    askMsMax,
    `setting the positions of ${group}`,
  );
}
