/**
 * The `stream` port: an ordered, partitioned, durable log of events with consumer groups.
 *
 * Facts of one key keep their order; a group sees each fact at least once, and exactly once in effect because consumers
 * record the event id in the transaction that applies it (see inbox.ts). Positions in a partition are contiguous and
 * follow commit order. Adapters: stream-embedded.ts (PostgreSQL); Kafka comes with the many-process issue.
 */
import type { Envelope } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';

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
  readonly envelope: Envelope;
  readonly error: string;
  readonly at: Date;
}

export interface Stream {
  /** Appends in order; an event id that the topic already holds is passed over. Durable when it resolves. */
  append(topic: string, envelopes: readonly Envelope[]): Promise<void>;
  /** Starts a member of a group. Partitions are shared out among the members of all processes. */
  consume(options: ConsumeOptions): Promise<Consumer>;
  /** Records a group has not handled yet, over all partitions of the topics. */
  lag(group: string, topics: readonly string[]): Promise<bigint>;
  /** The newest dead letters, at most `limit` (at most 100). */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /** Puts the group back to the beginning of the topics. No member may be running. */
  rewind(group: string, topics: readonly string[]): Promise<void>;
  /** The newest records of all topics, newest first, at most `limit` (at most 100). For the operator's page. */
  latest(limit: number): Promise<StreamRecord[]>;
  ping(): Promise<number>;
  close(): Promise<void>;
}
