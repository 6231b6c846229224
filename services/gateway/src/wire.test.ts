/** What only shows on the wire: framing, slowness, streams, raw routes, the end of the process. */
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { RawContext, RawRoute } from '@suuupra/platform/http/route';
import { afterEach, describe, expect, test } from 'vitest';
import {
  getUntidied,
  sendRaw,
  startGatewayForTest,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway-for-test.ts';

let running: TestGateway | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  running = await startGatewayForTest(options);
  return running;
}

const route = (changes: Partial<RawRoute> & Pick<RawRoute, 'handle'>): RawRoute => ({
  method: 'GET',
  path: '/api/v1/raw/{id}',
  summary: 'For a test',
  access: 'public',
  bodyBytesMax: 0,
  ...changes,
});

const post = (headers: string, body = '') => `POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;

describe('framing', () => {
  test.each([
    ['two different lengths', post('Content-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3', '{}x')],
    ['a length and chunks', post('Content-Length: 3\r\nTransfer-Encoding: chunked', '0\r\n\r\n')],
    ['a signed length', post('Content-Length: +2', '{}')],
    ['a list of lengths', post('Content-Length: 2, 2', '{}')],
    ['an unknown transfer coding', post('Transfer-Encoding: xchunked', '0\r\n\r\n')],
    ['chunked twice', post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n')],
    ['a chunk size that is no number', post('Transfer-Encoding: chunked', 'zz\r\n')],
    ['a bare LF in the headers', 'GET / HTTP/1.1\nHost: x\n\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n'],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['no Host', 'GET /api/v1/courses HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['an absolute target', 'GET http://other/api/v1/courses HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['a star', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ])('%s is refused with a problem, and nothing behind it is taken for a request', async (_what, text) => {
    const { port } = await start();
    const answer = await sendRaw(port, `${text}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('"code":"invalid_request"');
    expect(answer.match(/HTTP\/1\.1 \d{3} /g)).toHaveLength(1);
  });

  test('headers above the limit are 431, an address above it 414, a foreign expectation 417', async () => {
    const { port } = await start();
    expect(await sendRaw(port, `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    const long = await getUntidied(port, `/api/v1/search?q=${'a'.repeat(9_000)}`);
    expect(long.status).toBe(414);
    expect(JSON.parse(long.text)).toMatchObject({ code: 'uri_too_long' });
    expect(await sendRaw(port, post('Expect: magic\r\nContent-Length: 2', '{}'))).toMatch(/^HTTP\/1\.1 417 /);
  });

  test('headers that do not end are 408, and the connection closes', async () => {
    const { port } = await start({ limits: { headersMsMax: 100 } });
    const answer = await sendRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"request_timeout"');
  });

  test('a body that does not end is 408, and the connection closes', async () => {
    const { port } = await start({ limits: { bodyMsMax: 60, discardMsMax: 60 } });
    const answer = await sendRaw(port, post('Content-Type: application/json\r\nContent-Length: 100', '{"email":'));
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"request_timeout"');
  });

  test('who goes on sending a refused body loses the connection', async () => {
    const { port } = await start({ limits: { discardMsMax: 60 } });
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (part) => {
      answer += part.toString();
    });
    // A reset is one of the two ways to lose a connection, and `once` would take it for a failure.
    socket.on('error', () => undefined);
    const lost = new Promise((resolve) => socket.once('close', resolve));
    socket.write(post('Content-Type: application/json\r\nContent-Length: 5000000', 'x'));
    const sending = setInterval(() => socket.write('x'.repeat(100)), 5);
    await lost;
    clearInterval(sending);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a connection serves many requests', async () => {
    const { port } = await start();
    const one = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await sendRaw(port, `${one.repeat(3)}${one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`);
    expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(4);
  });
});

describe('a raw route', () => {
  test('gets the parameters, the query and the caller, and answers as it likes', async () => {
    let seen: Pick<RawContext, 'params' | 'principal'> & { q: string | null } = {
      params: {},
      principal: { kind: 'anonymous' },
      q: '',
    };
    const { url } = await start({
      rawRoutes: [
        route({
          handle: async (_request, response, context) => {
            seen = { params: context.params, principal: context.principal, q: context.query.get('q') };
            response.writeHead(206, { 'content-type': 'video/mp4' }).end('part');
          },
        }),
      ],
    });
    const response = await fetch(`${url}/api/v1/raw/a%20b.mp4?q=1`, {
      headers: { authorization: 'Bearer token-learner' },
    });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await response.text()).toBe('part');
    expect(seen).toMatchObject({ params: { id: 'a b.mp4' }, principal: { userId: 'usr_learner' }, q: '1' });
  });

  test('is behind the same checks: access, role, CSRF, body size', async () => {
    const routes = [
      route({ path: '/api/v1/closed', access: 'signed_in', handle: async (_request, response) => void response.end() }),
      route({
        path: '/api/v1/money',
        access: { roles: ['finance'] },
        handle: async (_request, response) => void response.end(),
      }),
      route({ method: 'POST', path: '/api/v1/files', access: 'signed_in', bodyBytesMax: 10, handle: collect }),
      route({ method: 'POST', path: '/api/v1/hook', bodyBytesMax: 10, csrfExempt: true, handle: collect }),
    ];
    const { url } = await start({ rawRoutes: routes });
    const learner = { authorization: 'Bearer token-learner' };
    const cookie = { cookie: 'suuupra_session=token-learner' };
    expect((await fetch(`${url}/api/v1/closed`)).status).toBe(401);
    expect((await fetch(`${url}/api/v1/closed`, { headers: cookie })).status).toBe(200);
    expect((await fetch(`${url}/api/v1/money`, { headers: learner })).status).toBe(403);
    expect((await fetch(`${url}/api/v1/files`, { method: 'POST', body: 'x', headers: cookie })).status).toBe(403);
    expect((await fetch(`${url}/api/v1/hook`, { method: 'POST', body: 'x', headers: cookie })).status).toBe(200);
    const large = await fetch(`${url}/api/v1/files`, { method: 'POST', body: 'x'.repeat(11), headers: learner });
    expect(large.status).toBe(413);
    const exact = await fetch(`${url}/api/v1/files`, { method: 'POST', body: 'x'.repeat(10), headers: learner });
    expect(await exact.text()).toBe('10');
  });

  async function collect(...[request, response]: Parameters<RawRoute['handle']>): Promise<void> {
    let size = 0;
    for await (const chunk of request) size += (chunk as Buffer).byteLength;
    response.end(String(size));
  }

  test('a body without a length is counted while it arrives', async () => {
    const failed = Promise.withResolvers<Error>();
    const handle: RawRoute['handle'] = async (request, response, context) => {
      await collect(request, response, context).catch((error: Error) => {
        failed.resolve(error);
        throw error;
      });
    };
    const { url, logged } = await start({
      rawRoutes: [route({ method: 'POST', path: '/api/v1/hook', bodyBytesMax: 100_000, handle })],
    });
    const send = async (chunks: number): Promise<number> => {
      const request = httpRequest(`${url}/api/v1/hook`, { method: 'POST', agent: false });
      request.on('error', () => undefined);
      const answered = once(request, 'response');
      for (let i = 0; i < chunks; i += 1) request.write(Buffer.alloc(10_000));
      request.end();
      const [response] = (await answered) as [{ statusCode: number; resume(): void }];
      response.resume();
      return response.statusCode;
    };
    expect(await send(10)).toBe(200);
    expect(await send(40)).toBe(413);
    await failed.promise;
    expect(logged.filter((line) => line['log.level'] === 'error')).toEqual([]);
  });

  test('that fails is a problem without its cause; that takes too long is 504', async () => {
    const { url, logged } = await start({
      limits: { rawMsMax: 50 },
      rawRoutes: [
        route({
          path: '/api/v1/broken',
          handle: async () => {
            throw new Error('secret path /var/data');
          },
        }),
        route({ path: '/api/v1/slow', handle: ({ socket }) => once(socket, 'close').then(() => undefined) }),
      ],
    });
    const broken = await fetch(`${url}/api/v1/broken`);
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain('/var/data');
    expect(JSON.stringify(logged)).toContain('/var/data');
    expect((await fetch(`${url}/api/v1/slow`)).status).toBe(504);
  });

  test('that has a HEAD of its own is listed once', async () => {
    const end: RawRoute['handle'] = async (_request, response) => void response.end();
    const { url } = await start({ rawRoutes: [route({ handle: end }), route({ method: 'HEAD', handle: end })] });
    const wrong = await fetch(`${url}/api/v1/raw/x`, { method: 'PUT' });
    expect(wrong.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD']);
  });

  test('pages take what is left, but nothing below /api/', async () => {
    const page = route({
      path: '/{rest*}',
      hidden: true,
      handle: async (_request, response, { params, cspNonce }) => void response.end(`${params.rest} ${cspNonce}`),
    });
    const { url } = await start({ rawRoutes: [page] });
    const response = await fetch(`${url}/courses/one`);
    const [rest, nonce = ''] = (await response.text()).split(' ');
    expect(rest).toBe('courses/one');
    expect(response.headers.get('content-security-policy')).toContain(`'nonce-${nonce}'`);
    expect(response.headers.get('content-security-policy')).not.toMatch(/script-src[^;]*unsafe/);
    expect((await fetch(`${url}/`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/nothing`)).status).toBe(404);
    expect((await fetch(`${url}/api/v1/nothing`, { method: 'POST' })).status).toBe(404);
  });

  test('events go out as they are written, and end when their reader leaves', async () => {
    const next = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const stream = route({
      path: '/api/v1/stream',
      lasting: true,
      handle: async (_request, response, { signal }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
        await next.promise;
        response.write('data: 2\n\n');
        signal.addEventListener('abort', () => ended.resolve());
        await ended.promise;
      },
    });
    const { url } = await start({ rawRoutes: [stream] });
    const client = new AbortController();
    const response = await fetch(`${url}/api/v1/stream`, { signal: client.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n');
    next.resolve();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 2\n\n');
    client.abort();
    await ended.promise;
  });
});

