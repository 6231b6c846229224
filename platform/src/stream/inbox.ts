/**
 * The inbox: what makes at-least-once delivery exactly-once in effect. The id of each event is written in the transaction
 * that applies it; an event that comes again finds its id there and is passed over.
 */
import { randomBytes } from 'node:crypto';
import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { eventRow } from '@suuupra/contracts/events';
import type { EventHandler, EventLock } from '../service.ts';
import { retrying, type Sql, type SqlDialect, type SqlTransaction } from '../sql/sql.ts';
import { inScope } from '../telemetry/call-scope.ts';
import { type MessagingSystem, span as spanNames } from '../telemetry/semantic-names.ts';
import type { Span, Telemetry } from '../telemetry/telemetry.ts';
import type { EventCause } from './outbox.ts';
import type { Consumer, Stream, StreamRecord } from './stream.ts';

export interface Subscription {
  readonly stream: Pick<Stream, 'consume' | 'system'>;
  /** The service's own database, with the tables of sql/service-tables.ts. */
  readonly sql: Sql;
  /** The name of the service: its consumer group. */
  readonly group: string;
  readonly handlers: readonly EventHandler[];
  readonly telemetry: Telemetry;
}

/** Starts to apply the events of the handlers. Throws when contracts/src/events.ts does not name the group as a consumer. */
export async function subscribe(subscription: Subscription): Promise<Consumer> {
  const { stream, sql, group, telemetry } = subscription;
  const handlers = handlerTable(group, subscription.handlers);
  if (handlers.size === 0) return { stop: async () => {} };
  const topics = new Set([...handlers.values()].map((handler) => ownerOf(group, handler.schema)));
  return stream.consume({
    group,
    topics: [...topics],
    types: new Set(handlers.keys()),
    handle: async (records) => {
      await applyOnce(sql, group, records, handlers, telemetry, stream.system);
    },
  });
}

/**
 * Applies the events that this group has not applied yet, in order, all in one transaction. Gives their number. When a
 * handler throws, nothing of the batch is kept. A transaction that lost a deadlock is run again from its beginning.
 */
export async function applyOnce(
  sql: Sql,
  group: string,
  records: readonly StreamRecord[],
  handlers: ReadonlyMap<string, EventHandler>,
  telemetry: Telemetry,
  system: MessagingSystem = 'suuupra_stream',
): Promise<number> {
  if (records.length === 0) return 0;
  const source = { group, system };
  await goAhead(source, records, handlers, telemetry);
  const applied = await retrying(() =>
    sql.transaction(async (tx) => {
      const fresh = await claim(tx, group, records);
      await takeLocks(tx, fresh, handlers);
      for (const record of fresh) await apply(tx, { source, record, handlers, telemetry });
      return fresh;
    }),
  );
  const counted = telemetry.counter('suuupra_events_applied_total', 'Events applied', ['consumer', 'type']);
  const delay = telemetry.durations('suuupra_event_delay_seconds', 'From the fact to its application', ['consumer']);
  for (const { envelope } of applied) {
    counted.inc({ consumer: group, type: envelope.type });
    if (envelope.time !== undefined) {
      const seconds = Math.max(0, Date.now() - timestampMs(envelope.time)) / 1_000;
      delay.observe({ consumer: group }, seconds, envelope.traceparent);
    }
  }
  return applied.length;
}

/** Begins the work ahead of the transaction in the order of the events, and waits for all of it. */
async function goAhead(
  source: Source,
  records: readonly StreamRecord[],
  handlers: ReadonlyMap<string, EventHandler>,
  telemetry: Telemetry,
): Promise<void> {
  const begun = records.map(async (record) => {
    const { envelope } = record;
    const handler = handlers.get(envelope.type);
    const { ahead } = handler ?? {};
    if (handler === undefined || ahead === undefined) return;
    await spanned(telemetry.span(...spanOf('prepare', source, record)), record, (cause) =>
      ahead({ event: fromBinary(handler.schema, envelope.data), envelope, cause }),
    );
  });
  for (const one of await Promise.allSettled(begun)) if (one.status === 'rejected') throw one.reason;
}

/** Takes what the events are about to change, each kind of thing in the order of its keys. */
async function takeLocks(
  tx: SqlTransaction,
  records: readonly StreamRecord[],
  handlers: ReadonlyMap<string, EventHandler>,
): Promise<void> {
  // The kinds in the order of the handlers, whatever came first in this batch.
  const wanted = new Map<EventLock<DescMessage>['take'], Set<string>>();
  for (const { lock } of handlers.values()) if (lock !== undefined) wanted.set(lock.take, new Set());
  for (const { envelope } of records) {
    const { schema, lock } = handlers.get(envelope.type) ?? {};
    if (schema === undefined || lock === undefined) continue;
    wanted.get(lock.take)?.add(lock.keyOf(fromBinary(schema, envelope.data)));
  }
  for (const [take, keys] of wanted) if (keys.size > 0) await take(tx, [...keys].sort());
}

