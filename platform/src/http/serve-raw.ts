/**
 * Opens a service's raw routes to the gateway in another process. The handlers get the request as the client sent it, the
 * context that the gateway worked out, and an answer that carries what the gateway had put on it: as if they ran there.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Access } from '@suuupra/contracts/gen/suuupra/options/v1/options_pb.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { listenTls } from '../certificates/tls-listener.ts';
import { refuseByAccess } from '../rpc/access.ts';
import { isOutage } from '../rpc/outage.ts';
import { RpcFault, refuse } from '../rpc/rpc.ts';
import { inScope } from '../telemetry/call-scope.ts';
import { span as spanNames } from '../telemetry/semantic-names.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { sendProblem } from './problem.ts';
import { contextHeader, decodeContext, faultHeader, headerBytesMax, type SentContext } from './raw-wire.ts';
import { type RawContext, type RawRoute, routeKey } from './route.ts';

export interface RawServerOptions {
  readonly routes: readonly RawRoute[];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** One of each service whose routes these are. */
  readonly certificates: readonly Certificates[];
  readonly world: Pick<World, 'now'>;
  readonly telemetry?: Pick<Telemetry, 'log' | 'span'>;
  /** Who may call: the gateway, unless said otherwise. Whoever may is believed about users. */
  readonly callers?: readonly string[];
}

export interface RawServer {
  readonly port: number;
  /** Takes no new requests as soon as the gateway had time to hear it, waits for those under way, ends what is left. */
  close(drainMs: number): Promise<void>;
}

/** As long as serve-grpc.ts, which tells the gateway, gives it. */
const leaveMs = 250;
/** What handlers have to end their answers in when they are told that the process stops. */
const lastMs = 100;
/** The gateway lets go of an idle connection before. */
const keepAliveMs = 65_000;
/** Above the longest pause of a stream that lasts: beats come every few seconds. */
const silentMsMax = 5 * 60_000;
const timerMsMax = 2_147_483_647;

