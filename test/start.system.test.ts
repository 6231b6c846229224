/** Starting and stopping: what an operator sees, and what stays. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  anonymousClient,
  type Client,
  eventually,
  getOrder,
  listCourses,
  moved,
  outlineOf,
  type Person,
  pay,
  placeOrder,
  refusal,
  signIn,
  signUp,
  success,
} from './client.ts';
import {
  type DataFolder,
  type Ended,
  killPostgres,
  launchPlatform,
  makeDataFolder,
  type RunningPlatform,
  runToEnd,
  startPlatform,
} from './platform.ts';

const demoAccounts = ['admin', 'finance', 'instructor', 'learner'].map((name) => `${name}@suuupra.test`);
/** Far above what is promised: a start that hangs is a fault, one on a loaded machine is none. */
const readySecondsMax = 60;

const folders: DataFolder[] = [];

function folder(): DataFolder {
  const data = makeDataFolder();
  folders.push(data);
  return data;
}

afterAll(async () => {
  await Promise.all(folders.map((data) => data.remove()));
}, 60_000);

describe('one data folder through its life', () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let visitor: Client;
  let buyer: Person;
  let orderId: string;
  let second: Promise<Ended>;

  beforeAll(async () => {
    data = folder();
    // No password given: one is made.
    platform = await startPlatform({ data, env: { SUUUPRA_DEMO_PASSWORD: '' } });
    visitor = anonymousClient(platform.url);
    // It waits ten seconds for the first to go away; the tests before its own need not wait with it.
    second = runToEnd(['--all', '--port', '0', '--data', data.folder], {}, data);
    console.log(`start test: first start with the demo school ready after ${platform.readySeconds} s`);
  }, 120_000);

  it('is ready, says where and for whom, and knows its dependencies', async () => {
    expect(platform.readySeconds).toBeLessThan(readySecondsMax);
    success(await visitor.call('GET', '//healthz'), 200, 'healthz');
    const ready = await visitor.call<{ dependencies: { name: string; state: string }[] }>('GET', '//readyz');
    const { dependencies } = success(ready, 200, 'readyz');
    expect(dependencies.filter(({ state }) => state !== 'up')).toEqual([]);
    expect(dependencies.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['identity', 'orders', 'ledger', 'stream']),
    );
    const metrics = await visitor.call('GET', '//metrics');
    expect(metrics.text).toMatch(/^suuupra_http_requests_total\{/m);
    for (const account of demoAccounts) expect(platform.output()).toContain(account);
  });

  it('keeps its secrets from others on the machine', () => {
    for (const name of ['demo-logins.txt', 'keys.json']) {
      expect((statSync(path.join(data.folder, name)).mode & 0o777).toString(8), name).toBe('600');
    }
  });

  it('has the demo school, and its logins work', async () => {
    const courses = await listCourses(visitor);
    expect(courses.length).toBeGreaterThanOrEqual(3);
    expect(courses.some(({ price }) => price.amountMinor === '0')).toBe(true);
    expect(new Set(courses.map(({ price }) => price.currency))).toEqual(new Set(['INR', 'USD']));
    const outlines = await Promise.all(courses.map(({ id }) => outlineOf(visitor, id)));
    const lessons = outlines.flat().flatMap((section) => section.lessons);
    expect(lessons.length).toBeGreaterThanOrEqual(24);
    expect(lessons.filter(({ kind }) => kind === 'quiz').length).toBeGreaterThanOrEqual(3);
    expect(lessons.filter(({ kind }) => kind === 'video').length).toBeGreaterThanOrEqual(1);
    const password = passwordOf(data);
    expect(platform.output()).toContain(password);
    for (const account of demoAccounts) await signIn(visitor, account, password);
  });

  it('refuses a second process on the same data with a sentence, and goes on unharmed', async () => {
    expectSentence(await second, /Another Suuupra runs on the data in/);
    buyer = await signUp(visitor);
    const [course] = (await listCourses(visitor)).filter(({ price }) => price.amountMinor !== '0');
    assert(course);
    ({ id: orderId } = await placeOrder(buyer, course.id));
    expect((await pay(buyer, orderId, 'tok_ok')).status).toBe('succeeded');
  });

  it.each(['all processes', 'postmaster only'] as const)(
    'brings its PostgreSQL back when it is killed (%s), refuses meanwhile, and has lost nothing',
    async (whole) => {
      const paid = await eventually(
        'the order is paid and its course is open',
        () => getOrder(buyer, orderId),
        ({ status: state, fulfillment }) => state === 'paid' && fulfillment === 'fulfilled',
      );
      killPostgres(data, whole);
      const status = async () => (await visitor.call('GET', '//readyz')).status;
      await eventually('it says that it is not ready', status, (answer) => answer === 503);
      await eventually('it is ready again', status, (answer) => answer === 200);
      expect(await getOrder(buyer, orderId)).toEqual(paid);
      const [course] = (await listCourses(visitor)).filter(({ price }) => price.amountMinor !== '0').slice(1);
      assert(course);
      const next = await signUp(visitor);
      const order = await placeOrder(next, course.id);
      expect((await pay(next, order.id, 'tok_ok')).status).toBe('succeeded');
      await eventually(
        'the order is paid',
        () => getOrder(next, order.id),
        ({ status: state }) => state === 'paid',
      );
    },
  );

  it('finishes a request under way when it is told to stop, and ends with 0', async () => {
    const slow = await halfSentSignUp(platform.url);
    await eventually(
      'the slow request is under way',
      async () => (await visitor.call('GET', '//metrics')).text,
      (text) => Number(/^suuupra_http_requests_in_flight(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1]) >= 2,
    );
    const ending = platform.end('SIGTERM');
    await eventually(
      'no new connection is taken',
      () =>
        visitor.call('GET', '//healthz').then(
          () => 'taken',
          () => 'refused',
        ),
      (state) => state === 'refused',
    );
    const answer = await slow.finish();
    expect(answer.status, answer.text).toBe(201);
    const { code, signal } = await ending;
    expect([code, signal]).toEqual([0, null]);
    expect(data.postgresId(), 'its PostgreSQL is stopped, too').toBeUndefined();
    platform = await startPlatform({ data });
    console.log(`start test: second start ready after ${platform.readySeconds} s`);
    expect(platform.readySeconds).toBeLessThan(readySecondsMax);
    await signIn(anonymousClient(platform.url), slow.email, slow.password);
  });

  it('keeps everything over a second start', async () => {
    visitor = anonymousClient(platform.url);
    const again = moved(buyer, platform.url);
    expect((await getOrder(again, orderId)).status).toBe('paid');
    const titles = (await listCourses(visitor)).map(({ title }) => title);
    expect(new Set(titles).size, 'the demo school is there once').toBe(titles.length);
    await signIn(visitor, 'admin@suuupra.test', passwordOf(data));
    expect(platform.output()).toContain(passwordOf(data));
  });
});

