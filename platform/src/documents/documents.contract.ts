/** What every adapter of the `documents` port must do. */
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
