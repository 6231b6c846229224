import { createHash } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ReleasePublishedSchema } from '@suuupra/contracts/gen/suuupra/content/v1/content_events_pb.ts';
import { GetReleaseResponseSchema, LessonKind, Level } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { SearchService } from '@suuupra/contracts/gen/suuupra/search/v1/search_pb.ts';
import { isRefusal, type Principal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { documentsOf } from './document.ts';
import { search } from './service.ts';

type Release = MessageInitShape<typeof GetReleaseResponseSchema>;

function release(id: string, number: number, title: string, lessons: Release['lessons']): Release {
  return {
    course: {
      ...{ id, slug: `${id}-slug`, title, summary: `Summary of ${title}`, level: Level.BEGINNER, language: 'en' },
      descriptionHtml: '<p>Described &amp; sold</p>',
      instructor: { id: 'usr_m', displayName: 'Meera Iyer' },
    },
    release: number,
    lessons: lessons ?? [],
  };
}

const open = {
  id: 'les_open',
  title: 'Opening',
  kind: LessonKind.TEXT,
  preview: true,
  plainText: 'the visible sparrow sings',
};
const paid = {
  id: 'les_paid',
  title: 'Closing',
  kind: LessonKind.TEXT,
  preview: false,
  plainText: 'the hidden kingfisher dives',
};

interface World {
  readonly releases: Map<string, Release>;
  readonly entitled: Set<string>;
  readonly asked: string[];
  /** Courses whose release content was asked for. */
  readonly fetched: string[];
  contentIsDown: boolean;
  learningIsDown: boolean;
}

const running: ServiceUnderTest[] = [];
afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
});

function newWorld(...releases: Release[]): World {
  return {
    releases: new Map(releases.map((one) => [one.course?.id ?? '', one])),
    ...{ entitled: new Set<string>(), asked: [], fetched: [], contentIsDown: false, learningIsDown: false },
  };
}

async function start(world: World, databaseUrl?: string): Promise<ServiceUnderTest> {
  const service = await startServiceForTest(search, {
    ...(databaseUrl !== undefined && { databaseUrl }),
    others: {
      content: {
        getRelease: async ({ courseId }) => {
          if (world.contentIsDown) throw new Error('content is down');
          world.fetched.push(courseId);
          return world.releases.get(courseId) ?? refuse('not_found', 'none');
        },
        listReleasedCourses: async () => ({ courseIds: [...world.releases.keys()] }),
      },
      learning: {
        checkAccess: async ({ userId, courseId }) => {
          if (world.learningIsDown) throw new Error('learning is down');
          world.asked.push(`${userId} ${courseId}`);
          return { entitled: world.entitled.has(`${userId} ${courseId}`), release: 1 };
        },
      },
    },
  });
  running.push(service);
  return service;
}

const asha = userPrincipal('usr_asha');
const anybody: Principal = { kind: 'anonymous' };

type Request = Parameters<ReturnType<typeof clientOf>['search']>[0];

function clientOf(service: ServiceUnderTest) {
  return service.client(SearchService);
}

async function find(service: ServiceUnderTest, request: Request, principal: Principal = anybody) {
  const answer: Awaited<ReturnType<ReturnType<typeof clientOf>['search']>> | Refusal = await clientOf(service).search(
    request,
    { principal },
  );
  if (isRefusal(answer)) throw new Error(`refused ${answer.code}: ${answer.detail}`);
  return answer;
}

async function idsOf(service: ServiceUnderTest, q: string, principal: Principal = anybody): Promise<string[]> {
  return (await find(service, { q }, principal)).results.map(({ id }) => id);
}

async function publish(service: ServiceUnderTest, world: World, released: Release): Promise<void> {
  const courseId = released.course?.id ?? '';
  world.releases.set(courseId, released);
  await service.deliver(ReleasePublishedSchema, { courseId, release: released.release ?? 1 });
}

