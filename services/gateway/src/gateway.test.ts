import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RpcFault, refuse } from '@suuupra/platform/rpc/rpc';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ended,
  getUntidied,
  startGatewayForTest,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway-for-test.ts';
import { csrfTokenOf } from './session.ts';

let running: TestGateway | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(options: TestGatewayOptions = {}): Promise<TestGateway> {
  running = await startGatewayForTest(options);
  return running;
}

const bearer = (role: string) => ({ authorization: `Bearer token-${role}` });
const json = { 'content-type': 'application/json' };

async function problem(response: Response): Promise<{ code: string; errors?: { field: string; code: string }[] }> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = (await response.json()) as { status: number; traceId: string; code: string };
  expect(body).toMatchObject({ status: response.status, code: expect.any(String), title: expect.any(String) });
  return body;
}

describe('a method of a contract', () => {
  test('is called with what the path, the query and the caller say, and answered as JSON', async () => {
    let seen: unknown;
    const { url } = await start({
      content: {
        getOutline: async (request, context) => {
          seen = { request, context };
          return {
            release: 3,
            sections: [{ id: 's1', title: 'One', lessons: [{ id: 'l1', kind: 1, preview: true }] }],
          };
        },
      },
    });
    const response = await fetch(`${url}/api/v1/courses/a-slug/outline?draft=true`, {
      headers: { ...bearer('instructor'), 'x-request-id': 'my-own-request-id', 'user-agent': 'test/1' },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      sections: [
        { id: 's1', title: 'One', lessons: [{ id: 'l1', title: '', kind: 'text', durationSeconds: 0, preview: true }] },
      ],
      release: 3,
    });
    expect(response.headers.get('x-request-id')).toBe('my-own-request-id');
    expect(seen).toMatchObject({
      request: { id: 'a-slug', draft: true },
      context: {
        principal: { kind: 'user', userId: 'usr_instructor', roles: ['instructor'] },
        requestId: 'my-own-request-id',
        clientAddress: '127.0.0.1',
        userAgent: 'test/1',
      },
    });
  });

  test('answers the declared status, and a replay says so', async () => {
    const { url } = await start({
      orders: {
        placeOrder: async (request, { answer, idempotencyKey }) => {
          answer.idempotentReplayed = idempotencyKey === 'again';
          return { order: { id: 'ord_1', status: 1, buyerId: request.items[0]?.courseId ?? '' } };
        },
      },
    });
    const place = (key: string) =>
      fetch(`${url}/api/v1/orders`, {
        method: 'POST',
        headers: { ...json, ...bearer('learner'), 'idempotency-key': key },
        body: '{"items":[{"courseId":"crs_1"}]}',
      });
    const first = await place('once');
    expect(first.status).toBe(201);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(((await first.json()) as { order: unknown }).order).toMatchObject({
      status: 'awaiting_payment',
      buyerId: 'crs_1',
    });
    expect((await place('again')).headers.get('idempotent-replayed')).toBe('true');
    const without = await fetch(`${url}/api/v1/orders`, {
      method: 'POST',
      headers: { ...json, ...bearer('learner') },
      body: '{"items":[{"courseId":"crs_1"}]}',
    });
    expect((await problem(without)).code).toBe('idempotency_key_required');
  });

  test('a refusal of the service arrives with its status, code and fields', async () => {
    const { url } = await start({
      content: {
        getCourse: async () => refuse('not_found', 'No course.'),
        getLesson: async () =>
          refuse('not_enrolled', 'Enrol first.', [{ field: 'id', code: 'not_allowed', detail: 'x' }]),
      },
    });
    const lost = await fetch(`${url}/api/v1/courses/x`);
    expect(lost.status).toBe(404);
    expect((await problem(lost)).code).toBe('not_found');
    const shut = await fetch(`${url}/api/v1/lessons/x`);
    expect(shut.status).toBe(403);
    expect(await problem(shut)).toMatchObject({ code: 'not_enrolled', errors: [{ field: 'id' }] });
  });

  test('a fault says nothing of its cause, and its traceId finds it in the log', async () => {
    const { url, logged } = await start({
      content: {
        getCourse: async () => {
          throw new Error('relation "courses" does not exist');
        },
        getLesson: async () => {
          throw new RpcFault('unavailable', 'learning at 10.0.0.7 is away');
        },
      },
    });
    const response = await fetch(`${url}/api/v1/courses/x`, {
      headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toMatch(/relation|stack|\.ts/);
    expect(JSON.parse(text)).toMatchObject({ code: 'internal', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' });
    const line = logged.find((each) => each['log.level'] === 'error');
    expect(JSON.stringify(line)).toContain('relation \\"courses\\" does not exist');
    expect(line).toMatchObject({
      'trace.id': '4bf92f3577b34da6a3ce929d0e0e4736',
      'http.request.id': response.headers.get('x-request-id'),
    });
    const away = await fetch(`${url}/api/v1/lessons/x`);
    expect(away.status).toBe(503);
    expect(away.headers.get('retry-after')).toBe('1');
    expect(await away.text()).not.toContain('10.0.0.7');
  });

  test('a call that takes too long is 504, and the handler is told', async () => {
    const aborted = Promise.withResolvers<void>();
    const { url } = await start({
      limits: { callMsMax: 50 },
      content: {
        getCourse: async (_request, { signal }) => {
          signal.addEventListener('abort', () => aborted.resolve());
          await new Promise(() => undefined);
          return {};
        },
      },
    });
    const response = await fetch(`${url}/api/v1/courses/x`);
    expect(response.status).toBe(504);
    expect((await problem(response)).code).toBe('deadline_exceeded');
    await aborted.promise;
  });

  test('a client that leaves ends the work for it', async () => {
    const started = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const { url } = await start({
      content: {
        getCourse: async (_request, { signal }) => {
          signal.addEventListener('abort', () => aborted.resolve());
          started.resolve();
          await aborted.promise;
          return {};
        },
      },
    });
    const client = new AbortController();
    const left = fetch(`${url}/api/v1/courses/x`, { signal: client.signal }).catch((error: Error) => error.name);
    await started.promise;
    client.abort();
    expect(await left).toBe('AbortError');
    await aborted.promise;
  });
});

describe('routes', () => {
  test('an unknown route is 404, a known one asked the wrong way 405 with Allow', async () => {
    const { url } = await start();
    for (const path of [
      '/api/v1/nothing',
      '/nothing',
      '/api/v1/courses/',
      '/api/v1/courses/x:unknown',
      '/api/v1/Courses',
    ]) {
      const response = await fetch(url + path);
      expect(response.status, path).toBe(404);
      expect((await problem(response)).code).toBe('not_found');
    }
    const wrong = await fetch(`${url}/api/v1/courses/x`, { method: 'DELETE' });
    expect(wrong.status).toBe(405);
    expect((await problem(wrong)).code).toBe('method_not_allowed');
    expect(wrong.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'PATCH']);
  });

  test('a verb behind a colon is its own route, and an id holds no colon', async () => {
    let published = '';
    const { url } = await start({
      content: {
        publishCourse: async ({ id }) => {
          published = id;
          return { course: { id } };
        },
      },
    });
    const publish = (path: string) =>
      fetch(`${url}/api/v1/courses/${path}`, { method: 'POST', headers: bearer('instructor') });
    expect((await publish('crs_1:publish')).status).toBe(200);
    expect(published).toBe('crs_1');
    expect((await publish('crs_1:erase')).status).toBe(404);
    expect((await publish('a:b:publish')).status).toBe(404);
  });

  test('HEAD answers what GET would, without the body', async () => {
    const { url } = await start({ content: { getCourse: async () => ({ course: { id: 'c' } }) } });
    const get = await fetch(`${url}/api/v1/courses/c`);
    const head = await fetch(`${url}/api/v1/courses/c`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    for (const name of ['content-length', 'etag', 'content-type'])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
  });

  test.each([
    '/api/v1/courses/..%2f..%2fetc',
    '/api/v1/courses/%2e%2e/x',
    '/api/v1/../x',
    '/api/v1/courses/a\\b',
    '/api/v1/courses/%ff',
    '/api/v1/courses/%zz',
    '/api/v1/courses/a%00b',
  ])('the path %s can be read in two ways and is refused', async (path) => {
    const { port } = await start();
    const { status, text } = await getUntidied(port, path);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ code: 'invalid_request' });
  });

  test('a control character in an id is refused by name', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/api/v1/courses/a%0Ab`);
    expect(response.status).toBe(400);
    expect(await problem(response)).toMatchObject({ errors: [{ field: 'id', code: 'not_allowed' }] });
  });
});

describe('who asks', () => {
  test('without a session a closed route is 401 before anything else is looked at', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/api/v1/orders`, { method: 'POST', body: 'no json', headers: json });
    expect(response.status).toBe(401);
    expect((await problem(response)).code).toBe('unauthenticated');
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  test.each([
    'Bearer unknown',
    'Bearer',
    'Basic dXNlcjpwYXNz',
    'Bearer a b',
    'token-learner',
    'Bearer token-learner\t;x',
  ])('the Authorization %j is 401 on any route, public ones too', async (authorization) => {
    const { url } = await start({ content: { getCourse: async () => ({}) } });
    expect((await fetch(`${url}/api/v1/courses/x`, { headers: { authorization } })).status).toBe(401);
    expect((await fetch(`${url}/api/v1/users/me`, { headers: { authorization } })).status).toBe(401);
  });

  test('a stale cookie is nobody on a public route, and is cleared', async () => {
    let principal: unknown;
    const { url } = await start({
      content: {
        getCourse: async (_request, context) => {
          principal = context.principal;
          return {};
        },
      },
    });
    const open = await fetch(`${url}/api/v1/courses/x`, { headers: { cookie: 'suuupra_session=stale' } });
    expect(open.status).toBe(200);
    expect(principal).toEqual({ kind: 'anonymous' });
    expect(open.headers.getSetCookie()[0]).toMatch(/^suuupra_session=; HttpOnly; .*Max-Age=0/);
    const closed = await fetch(`${url}/api/v1/users/me`, { headers: { cookie: 'suuupra_session=stale' } });
    expect(closed.status).toBe(401);
    expect(closed.headers.getSetCookie()).toHaveLength(2);
  });

  test('a role that is missing is 403', async () => {
    const { url } = await start({ identity: { listUsers: async () => ({}) } });
    expect((await fetch(`${url}/api/v1/users`, { headers: bearer('learner') })).status).toBe(403);
    expect((await fetch(`${url}/api/v1/users`, { headers: bearer('admin') })).status).toBe(200);
  });

  test('headers that claim an identity, an address or an internal call change nothing', async () => {
    let seen: { principal: unknown; clientAddress: string } | undefined;
    const { url } = await start({
      content: {
        getCourse: async (_request, { principal, clientAddress }) => {
          seen = { principal, clientAddress };
          return {};
        },
      },
    });
    const claims = {
      'x-user-id': 'usr_admin',
      'x-user-roles': 'admin',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-user': 'admin',
      forwarded: 'for=203.0.113.9',
      'x-real-ip': '203.0.113.9',
      'suuupra-call-bin': Buffer.from('{"principal":{"kind":"service","name":"orders"}}').toString('base64'),
      'x-http-method-override': 'DELETE',
    };
    expect((await fetch(`${url}/api/v1/courses/x`, { headers: claims })).status).toBe(200);
    expect(seen).toEqual({ principal: { kind: 'anonymous' }, clientAddress: '127.0.0.1' });
    expect((await fetch(`${url}/api/v1/users`, { headers: claims })).status).toBe(401);
  });

  test('X-Forwarded-For is believed for as many hops as are ours', async () => {
    let address = '';
    const { url } = await start({
      trustedHops: 1,
      content: {
        getCourse: async (_request, { clientAddress }) => {
          address = clientAddress;
          return {};
        },
      },
    });
    const from = async (forwarded: string) => {
      await fetch(`${url}/api/v1/courses/x`, { headers: { 'x-forwarded-for': forwarded } });
      return address;
    };
    expect(await from('198.51.100.1, 203.0.113.9')).toBe('203.0.113.9');
    expect(await from('203.0.113.9')).toBe('203.0.113.9');
    expect(await from('not an address')).toBe('127.0.0.1');
  });

  test('methods for other services have no way in', async () => {
    const { url } = await start();
    for (const path of [
      '/suuupra.identity.v1.IdentityService/CheckSession',
      '/api/v1/sessions:check',
      '/api/v1/identity/checkSession',
    ]) {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { ...json, ...bearer('admin') },
        body: '{}',
      });
      expect(response.status, path).toBe(404);
    }
  });
});

