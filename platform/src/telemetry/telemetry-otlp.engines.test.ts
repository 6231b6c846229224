/** Spans as a real collector took them. */
import { readFile } from 'node:fs/promises';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../rpc/client.ts';
import { serve } from '../rpc/dispatch.ts';
import { openRemoteTarget } from '../rpc/remote-target.ts';
import { type Implementation, implement } from '../rpc/rpc.ts';
import { serveGrpc } from '../rpc/serve-grpc.ts';
import { remoteTransport } from '../rpc/transport-grpc.ts';
import { on } from '../service.ts';
import { openSql } from '../sql/open-sql.ts';
import { prepareServiceDatabase } from '../sql/service-tables.ts';
import type { Sql } from '../sql/sql.ts';
import { subscribe } from '../stream/inbox.ts';
import { outboxPublisher } from '../stream/outbox.ts';
import { startRelay } from '../stream/outbox-relay.ts';
import { sqlOutbox } from '../stream/outbox-sql.ts';
import type { Stream } from '../stream/stream.ts';
import { openEmbeddedStream } from '../stream/stream-embedded.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { realWorld } from '../world.ts';
import type { ProcessTelemetry } from './telemetry.ts';
import { openTelemetry } from './telemetry-process.ts';

const [endpoint = '', written = ''] = (process.env['SUUUPRA_TEST_OTLP'] ?? '').split('#');
const world = realWorld();
const open = () =>
  openTelemetry({ logLevel: 'silent', traceShare: 1, otlpEndpoint: endpoint, instance: 'here-1', version: '9.9.9' });

let sql: Sql;
let streamSql: Sql;
let stream: Stream;
let telemetry: ProcessTelemetry;
beforeAll(async () => {
  telemetry = open();
  sql = await openSql({ url: await freshDatabaseUrl(), telemetry: telemetry.forService('identity') });
  streamSql = await openTestSql(await freshDatabaseUrl('postgres'));
  await prepareServiceDatabase(sql);
  stream = await openEmbeddedStream({ sql: streamSql, telemetry: telemetry.forService('stream'), world });
});
afterAll(async () => {
  await stream.close();
  await sql.close();
  await streamSql.close();
});

describe('a trace at a real collector', () => {
  it('goes from the request over gRPC, the outbox and the stream to whoever applies the fact', async () => {
    const identity = telemetry.forService('identity');
    const relay = startRelay({ outbox: sqlOutbox(sql), stream, telemetry: identity });
    const served = serve([checkSessionThatPublishes(() => relay.nudge())], { world, telemetry: identity });
    const server = await serveGrpc({ served: [served], host: '127.0.0.1', port: 0, world });
    const target = openRemoteTarget({ service: 'identity', addresses: [`127.0.0.1:${server.port}`], world });
    await target.ready({ signal: AbortSignal.timeout(10_000), deadlineAtMs: Date.now() + 10_000, name: 'the start' });
    const transport = remoteTransport(target, telemetry.forService('gateway'));
    const applied = Promise.withResolvers<void>();
    const notifications = telemetry.forService('notifications');
    const handlers = [on(UserRegisteredSchema, async () => applied.resolve())];
    const consumer = await subscribe({ stream, sql, group: 'notifications', handlers, telemetry: notifications });
    const request = telemetry.forService('gateway').span('POST /api/v1/users', '', {}, { kind: 'server' });
    const client = createClient(IdentityService, transport, { caller: 'gateway', world });
    await client.checkSession({ token: 'x' }, { context: callContext(request.traceparent) });
    request.end();
    await applied.promise;
    await consumer.stop();
    await relay.stop();
    target.close();
    await server.close(1_000);
    await telemetry.close();

    const spans = await spansOf(request.traceparent.split('-')[1] ?? '', 6);
    const chain = [
      ['POST /api/v1/users', 'gateway', otlpKind.server],
      ['identity.v1.IdentityService/CheckSession', 'gateway', otlpKind.client],
      ['identity.v1.IdentityService/CheckSession', 'identity', otlpKind.server],
      ['send UserRegistered', 'identity', otlpKind.producer],
      ['process UserRegistered', 'notifications', otlpKind.consumer],
    ];
    const found = chain.map(([name, service, kind]) =>
      spans.find((span) => span.name === name && span.service === service && span.kind === kind),
    );
    expect(found.map((span) => span?.name)).toEqual(chain.map(([name]) => name));
    expect(found.slice(1).map((span) => span?.parentSpanId)).toEqual(found.slice(0, -1).map((span) => span?.spanId));
    expect(found[0]?.resource).toMatchObject({
      'service.namespace': 'suuupra',
      'service.instance.id': 'here-1',
      'service.version': '9.9.9',
    });
    const rpc = {
      'rpc.system.name': 'grpc',
      'rpc.method': 'suuupra.identity.v1.IdentityService/CheckSession',
      'rpc.status_code': 'ok',
    };
    expect(found[1]?.attributes).toMatchObject({
      ...rpc,
      'server.address': '127.0.0.1',
      'server.port': String(server.port),
    });
    expect(found[2]?.attributes).toMatchObject(rpc);
    const transaction = spans.find((span) => span.name === 'transaction');
    expect(transaction).toMatchObject({
      ...{ service: 'identity', kind: otlpKind.client, parentSpanId: found[2]?.spanId },
      attributes: {
        'db.system.name': 'postgresql',
        'db.query.summary': 'INSERT outbox',
        'suuupra.db.outcome': 'committed',
      },
    });
    expect(found[4]?.attributes).toMatchObject({
      'messaging.system.name': 'suuupra_stream',
      'messaging.destination.name': 'identity',
      'messaging.operation.name': 'process',
      'messaging.consumer.group.name': 'notifications',
      'messaging.message.conversation_id': 'req_otlp',
    });
  });

  it('carries what went wrong', async () => {
    const own = open();
    const span = own.forService('orders').span('PlaceOrder', '');
    span.fail(new RangeError('no more seats'));
    span.end();
    await own.close();
    const [failed] = await spansOf(span.traceparent.split('-')[1] ?? '', 1);
    expect(failed).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'RangeError' } });
    expect(failed?.events).toMatchObject([{ name: 'exception' }]);
  });
});