/** Rejects with the system's error when the address cannot be taken. */
export async function serveRawRoutes(options: RawServerOptions): Promise<RawServer> {
  const routes = new Map(options.routes.map((route) => [routeKey(route), route]));
  const sockets = new Map<Socket, AbortController | undefined>();
  const state = { leaving: false };
  const server = createServer({ maxHeaderSize: headerBytesMax, keepAliveTimeout: keepAliveMs }, (request, response) => {
    const life = new AbortController();
    sockets.set(request.socket, life);
    response.once('close', () => {
      if (!response.writableFinished) life.abort(new RpcFault('cancelled', 'The caller has left.'));
      if (sockets.has(request.socket)) sockets.set(request.socket, undefined);
      if (state.leaving) request.socket.end();
    });
    if (state.leaving) response.setHeader('connection', 'close');
    void answer(options, routes, request, response, life);
  });
  server.setTimeout(silentMsMax);
  const listener = await listenTls({
    certificates: options.certificates,
    host: options.host,
    port: options.port,
    protocol: 'http/1.1',
    peers: options.callers ?? ['gateway'],
    ...(options.telemetry !== undefined && { telemetry: options.telemetry }),
    accept: (socket) => {
      sockets.set(socket, undefined);
      socket.once('close', () => sockets.delete(socket));
      server.emit('connection', socket);
    },
  });
  return {
    port: listener.port,
    close: async (drainMs) => {
      const untilMs = performance.now() + drainMs;
      state.leaving = true;
      await delay(Math.min(leaveMs, drainMs / 2));
      await listener.close();
      for (const [socket, life] of sockets) if (life === undefined) socket.end();
      await emptied(sockets, untilMs - performance.now());
      for (const life of sockets.values()) life?.abort(new RpcFault('unavailable', 'The process stops.'));
      await emptied(sockets, lastMs);
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

/** Resolves when every connection has ended, or after the time. */
function emptied(sockets: ReadonlyMap<Socket, unknown>, msMax: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, msMax));
    const look = () => {
      if (sockets.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    // Registered after the listener that takes the socket out of the map.
    for (const socket of sockets.keys()) (socket as Socket).once('close', look);
    look();
  });
}

async function answer(
  options: RawServerOptions,
  routes: ReadonlyMap<string, RawRoute>,
  request: IncomingMessage,
  response: ServerResponse,
  life: AbortController,
): Promise<void> {
  const sent = decodeContext(request.headers[contextHeader]);
  const route = sent === undefined ? undefined : routes.get(sent.route);
  if (sent === undefined || route === undefined) {
    options.telemetry?.log.warn('a raw request is not one of ours', { route: sent?.route ?? '' });
    return sendProblem(response, refuse('not_found', 'There is no such route here.'), { traceparent: '' });
  }
  const span = options.telemetry?.span(
    routeKey(route),
    sent.traceparent,
    { [spanNames.requestId]: sent.requestId },
    { kind: 'server' },
  );
  const context = receive(sent, request, response, life.signal, options.world, span?.traceparent ?? sent.traceparent);
  const endTimer = route.lasting === true ? () => {} : boundBy(sent.leftMs, life);
  try {
    const refusal = refuseByAccess(rulesOf(route), context.principal, 'gateway');
    if (refusal !== undefined) return sendProblem(response, refusal, context);
    await inScope(context, async () => route.handle(request, response, context));
  } catch (error) {
    span?.fail(error);
    answerFault(options, route, context, response, error);
  } finally {
    endTimer();
    span?.end();
  }
}

function receive(
  sent: SentContext,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
  world: Pick<World, 'now'>,
  traceparent: string,
): RawContext {
  delete request.headers[contextHeader];
  request.headers.host = sent.host;
  for (const [name, value] of Object.entries(sent.preset)) if (value !== undefined) response.setHeader(name, value);
  const { route: _route, host: _host, preset: _preset, leftMs, cspNonce, ...rest } = sent;
  const at = request.url?.indexOf('?') ?? -1;
  return {
    ...rest,
    traceparent,
    signal,
    deadlineAtMs: world.now() + leftMs,
    query: new URLSearchParams(at < 0 ? '' : request.url?.slice(at + 1)),
    answer: {},
    ...(cspNonce !== '' && { cspNonce }),
  };
}

function boundBy(leftMs: number, life: AbortController): () => void {
  const late = () => life.abort(new RpcFault('deadline_exceeded', 'The route took too long.'));
  const timer = setTimeout(late, Math.max(1, Math.min(leftMs, timerMsMax)));
  timer.unref();
  return () => clearTimeout(timer);
}

/** The gateway has looked at this already; a service does not rest on it alone. */
function rulesOf({ access }: RawRoute): Parameters<typeof refuseByAccess>[0] {
  if (access === 'public') return { access: Access.PUBLIC, roles: [], callers: [] };
  if (access === 'signed_in') return { access: Access.SIGNED_IN, roles: [], callers: [] };
  return { access: Access.ROLES, roles: [...access.roles], callers: [] };
}

/** Before an answer has begun the gateway learns the fault's code and answers for it; after that only a cut is honest. */
function answerFault(
  options: RawServerOptions,
  route: RawRoute,
  context: RawContext,
  response: ServerResponse,
  error: unknown,
): void {
  const stopped = context.signal.aborted;
  if (!stopped && !(error instanceof RpcFault)) {
    const { requestId, traceparent } = context;
    options.telemetry?.log.error('a raw route failed', { route: routeKey(route), requestId, traceparent, error });
  }
  if (response.headersSent) {
    if (response.writableEnded) return;
    if (stopped) response.end();
    else response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const fault = stopped ? context.signal.reason : error;
  response.writeHead(500, {
    [faultHeader]: fault instanceof RpcFault ? fault.code : isOutage(fault) ? 'unavailable' : 'internal',
    'content-length': 0,
  });
  response.end();
}
