/** What the service does with the addresses that events are sent to: make, list, change, rotate their secrets, forget. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type CreateWebhookEndpointRequest,
  type WebhookEndpoint,
  WebhookEndpointSchema,
  WebhookEndpointStatus,
} from '@suuupra/contracts/gen/suuupra/notifications/v1/webhooks_pb.ts';
import type { TextSeal } from '@suuupra/platform/mail/sealed-text';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { Sql, SqlExecutor } from '@suuupra/platform/sql/sql';
import type { World } from '@suuupra/platform/world';
import { refuseUrl } from './public-address.ts';
import { oldSecretMs, testType, webhookTypes } from './webhook.ts';

/** Each event makes a row and a request for each endpoint. */
export const endpointsMax = 20;
/** As the specification has it: 24 to 64 bytes. */
const secretBytes = 32;

export interface EndpointParts {
  readonly sql: Sql;
  readonly world: World;
  readonly seal: TextSeal;
}

export interface EndpointRow extends Record<string, unknown> {
  id: string;
  url: string;
  description: string;
  event_types: string[];
  secret_sealed: string;
  old_secret_sealed: string;
  old_secret_until: Date | null;
  status: 'enabled' | 'disabled';
  disabled_because: string;
  failing_since: Date | null;
  created_at: Date;
}

export async function createEndpoint(
  parts: EndpointParts,
  request: CreateWebhookEndpointRequest,
  createdBy: string,
): Promise<{ endpoint: WebhookEndpoint; secret: string } | Refusal> {
  const { sql, world, seal } = parts;
  const wrongUrl = refuseUrl(request.url);
  if (wrongUrl !== undefined)
    return refuse('webhook_address_refused', `url ${wrongUrl}.`, [
      { field: 'url', code: 'not_allowed', detail: wrongUrl },
    ]);
  const known = new Set(webhookTypes.map(({ type }) => type));
  const unknown = request.eventTypes.findIndex((type) => !known.has(type));
  if (unknown >= 0)
    return refuse('invalid_request', 'eventTypes holds a type that does not exist.', [
      { field: `eventTypes[${unknown}]`, code: 'not_allowed', detail: [...known].join(', ') },
    ]);
  const id = world.id('whe');
  const secret = world.secret(secretBytes);
  return refusableTransaction(sql, async (tx) => {
    // Two that are made at once are counted one after the other.
    await tx.execute('LOCK TABLE webhook_endpoints IN SHARE ROW EXCLUSIVE MODE');
    const [counted] = await tx.query<{ count: bigint }>('SELECT count(*) AS count FROM webhook_endpoints');
    if ((counted?.count ?? 0n) >= BigInt(endpointsMax))
      return refuse('limit_reached', `There are ${endpointsMax} endpoints already; delete one first.`);
    const [row] = await tx.query<EndpointRow>(
      `INSERT INTO webhook_endpoints (id, url, description, event_types, secret_sealed, status, created_by, created_at)
       VALUES ($1, $2, $3, $4, $5, 'enabled', $6, $7) RETURNING *`,
      [
        id,
        request.url,
        request.description,
        [...new Set(request.eventTypes)],
        seal.seal(base64(secret), id),
        createdBy,
        new Date(world.now()),
      ],
    );
    if (row === undefined) throw new Error('an endpoint was not kept');
    return { endpoint: endpointMessage(row), secret: shownSecret(secret) };
  });
}

export async function listEndpoints(sql: Sql, request: { pageSize: number; pageToken: string }) {
  const page = readPage(request, ['text']);
  if (isRefusal(page)) return page;
  const rows = await sql.query<EndpointRow>(
    'SELECT * FROM webhook_endpoints WHERE $1::text IS NULL OR id < $1 ORDER BY id DESC LIMIT $2',
    [page.after[0] ?? null, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  return {
    endpoints: shown.map(endpointMessage),
    nextPageToken: rows.length > page.limit ? pageToken([shown.at(-1)?.id ?? '']) : '',
    knownEventTypes: webhookTypes.map(({ type }) => type),
  };
}

export async function findEndpoint(sql: SqlExecutor, id: string): Promise<EndpointRow | undefined> {
  const [row] = await sql.query<EndpointRow>('SELECT * FROM webhook_endpoints WHERE id = $1', [id]);
  return row;
}

export async function deleteEndpoint(sql: Sql, id: string): Promise<Refusal | Record<string, never>> {
  const touched = await sql.execute('DELETE FROM webhook_endpoints WHERE id = $1', [id]);
  return touched === 0 ? noEndpoint() : {};
}

/** Enabled again it begins anew: what failed before does not count, what is pending goes on. */
export async function setEndpointStatus(sql: SqlExecutor, id: string, status: 'enabled' | 'disabled', because: string) {
  const [row] = await sql.query<EndpointRow>(
    `UPDATE webhook_endpoints SET status = $2, disabled_because = $3, failing_since = CASE WHEN $2 = 'enabled' THEN NULL ELSE failing_since END
     WHERE id = $1 RETURNING *`,
    [id, status, because],
  );
  return row === undefined ? noEndpoint() : { endpoint: endpointMessage(row) };
}

export async function rotateSecret(parts: EndpointParts, id: string) {
  const { sql, world, seal } = parts;
  const secret = world.secret(secretBytes);
  const [row] = await sql.query<EndpointRow>(
    `UPDATE webhook_endpoints SET old_secret_sealed = secret_sealed, old_secret_until = $3, secret_sealed = $2
     WHERE id = $1 RETURNING *`,
    [id, seal.seal(base64(secret), id), new Date(world.now() + oldSecretMs)],
  );
  return row === undefined ? noEndpoint() : { endpoint: endpointMessage(row), secret: shownSecret(secret) };
}

/** The secrets that sign now, the newest first. */
export function secretsOf(endpoint: EndpointRow, seal: TextSeal, nowMs: number): Uint8Array[] {
  const isOldLive = endpoint.old_secret_until !== null && endpoint.old_secret_until.getTime() > nowMs;
  const sealed = isOldLive ? [endpoint.secret_sealed, endpoint.old_secret_sealed] : [endpoint.secret_sealed];
  return sealed.map((text) => Buffer.from(seal.open(text, endpoint.id), 'base64'));
}

export function takes(endpoint: Pick<EndpointRow, 'event_types'>, type: string): boolean {
  return type === testType || endpoint.event_types.length === 0 || endpoint.event_types.includes(type);
}

export function noEndpoint(): Refusal {
  return refuse('not_found', 'There is no such webhook endpoint.');
}

export function endpointMessage(row: EndpointRow): WebhookEndpoint {
  return create(WebhookEndpointSchema, {
    id: row.id,
    url: row.url,
    description: row.description,
    eventTypes: row.event_types,
    status: row.status === 'enabled' ? WebhookEndpointStatus.ENABLED : WebhookEndpointStatus.DISABLED,
    disabledBecause: row.disabled_because,
    createdAt: timestampFromDate(row.created_at),
    ...(row.failing_since === null ? {} : { failingSince: timestampFromDate(row.failing_since) }),
  });
}

function base64(secret: Uint8Array): string {
  return Buffer.from(secret).toString('base64');
}

function shownSecret(secret: Uint8Array): string {
  return `whsec_${base64(secret)}`;
}
