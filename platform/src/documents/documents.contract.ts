/** What every adapter of the `documents` port must do. */

import { setTimeout as delay } from 'node:timers/promises';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DocumentFault, type Documents } from './documents.ts';

export interface DocumentsUnderTest {
  readonly documents: Documents;
  /** The same database as another process sees it. */
  readonly other: Documents;
  /** Subjects of the events that are committed to the outbox. */
  published(): Promise<string[]>;
  close(): Promise<void>;
}

interface Course {
  readonly slug?: string | null;
  readonly owner?: string;
  readonly title?: string;
  readonly priority?: number;
  readonly open?: boolean;
}

/** Long enough for the other unit of work, where none waits for locks. */
const rivalMs = 1_000;

const collections = [
  { name: 'courses', indexed: ['owner', 'priority', 'open'], unique: [['slug'], ['owner', 'title']] },
  { name: 'drafts', indexed: ['owner'], unique: [['slug']] },
];

export function documentsContract(name: string, open: () => Promise<DocumentsUnderTest>): void {
  describe(`documents contract: ${name}`, () => {
    let under: DocumentsUnderTest;
    let documents: Documents;
    beforeAll(async () => {
      under = await open();
      documents = under.documents;
      await Promise.all([documents.define(collections), under.other.define(collections)]);
    });
    afterAll(() => under.close());

    const insert = (id: string, body: Course, collection = 'courses') =>
      documents.transaction((tx) => tx.insert(collection, id, body));

    it('gives back what was stored, with a version that counts up', async () => {
      await insert('crs_1', { title: 'One' });
      expect(await documents.get('courses', 'crs_1')).toEqual({ id: 'crs_1', version: 1, body: { title: 'One' } });
      expect(await documents.transaction((tx) => tx.replace('courses', 'crs_1', 1, { title: 'Two' }))).toBe(true);
      expect(await under.other.get('courses', 'crs_1')).toEqual({ id: 'crs_1', version: 2, body: { title: 'Two' } });
      await documents.transaction((tx) => tx.delete('courses', 'crs_1'));
      expect(await documents.get('courses', 'crs_1')).toBeUndefined();
    });

    it('gives back any JSON value as it was', async () => {
      await fc.assert(
        fc.asyncProperty(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), async (generated) => {
          // Without U+0000 and half surrogate pairs, which are refused before they reach a store.
          const body = JSON.parse(JSON.stringify(generated).replaceAll(/\\u0000|\\ud[89a-f]../gi, ''));
          const id = `json_${Math.random()}`;
          await documents.transaction((tx) => tx.insert('drafts', id, body));
          expect((await documents.get('drafts', id))?.body).toEqual(body);
        }),
        { numRuns: 40 },
      );
    });

    it('gives back names that mean something to an engine, and what is large or deeply nested', async () => {
      const nested = Array.from({ length: 150 }).reduce((inner: unknown) => ({ inner }), 'innermost');
      const body = { $set: { $gt: 1 }, 'a.b': [null, { 'c.$': -1.5e300 }], '': 2 ** 53, _bsontype: 'Long', nested };
      await documents.transaction((tx) => tx.insert('drafts', 'json_names', body));
      expect(await under.other.get('drafts', 'json_names')).toEqual({ id: 'json_names', version: 1, body });
      const large = { slug: 'large', words: 'x'.repeat(3_000_000), numbers: Array.from({ length: 400_000 }, () => 7) };
      await documents.transaction((tx) => tx.insert('drafts', 'json_large', large));
      expect((await documents.find('drafts', { slug: 'large' }, { limit: 1 }))[0]?.body).toEqual(large);
    });

    it('refuses a document beyond the limit', async () => {
      const tooLarge = documents.transaction((tx) => tx.insert('drafts', 'json_over', 'x'.repeat(8_000_000)));
      await expect(tooLarge).rejects.toMatchObject({
        kind: 'other',
        message: expect.stringContaining('8000000 bytes'),
      });
      expect(await documents.get('drafts', 'json_over')).toBeUndefined();
    });

    it('replaces only the version that the writer knows: of two, one wins', async () => {
      await insert('crs_race', { title: 'start' });
      const results = await Promise.all(
        ['a', 'b', 'c', 'd'].map((title, index) =>
          (index % 2 === 0 ? documents : under.other).transaction((tx) =>
            tx.replace('courses', 'crs_race', 1, { title }),
          ),
        ),
      );
      expect(results.filter((won) => won)).toHaveLength(1);
      expect((await documents.get('courses', 'crs_race'))?.version).toBe(2);
    });

    it('serialises units of work that lock the document', async () => {
      await insert('crs_count', { priority: 0 });
      const add = (through: Documents) =>
        through.transaction(async (tx) => {
          const course = await tx.getForUpdate<{ priority: number }>('courses', 'crs_count');
          if (course === undefined) throw new Error('gone');
          const kept = await tx.replace('courses', 'crs_count', course.version, { priority: course.body.priority + 1 });
          if (!kept) throw new Error('another unit of work came in between');
        });
      await Promise.all(Array.from({ length: 20 }, (_, index) => add(index % 2 === 0 ? documents : under.other)));
      expect(await documents.get('courses', 'crs_count')).toMatchObject({ version: 21, body: { priority: 20 } });
    });

    it('serialises units of work that lock a document which none of them changes', async () => {
      await insert('crs_guard', {});
      await insert('crs_guarded', { priority: 0 });
      const add = (through: Documents) =>
        through.transaction(async (tx) => {
          await tx.getForUpdate('courses', 'crs_guard');
          const course = await tx.get<{ priority: number }>('courses', 'crs_guarded');
          if (course === undefined) throw new Error('gone');
          const body = { priority: course.body.priority + 1 };
          if (!(await tx.replace('courses', 'crs_guarded', course.version, body))) throw new Error('came in between');
        });
      let rival: Promise<void> | undefined;
      await documents.transaction(async (tx) => {
        await tx.getForUpdate('courses', 'crs_guard');
        const course = await tx.get<{ priority: number }>('courses', 'crs_guarded');
        // It waits for this one, or commits and makes it run again.
        rival ??= add(under.other);
        await Promise.race([rival, delay(rivalMs)]);
        const body = { priority: (course?.body.priority ?? 0) + 1 };
        if (!(await tx.replace('courses', 'crs_guarded', body.priority, body))) throw new Error('came in between');
      });
      await rival;
      expect(await documents.get('courses', 'crs_guarded')).toMatchObject({ version: 3, body: { priority: 2 } });
      expect(await documents.get('courses', 'crs_guard')).toMatchObject({ version: 1 });
    });

    it('keeps documents and events together, or neither', async () => {
      const add = (userId: string, fail: boolean) =>
        documents.transaction(async (tx) => {
          await tx.insert('courses', `crs_${userId}`, { title: userId });
          await tx.publish(UserRegisteredSchema, { userId });
          if (fail) throw new Error('stop');
        });
      await expect(add('usr_lost', true)).rejects.toThrow('stop');
      await add('usr_kept', false);
      expect(await under.published()).toEqual(['usr_kept']);
      expect(await documents.get('courses', 'crs_usr_lost')).toBeUndefined();
      expect(await documents.get('courses', 'crs_usr_kept')).toBeDefined();
    });

    it('reads its own writes inside a unit of work, and nobody else does', async () => {
      await documents.transaction(async (tx) => {
        await tx.insert('courses', 'crs_own', { owner: 'me_own' });
        expect(await tx.get('courses', 'crs_own')).toBeDefined();
        expect(await tx.find('courses', { owner: 'me_own' }, { limit: 10 })).toHaveLength(1);
        expect(await documents.get('courses', 'crs_own')).toBeUndefined();
      });
    });

    it('names the fields of a clash', async () => {
      await insert('crs_taken', { slug: 'taken', owner: 'usr_1', title: 'Same' });
      const clash = (id: string, body: Course) => insert(id, body).catch((error: unknown) => error);
      expect(await clash('crs_taken', {})).toMatchObject({ kind: 'exists', field: 'id' });
      expect(await clash('crs_b', { slug: 'taken' })).toMatchObject({ kind: 'exists', field: 'slug' });
      expect(await clash('crs_c', { owner: 'usr_1', title: 'Same' })).toMatchObject({ field: 'owner,title' });
      expect(await clash('crs_c', { owner: 'usr_1', title: 'Other' })).toBeUndefined();
      await insert('crs_d', { slug: 'free' });
      const moved = documents.transaction((tx) => tx.replace('courses', 'crs_d', 1, { slug: 'taken' }));
      await expect(moved).rejects.toMatchObject({ kind: 'exists', field: 'slug' });
    });

    it('binds neither another collection nor a document without the value', async () => {
      await insert('crs_s1', { slug: 'both' });
      await insert('crs_s1', { slug: 'both' }, 'drafts');
      await insert('crs_none1', {});
      await insert('crs_none2', {});
      await insert('crs_none3', { slug: null });
      await insert('crs_none4', { slug: null });
    });

    it('lets one of two through that want the same value at the same moment', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 6 }, (_, index) =>
          (index % 2 === 0 ? documents : under.other).transaction((tx) =>
            tx.insert('courses', `crs_wish_${index}`, { slug: 'wished' }),
          ),
        ),
      );
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DocumentFault);
      }
    });

    it('keeps nothing of a unit of work after a clash, even when the work passes over it', async () => {
      await insert('crs_first', { slug: 'first' });
      const swallowing = documents.transaction(async (tx) => {
        await tx.insert('courses', 'crs_before', {});
        await tx.insert('courses', 'crs_again', { slug: 'first' }).catch(() => {});
      });
      await expect(swallowing).rejects.toMatchObject({ kind: 'exists', field: 'slug' });
      expect(await documents.get('courses', 'crs_before')).toBeUndefined();
    });

    it('finds by equality of text, numbers and booleans, all of them together', async () => {
      await insert('fnd_1', { owner: 'finder', priority: 1, open: true });
      await insert('fnd_2', { owner: 'finder', priority: 1.5, open: false });
      await insert('fnd_3', { owner: 'finder', priority: 1, open: false });
      const ids = async (where: Record<string, string | number | boolean>) =>
        (await documents.find('courses', { owner: 'finder', ...where }, { limit: 10 })).map((found) => found.id);
      expect(await ids({})).toEqual(['fnd_3', 'fnd_2', 'fnd_1']);
      expect(await ids({ priority: 1 })).toEqual(['fnd_3', 'fnd_1']);
      expect(await ids({ priority: 1, open: false })).toEqual(['fnd_3']);
      expect(await ids({ open: true })).toEqual(['fnd_1']);
      expect(await ids({ owner: "finder' OR 1=1 --" })).toEqual([]);
    });

    it('does not take a list for the values in it, nor text for a number', async () => {
      await documents.transaction((tx) => tx.insert('courses', 'lst_1', { owner: ['lister'], priority: '77' }));
      expect(await documents.find('courses', { owner: 'lister' }, { limit: 10 })).toEqual([]);
      expect(await documents.find('courses', { priority: 77 }, { limit: 10 })).toEqual([]);
    });

    it('finds in a unit of work what it would leave, in order and within the limit', async () => {
      for (const n of [1, 3, 5]) await insert(`tx_${n}`, { owner: 'txer' });
      await documents.transaction(async (tx) => {
        await tx.insert('courses', 'tx_2', { owner: 'txer' });
        await tx.delete('courses', 'tx_3');
        await tx.replace('courses', 'tx_5', 1, { owner: 'somebody' });
        const ids = async (options: { order?: 'id_ascending'; afterId?: string; limit: number }) =>
          (await tx.find('courses', { owner: 'txer' }, options)).map(({ id }) => id);
        expect(await ids({ limit: 10 })).toEqual(['tx_2', 'tx_1']);
        expect(await ids({ order: 'id_ascending', limit: 1 })).toEqual(['tx_1']);
        expect(await ids({ order: 'id_ascending', afterId: 'tx_1', limit: 10 })).toEqual(['tx_2']);
        expect((await tx.getMany('courses', ['tx_3', 'tx_2', 'tx_1'])).map(({ id }) => id)).toEqual(['tx_1', 'tx_2']);
      });
    });

    it('lets a value go with its document, and a unit of work pass it on', async () => {
      await insert('own_1', { slug: 'passed' });
      await documents.transaction(async (tx) => {
        await tx.replace('courses', 'own_1', 1, { slug: 'other' });
        await tx.insert('courses', 'own_2', { slug: 'passed' });
      });
      await documents.transaction((tx) => tx.delete('courses', 'own_2'));
      await insert('own_2', { slug: 'passed' });
      expect(await under.other.find('courses', { slug: 'passed' }, { limit: 2 })).toMatchObject([
        { id: 'own_2', version: 1 },
      ]);
    });

    it('keeps a sum over documents while many units of work move parts of it', async () => {
      const accounts = ['sum_a', 'sum_b', 'sum_c'];
      for (const id of accounts) await insert(id, { priority: 100 });
      const move = (through: Documents, from: string, to: string) =>
        through.transaction(async (tx) => {
          const [giver, taker] = [
            await tx.getForUpdate<{ priority: number }>('courses', from < to ? from : to),
            await tx.getForUpdate<{ priority: number }>('courses', from < to ? to : from),
          ].sort((one) => (one?.id === from ? -1 : 1));
          if (giver === undefined || taker === undefined) throw new Error('gone');
          await tx.replace('courses', from, giver.version, { priority: giver.body.priority - 1 });
          await tx.replace('courses', to, taker.version, { priority: taker.body.priority + 1 });
        });
      const pairs = accounts.flatMap((from) => accounts.filter((to) => to !== from).map((to) => [from, to] as const));
      await Promise.all(pairs.flatMap(([from, to]) => [move(documents, from, to), move(under.other, from, to)]));
      const left = await documents.getMany<{ priority: number }>('courses', accounts);
      expect(left.reduce((sum, { body }) => sum + body.priority, 0)).toBe(300);
      expect(left.map(({ version }) => version)).toEqual([9, 9, 9]);
    });

    it('pages in both orders, also while others are inserted', async () => {
      for (let n = 10; n < 20; n += 1) await insert(`pag_${n}`, { owner: 'pager' });
      const page = async (order: 'id_ascending' | 'id_descending', afterId?: string) => {
        const options = afterId === undefined ? { order, limit: 4 } : { order, limit: 4, afterId };
        return (await documents.find('courses', { owner: 'pager' }, options)).map((found) => found.id);
      };
      expect(await page('id_ascending')).toEqual(['pag_10', 'pag_11', 'pag_12', 'pag_13']);
      await insert('pag_125', { owner: 'pager' });
      expect(await page('id_ascending', 'pag_13')).toEqual(['pag_14', 'pag_15', 'pag_16', 'pag_17']);
      expect(await page('id_descending')).toEqual(['pag_19', 'pag_18', 'pag_17', 'pag_16']);
      expect(await page('id_descending', 'pag_11')).toEqual(['pag_10']);
    });

    it('gives many by id, and only those that are there', async () => {
      await insert('mny_1', {});
      await insert('mny_2', {});
      const found = await documents.getMany('courses', ['mny_2', 'mny_1', 'mny_0', 'mny_1']);
      expect(found.map((one) => one.id)).toEqual(['mny_1', 'mny_2']);
      expect(await documents.getMany('courses', [])).toEqual([]);
    });

    it('refuses what was not defined, and a limit beyond the bound', async () => {
      await expect(documents.find('courses', { title: 'x' }, { limit: 1 })).rejects.toThrow('searched by title');
      await expect(documents.get('nothing', 'x')).rejects.toThrow('not defined');
      await expect(documents.find('courses', {}, { limit: 1_001 })).rejects.toThrow('from 1 to 1000');
      await expect(documents.define([{ name: "x'; DROP", indexed: [] }])).rejects.toThrow('cannot name');
    });
  });
}
