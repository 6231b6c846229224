/**
 * From the event to the receiver: an outbox for each endpoint.
 *
 * The event's handler writes the message and one delivery for each endpoint that takes its type, in its own transaction.
 * A loop claims deliveries that are due, posts them outside any transaction and notes what came of it. A receiver gets
 * each event at least once, with the same `webhook-id` each time; in which order is not promised.
 */
import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf';
import { signWebhook } from '@suuupra/platform/http/webhook-signature';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import {
  type EndpointParts,
  type EndpointRow,
  findEndpoint,
  secretsOf,
  setEndpointStatus,
  takes,
} from './endpoints.ts';
import type { Send } from './send.ts';
import { disablesEndpoint, nextTryMs, type Outcome, testType, webhookTypes } from './webhook.ts';

export interface DeliveryParts extends EndpointParts {
  readonly telemetry: Telemetry;
  readonly send: Send;
}

export interface Deliveries {
  /** Adds the deliveries of an event to the transaction that applies it; of a type that does not leave the platform, none. */
  add<D extends DescMessage>(tx: SqlTransaction, schema: D, event: MessageShape<D>, eventId: string): Promise<void>;
  /** Adds a test event for one endpoint; gives the delivery's id. */
  addTest(tx: SqlTransaction, endpoint: EndpointRow): Promise<string>;
  nudge(): void;
  start(): void;
  stop(): Promise<void>;
}

/** Requests under way at once, and of one endpoint: a slow receiver does not hold the others up. */
const batchMax = 20;
const batchOfEndpointMax = 5;
/** A claimed delivery is left to its process for this long, which is longer than a try. */
const leaseMs = 60_000;
const idleMsMax = 10_000;
/** Messages and what became of them are kept for a month, as long as they may be replayed. */
const keptMs = 30 * 24 * 3_600_000;
const pruneBatchMax = 500;
/** The latest tries that are kept of a delivery. */
export const triesKeptMax = 20;

interface Due extends Record<string, unknown> {
  id: string;
  endpoint_id: string;
  event_id: string;
  body: string;
  tries: number;
}

export function openDeliveries(parts: DeliveryParts): Deliveries {
  const { world, telemetry } = parts;
  let loop: Loop | undefined;
  const nudge = () => loop?.nudge();
  return {
    add: async (tx, schema, event, eventId) => {
      const known = webhookTypes.find((each) => each.schema.typeName === schema.typeName);
      if (known === undefined) return;
      const endpoints = await enabledEndpoints(tx);
      const taking = endpoints.filter((endpoint) => takes(endpoint, known.type));
      if (taking.length === 0) return;
      await insertMessage(parts, tx, eventId, known.type, toJson(schema, event));
      for (const endpoint of taking) await insertDelivery(parts, tx, endpoint.id, eventId);
      tx.afterCommit(nudge);
    },
    addTest: async (tx, endpoint) => {
      const eventId = world.id('evt');
      await insertMessage(parts, tx, eventId, testType, { endpointId: endpoint.id });
      const id = await insertDelivery(parts, tx, endpoint.id, eventId);
      tx.afterCommit(nudge);
      return id;
    },
    nudge,
    start: () => {
      loop = startLoop({
        round: () => deliverDue(parts),
        now: () => world.now(),
        idleMsMax,
        failed: (error) => telemetry.log.warn('webhooks wait in their queue', { error }),
      });
    },
    stop: async () => loop?.stop(),
  };
}

const endpointsIn = new WeakMap<SqlTransaction, Promise<EndpointRow[]>>();

/** Read once for all events of a transaction: they are applied at one moment. */
function enabledEndpoints(tx: SqlTransaction): Promise<EndpointRow[]> {
  const read = endpointsIn.get(tx) ?? tx.query<EndpointRow>("SELECT * FROM webhook_endpoints WHERE status = 'enabled'");
  endpointsIn.set(tx, read);
  return read;
}

async function insertMessage(parts: DeliveryParts, tx: SqlTransaction, eventId: string, type: string, data: unknown) {
  const at = new Date(parts.world.now());
  await tx.execute(
    'INSERT INTO webhook_messages (event_id, type, body, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [eventId, type, JSON.stringify({ type, timestamp: at.toISOString(), data }), at],
  );
}

async function insertDelivery(parts: DeliveryParts, tx: SqlTransaction, endpointId: string, eventId: string) {
  const id = parts.world.id('whd');
  await tx.execute(
    `INSERT INTO webhook_deliveries (id, endpoint_id, event_id, status, created_at, due_at)
     VALUES ($1, $2, $3, 'pending', $4, $4) ON CONFLICT DO NOTHING`,
    [id, endpointId, eventId, new Date(parts.world.now())],
  );
  return id;
}