describe('other starts', () => {
  it('has no accounts and no courses with --no-demo', async () => {
    const data = folder();
    const platform = await startPlatform({ data, demo: false });
    const visitor = anonymousClient(platform.url);
    expect(await listCourses(visitor)).toEqual([]);
    for (const email of demoAccounts) {
      const answer = await visitor.call('POST', '/sessions', { body: { email, password: 'Demo-Passw0rd!' } });
      refusal(answer, 401, 'invalid_credentials', email);
    }
    expect(existsSync(path.join(data.folder, 'demo-logins.txt'))).toBe(false);
    expect((await platform.end('SIGTERM')).code).toBe(0);
  });

  it('goes on with a first start that was killed half-way', async () => {
    const data = folder();
    const first = launchPlatform({ data });
    await eventually('the database is there', async () => existsSync(path.join(data.folder, 'demo.json')), Boolean, {
      withinMs: 60_000,
      everyMs: 10,
    });
    await first.end('SIGKILL');
    const platform = await startPlatform({ data });
    const courses = await listCourses(anonymousClient(platform.url));
    expect(courses.length).toBeGreaterThanOrEqual(3);
    expect(new Set(courses.map(({ title }) => title)).size).toBe(courses.length);
    expect((await platform.end('SIGTERM')).code).toBe(0);
  });
}, 120_000);

interface WrongSetting {
  readonly what: string;
  readonly args?: (data: DataFolder) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly says: RegExp;
}

