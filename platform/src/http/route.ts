/**
 * Raw HTTP routes: what is not request and response in JSON (uploads, ranges, SSE, webhooks, pages). A service declares
 * them in its value, so that a gateway in another process knows them, and gives them their handlers when it starts. The
 * gateway, which has already found out who asks and counted the request, calls them, here or over the wire.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RefusalCode } from '@suuupra/contracts/errors';
import type { CallContext } from '../rpc/rpc.ts';

export interface RawRouteDeclaration {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** `/api/v1/files/{id}`; a last `{name*}` takes the rest of the path. */
  readonly path: string;
  readonly summary: string;
  /** As in suuupra.options.v1.Access; `roles` for signed-in users with one of these. */
  readonly access: 'public' | 'signed_in' | { readonly roles: readonly string[] };
  /** Left out of the API document: pages and machine routes. */
  readonly hidden?: boolean;
  /** Checked against Content-Length before, and counted while the body arrives. */
  readonly bodyBytesMax: number;
  /** Requests that last (SSE, downloads) are not bound by the ordinary deadline. */
  readonly lasting?: boolean;
  /** A mutation from a browser needs the CSRF check unless the caller authenticates in another way (a signature). */
  readonly csrfExempt?: boolean;
  /** Codes this route may refuse with besides those of its access and limits; they go into the API document. */
  readonly refusals?: readonly RefusalCode[];
}

export interface RawRoute extends RawRouteDeclaration {
  handle(request: IncomingMessage, response: ServerResponse, context: RawContext): Promise<void>;
}

export interface RawContext extends CallContext {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** What an inline script of this answer must carry to be run; the gateway's own page policy names it. */
  readonly cspNonce?: string;
}

/** What tells routes apart: `GET /api/v1/files/{id}`. */
export function routeKey({ method, path }: Pick<RawRoute, 'method' | 'path'>): string {
  return `${method} ${path}`;
}
