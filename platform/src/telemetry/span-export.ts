/**
 * The way of finished spans to a collector: OTLP over HTTP, in batches, from a queue with an end. A collector that is away
 * costs spans and nothing else: what does not fit is let go and counted, and one line says so for each outage.
 */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Counter } from 'prom-client';
import type { Log } from './telemetry.ts';

export interface SpanExportOptions {
  /** The collector's base address; OTEL_EXPORTER_OTLP_HEADERS, where set, is sent along. */
  readonly endpoint: string;
  readonly log: Pick<Log, 'warn' | 'info'>;
  /** By `result`: exported, failed, dropped. */
  readonly spans: Counter;
}

/** About 2 MB of spans at most. */
const queueMax = 2_048;
const batchMax = 512;
const batchEveryMs = 1_000;
/** An export that takes longer has failed; repeats of it included. */
const exportMsMax = 5_000;

export function exportSpans({ endpoint, log, spans }: SpanExportOptions): SpanProcessor {
  const waiting = { count: 0 };
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: exportMsMax,
  });
  const batches = new BatchSpanProcessor({
    exporter: watched(exporter, { log, spans, waiting }),
    maxQueueSize: queueMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: batchEveryMs,
    exportTimeoutMillis: exportMsMax + 500,
  });
  return {
    onStart: () => {},
    onEnd: (span) => {
      // The batches hold queueMax themselves; counted here too, because they do not say what they let go.
      if (waiting.count >= queueMax) {
        spans.inc({ result: 'dropped' });
        return;
      }
      waiting.count += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

/** ExportResultCode.SUCCESS of OpenTelemetry. */
const succeeded = 0;

interface Watch extends Pick<SpanExportOptions, 'log' | 'spans'> {
  readonly waiting: { count: number };
}

/** Counts what became of each batch; says when the collector goes away and when it is back. */
function watched(exporter: SpanExporter, { log, spans, waiting }: Watch): SpanExporter {
  let away = false;
  return {
    export: (batch: ReadableSpan[], done) => {
      exporter.export(batch, (result) => {
        waiting.count -= batch.length;
        const failed = result.code !== succeeded;
        spans.inc({ result: failed ? 'failed' : 'exported' }, batch.length);
        if (failed && !away) log.warn('traces do not reach the collector and are let go', { error: result.error });
        if (!failed && away) log.info('traces reach the collector again');
        away = failed;
        // Said already; the batches would write it to the console.
        done({ code: succeeded });
      });
    },
    ...(exporter.forceFlush === undefined ? {} : { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
    shutdown: () => exporter.shutdown(),
  };
}
