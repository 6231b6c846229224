/** The gateway's own routes: is it alive, is it ready, what does it count, what does it offer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RawContext, RawRoute } from '@suuupra/platform/http/route';
import type { ProcessTelemetry } from '@suuupra/platform/telemetry/telemetry';
import { etagOf, isKnown } from './answer.ts';
import { docsPage } from './docs-page.ts';
import type { OpenApiDocument } from './openapi.ts';
import { type Dependency, readinessOf, readinessStatus } from './readiness.ts';

export interface OwnRouteParts {
  readonly process: Pick<ProcessTelemetry, 'metrics'>;
  readonly dependencies: readonly Dependency[];
  readonly readinessMsMax: number;
  readonly isDraining: () => boolean;
  readonly document: () => OpenApiDocument;
}

type Answer = { readonly status: number; readonly type: string; readonly text: string };

export function ownRoutes(parts: OwnRouteParts): RawRoute[] {
  const readiness = readinessOf(parts.dependencies, parts.readinessMsMax, parts.isDraining);
  let document: string | undefined;
  let page: string | undefined;
  return [
    own('/healthz', 'Is the process alive', async () => json(200, { status: 'ok' })),
    own('/readyz', 'Can every dependency be used, and how fast does each answer', async () => {
      const state = await readiness();
      return json(readinessStatus(state), state);
    }),
    own(
      '/metrics',
      'Metrics in the text format of Prometheus, or OpenMetrics where that is asked for',
      async (request) => ({
        status: 200,
        ...(await parts.process.metrics(request.headers.accept ?? '')),
      }),
    ),
    own('/api/v1/openapi.json', 'This API as an OpenAPI 3.1 document', async () => {
      document ??= JSON.stringify(parts.document());
      return { status: 200, type: 'application/json', text: document };
    }),
    own('/docs/api', 'This API for people', async () => {
      page ??= docsPage(parts.document());
      return { status: 200, type: 'text/html; charset=utf-8', text: page };
    }),
  ];
}

/** True for those that must answer under any load. */
export function isUnlimited(path: string): boolean {
  return path === '/healthz' || path === '/readyz' || path === '/metrics';
}

function own(path: string, summary: string, answer: (request: IncomingMessage) => Promise<Answer>): RawRoute {
  return {
    method: 'GET',
    path,
    summary,
    access: 'public',
    bodyBytesMax: 0,
    hidden: path === '/docs/api',
    handle: async (request: IncomingMessage, response: ServerResponse, _context: RawContext) => {
      send(request, response, await answer(request));
    },
  };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, text }: Answer): void {
  const bytes = Buffer.from(text);
  const etag = etagOf(undefined, bytes);
  const fresh = type.startsWith('text/html') || type === 'application/json';
  response.setHeader('cache-control', fresh && status === 200 ? 'no-cache' : 'no-store');
  if (fresh && status === 200) response.setHeader('etag', etag);
  if (fresh && status === 200 && isKnown(request.headers, etag)) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.byteLength }).end(bytes);
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', text: JSON.stringify(value) };
}
