/** The indices behind one name on an OpenSearch server: which one serves, making one, switching, clearing away. */
import { randomBytes } from 'node:crypto';
import type { Door } from './opensearch-door.ts';
import { DoorFault } from './opensearch-door.ts';
import { indexBody, indexName, indexNumber } from './opensearch-form.ts';
import { SearchFault } from './search.ts';

export interface Indices {
  /** Names of those behind the alias: one, as a rule. */
  serving(): Promise<string[]>;
  /** Makes an empty index serve when none does. Several processes may try at once. */
  ensure(): Promise<void>;
  /** Whether what serves was built, whole, in this program's form. */
  isBuilt(): Promise<boolean>;
  /** Makes an empty index with an alias of its own to be written through. */
  create(): Promise<{ readonly index: string; readonly alias: string }>;
  /** Marks it built and lets it serve instead of `before`, at one moment. Throws when something else serves by now. */
  switchTo(index: string, alias: string, before: readonly string[]): Promise<void>;
  /** Indices of this name that do not serve. */
  idle(): Promise<string[]>;
  remove(index: string): Promise<void>;
  /** Makes what was written findable, and counts what is there, also what was removed. */
  count(index: string): Promise<number>;
}

const adminMsMax = 30_000;
const ensureTriesMax = 5;

type AliasesByIndex = Readonly<Record<string, { readonly aliases: Readonly<Record<string, unknown>> }>>;

export function indicesOf(door: Door, name: string, form: string): Indices {
  const send = <Answer = unknown>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
    query?: Readonly<Record<string, string | number | boolean>>,
  ) =>
    door.send<Answer>(
      { kind: 'admin', method, path, ...(body && { body }), ...(query && { query }) },
      performance.now() + adminMsMax,
    );
  const existing = async () => {
    const found = await send<AliasesByIndex>('GET', `/${name}-*/_alias`);
    return Object.entries(found).filter(([index]) => indexNumber(name, index) !== undefined);
  };
  const nextIndex = async (attempt: string) => {
    const numbers = (await existing()).map(([index]) => indexNumber(name, index) ?? 0);
    return indexName(name, form, Math.max(0, ...numbers) + 1, attempt);
  };
  const indices: Indices = {
    serving: async () => (await existing()).flatMap(([index, { aliases }]) => (name in aliases ? [index] : [])),
    idle: async () => (await existing()).flatMap(([index, { aliases }]) => (name in aliases ? [] : [index])),
    ensure: async () => {
      for (let tries = 0; tries < ensureTriesMax; tries += 1) {
        if ((await indices.serving()).length > 0) return;
        try {
          await send('PUT', `/${await nextIndex('')}`, indexBody(form, [name]));
        } catch (error) {
          // Another process has made it at the same moment.
          if (!isRefusedFor(error, 'resource_already_exists')) throw error;
        }
      }
      throw new SearchFault('unavailable', `No search index could be made under the name ${name}.`);
    },
    isBuilt: async () => {
      // Nothing under the alias is an empty answer here, and so not built.
      const found = await send<Record<string, { mappings: { _meta?: { form?: string; built?: boolean } } }>>(
        'GET',
        `/${name}/_mapping`,
        undefined,
        { ignore_unavailable: true },
      );
      const metas = Object.values(found).map(({ mappings }) => mappings._meta);
      return metas.length === 1 && metas[0]?.form === form && metas[0].built === true;
    },
    create: async () => {
      const index = await nextIndex(randomBytes(4).toString('hex'));
      const alias = `${index}-filling`;
      await send('PUT', `/${index}`, indexBody(form, [alias]));
      return { index, alias };
    },
    switchTo: async (index, alias, before) => {
      await send('PUT', `/${index}/_mapping`, { _meta: { form, built: true } });
      const actions = [
        ...before.map((old) => ({ remove: { index: old, alias: name, must_exist: true } })),
        { remove: { index, alias } },
        { add: { index, alias: name } },
      ];
      await send('POST', '/_aliases', { actions });
    },
    remove: async (index) => {
      await send('DELETE', `/${index}`, undefined, { ignore_unavailable: true });
    },
    count: async (index) => {
      await send('POST', `/${index}/_refresh`);
      return (await send<{ count: number }>('GET', `/${index}/_count`)).count;
    },
  };
  return indices;
}

function isRefusedFor(error: unknown, reason: string): boolean {
  return error instanceof DoorFault && error.reason.startsWith(reason);
}