/** An operation that tells a fact in its transaction. */
function checkSessionThatPublishes(notify: () => void): Implementation {
  const absent = Object.fromEntries(
    IdentityService.methods.map(({ localName }) => [localName, () => Promise.reject(new Error('not expected here'))]),
  );
  return implement(IdentityService, {
    ...absent,
    checkSession: async (_request: unknown, context: { requestId: string; traceparent: string }) => {
      await sql.transaction(async (tx) => {
        const publish = outboxPublisher(tx, { owner: 'identity', world, notify });
        await publish(UserRegisteredSchema, { userId: 'usr_1' }, context);
      });
      return {};
    },
  } as never);
}

function callContext(traceparent: string) {
  return {
    ...{
      principal: { kind: 'anonymous' } as const,
      requestId: 'req_otlp',
      traceparent,
      signal: AbortSignal.timeout(10_000),
    },
    ...{
      deadlineAtMs: Date.now() + 10_000,
      idempotencyKey: '',
      ifMatch: '',
      clientAddress: '',
      userAgent: '',
      answer: {},
    },
  };
}

/** SpanKind of OTLP. */
const otlpKind = { server: 2, client: 3, producer: 4, consumer: 5 };

interface Taken {
  readonly name: string;
  readonly service: unknown;
  readonly kind: number;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly status: { readonly code?: number };
  readonly events: readonly unknown[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** Reads what the collector wrote until it has so many spans of the trace. */
async function spansOf(traceId: string, count: number): Promise<Taken[]> {
  return await expect
    .poll(async () => (await allTaken()).filter((span) => span.traceId === traceId), { timeout: 10_000 })
    .toHaveLength(count)
    .then(async () => (await allTaken()).filter((span) => span.traceId === traceId));
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

async function allTaken(): Promise<(Taken & { traceId: string })[]> {
  const text = await readFile(written, 'utf8').catch(() => '');
  const batches = text.split('\n').filter((line) => line.endsWith('}'));
  return batches.flatMap((line) =>
    (JSON.parse(line).resourceSpans as never[]).flatMap(({ resource, scopeSpans }: never) =>
      (scopeSpans as { spans: never[] }[]).flatMap(({ spans }) =>
        spans.map((span: Record<string, never>) => {
          const of = valuesOf((resource as { attributes: OtlpAttribute[] }).attributes);
          return {
            ...(span as unknown as Taken & { traceId: string }),
            ...{ parentSpanId: span['parentSpanId'] ?? '', status: span['status'] ?? {}, events: span['events'] ?? [] },
            ...{ service: of['service.name'], resource: of, attributes: valuesOf(span['attributes'] ?? []) },
          };
        }),
      ),
    ),
  );
}

function valuesOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
