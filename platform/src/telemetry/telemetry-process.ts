/**
 * The telemetry of a process: pino for logs, prom-client for metrics, the OpenTelemetry SDK for spans, all hand-written
 * (automatic instrumentation costs most of a gateway's throughput). Spans go to a bounded ring for the operator's page
 * and, when OTEL_EXPORTER_OTLP_ENDPOINT is set, in batches to that collector.
 */
import {
  type Attributes,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import pino from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { FinishedSpan, Log, LogFields, ProcessTelemetry, Span, Telemetry } from './telemetry.ts';

export interface TelemetryOptions {
  /** debug, info, warn, error or silent. */
  readonly logLevel: string;
  /** Share of traces that are kept, 0 to 1; the caller's decision goes first. */
  readonly traceShare: number;
  /** OTLP/HTTP collector, '' for none. */
  readonly otlpEndpoint: string;
  /** Where log lines go; standard output by default. */
  readonly logTo?: { write(line: string): void };
}

const spansKeptMax = 1_000;
const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export function openTelemetry(options: TelemetryOptions): ProcessTelemetry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'suuupra_process_' });
  const ring: FinishedSpan[] = [];
  const keepers: SpanProcessor[] = [ringProcessor(ring)];
  if (options.otlpEndpoint !== '') {
    keepers.push(
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: `${options.otlpEndpoint.replace(/\/$/, '')}/v1/traces` }),
      }),
    );
  }
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'suuupra' }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.traceShare) }),
    spanProcessors: keepers,
  });
  const logger = pino(
    {
      level: options.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.logTo ?? pino.destination({ dest: 1, sync: false }),
  );
  return {
    forService: (name) => serviceTelemetry(name, registry, provider, logger),
    metricsText: () => registry.metrics(),
    recentSpans: (limit) => ring.slice(-Math.min(limit, spansKeptMax)).reverse(),
    close: async () => {
      await provider.shutdown();
      await new Promise<void>((resolve) => logger.flush(() => resolve()));
    },
  };
}

function serviceTelemetry(
  service: string,
  registry: Registry,
  provider: TracerProvider,
  logger: pino.Logger,
): Telemetry {
  const tracer = provider.getTracer(service);
  return {
    log: serviceLog(logger.child({ service })),
    span: (name, traceparent, attributes = {}) =>
      wrapSpan(tracer.startSpan(name, { attributes: attributes as Attributes }, parentContext(traceparent))),
    counter: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Counter | undefined) ??
      new Counter({ name, help, labelNames: labels, registers: [registry] }),
    histogram: (name, help, labels, buckets = defaultBuckets) =>
      (registry.getSingleMetric(name) as Histogram | undefined) ??
      new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers: [registry] }),
    gauge: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Gauge | undefined) ??
      new Gauge({ name, help, labelNames: labels, registers: [registry] }),
  };
}

function serviceLog(logger: pino.Logger): Log {
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}) => {
      const { error, ...rest } = fields;
      logger[level](error === undefined ? rest : { ...rest, error: describeError(error) }, message);
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

const causesMax = 5;

/** Message, stack and causes of an error, for a log line. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined || depth >= causesMax ? {} : { cause: describeError(error.cause, depth + 1) };
  return { name: error.name, message: error.message, stack: error.stack, ...cause };
}

function parentContext(traceparent: string) {
  const match = traceparentPattern.exec(traceparent);
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function wrapSpan(span: OtelSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`,
    set: (attribute, value) => {
      span.setAttribute(attribute, value);
    },
    fail: (error) => {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'refused' });
    },
    end: () => span.end(),
  };
}

function ringProcessor(ring: FinishedSpan[]): SpanProcessor {
  return {
    onStart: () => {},
    onEnd: (span) => {
      ring.push(finished(span));
      if (ring.length > spansKeptMax * 2) ring.splice(0, ring.length - spansKeptMax);
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function finished(span: ReadableSpan): FinishedSpan {
  const [startSeconds, startNanos] = span.startTime;
  const [seconds, nanos] = span.duration;
  return {
    name: span.name,
    service: span.instrumentationScope.name,
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? '',
    startMs: startSeconds * 1_000 + startNanos / 1e6,
    durationMs: seconds * 1_000 + nanos / 1e6,
    failed: span.status.code === SpanStatusCode.ERROR,
    attributes: span.attributes,
  };
}
