/** What every adapter of the `search` port must do. Ranking may differ between adapters; what is found may not. */
import { describe, expect, it } from 'vitest';
import type { SearchDocument, SearchIndex, SearchQuery } from './search.ts';

export function document(
  id: string,
  given: Partial<SearchDocument> & { title?: string; body?: string },
): SearchDocument {
  const { title = '', body = '', ...rest } = given;
  return { id, version: 1, text: { title, body }, values: {}, visibleTo: ['public'], language: 'en', ...rest };
}

export function query(words: string, given: Partial<SearchQuery> = {}): SearchQuery {
  return { words, viewerMarks: new Set(['public']), filters: {}, facets: [], limit: 10, offset: 0, ...given };
}

export async function idsFor(index: SearchIndex, words: string, given: Partial<SearchQuery> = {}): Promise<string[]> {
  return (await index.search(query(words, given))).hits.map((hit) => hit.id);
}

/** Documents as a rebuild reads them. */
export async function* chunks(
  ...given: readonly (readonly SearchDocument[])[]
): AsyncGenerator<readonly SearchDocument[]> {
  yield* given;
}

export function searchContract(name: string, open: () => Promise<SearchIndex>): void {
  const filled = async (...documents: SearchDocument[]) => {
    const index = await open();
    await index.put(documents);
    return index;
  };

  describe(`search contract: ${name}`, () => {
    it('finds a word in any field, and counts what it finds', async () => {
      const index = await filled(
        document('a', { title: 'Ledgers' }),
        document('b', { body: 'about a ledger' }),
        document('c', { title: 'Gateways' }),
      );
      const answer = await index.search(query('ledger'));
      expect(answer.hits.map((hit) => hit.id).sort()).toEqual(['a', 'b']);
      expect(answer.total).toBe(2);
    });

    it('finds the other forms of a word in the language of the document', async () => {
      const index = await filled(
        document('en', { title: 'courses about payments' }),
        document('hi', { title: 'किताबें और पुस्तकों', language: 'hi' }),
      );
      expect(await idsFor(index, 'course payment')).toEqual(['en']);
      expect(await idsFor(index, 'किताब')).toEqual(['hi']);
    });

    it('finds a word however it is written: case, accents, compatibility forms', async () => {
      const index = await filled(document('a', { title: 'Café ﬁnance ＡＢＣ' }));
      for (const words of ['cafe', 'CAFÉ', 'finance', 'abc']) expect(await idsFor(index, words)).toEqual(['a']);
    });

    it('finds words that only begin as the last one typed', async () => {
      const index = await filled(document('a', { title: 'idempotency keys' }));
      expect(await idsFor(index, 'idem')).toEqual(['a']);
      expect(await idsFor(index, 'keys idemp')).toEqual(['a']);
    });

    it('mends a slip in a word that nothing holds, and says what it looked for', async () => {
      const index = await filled(document('a', { title: 'ledger' }), document('b', { title: 'idempotency' }));
      const one = await index.search(query('legder'));
      expect(one.hits.map((hit) => hit.id)).toEqual(['a']);
      expect(one.correctedWords).toBe('ledger');
      expect(await idsFor(index, 'idenpotancy')).toEqual(['b']);
      expect(await idsFor(index, 'bedger')).toEqual(['a']);
      expect((await index.search(query('ledger'))).correctedWords).toBeUndefined();
    });

    it('mends no short word, no code, no quoted word, and nothing where the word exists', async () => {
      const index = await filled(
        document('a', { title: 'CS101 card entry' }),
        document('b', { title: 'ledges' }),
        document('c', { title: 'ledger' }),
      );
      expect(await idsFor(index, 'CS102')).toEqual([]);
      expect(await idsFor(index, 'cart')).toEqual([]);
      expect(await idsFor(index, '"legder"')).toEqual([]);
      expect(await idsFor(index, 'ledges')).toEqual(['b']);
    });

    it('finds quoted words as they stand, in their order', async () => {
      const index = await filled(
        document('a', { body: 'money is an integer' }),
        document('b', { body: 'an integer is money' }),
        document('c', { title: 'money is', body: 'an integer' }),
      );
      expect(await idsFor(index, '"money is an integer"')).toEqual(['a']);
    });

    it('puts what holds all words first, and answers a question while one document holds one of its words', async () => {
      const index = await filled(
        document('all', { body: 'refund of an order after the dispute' }),
        document('one', { body: 'refund refund refund refund' }),
      );
      expect((await idsFor(index, 'refund order dispute'))[0]).toBe('all');
      const question = 'how can somebody get a refund when the parcel never arrived at home';
      expect(await idsFor(index, question)).toContain('one');
      expect(await idsFor(index, 'zebra')).toEqual([]);
    });

    it('drops words that say nothing only while others remain', async () => {
      const index = await filled(document('a', { title: 'the who' }), document('b', { title: 'the ledger' }));
      expect(await idsFor(index, 'the ledger')).toEqual(['b']);
      expect((await idsFor(index, 'the who'))[0]).toBe('a');
    });

    it('shows nobody what they may not see: hits, totals, facets, corrections', async () => {
      const index = await filled(
        document('open', { title: 'journal', values: { kind: 'course' } }),
        document('closed', { title: 'journal sekretwort', values: { kind: 'lesson' }, visibleTo: ['course:1'] }),
      );
      const stranger = await index.search(query('journal', { facets: ['kind'] }));
      expect(stranger.hits.map((hit) => hit.id)).toEqual(['open']);
      expect(stranger.total).toBe(1);
      expect(stranger.facets['kind']).toEqual([{ value: 'course', count: 1 }]);
      expect(await index.search(query('sekretwert'))).toMatchObject({ hits: [], total: 0 });
      expect((await index.search(query('sekretwert'))).correctedWords).toBeUndefined();
      const learner = { viewerMarks: new Set(['public', 'course:1']) };
      expect((await idsFor(index, 'journal', learner)).sort()).toEqual(['closed', 'open']);
      expect(await idsFor(index, 'journal', { viewerMarks: new Set() })).toEqual([]);
    });

    it('filters by values; a facet counts what its own filter would leave out', async () => {
      const index = await filled(
        document('a', { title: 'entry', values: { kind: 'course', level: 'beginner' } }),
        document('b', { title: 'entry', values: { kind: 'lesson', level: 'beginner' } }),
        document('c', { title: 'entry', values: { kind: 'lesson', level: 'advanced' } }),
      );
      const answer = await index.search(query('entry', { filters: { kind: 'lesson' }, facets: ['kind', 'level'] }));
      expect(answer.hits.map((hit) => hit.id).sort()).toEqual(['b', 'c']);
      expect(answer.total).toBe(2);
      expect(answer.facets['kind']).toEqual([
        { value: 'lesson', count: 2 },
        { value: 'course', count: 1 },
      ]);
      expect(answer.facets['level']).toEqual([
        { value: 'advanced', count: 1 },
        { value: 'beginner', count: 1 },
      ]);
    });

    it('finds nothing without a word, and counts the facets of all', async () => {
      const index = await filled(
        document('a', { values: { kind: 'course' } }),
        document('b', { values: { kind: 'course' }, visibleTo: ['course:1'] }),
      );
      for (const words of ['', '  ', '?!']) {
        expect(await index.search(query(words, { facets: ['kind'] }))).toMatchObject({
          hits: [],
          total: 0,
          facets: { kind: [{ value: 'course', count: 1 }] },
        });
      }
    });

    it('pages through the same order without repeating or leaving out', async () => {
      const documents = Array.from({ length: 25 }, (_, number) => document(`d${number}`, { title: 'same words here' }));
      const index = await filled(...documents);
      const pages = await Promise.all([0, 10, 20].map((offset) => idsFor(index, 'words', { offset })));
      expect(new Set(pages.flat()).size).toBe(25);
      expect(pages.flat()).toEqual([...pages.flat()].sort());
    });

    it('marks what matched with exact offsets, and escapes everything else', async () => {
      const index = await filled(document('a', { title: 'Ｃａｆé & <b>ledgers</b> "x"' }));
      const [hit] = (await index.search(query('cafe ledger'))).hits;
      expect(hit?.highlights['title']).toBe(
        '<mark>Ｃａｆé</mark> &amp; &lt;b&gt;<mark>ledgers</mark>&lt;/b&gt; &quot;x&quot;',
      );
    });

    it('never lets an older version replace a newer one, nor come back after it was removed', async () => {
      const index = await filled(document('a', { version: 5, title: 'new' }));
      await index.put([document('a', { version: 4, title: 'old' })]);
      expect(await idsFor(index, 'new')).toEqual(['a']);
      await index.remove(['a'], 4);
      expect(await idsFor(index, 'new')).toEqual(['a']);
      await index.remove(['a'], 6);
      expect(await idsFor(index, 'new')).toEqual([]);
      await index.put([document('a', { version: 6, title: 'late' })]);
      expect(await idsFor(index, 'late')).toEqual([]);
      await index.put([document('a', { version: 7, title: 'again' })]);
      expect(await idsFor(index, 'again')).toEqual(['a']);
    });

    it('finds a replaced document by its new words only', async () => {
      const index = await filled(document('a', { version: 1, title: 'before' }));
      await index.put([document('a', { version: 2, title: 'after' })]);
      expect(await idsFor(index, 'before')).toEqual([]);
      expect(await idsFor(index, 'after')).toEqual(['a']);
    });

    it('needs a rebuild until one has filled it, and holds what the rebuild read and nothing else', async () => {
      const index = await filled(document('kept', { title: 'ledger' }), document('gone', { title: 'ledger' }));
      expect(await index.needsRebuild()).toBe(true);
      await index.rebuild(chunks([document('kept', { title: 'ledger' })], [], [document('new', { title: 'ledger' })]));
      expect(await index.needsRebuild()).toBe(false);
      expect((await idsFor(index, 'ledger')).sort()).toEqual(['kept', 'new']);
      await index.put([document('later', { title: 'ledger' })]);
      expect((await idsFor(index, 'ledger')).sort()).toEqual(['kept', 'later', 'new']);
    });

    it('serves the old index until the new one is whole, and keeps what was written meanwhile', async () => {
      const index = await filled(...['a', 'b', 'c'].map((id) => document(id, { title: 'ledger' })));
      const during: string[][] = [];
      async function* stored() {
        yield [document('a', { title: 'ledger' }), document('b', { title: 'ledger' })];
        during.push((await idsFor(index, 'ledger')).sort());
        await index.put([document('a', { version: 2, title: 'journal' })]);
        await index.remove(['c'], 1);
        await index.put([document('d', { title: 'ledger' })]);
        during.push((await idsFor(index, 'ledger')).sort());
        // Read before it was replaced and removed above.
        yield [document('a', { title: 'ledger' }), document('c', { title: 'ledger' })];
      }
      await index.rebuild(stored());
      expect(during).toEqual([
        ['a', 'b', 'c'],
        ['b', 'd'],
      ]);
      expect((await idsFor(index, 'ledger')).sort()).toEqual(['b', 'd']);
      expect(await idsFor(index, 'journal')).toEqual(['a']);
    });

    it('keeps serving the old index when a rebuild fails or is called off, and can be rebuilt afterwards', async () => {
      const index = await filled(document('a', { title: 'ledger' }));
      async function* broken() {
        yield [document('b', { title: 'ledger' })];
        throw new Error('the store is gone');
      }
      await expect(index.rebuild(broken())).rejects.toThrow('the store is gone');
      const off = AbortSignal.abort(new Error('called off'));
      await expect(index.rebuild(chunks([document('b', { title: 'ledger' })]), off)).rejects.toThrow('called off');
      expect(await idsFor(index, 'ledger')).toEqual(['a']);
      expect(await index.needsRebuild()).toBe(true);
      await index.put([document('c', { title: 'ledger' })]);
      await index.rebuild(chunks([document('b', { title: 'ledger' })]));
      expect(await idsFor(index, 'ledger')).toEqual(['b']);
    });

    it('refuses a second rebuild beside the first', async () => {
      const index = await open();
      async function* nested() {
        await expect(index.rebuild(chunks())).rejects.toMatchObject({ name: 'SearchFault', kind: 'invalid' });
        yield [document('a', { title: 'ledger' })];
      }
      await index.rebuild(nested());
      expect(await idsFor(index, 'ledger')).toEqual(['a']);
    });

    it('filters by long values, and may leave them out of facets', async () => {
      const long = 'x'.repeat(40_000);
      const index = await filled(
        document('a', { title: 'ledger', values: { kind: `${long}a` } }),
        document('b', { title: 'ledger', values: { kind: `${long}b` } }),
      );
      const answer = await index.search(query('ledger', { filters: { kind: `${long}b` } }));
      expect(answer.hits.map((hit) => [hit.id, hit.values['kind']])).toEqual([['b', `${long}b`]]);
    });

    it('gives no more than the first thousand hits, and counts all', async () => {
      const index = await filled(
        ...Array.from({ length: 1_020 }, (_, at) => document(`d${String(at).padStart(4, '0')}`, { title: 'ledger' })),
      );
      const last = await index.search(query('ledger', { offset: 990, limit: 100 }));
      expect(last.hits.map((hit) => hit.id)).toEqual(Array.from({ length: 10 }, (_, at) => `d0${990 + at}`));
      expect(last.total).toBe(1_020);
      expect((await index.search(query('ledger', { offset: 1_000 }))).hits).toEqual([]);
    });

    it('bears hostile queries', async () => {
      const index = await filled(document('a', { title: 'a plain title' }));
      const hostile = [
        'x'.repeat(10_000),
        '"',
        '"" ""',
        "'; DROP TABLE x; --",
        '\u200b\u202e',
        '(a OR b) AND *',
        '🙂🙂',
      ];
      for (const words of [...hostile, 'the the the', 'a '.repeat(500), '\ud800', '"plain', '__proto__ constructor']) {
        await expect(index.search(query(words))).resolves.toBeDefined();
      }
      expect(await idsFor(index, '"plain')).toEqual(['a']);
    });
  });
}
