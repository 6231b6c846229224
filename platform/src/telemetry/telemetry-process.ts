/**
 * The telemetry of a process: pino for logs, prom-client for metrics, the OpenTelemetry SDK for spans, all hand-written
 * (automatic instrumentation costs most of a gateway's throughput). Spans go to a bounded ring for the operator's page
 * and, when OTEL_EXPORTER_OTLP_ENDPOINT is set, in batches to that collector.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Attributes,
  SpanKind as OtelKind,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  ParentBasedSampler,
  type ReadableSpan,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import pino from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { traceIdsOf } from './call-scope.ts';
import { openLogger, serviceLog } from './log-lines.ts';
import { type MetricsFormat, metricsAs } from './open-metrics.ts';
import { resource, span as spanNames } from './semantic-names.ts';
import { exportSpans } from './span-export.ts';
import type { Durations, FinishedSpan, ProcessTelemetry, Span, SpanKind, Telemetry } from './telemetry.ts';

export interface TelemetryOptions {
  /** debug, info, warn, error or silent. */
  readonly logLevel: string;
  /** Share of traces that are kept, 0 to 1; the caller's decision goes first. */
  readonly traceShare: number;
  /** OTLP/HTTP collector, '' for none. */
  readonly otlpEndpoint: string;
  /** Where log lines go; standard output by default. */
  readonly logTo?: { write(line: string): void };
  /** `service.instance.id` of everything from this process; made up when absent. */
  readonly instance?: string;
  /** `service.version`; SUUUPRA_VERSION, which images carry, when absent. */
  readonly version?: string;
}

/** About 4 MB; the ring grows to twice as many before it is cut. */
const spansKeptMax = 4_000;
const spansGivenMax = 1_000;
/** Longer texts (a stack, a query) are cut; a span has at most 64 attributes. */
const attributeCharsMax = 2_048;
const attributesMax = 64;
const closeMsMax = 3_000;
const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5];

export function openTelemetry(options: TelemetryOptions): ProcessTelemetry {
  const instance = options.instance ?? randomUUID();
  const version = options.version ?? process.env['SUUUPRA_VERSION'] ?? '';
  // Of this kind, or prom-client keeps no exemplars; the text is written by open-metrics.ts in either format.
  const registry = new Registry<MetricsFormat>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  collectDefaultMetrics({ register: registry, prefix: 'suuupra_process_' });
  const destination = options.logTo ?? pino.destination({ dest: 1, sync: false });
  const logger = openLogger({ level: options.logLevel, to: destination, instance, version });
  const metrics = metricsOf(registry);
  const ring: FinishedSpan[] = [];
  const keepers: SpanProcessor[] = [ringProcessor(ring)];
  if (options.otlpEndpoint !== '') {
    const spans = metrics.counter('suuupra_telemetry_spans_total', 'Kept spans, by what became of them', ['result']);
    for (const result of ['exported', 'failed', 'dropped']) spans.inc({ result }, 0);
    keepers.push(exportSpans({ endpoint: options.otlpEndpoint, log: serviceLog(logger, 'telemetry'), spans }));
  }
  const known = new Map<string, Telemetry>();
  const tracerOf = tracers(keepers, options.traceShare, { instance, version });
  return {
    instance,
    version,
    forService: (name) => {
      const own = known.get(name) ?? serviceTelemetry(tracerOf(name), serviceLog(logger, name), metrics);
      known.set(name, own);
      return own;
    },
    metricsText: async () => (await metricsAs(registry, '')).text,
    metrics: (accept) => metricsAs(registry, accept),
    recentSpans: (limit, traceId) => {
      const found = traceId === undefined ? ring : ring.filter((span) => span.traceId === traceId);
      return found.slice(-Math.min(limit, spansGivenMax)).reverse();
    },
    close: async () => {
      const sent = Promise.all(keepers.map((keeper) => keeper.shutdown()));
      await Promise.race([sent, delay(closeMsMax, undefined, { ref: false })]);
      await new Promise<void>((resolve) => logger.flush(() => resolve()));
    },
  };
}

