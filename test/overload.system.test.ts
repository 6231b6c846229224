/**
 * C19, M35: more is offered than the platform can do, for some seconds. Who is turned away is told when to come back and
 * nothing has happened for them; what was accepted is kept; and a moment after it is over all is as before.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  anonymousClient,
  type Course,
  eventually,
  forAll,
  getOrder,
  type Order,
  type Person,
  publishCourse,
  signIn,
  signUp,
  someAddress,
} from './client.ts';
import { type DataFolder, demoPassword, makeDataFolder, type RunningPlatform, startPlatform } from './platform.ts';
import { assertMoneyAgrees } from './verify-money.ts';

/** Ten minutes of it: SUUUPRA_OVERLOAD_SECONDS=600. */
const floodMs = Number(process.env['SUUUPRA_OVERLOAD_SECONDS'] ?? 3) * 1_000;
/** Of browsing, at any moment: more than the 1,000 that are let in at once. */
const visitorsAtOnce = 2_000;
const buyerCount = 12;
const recoveryMsMax = 10_000;
const soonMs = 1_000;

interface Flood {
  readonly answered: Map<number, number>;
  /** Refusals that do not say when to come back. */
  readonly withoutRetryAfter: string[];
}

interface Bought {
  readonly buyer: Person;
  readonly key: string;
  readonly body: object;
  /** Undefined when it did not come in time. */
  readonly answer: Answer<{ order: Order }> | undefined;
}

describe(`offered more than it can do for ${floodMs / 1_000} s`, () => {
  let data: DataFolder;
  let platform: RunningPlatform;
  let buyers: readonly Person[];
  let course: Course;
  let flood: Flood;
  const bought: Bought[] = [];

  beforeAll(async () => {
    data = makeDataFolder();
    platform = await startPlatform({ data });
    const visitor = anonymousClient(platform.url);
    const instructor = await signIn(visitor, 'instructor@suuupra.test', demoPassword);
    course = await publishCourse(instructor, 'Wanted by all', { currency: 'INR', amountMinor: '9900' });
    buyers = await forAll(Array.from({ length: buyerCount }), () => signUp(visitor), 4);
    const untilMs = Date.now() + floodMs;
    const browsing = browse(platform.url, untilMs);
    await Promise.all(
      buyers.map(async (buyer) => {
        while (Date.now() < untilMs) bought.push(await buy(buyer, course));
      }),
    );
    flood = await browsing;
  }, 120_000 + floodMs);
  afterAll(async () => {
    await data.remove();
  }, 60_000);

  it('turns the rest away with 503 or 429 and says when to come back', () => {
    const count = (status: number) => flood.answered.get(status) ?? 0;
    console.log(
      `overload: browsing ${JSON.stringify(Object.fromEntries(flood.answered))}, ${bought.length} orders tried`,
    );
    expect(count(503) + count(429)).toBeGreaterThan(visitorsAtOnce / 10);
    expect(count(404)).toBeGreaterThan(0);
    expect([...flood.answered.keys()].filter((status) => ![404, 429, 503, 504].includes(status))).toEqual([]);
    expect(flood.withoutRetryAfter).toEqual([]);
  });

  it('answers again within ten seconds as if nothing had been', async () => {
    const visitor = anonymousClient(platform.url);
    await eventually(
      'the platform answers soon',
      async () => {
        const askedMs = performance.now();
        const { status } = await visitor.call('GET', '/courses');
        return { status, tookMs: performance.now() - askedMs };
      },
      ({ status, tookMs }) => status === 200 && tookMs < soonMs,
      { withinMs: recoveryMsMax, everyMs: 100 },
    );
  });

  it('has kept what it accepted, and has done nothing for whom it refused', async () => {
    const told = new Map<Person, Set<string>>();
    await forAll(bought, async ({ buyer, key, body, answer }) => {
      // A gateway that waited too long (504) does not know: as if there had been no answer.
      if (answer !== undefined && ![201, 504].includes(answer.status)) {
        assert([429, 503].includes(answer.status), `${answer.status} ${answer.text}`);
        assert(answer.headers.get('retry-after') !== null, `${answer.text} says when to come back`);
        return;
      }
      // The same key, the same answer; and who had none gets theirs now.
      const again = await buyer.call<{ order: Order }>('POST', '/orders', { key, body });
      assert.equal(again.status, 201, again.text);
      if (answer?.status === 201) assert.equal(again.text, answer.text);
      const { id } = again.json.order;
      assert.equal((await getOrder(buyer, id)).id, id);
      told.set(buyer, (told.get(buyer) ?? new Set()).add(id));
    });
    expect(told.size).toBeGreaterThan(0);
    await forAll(buyers, async (buyer) => {
      const list = await buyer.call<{ orders?: Order[] }>('GET', '/orders?pageSize=100');
      const shown = (list.json.orders ?? []).map(({ id }) => id);
      assert.deepEqual(shown.sort(), [...(told.get(buyer) ?? [])].sort(), 'no order that nobody was told of');
    });
    await assertMoneyAgrees(data);
  }, 60_000);
});

async function buy(buyer: Person, course: Course): Promise<Bought> {
  const key = randomUUID();
  const body = { items: [{ courseId: course.id }] };
  const answer = await buyer.call<{ order: Order }>('POST', '/orders', { key, body }).catch(() => undefined);
  return { buyer, key, body, answer };
}

/** Many who look at once for what is not there, which the database must say; each again as soon as they have an answer. */
async function browse(url: string, untilMs: number): Promise<Flood> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: visitorsAtOnce });
  const flood: Flood = { answered: new Map(), withoutRetryAfter: [] };
  const visitor = async () => {
    const headers = { 'x-forwarded-for': someAddress() };
    while (Date.now() < untilMs) {
      const { status, retryAfter } = await look(
        `${url}/api/v1/courses/crs_${randomUUID().replaceAll('-', '')}`,
        agent,
        headers,
      );
      flood.answered.set(status, (flood.answered.get(status) ?? 0) + 1);
      if (![404, 504].includes(status) && retryAfter === undefined) flood.withoutRetryAfter.push(`${status}`);
    }
  };
  await Promise.all(Array.from({ length: visitorsAtOnce }, visitor));
  agent.destroy();
  return flood;
}

function look(
  url: string,
  agent: http.Agent,
  headers: http.OutgoingHttpHeaders,
): Promise<{ status: number; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }),
      );
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}