/** Tries what is due; gives the time when more is. */
async function deliverDue(parts: DeliveryParts): Promise<number | undefined> {
  const { sql, world } = parts;
  const nowMs = world.now();
  const due = await sql.query<Due>(
    `WITH ranked AS (
       SELECT deliveries.id, due_at, row_number() OVER (PARTITION BY endpoint_id ORDER BY due_at, deliveries.id) AS place
       FROM webhook_deliveries AS deliveries JOIN webhook_endpoints AS endpoints ON endpoints.id = endpoint_id
       WHERE due_at <= $1 AND endpoints.status = 'enabled'
     ), chosen AS (
       SELECT id FROM webhook_deliveries
       WHERE id IN (SELECT id FROM ranked WHERE place <= $3 ORDER BY due_at, id LIMIT $4) AND due_at <= $1
       FOR UPDATE SKIP LOCKED
     )
     UPDATE webhook_deliveries AS deliveries SET due_at = $2, tries = tries + 1
     FROM chosen, webhook_messages AS messages
     WHERE deliveries.id = chosen.id AND messages.event_id = deliveries.event_id
     RETURNING deliveries.id, endpoint_id, deliveries.event_id, body, tries`,
    [new Date(nowMs), new Date(nowMs + leaseMs), batchOfEndpointMax, batchMax],
  );
  await Promise.all(due.map((delivery) => tryDelivery(parts, delivery)));
  await prune(parts, nowMs);
  const [next] = await sql.query<{ due_at: Date | null }>(
    `SELECT min(due_at) AS due_at FROM webhook_deliveries JOIN webhook_endpoints AS endpoints ON endpoints.id = endpoint_id
     WHERE due_at IS NOT NULL AND endpoints.status = 'enabled'`,
  );
  return next?.due_at?.getTime();
}

async function tryDelivery(parts: DeliveryParts, due: Due): Promise<void> {
  const { sql, world, seal, send } = parts;
  const endpoint = await findEndpoint(sql, due.endpoint_id);
  if (endpoint === undefined || endpoint.status !== 'enabled') return;
  const startedMs = world.now();
  const signed = signWebhook(secretsOf(endpoint, seal, startedMs), due.event_id, startedMs, Buffer.from(due.body));
  const headers = { ...signed, 'content-type': 'application/json', 'user-agent': 'Suuupra-Webhooks/1' };
  const outcome = await send(endpoint.url, headers, due.body);
  await sql.transaction((tx) => note(parts, tx, due, startedMs, outcome));
}

/** Writes down what came of a try, for the delivery and for its endpoint. */
async function note(
  parts: DeliveryParts,
  tx: SqlTransaction,
  due: Due,
  startedMs: number,
  outcome: Outcome,
): Promise<void> {
  const { world, telemetry } = parts;
  const nowMs = world.now();
  const [endpoint] = await tx.query<EndpointRow>('SELECT * FROM webhook_endpoints WHERE id = $1 FOR UPDATE', [
    due.endpoint_id,
  ]);
  if (endpoint === undefined) return;
  const isTaken = outcome.kind === 'taken';
  const againMs = isTaken ? undefined : nextTryMs(due.tries, nowMs, () => world.random());
  await tx.execute('UPDATE webhook_deliveries SET status = $2, due_at = $3 WHERE id = $1', [
    due.id,
    isTaken ? 'delivered' : againMs === undefined ? 'failed' : 'pending',
    againMs === undefined ? null : new Date(againMs),
  ]);
  await tx.execute(
    'INSERT INTO webhook_tries (delivery_id, at, http_status, problem, duration_ms) VALUES ($1, $2, $3, $4, $5)',
    [due.id, new Date(startedMs), outcome.httpStatus, isTaken ? '' : outcome.problem, nowMs - startedMs],
  );
  const failingSinceMs = endpoint.failing_since?.getTime() ?? startedMs;
  await tx.execute('UPDATE webhook_endpoints SET failing_since = $2 WHERE id = $1', [
    endpoint.id,
    isTaken ? null : new Date(failingSinceMs),
  ]);
  const because = disablesEndpoint(outcome, failingSinceMs, nowMs);
  if (because !== undefined) {
    await setEndpointStatus(tx, endpoint.id, 'disabled', because);
    telemetry.log.warn('a webhook endpoint takes nothing and is disabled', { endpoint: endpoint.id, because });
  }
  telemetry
    .counter('suuupra_webhook_tries_total', 'Tries to deliver a webhook, by what came of them', ['outcome'])
    .inc({ outcome: isTaken ? 'taken' : outcome.problem });
}

async function prune(parts: DeliveryParts, nowMs: number): Promise<void> {
  await parts.sql.execute(
    `DELETE FROM webhook_messages WHERE event_id IN (
       SELECT event_id FROM webhook_messages WHERE created_at < $1
       AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook_deliveries.event_id = webhook_messages.event_id AND status = 'pending')
       LIMIT $2)`,
    [new Date(nowMs - keptMs), pruneBatchMax],
  );
}
