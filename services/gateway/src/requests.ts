/**
 * The way of one request, in order: names, route, shed, the client's share, who asks, the caller's share, access, the
 * proof of origin, then the method or the raw route, and the record of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseByAccess } from '@suuupra/platform/rpc/access';
import { anonymous, isRefusal, type Refusal, RpcFault, refuse } from '@suuupra/platform/rpc/rpc';
import { inScope } from '@suuupra/platform/telemetry/call-scope';
import { span as spanNames } from '@suuupra/platform/telemetry/semantic-names';
import { refuseCardDataOutsideBody } from './card-data.ts';
import { clientAddress, clientNetwork } from './client-address.ts';
import { type Caller, count, type Door } from './door.ts';
import { clientLeft, contextOf, type Exchange, sendRefusal } from './exchange.ts';
import type { GatewayLimits } from './limits.ts';
import { answerMethod } from './method.ts';
import { refusalOfFault } from './problem.ts';
import { answerRaw } from './raw.ts';
import type { Route } from './route.ts';
import type { Match } from './router.ts';
import { discardRest } from './server.ts';
import { clearedCookies, credentialsOf, csrfTokenOf, isFromOurSite } from './session.ts';
import { incomingTraceparent, requestIdOf, traceIdOf } from './trace-id.ts';

export async function handleRequest(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = targetOf(request, door.limits);
  const found = isRefusal(target) ? undefined : door.router.find(request.method ?? '', target.path);
  const route = found !== undefined && 'route' in found ? found.route : undefined;
  const exchange = openExchange(door, request, response, route, isRefusal(target) ? undefined : target);
  setCommonHeaders(door, exchange);
  discardRest(request, response, door.limits.discardMsMax);
  const scope = { requestId: exchange.requestId, traceparent: exchange.span.traceparent };
  await inScope(scope, () => answerExchange(door, exchange, target, found));
}

async function answerExchange(
  door: Door,
  exchange: Exchange,
  target: Target | Refusal,
  found: ReturnType<Door['router']['find']> | undefined,
): Promise<void> {
  const { request } = exchange;
  try {
    if (isRefusal(target)) return sendRefusal(exchange, target);
    if (request.headers.host === undefined && request.httpVersion !== '1.0') {
      return sendRefusal(exchange, refuse('invalid_request', 'An HTTP/1.1 request has a Host header.'));
    }
    if (found === undefined) return sendRefusal(exchange, refuse('not_found', 'There is no such route.'));
    if ('allow' in found) return refuseVerb(exchange, found.allow);
    await answerRoute(door, exchange, found);
  } catch (error) {
    answerFault(door, exchange, error);
  }
}

interface Target {
  readonly path: string;
  readonly queryText: string;
}

/** Only the plain form of a target, and no path that two readers could take for two things. */
function targetOf(request: IncomingMessage, limits: GatewayLimits): Target | Refusal {
  const url = request.url ?? '';
  if (url.length > limits.urlCharsMax)
    return refuse('uri_too_long', `An address has at most ${limits.urlCharsMax} characters.`);
  if (!url.startsWith('/')) return refuse('invalid_request', 'The request target starts with a slash.');
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  if (ambiguousPath.test(path) || !isDecodable(path)) {
    return refuse(
      'invalid_request',
      'The path holds what can be read in two ways: dot segments, encoded slashes, bad escapes.',
    );
  }
  return { path, queryText: at < 0 ? '' : url.slice(at + 1) };
}

