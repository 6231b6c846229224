import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openTelemetry } from './telemetry-process.ts';

function open(traceShare = 1) {
  const lines: string[] = [];
  const telemetry = openTelemetry({
    logLevel: 'info',
    traceShare,
    otlpEndpoint: '',
    logTo: { write: (line) => lines.push(line) },
  });
  return { telemetry, lines };
}

describe('telemetry of a process', () => {
  it('writes one JSON line a message, with the causes of an error', () => {
    const { telemetry, lines } = open();
    telemetry
      .forService('orders')
      .log.error('cannot place', { requestId: 'r1', error: new Error('outer', { cause: new Error('inner') }) });
    const [line] = lines.map((text) => JSON.parse(text));
    expect(line).toMatchObject({
      level: 'error',
      service: 'orders',
      requestId: 'r1',
      msg: 'cannot place',
      error: { message: 'outer', cause: { message: 'inner' } },
    });
  });

  it('hangs a span below the traceparent it is given, and keeps it for the operator', () => {
    const { telemetry } = open();
    const parent = telemetry.forService('gateway').span('request', '');
    const child = telemetry.forService('orders').span('PlaceOrder', parent.traceparent, { method: 'PlaceOrder' });
    child.end();
    parent.end();
    const [newest, older] = telemetry.recentSpans(2);
    expect(older?.service).toBe('orders');
    expect(older?.traceId).toBe(newest?.traceId);
    expect(older?.parentSpanId).toBe(newest?.spanId);
  });

  it('starts a new trace for a traceparent that is none', () => {
    const { telemetry } = open();
    const span = telemetry.forService('gateway').span('request', '00-evil');
    expect(span.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('follows the caller when it decided not to sample', () => {
    const { telemetry } = open();
    const span = telemetry.forService('gateway').span('request', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`);
    span.end();
    expect(span.traceparent.endsWith('-00')).toBe(true);
    expect(telemetry.recentSpans(10)).toEqual([]);
  });

  it('gives the same metric for the same name and shows it as Prometheus text', async () => {
    const { telemetry } = open();
    telemetry.forService('a').counter('suuupra_test_total', 'A test').inc();
    telemetry.forService('b').counter('suuupra_test_total', 'A test').inc();
    expect(await telemetry.metricsText()).toMatch(/^suuupra_test_total 2$/m);
  });

  it('sends spans to an OTLP collector over HTTP', async () => {
    const bodies: string[] = [];
    const collector = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => bodies.push(`${request.url} ${chunk}`));
      request.on('end', () => response.end('{}'));
    });
    collector.listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const { port } = collector.address() as AddressInfo;
    const telemetry = openTelemetry({
      logLevel: 'silent',
      traceShare: 1,
      otlpEndpoint: `http://127.0.0.1:${port}`,
    });
    telemetry.forService('orders').span('PlaceOrder', '').end();
    await telemetry.close();
    collector.close();
    expect(bodies.join('')).toMatch(/^\/v1\/traces .*"name":"PlaceOrder"/);
  });
});
