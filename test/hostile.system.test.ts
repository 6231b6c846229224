/**
 * Every route of the API document with hostile values and with every role. Generated from the document: a new route is
 * walked without anybody thinking of it.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  type CallOptions,
  type Client,
  eventually,
  forAll,
  refusal,
  someAddress,
  success,
} from './client.ts';
import { actorFor, type Cast, gatherCast, pathOf, type RoleName, roleNames } from './hostile/cast.ts';
import { assertNames, judge, judgeProblem } from './hostile/judge.ts';
import { type ApiDocument, type Operation, readApiDocument } from './hostile/operations.ts';
import { faultsOf, plausible, strangeTexts, textFields, withText } from './hostile/values.ts';
import { visibility } from './hostile/visibility.ts';
import { type Databases, openDatabases, underWay } from './kill/databases.ts';
import { type DataFolder, demoPassword, makeDataFolder, startPlatform } from './platform.ts';

/** Fewer means that the document, or the walk over it, has lost some. */
const operationsMin = 45;

let data: DataFolder;
let databases: Databases;
let document: ApiDocument;
let cast: Cast;
let output: () => string;

beforeAll(async () => {
  data = makeDataFolder();
  const platform = await startPlatform({ data });
  ({ output } = platform);
  cast = await gatherCast(platform.url, demoPassword);
  document = await readApiDocument(cast.as.anonymous);
  databases = await openDatabases(data);
}, 150_000);

afterAll(async () => {
  await databases?.close();
  await data?.remove();
}, 60_000);

it('walks every route', () => {
  expect(document.operations.length).toBeGreaterThan(operationsMin);
  expect(document.operations.filter(({ body }) => body !== undefined).length).toBeGreaterThan(15);
});

describe('who may call what', () => {
  it('answers each role on each route as the route declares it', async () => {
    const calls = document.operations.flatMap((operation) => roleNames.map((role) => ({ operation, role })));
    await forAll(calls, async ({ operation, role }) => {
      // Signing out would end the role itself; the scenarios sign out.
      if (operation.name === 'DELETE /api/v1/sessions/current') return;
      if (isEndless(operation)) return;
      // What would be deleted is not there.
      const template = operation.method === 'DELETE' ? operation.path.replace(/\{\w+\}/, 'nothing') : operation.path;
      const answer = await patient(cast.as[role], operation, pathOf(template, cast.things), harmless(operation));
      judge(answer, operation, `the role ${role}`);
      assertAccess(operation, role, answer);
    });
    expect(calls.length).toBeGreaterThan(operationsMin * roleNames.length);
  }, 120_000);

  it.each(visibility)('$what', async (row) => {
    for (const role of roleNames) {
      const expected = row.roles[role] ?? row.others;
      if (expected === undefined) continue;
      const { method, path, options } = row.ask(cast.things);
      const answer = await cast.as[role].call(method, path, options ?? {});
      const about = `${row.what}, ${role}, ${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`;
      expect(expected, about).toContain(answer.status);
      if (answer.status >= 400) judgeProblem(answer, about);
      row.check?.(answer, role, cast);
    }
  });
});

