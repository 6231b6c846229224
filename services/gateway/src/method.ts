/** A method of a contract, answered as JSON. */
import { hash } from 'node:crypto';
import type { Message } from '@bufbuild/protobuf';
import { type AnswerNotes, anonymous, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { OutgoingContext } from '@suuupra/platform/rpc/transport';
import { type Coding, codingOf, etagOf, isKnown } from './answer.ts';
import { readJsonBody } from './body.ts';
import { refuseCardData } from './card-data.ts';
import { clientNetwork } from './client-address.ts';
import { type Caller, count, type Door } from './door.ts';
import { contextOf, type Exchange, sendRefusal } from './exchange.ts';
import type { MethodRoute } from './route.ts';
import { applySessionEffect } from './session-effect.ts';

type Params = Readonly<Record<string, string>>;

export async function answerMethod(
  door: Door,
  exchange: Exchange,
  route: MethodRoute,
  params: Params,
  caller: Caller,
): Promise<void> {
  if (!acceptsJson(exchange.request.headers.accept)) {
    return sendRefusal(exchange, refuse('not_acceptable', 'Answers are application/json.'));
  }
  if (route.publicCacheMs > 0) return await answerShared(door, exchange, route, params);
  const body = await readJsonBody(exchange.request, door.limits);
  if (isRefusal(body)) return sendRefusal(exchange, body);
  const cardData = route.refusesCardData ? refuseCardData(body) : undefined;
  if (cardData !== undefined) return sendRefusal(exchange, cardData);
  const request = route.transcoder.read({ body, query: new URLSearchParams(exchange.queryText), params });
  if (isRefusal(request)) return sendRefusal(exchange, request);
  const over = await countSignIn(door, exchange, route, request);
  if (over !== undefined) return sendRefusal(exchange, over);
  const { answer, notes } = await route.transport.call(route.method, request, outgoing(door, exchange, caller));
  if (isRefusal(answer)) return sendRefusal(exchange, answer);
  applySessionEffect(door, exchange, route, request, answer, caller);
  await sendAnswer(door, exchange, route, answer, notes);
}

function acceptsJson(accept: string | undefined): boolean {
  return accept === undefined || accept === '' || /\*\/\*|application\/(?:\*|json|[a-z.]+\+json)/i.test(accept);
}

function outgoing(door: Door, exchange: Exchange, caller: Caller): OutgoingContext {
  const deadlineAtMs = door.world.now() + door.limits.callMsMax;
  const { answer: _answer, ...context } = contextOf(exchange, caller.principal, deadlineAtMs);
  return { ...context, caller: 'gateway' };
}

/** Asked for by nobody, and not ended by any one client that leaves: others may be waiting for the same answer. */
async function answerShared(door: Door, exchange: Exchange, route: MethodRoute, params: Params): Promise<void> {
  const cached = await door.answers.get(`${exchange.path}?${exchange.queryText}`, route.publicCacheMs, async () => {
    const query = new URLSearchParams(exchange.queryText);
    const request = route.transcoder.read({ body: undefined, query, params });
    if (isRefusal(request)) return request;
    const context = outgoing(door, exchange, { principal: anonymous, credentials: { kind: 'none' } });
    const unbound = { ...context, signal: new AbortController().signal };
    const { answer, notes } = await route.transport.call(route.method, request, unbound);
    return isRefusal(answer) ? answer : { bytes: Buffer.from(route.transcoder.write(answer)), etag: notes.etag };
  });
  if (isRefusal(cached)) return sendRefusal(exchange, cached);
  exchange.response.setHeader('cache-control', `public, max-age=${Math.trunc(route.publicCacheMs / 1_000)}`);
  const { bytes, etag } = cached;
  await sendDocument(door, exchange, bytes, etag, (coding) => cached.coded(coding));
}

async function sendAnswer(
  door: Door,
  exchange: Exchange,
  route: MethodRoute,
  answer: Message,
  notes: AnswerNotes,
): Promise<void> {
  const { response, verb } = exchange;
  if (notes.idempotentReplayed === true) response.setHeader('idempotent-replayed', 'true');
  if (route.successStatus === 204) {
    response.setHeader('cache-control', 'no-store');
    response.writeHead(204).end();
    return;
  }
  const bytes = Buffer.from(route.transcoder.write(answer));
  if (verb === 'GET' || verb === 'HEAD') {
    response.setHeader('cache-control', 'private, no-cache');
    const etag = etagOf(notes.etag, bytes);
    return await sendDocument(door, exchange, bytes, etag, (coding) => door.compressor.compress(bytes, coding));
  }
  response.setHeader('cache-control', 'no-store');
  if (notes.etag !== undefined) response.setHeader('etag', etagOf(notes.etag, bytes));
  response.writeHead(route.successStatus, { 'content-type': 'application/json', 'content-length': bytes.byteLength });
  response.end(bytes);
}

/** A 200 with its tag, a 304 where the client has it, compressed where that pays. */
async function sendDocument(
  door: Door,
  exchange: Exchange,
  bytes: Buffer,
  etag: string,
  coded: (coding: Coding) => Promise<Buffer | undefined>,
): Promise<void> {
  const { request, response } = exchange;
  response.setHeader('etag', etag);
  response.setHeader('vary', 'accept-encoding');
  if (isKnown(request.headers, etag)) {
    response.writeHead(304).end();
    return;
  }
  const coding =
    bytes.byteLength < door.limits.compressBytesMin ? undefined : codingOf(acceptEncoding(request.headers));
  const compressed = coding === undefined ? undefined : await coded(coding);
  if (compressed !== undefined && coding !== undefined) response.setHeader('content-encoding', coding);
  const sent = compressed ?? bytes;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': sent.byteLength }).end(sent);
}

function acceptEncoding(headers: Exchange['request']['headers']): string | undefined {
  const header = headers['accept-encoding'];
  return Array.isArray(header) ? header.join(',') : header;
}

const signInMethods: ReadonlySet<string> = new Set([
  'suuupra.identity.v1.IdentityService/CreateSession',
  'suuupra.identity.v1.IdentityService/CreateUser',
]);

/** Guessing passwords is slow for whoever guesses, by where they are and by whom they guess. */
async function countSignIn(
  door: Door,
  exchange: Exchange,
  route: MethodRoute,
  request: Message,
): Promise<Refusal | undefined> {
  if (!signInMethods.has(`${route.method.parent.typeName}/${route.method.name}`)) return undefined;
  const byPlace = await count(door, exchange, door.limits.signIns, clientNetwork(exchange.address));
  if (byPlace !== undefined) return byPlace;
  const { email } = request as Message & { readonly email?: string };
  if (email === undefined) return undefined;
  const who = hash('sha256', email.trim().toLowerCase(), 'base64url');
  return await count(door, exchange, door.limits.signInsPerAddress, who);
}
