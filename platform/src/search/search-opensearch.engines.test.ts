import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { chunks, document, idsFor, query, searchContract } from './search.contract.ts';
import type { SearchDocument, SearchIndex } from './search.ts';
import { openEmbeddedSearch } from './search-embedded.ts';
import { type OpenSearchOptions, openOpenSearch } from './search-opensearch.ts';

const url = process.env['SUUUPRA_TEST_OPENSEARCH'] ?? '';
const telemetry = openTelemetry({ logLevel: 'error', traceShare: 0, otlpEndpoint: '' });
const opened: SearchIndex[] = [];
const freshName = () => `test-${randomBytes(6).toString('hex')}`;

async function open(given: Partial<OpenSearchOptions> = {}): Promise<SearchIndex> {
  const index = await openOpenSearch({
    ...{ url, name: freshName(), telemetry: telemetry.forService('search'), searchMsMax: 4_000 },
    ...given,
  });
  opened.push(index);
  return index;
}

/** The first search of a server compiles its code, on a busy machine for longer than a search may take. */
beforeAll(async () => {
  const index = await open({ searchMsMax: 50_000 });
  await index.put([document('a', { title: 'ledger' })]);
  await index.search(query('legder', { facets: ['kind'] }));
});

afterAll(async () => {
  for (const index of opened) await index.close();
  await telemetry.close();
});

searchContract('OpenSearch', () => open());

async function indicesOf(name: string, at = url): Promise<string[]> {
  const found = (await (await fetch(`${at}/${name}-*/_alias`)).json()) as Record<string, unknown>;
  return Object.keys(found).sort();
}

const some = (count: number, title = 'ledger') =>
  Array.from({ length: count }, (_, at) => document(`d${at}`, { title }));

describe('an OpenSearch index', () => {
  it('is one for all that open it by its name, also at the same moment', async () => {
    const name = freshName();
    const both = await Promise.all([open({ name }), open({ name })]);
    await both[0].put([document('a', { title: 'ledger' })]);
    expect(await idsFor(both[1], 'ledger')).toEqual(['a']);
    await both[1].remove(['a'], 1);
    expect(await idsFor(both[0], 'ledger')).toEqual([]);
    expect(await indicesOf(name)).toHaveLength(1);
  });

  it('answers every search during a rebuild, whole, and removes the old index after it', async () => {
    const name = freshName();
    const [index, other] = [await open({ name, searchMsMax: 2_000 }), await open({ name })];
    await index.put(some(60));
    const totals = new Set<number>();
    let building = true;
    const searching = (async () => {
      for (; building; ) totals.add((await other.search(query('ledger'))).total);
    })();
    const before = await indicesOf(name);
    for (let round = 0; round < 3; round += 1) {
      await index.rebuild(chunks(some(30), some(60).slice(30)));
    }
    building = false;
    await searching;
    expect([...totals]).toEqual([60]);
    const after = await indicesOf(name);
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
  });

  it('is to be rebuilt when the form changes, and is searched in the old one until then', async () => {
    const name = freshName();
    const old = await open({ name });
    await old.rebuild(chunks(some(3)));
    const changed = await open({ name, fieldWeights: { title: 9, body: 1 } });
    expect(await old.needsRebuild()).toBe(false);
    expect(await changed.needsRebuild()).toBe(true);
    expect((await changed.search(query('ledger'))).total).toBe(3);
    await changed.rebuild(chunks(some(4)));
    expect(await changed.needsRebuild()).toBe(false);
    expect(await old.needsRebuild()).toBe(true);
    expect((await old.search(query('ledger'))).total).toBe(4);
  });

  it('clears away what a rebuild left that died, and takes no writes for an index that is gone', async () => {
    const name = freshName();
    const [died, next] = [await open({ name }), await open({ name })];
    await died.put(some(2));
    async function* slow() {
      yield some(1);
      // The other process holds the lease by now, and rebuilds from the beginning.
      await next.rebuild(chunks(some(2)));
      await died.put([document('late', { title: 'ledger' })]);
      yield some(2);
    }
    await expect(died.rebuild(slow())).rejects.toMatchObject({ name: 'SearchFault' });
    expect((await idsFor(next, 'ledger')).sort()).toEqual(['d0', 'd1', 'late']);
    expect(await indicesOf(name)).toHaveLength(1);
  });

  it('does not switch when another process has switched meanwhile', async () => {
    const name = freshName();
    const [one, two] = [await open({ name }), await open({ name })];
    const { promise: filled, resolve } = Promise.withResolvers<void>();
    async function* outer() {
      yield some(1);
      await filled;
    }
    const first = one.rebuild(outer());
    const failed = expect(first).rejects.toMatchObject({ name: 'SearchFault' });
    await two.rebuild(chunks(some(5)));
    resolve();
    await failed;
    expect((await two.search(query('ledger'))).total).toBe(5);
  });

  it('remembers removals after the engine forgets deletions, and goes without its own alias to no other index', async () => {
    const name = freshName();
    const index = await open({ name });
    await index.put([document('a', { version: 3, title: 'ledger' })]);
    await index.remove(['a', 'never-there'], 3);
    for (const id of ['a', 'never-there']) await index.put([document(id, { version: 3, title: 'ledger' })]);
    expect(await idsFor(index, 'ledger')).toEqual([]);
    const [only = ''] = await indicesOf(name);
    await fetch(`${url}/${only}`, { method: 'DELETE' });
    await expect(index.put(some(1))).rejects.toMatchObject({ name: 'SearchFault', kind: 'unavailable' });
    await expect(index.search(query('ledger'))).rejects.toMatchObject({ name: 'SearchFault', kind: 'unavailable' });
    expect(await index.needsRebuild()).toBe(true);
    await index.rebuild(chunks(some(2)));
    expect((await index.search(query('ledger'))).total).toBe(2);
  });

  it('says which document it cannot take', async () => {
    const index = await open();
    await expect(index.put([document('huge', { title: 'x'.repeat(33_000_000) })])).rejects.toMatchObject({
      name: 'SearchFault',
      kind: 'invalid',
    });
    await expect(index.put([document('x'.repeat(600), { title: 'ledger' })])).rejects.toMatchObject({
      kind: 'invalid',
    });
    const marks = new Set(Array.from({ length: 65_537 }, (_, at) => `m${at}`));
    await expect(index.search(query('ledger', { viewerMarks: marks }))).rejects.toMatchObject({ kind: 'invalid' });
  });
});

