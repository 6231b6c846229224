/**
 * A member of a consumer group in this process: joins, reads the partitions it is given, hands them back when the group
 * shares them out anew, and begins again by itself when the brokers were away.
 *
 * Before it joins anew it lets the batches under way end and writes their positions, so that the next owner of a partition
 * begins after them. A handler that takes longer than half a session is not waited for: its partition is given away under
 * it, its position is refused, and the inbox makes the next owner wait for its transaction and pass over what it applied.
 * Heartbeats do not wait for handlers, so a slow one costs no membership.
 *
 * Memory: of each partition one fetch is handled and one waits; both are at most a megabyte, or one batch of the producer.
 */
import { ConnectionPool, Consumer, type ConsumerGroupJoinPayload } from '@platformatic/kafka';
import { backOffMs } from '../bell.ts';
import { pause, type RetryLimits } from '../delivery.ts';
import type { RecordCheck } from '../record-check.ts';
import type { ConsumeOptions } from '../stream.ts';
import { type Cluster, within } from './cluster.ts';
import { type Commits, createCommits, type Generation } from './commits.ts';
import type { DeadLetters } from './dead-letters.ts';
import { type Fetching, startFetching } from './fetching.ts';
import { type Passed, passedBy, placeText } from './offsets.ts';
import { openShare, type Share, type SharePlace } from './share.ts';

export interface SessionLimits {
  /** A member that was not heard of for this long has lost its partitions. */
  readonly timeoutMs: number;
  readonly heartbeatMs: number;
  /** How long the group waits for all members when it shares the partitions out anew. At least timeoutMs. */
  readonly rebalanceMs: number;
}

export const defaultSession: SessionLimits = { timeoutMs: 15_000, heartbeatMs: 3_000, rebalanceMs: 30_000 };

export interface MemberParts {
  readonly cluster: Cluster;
  readonly options: ConsumeOptions;
  readonly check: RecordCheck;
  readonly retry: RetryLimits;
  readonly session: SessionLimits;
  readonly deadLetters: DeadLetters;
  readonly partitions: number;
}

