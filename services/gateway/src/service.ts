/**
 * The one door to the platform: finds the route, knows who asks, keeps everybody to their share, brings JSON and
 * messages together, and hands streams through untouched. It owns no data.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { ListenOptions } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import type { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { OperationsService } from '@suuupra/contracts/gen/suuupra/operations/v1/operations_pb.ts';
import type { Cache } from '@suuupra/platform/cache/cache';
import type { RawRoute } from '@suuupra/platform/http/route';
import type { Keys } from '@suuupra/platform/keys/keys';
import { serve } from '@suuupra/platform/rpc/dispatch';
import type { Client } from '@suuupra/platform/rpc/rpc';
import type { Transport } from '@suuupra/platform/rpc/transport';
import { localTransport } from '@suuupra/platform/rpc/transport-local';
import type { ProcessTelemetry, Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { openCompressor } from './answer.ts';
import { openAnswerCache } from './answer-cache.ts';
import type { Door } from './door.ts';
import { defaultLimits, type GatewayLimits } from './limits.ts';
import { openApiDocument } from './openapi.ts';
import { type OperationsParts, operationsImplementation } from './operations.ts';
import { isUnlimited, ownRoutes } from './own-routes.ts';
import type { Dependency } from './readiness.ts';
import { handleRequest } from './requests.ts';
import { methodRoutes, type Route, rawRoute } from './route.ts';
import { createRouter } from './router.ts';
import { securityHeaders } from './security-headers.ts';
import { createHttpServer } from './server.ts';
import { cookieNames } from './session.ts';
import { openSessions } from './sessions.ts';
import { openShedder, type Shedder } from './shedding.ts';

export interface GatewayParts {
  readonly catalog: {
    readonly services: readonly DescService[];
    transportOf(service: DescService): Transport;
    /** Of all services. A route `/{rest*}` takes what no other route does, except below /api/. */
    readonly rawRoutes: readonly RawRoute[];
  };
  readonly identity: Client<typeof IdentityService>;
  readonly cache: Cache;
  readonly keys: Pick<Keys, 'secret'>;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly process: Pick<ProcessTelemetry, 'metrics'>;
  /** The processes that the operator's page tells of; absent: there is no such page. */
  readonly operations?: OperationsParts;
  readonly settings: GatewaySettings;
  readonly dependencies: readonly Dependency[];
  readonly limits?: Partial<GatewayLimits>;
  readonly shedder?: Shedder;
}

export interface GatewaySettings {
  /** The address under which people reach the platform; https makes cookies secure and asks browsers to insist on it. */
  readonly publicUrl: string;
  /** How many proxies of our own stand in front, each of which adds one entry to X-Forwarded-For. */
  readonly trustedHops: number;
}

export interface Gateway {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Resolves with the port when it listens. With `shared`, several processes may have the port; the kernel spreads over them. */
  listen(port: number, host: string, shared?: boolean): Promise<number>;
  /**
   * Says at /readyz that it drains, takes no new connections, ends event streams at once, lets requests under way finish
   * and closes what is left after `drainMs`.
   */
  close(options: { readonly drainMs: number }): Promise<void>;
}

/** Throws at start-up when routes clash or a method has no way to be called as it declares. */
export async function createGateway(parts: GatewayParts): Promise<Gateway> {
  const limits = { ...defaultLimits, ...parts.limits };
  const state = { draining: false };
  const routes: Route[] = [];
  const own = ownRoutes({
    process: parts.process,
    dependencies: parts.dependencies,
    readinessMsMax: limits.readinessMsMax,
    isDraining: () => state.draining,
    document: () => openApiDocument(routes, parts.settings.publicUrl),
  });
  if (parts.operations !== undefined) routes.push(...operationsRoutes(parts.operations, parts));
  for (const service of parts.catalog.services) {
    routes.push(...methodRoutes(service, parts.catalog.transportOf(service)));
  }
  routes.push(...parts.catalog.rawRoutes.map((raw) => rawRoute(raw)));
  routes.push(...own.map((raw) => rawRoute(raw, isUnlimited(raw.path))));

  const door = await openDoor(parts, limits, routes);
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (state.draining) response.setHeader('connection', 'close');
    void handleRequest(door, request, response);
  };
  const server = createHttpServer(handle, limits);
  return {
    handle,
    listen: (port, host, shared = false) => listen(server, { port, host, reusePort: shared }),
    close: async ({ drainMs }) => {
      state.draining = true;
      await drain(server, door, drainMs);
    },
  };
}

/** The gateway's own contract: called like any other, in this process. */
function operationsRoutes(operations: OperationsParts, { world, telemetry }: GatewayParts): Route[] {
  const served = serve([operationsImplementation(operations)], { world, telemetry });
  return methodRoutes(
    OperationsService,
    localTransport(() => served),
  );
}

async function openDoor(parts: GatewayParts, limits: GatewayLimits, routes: readonly Route[]): Promise<Door> {
  const { telemetry, world, settings } = parts;
  const compressor = openCompressor(limits.compressionsMax);
  return {
    router: createRouter(routes),
    sessions: openSessions({ identity: parts.identity, world, limits }),
    cookies: cookieNames(settings.publicUrl),
    csrfSecret: await parts.keys.secret('gateway-csrf'),
    cache: parts.cache,
    answers: openAnswerCache(world, compressor, limits),
    compressor,
    shedder: parts.shedder ?? openShedder(),
    security: securityHeaders(settings.publicUrl),
    world,
    telemetry,
    limits,
    trustedHops: settings.trustedHops,
    open: new Set(),
    inFlight: telemetry.gauge('suuupra_http_requests_in_flight', 'Requests under way, lasting ones left out'),
    requests: telemetry.counter('suuupra_http_requests_total', 'Requests answered, by route and status', [
      'method',
      'route',
      'status',
    ]),
    durations: telemetry.durations('suuupra_http_request_duration_seconds', 'Time from request to answer', [
      'method',
      'route',
    ]),
  };
}

function listen(server: Server, place: ListenOptions & { readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(place, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : place.port);
    });
  });
}

/** Streams of events have no end of their own; their readers connect again, to whoever is there then. */
async function drain(server: Server, door: Door, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const exchange of door.open) {
    if (!exchange.response.headersSent) exchange.response.setHeader('connection', 'close');
    const type = String(exchange.response.getHeader('content-type') ?? '');
    if (type.startsWith('text/event-stream')) exchange.abort.abort();
  }
  const timer = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(timer);
  door.shedder.close();
}
