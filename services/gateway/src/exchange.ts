/** One request and its answer, with what is known of them on the way. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf } from '@suuupra/platform/http/problem';
import { type CallContext, type Principal, type Refusal, RpcFault } from '@suuupra/platform/rpc/rpc';
import type { Span } from '@suuupra/platform/telemetry/telemetry';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly verb: string;
  /** Not decoded, without the query. */
  readonly path: string;
  readonly queryText: string;
  readonly requestId: string;
  readonly traceId: string;
  readonly span: Span;
  readonly address: string;
  readonly startedAtMs: number;
  /** Aborted when the client leaves, when the time is up, and when the process stops waiting for streams. */
  readonly abort: AbortController;
}

export function contextOf(exchange: Exchange, principal: Principal, deadlineAtMs: number): CallContext {
  const { headers } = exchange.request;
  return {
    principal,
    requestId: exchange.requestId,
    traceparent: exchange.span.traceparent,
    signal: exchange.abort.signal,
    deadlineAtMs,
    idempotencyKey: oneOf(headers['idempotency-key']),
    ifMatch: oneOf(headers['if-match']),
    clientAddress: exchange.address,
    userAgent: oneOf(headers['user-agent']),
    answer: {},
  };
}

function oneOf(header: string | string[] | undefined): string {
  return header === undefined ? '' : String(header);
}

/** Sends the problem; where an answer has begun, all that is left is to break the connection. */
export function sendRefusal(exchange: Exchange, refusal: Refusal, status?: number): void {
  const { response } = exchange;
  if (response.headersSent) {
    if (!response.writableEnded) response.destroy();
    return;
  }
  const problem = problemOf(refusal, exchange.traceId, status);
  response.writeHead(problem.status, problem.headers);
  response.end(problem.body);
}

/** The client is gone: nobody reads an answer. */
export function clientLeft(): RpcFault {
  return new RpcFault('cancelled', 'The client has left.');
}
