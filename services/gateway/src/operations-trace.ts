/** Traces out of the spans of many processes. Pure. */
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { TraceSpan, TraceSummary } from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';

type Summary = Pick<
  TraceSummary,
  'traceId' | 'name' | 'startedAt' | 'durationMs' | 'spanCount' | 'failed' | 'services'
>;

/** The longest chain that is followed; a longer one, or a circle, is shown flat from there on. */
const depthMax = 64;

/** One line per trace, newest first. */
export function summariesOf(spans: readonly TraceSpan[]): Summary[] {
  const traces = Map.groupBy(spans, (span) => span.traceId);
  return [...traces].map(([traceId, all]) => summaryOf(traceId, all)).sort((a, b) => startMs(b) - startMs(a));
}

function summaryOf(traceId: string, spans: readonly TraceSpan[]): Summary {
  const known = new Set(spans.map((span) => span.spanId));
  const [first] = [...spans].sort(
    (a, b) => Number(known.has(a.parentSpanId)) - Number(known.has(b.parentSpanId)) || startMs(a) - startMs(b),
  );
  const beganMs = Math.min(...spans.map(startMs));
  const endedMs = Math.max(...spans.map((span) => startMs(span) + span.durationMs));
  return {
    traceId,
    name: first?.name ?? '',
    startedAt: timestampFromMs(beganMs),
    durationMs: endedMs - beganMs,
    spanCount: spans.length,
    failed: spans.some((span) => span.failed),
    services: [...new Set(spans.map((span) => span.service))].sort(),
  };
}

/** A longer picture is read by nobody. */
export const spansShownMax = 500;

/**
 * The spans of one trace that are shown. Of a trace that is too long the shortest calls to engines go first, unless they
 * failed or something hangs below them; after these, what began last.
 */
export function readable(spans: readonly TraceSpan[]): { readonly shown: TraceSpan[]; readonly leftOut: number } {
  const unique = [...new Map(spans.map((span) => [span.spanId, span])).values()];
  const tooMany = unique.length - spansShownMax;
  if (tooMany <= 0) return { shown: unique, leftOut: 0 };
  const parents = new Set(unique.map((span) => span.parentSpanId));
  const calls = unique.filter((span) => span.kind === 'client' && !span.failed && !parents.has(span.spanId));
  const dropped = new Set(calls.sort((a, b) => a.durationMs - b.durationMs).slice(0, tooMany));
  const shown = byTime(unique.filter((span) => !dropped.has(span))).slice(0, spansShownMax);
  return { shown, leftOut: unique.length - shown.length };
}

/**
 * The spans of one trace, each below its parent and brothers by time, with their depth and their offset from the beginning
 * of the trace. A span whose parent is not known stands at the top. A span given twice is taken once.
 */
export function waterfallOf(spans: readonly TraceSpan[]): TraceSpan[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const children = Map.groupBy(byId.values(), (span) => (byId.has(span.parentSpanId) ? span.parentSpanId : ''));
  const beganMs = Math.min(...spans.map(startMs));
  const ordered: TraceSpan[] = [];
  const left = new Set(byId.keys());
  const place = (span: TraceSpan, depth: number) => {
    if (!left.delete(span.spanId)) return;
    ordered.push({ ...span, depth, offsetMs: startMs(span) - beganMs });
    for (const child of byTime(children.get(span.spanId) ?? [])) place(child, Math.min(depth + 1, depthMax));
  };
  for (const top of byTime(children.get('') ?? [])) place(top, 0);
  // What only points at itself, in a circle.
  for (const id of [...left]) {
    const span = byId.get(id);
    if (span !== undefined) place(span, 0);
  }
  return ordered;
}

function byTime(spans: readonly TraceSpan[]): TraceSpan[] {
  return [...spans].sort((a, b) => startMs(a) - startMs(b));
}

function startMs(span: Pick<TraceSpan, 'startedAt'>): number {
  return span.startedAt === undefined ? 0 : timestampMs(span.startedAt);
}