/** Each service is a resource of its own, so that a trace shows services also where one process holds them all. */
function tracers(
  spanProcessors: readonly SpanProcessor[],
  share: number,
  { instance, version }: Readonly<Record<'instance' | 'version', string>>,
): (service: string) => Tracer {
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) });
  return (service) =>
    new TracerProvider({
      resource: resourceFromAttributes({
        [resource.serviceName]: service,
        [resource.serviceNamespace]: 'suuupra',
        [resource.serviceInstance]: instance,
        ...(version === '' ? {} : { [resource.serviceVersion]: version }),
      }),
      sampler,
      spanProcessors: [...spanProcessors],
      spanLimits: { attributeValueLengthLimit: attributeCharsMax, attributeCountLimit: attributesMax },
    }).getTracer(service);
}

type Metrics = Pick<Telemetry, 'counter' | 'histogram' | 'durations' | 'gauge'>;

function metricsOf(registry: Registry<MetricsFormat>): Metrics {
  const registers = [registry];
  return {
    counter: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Counter | undefined) ??
      new Counter({ name, help, labelNames: labels, registers }),
    histogram: (name, help, labels, buckets = defaultBuckets) =>
      (registry.getSingleMetric(name) as Histogram | undefined) ??
      new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers }),
    durations: (name, help, labels, buckets = defaultBuckets) =>
      durations(
        (registry.getSingleMetric(name) as Histogram | undefined) ??
          new Histogram({
            name,
            help,
            labelNames: labels,
            buckets: [...buckets],
            registers,
            enableExemplars: true,
          }),
      ),
    gauge: (name, help, labels = []) =>
      (registry.getSingleMetric(name) as Gauge | undefined) ?? new Gauge({ name, help, labelNames: labels, registers }),
  };
}

/** Only a kept trace is worth pointing at. */
function durations(histogram: Histogram): Durations {
  return {
    observe: (labels, seconds, traceparent = '') => {
      const ids = traceIdsOf(traceparent);
      const exemplarLabels = ids?.sampled === true ? { trace_id: ids.traceId, span_id: ids.spanId } : {};
      histogram.observe({ labels, value: seconds, exemplarLabels });
    },
  };
}

function serviceTelemetry(tracer: Tracer, log: Telemetry['log'], metrics: Metrics): Telemetry {
  return {
    log,
    span: (name, traceparent, attributes = {}, { kind = 'internal', startedAtMs } = {}) =>
      wrapSpan(
        tracer.startSpan(
          name,
          {
            kind: otelKinds[kind],
            attributes: attributes as Attributes,
            ...(startedAtMs === undefined ? {} : { startTime: startedAtMs }),
          },
          parentContext(traceparent),
        ),
      ),
    ...metrics,
  };
}

const otelKinds: Readonly<Record<SpanKind, OtelKind>> = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

function kindOf(kind: OtelKind): SpanKind {
  return (Object.keys(otelKinds) as SpanKind[]).find((name) => otelKinds[name] === kind) ?? 'internal';
}

function parentContext(traceparent: string) {
  const ids = traceIdsOf(traceparent);
  if (ids === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = ids;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function wrapSpan(span: OtelSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`,
    set: (attribute, value) => {
      span.setAttribute(attribute, value);
    },
    fail: (error) => {
      const type = error instanceof Error ? error.name : typeof error === 'string' ? error : 'refused';
      span.setAttribute(spanNames.errorType, type);
      span.setStatus({ code: SpanStatusCode.ERROR, message: type });
      if (error instanceof Error) span.recordException(error);
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
    kind: kindOf(span.kind),
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? '',
    startMs: startSeconds * 1_000 + startNanos / 1e6,
    durationMs: seconds * 1_000 + nanos / 1e6,
    failed: span.status.code === SpanStatusCode.ERROR,
    attributes: span.attributes,
  };
}