export interface Member {
  /** Resolves when it has its share for the first time; rejects when the first attempt fails. */
  readonly joined: Promise<void>;
  /** Writes the positions that are not written yet. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

const retryFirstMs = 200;
const retryMostMs = 10_000;
const leaveMsMax = 5_000;
/** Beyond what the brokers may take to share the partitions out. */
const requestSlackMs = 5_000;

export function openMember(parts: MemberParts): Member {
  const { cluster, options } = parts;
  const stopping = new AbortController();
  const joined = Promise.withResolvers<void>();
  let session: Session | undefined;
  const run = async () => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const current = openSession(parts);
      session = current;
      try {
        await current.joined;
        failures = 0;
        joined.resolve();
        await current.lost(stopping.signal);
      } catch (error) {
        joined.reject(error);
        failures += 1;
        cluster.telemetry.log.warn('a group member lost its brokers; it joins again', { error, group: options.group });
      }
      await current.close();
      await pause(backOffMs(failures + 1, retryFirstMs, retryMostMs, cluster.random), stopping.signal);
    }
    joined.reject(new Error(`${options.group} was stopped before it had joined`));
  };
  const running = run();
  return {
    joined: joined.promise,
    flush: async () => session?.flush(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

interface Session {
  readonly joined: Promise<void>;
  flush(): Promise<void>;
  /** Rejects when the membership is lost for good; resolves when the signal is aborted. */
  lost(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

function openSession(parts: MemberParts): Session {
  const { cluster, options, session } = parts;
  const stopping = new AbortController();
  const lost = Promise.withResolvers<void>();
  // It is looked at after the join; until then a loss is told by the join itself.
  lost.promise.catch(() => {});
  const consumer = new Consumer({
    ...cluster.options,
    groupId: cluster.groupName(options.group),
    requestTimeout: session.rebalanceMs + requestSlackMs,
    sessionTimeout: session.timeoutMs,
    heartbeatInterval: session.heartbeatMs,
    rebalanceTimeout: session.rebalanceMs,
    heartbeatStallTimeout: session.timeoutMs,
    // The client asks for this before each join, and waits for it: the moment to hand back what is held.
    protocolsMetadata: async () => {
      await holder.release(session.timeoutMs / 2);
      return Buffer.alloc(0);
    },
  });
  const kafkaTopics = options.topics.map(cluster.kafkaName);
  for (const name of kafkaTopics) consumer.topics.track(name);
  const commits = createCommits(cluster, consumer);
  const holder = createHolder(parts, commits);
  const connectionPool = new ConnectionPool(cluster.clientId, cluster.connection);
  consumer.on('consumer:group:join', (payload) => holder.take(payload));
  consumer.on('error', (error: Error) => lost.reject(error));
  consumer.on('consumer:heartbeat:stalled', ({ lastError }) => {
    lost.reject(new Error('the group did not answer the heartbeats', { cause: lastError }));
  });
  const fetching = startFetching({
    cluster,
    consumer,
    connectionPool,
    kafkaTopics,
    partitions: parts.partitions,
    signal: stopping.signal,
    shares: holder.shares,
  });
  holder.serve(fetching);
  return {
    joined: within(consumer.joinGroup(), session.rebalanceMs + session.timeoutMs, 'joining the group').then(() => {}),
    flush: commits.flush,
    lost: (signal) => Promise.race([lost.promise, aborted(signal)]),
    async close() {
      await holder.end();
      await commits.flush();
      commits.end();
      stopping.abort();
      const left = Promise.all([connectionPool.close(), consumer.close(true), fetching.ended]);
      await within(left, leaveMsMax, 'leaving the group').catch((error: unknown) => {
        cluster.telemetry.log.warn('a group was not left in order; its partitions wait for the session to end', {
          error,
          group: options.group,
        });
      });
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

interface Holder {
  serve(fetching: Fetching): void;
  shares(): Iterable<Share>;
  take(payload: ConsumerGroupJoinPayload): void;
  /** Lets go of all partitions; waits for the batches under way, but not longer than this, and writes their positions. */
  release(msMax: number): Promise<void>;
  /** Lets go of all partitions and takes no more; waits for the batches under way. */
  end(): Promise<void>;
}

function createHolder(parts: MemberParts, commits: Commits): Holder {
  const { cluster, options } = parts;
  let shares: Share[] = [];
  let fetching: Fetching | undefined;
  let ended = false;
  /** The last share of each partition: the next one begins when it has ended, also when it was not waited for. */
  const endings = new Map<string, Promise<void>>();
  const shareParts = { ...parts, commits, wanting: () => fetching?.wake() };
  const passed = async (places: ReadonlyMap<string, readonly number[]>) => {
    await commits.flush();
    return passedBy(cluster, options.group, places);
  };
  const open = (place: SharePlace, together: Promise<Map<string, Passed>>): Share => {
    const text = placeText(place.kafkaTopic, place.partition);
    const before = endings.get(text);
    let asked = before === undefined ? together : undefined;
    const load = async (): Promise<Passed> => {
      await before;
      const known = asked ?? passed(new Map([[place.kafkaTopic, [place.partition]]]));
      asked = undefined;
      return (await known).get(text) ?? { position: 0n, tries: 0 };
    };
    const share = openShare(shareParts, place, load);
    endings.set(text, share.ended);
    void share.ended.then(() => {
      if (endings.get(text) === share.ended) endings.delete(text);
    });
    return share;
  };
  const letGo = () => {
    const held = shares;
    shares = [];
    for (const share of held) share.release();
    return held;
  };
  return {
    serve: (given) => {
      fetching = given;
    },
    shares: () => shares,
    take({ assignments = [], generationId = 0, memberId }) {
      letGo();
      if (ended) return;
      const generation: Generation = { id: generationId, memberId };
      commits.begin(generation);
      const together = passed(new Map(assignments.map(({ topic, partitions }) => [topic, partitions])));
      // A share that has to ask for itself does not look at it.
      together.catch(() => {});
      shares = assignments.flatMap(({ topic: kafkaTopic, partitions }) =>
        partitions.map((partition) =>
          open({ topic: cluster.topicOf(kafkaTopic) ?? kafkaTopic, kafkaTopic, partition, generation }, together),
        ),
      );
    },
    async release(msMax) {
      const held = letGo();
      const done = Promise.all(held.map((share) => share.ended));
      await within(done, msMax, 'ending a batch').catch((error: unknown) => {
        cluster.telemetry.log.warn('a partition is given away while its batch is handled', {
          error,
          group: options.group,
        });
      });
      await commits.flush();
    },
    async end() {
      ended = true;
      letGo();
      await Promise.all(endings.values());
    },
  };
}
