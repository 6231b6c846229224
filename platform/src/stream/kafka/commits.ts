/** Positions on their way to the brokers: noted at once, written together, refused when the partitions are no longer ours. */
import { type Consumer, offsetCommitV8 } from '@platformatic/kafka';
import { coalesced } from '../bell.ts';
import { answered, askMsMax, type Cluster, within } from './cluster.ts';
import { type Passed, placeText, triesText } from './offsets.ts';

/** Our membership, from one rebalance to the next. What is committed under an earlier one is refused by the brokers. */
export interface Generation {
  readonly id: number;
  readonly memberId: string;
}

export interface Commits {
  /** A rebalance gave new partitions: what was noted under the one before is forgotten. */
  begin(generation: Generation): void;
  /** Noted under an earlier generation it is passed over: another member may be further already. */
  note(generation: Generation, kafkaTopic: string, partition: number, passed: Passed): void;
  /** Writes what is noted. When the brokers do not answer it stays noted. Never throws. */
  flush(): Promise<void>;
  /** No more is written on its own account. */
  end(): void;
}

/** A crash repeats what was handled in this time; a busy group makes not more than this many requests. */
const commitEveryMs = 50;
const noLeaderEpoch = -1;
const fenced = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'];

interface Noted extends Passed {
  readonly kafkaTopic: string;
  readonly partition: number;
}

export function createCommits(cluster: Cluster, consumer: Consumer): Commits {
  let current: Generation | undefined;
  let noted = new Map<string, Noted>();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const flush = coalesced(async () => {
    clearTimeout(timer);
    timer = undefined;
    const generation = current;
    if (noted.size === 0 || generation === undefined) return;
    const taken = noted;
    noted = new Map();
    try {
      await within(write(consumer, generation, [...taken.values()]), askMsMax, 'writing positions');
    } catch (error) {
      if (answered(error, ...fenced) || generation !== current) return;
      // What was noted since is newer than what could not be written.
      noted = new Map([...taken, ...noted]);
      schedule();
      cluster.telemetry.log.warn('stream positions could not be written; they are tried again', { error });
    }
  });
  const schedule = () => {
    if (!ended) timer ??= setTimeout(() => void flush(), commitEveryMs);
  };
  return {
    begin(generation) {
      current = generation;
      noted = new Map();
    },
    note(generation, kafkaTopic, partition, passed) {
      if (generation !== current) return;
      noted.set(placeText(kafkaTopic, partition), { kafkaTopic, partition, ...passed });
      schedule();
    },
    flush,
    end() {
      ended = true;
      clearTimeout(timer);
    },
  };
}

/** The client's own commit would join the group again and repeat an outdated position under the new generation. */
async function write(consumer: Consumer, generation: Generation, noted: readonly Noted[]): Promise<void> {
  const coordinator = await consumer.findGroupCoordinator();
  const connection = (await consumer.connectToBrokers([coordinator])).get(coordinator);
  if (connection === undefined) throw new Error('the coordinator of the group is not known');
  const byTopic = Map.groupBy(noted, ({ kafkaTopic }) => kafkaTopic);
  const topics = [...byTopic].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ partition, position, tries }) => ({
      partitionIndex: partition,
      committedOffset: position,
      committedLeaderEpoch: noLeaderEpoch,
      committedMetadata: triesText(tries),
    })),
  }));
  await offsetCommitV8.api.async(connection, consumer.groupId, generation.id, generation.memberId, null, topics);
}