describe('a session', () => {
  const cookieHeader = (response: Response) =>
    response.headers
      .getSetCookie()
      .map((each) => each.split(';')[0])
      .join('; ');

  async function signIn(url: string): Promise<Response> {
    const response = await fetch(`${url}/api/v1/sessions`, {
      method: 'POST',
      headers: json,
      body: '{"email":"a@b.co","password":"x"}',
    });
    expect(response.status).toBe(201);
    return response;
  }

  test('is given as a cookie that scripts cannot read, with a CSRF token that they can', async () => {
    const { url } = await start();
    const [session, csrf] = (await signIn(url)).headers.getSetCookie();
    expect(session).toBe('suuupra_session=token-learner; HttpOnly; Path=/; SameSite=Lax; Max-Age=3600');
    expect(csrf).toMatch(/^suuupra_csrf=[\w-]{43}; Path=\/; SameSite=Lax; Max-Age=3600$/);
  });

  test('over https its cookies are secure and bound to the host, and browsers are told to insist', async () => {
    const { url } = await start({ publicUrl: 'https://school.example' });
    const response = await signIn(url);
    expect(response.headers.getSetCookie()[0]).toMatch(/^__Host-suuupra=.*; Secure$/);
    expect(response.headers.get('strict-transport-security')).toMatch(/max-age=\d{8}/);
  });

  test('ends at once for its token and its cookie', async () => {
    const { url } = await start();
    const cookie = cookieHeader(await signIn(url));
    expect((await fetch(`${url}/api/v1/users/me`, { headers: { cookie } })).status).toBe(200);
    expect((await fetch(`${url}/api/v1/users/me`, { headers: bearer('learner') })).status).toBe(200);
    const out = await fetch(`${url}/api/v1/sessions/current`, {
      method: 'DELETE',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
    });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie()[0]).toContain('Max-Age=0');
    expect((await fetch(`${url}/api/v1/users/me`, { headers: { cookie } })).status).toBe(401);
    expect((await fetch(`${url}/api/v1/users/me`, { headers: bearer('learner') })).status).toBe(401);
  });

  test('that ends elsewhere is believed no longer than the cache allows', async () => {
    let checks = 0;
    const { url } = await start({
      limits: { sessionCacheMs: 40 },
      identity: {
        checkSession: async ({ token }) => {
          checks += 1;
          const expiresAt = { seconds: BigInt(Math.trunc(Date.now() / 1_000) + 60) };
          return ended.has(token) ? {} : { session: { sessionId: 's', userId: 'u', roles: [], expiresAt } };
        },
      },
    });
    const ask = async () => (await fetch(`${url}/api/v1/users/me`, { headers: bearer('learner') })).status;
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([200, 200, 200]);
    expect(checks).toBe(1);
    ended.add('token-learner');
    await expect.poll(ask, { timeout: 2_000, interval: 10 }).toBe(401);
  });

  test('a change of roles is seen by the next request', async () => {
    let roles = ['learner'];
    const { url } = await start({
      identity: {
        checkSession: async ({ token }) => {
          const expiresAt = { seconds: BigInt(Math.trunc(Date.now() / 1_000) + 60) };
          const admin = token === 'token-admin';
          return {
            session: {
              sessionId: token,
              userId: admin ? 'usr_a' : 'usr_b',
              roles: admin ? ['admin'] : roles,
              expiresAt,
            },
          };
        },
        listUsers: async () => ({}),
        setUserRoles: async (request) => {
          roles = request.roles;
          return {};
        },
      },
    });
    const list = async () => (await fetch(`${url}/api/v1/users`, { headers: bearer('b') })).status;
    expect(await list()).toBe(403);
    const set = await fetch(`${url}/api/v1/users/usr_b/roles`, {
      method: 'PUT',
      headers: { ...json, ...bearer('admin') },
      body: '{"roles":["admin"]}',
    });
    expect(set.status).toBe(200);
    expect(await list()).toBe(200);
  });

  test('a mutation by cookie proves that it comes from our pages', async () => {
    const { url } = await start({ identity: { updateMe: async () => ({}) } });
    const change = (headers: Record<string, string>) =>
      fetch(`${url}/api/v1/users/me`, {
        method: 'PATCH',
        headers: { ...json, ...headers },
        body: '{"displayName":"A"}',
      });
    const cookie = 'suuupra_session=token-learner';
    const token = csrfTokenOf(new Uint8Array(32).fill(7), 'token-learner');
    const refused = [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'x-csrf-token': 'x' },
      { 'x-csrf-token': csrfTokenOf(new Uint8Array(32), 'token-learner') },
    ];
    for (const proof of refused) {
      const response = await change({ cookie, ...(proof as Record<string, string>) });
      expect(response.status, JSON.stringify(proof)).toBe(403);
      expect((await problem(response)).code).toBe('csrf_refused');
    }
    expect((await change({ cookie, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await change({ cookie, 'x-csrf-token': token })).status).toBe(200);
    expect((await change(bearer('learner'))).status).toBe(200);
    // The token of an Authorization header is what counts, so its request needs no proof and its cookie no look.
    expect((await change({ cookie: 'suuupra_session=stale', ...bearer('learner') })).status).toBe(200);
  });
});

