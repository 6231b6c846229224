/** Where events wait for the relay, whatever keeps them: what outbox-relay.ts needs of it. */
import type { OutboxEvent } from './outbox.ts';

export interface WaitingEvent extends OutboxEvent {
  /** Its place in the order of the outbox; events of one unit of work may share it. */
  readonly place: bigint;
}

export interface OutboxStore {
  /** The oldest events in the order they are to be told; about `eventsMax` of them. */
  oldest(eventsMax: number): Promise<WaitingEvent[]>;
  /** Removes all events at the places. */
  remove(places: readonly bigint[]): Promise<void>;
  /** Place of the newest event; undefined when none waits. */
  newest(): Promise<bigint | undefined>;
  /** Whether any event at this place or before it waits. */
  isWaiting(place: bigint): Promise<boolean>;
  openSession(): Promise<OutboxSession>;
  /** Tells the leading process that there is something new. A hint that may be lost. */
  tell(): Promise<void>;
  /** How often the leader looks by itself, and others whether it is still there. */
  readonly lookEveryMs: number;
}

/**
 * A claim to lead. Two may believe for a moment that they lead; what they append twice the stream or the consumer's inbox
 * passes over by the event's id.
 */
export interface OutboxSession {
  /** Aborted when the lead is gone, also by `close`. */
  readonly lost: AbortSignal;
  /** Takes the lead if nobody has it. `heard` is called when another process tells of something new. */
  tryLead(heard: () => void): Promise<boolean>;
  close(): Promise<void>;
}