describe('the end', () => {
  test('requests under way are answered, event streams end at once, and no new connection is taken', async () => {
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const stream = route({
      path: '/api/v1/stream',
      lasting: true,
      handle: async (_request, response, { signal }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(': hello\n\n');
        await once(signal, 'abort');
        response.end('event: bye\n\n');
      },
    });
    const { url, gateway } = await start({
      rawRoutes: [stream],
      content: {
        getCourse: async () => {
          reached.resolve();
          await goOn.promise;
          return { course: { id: 'c' } };
        },
      },
    });
    const events = await fetch(`${url}/api/v1/stream`);
    const course = fetch(`${url}/api/v1/courses/c`);
    await reached.promise;
    const closed = gateway.close({ drainMs: 5_000 });
    expect(await events.text()).toBe(': hello\n\nevent: bye\n\n');
    await expect(fetch(`${url}/healthz`, { headers: { connection: 'close' } })).rejects.toThrow();
    goOn.resolve();
    const answer = await course;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('connection')).toBe('close');
    await closed;
  });

  test('what does not end is closed when the time for it is over', async () => {
    const reached = Promise.withResolvers<void>();
    const { url, gateway } = await start({
      content: {
        getCourse: async () => {
          reached.resolve();
          await new Promise(() => undefined);
          return {};
        },
      },
    });
    const course = fetch(`${url}/api/v1/courses/c`).catch(() => 'closed');
    await reached.promise;
    await gateway.close({ drainMs: 30 });
    expect(await course).toBe('closed');
  });

  test('whoever still gets through is told that it drains, and to come by another connection', async () => {
    const { gateway } = await start();
    const front = createServer((request, response) => gateway.handle(request, response));
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const ready = () => fetch(`http://127.0.0.1:${(front.address() as AddressInfo).port}/readyz`);
    expect((await ready()).status).toBe(200);
    await gateway.close({ drainMs: 1_000 });
    const draining = await ready();
    expect(draining.status).toBe(503);
    expect(await draining.json()).toMatchObject({ status: 'draining' });
    expect(draining.headers.get('connection')).toBe('close');
    front.close();
  });
});