const eventually = <T>(check: () => Promise<T>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

describe('search', () => {
  it('finds a course and its lessons after they are published, and the new words after the next release', async () => {
    const world = newWorld();
    const service = await start(world);
    await publish(service, world, release('crs_1', 1, 'Ledgers', [open, paid]));
    await eventually(async () => expect(await idsOf(service, 'ledger')).toEqual(['crs_1']));
    const [lesson] = (await find(service, { q: 'sparrow' })).results;
    expect(lesson).toMatchObject({
      ...{ kind: 'lesson', id: 'les_open', title: 'Opening', courseId: 'crs_1', courseTitle: 'Ledgers' },
      ...{ courseSlug: 'crs_1-slug', highlight: 'the visible <mark>sparrow</mark> sings', titleHighlight: 'Opening' },
    });
    expect(await idsOf(service, 'meera')).toEqual(['crs_1']);
    await publish(service, world, release('crs_1', 2, 'Journals', [open]));
    await eventually(async () => expect(await idsOf(service, 'journal')).toEqual(['crs_1']));
    // What is shared is read by two requests, between which the other document may be replaced.
    await eventually(async () => expect(await idsOf(service, 'ledgers')).toEqual([]));
    await eventually(async () => expect(await idsOf(service, 'closing')).toEqual([]));
  });

  it('shows nothing of a paid lesson’s text but to those who may read it, as long as they may', async () => {
    const world = newWorld(release('crs_1', 1, 'Birds', [open, paid]));
    const service = await start(world);
    await eventually(async () => expect(await idsOf(service, 'closing')).toEqual(['les_paid']));
    for (const who of [anybody, asha]) {
      expect(await idsOf(service, 'kingfisher', who)).toEqual([]);
      expect((await find(service, { q: 'kingfishar' }, who)).correctedQuery).toBe('');
      const [titled] = (await find(service, { q: 'closing' }, who)).results;
      expect(titled?.highlight).toBe('');
    }
    world.entitled.add('usr_ravi crs_1');
    const ravi = userPrincipal('usr_ravi');
    const found = await find(service, { q: 'kingfisher' }, ravi);
    expect(found.results.map(({ id, highlight }) => [id, highlight])).toEqual([
      ['les_paid', 'the hidden <mark>kingfisher</mark> dives'],
    ]);
    expect(found.total).toBe(1);
    expect((await find(service, { q: 'closing' }, ravi)).total).toBe(1);
    expect(await idsOf(service, 'kingfisher', userPrincipal('usr_admin', 'admin'))).toEqual(['les_paid']);
  });

  it('asks about access only where paid text matches, once in a while, and opens nothing while nobody answers', async () => {
    const world = newWorld(
      release('crs_1', 1, 'Birds', [open, paid]),
      release('crs_2', 1, 'Fish', [{ ...paid, id: 'les_2', plainText: 'a trout' }]),
    );
    const service = await start(world);
    await eventually(async () => expect(await idsOf(service, 'fish')).toEqual(['crs_2']));
    world.entitled.add('usr_asha crs_1');
    await find(service, { q: 'sparrow' }, asha);
    expect(world.asked).toEqual([]);
    expect(await idsOf(service, 'kingfisher', asha)).toEqual(['les_paid']);
    expect(await idsOf(service, 'kingfisher', asha)).toEqual(['les_paid']);
    expect(world.asked).toEqual(['usr_asha crs_1']);
    world.learningIsDown = true;
    expect(await idsOf(service, 'trout', asha)).toEqual([]);
    expect(await idsOf(service, 'fish', asha)).toEqual(['crs_2']);
  });

  it('is there again after a restart, from its own table, without asking content', async () => {
    const world = newWorld(release('crs_1', 1, 'Ledgers', [open]));
    const first = await start(world);
    await eventually(async () => expect(await idsOf(first, 'ledger')).toEqual(['crs_1']));
    world.contentIsDown = true;
    const second = await start(world, first.databaseUrl);
    expect(await idsOf(second, 'ledger')).toEqual(['crs_1']);
  });

  it('hears in every process of the service what one of them has indexed', async () => {
    const world = newWorld();
    const first = await start(world);
    const second = await start(world, first.databaseUrl);
    await publish(first, world, release('crs_1', 1, 'Ledgers', [open, paid]));
    for (const service of [first, second]) {
      await eventually(async () => expect(await idsOf(service, 'ledger')).toEqual(['crs_1']));
    }
    await publish(first, world, release('crs_1', 2, 'Journals', []));
    for (const service of [first, second]) {
      await eventually(async () => expect(await idsOf(service, 'opening journal')).toEqual(['crs_1']));
    }
  });

  it('takes over in another process what is written anew at the same release, and what was missed unheard', async () => {
    const world = newWorld();
    const first = await start(world);
    const second = await start(world, first.databaseUrl);
    await publish(first, world, release('crs_1', 1, 'Ledgers', [open]));
    await eventually(async () => expect(await idsOf(second, 'ledger')).toEqual(['crs_1']));
    // As a new form of documents does: the release stays, its documents are others; and nobody is told.
    await first.sql.execute(
      `UPDATE search_documents SET body = jsonb_set(body, '{text,title}', '"Journals"') WHERE id = 'course:crs_1'`,
    );
    await first.sql.execute(`UPDATE indexed_courses SET change = nextval('course_change')`);
    for (const service of [first, second]) {
      await eventually(async () => expect(await idsOf(service, 'journal')).toEqual(['crs_1']));
    }
  });

  it('is indexed by another process when the one that held the lease is gone', async () => {
    const world = newWorld();
    const first = await start(world);
    await publish(first, world, release('crs_1', 1, 'Ledgers', [open]));
    const second = await start(world, first.databaseUrl);
    await eventually(async () => expect(await idsOf(first, 'ledger')).toEqual(['crs_1']));
    await running.splice(running.indexOf(first), 1)[0]?.stop();
    await publish(second, world, release('crs_2', 1, 'Journals', []));
    await eventually(async () => expect(await idsOf(second, 'journal')).toEqual(['crs_2']));
    expect(await idsOf(second, 'ledger')).toEqual(['crs_1']);
  });

  it('asks content once for each release, however many processes there are', async () => {
    const world = newWorld(release('crs_1', 1, 'Ledgers', [open]));
    const first = await start(world);
    const second = await start(world, first.databaseUrl);
    for (const service of [first, second]) {
      await eventually(async () => expect(await idsOf(service, 'ledger')).toEqual(['crs_1']));
    }
    await eventually(async () => expect(await first.sql.query('SELECT 1 FROM index_queue')).toEqual([]));
    expect(world.fetched).toEqual(['crs_1']);
  });

  it('indexes what it heard while content was down as soon as it answers, and forgets a course that is gone', async () => {
    const world = newWorld();
    const service = await start(world);
    world.contentIsDown = true;
    await publish(service, world, release('crs_1', 1, 'Ledgers', [open]));
    await service.deliver(ReleasePublishedSchema, { courseId: 'crs_gone', release: 1 });
    await eventually(async () => {
      const [row] = await service.sql.query<{ tries: number }>('SELECT max(tries) AS tries FROM index_queue');
      expect(row?.tries).toBeGreaterThan(0);
    });
    world.contentIsDown = false;
    await eventually(async () => expect(await idsOf(service, 'ledger')).toEqual(['crs_1']));
    await eventually(async () => expect(await service.sql.query('SELECT 1 FROM index_queue')).toEqual([]));
  });

  it('takes an older release for no news', async () => {
    const world = newWorld(release('crs_1', 3, 'Third', [open]));
    const service = await start(world);
    await eventually(async () => expect(await idsOf(service, 'third')).toEqual(['crs_1']));
    await service.deliver(ReleasePublishedSchema, { courseId: 'crs_1', release: 2 });
    await eventually(async () => expect(await service.sql.query('SELECT 1 FROM index_queue')).toEqual([]));
    expect(await idsOf(service, 'third')).toEqual(['crs_1']);
    const rows = await service.sql.query('SELECT release FROM indexed_courses');
    expect(rows).toEqual([{ release: 3 }]);
  });

  it('filters, counts facets, pages, mends', async () => {
    const lessons = Array.from({ length: 7 }, (_, number) => ({
      ...open,
      id: `les_${number}`,
      title: `Sparrow ${number}`,
    }));
    const world = newWorld(
      release('crs_1', 1, 'Sparrows', lessons),
      release('crs_2', 1, 'Fish', [{ ...open, id: 'les_fish' }]),
    );
    const service = await start(world);
    await eventually(async () => expect(await idsOf(service, 'fish')).toContain('crs_2'));
    await eventually(async () => expect(await idsOf(service, 'sparrows')).toContain('crs_1'));
    const all = await find(service, { q: 'sparrow', pageSize: 3 });
    expect(all.total).toBe(9);
    expect(all.facets['kind']?.values).toMatchObject([
      { value: 'lesson', count: 8 },
      { value: 'course', count: 1 },
    ]);
    expect(all.facets['level']?.values).toMatchObject([{ value: 'beginner', count: 9 }]);
    expect(all.tookMs).toBeGreaterThan(0);
    const seen = [...all.results];
    for (let token = all.nextPageToken; token !== ''; ) {
      const next = await find(service, { q: 'sparrow', pageSize: 3, pageToken: token });
      seen.push(...next.results);
      token = next.nextPageToken;
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(9);
    expect(seen).toHaveLength(9);
    expect((await find(service, { q: 'sparrow', kind: 'course' })).results.map(({ id }) => id)).toEqual(['crs_1']);
    expect((await find(service, { q: 'sparrow', courseId: 'crs_2' })).results.map(({ id }) => id)).toEqual([
      'les_fish',
    ]);
    expect((await find(service, { q: 'sparorw' })).correctedQuery).toBe('sparrow');
    const nothing = await find(service, { q: '' });
    expect(nothing).toMatchObject({ results: [], total: 0 });
    expect(nothing.facets['kind']?.values).toMatchObject([
      { value: 'lesson', count: 8 },
      { value: 'course', count: 2 },
    ]);
  });

  it('refuses what is no search, naming the field', async () => {
    const service = await start(newWorld());
    const field = async (request: Request) => {
      const answer = await clientOf(service).search(request);
      return isRefusal(answer) ? answer.errors.map((error) => error.field) : 'answered';
    };
    expect(await field({ q: 'x'.repeat(513) })).toEqual(['q']);
    expect(await field({ q: 'x '.repeat(33) })).toEqual(['q']);
    expect(await field({ q: 'x', kind: 'person' })).toEqual(['kind']);
    expect(await field({ q: 'x', level: 'expert' })).toEqual(['level']);
    expect(await field({ q: 'x', pageSize: 101 })).toEqual(['pageSize']);
    expect(await field({ q: 'x', pageToken: 'nonsense' })).toEqual(['pageToken']);
    expect(await field({ q: '' })).toBe('answered');
  });

  it('refuses the page token of another search', async () => {
    const lessons = Array.from({ length: 3 }, (_, number) => ({ ...open, id: `les_${number}` }));
    const service = await start(newWorld(release('crs_1', 1, 'Sparrows', lessons)));
    await eventually(async () => expect(await idsOf(service, 'sparrows')).toContain('crs_1'));
    const { nextPageToken } = await find(service, { q: 'sparrow', pageSize: 1 });
    expect(nextPageToken).not.toBe('');
    expect(await clientOf(service).search({ q: 'other', pageSize: 1, pageToken: nextPageToken })).toMatchObject({
      errors: [{ field: 'pageToken' }],
    });
  });
});

const server = process.env['SUUUPRA_TEST_ON'] === 'opensearch' ? (process.env['SUUUPRA_TEST_OPENSEARCH'] ?? '') : '';

if (server === '') console.log('Search on a shared server is tested by "npm run test:engines -- opensearch".');
describe.runIf(server !== '')('search on a server that its processes share', () => {
  async function indicesOf(service: ServiceUnderTest): Promise<string[]> {
    const alias = `test-${createHash('sha256').update(service.databaseUrl).digest('hex').slice(0, 12)}`;
    return Object.keys((await (await fetch(`${server}/${alias}-*/_alias`)).json()) as object);
  }

  it('refuses while the index is gone, and builds it anew from what it has stored, without asking content', async () => {
    const world = newWorld(release('crs_1', 1, 'Ledgers', [open, paid]));
    const first = await start(world);
    const second = await start(world, first.databaseUrl);
    await eventually(async () => expect(await idsOf(second, 'ledger')).toEqual(['crs_1']));
    await eventually(async () => expect(await indicesOf(first)).toHaveLength(1));
    world.contentIsDown = true;
    for (const index of await indicesOf(first)) await fetch(`${server}/${index}`, { method: 'DELETE' });
    expect(await clientOf(first).search({ q: 'ledger' })).toMatchObject({ code: 'unavailable', retryAfterSeconds: 2 });
    await vi.waitFor(async () => expect(await idsOf(second, 'ledger')).toEqual(['crs_1']), { timeout: 30_000 });
    expect(await idsOf(first, 'sparrow')).toEqual(['les_open']);
  });

  it('takes out what a release no longer has, also when the one who wrote it died before', async () => {
    const world = newWorld(release('crs_1', 1, 'Ledgers', [open, paid]));
    const service = await start(world);
    await eventually(async () => expect(await idsOf(service, 'sparrow')).toEqual(['les_open']));
    await eventually(async () => expect(await service.sql.query('SELECT 1 FROM index_queue')).toEqual([]));
    await service.sql.transaction(async (tx) => {
      await tx.execute(`UPDATE indexed_courses SET change = nextval('course_change')`);
      await tx.execute(`DELETE FROM search_documents WHERE id = 'lesson:les_open:full'`);
      await tx.execute(
        `INSERT INTO dropped_documents (id, course_id, release) VALUES ('lesson:les_open:full', 'crs_1', 1)`,
      );
    });
    await eventually(async () => expect(await idsOf(service, 'sparrow')).toEqual([]));
    expect(await idsOf(service, 'ledger')).toEqual(['crs_1']);
    await eventually(async () => expect(await service.sql.query('SELECT 1 FROM dropped_documents')).toEqual([]));
  });
});

describe('the documents of a release', () => {
  it('hold the text of a paid lesson only where the course’s own mark is asked for', () => {
    const documents = documentsOf(create(GetReleaseResponseSchema, release('crs_1', 1, 'Birds', [open, paid])));
    const withSecret = documents.filter((one) => JSON.stringify(one).includes('kingfisher'));
    expect(withSecret.map(({ id, visibleTo }) => ({ id, visibleTo }))).toEqual([
      { id: 'lesson:les_paid:full', visibleTo: ['course:crs_1'] },
    ]);
  });
});
