/** What was sent, and sending it again. */
import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type WebhookDelivery,
  WebhookDeliverySchema,
  WebhookDeliveryStatus,
  type WebhookTry,
  WebhookTrySchema,
} from '@suuupra/contracts/gen/suuupra/notifications/v1/webhooks_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { Sql, SqlExecutor } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import { triesKeptMax } from './deliveries.ts';
import { findEndpoint, noEndpoint } from './endpoints.ts';

/** Of one call to replay what failed. */
const replayMax = 1_000;

interface DeliveryRow extends Record<string, unknown> {
  id: string;
  endpoint_id: string;
  event_id: string;
  type: string;
  status: 'pending' | 'delivered' | 'failed';
  tries: number;
  created_at: Date;
  due_at: Date | null;
  last_at: Date | null;
  last_http_status: number | null;
  last_problem: string | null;
  last_duration_ms: number | null;
}

const statuses = {
  pending: WebhookDeliveryStatus.PENDING,
  delivered: WebhookDeliveryStatus.DELIVERED,
  failed: WebhookDeliveryStatus.FAILED,
} as const;

const selectDeliveries = `SELECT deliveries.*, messages.type, last.at AS last_at, last.http_status AS last_http_status,
    last.problem AS last_problem, last.duration_ms AS last_duration_ms
  FROM webhook_deliveries AS deliveries JOIN webhook_messages AS messages USING (event_id)
  LEFT JOIN LATERAL (SELECT * FROM webhook_tries WHERE delivery_id = deliveries.id ORDER BY id DESC LIMIT 1) AS last ON true`;

export async function listDeliveries(
  sql: Sql,
  request: { endpointId: string; pageSize: number; pageToken: string; status: WebhookDeliveryStatus },
) {
  const page = readPage(request, ['time', 'text']);
  if (isRefusal(page)) return page;
  if ((await findEndpoint(sql, request.endpointId)) === undefined) return noEndpoint();
  const status = Object.entries(statuses).find(([, value]) => value === request.status)?.[0] ?? null;
  const [at, id] = page.after;
  const rows = await sql.query<DeliveryRow>(
    `${selectDeliveries} WHERE endpoint_id = $1 AND ($2::text IS NULL OR status = $2)
       AND ($3::timestamptz IS NULL OR (deliveries.created_at, deliveries.id) < ($3, $4))
     ORDER BY deliveries.created_at DESC, deliveries.id DESC LIMIT $5`,
    [request.endpointId, status, at ?? null, id ?? '', page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    deliveries: shown.map(deliveryMessage),
    nextPageToken:
      rows.length > page.limit && last !== undefined ? pageToken([last.created_at.toISOString(), last.id]) : '',
  };
}

export async function getDelivery(sql: Sql, id: string) {
  const delivery = await findDelivery(sql, id);
  if (delivery === undefined) return noDelivery();
  const [message] = await sql.query<{ body: string }>('SELECT body FROM webhook_messages WHERE event_id = $1', [
    delivery.event_id,
  ]);
  const tries = await sql.query<{ at: Date; http_status: number; problem: string; duration_ms: number }>(
    'SELECT * FROM webhook_tries WHERE delivery_id = $1 ORDER BY id DESC LIMIT $2',
    [id, triesKeptMax],
  );
  return {
    delivery: deliveryMessage(delivery),
    body: message?.body ?? '',
    tries: tries.map((row) => tryMessage(row.at, row.http_status, row.problem, row.duration_ms)),
  };
}

export async function replayDelivery(parts: { sql: Sql; world: World; nudge(): void }, id: string) {
  return refusableTransaction(parts.sql, async (tx) => {
    const delivery = await findDelivery(tx, id);
    if (delivery === undefined) return noDelivery();
    const refused = await refuseDisabled(tx, delivery.endpoint_id);
    if (refused !== undefined) return refused;
    await tx.execute("UPDATE webhook_deliveries SET status = 'pending', tries = 0, due_at = $2 WHERE id = $1", [
      id,
      new Date(parts.world.now()),
    ]);
    tx.afterCommit(parts.nudge);
    const again = await findDelivery(tx, id);
    return again === undefined ? noDelivery() : { delivery: deliveryMessage(again) };
  });
}

export async function replayFailed(
  parts: { sql: Sql; world: World; nudge(): void },
  request: { endpointId: string; since?: Timestamp | undefined },
) {
  const since = request.since === undefined ? new Date(0) : timestampDate(request.since);
  return refusableTransaction(parts.sql, async (tx) => {
    const refused = await refuseDisabled(tx, request.endpointId);
    if (refused !== undefined) return refused;
    const replayed = await tx.execute(
      `UPDATE webhook_deliveries SET status = 'pending', tries = 0, due_at = $3
       WHERE id IN (SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 AND status = 'failed' AND created_at >= $2
                    ORDER BY created_at, id LIMIT $4)`,
      [request.endpointId, since, new Date(parts.world.now()), replayMax],
    );
    tx.afterCommit(parts.nudge);
    return { replayed };
  });
}

async function refuseDisabled(executor: SqlExecutor, endpointId: string): Promise<Refusal | undefined> {
  const endpoint = await findEndpoint(executor, endpointId);
  if (endpoint === undefined) return noEndpoint();
  return endpoint.status === 'enabled'
    ? undefined
    : refuse('webhook_endpoint_disabled', 'Enable the endpoint first; nothing is sent to it now.');
}

export async function findDelivery(executor: SqlExecutor, id: string): Promise<DeliveryRow | undefined> {
  const [row] = await executor.query<DeliveryRow>(`${selectDeliveries} WHERE deliveries.id = $1`, [id]);
  return row;
}

function noDelivery(): Refusal {
  return refuse('not_found', 'There is no such delivery, or it is older than a month.');
}

export function deliveryMessage(row: DeliveryRow): WebhookDelivery {
  return create(WebhookDeliverySchema, {
    id: row.id,
    endpointId: row.endpoint_id,
    eventId: row.event_id,
    eventType: row.type,
    status: statuses[row.status],
    tries: row.tries,
    createdAt: timestampFromDate(row.created_at),
    ...(row.due_at === null ? {} : { nextTryAt: timestampFromDate(row.due_at) }),
    ...(row.last_at === null
      ? {}
      : {
          lastTry: tryMessage(
            row.last_at,
            row.last_http_status ?? 0,
            row.last_problem ?? '',
            row.last_duration_ms ?? 0,
          ),
        }),
  });
}

function tryMessage(at: Date, httpStatus: number, problem: string, durationMs: number): WebhookTry {
  return create(WebhookTrySchema, { at: timestampFromDate(at), httpStatus, problem, durationMs });
}