describe('bodies', () => {
  const post = (url: string, body: string | Buffer | undefined, headers: Record<string, string> = json) =>
    fetch(`${url}/api/v1/sessions`, { method: 'POST', headers, ...(body !== undefined && { body: body as string }) });

  test.each([
    ['{', 400, 'invalid_json'],
    ['{"email":"a@b.co","password":"x"', 400, 'invalid_json'],
    ["{'email':1}", 400, 'invalid_json'],
    ['\ufeff{"email":"a@b.co","password":"x"}', 400, 'invalid_json'],
    ['[]', 400, 'invalid_request'],
    ['null', 400, 'invalid_request'],
    ['"x"', 400, 'invalid_request'],
    ['{"email":"a@b.co","password":"x","admin":true}', 400, 'invalid_request'],
    ['{"__proto__":{"admin":true},"email":"a@b.co","password":"x"}', 400, 'invalid_request'],
    [`{"email":${'['.repeat(33)}${']'.repeat(33)}}`, 400, 'invalid_request'],
    [`${'['.repeat(100_000)}`, 400, 'invalid_request'],
    ['', 400, 'invalid_request'],
  ])('%j is %i %s', async (body, status, code) => {
    const { url } = await start();
    const response = await post(url, body);
    expect(response.status).toBe(status);
    expect((await problem(response)).code).toBe(code);
  });

  test('bytes that are not UTF-8 are no JSON', async () => {
    const { url } = await start();
    const response = await post(url, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]));
    expect((await problem(response)).code).toBe('invalid_json');
  });

  test('of two equal keys the last one counts', async () => {
    let email = '';
    const { url } = await start({
      identity: {
        createSession: async (request) => {
          email = request.email;
          return refuse('invalid_credentials', 'No.');
        },
      },
    });
    const response = await post(url, '{"email":"first@b.co","email":"last@b.co","password":"x"}');
    expect(response.status).toBe(401);
    expect(email).toBe('last@b.co');
  });

  test.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json; charset=latin1',
  ])('the media type %s is 415', async (type) => {
    const { url } = await start();
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const response = await post(url, Buffer.from('{}'), headers);
    expect(response.status).toBe(415);
    expect((await problem(response)).code).toBe('unsupported_media_type');
  });

  test('a body above the limit is 413, by its declared length and by what arrives', async () => {
    const { url } = await start({ limits: { bodyBytesMax: 1_000 } });
    const declared = await post(url, `{"email":"${'x'.repeat(2_000_000)}"}`);
    expect(declared.status).toBe(413);
    expect((await problem(declared)).code).toBe('payload_too_large');
    const chunks = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let i = 0; i < 40; i += 1) controller.enqueue(Buffer.alloc(100, 'x'));
        controller.close();
      },
    });
    const counted = await fetch(`${url}/api/v1/sessions`, {
      method: 'POST',
      headers: json,
      body: chunks,
      duplex: 'half',
    } as RequestInit);
    expect(counted.status).toBe(413);
  });

  test('an answer that is no JSON cannot be had', async () => {
    const { url } = await start({ content: { getCourse: async () => ({}) } });
    const accept = (value: string) => fetch(`${url}/api/v1/courses/x`, { headers: { accept: value } });
    expect((await accept('text/csv')).status).toBe(406);
    for (const value of ['application/json', '*/*', 'text/html, application/*;q=0.5'])
      expect((await accept(value)).status).toBe(200);
  });
});