const words = ['ledger', 'ledgers', 'ledge', 'entry', 'entries', 'gateway', 'payment', 'payments', 'universal', 'the'];
const text = fc.array(fc.constantFrom(...words), { maxLength: 8 }).map((list) => list.join(' '));
const marks = fc.uniqueArray(fc.constantFrom<string[]>('public', 'course:1', 'course:2'), { maxLength: 3 });
const generated: fc.Arbitrary<SearchDocument[]> = fc
  .array(
    fc.record({
      ...{ title: text, body: text, visibleTo: marks },
      language: fc.constantFrom('en', 'fr', 'xx'),
      kind: fc.constantFrom('course', 'lesson'),
      level: fc.constantFrom('beginner', 'advanced'),
    }),
    { maxLength: 25 },
  )
  .map((list) =>
    list.map(({ title, body, visibleTo, language, kind, level }, number) =>
      document(`d${number}`, { title, body, visibleTo, language, values: { kind, level } }),
    ),
  );
const asked = fc.record({
  words: fc
    .array(fc.constantFrom(...words, 'legder', 'paymnet', 'gat', 'univ', '"the ledger"', 'nothing'), { maxLength: 4 })
    .map((list) => list.join(' ')),
  viewer: marks,
  filters: fc.constantFrom({}, { kind: 'course' }, { kind: 'lesson', level: 'beginner' }),
});

