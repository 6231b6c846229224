/**
 * Spans of what a piece of work asks of servers that are not ours: databases, caches, indexes, files. They hang below the
 * request or event that asks (call-scope.ts). Where its trace is not kept, all this costs a look at the scope. They hold
 * names of operations and of what was asked, never values: an error is told by its kind alone, because what an engine
 * says may quote what it was given.
 */
import { type CallScope, currentScope, isKept } from './call-scope.ts';
import type { Span, SpanAttributes, Telemetry } from './telemetry.ts';

/** Spans of one request or event, of all engines together: a loop over rows must not bury its trace. The rest has none. */
export const clientSpansMax = 64;

const begun = new WeakMap<CallScope, number>();

/** The work that is under way, when its trace is kept. */
export function keptScope(): CallScope | undefined {
  const scope = currentScope();
  return scope !== undefined && isKept(scope.traceparent) ? scope : undefined;
}

/** The span below the work; undefined when the work has as many as it may. */
export function beginClientSpan(
  telemetry: Pick<Telemetry, 'span'>,
  scope: CallScope,
  name: string,
  attributes: SpanAttributes,
): Span | undefined {
  const count = begun.get(scope) ?? 0;
  if (count >= clientSpansMax) return undefined;
  begun.set(scope, count + 1);
  return telemetry.span(name, scope.traceparent, attributes, { kind: 'client' });
}

/** Ends the span with what became of the work, and gives or throws what the work does. */
export async function spanning<T>(span: Span | undefined, work: () => Promise<T>): Promise<T> {
  if (span === undefined) return work();
  try {
    return await work();
  } catch (error) {
    span.fail(kindOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** `unavailable`, `unique`, … of the faults of our ports. */
export function kindOf(error: unknown): string {
  const { kind, name } = (error ?? {}) as { kind?: unknown; name?: unknown };
  if (typeof kind === 'string') return kind;
  return typeof name === 'string' ? name : 'unknown';
}

export interface SpannedOperation<P> {
  readonly method: keyof P;
  /** The name of the span. */
  readonly name: string;
  readonly attributes: SpanAttributes;
  /** The attribute that its first argument is the value of; only where that is a name and no value. */
  readonly firstArgument?: string;
}

/** The same port, with a span around each of the operations. */
export function withClientSpans<P extends object>(
  port: P,
  telemetry: Pick<Telemetry, 'span'>,
  operations: readonly SpannedOperation<P>[],
): P {
  const spanned = new Map(operations.map((operation) => [operation.method, spannedMethod(port, telemetry, operation)]));
  return new Proxy(port, {
    get: (target, name) => {
      const own = spanned.get(name as keyof P);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

type AsyncMethod = (...values: readonly unknown[]) => Promise<unknown>;

function spannedMethod<P extends object>(
  port: P,
  telemetry: Pick<Telemetry, 'span'>,
  { method, name, attributes, firstArgument }: SpannedOperation<P>,
): AsyncMethod {
  const run = (port[method] as AsyncMethod).bind(port);
  return (...values) => {
    const scope = keptScope();
    if (scope === undefined) return run(...values);
    const named = firstArgument === undefined ? attributes : { ...attributes, [firstArgument]: String(values[0]) };
    const span = beginClientSpan(telemetry, scope, firstArgument === undefined ? name : `${name} ${values[0]}`, named);
    return spanning(span, () => run(...values));
  };
}
