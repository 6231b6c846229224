/**
 * The transactional outbox: an event is written in the transaction of the fact it tells, and brought to the stream after
 * the commit. No dual write, so no event is lost and none is told of what was rolled back.
 *
 * Each service database holds the table `outbox` (sql/service-tables.ts). One relay per service takes the rows in the
 * order of their ids, appends them to the stream (again after a crash: consumers know what they applied) and deletes them. Rows of one subject
 * are written under that subject's row lock, so their ids follow their commits. A service whose documents are in MongoDB
 * keeps its events in the units of work themselves (documents/mongodb-outbox.ts).
 */
import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { eventRow } from '@suuupra/contracts/events';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { CallContext } from '../rpc/rpc.ts';
import type { SqlDialect, SqlStatement, SqlTransaction } from '../sql/sql.ts';
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

/** An event as it waits for the relay. */
export interface OutboxEvent {
  readonly topic: string;
  /** The bytes of an Envelope. */
  readonly envelope: Uint8Array;
}

/**
 * Publishes in the transaction: all its events are written by one statement, last before COMMIT. Throws when the service does
 * not own the event, its key is empty, or it is too large: all are programmer errors.
 */
export function outboxPublisher(tx: SqlTransaction, options: OutboxOptions): Publish {
  return async (schema, event, cause) => {
    writeBeforeCommit(tx, options, envelopeOf(options, schema, event, cause));
  };
}

/** The event in its envelope. Throws as `outboxPublisher` does. */
export function envelopeOf<D extends DescMessage>(
  options: Pick<OutboxOptions, 'owner' | 'world'>,
  schema: D,
  event: MessageInitShape<D>,
  cause?: EventCause,
): OutboxEvent {
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
  return { topic: row.owner, envelope: bytes };
}

/** What transactions under way have told and not written yet. */
const toldIn = new WeakMap<SqlTransaction, OutboxEvent[]>();

/** All that a transaction tells is written at its end by one statement, in the order in which it was told, under all of its locks. */
function writeBeforeCommit(tx: SqlTransaction, { notify }: Pick<OutboxOptions, 'notify'>, one: OutboxEvent): void {
  const told = toldIn.get(tx);
  if (told !== undefined) {
    told.push(one);
    return;
  }
  const all = [one];
  toldIn.set(tx, all);
  tx.withCommit(() => inPortions(all).map(insert[tx.dialect]));
  tx.afterCommit(notify);
}

/** A statement stays far below what a server takes in one (MariaDB: max_allowed_packet, 16 MiB). */
const statementBytesMax = 4 * 1_048_576;

function inPortions(all: readonly OutboxEvent[]): OutboxEvent[][] {
  const portions: OutboxEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of all) {
    bytes += one.envelope.byteLength;
    if (bytes > statementBytesMax) {
      portions.push([]);
      bytes = one.envelope.byteLength;
    }
    portions.at(-1)?.push(one);
  }
  return portions;
}

/** Rows get their ids in the order given. */
const insert: Readonly<Record<SqlDialect, (told: readonly OutboxEvent[]) => SqlStatement>> = {
  postgres: (told) => ({
    text: `INSERT INTO outbox (topic, envelope)
       SELECT topic, envelope FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS told (topic, envelope, place)
       ORDER BY place`,
    values: [told.map(({ topic }) => topic), told.map(({ envelope }) => Buffer.from(envelope))],
  }),
  mysql: (told) => ({
    text: 'INSERT INTO outbox (topic, envelope) VALUES ?',
    values: [told.map(({ topic, envelope }) => [topic, Buffer.from(envelope)])],
  }),
};

function subjectOf<D extends DescMessage>(schema: D, message: MessageShape<D>, key: string): string {
  const field = schema.fields.find((one) => one.name === key);
  const value = field === undefined ? undefined : (message as Record<string, unknown>)[field.localName];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`${schema.typeName} has no value in its key field ${key}`);
}
