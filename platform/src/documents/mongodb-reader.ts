/** Reads of the collections in MongoDB as they are, and the queries for them. */
import type { Filter } from 'mongodb';
import type { CollectionDefinition, DocumentOf, DocumentReader, FindOptions } from './documents.ts';
import type { KeptDocument, UnitLog } from './mongodb-units.ts';
import { bodyOf, searchableFields } from './stored-document.ts';

export type Definitions = ReadonlyMap<string, CollectionDefinition>;

const findMax = 1_000;

export function storedReader(log: UnitLog, definitions: Definitions): DocumentReader {
  return {
    async get<T>(collection: string, id: string) {
      const found = await log.documents(collection).findOne({ _id: id, gone: false });
      return found === null ? undefined : asDocument<T>(found);
    },
    async getMany<T>(collection: string, ids: readonly string[]) {
      if (ids.length === 0) return [];
      const found = await log
        .documents(collection)
        .find({ _id: { $in: [...new Set(ids)] }, gone: false })
        .sort({ _id: 1 })
        .toArray();
      return found.map((one) => asDocument<T>(one));
    },
    find: async <T>(
      collection: string,
      where: Readonly<Record<string, string | number | boolean>>,
      options: FindOptions,
    ) => runFind<T>(log, collection, findQuery(definitions, collection, where, options), options),
  };
}

export async function runFind<T>(
  log: UnitLog,
  collection: string,
  query: Filter<KeptDocument>,
  { order, limit }: FindOptions,
): Promise<DocumentOf<T>[]> {
  const direction = order === 'id_ascending' ? 1 : -1;
  const found = await log.documents(collection).find(query).sort({ _id: direction }).limit(limit).toArray();
  return found.map((one) => asDocument<T>(one));
}

/** The query for it. Throws for what was not defined and for limits out of bounds. */
export function findQuery(
  definitions: Definitions,
  collection: string,
  where: Readonly<Record<string, string | number | boolean>>,
  { order, afterId, limit }: FindOptions,
): Filter<KeptDocument> {
  const searchable = searchableFields(assertDefined(definitions, collection));
  if (!Number.isInteger(limit) || limit < 1 || limit > findMax) {
    throw new RangeError(`the limit is ${limit}; it must be from 1 to ${findMax}`);
  }
  const conditions: Record<string, unknown> = { gone: false };
  for (const [field, value] of Object.entries(where)) {
    if (!searchable.has(field)) throw new Error(`${collection} is not defined to be searched by ${field}`);
    conditions[`keys.${field}`] = { $eq: value };
  }
  if (afterId !== undefined) conditions['_id'] = { [order === 'id_ascending' ? '$gt' : '$lt']: afterId };
  return conditions as Filter<KeptDocument>;
}

export function asDocument<T>({ _id, version, stored }: KeptDocument): DocumentOf<T> {
  return { id: _id, version, body: bodyOf(stored ?? {}) as T };
}

export function assertDefined(definitions: Definitions, collection: string): CollectionDefinition {
  const definition = definitions.get(collection);
  if (definition === undefined) throw new Error(`the collection ${collection} is not defined`);
  return definition;
}
