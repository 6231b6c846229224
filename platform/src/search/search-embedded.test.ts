import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance } from './dictionary.ts';
import { document, idsFor, query, searchContract } from './search.contract.ts';
import type { SearchDocument, SearchIndex } from './search.ts';
import { openEmbeddedSearch } from './search-embedded.ts';

searchContract('embedded', async () => openEmbeddedSearch());

async function filled(documents: readonly SearchDocument[]): Promise<SearchIndex> {
  const index = openEmbeddedSearch();
  await index.put(documents);
  return index;
}

const words = [
  'ledger',
  'ledgers',
  'ledge',
  'entry',
  'entries',
  'gateway',
  'payment',
  'payments',
  'universal',
  'the',
  'university',
];
const text = fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((list) => list.join(' '));
const marks = fc.uniqueArray(fc.constantFrom<string[]>('public', 'course:1', 'course:2', 'org:1'), { maxLength: 3 });
const documents = fc
  .array(
    fc.record({
      title: text,
      body: text,
      visibleTo: marks,
      language: fc.constantFrom('en', 'fr', 'xx'),
      kind: fc.constantFrom('course', 'lesson'),
      level: fc.constantFrom('beginner', 'advanced'),
    }),
    { maxLength: 30 },
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

describe('embedded search', () => {
  it('answers every viewer as if nothing else were in the index', async () => {
    await fc.assert(
      fc.asyncProperty(documents, asked, async (all, { words: typed, viewer, filters }) => {
        const given = { viewerMarks: new Set(viewer), filters, facets: ['kind', 'level'], limit: 50 };
        const visible = all.filter((one) => one.visibleTo.some((mark) => viewer.includes(mark)));
        const whole = await (await filled(all)).search(query(typed, given));
        const alone = await (await filled(visible)).search(query(typed, given));
        expect(whole).toEqual(alone);
      }),
      { numRuns: 300 },
    );
  });

  it('finds by one word exactly the visible documents that hold it, and counts their facets', async () => {
    await fc.assert(
      fc.asyncProperty(documents, marks, async (all, viewer) => {
        const index = await filled(all);
        const answer = await index.search(
          query('"gateway"', { viewerMarks: new Set(viewer), facets: ['kind'], limit: 50 }),
        );
        const expected = all.filter(
          (one) =>
            one.visibleTo.some((mark) => viewer.includes(mark)) &&
            Object.values(one.text).some((field) => field.split(' ').includes('gateway')),
        );
        expect(answer.hits.map((hit) => hit.id).sort()).toEqual(expected.map((one) => one.id).sort());
        const counted = (answer.facets['kind'] ?? []).reduce((sum, { count }) => sum + count, 0);
        expect(counted).toBe(expected.length);
      }),
      { numRuns: 200 },
    );
  });

  it('answers the same after any order of writes, removals and compaction', async () => {
    const fresh = Array.from({ length: 40 }, (_, number) =>
      document(`d${number}`, { version: 99, title: `ledger ${number % 7}` }),
    );
    const worn = openEmbeddedSearch();
    for (let round = 1; round < 60; round += 1) {
      const noise = Array.from({ length: 40 }, (_, number) =>
        document(`d${number}`, { version: round, title: `gateway ${round} ${number}`, visibleTo: ['public', 'x'] }),
      );
      await worn.put(noise);
    }
    await worn.put(fresh);
    const index = await filled(fresh);
    for (const typed of ['ledger', 'ledger 3', 'gateway', 'gat']) {
      expect(await worn.search(query(typed))).toEqual(await index.search(query(typed)));
    }
  });

  it('lets no live markup out of any title', async () => {
    const hostile = [
      '<script>alert(1)</script> ledger',
      '<img src=x onerror=alert(1)> ledger',
      '"><svg/onload=alert(1)> ledger',
      "ledger ' onmouseover='alert(1)",
      '</mark><b>ledger',
      '&lt;script&gt; ledger &amp;',
      'ledger\u202e<b>\u0000',
    ];
    const index = await filled(
      hostile.map((title, number) => document(`h${number}`, { title, body: title.repeat(40) })),
    );
    const { hits } = await index.search(query('ledger alert script mark b', { limit: 50 }));
    expect(hits.length).toBe(hostile.length);
    for (const html of hits.flatMap((hit) => Object.values(hit.highlights))) {
      expect(html.replace(/<\/?mark>/g, '')).not.toMatch(/[<>"']/);
      expect(html).toContain('<mark>');
    }
  });

  it('shows of a long text the passage where most words of the query stand', async () => {
    const filler = 'Nothing of interest is said in this sentence. '.repeat(40);
    const body = `${filler}A refund reverses the journal of its order. ${filler}`;
    const index = await filled([document('a', { body: `ledger ${body}` })]);
    const [hit] = (await index.search(query('refund journal order'))).hits;
    const shown = hit?.highlights['body'] ?? '';
    expect(shown).toContain('<mark>refund</mark> reverses the <mark>journal</mark> of its <mark>order</mark>');
    expect(shown.length).toBeLessThan(350);
  });

  it('ranks a title above a body, and neighbours above strangers', async () => {
    const index = await filled([
      document('body', { title: 'x', body: 'settlement and other words' }),
      document('title', { title: 'settlement', body: 'other words' }),
      document('near', { title: 'n', body: 'double entry a b c d e f g h' }),
      document('far', { title: 'n', body: 'double a b c d e f g h entry' }),
    ]);
    expect(await idsFor(index, 'settlement')).toEqual(['title', 'body']);
    expect((await idsFor(index, 'double entry')).slice(0, 2)).toEqual(['near', 'far']);
  });

  it('puts the exact word before its stem in fields of equal length', async () => {
    const index = await filled([document('form', { title: 'payments' }), document('word', { title: 'payment' })]);
    expect(await idsFor(index, 'payment')).toEqual(['word', 'form']);
    expect(await idsFor(index, 'payments')).toEqual(['form', 'word']);
  });

  it('refuses more than it may hold and goes on serving', async () => {
    const index = openEmbeddedSearch({ documentsMax: 2 });
    const three = ['a', 'b', 'c'].map((id) => document(id, { title: 'ledger' }));
    await expect(index.put(three)).rejects.toMatchObject({ name: 'SearchFault', kind: 'full' });
    expect((await idsFor(index, 'ledger')).sort()).toEqual(['a', 'b']);
    await index.put([document('a', { version: 2, title: 'ledger' })]);
  });

  it('reads words of scripts without spaces and of scripts with vowel signs', async () => {
    const index = await filled([
      document('zh', { title: '复式记账法的历史', language: 'zh' }),
      document('th', { title: 'การบัญชีคู่', language: 'th' }),
      document('ta', { title: 'புத்தகங்கள்', language: 'ta' }),
    ]);
    expect(await idsFor(index, '历史')).toEqual(['zh']);
    expect(await idsFor(index, 'บัญชี')).toEqual(['th']);
    expect(await idsFor(index, 'புத்தகம்')).toEqual(['ta']);
  });
});

describe('edit distance', () => {
  it('counts what a slip of the finger does', () => {
    expect(editDistance('ledger', 'legder', 2)).toBe(1);
    expect(editDistance('ledger', 'leger', 2)).toBe(1);
    expect(editDistance('ledger', 'ledgger', 2)).toBe(1);
    expect(editDistance('ledger', 'lodgar', 2)).toBe(2);
    expect(editDistance('ledger', 'gateway', 2)).toBe(3);
    expect(editDistance('abc', 'abc', 1)).toBe(0);
  });
});
