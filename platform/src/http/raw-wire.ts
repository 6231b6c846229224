/**
 * How a raw route's surroundings travel from the gateway to the service: one request header of compact JSON in base64url.
 * It is believed because of who sends it: serve-raw.ts takes connections from the gateway's certificate only.
 */
import { Buffer } from 'node:buffer';
import type { OutgoingHttpHeaders } from 'node:http';
import type { Principal } from '../rpc/rpc.ts';
import type { RawContext } from './route.ts';

/** Everything of ours that travels in headers begins so; what a client sends under these names is dropped. */
export const ownHeaderPrefix = 'suuupra-';
export const contextHeader = `${ownHeaderPrefix}raw-context`;
/** On the way back, when the handler failed before it answered: the code of the RpcFault. */
export const faultHeader = `${ownHeaderPrefix}raw-fault`;

/** Headers of one connection, not of the message (RFC 9110, 7.6.1). */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The context header holds a path's parameters and the caller's headers; with those themselves it stays below this. */
export const headerBytesMax = 64 * 1024;

export interface SentContext {
  /** routeKey of the declaration. */
  readonly route: string;
  /** The Host that the client asked for. */
  readonly host: string;
  /** What the gateway has put on the answer already; the handler may change it. */
  readonly preset: OutgoingHttpHeaders;
  /** Of the deadline, since clocks differ. */
  readonly leftMs: number;
  readonly principal: Principal;
  readonly requestId: string;
  readonly traceparent: string;
  readonly idempotencyKey: string;
  readonly ifMatch: string;
  readonly clientAddress: string;
  readonly userAgent: string;
  readonly params: Readonly<Record<string, string>>;
  readonly cspNonce: string;
}

export function encodeContext(
  context: RawContext,
  about: Pick<SentContext, 'route' | 'host' | 'preset' | 'leftMs'>,
): string {
  const { principal, requestId, traceparent, idempotencyKey, ifMatch, clientAddress, userAgent, params } = context;
  const sent: SentContext = {
    ...about,
    principal,
    requestId,
    traceparent,
    idempotencyKey,
    ifMatch,
    clientAddress,
    userAgent,
    params,
    cspNonce: context.cspNonce ?? '',
  };
  return Buffer.from(JSON.stringify(sent)).toString('base64url');
}

/** Undefined for what the gateway did not write; its certificate answers for the rest. */
export function decodeContext(header: string | string[] | undefined): SentContext | undefined {
  if (typeof header !== 'string') return undefined;
  try {
    const value = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as Partial<SentContext> | null;
    const isWhole =
      typeof value?.route === 'string' && typeof value.leftMs === 'number' && typeof value.principal?.kind === 'string';
    return isWhole ? (value as SentContext) : undefined;
  } catch {
    return undefined;
  }
}

/** Pairs of a raw header list that may travel on: no header of a connection, none that `drops` names, none of ours. */
export function travelling(raw: readonly string[], drops: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  const named = new Set(drops);
  for (const [name, value] of pairs) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const one of value.split(',')) named.add(one.trim().toLowerCase());
  }
  return pairs.filter(([name]) => {
    const lower = name.toLowerCase();
    return !hopByHop.has(lower) && !named.has(lower) && !lower.startsWith(ownHeaderPrefix);
  });
}