describe('both engines', () => {
  it('find, count, mend and mark the same for every viewer, whatever else is in the index', async () => {
    const server = await open();
    let version = 0;
    await fc.assert(
      fc.asyncProperty(generated, fc.array(asked, { minLength: 1, maxLength: 4 }), async (all, questions) => {
        version += 1;
        await server.remove(
          Array.from({ length: 25 }, (_, at) => `d${at}`),
          version * 2,
        );
        await server.put(all.map((one) => ({ ...one, version: version * 2 + 1 })));
        const embedded = openEmbeddedSearch();
        await embedded.put(all);
        for (const { words: typed, viewer, filters } of questions) {
          const given = { viewerMarks: new Set(viewer), filters, facets: ['kind', 'level'], limit: 50 };
          const inOrderOfIds = async (index: SearchIndex) => {
            const { hits, ...rest } = await index.search(query(typed, given));
            const plain = hits.map(({ id, values, highlights }) => ({ id, values, highlights }));
            return { ...rest, hits: plain.sort((a, b) => (a.id < b.id ? -1 : 1)) };
          };
          expect(await inOrderOfIds(server)).toEqual(await inOrderOfIds(embedded));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('order hits by what the viewer sees alone', async () => {
    const visible = [
      ...some(6, 'ledger of a gateway'),
      document('rare', { title: 'payment gateway' }),
      document('often', { body: 'ledger ledger gateway entry' }),
    ];
    const hidden = Array.from({ length: 200 }, (_, at) =>
      document(`h${at}`, { title: 'payment payment entry', visibleTo: ['x'] }),
    );
    const [alone, among] = [await open(), await open()];
    await alone.put(visible);
    await among.put([...hidden, ...visible]);
    for (const typed of ['ledger gateway', 'payment ledger', 'entry ledger payment', 'gat', 'paymnet ledger']) {
      expect(await among.search(query(typed))).toEqual(await alone.search(query(typed)));
    }
  });

  it('rank a title above a body, neighbours above strangers, a word above its forms', async () => {
    const index = await open();
    await index.put([
      document('body', { title: 'x', body: 'settlement and other words' }),
      document('title', { title: 'settlement', body: 'other words' }),
      document('near', { title: 'n', body: 'double entry a b c d e f g h' }),
      document('far', { title: 'n', body: 'double a b c d e f g h entry' }),
      document('form', { title: 'payments' }),
      document('word', { title: 'payment' }),
    ]);
    expect(await idsFor(index, 'settlement')).toEqual(['title', 'body']);
    expect(await idsFor(index, 'settl')).toEqual(['title', 'body']);
    expect((await idsFor(index, 'double entry')).slice(0, 2)).toEqual(['near', 'far']);
    expect(await idsFor(index, 'payment')).toEqual(['word', 'form']);
    expect(await idsFor(index, 'payments')).toEqual(['form', 'word']);
  });

  it('let no live markup out of any title, and read scripts without spaces and with vowel signs', async () => {
    const index = await open();
    const hostile = [
      '<script>alert(1)</script> ledger',
      '"><svg/onload=alert(1)> ledger',
      '</mark><b>ledger',
      '&lt;b&gt; ledger',
    ];
    await index.put([
      ...hostile.map((title, number) => document(`h${number}`, { title, body: title.repeat(40) })),
      document('zh', { title: '复式记账法的历史', language: 'zh' }),
      document('th', { title: 'การบัญชีคู่', language: 'th' }),
      document('ta', { title: 'புத்தகங்கள்', language: 'ta' }),
    ]);
    const { hits } = await index.search(query('ledger alert script mark b', { limit: 50 }));
    expect(hits).toHaveLength(hostile.length);
    for (const html of hits.flatMap((hit) => Object.values(hit.highlights))) {
      expect(html.replace(/<\/?mark>/g, '')).not.toMatch(/[<>"']/);
    }
    expect(await idsFor(index, '历史')).toEqual(['zh']);
    expect(await idsFor(index, 'บัญชี')).toEqual(['th']);
    expect(await idsFor(index, 'புத்தகம்')).toEqual(['ta']);
  });
});

describe('an OpenSearch server that is away', () => {
  const ended: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ended.splice(0).reverse()) await end();
  });

  it('stops the start with a sentence: nobody there, another product, a bad name', async () => {
    const refused = await listening((socket) => socket.destroy());
    await expect(open({ url: refused, openMsMax: 500 })).rejects.toThrow(/SUUUPRA_OPENSEARCH_URL names 127\.0\.0\.1/);
    const other = await listening((socket) =>
      socket.end(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 30\r\n\r\n{"version":{"number":"9.5.0"}}',
      ),
    );
    await expect(open({ url: other, openMsMax: 500 })).rejects.toThrow(/not OpenSearch 9\.5\.0/);
    await expect(open({ name: 'Bad Name' })).rejects.toThrow(/no name for a search index/);
  });

  async function listening(answer: (socket: import('node:net').Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => answer(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ended.push(async () => server.close());
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }
});