describe('operations', () => {
  test('readiness lists each dependency, and one that is down or silent makes it 503', async () => {
    let state: 'up' | 'down' | 'silent' = 'up';
    const check = async () => {
      if (state === 'down') throw new Error('refused at 10.0.0.7');
      if (state === 'silent') await new Promise(() => undefined);
      return 1.234;
    };
    const { url } = await start({
      limits: { readinessMsMax: 30 },
      dependencies: [
        { name: 'stream', check: async () => 0.5 },
        { name: 'orders', check },
      ],
    });
    const ask = async () => {
      const response = await fetch(`${url}/readyz`);
      return { status: response.status, body: (await response.json()) as unknown };
    };
    expect(await ask()).toEqual({
      status: 200,
      body: {
        status: 'ready',
        dependencies: [
          { name: 'stream', state: 'up', latencyMs: 0.5 },
          { name: 'orders', state: 'up', latencyMs: 1.23 },
        ],
      },
    });
    for (state of ['down', 'silent'] as const) {
      const answer = await ask();
      expect(answer.status).toBe(503);
      expect(answer.body).toMatchObject({ dependencies: [{ state: 'up' }, { name: 'orders', state: 'down' }] });
      expect(JSON.stringify(answer.body)).not.toContain('10.0.0.7');
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('metrics count by route and not by address', async () => {
    const { url } = await start({ content: { getCourse: async () => ({}) } });
    for (const id of ['a', 'b', 'c']) await fetch(`${url}/api/v1/courses/${id}`);
    for (const path of ['/wp-admin', '/x']) await fetch(url + path);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain('suuupra_http_requests_total{method="GET",route="/api/v1/courses/{id}",status="200"} 3');
    expect(text).toContain('suuupra_http_requests_total{method="other",route="none",status="404"} 2');
    expect(text).not.toContain('wp-admin');
  });
});
