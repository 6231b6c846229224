/**
 * The topic of dead letters: the event with its attributes as they could be read, its bytes as the value, and five headers
 * that say where it was, whose it was and why it could not be applied.
 */
import type { DeadLetter, StreamRecord } from '../stream.ts';
import type { Appender } from './appender.ts';
import type { BrowsedRecord } from './browse.ts';
import type { Cluster } from './cluster.ts';
import { envelopeOf, messageOf } from './records.ts';

export interface DeadLetters {
  /** Resolves when it is durable. A crash after that, before the position is written, tells it again. */
  bury(group: string, record: StreamRecord, error: unknown): Promise<void>;
}

/** What is kept of the text of an error. */
const errorTextMax = 2_000;
const names = {
  group: 'suuupra_group',
  topic: 'suuupra_topic',
  partition: 'suuupra_partition',
  position: 'suuupra_position',
  error: 'suuupra_error',
} as const;

export function createDeadLetters(cluster: Cluster, appender: Pick<Appender, 'send'>): DeadLetters {
  return {
    async bury(group, record, error) {
      const { message, bytes } = messageOf(record.envelope, cluster.deadLetters, 0);
      const headers = new Map(message.headers instanceof Map ? message.headers : []);
      const told = {
        group,
        topic: record.topic,
        partition: String(record.partition),
        position: String(record.position),
        error: String(error).slice(0, errorTextMax),
      };
      for (const name of Object.keys(names) as (keyof typeof names)[]) {
        headers.set(Buffer.from(names[name]), Buffer.from(told[name]));
      }
      await appender.send([{ ...message, headers }], bytes + errorTextMax);
    },
  };
}

export function deadLetterOf({ record, at }: BrowsedRecord): DeadLetter {
  const headers = new Map(record.headers.map(([name, text]) => [String(name ?? ''), String(text ?? '')]));
  const text = (name: keyof typeof names) => headers.get(names[name]) ?? '';
  return {
    group: text('group'),
    topic: text('topic'),
    partition: Number(text('partition')),
    position: BigInt(text('position') || 0),
    envelope: envelopeOf(record).envelope,
    error: text('error'),
    at,
  };
}
