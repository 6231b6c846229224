/**
 * Raw routes of a service in another process, as the gateway calls them: the request streams there, the answer streams
 * back, nothing is kept on the way, and whichever side ends early ends the other.
 *
 * HTTP/1.1 over TLS, so that each stream has a connection and its own back-pressure. A request that reached nobody goes to
 * the next instance; one without a body that only reads (GET, HEAD) does so too when its connection broke before an answer.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { Certificates } from '../certificates/certificates.ts';
import { connectionTo } from '../certificates/connect.ts';
import { ConfigError } from '../config.ts';
import { addressOf } from '../rpc/instance.ts';
import { NotSent, type RemoteTarget } from '../rpc/remote-target.ts';
import { RpcFault } from '../rpc/rpc.ts';
import { contextHeader, encodeContext, faultHeader, headerBytesMax, travelling } from './raw-wire.ts';
import { type RawContext, type RawRoute, type RawRouteDeclaration, routeKey } from './route.ts';

export interface RawCaller {
  /** The route as the service would give it: its `handle` has the service do the work. */
  route(declaration: RawRouteDeclaration): RawRoute;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Streams that are open at one service, those that last included; more are refused with the fault `unavailable`. */
const openMax = 4_000;
const connectMsMax = 3_000;
/** Below the time after which the service closes an idle connection, so that it is not closed under a request. */
const idleMsMax = 30_000;

/** Throws ConfigError when the target has no certificates: what the gateway says of a caller must be believed. */
export function openRawCaller(target: RemoteTarget): RawCaller {
  if (target.certificates === undefined) {
    throw new ConfigError(`Raw routes of ${target.service} need certificates; make them with "npm run certs".`);
  }
  const agent = new Agent({
    connect: connectorTo(target.service, target.certificates),
    connections: openMax,
    pipelining: 1,
    keepAliveTimeout: idleMsMax,
    keepAliveMaxTimeout: idleMsMax,
    // The gateway has a clock for each kind of route; what it gives up is aborted here.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: headerBytesMax,
  });
  const state = { open: 0 };
  return {
    route: (declaration) => ({
      ...declaration,
      handle: async (request, response, context) => {
        if (state.open >= openMax) throw new RpcFault('unavailable', `${target.service} has too many streams open.`);
        state.open += 1;
        try {
          await handle({ target, agent, declaration, request, response, context });
        } finally {
          state.open -= 1;
        }
      },
    }),
    close: () => agent.destroy(),
  };
}

/** A connection could not be made, so nothing was sent over it. */
class ConnectFailed extends Error {}

/** Each connection takes the certificate that holds when it is made, and resumes no session of an older one. */
function connectorTo(service: string, certificates: Certificates): buildConnector.connector {
  return (options, callback) => {
    const connect = buildConnector({
      ...connectionTo(service, certificates),
      timeout: connectMsMax,
      maxCachedSessions: 0,
      allowH2: false,
    });
    connect({ ...options, servername: service }, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else callback(new ConnectFailed(error.message, { cause: error }), null);
    });
  };
}

interface Passage {
  readonly target: RemoteTarget;
  readonly agent: Agent;
  readonly declaration: RawRouteDeclaration;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: RawContext;
}

async function handle(passage: Passage): Promise<void> {
  const { target, declaration, response, context } = passage;
  const { signal, deadlineAtMs } = context;
  const name = routeKey(declaration);
  const preset = response.getHeaders();
  const answer = await target.use({ signal, deadlineAtMs, name }, (instance) =>
    send(passage, `https://${addressOf({ host: instance.host, port: instance.port + 1 })}`),
  );
  for (const each of Object.keys(preset)) response.removeHeader(each);
  for (const [each, value] of travelling(textsOf(answer.headers), ['date'])) response.appendHeader(each, value);
  response.writeHead(answer.statusCode);
  if (declaration.lasting === true) response.flushHeaders();
  await copy(answer.body, response, context);
}

async function send(passage: Passage, origin: string): Promise<Dispatcher.ResponseData> {
  const { agent, declaration, request, context } = passage;
  const hasBody = Number(request.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in request.headers;
  const rereadable = !hasBody && (request.method === 'GET' || request.method === 'HEAD');
  try {
    const answer = await agent.request({
      origin,
      path: request.url ?? '/',
      method: request.method ?? declaration.method,
      headers: headersOf(passage),
      // Its end is not the end of the request, which another instance may get.
      body: hasBody ? Readable.from(request.iterator({ destroyOnReturn: false }), { objectMode: false }) : null,
      signal: context.signal,
      responseHeaders: 'raw',
    });
    const code = faultOf(textsOf(answer.headers));
    if (code === undefined) return answer;
    await answer.body.dump();
    throw new RpcFault(code, `${routeKey(declaration)} failed.`);
  } catch (error) {
    if (error instanceof RpcFault) throw error;
    if (context.signal.aborted) throw leftOf(context, declaration);
    const fault = new RpcFault('unavailable', `${routeKey(declaration)} cannot be reached.`, { cause: error });
    throw error instanceof ConnectFailed || rereadable ? new NotSent(fault) : fault;
  }
}

function headersOf({ target, declaration, request, response, context }: Passage): string[] {
  const about = {
    route: routeKey(declaration),
    host: request.headers.host ?? '',
    preset: response.getHeaders(),
    leftMs: context.deadlineAtMs - target.world.now(),
  };
  // The gateway has answered Expect already.
  const pairs = travelling(request.rawHeaders, ['host', 'expect']);
  return [...pairs.flat(), contextHeader, encodeContext(context, about)];
}

/** Asked for raw, undici gives a flat list of names and values, as texts or bytes. */
function textsOf(headers: unknown): string[] {
  return Array.isArray(headers) ? headers.map((each: unknown) => Buffer.from(each as string).toString('latin1')) : [];
}

function faultOf(headers: readonly string[]): RpcFault['code'] | undefined {
  const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === faultHeader);
  if (at < 0) return undefined;
  const code = headers[at + 1];
  return code === 'unavailable' || code === 'deadline_exceeded' || code === 'cancelled' ? code : 'internal';
}

/** Ends the client's connection when the service's ends early, so that half an answer never looks like a whole one. */
async function copy(body: AsyncIterable<Buffer>, response: ServerResponse, context: RawContext): Promise<void> {
  try {
    for await (const chunk of body) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await once(response, 'drain', { signal: context.signal });
    }
    response.end();
  } catch (error) {
    if (context.signal.aborted) throw leftOf(context);
    response.destroy();
    throw new RpcFault('unavailable', 'An answer broke off.', { cause: error });
  }
}

function leftOf({ signal }: RawContext, declaration?: RawRouteDeclaration): RpcFault {
  if (signal.reason instanceof RpcFault) return signal.reason;
  return new RpcFault(
    'cancelled',
    `${declaration === undefined ? 'The answer' : routeKey(declaration)} was cancelled.`,
  );
}
