import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import {
  ProcessService,
  type TraceSpan,
  TraceSpanSchema,
} from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import { GiftBoughtSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { createClient } from '@suuupra/platform/rpc/client';
import { serve } from '@suuupra/platform/rpc/dispatch';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, describe, expect, test } from 'vitest';
import { startGatewayForTest, type TestGateway } from './gateway-for-test.ts';
import type { OperationsSource } from './operations.ts';
import { loggedDeadLetter, loggedEvent } from './operations-event.ts';
import { type ProcessParts, processImplementation } from './operations-process.ts';
import { readable, spansShownMax, waterfallOf } from './operations-trace.ts';

const world = realWorld();
let running: TestGateway | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const bought = create(EnvelopeSchema, {
  id: 'evt_1',
  type: GiftBoughtSchema.typeName,
  subject: 'ord_1',
  time: timestampFromMs(1_700_000_000_000),
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  correlationId: 'req_1',
  data: toBinary(GiftBoughtSchema, create(GiftBoughtSchema, { orderId: 'ord_1', recipientEmail: 'ada@example.org' })),
});
const record = { topic: 'orders', partition: 1, position: 7n, envelope: bought, tries: 0 };

function source(name: string, parts: Partial<ProcessParts> = {}) {
  const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 1, otlpEndpoint: '', instance: name });
  const whole: ProcessParts = {
    ...{ process: telemetry, world, services: ['orders'], dependencies: [], outboxes: [], groups: [], dataFolder: '.' },
    ...parts,
  };
  const served = serve([processImplementation(whole)], { world });
  const client = createClient(
    ProcessService,
    localTransport(() => served),
    { caller: 'gateway', world },
  );
  return { telemetry, source: { name, client } satisfies OperationsSource };
}

const dead: OperationsSource = {
  name: 'gone:7100',
  client: createClient(
    ProcessService,
    localTransport(() => undefined),
    { caller: 'gateway', world },
  ),
};

/** As much of every answer as these tests look at. */
interface Answer {
  readonly processes: { readonly outboxes: { readonly oldestSeconds: number }[] }[];
  readonly events: unknown[];
  readonly spans: unknown[];
}