describe('from another site or by guessing', () => {
  it('a cookie alone changes nothing unless the request comes from our own pages', async () => {
    const { anonymous } = cast.as;
    const { email, password } = cast.things.bystander;
    const signedIn = await anonymous.call('POST', '/sessions', { body: { email, password } });
    const cookies = signedIn.headers.getSetCookie();
    const session = cookies.find((cookie) => /HttpOnly/.test(cookie)) ?? '';
    expect(session).toMatch(/; HttpOnly/);
    expect(session).toMatch(/; SameSite=(?:Lax|Strict)/);
    const cookie = cookies.map((each) => each.split(';')[0]).join('; ');
    const [, csrfToken = ''] = /suuupra_csrf=([^;]+)/.exec(cookie) ?? [];
    const rename = (headers: Record<string, string>) =>
      anonymous.call('PATCH', '/users/me', { body: { displayName: 'Renamed' }, headers: { cookie, ...headers } });
    refusal(await rename({}), 403, 'csrf_refused', 'no proof');
    refusal(await rename({ 'sec-fetch-site': 'cross-site' }), 403, 'csrf_refused', 'another site');
    refusal(await rename({ 'x-csrf-token': `${csrfToken.slice(0, -1)}x` }), 403, 'csrf_refused', 'a wrong token');
    success(await rename({ 'sec-fetch-site': 'same-origin' }), 200, 'our own page');
    success(await rename({ 'x-csrf-token': csrfToken }), 200, 'with the token');
    success(await anonymous.call('GET', '/users/me', { headers: { cookie } }), 200, 'reading');
  });

  it('passwords of one address are guessed a few times, then no more for a while', async () => {
    const guess = () =>
      cast.as.anonymous.call('POST', '/sessions', {
        body: { email: cast.things.bystander.email, password: 'wrong-password' },
        headers: { 'x-forwarded-for': someAddress() },
      });
    const answers = await forAll(Array.from({ length: 60 }), guess);
    const tooMany = answers.filter(({ status }) => status === 429);
    expect(tooMany.length).toBeGreaterThan(10);
    for (const answer of tooMany) {
      judgeProblem(answer, 'guessing');
      expect(answer.headers.get('ratelimit-policy')).toBeTruthy();
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]));
  });

  it('a webhook without its signature is refused', async () => {
    const rawBody = JSON.stringify({
      type: 'payment.succeeded',
      data: { merchantReference: cast.things.openPayment.id },
    });
    for (const headers of [{}, { 'sandbox-signature': 't=1,v1=00' }, { 'x-signature': 'none' }]) {
      const answer = await cast.as.anonymous.call('POST', '/payments/webhooks/sandbox', {
        rawBody,
        contentType: 'application/json',
        headers,
      });
      refusal(answer, 400, 'invalid_signature', 'a forged webhook');
    }
    const unknown = await cast.as.anonymous.call('POST', '/payments/webhooks/nobody', { rawBody: '{}' });
    refusal(unknown, 404, 'not_found', 'an unknown provider');
  });
});

describe('bad input', () => {
  it('is refused with the field named, and nothing of it is stored', async () => {
    const before = await rowCounts();
    const withBody = document.operations.filter(({ body }) => body !== undefined);
    let sent = 0;
    for (const operation of withBody) {
      const faults = faultsOf(operation.body ?? {}, document.resolve);
      sent += faults.length;
      await forAll(faults, async ({ what, body, field }) => {
        const answer = await hostileCall(operation, { body });
        judge(answer, operation, what);
        refusal(answer, 400, 'invalid_request', `${operation.name} with ${what}`);
        assertNames(answer, field, `${operation.name} with ${what}`);
      });
    }
    console.log(`hostile test: ${sent} bad bodies over ${withBody.length} routes`);
    expect(sent).toBeGreaterThan(500);
    expect(await rowCounts()).toEqual(before);
  }, 180_000);

  it('that is no JSON, too large, too deep or of another type is refused on every route that takes a body', async () => {
    const before = await rowCounts();
    await forAll(
      document.operations.filter(({ body }) => body !== undefined),
      async (operation) => {
        for (const { what, options, status } of brokenBodies) {
          const answer = await hostileCall(operation, options());
          judge(answer, operation, what);
          assert.equal(answer.status, status, `${operation.name} with ${what}: ${answer.text.slice(0, 300)}`);
        }
      },
    );
    expect(await rowCounts()).toEqual(before);
  }, 120_000);

  it('in the path or the query is refused or finds nothing', async () => {
    const before = await rowCounts();
    let sent = 0;
    await forAll(
      document.operations.filter((operation) => !isEndless(operation)),
      async (operation) => {
        for (const { what, path } of [...hostilePaths(operation), ...hostileQueries(operation)]) {
          const options = harmless(operation);
          sent += 1;
          judge(await patient(actorFor(operation.access, cast), operation, path, options), operation, what);
        }
        for (const { field, path } of badPages(operation)) {
          const answer = await patient(actorFor(operation.access, cast), operation, path, {});
          refusal(answer, 400, 'invalid_request', `${operation.method} ${path}`);
          assertNames(answer, field, `${operation.method} ${path}`);
        }
      },
    );
    expect(sent).toBeGreaterThan(300);
    expect(await rowCounts()).toEqual(before);
  }, 120_000);

  it('by an unknown method or route is a 405 or a 404', async () => {
    const paths = Map.groupBy(document.operations, ({ path }) => path);
    for (const [template, operations] of paths) {
      const known = operations.map(({ method }) => method);
      const [operation] = operations;
      assert(operation);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((each) => !known.includes(each))) {
        const answer = await patient(cast.learner, { ...operation, method }, pathOf(template, cast.things), {});
        refusal(answer, 405, 'method_not_allowed', `${method} ${template}`);
        for (const each of known) expect(answer.headers.get('allow')).toContain(each);
      }
    }
    for (const path of [
      '/no-such-thing',
      '/orders/x/y/z',
      '/users/me/secrets',
      '/orders/x:nosuchverb',
      '/internal/debug',
    ]) {
      judgeProblem(await cast.learner.call('GET', path), path);
    }
  });

  it('without its Idempotency-Key, or with a bad one, is refused where a key is required', async () => {
    const keyed = document.operations.filter((operation) => operation.keyed);
    expect(keyed.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'POST /api/v1/orders',
        'POST /api/v1/orders/{orderId}/payments',
        'POST /api/v1/orders/{orderId}/refunds',
      ]),
    );
    for (const operation of keyed) {
      const path = pathOf(operation.path, cast.things);
      const body = operation.body === undefined ? undefined : plausible(operation.body, document.resolve);
      const caller = actorFor(operation.access, cast);
      const call = (headers: Record<string, string>) => patient(caller, operation, path, { body, headers });
      refusal(await call({}), 400, 'idempotency_key_required', operation.name);
      refusal(await call({ 'idempotency-key': 'k'.repeat(201) }), 400, 'idempotency_key_invalid', operation.name);
      refusal(await call({ 'idempotency-key': 'clé' }), 400, 'idempotency_key_invalid', operation.name);
    }
  });
});

