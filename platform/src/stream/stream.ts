/**
 * The `stream` port: an ordered, partitioned, durable log of events with consumer groups.
 *
 * Facts of one subject keep their order; a group sees each fact at least once, and exactly once in effect because
 * consumers record the event id in the transaction that applies it (see inbox.ts). Positions in a partition are contiguous
 * and follow the order of the appends. Adapters: stream-embedded.ts (PostgreSQL), stream-kafka.ts (Apache Kafka).
 *
 * An append that is repeated, because its answer was lost or its process died, may be held twice; then the first of the
 * two keeps its place among the facts of its subject. The embedded adapter passes over ids that it holds; Kafka knows
 * repeats of one producer's session only. Consumers must not count on either.
 *
 * Only events that contracts/src/events.ts gives to the topic may travel, in bytes that decode: another is refused at the
 * append. One that came in some other way goes to the dead letters of each group that wants its type, or, when its bytes
 * do not tell a type, of each group that reads the topic. An event of a type that a group does not want is passed over,
 * whether or not this version knows it: a newer publisher must not fill the dead letters of older consumers.
 */
import type { Envelope } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { MessagingSystem } from '../telemetry/semantic-names.ts';

export interface StreamRecord {
  readonly topic: string;
  readonly partition: number;
  /** Contiguous from 1 in its partition. */
  readonly position: bigint;
  readonly envelope: Envelope;
  /** How often this record was tried before by this group. */
  readonly tries: number;
}

export interface ConsumeOptions {
  /** The consumer group: one position per group and partition, shared by all processes of the service. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Only these types are handed over; the others are passed over. */
  readonly types: ReadonlySet<string>;
  /**
   * Handles a batch of one partition in order. When it throws, the batch is tried again record by record; a record
   * that fails `triesMax` times goes to the dead letters and the group goes on.
   */
  handle(records: readonly StreamRecord[]): Promise<void>;
  readonly batchMax?: number;
  readonly triesMax?: number;
}

export interface Consumer {
  /** Stops taking new batches and waits for the one under way. */
  stop(): Promise<void>;
}

export interface DeadLetter {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly position: bigint;
  /** Of bytes that were no event: what could be read of it, with the bytes as its data. */
  readonly envelope: Envelope;
  readonly error: string;
  readonly at: Date;
}

export interface Stream {
  /** What spans call it: `messaging.system.name`. */
  readonly system: MessagingSystem;
  /**
   * Appends in order. Durable when it resolves; when it rejects, within a bounded time, some of it may have been appended
   * and the caller repeats all of it. Throws RecordRefused, with nothing appended, for what may not travel on the topic.
   */
  append(topic: string, envelopes: readonly Envelope[]): Promise<void>;
  /** Starts a member of a group. Partitions are shared out among the members of all processes. */
  consume(options: ConsumeOptions): Promise<Consumer>;
  /** Records a group has not handled yet, over all partitions of the topics. */
  lag(group: string, topics: readonly string[]): Promise<bigint>;
  /** The newest dead letters, at most `limit` (at most 100). */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /**
   * Puts the group back to the first record that was appended at `since` or later, in each partition; to the beginning of
   * the topics when there is no `since`. No member may be running. A group that records what it applied must forget it
   * (`forgetApplied` of inbox.ts) to apply it again.
   */
  rewind(group: string, topics: readonly string[], since?: Date): Promise<void>;
  /** The partition, of every topic, that holds the facts of a subject. The same in every process and for ever. */
  partitionOf(subject: string): number;
  /** The newest records of all topics, newest first, at most `limit` (at most 100). For the operator's page. */
  latest(limit: number): Promise<StreamRecord[]>;
  ping(): Promise<number>;
  close(): Promise<void>;
}