const ambiguousPath = /\\|%2f|%5c|%00|(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function openExchange(
  door: Door,
  request: IncomingMessage,
  response: ServerResponse,
  route: Route | undefined,
  target: Target | undefined,
): Exchange {
  const { headers } = request;
  const verb = request.method ?? '';
  const template = route?.template ?? 'none';
  const requestId = requestIdOf(single(headers['x-request-id']), door.world);
  const span = door.telemetry.span(
    `${route === undefined ? 'unknown' : verb} ${template}`,
    incomingTraceparent(single(headers.traceparent)),
    {
      [spanNames.httpMethod]: route === undefined ? '_OTHER' : verb,
      [spanNames.httpRoute]: template,
      [spanNames.urlScheme]: 'http',
      [spanNames.requestId]: requestId,
    },
    { kind: 'server' },
  );
  const exchange: Exchange = {
    request,
    response,
    verb,
    path: target?.path ?? '',
    queryText: target?.queryText ?? '',
    requestId,
    traceId: traceIdOf(span.traceparent, requestId),
    span,
    address: clientAddress(request.socket.remoteAddress ?? '', single(headers['x-forwarded-for']), door.trustedHops),
    startedAtMs: performance.now(),
    abort: new AbortController(),
  };
  door.open.add(exchange);
  response.once('close', () => closeExchange(door, exchange, route));
  return exchange;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}

function closeExchange(door: Door, exchange: Exchange, route: Route | undefined): void {
  const { response, span } = exchange;
  if (!response.writableFinished) exchange.abort.abort(clientLeft());
  door.open.delete(exchange);
  const labels = { method: route?.verb ?? 'other', route: route?.template ?? 'none' };
  door.requests.inc({ ...labels, status: response.headersSent ? response.statusCode : 499 });
  door.durations.observe(labels, (performance.now() - exchange.startedAtMs) / 1_000, span.traceparent);
  span.set(spanNames.httpStatus, response.statusCode);
  if (response.statusCode >= 500) span.fail(String(response.statusCode));
  span.end();
}

function setCommonHeaders(door: Door, { response, requestId }: Exchange): void {
  for (const [name, value] of Object.entries(door.security.data)) response.setHeader(name, value);
  response.setHeader('x-request-id', requestId);
}

function refuseVerb(exchange: Exchange, allow: readonly string[]): void {
  exchange.response.setHeader('allow', allow.join(', '));
  sendRefusal(exchange, refuse('method_not_allowed', `This route answers ${allow.join(', ')}.`));
}

async function answerRoute(door: Door, exchange: Exchange, match: Match): Promise<void> {
  const { route } = match;
  const unlimited = route.kind === 'raw' && route.unlimited;
  if (!unlimited && door.shedder.isOver(route.priority)) {
    return sendRefusal(exchange, refuse('busy', 'Too much is under way; try again in a moment.'));
  }
  if (route.kind === 'method' || route.raw.lasting !== true) enter(door, exchange);
  const over = unlimited ? undefined : await countClient(door, exchange);
  if (over !== undefined) return sendRefusal(exchange, over);
  const cardData = route.refusesCardData
    ? refuseCardDataOutsideBody(exchange.path, exchange.queryText, exchange.request.headers)
    : undefined;
  if (cardData !== undefined) return sendRefusal(exchange, cardData);
  const caller = await identify(door, exchange, route);
  if (isRefusal(caller)) return sendRefusal(exchange, caller);
  const refusal = await refuseCaller(door, exchange, route, caller);
  if (refusal !== undefined) return sendRefusal(exchange, refusal);
  if (route.kind === 'raw') await answerRaw(door, exchange, route, match.params, caller);
  else await answerMethod(door, exchange, route, match.params, caller);
}

/** Lasting requests are not counted: an open stream is no work under way. */
function enter(door: Door, exchange: Exchange): void {
  const leave = door.shedder.enter();
  door.inFlight.inc();
  exchange.response.once('close', () => {
    leave();
    door.inFlight.dec();
  });
}

async function countClient(door: Door, exchange: Exchange): Promise<Refusal | undefined> {
  return await count(door, exchange, door.limits.requests, clientNetwork(exchange.address));
}

/** A bearer token that is not good is an error everywhere; a stale cookie on a public route is nobody, and is cleared. */
async function identify(door: Door, exchange: Exchange, route: Route): Promise<Caller | Refusal> {
  const credentials = credentialsOf(exchange.request.headers, door.cookies.session);
  if (credentials.kind === 'none') return { principal: anonymous, credentials };
  if (credentials.kind === 'malformed') {
    return refuse('unauthenticated', 'The Authorization header is "Bearer" and a session token.');
  }
  const context = contextOf(exchange, anonymous, door.world.now() + door.limits.callMsMax);
  const principal = await door.sessions.check(credentials.token, context);
  if (principal !== undefined) return { principal, credentials };
  if (credentials.kind === 'bearer')
    return refuse('unauthenticated', 'The token is not valid any more; sign in again.');
  exchange.response.setHeader('set-cookie', clearedCookies(door.cookies));
  return refuseByAccess(route.access, anonymous, 'gateway') === undefined
    ? { principal: anonymous, credentials: { kind: 'none' } }
    : refuse('unauthenticated', 'The session has ended; sign in again.');
}

const safeVerbs: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

async function refuseCaller(
  door: Door,
  exchange: Exchange,
  route: Route,
  { principal, credentials }: Caller,
): Promise<Refusal | undefined> {
  const closed = refuseByAccess(route.access, principal, 'gateway');
  if (closed !== undefined) return closed;
  if (safeVerbs.has(exchange.verb)) return undefined;
  const exempt = route.kind === 'raw' && route.raw.csrfExempt === true;
  if (credentials.kind === 'cookie' && !exempt) {
    const expected = csrfTokenOf(door.csrfSecret, credentials.token);
    if (!isFromOurSite(exchange.request.headers, expected)) {
      return refuse('csrf_refused', `Send the value of the cookie ${door.cookies.csrf} in an X-CSRF-Token header.`);
    }
  }
  return principal.kind === 'user' ? await count(door, exchange, door.limits.mutations, principal.userId) : undefined;
}

function answerFault(door: Door, exchange: Exchange, error: unknown): void {
  const { response, requestId, span } = exchange;
  // The client has left, the time is up, or the process stops: each was answered, as far as it could be.
  if (exchange.abort.signal.aborted) {
    if (response.headersSent && !response.writableEnded) response.end();
    return;
  }
  span.fail(error);
  // Faults of services are on record where they happened; what is no RpcFault happened here.
  if (!(error instanceof RpcFault)) {
    door.telemetry.log.error('a request failed in the gateway', { requestId, traceId: exchange.traceId, error });
  }
  for (const name of ['content-encoding', 'etag', 'content-length', 'transfer-encoding']) {
    if (!response.headersSent) response.removeHeader(name);
  }
  sendRefusal(exchange, refusalOfFault(error));
}