const wrongSettings: readonly WrongSetting[] = [
  { what: 'a port that is none', args: () => ['--port', 'http'], says: /--port is "http"; it must be/ },
  { what: 'a port too high', env: { SUUUPRA_PORT: '70000' }, says: /SUUUPRA_PORT.*"70000"/ },
  { what: 'a short password', env: { SUUUPRA_DEMO_PASSWORD: 'short' }, says: /SUUUPRA_DEMO_PASSWORD/ },
  { what: 'another database', env: { SUUUPRA_POSTGRES_URL: 'mysql://here' }, says: /SUUUPRA_POSTGRES_URL.*postgres/ },
  { what: 'an unknown level', env: { SUUUPRA_LOG_LEVEL: 'loud' }, says: /SUUUPRA_LOG_LEVEL is "loud"/ },
  { what: 'a share above 1', env: { SUUUPRA_TRACE_SHARE: '2' }, says: /SUUUPRA_TRACE_SHARE is "2"/ },
  { what: 'an unknown option', args: () => ['--prot', '1'], says: /--prot.*Known are --all/ },
  { what: 'a mail server that is none', env: { SUUUPRA_SMTP_URL: 'mail' }, says: /SUUUPRA_SMTP_URL/ },
];

describe('wrong settings stop the start with a sentence', () => {
  it.each(wrongSettings)('$what', async ({ args, env = {}, says }) => {
    const data = folder();
    const ended = await runToEnd(['--all', '--data', data.folder, ...(args?.(data) ?? [])], env, data);
    expectSentence(ended, says);
    expect(existsSync(path.join(data.folder, 'postgres')), 'nothing was started').toBe(false);
  });

  it('a service that does not exist', async () => {
    expectSentence(await runToEnd(['no-such-service']), /There is no service "no-such-service"; there are/);
  });

  it('nothing to run', async () => {
    expectSentence(await runToEnd([]), /Nothing to run: say --all/);
  });

  it('a keyring that others may read', async () => {
    const data = folder();
    const file = path.join(data.folder, 'keys.json');
    writeFileSync(file, '{}');
    chmodSync(file, 0o644);
    expectSentence(await runToEnd(['--all', '--port', '0', '--data', data.folder], {}, data), /chmod 600/);
  });

  it('a data folder that is a file', async () => {
    const data = folder();
    const file = path.join(data.folder, 'taken');
    writeFileSync(file, '');
    expectSentence(await runToEnd(['--all', '--port', '0', '--data', file], {}, data), /--data|taken/);
  });

  it('a port that somebody else has', async () => {
    const data = folder();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const ended = await runToEnd(['--all', '--port', port, '--data', data.folder, '--no-demo'], {}, data);
    other.close();
    expectSentence(ended, new RegExp(`${port}.*(?:use|taken)`));
    expect(data.postgresId(), 'its PostgreSQL is stopped again').toBeUndefined();
  });
}, 120_000);

function expectSentence({ code, output }: { code: number | null; output: string }, says: RegExp): void {
  expect(code, output).toBe(1);
  expect(output).toMatch(says);
  expect(output, 'a sentence and no stack trace').not.toMatch(/^\s+at /m);
  expect(output.trim().split('\n').length, output).toBe(1);
}

function passwordOf(data: DataFolder): string {
  const [, password] = /^password: (.+)$/m.exec(readFileSync(path.join(data.folder, 'demo-logins.txt'), 'utf8')) ?? [];
  assert(password, 'demo-logins.txt names the password');
  return password;
}

/** A sign-up of which half the body is sent; `finish` sends the rest and gives the answer. */
async function halfSentSignUp(url: string) {
  const email = `slow.${randomUUID()}@example.test`;
  const password = `Pw-${randomUUID()}`;
  const body = Buffer.from(JSON.stringify({ email, password, displayName: 'Slow' }));
  const request = httpRequest(`${url}/api/v1/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': body.byteLength },
  });
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
  // It is awaited later; until then a failure must not count as unhandled.
  answered.catch(() => {});
  await new Promise<void>((resolve) => request.write(body.subarray(0, 20), () => resolve()));
  return {
    email,
    password,
    finish: () => {
      request.end(body.subarray(20));
      return answered;
    },
  };
}