describe('strange text', () => {
  it('is stored as it came or refused, and breaks nothing', async () => {
    let sent = 0;
    for (const operation of document.operations) {
      if (operation.body === undefined || operation.raw) continue;
      const fields = textFields(operation.body, document.resolve);
      const tries = fields.flatMap((field) => strangeTexts.map((text) => ({ field, text })));
      sent += tries.length;
      await forAll(tries, async ({ field, text }) => {
        const body = withText(operation.body ?? {}, field, text, document.resolve);
        judge(await hostileCall(operation, { body }), operation, `${field.join('.')} = ${text}`);
      });
    }
    console.log(`hostile test: ${sent} strange texts`);
    expect(sent).toBeGreaterThan(150);
  }, 180_000);

  it.each(strangeTexts)('comes back unchanged: %s', async (text) => {
    const { instructor, learner } = cast;
    const made = await instructor.call<{ course: { id: string; title: string; summary: string } }>('POST', '/courses', {
      body: { title: text, summary: text, slug: `strange-${randomUUID()}` },
    });
    const { course } = success(made, 201, 'a course with a strange title');
    expect([course.title, course.summary].map((each) => each.trim())).toEqual([text.trim(), text.trim()]);
    const read = await instructor.call<{ course: { title: string } }>('GET', `/courses/${course.id}?draft=true`);
    expect(read.json.course.title.trim()).toBe(text.trim());
    const renamed = await learner.call<{ user: { displayName: string } }>('PATCH', '/users/me', {
      body: { displayName: text.slice(0, 80) },
    });
    // Names are shown to others: what turns the direction of the text around them is taken out.
    const name = text.slice(0, 80).replace(/[\u202a-\u202e\u2066-\u2069]/g, '');
    expect(success(renamed, 200, 'rename').user.displayName.trim()).toBe(name.trim());
  });

  it('does nothing in the HTML that is made of Markdown', async () => {
    const { instructor, things } = cast;
    const made = await instructor.call<{ lesson: { id: string; html: string } }>(
      'POST',
      `/sections/${things.draftSectionId}/lessons`,
      { body: { title: 'Evil', kind: 'text', content: { markdown: evilMarkdown } } },
    );
    const { lesson } = success(made, 201, 'a lesson with evil Markdown');
    const read = await instructor.call<{ lesson: { html: string } }>('GET', `/lessons/${lesson.id}?draft=true`);
    const { html } = success(read, 200, 'the lesson').lesson;
    expect(html).toContain('harmless');
    for (const tag of html.match(/<[^>]*>/g) ?? []) {
      expect(tag).not.toMatch(
        /<\/?(?:script|iframe|object|embed|form|input|style|link|meta|base|svg|math|template)\b/i,
      );
      expect(tag).not.toMatch(/\son\w+\s*=|(?:java|vb)script:|data:text|expression\(|srcdoc/i);
    }
  });
});

it('has logged no fault of the server meanwhile', () => {
  const faults = output()
    .split('\n')
    .filter((line) => /"level":"?(?:50|60|error|fatal)|unhandled/i.test(line));
  expect(faults.slice(0, 5)).toEqual([]);
});

/** Repeats what was turned away only because so much is asked at once. */
async function patient(by: Client, operation: Operation, path: string, options: CallOptions): Promise<Answer> {
  for (;;) {
    const headers = { 'x-forwarded-for': someAddress(), ...options.headers };
    const answer = await by.call(operation.method, apiPath(path), { ...options, headers });
    if (answer.status !== 429) return answer;
    judgeProblem(answer, operation.name);
    await delay(Number(answer.headers.get('retry-after')) * 1_000);
  }
}

function apiPath(path: string): string {
  return path.startsWith('/api/v1/') ? path.slice('/api/v1'.length) : `/${path}`;
}

/** By whoever gets furthest, on their own things, with a key. */
function hostileCall(operation: Operation, options: CallOptions): Promise<Answer> {
  const key = operation.keyed ? { key: randomUUID() } : {};
  const path = pathOf(operation.path, cast.things);
  return patient(actorFor(operation.access, cast), operation, path, { ...key, ...options });
}

/** A request that passes the door and then is refused for its body, so that walking changes nothing. */
function harmless(operation: Operation): CallOptions {
  if (['GET', 'HEAD', 'DELETE'].includes(operation.method)) return {};
  return { key: randomUUID(), body: { noSuchField: true } };
}

/** A stream of events has no end to wait for. */
function isEndless({ path }: Operation): boolean {
  return path.endsWith('/stream');
}

function assertAccess(operation: Operation, role: RoleName, answer: Answer): void {
  const { name, access } = operation;
  const about = `${name} by ${role}: ${answer.status} ${answer.text.slice(0, 300)}`;
  const code = (answer.json as { code?: string } | undefined)?.code ?? '';
  const unsigned = role === 'ended session' || (role === 'anonymous' && access !== 'public');
  // A public route may still ask for a session where the thing asked for is not public: a paid lesson.
  const mayAsk = role === 'anonymous' && operation.documented.has('401 unauthenticated');
  if (!mayAsk || unsigned) assert.equal(answer.status === 401, unsigned, about);
  if (unsigned || access === 'public' || access === 'signed_in') return;
  const holds = role === 'admin' || access.includes(role.replace('other ', ''));
  assert.equal(code === 'permission_denied', !holds, about);
}

interface BrokenBody {
  readonly what: string;
  readonly status: number;
  options(): CallOptions;
}

const json = { contentType: 'application/json' };
const brokenBodies: readonly BrokenBody[] = [
  { what: 'half an object', status: 400, options: () => ({ ...json, rawBody: '{"a":' }) },
  { what: 'a bare word', status: 400, options: () => ({ ...json, rawBody: 'hello' }) },
  { what: 'a trailing comma', status: 400, options: () => ({ ...json, rawBody: '{"a":1,}' }) },
  {
    what: 'bytes that are no UTF-8',
    status: 400,
    options: () => ({ ...json, rawBody: Uint8Array.of(0x22, 0xff, 0xfe, 0x22) }),
  },
  { what: 'a list', status: 400, options: () => ({ ...json, rawBody: '[]' }) },
  { what: 'null', status: 400, options: () => ({ ...json, rawBody: 'null' }) },
  { what: 'a text', status: 400, options: () => ({ ...json, rawBody: '"x"' }) },
  { what: 'a number', status: 400, options: () => ({ ...json, rawBody: '1e999' }) },
  { what: '100,000 levels', status: 400, options: () => ({ ...json, rawBody: '['.repeat(100_000) }) },
  {
    what: '2,000 levels that end',
    status: 400,
    options: () => ({ ...json, rawBody: `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}` }),
  },
  { what: '2 MiB', status: 413, options: () => ({ ...json, rawBody: `{"a":"${'x'.repeat(2 * 1_024 * 1_024)}"}` }) },
  { what: 'text/plain', status: 415, options: () => ({ contentType: 'text/plain', rawBody: '{}' }) },
  {
    what: 'a form',
    status: 415,
    options: () => ({ contentType: 'application/x-www-form-urlencoded', rawBody: 'a=1' }),
  },
  { what: 'XML', status: 415, options: () => ({ contentType: 'application/xml', rawBody: '<a/>' }) },
  {
    what: 'a content encoding',
    status: 415,
    options: () => ({ ...json, rawBody: '{}', headers: { 'content-encoding': 'gzip' } }),
  },
];

const hostileIds: readonly string[] = [
  'no-such-id',
  'x'.repeat(300),
  '%00',
  'a%00b',
  '..%2f..%2fetc%2fpasswd',
  '%27%20OR%20%271%27%3D%271',
  '%F0%9F%92%A9',
  '%E2%80%AE%E2%80%8B',
  '%ED%A0%80',
  '%zz',
  '-1',
  '%5B%5D',
  'null',
  '%20',
];

function hostilePaths(operation: Operation): { what: string; path: string }[] {
  const names = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
  return names.flatMap((name) =>
    hostileIds.map((id) => ({
      what: `{${name}} = ${id.slice(0, 40)}`,
      path: pathOf(operation.path.replace(`{${name}}`, id), cast.things),
    })),
  );
}

const hostileParameters: readonly string[] = [
  'noSuchParameter=1',
  '__proto__=1',
  'pageSize[]=1',
  'q=%00',
  'q=%ED%A0%80',
  `q=${'x'.repeat(9_000)}`,
  '%zz=%zz',
  '=',
  '&&&',
];

function hostileQueries(operation: Operation): { what: string; path: string }[] {
  const path = pathOf(operation.path, cast.things);
  const own = operation.parameters
    .filter((parameter) => parameter.in === 'query')
    .flatMap(({ name }) =>
      ['', '%00', '-1', '1e400', '%27%3B--', '%ED%A0%80', 'x'.repeat(5_000), `1&${name}=2`].map(
        (value) => `${name}=${value}`,
      ),
    );
  // What changes something takes no query at all; only reads are asked with many.
  const queries = operation.method === 'GET' ? [...hostileParameters, ...own] : ['noSuchParameter=1'];
  return queries.map((query) => ({ what: `?${query.slice(0, 60)}`, path: `${path}?${query}` }));
}

/** Every list refuses a page size above 100, below 0 or not a number, and a token that is not its own. */
function badPages(operation: Operation): { field: string; path: string }[] {
  if (!operation.parameters.some(({ name }) => name === 'pageToken')) return [];
  const path = pathOf(operation.path, cast.things);
  return [
    ...['101', '-1', 'ten', '1.5', '99999999999'].map((size) => ({
      field: 'pageSize',
      path: `${path}?pageSize=${size}`,
    })),
    ...['x', 'eyJhIjoxfQ', "'%20OR%201=1--", 'x'.repeat(4_000)].map((token) => ({
      field: 'pageToken',
      path: `${path}?pageToken=${token}`,
    })),
  ];
}

const evilMarkdown = `harmless
<script>alert(1)</script><iframe src="https://example.org"></iframe>
<img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html;base64,PHNjcmlwdD4=)
<a href="vbscript:x" onclick=alert(1)>d</a> <svg onload=alert(1)> <math><mi//xlink:href="data:x,<script>alert(4)</script>">
![e](x" onerror="alert(1)) <form action=https://example.org><input></form> <style>*{display:none}</style>
<a href="java&#10;script:alert(1)">f</a> <div style="background:url(javascript:alert(1))">g</div> <base href=//example.org>
`;

/**
 * How many rows each table holds once everything is quiet. What lives for a moment, or counts requests, is left out:
 * outboxes, sessions, the positions of the stream.
 */
async function rowCounts(): Promise<Record<string, number>> {
  await eventually(
    'all is quiet',
    () => underWay(databases),
    (waiting) => waiting.length === 0,
  );
  const counts: Record<string, number> = {};
  for (const service of databases.services) {
    const tables = await databases.query<{ tablename: string }>(
      service,
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('outbox', 'sessions', 'mail_queue')",
    );
    for (const { tablename } of tables) {
      const [row] = await databases.query<{ count: string }>(service, `SELECT count(*) FROM "${tablename}"`);
      counts[`${service}.${tablename}`] = Number(row?.count);
    }
  }
  return counts;
}
