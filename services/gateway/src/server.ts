/** The HTTP server itself: what it takes from the network before any route is known. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { problemOf } from '@suuupra/platform/http/problem';
import { refuse } from '@suuupra/platform/rpc/rpc';
import type { GatewayLimits } from './limits.ts';

export type HandleRequest = (request: IncomingMessage, response: ServerResponse) => void;

export function createHttpServer(handle: HandleRequest, limits: GatewayLimits): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMsMax,
      // Bodies have their own clocks (body.ts, and the idle time of lasting routes): an upload may take an hour.
      requestTimeout: 60 * 60_000,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMsMax),
      keepAliveTimeout: limits.keepAliveMs,
      // Answered by us, as a problem.
      requireHostHeader: false,
      insecureHTTPParser: false,
      joinDuplicateHeaders: false,
    },
    handle,
  );
  server.maxHeadersCount = limits.headersCountMax;
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
  server.maxConnections = limits.connectionsMax;
  const answering = new WeakMap<Duplex, ServerResponse>();
  server.on('request', (request, response) => answering.set(request.socket, response));
  server.on('checkExpectation', (_request, response) => {
    answerOnce(response, 417, 'This expectation cannot be met; send the request without Expect.');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseConnection(error, socket, answering.get(socket), limits);
  });
  return server;
}

/** What does not parse as HTTP is answered on the bare socket, unless an answer is already on its way there. */
function refuseConnection(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  current: ServerResponse | undefined,
  limits: GatewayLimits,
): void {
  const busy = current?.headersSent === true && !current.writableFinished;
  if (error.code === 'ECONNRESET' || !socket.writable || busy) {
    socket.destroy(error);
    return;
  }
  const { status, text, headers, body } = connectionProblem(error, limits);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${text}\r\n${lines.join('')}\r\n${body.toString('utf8')}`);
}

function connectionProblem(error: NodeJS.ErrnoException, limits: GatewayLimits) {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW': {
      const refusal = refuse('invalid_request', `Headers have at most ${limits.headerBytesMax} bytes in all.`);
      return { text: 'Request Header Fields Too Large', ...problemOf(refusal, '', 431) };
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        text: 'Request Timeout',
        ...problemOf(refuse('request_timeout', 'The request did not arrive in time.'), ''),
      };
    default:
      return {
        text: 'Bad Request',
        ...problemOf(refuse('invalid_request', 'This is not HTTP/1.1 as we read it.'), ''),
      };
  }
}

function answerOnce(response: ServerResponse, status: number, detail: string): void {
  const problem = problemOf(refuse('invalid_request', detail), '', status);
  response.writeHead(problem.status, { ...problem.headers, connection: 'close' }).end(problem.body);
}

/**
 * A body that nobody wants is thrown away while its sender reads our answer; who goes on sending loses the connection.
 */
export function discardRest(request: IncomingMessage, response: ServerResponse, msMax: number): void {
  response.once('finish', () => {
    if (request.complete || request.destroyed) return;
    request.resume();
    const timer = setTimeout(() => request.destroy(), msMax);
    timer.unref();
    request.once('close', () => clearTimeout(timer));
  });
}
