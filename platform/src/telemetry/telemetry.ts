/**
 * What a process says about itself: logs, metrics, spans. All three carry the request id and the trace of the request
 * that caused them, also across events.
 */
import type { Counter, Gauge, Histogram } from 'prom-client';

export type LogFields = Readonly<Record<string, unknown>>;

/** One line of JSON each. Never give it a body, a password, a token or an address. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `fields.error` may be an Error: its message, stack and causes are written. */
  error(message: string, fields?: LogFields): void;
}

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  /** W3C traceparent to pass on. */
  readonly traceparent: string;
  set(attribute: string, value: string | number | boolean): void;
  /** Marks it as failed, with the kind of the error; of an Error, what it says and where. */
  fail(error: unknown): void;
  end(): void;
}

export interface SpanOptions {
  readonly kind?: SpanKind;
  /** Milliseconds since the epoch, for what began before; now when absent. */
  readonly startedAtMs?: number;
}

/** A histogram of times whose buckets say, to a reader of OpenMetrics, which kept trace fell into them. */
export interface Durations {
  observe(labels: Readonly<Record<string, string>>, seconds: number, traceparent?: string): void;
}

export interface Telemetry {
  readonly log: Log;
  /** A span of this service below the given traceparent ('' starts a trace). Attributes: semantic-names.ts. */
  span(name: string, traceparent: string, attributes?: SpanAttributes, options?: SpanOptions): Span;
  /** Metrics are made once by name; asking again gives the same one. Names start with `suuupra_`, units last. */
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  histogram(name: string, help: string, labels: readonly string[], bucketsSeconds?: readonly number[]): Histogram;
  /** A histogram with exemplars. The name ends in `_seconds`. */
  durations(name: string, help: string, labels: readonly string[], bucketsSeconds?: readonly number[]): Durations;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
}

export interface FinishedSpan {
  readonly name: string;
  readonly service: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The telemetry of one process, from which each service gets its own. */
export interface ProcessTelemetry {
  /** What tells this process from others of the same services: `service.instance.id`. */
  readonly instance: string;
  readonly version: string;
  forService(name: string): Telemetry;
  /** Prometheus text format. */
  metricsText(): Promise<string>;
  /** In the format that the Accept header asks for ('' for none): OpenMetrics with exemplars, or Prometheus text. */
  metrics(accept: string): Promise<{ readonly type: string; readonly text: string }>;
  /** The last finished spans, newest first, at most `limit` (at most 1,000); of one trace when it is named. */
  recentSpans(limit: number, traceId?: string): FinishedSpan[];
  /** Sends what waits, for at most a few seconds. */
  close(): Promise<void>;
}
