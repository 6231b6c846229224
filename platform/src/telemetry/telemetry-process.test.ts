import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { inScope } from './call-scope.ts';
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
  it('writes one line of ECS JSON a message, with the causes of an error', () => {
    const { telemetry, lines } = open();
    telemetry.forService('orders').log.error('cannot place', {
      requestId: 'r1',
      orderId: 'ord_1',
      error: new Error('outer', { cause: new Error('inner') }),
    });
    const [line] = lines.map((text) => JSON.parse(text));
    expect(line).toMatchObject({
      'log.level': 'error',
      message: 'cannot place',
      'service.name': 'orders',
      'service.node.name': telemetry.instance,
      'http.request.id': 'r1',
      'error.type': 'Error',
      'error.message': 'outer',
      'error.stack_trace': expect.stringMatching(/Error: outer[\s\S]*caused by Error: inner/),
      suuupra: { orderId: 'ord_1' },
    });
    expect(new Date(line['@timestamp']).toISOString()).toBe(line['@timestamp']);
  });

  it('writes the request and the trace on every line of the work that they cause, whoever writes it', async () => {
    const { telemetry, lines } = open();
    const { log, span } = telemetry.forService('orders');
    const { traceparent } = span('request', '');
    await inScope({ requestId: 'req_outside', traceparent }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      log.warn('deep inside');
      log.warn('on behalf of another', { requestId: 'req_other' });
    });
    log.warn('of no request');
    const [inside, other, outside] = lines.map((text) => JSON.parse(text));
    const [, traceId, spanId] = traceparent.split('-');
    expect(inside).toMatchObject({ 'http.request.id': 'req_outside', 'trace.id': traceId, 'span.id': spanId });
    expect(other).toMatchObject({ 'http.request.id': 'req_other', 'trace.id': traceId });
    expect(outside).not.toHaveProperty(['http.request.id']);
    expect(outside).not.toHaveProperty(['trace.id']);
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

  it('records the kind of an error, and what it says, on the span', () => {
    const { telemetry } = open();
    const span = telemetry.forService('orders').span('PlaceOrder', '');
    span.fail(new RangeError('too many'));
    span.end();
    const [failed] = telemetry.recentSpans(1);
    expect(failed).toMatchObject({ failed: true, attributes: { 'error.type': 'RangeError' } });
  });

  it('finds the spans of one trace among all', () => {
    const { telemetry } = open();
    const one = telemetry.forService('a').span('one', '');
    const other = telemetry.forService('a').span('other', '');
    one.end();
    other.end();
    const traceId = one.traceparent.split('-')[1];
    expect(telemetry.recentSpans(10, traceId).map(({ name }) => name)).toEqual(['one']);
  });

  it('gives the same metric for the same name and shows it as Prometheus text', async () => {
    const { telemetry } = open();
    telemetry.forService('a').counter('suuupra_test_total', 'A test').inc();
    telemetry.forService('b').counter('suuupra_test_total', 'A test').inc();
    expect(await telemetry.metricsText()).toMatch(/^suuupra_test_total 2$/m);
  });

  it('says in OpenMetrics which kept trace fell into a bucket, and leaves Prometheus text as it is', async () => {
    const { telemetry } = open();
    const { durations, counter, span } = telemetry.forService('gateway');
    const kept = span('request', '').traceparent;
    const times = durations('suuupra_test_duration_seconds', 'A test', ['route']);
    times.observe({ route: '/a"b' }, 0.07, kept);
    times.observe({ route: '/a"b' }, 0.7, kept.replace(/01$/, '00'));
    counter('suuupra_test_total', 'A test').inc(3);
    const plain = await telemetry.metrics('text/plain;version=0.0.4');
    const open_ = await telemetry.metrics('application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    const again = await telemetry.metrics('');
    expect(open_.type).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(open_.text.endsWith('# EOF\n')).toBe(true);
    const [, traceId] = kept.split('-');
    const bucket = open_.text
      .split('\n')
      .find((line) => line.startsWith('suuupra_test_duration_seconds_bucket{le="0.1"'));
    expect(bucket).toMatch(
      new RegExp(`route="/a\\\\"b"} 1 # \\{trace_id="${traceId}",span_id="[0-9a-f]{16}"\\} 0\\.07 `),
    );
    expect(open_.text.match(/ # \{/g)).toHaveLength(1);
    expect(open_.text).toMatch(/^# TYPE suuupra_test counter\nsuuupra_test_total 3$/m);
    expect(again.type).toBe(plain.type);
    expect(again.text).toMatch(/^suuupra_test_total 3$/m);
    expect(plain.text).toMatch(/^# TYPE suuupra_test_total counter$/m);
    expect(plain.text).not.toContain('trace_id');
  });

  it('lets spans go while the collector is away, counts them, says so once, and works on', async () => {
    const lines: string[] = [];
    const refused = createServer();
    refused.listen(0, '127.0.0.1');
    await once(refused, 'listening');
    const { port } = refused.address() as AddressInfo;
    refused.close();
    await once(refused, 'close');
    const telemetry = openTelemetry({
      logLevel: 'info',
      traceShare: 1,
      otlpEndpoint: `http://127.0.0.1:${port}`,
      logTo: { write: (line) => lines.push(line) },
    });
    const { span } = telemetry.forService('orders');
    const startedAtMs = performance.now();
    for (let made = 0; made < 5_000; made += 1) span('PlaceOrder', '').end();
    expect(performance.now() - startedAtMs).toBeLessThan(3_000);
    await telemetry.close();
    expect(performance.now() - startedAtMs).toBeLessThan(8_000);
    const text = await telemetry.metricsText();
    const dropped = Number(/spans_total\{result="dropped"\} (\d+)/.exec(text)?.[1]);
    expect(dropped).toBeGreaterThanOrEqual(5_000 - 2_048);
    expect(telemetry.recentSpans(1)).toHaveLength(1);
    const said = lines.map((line) => JSON.parse(line)).filter((line) => line['service.name'] === 'telemetry');
    expect(said.length).toBeLessThanOrEqual(1);
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
