/**
 * What a raw route may count on, whether its service is in the gateway's process or in another. A way of reaching routes
 * joins with a function that brings handlers up and gives back the routes that the gateway is to call.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { type Principal, RpcFault, refuse } from '../rpc/rpc.ts';
import { sendProblem } from './problem.ts';
import { type RawContext, type RawRoute, type RawRouteDeclaration, routeKey } from './route.ts';

export interface ReachedRoutes {
  readonly routes: readonly RawRoute[];
  close(): Promise<void>;
}

export type Reach = (routes: readonly RawRoute[]) => Promise<ReachedRoutes>;

const asha: Principal = { kind: 'user', userId: 'usr_1', roles: ['learner'], sessionId: 'ses_1' };
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const preset = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'",
  'set-cookie': ['old=; Max-Age=0', 'older=; Max-Age=0'],
};

export function aRoute(handle: RawRoute['handle'], changes: Partial<RawRouteDeclaration> = {}): RawRoute {
  return {
    method: 'GET',
    path: '/things/{id}',
    summary: 'A thing',
    access: 'public',
    bodyBytesMax: 64 * 1024 * 1024,
    ...changes,
    handle,
  };
}

/** What the gateway does around a raw route, as far as a handler can tell. */
export async function openFront(routes: readonly RawRoute[], principal: Principal = asha) {
  const faults: unknown[] = [];
  const server = createServer((request, response) => {
    const [route] = routes.filter((each) => each.method === request.method || request.method === 'HEAD');
    if (route === undefined) return void response.writeHead(404).end();
    for (const [name, value] of Object.entries(preset)) response.setHeader(name, value);
    const abort = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) abort.abort(new RpcFault('cancelled', 'The client has left.'));
    });
    route.handle(request, response, contextOf(request, abort.signal, principal)).catch((error: unknown) => {
      faults.push(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(error instanceof RpcFault && error.code === 'unavailable' ? 503 : 500).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    faults,
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function contextOf(request: IncomingMessage, signal: AbortSignal, principal: Principal): RawContext {
  return {
    principal,
    requestId: 'req_from_outside',
    traceparent,
    signal,
    deadlineAtMs: Date.now() + 10_000,
    idempotencyKey: 'key one',
    ifMatch: '"7"',
    clientAddress: '203.0.113.7',
    userAgent: 'Ünusual/1.0',
    answer: {},
    params: { id: 'a/ü' },
    query: new URL(request.url ?? '', 'http://x').searchParams,
    cspNonce: 'bm9uY2U=',
  };
}

type Front = Awaited<ReturnType<typeof openFront>>;

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function ask(
  front: Front,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: Buffer } = {},
) {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise<Got>((resolve, reject) => {
    const sent = httpRequest({ port: front.port, host: '127.0.0.1', path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends a request and reads nothing. */
async function askAndWait(front: Front, head: string) {
  const socket = connectSocket(front.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write(head);
  await once(socket, 'connect');
  return socket;
}

export function rawContract(name: string, reach: Reach): void {
  describe(`raw routes ${name}`, () => {
    const closing: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close();
    });
    async function open(...routes: RawRoute[]): Promise<Front> {
      const reached = await reach(routes);
      closing.push(() => reached.close());
      const front = await openFront(reached.routes);
      closing.push(() => front.close());
      return front;
    }

    test('the handler learns who asks, for what, with which key, nonce, trace and deadline', async () => {
      let seen: RawContext | undefined;
      let headers: IncomingMessage['headers'] = {};
      const front = await open(
        aRoute(async (request, response, context) => {
          seen = context;
          headers = request.headers;
          response.end(request.url);
        }),
      );
      const got = await ask(front, '/things/a%2F%C3%BC?x=1&x=2&y=%20', {
        headers: { 'x-own': 'one', host: 'learn.test' },
      });
      expect(got.body.toString()).toBe('/things/a%2F%C3%BC?x=1&x=2&y=%20');
      expect(seen).toMatchObject({
        principal: asha,
        requestId: 'req_from_outside',
        idempotencyKey: 'key one',
        ifMatch: '"7"',
        clientAddress: '203.0.113.7',
        userAgent: 'Ünusual/1.0',
        params: { id: 'a/ü' },
        cspNonce: 'bm9uY2U=',
      });
      expect(seen?.traceparent.split('-')[1]).toBe(traceparent.split('-')[1]);
      expect(seen?.query.getAll('x')).toEqual(['1', '2']);
      expect(seen?.query.get('y')).toBe(' ');
      expect(Math.abs((seen?.deadlineAtMs ?? 0) - Date.now() - 10_000)).toBeLessThan(1_000);
      expect(headers).toMatchObject({ 'x-own': 'one', host: 'learn.test' });
      expect(Object.keys(headers).filter((each) => each.startsWith('suuupra-'))).toEqual([]);
    });

    test('what the gateway put on the answer is kept, changed and taken away by the handler', async () => {
      const front = await open(
        aRoute(async (_request, response) => {
          expect(response.getHeader('content-security-policy')).toBe("default-src 'none'");
          response.setHeader('content-security-policy', 'sandbox');
          response.removeHeader('set-cookie');
          response.appendHeader('link', '<a>');
          response.appendHeader('link', '<b>');
          response.writeHead(201, { etag: '"1"' }).end('made');
        }),
      );
      const { status, headers, body } = await ask(front, '/things/1');
      expect([status, body.toString()]).toEqual([201, 'made']);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': 'sandbox',
        etag: '"1"',
        link: '<a>, <b>',
      });
      expect(headers['set-cookie']).toBeUndefined();
    });

    test('cookies stay apart', async () => {
      const front = await open(aRoute(async (_request, response) => void response.end()));
      expect((await ask(front, '/things/1')).headers['set-cookie']).toEqual(preset['set-cookie']);
    });

    test.each([
      ['HEAD', 200, { 'content-length': '5' }],
      ['GET', 304, { etag: '"1"' }],
      ['GET', 206, { 'content-range': 'bytes 0-4/9', 'content-length': '5' }],
    ])('%s answered with %i keeps its headers', async (method, status, headers) => {
      const front = await open(
        aRoute(async (request, response) => {
          expect(request.headers.range).toBe('bytes=0-4');
          expect(request.headers['if-none-match']).toBe('"1"');
          response.writeHead(status, headers);
          response.end(status === 304 ? undefined : 'bytes');
        }),
      );
      const got = await ask(front, '/things/1', { method, headers: { range: 'bytes=0-4', 'if-none-match': '"1"' } });
      expect(got.status).toBe(status);
      expect(got.headers).toMatchObject(headers);
      expect(got.body.toString()).toBe(method === 'HEAD' || status === 304 ? '' : 'bytes');
    });

    test.each([true, false])('a body arrives whole, its length declared: %s', async (declared) => {
      const sent = Buffer.alloc(3_000_000, 'abcdefgh');
      const front = await open(
        aRoute(
          async (request, response) => {
            const chunks: Buffer[] = [];
            for await (const chunk of request) chunks.push(chunk as Buffer);
            response.end(Buffer.concat(chunks));
          },
          { method: 'POST' },
        ),
      );
      const headers: Record<string, string> = declared
        ? { 'content-length': String(sent.byteLength) }
        : { 'transfer-encoding': 'chunked' };
      const got = await ask(front, '/things/1', { method: 'POST', headers, body: sent });
      expect(got.body.equals(sent)).toBe(true);
    });

    test('an answer before the body is read reaches the client', async () => {
      const front = await open(
        aRoute(async (_request, response, context) => sendProblem(response, refuse('not_found', 'No.'), context), {
          method: 'POST',
        }),
      );
      const got = await ask(front, '/things/1', { method: 'POST', body: Buffer.alloc(200_000) });
      expect([got.status, got.headers['content-type']]).toEqual([404, 'application/problem+json']);
    });

    test('the first event of a stream arrives while the stream is open', async () => {
      const goOn = Promise.withResolvers<void>();
      const front = await open(
        aRoute(
          async (_request, response) => {
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.write('data: 1\n\n');
            await goOn.promise;
            response.end('data: 2\n\n');
          },
          { lasting: true },
        ),
      );
      const answer = await fetch(`${front.url}/things/1`);
      const reader = answer.body?.getReader();
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
      goOn.resolve();
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 2\n\n');
      expect((await reader?.read())?.done).toBe(true);
    });

    test('the head of a stream arrives before there is anything to tell', async () => {
      const goOn = Promise.withResolvers<void>();
      const front = await open(
        aRoute(
          async (_request, response) => {
            response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
            await goOn.promise;
            response.end();
          },
          { lasting: true },
        ),
      );
      const answer = await fetch(`${front.url}/things/1`);
      expect(answer.headers.get('content-type')).toBe('text/event-stream');
      goOn.resolve();
      expect(await answer.text()).toBe('');
    });

    test('who does not read holds the handler back', async () => {
      const written = Promise.withResolvers<number>();
      const front = await open(
        aRoute(async (_request, response, { signal }) => {
          response.writeHead(200);
          let bytes = 0;
          // What the kernel and the streams between take is a few megabytes; a buffer that grows would take all of it.
          for (; bytes < 256 * 1024 * 1024 && !signal.aborted; bytes += 65_536) {
            if (response.write(Buffer.alloc(65_536))) continue;
            const held = await Promise.race([
              once(response, 'drain', { signal }).then(() => false),
              new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 500).unref()),
            ]);
            if (held) break;
          }
          written.resolve(bytes);
          response.end();
        }),
      );
      const socket = await askAndWait(front, 'GET /things/1 HTTP/1.1\r\nhost: x\r\n\r\n');
      expect(await written.promise).toBeLessThan(64 * 1024 * 1024);
      socket.destroy();
    });

    test('a handler that does not read holds the sender back', async () => {
      const started = Promise.withResolvers<void>();
      const front = await open(
        aRoute(
          async (_request, _response, { signal }) => {
            started.resolve();
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
          },
          { method: 'POST' },
        ),
      );
      const socket = await askAndWait(front, 'POST /things/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 268435456\r\n\r\n');
      let taken = 0;
      const chunk = Buffer.alloc(65_536);
      let held = false;
      while (!held && taken < 256 * 1024 * 1024) {
        taken += chunk.byteLength;
        if (socket.write(chunk)) continue;
        held = await Promise.race([
          once(socket, 'drain').then(() => false),
          new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 500)),
        ]);
      }
      await started.promise;
      expect(taken).toBeLessThan(64 * 1024 * 1024);
      socket.destroy();
    });

    test('when the client leaves, the handler sees it', async () => {
      const started = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<void>();
      const front = await open(
        aRoute(
          async (_request, response, { signal }) => {
            response.writeHead(200);
            response.write('begun');
            signal.addEventListener('abort', () => aborted.resolve());
            started.resolve();
            await aborted.promise;
          },
          { lasting: true },
        ),
      );
      const socket = await askAndWait(front, 'GET /things/1 HTTP/1.1\r\nhost: x\r\n\r\n');
      await started.promise;
      socket.destroy();
      await aborted.promise;
    });

    test('a fault before the answer is a fault for the gateway, with its code', async () => {
      const front = await open(
        aRoute(async () => {
          throw new RpcFault('unavailable', 'the database at 10.0.0.7 is away');
        }),
      );
      expect((await ask(front, '/things/1')).status).toBe(503);
      expect(front.faults).toEqual([expect.objectContaining({ code: 'unavailable' })]);
    });

    test('a fault in the midst of an answer cuts it, so that it does not look whole', async () => {
      const front = await open(
        aRoute(async (_request, response) => {
          response.writeHead(200);
          response.write('half');
          await turn();
          throw new Error('broken');
        }),
      );
      await expect(ask(front, '/things/1')).rejects.toThrow();
    });

    test('routes are told apart by verb and path', async () => {
      const reached = await reach([
        aRoute(async (_request, response) => void response.end('read')),
        aRoute(async (_request, response) => void response.end('written'), { method: 'PUT' }),
      ]);
      closing.push(() => reached.close());
      expect(reached.routes.map(routeKey)).toEqual(['GET /things/{id}', 'PUT /things/{id}']);
      const front = await openFront(reached.routes);
      closing.push(() => front.close());
      expect((await ask(front, '/things/1', { method: 'PUT' })).body.toString()).toBe('written');
      expect((await ask(front, '/things/1')).body.toString()).toBe('read');
    });
  });
}
