/**
 * Log lines: JSON, one a line, in the fields of the Elastic Common Schema, so that Logstash and Elasticsearch take them as
 * they are. What our code adds to a line stands below `suuupra`, where it cannot meet a field of another meaning.
 */
import pino from 'pino';
import { currentScope, traceIdsOf } from './call-scope.ts';
import { logFields } from './semantic-names.ts';
import type { Log, LogFields } from './telemetry.ts';

export interface LogOptions {
  /** debug, info, warn, error or silent. */
  readonly level: string;
  readonly to: { write(line: string): void };
  readonly instance: string;
  readonly version: string;
}

const ecsVersion = '9.0.0';
const causesMax = 5;
/** A stack beyond this says nothing new, and a line must fit what collectors take. */
const stackCharsMax = 8_000;

export function openLogger({ level, to, instance, version }: LogOptions): pino.Logger {
  return pino(
    {
      level,
      base: {
        'ecs.version': ecsVersion,
        'service.node.name': instance,
        ...(version === '' ? {} : { 'service.version': version }),
      },
      messageKey: 'message',
      timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ 'log.level': label }) },
    },
    to,
  );
}

/** The log of one service. */
export function serviceLog(logger: pino.Logger, service: string): Log {
  const child = logger.child({ 'service.name': service, 'event.dataset': `suuupra.${service}` });
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}) => {
      if (child.isLevelEnabled(level)) child[level](ecsFields(fields), message);
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

/** What is said on the line goes before what is known of the work around it. */
function ecsFields(fields: LogFields): Record<string, unknown> {
  const { error, traceparent, ...rest } = fields;
  const scope = currentScope();
  const ids = traceIdsOf(typeof traceparent === 'string' ? traceparent : (scope?.traceparent ?? ''));
  const line: Record<string, unknown> = {
    ...(scope === undefined || scope.requestId === '' ? {} : { 'http.request.id': scope.requestId }),
    ...(ids === undefined ? {} : { 'trace.id': ids.traceId, 'span.id': ids.spanId }),
  };
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(rest)) {
    const known = logFields[name];
    if (known === undefined) own[name] = value;
    else if (value !== undefined && value !== '') line[known] = value;
  }
  if (Object.keys(own).length > 0) line['suuupra'] = own;
  return error === undefined ? line : { ...line, ...errorFields(error) };
}

function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { 'error.message': String(error) };
  return {
    'error.type': error.name,
    'error.message': error.message,
    'error.stack_trace': stackOf(error),
  };
}

/** The stack with those of its causes, as Node prints them. */
function stackOf(error: Error): string {
  const parts: string[] = [];
  let one: unknown = error;
  for (let depth = 0; depth <= causesMax && one instanceof Error; depth += 1) {
    parts.push(one.stack ?? `${one.name}: ${one.message}`);
    one = one.cause;
  }
  return parts.join('\ncaused by ').slice(0, stackCharsMax);
}