describe('answers', () => {
  test('carry a tag, and are not sent again to who has them', async () => {
    let title = 'One';
    const { url } = await start({ content: { getCourse: async () => ({ course: { title } }) } });
    const first = await fetch(`${url}/api/v1/courses/x`);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"[\w-]{20}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    const again = await fetch(`${url}/api/v1/courses/x`, { headers: { 'if-none-match': `"other", ${etag}` } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
    title = 'Two';
    expect((await fetch(`${url}/api/v1/courses/x`, { headers: { 'if-none-match': etag } })).status).toBe(200);
  });

  test('keep the tag of the service, and If-Match reaches it', async () => {
    let ifMatch = '';
    const { url } = await start({
      content: {
        getCourse: async (_request, { answer }) => {
          answer.etag = '"7"';
          return {};
        },
        updateCourse: async (_request, context) => {
          ifMatch = context.ifMatch;
          return refuse('stale_etag', 'Changed.');
        },
      },
    });
    expect((await fetch(`${url}/api/v1/courses/x`)).headers.get('etag')).toBe('"7"');
    const stale = await fetch(`${url}/api/v1/courses/x`, {
      method: 'PATCH',
      headers: { ...json, ...bearer('instructor'), 'if-match': '"6"' },
      body: '{}',
    });
    expect(stale.status).toBe(412);
    expect(ifMatch).toBe('"6"');
  });

  test('that are the same for everybody are asked for once, by nobody, and kept as long as the contract says', async () => {
    let calls = 0;
    const principals: string[] = [];
    const { url } = await start({
      content: {
        listCourses: async (request, { principal }) => {
          calls += 1;
          principals.push(principal.kind);
          await delay(20);
          return request.pageSize > 100 ? refuse('invalid_request', 'Too many.') : { courses: [{ id: `c${calls}` }] };
        },
      },
    });
    const ask = (query = '', headers = {}) => fetch(`${url}/api/v1/courses${query}`, { headers });
    const answers = await Promise.all([
      ask(),
      ask('', bearer('learner')),
      ask('', { cookie: 'suuupra_session=token-admin' }),
    ]);
    expect(new Set(await Promise.all(answers.map((each) => each.text()))).size).toBe(1);
    expect(calls).toBe(1);
    expect(principals).toEqual(['anonymous']);
    expect(answers[0]?.headers.get('cache-control')).toBe('public, max-age=2');
    await ask('?pageSize=2');
    expect(calls).toBe(2);
    await ask('?pageSize=101');
    await ask('?pageSize=101');
    expect(calls, 'refusals are not kept').toBe(4);
    expect((await ask('?nothing=1')).status).toBe(400);
    expect((await ask('', { authorization: 'Bearer stale' })).status).toBe(401);
  });

  test('of some size are compressed for who takes it', async () => {
    const { url } = await start({
      content: { getCourse: async () => ({ course: { description: 'word '.repeat(2_000) } }) },
    });
    for (const coding of ['gzip', 'br']) {
      const response = await fetch(`${url}/api/v1/courses/x`, { headers: { 'accept-encoding': coding } });
      expect(response.headers.get('content-encoding')).toBe(coding);
      expect(Number(response.headers.get('content-length'))).toBeLessThan(1_000);
      expect(((await response.json()) as { course: { description: string } }).course.description).toHaveLength(10_000);
    }
    const plain = await fetch(`${url}/api/v1/courses/x`, { headers: { 'accept-encoding': 'gzip;q=0, identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
  });

  test('carry headers that keep browsers from misusing them', async () => {
    const { url } = await start();
    for (const path of ['/api/v1/nothing', '/docs/api', '/api/v1/openapi.json']) {
      const { headers } = await fetch(url + path);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('content-security-policy'), path).toContain("frame-ancestors 'none'");
      expect(headers.get('referrer-policy'), path).toBe('strict-origin-when-cross-origin');
      expect(headers.get('access-control-allow-origin'), path).toBeNull();
      expect(headers.get('x-powered-by'), path).toBeNull();
    }
  });

  test('a request id that is not fit to be written is replaced', async () => {
    const { url } = await start();
    for (const id of ['short', 'x'.repeat(129), 'has space in it', '<script>alert</script>']) {
      const response = await fetch(`${url}/api/v1/nothing`, { headers: { 'x-request-id': id } });
      expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
    }
  });
});

describe('load', () => {
  test('who asks too often is told when to come back, and others are not held up', async () => {
    const { url } = await start({
      limits: { mutations: { name: 'mutations', limit: 3, periodMs: 60_000 } },
      identity: { updateMe: async () => ({}) },
    });
    const change = (role: string) =>
      fetch(`${url}/api/v1/users/me`, {
        method: 'PATCH',
        headers: { ...json, ...bearer(role) },
        body: '{"displayName":"A"}',
      });
    for (let i = 0; i < 3; i += 1) expect((await change('learner')).status).toBe(200);
    const over = await change('learner');
    expect(over.status).toBe(429);
    expect((await problem(over)).code).toBe('too_many_requests');
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(over.headers.get('ratelimit-policy')).toBe('"mutations";q=3;w=60');
    expect(over.headers.get('ratelimit')).toMatch(/^"mutations";r=0;t=\d+$/);
    expect((await change('instructor')).status).toBe(200);
  });

  test('guessing one address is slow, whatever its case', async () => {
    const { url } = await start({
      limits: { signInsPerAddress: { name: 'address', limit: 2, periodMs: 60_000 } },
      identity: { createSession: async () => refuse('invalid_credentials', 'No.') },
    });
    const guess = async (email: string) =>
      (
        await fetch(`${url}/api/v1/sessions`, {
          method: 'POST',
          headers: json,
          body: JSON.stringify({ email, password: 'x' }),
        })
      ).status;
    expect([await guess('a@b.co'), await guess('A@B.CO'), await guess('a@b.co'), await guess('other@b.co')]).toEqual([
      401, 401, 429, 401,
    ]);
  });

  test('when there is too much, browsing gives way and money does not', async () => {
    const over = new Set(['browse', 'normal']);
    const { url } = await start({
      shedder: {
        isOver: (priority) => over.has(priority),
        enter: () => () => undefined,
        inFlight: 0,
        delayMs: 0,
        close: () => undefined,
      },
      orders: { listOrders: async () => ({}) },
    });
    const shed = await fetch(`${url}/api/v1/courses`);
    expect(shed.status).toBe(503);
    expect((await problem(shed)).code).toBe('busy');
    expect(shed.headers.get('retry-after')).toBe('1');
    expect((await fetch(`${url}/api/v1/orders`, { headers: bearer('learner') })).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

test('the token of a session is nowhere in the log', async () => {
  const { url, logged } = await start({
    content: {
      getCourse: async () => {
        throw new Error('broken');
      },
    },
  });
  await fetch(`${url}/api/v1/courses/x`, { headers: { cookie: 'suuupra_session=token-learner' } });
  const hashed = createHash('sha256').update('token-learner').digest('hex');
  expect(logged.length).toBeGreaterThan(0);
  expect(JSON.stringify(logged)).not.toContain('token-learner');
  expect(JSON.stringify(logged)).not.toContain(hashed);
});