/** Makes the group forget what it applied, so that a rewound group applies it again. For rebuilding a projection. */
export async function forgetApplied(tx: SqlTransaction, group: string): Promise<void> {
  await tx.execute(`DELETE FROM inbox WHERE consumer = ${tx.dialect === 'postgres' ? '$1' : '?'}`, [group]);
}

/** The records whose ids were not in the inbox. One that another member applies just now is waited for, and passed over. */
async function claim(tx: SqlTransaction, group: string, records: readonly StreamRecord[]): Promise<StreamRecord[]> {
  // Sorted, so that two members that overlap take the ids in one order and do not deadlock.
  const ids = [...new Set(records.map((record) => record.envelope.id))].sort();
  const rows = await claims[tx.dialect](tx, group, ids);
  const fresh = new Set(rows.map((row) => row.event_id));
  return records.filter((record) => fresh.delete(record.envelope.id));
}

type Claim = (tx: SqlTransaction, group: string, ids: readonly string[]) => Promise<{ event_id: string }[]>;

/** Writes the ids that are new, waiting for whoever writes the same ones, and gives those that it wrote. */
const claims: Readonly<Record<SqlDialect, Claim>> = {
  postgres: (tx, group, ids) =>
    tx.query(
      'INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING RETURNING event_id',
      [group, ids],
    ),
  mysql: async (tx, group, ids) => {
    const claim = randomBytes(12).toString('hex');
    await tx.execute(
      'INSERT INTO inbox (consumer, event_id, claim) VALUES ? ON DUPLICATE KEY UPDATE consumer = VALUES(consumer)',
      [ids.map((id) => [group, id, claim])],
    );
    return tx.query('SELECT event_id FROM inbox WHERE consumer = ? AND event_id IN (?) AND claim = ?', [
      group,
      ids,
      claim,
    ]);
  },
};

/** Whose record it is and where it came from, as spans say it. */
interface Source {
  readonly group: string;
  readonly system: MessagingSystem;
}

interface Applying {
  readonly source: Source;
  readonly record: StreamRecord;
  readonly handlers: ReadonlyMap<string, EventHandler>;
  readonly telemetry: Telemetry;
}

async function apply(tx: SqlTransaction, { source, record, handlers, telemetry }: Applying): Promise<void> {
  const { envelope } = record;
  const handler = handlers.get(envelope.type);
  if (handler === undefined) return;
  await spanned(telemetry.span(...spanOf('process', source, record)), record, async (cause) => {
    await handler.apply({ event: fromBinary(handler.schema, envelope.data), envelope, tx, cause });
  });
}

/** The work as a span below the fact that caused it; what is logged within it carries the request of that fact. */
async function spanned(span: Span, { envelope }: StreamRecord, work: (cause: EventCause) => Promise<void>) {
  const cause = { requestId: envelope.correlationId, traceparent: span.traceparent };
  try {
    await inScope(cause, () => work(cause));
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

function spanOf(operation: string, { group, system }: Source, record: StreamRecord): Parameters<Telemetry['span']> {
  const { envelope } = record;
  const type = envelope.type.split('.').at(-1) ?? envelope.type;
  const attributes = {
    [spanNames.messagingSystem]: system,
    [spanNames.messagingOperation]: operation,
    [spanNames.messagingOperationType]: 'process',
    [spanNames.messagingDestination]: record.topic,
    [spanNames.messagingPartition]: String(record.partition),
    [spanNames.messagingGroup]: group,
    [spanNames.messageId]: envelope.id,
    [spanNames.conversationId]: envelope.correlationId,
    [spanNames.eventType]: envelope.type,
  };
  return [`${operation} ${type}`, envelope.traceparent, attributes, { kind: 'consumer' }];
}

function handlerTable(group: string, handlers: readonly EventHandler[]): Map<string, EventHandler> {
  const table = new Map<string, EventHandler>();
  for (const handler of handlers) {
    const type = handler.schema.typeName;
    if (table.has(type)) throw new Error(`${group} has two handlers for ${type}`);
    table.set(type, handler);
  }
  return table;
}

function ownerOf(group: string, schema: DescMessage): string {
  const row = eventRow(schema.typeName);
  if (row?.consumers.includes(group) === true) return row.owner;
  throw new Error(
    `${group} may not consume ${schema.typeName}: contracts/src/events.ts does not name it as a consumer`,
  );
}
