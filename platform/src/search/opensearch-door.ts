/**
 * Requests to an OpenSearch server, each with a deadline, each failure a SearchFault.
 *
 * Library: `@opensearch-project/opensearch` for its pool, TLS and accounts. Pitfalls: its `requestTimeout` watches an idle
 * socket only, so the deadline is kept here; its own retries would repeat what the server has refused for load, so they
 * are off; it takes a search of which some shards failed for an answer.
 */
import { Client, errors } from '@opensearch-project/opensearch';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { SearchFault } from './search.ts';

export interface Door {
  /** Sends and gives the body of the answer. Throws SearchFault. */
  send<Answer = unknown>(request: DoorRequest, untilMs: number): Promise<Answer>;
  close(): Promise<void>;
}

export interface DoorRequest {
  /** For metrics: `search`, `bulk`, `admin`. */
  readonly kind: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: object;
  /** Lines of NDJSON, instead of `body`. */
  readonly lines?: readonly object[];
}

/** The status that the server refused with; 0 when it did not answer. */
export class DoorFault extends SearchFault {
  readonly status: number;
  readonly reason: string;
  constructor(kind: SearchFault['kind'], status: number, reason: string, message: string, options?: ErrorOptions) {
    super(kind, message, options);
    this.status = status;
    this.reason = reason;
  }
}

export function openDoor(url: string, telemetry: Telemetry): Door {
  const client = new Client({ node: url, maxRetries: 0, suggestCompression: false });
  const seconds = telemetry.histogram(
    'suuupra_search_engine_seconds',
    'Requests to the search engine by kind and outcome.',
    ['kind', 'outcome'],
  );
  return {
    send: async (request, untilMs) => {
      const startedMs = performance.now();
      const outcome = (name: string) =>
        seconds.observe({ kind: request.kind, outcome: name }, (performance.now() - startedMs) / 1_000);
      try {
        const body = await sendWithin(client, request, untilMs - startedMs);
        outcome('ok');
        return body as never;
      } catch (error) {
        const fault = asFault(error);
        outcome(fault.kind);
        throw fault;
      }
    },
    close: () => client.close(),
  };
}

async function sendWithin(client: Client, request: DoorRequest, restMs: number): Promise<unknown> {
  if (restMs <= 0) throw new DoorFault('unavailable', 0, 'deadline', 'The search engine did not answer in time.');
  const { method, path, query, body, lines } = request;
  const sending = client.transport.request(
    {
      method,
      path,
      ...(query !== undefined && { querystring: { ...query } }),
      ...(lines !== undefined ? { bulkBody: [...lines] as Record<string, unknown>[] } : {}),
      ...(body !== undefined ? { body: body as Record<string, unknown> } : {}),
    },
    { maxRetries: 0, requestTimeout: restMs },
  );
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    sending.abort();
  }, restMs);
  try {
    return (await sending).body;
  } catch (error) {
    if (!late) throw error;
    throw new DoorFault('unavailable', 0, 'deadline', 'The search engine did not answer in time.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function asFault(error: unknown): DoorFault {
  if (error instanceof DoorFault) return error;
  if (error instanceof errors.ResponseError) {
    const status = error.statusCode ?? 0;
    const reason = reasonOf(error.body);
    return new DoorFault(kindOf(status, reason), status, reason, `The search engine refused: ${status} ${reason}`, {
      cause: error,
    });
  }
  return new DoorFault('unavailable', 0, 'connection', 'The search engine cannot be reached.', { cause: error });
}

function reasonOf(body: unknown): string {
  const { error } = (body ?? {}) as { error?: { type?: string; reason?: string } | string };
  if (typeof error !== 'object') return String(error ?? '');
  return `${error.type ?? ''}: ${error.reason ?? ''}`.slice(0, 500);
}

/** A full disk makes an index read-only; load, a missing index and all else of the server's passes. */
export function kindOf(status: number, reason: string): SearchFault['kind'] {
  if (reason.includes('cluster_block_exception') || reason.includes('read-only-allow-delete')) return 'full';
  return status === 400 || status === 413 ? 'invalid' : 'unavailable';
}