async function get(path: string, role = 'admin') {
  const response = await fetch(`${running?.url}/api/v1/operations/${path}`, {
    headers: { authorization: `Bearer token-${role}` },
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

describe('the operator', () => {
  test('alone may look', async () => {
    running = await startGatewayForTest({ operations: { sources: async () => [source('here').source] } });
    for (const path of ['health', 'traces', 'events', 'dead-letters']) {
      expect((await get(path, 'finance')).status, path).toBe(403);
      expect((await get(path)).status, path).toBe(200);
    }
  });

  test('sees what each process says of itself, and which one is silent', async () => {
    const here = source('here', {
      dependencies: [
        { name: 'orders', check: async () => 1.5 },
        { name: 'stream', check: () => Promise.reject(new Error('away')) },
      ],
      outboxes: [
        {
          service: 'orders',
          outbox: {
            oldest: async () =>
              [{ place: 1n, topic: 'orders', envelope: Buffer.from(toBinary(EnvelopeSchema, bought)) }] as never,
          },
        },
      ],
      groups: [{ group: 'orders', topics: ['payments'] }],
      stream: { lag: async () => 3n, latest: async () => [], deadLetters: async () => [] },
    });
    running = await startGatewayForTest({ operations: { sources: async () => [here.source, dead] } });
    const { body } = await get('health');
    expect(body.processes).toMatchObject([
      {
        instance: 'here',
        answered: true,
        services: ['orders'],
        parts: [
          { name: 'orders', state: 'up', latencyMs: 1.5 },
          { name: 'stream', state: 'down' },
        ],
        lags: [{ group: 'orders', events: '3' }],
        outboxes: [{ service: 'orders', waiting: '1', oldestSeconds: expect.any(Number) }],
      },
      { instance: 'gone:7100', answered: false },
    ]);
    expect(body.processes[0]?.outboxes[0]?.oldestSeconds).toBeGreaterThan(1e6);
  });

  test('sees one trace of many processes as one, parents first', async () => {
    const [front, back] = [source('front'), source('back')];
    const request = front.telemetry.forService('gateway').span('POST /orders', '', {}, { kind: 'server' });
    const call = back.telemetry.forService('orders').span('PlaceOrder', request.traceparent, { 'rpc.method': 'x' });
    call.end();
    request.end();
    running = await startGatewayForTest({ operations: { sources: async () => [front.source, back.source, dead] } });
    const traceId = request.traceparent.split('-')[1];
    const traces = await get('traces');
    expect(traces.body).toMatchObject({
      traces: [{ traceId, name: 'POST /orders', spanCount: 2, services: ['gateway', 'orders'], failed: false }],
      silent: ['gone:7100'],
    });
    const { body } = await get(`traces/${traceId}`);
    expect(body.spans).toMatchObject([
      { name: 'POST /orders', instance: 'front', depth: 0, kind: 'server' },
      { name: 'PlaceOrder', instance: 'back', depth: 1, attributes: { 'rpc.method': 'x' } },
    ]);
    expect((await get(`traces/${'0'.repeat(32)}`)).status).toBe(404);
  });

  test('sees the newest events once, however many processes tell of them', async () => {
    const stream = { lag: async () => 0n, latest: async () => [record], deadLetters: async () => [] };
    const sources = [source('a', { stream }).source, source('b', { stream }).source];
    running = await startGatewayForTest({ operations: { sources: async () => sources } });
    const { body } = await get('events');
    expect(body.events).toHaveLength(1);
    expect(body.events[0]).toMatchObject({ id: 'evt_1', traceId: 'a'.repeat(32), consumers: ['notifications'] });
    expect((await get('events?text=refunded')).body.events).toEqual([]);
  });
});

describe('what an operator may read of an event', () => {
  test('is everything but what may be personal', () => {
    const { body, withheld } = loggedEvent(record);
    expect(JSON.parse(body)).toEqual({ orderId: 'ord_1' });
    expect(withheld).toEqual(['recipient_email']);
  });

  test('is nothing of bytes that do not decode', () => {
    const broken = { ...record, envelope: { ...bought, data: new Uint8Array([255, 255]) } };
    expect(loggedEvent(broken)).toMatchObject({ body: '', withheld: ['(not decodable)'] });
  });

  test('is an error without the values it quotes', () => {
    const letter = {
      ...record,
      group: 'g',
      at: new Date(),
      error: `key "ada@example.org" is bad (ada) for bob@x.y\nat x`,
    };
    expect(loggedDeadLetter(letter).error).toBe('key … is bad … for …');
  });
});

const span = (spanId: string, parentSpanId: string, atMs: number): TraceSpan =>
  create(TraceSpanSchema, { spanId, parentSpanId, name: spanId, startedAt: timestampFromMs(atMs) });

describe('a trace that is too long', () => {
  test('is shown without its shortest calls to engines, and says how many', () => {
    const call = (id: string, durationMs: number, more: Partial<TraceSpan> = {}): TraceSpan => ({
      ...span(id, 'top', 10),
      ...{ kind: 'client', durationMs, ...more },
    });
    const quick = Array.from({ length: spansShownMax }, (_, at) => call(`quick${at}`, 1));
    const kept = [call('slow', 50), call('failed', 0, { failed: true }), call('caller', 0)];
    const { shown, leftOut } = readable([span('top', '', 0), span('callee', 'caller', 11), ...kept, ...quick]);
    expect(shown).toHaveLength(spansShownMax);
    expect(leftOut).toBe(5);
    expect(shown.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['top', 'callee', 'slow', 'failed', 'caller', 'quick5']),
    );
    expect(readable([...shown, ...shown])).toEqual({ shown, leftOut: 0 });
  });

  test('without such calls is shown from its beginning', () => {
    const { shown, leftOut } = readable(
      Array.from({ length: spansShownMax + 2 }, (_, at) => span(`s${at}`, '', spansShownMax - at)),
    );
    expect(leftOut).toBe(2);
    expect(shown.some(({ name }) => name === 's0')).toBe(false);
  });
});

describe('a waterfall', () => {
  test('puts children below their parent by time, orphans on top, and does not hang on a circle', () => {
    const spans = [
      span('c2', 'p', 30),
      span('p', 'unknown', 10),
      span('c1', 'p', 20),
      span('x', 'y', 1),
      span('y', 'x', 2),
    ];
    const shown = waterfallOf([...spans, span('c1', 'p', 20)]);
    expect(shown.map(({ name, depth, offsetMs }) => [name, depth, offsetMs])).toEqual([
      ['p', 0, 9],
      ['c1', 1, 19],
      ['c2', 1, 29],
      ['x', 0, 0],
      ['y', 1, 1],
    ]);
  });
});
