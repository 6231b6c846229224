/**
 * What a piece of work belongs to: the request that caused it and its trace. It goes along with asynchronous work, so that
 * every log line written in the course of a request carries both, also where nobody handed them over.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface CallScope {
  /** The X-Request-Id from outside: the correlation id of events. */
  readonly requestId: string;
  /** W3C traceparent; '' where there is none. */
  readonly traceparent: string;
}

const scopes = new AsyncLocalStorage<CallScope>();

/** Runs the work, and all that it starts, within the scope. */
export function inScope<T>(scope: CallScope, work: () => T): T {
  return scopes.run(scope, work);
}

export function currentScope(): CallScope | undefined {
  return scopes.getStore();
}

const traceparentFormat = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Undefined for what is no traceparent of version 00 (W3C Trace Context). */
export function traceIdsOf(traceparent: string): TraceIds | undefined {
  const [, traceId, spanId, flags] = traceparentFormat.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Whether the trace is kept; by its last character alone, as this is asked of every statement. */
export function isKept(traceparent: string): boolean {
  return traceparent.length === traceparentChars && '13579bdf'.includes(traceparent.charAt(traceparentChars - 1));
}

const traceparentChars = 55;
