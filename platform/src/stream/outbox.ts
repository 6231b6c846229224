/**
 * The transactional outbox: an event is written in the transaction of the fact it tells, and brought to the stream after
 * the commit. No dual write, so no event is lost and none is told of what was rolled back.
 *
 * Each service database holds the table `outbox` (sql/service-tables.ts). One relay per service takes the rows in the
 * order of their ids, appends them to the stream (which passes over ids it knows) and deletes them. Rows of one subject
 * are written under that subject's row lock, so their ids follow their commits.
 */
import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { eventRow } from '@suuupra/contracts/events';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { CallContext } from '../rpc/rpc.ts';
import type { SqlDialect, SqlTransaction } from '../sql/sql.ts';
import type { World } from '../world.ts';

/** What an operation adds to its transaction. The partition key is the row's `key` field in contracts/src/events.ts. */
export type Publish = <D extends DescMessage>(
  schema: D,
  event: MessageInitShape<D>,
  cause?: EventCause,
) => Promise<void>;

/** Where an event comes from: the call or the event that caused it. */
export type EventCause = Pick<CallContext, 'requestId' | 'traceparent'>;

export interface OutboxOptions {
  /** The service that publishes; it may tell only what contracts/src/events.ts says it owns. */
  readonly owner: string;
  readonly world: World;
  /** Called after the commit: the relay's `nudge`. */
  readonly notify: () => void;
}

/** The same limit as Kafka's default for one message; a fact larger than this belongs into an object that it names. */
export const envelopeBytesMax = 1_048_576;

/** Throws when the service does not own the event, its key is empty, or it is too large: all are programmer errors. */
export function outboxPublisher(tx: SqlTransaction, options: OutboxOptions): Publish {
  return async (schema, event, cause) => {
    const row = eventRow(schema.typeName);
    if (row === undefined || row.owner !== options.owner) {
      throw new Error(
        `${options.owner} may not publish ${schema.typeName}: contracts/src/events.ts gives it to ${row?.owner ?? 'nobody'}`,
      );
    }
    const message = create(schema, event);
    const envelope = create(EnvelopeSchema, {
      id: options.world.id('evt'),
      source: `/services/${options.owner}`,
      type: schema.typeName,
      subject: subjectOf(schema, message, row.key),
      time: timestampFromMs(options.world.now()),
      data: toBinary(schema, message),
      traceparent: cause?.traceparent ?? '',
      correlationId: cause?.requestId ?? '',
    });
    const bytes = toBinary(EnvelopeSchema, envelope);
    if (bytes.byteLength > envelopeBytesMax) {
      throw new Error(`${schema.typeName} has ${bytes.byteLength} bytes; an event has at most ${envelopeBytesMax}`);
    }
    await tx.execute(insert[tx.dialect], [row.owner, Buffer.from(bytes)]);
    tx.afterCommit(options.notify);
  };
}

const insert: Readonly<Record<SqlDialect, string>> = {
  postgres: 'INSERT INTO outbox (topic, envelope) VALUES ($1, $2)',
  mysql: 'INSERT INTO outbox (topic, envelope) VALUES (?, ?)',
};

function subjectOf<D extends DescMessage>(schema: D, message: MessageShape<D>, key: string): string {
  const field = schema.fields.find((one) => one.name === key);
  const value = field === undefined ? undefined : (message as Record<string, unknown>)[field.localName];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`${schema.typeName} has no value in its key field ${key}`);
}
