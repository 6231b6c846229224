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

export interface Span {
  /** W3C traceparent to pass on. */
  readonly traceparent: string;
  set(attribute: string, value: string | number | boolean): void;
  fail(error: unknown): void;
  end(): void;
}

export interface Telemetry {
  readonly log: Log;
  /** A span of this service below the given traceparent ('' starts a trace). */
  span(name: string, traceparent: string, attributes?: Readonly<Record<string, string | number | boolean>>): Span;
  /** Metrics are made once by name; asking again gives the same one. Names start with `suuupra_`, units last. */
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  histogram(name: string, help: string, labels: readonly string[], bucketsSeconds?: readonly number[]): Histogram;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
}

export interface FinishedSpan {
  readonly name: string;
  readonly service: string;
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
  forService(name: string): Telemetry;
  /** Prometheus text format. */
  metricsText(): Promise<string>;
  /** The last finished spans, newest first, at most `limit` (at most 1,000). */
  recentSpans(limit: number): FinishedSpan[];
  close(): Promise<void>;
}
