/**
 * The `documents` port on JSONB, in the service's own PostgreSQL: one table for all collections, an expression index for
 * each field that can be searched.
 *
 * Library and engine: the `sql` port. Pitfalls: jsonb takes neither U+0000 nor half a surrogate pair; a statement that
 * fails ends its transaction, so a clash ends the unit of work here as it does in MongoDB.
 */
import { createHash } from 'node:crypto';
import { retrying, type Sql, type SqlExecutor, SqlFault, type SqlRow, type SqlTransaction } from '../sql/sql.ts';
import type { Publish } from '../stream/outbox.ts';
import {
  bodyBytesMax,
  type CollectionDefinition,
  DocumentFault,
  type DocumentOf,
  type DocumentReader,
  type Documents,
  type DocumentTransaction,
  type FindOptions,
} from './documents.ts';

export interface EmbeddedDocumentsOptions {
  /** The service's own database; whoever opened it closes it. */
  readonly sql: Sql;
  /** The outbox of the same database. */
  readonly publishIn: (tx: SqlTransaction) => Publish;
}

const findMax = 1_000;
/** Names of PostgreSQL are cut at 63 bytes. */
const nameBytesMax = 63;
const namePattern = /^[A-Za-z][A-Za-z0-9_]*$/;

/** What `define` was told: which fields may be searched, and which unique index stands for which fields. */
interface Schema {
  readonly indexed: Map<string, ReadonlySet<string>>;
  readonly unique: Map<string, readonly string[]>;
}

export async function openEmbeddedDocuments(options: EmbeddedDocumentsOptions): Promise<Documents> {
  const { sql, publishIn } = options;
  const schema: Schema = { indexed: new Map(), unique: new Map() };
  await inDefinition(sql, async (tx) => {
    await tx.execute(`CREATE TABLE IF NOT EXISTS documents (
      collection text COLLATE "C" NOT NULL,
      id text COLLATE "C" NOT NULL,
      version int NOT NULL DEFAULT 1,
      body jsonb NOT NULL,
      PRIMARY KEY (collection, id)
    )`);
  });
  return {
    ...reader(sql, schema),
    transaction: (work) => guarded(() => retrying(() => inUnitOfWork(sql, schema, publishIn, work))),
    async define(collections) {
      for (const collection of collections) note(schema, collection);
      await inDefinition(sql, async (tx) => {
        for (const collection of collections) await createIndexes(tx, collection);
      });
    },
    ping: () => sql.ping(),
  };
}

/** One definition at a time: `IF NOT EXISTS` alone lets two processes that start together clash. */
async function inDefinition(sql: Sql, work: (tx: SqlTransaction) => Promise<void>): Promise<void> {
  await sql.transaction(async (tx) => {
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('suuupra:documents', 0))");
    await work(tx);
  });
}

async function inUnitOfWork<T>(
  sql: Sql,
  schema: Schema,
  publishIn: (tx: SqlTransaction) => Publish,
  work: (tx: DocumentTransaction) => Promise<T>,
): Promise<T> {
  return sql.transaction(async (tx) => {
    let clash: DocumentFault | undefined;
    const clashed = (fault: DocumentFault): DocumentFault => {
      clash = fault;
      return fault;
    };
    const result = await work({
      ...reader(tx, schema),
      ...writer(tx, schema, clashed),
      publish: publishIn(tx),
    });
    // Caught by the work or not: the transaction is lost, and nobody shall believe that it was kept.
    if (clash !== undefined) throw clash;
    return result;
  });
}

interface DocumentRow extends SqlRow {
  id: string;
  version: number;
  body: unknown;
}

function reader(sql: SqlExecutor, schema: Schema): DocumentReader {
  const rows = async <T>(text: string, values: Parameters<SqlExecutor['query']>[1]) =>
    (await guarded(() => sql.query<DocumentRow>(text, values))) as DocumentOf<T>[];
  return {
    async get<T>(collection: string, id: string) {
      assertDefined(schema, collection);
      return (
        await rows<T>('SELECT id, version, body FROM documents WHERE collection = $1 AND id = $2', [collection, id])
      )[0];
    },
    async getMany<T>(collection: string, ids: readonly string[]) {
      assertDefined(schema, collection);
      return rows<T>(
        'SELECT id, version, body FROM documents WHERE collection = $1 AND id = ANY ($2::text[]) ORDER BY id',
        [collection, ids],
      );
    },
    async find<T>(
      collection: string,
      where: Readonly<Record<string, string | number | boolean>>,
      options: FindOptions,
    ) {
      const { text, values } = findText(schema, collection, where, options);
      return rows<T>(text, values);
    },
  };
}

function findText(
  schema: Schema,
  collection: string,
  where: Readonly<Record<string, string | number | boolean>>,
  options: FindOptions,
): { text: string; values: (string | number)[] } {
  const indexed = assertDefined(schema, collection);
  if (!Number.isInteger(options.limit) || options.limit < 1 || options.limit > findMax) {
    throw new RangeError(`the limit is ${options.limit}; it must be from 1 to ${findMax}`);
  }
  const values: (string | number)[] = [collection];
  const conditions = Object.entries(where).map(([field, value]) => {
    if (!indexed.has(field)) throw new Error(`${collection} is not defined to be searched by ${field}`);
    values.push(JSON.stringify(value));
    // The second condition is true whenever the first is; it shows the planner that a unique index fits.
    return `AND body->'${field}' = $${values.length}::jsonb ${isPresent(field)}`;
  });
  const ascending = options.order === 'id_ascending';
  if (options.afterId !== undefined) {
    values.push(options.afterId);
    conditions.push(`AND id ${ascending ? '>' : '<'} $${values.length}`);
  }
  values.push(options.limit);
  // The collection is a literal here, so that the planner sees that the partial index of the collection fits.
  const text = `SELECT id, version, body FROM documents WHERE collection = $1 AND collection = '${collection}' ${conditions.join(' ')}
    ORDER BY id ${ascending ? 'ASC' : 'DESC'} LIMIT $${values.length}`;
  return { text, values };
}

function writer(
  tx: SqlTransaction,
  schema: Schema,
  clashed: (fault: DocumentFault) => DocumentFault,
): Omit<DocumentTransaction, keyof DocumentReader | 'publish'> {
  const write = (text: string, values: (string | number)[]) =>
    guarded(() => tx.execute(text, values)).catch((error: unknown) => {
      throw clashed(asDocumentFault(schema, error));
    });
  return {
    async insert(collection, id, body) {
      assertDefined(schema, collection);
      await write('INSERT INTO documents (collection, id, body) VALUES ($1, $2, $3::jsonb)', [
        collection,
        id,
        json(body),
      ]);
    },
    async replace(collection, id, version, body) {
      assertDefined(schema, collection);
      const touched = await write(
        'UPDATE documents SET version = version + 1, body = $4::jsonb WHERE collection = $1 AND id = $2 AND version = $3',
        [collection, id, version, json(body)],
      );
      return touched === 1;
    },
    async delete(collection, id) {
      assertDefined(schema, collection);
      await write('DELETE FROM documents WHERE collection = $1 AND id = $2', [collection, id]);
    },
    async getForUpdate<T>(collection: string, id: string) {
      assertDefined(schema, collection);
      const [row] = await guarded(() =>
        tx.query<DocumentRow>('SELECT id, version, body FROM documents WHERE collection = $1 AND id = $2 FOR UPDATE', [
          collection,
          id,
        ]),
      );
      return row as DocumentOf<T> | undefined;
    },
  };
}

function json(body: unknown): string {
  const text = JSON.stringify(body);
  if (text === undefined) throw new TypeError('a document body must be a JSON value');
  if (Buffer.byteLength(text) > bodyBytesMax) {
    throw new DocumentFault('other', `a document has at most ${bodyBytesMax} bytes as JSON`);
  }
  return text;
}

function note(schema: Schema, { name, indexed, unique = [] }: CollectionDefinition): void {
  for (const word of [name, ...indexed, ...unique.flat()]) {
    if (!namePattern.test(word))
      throw new Error(`"${word}" cannot name a collection or a field: letters, digits and _ only`);
  }
  schema.indexed.set(name, new Set([...indexed, ...unique.flatMap((fields) => (fields.length === 1 ? fields : []))]));
  for (const fields of unique) schema.unique.set(indexName('unique', name, fields), fields);
}

async function createIndexes(tx: SqlTransaction, { name, indexed, unique = [] }: CollectionDefinition): Promise<void> {
  for (const field of indexed) {
    await tx.execute(
      `CREATE INDEX IF NOT EXISTS "${indexName('by', name, [field])}" ON documents ((body->'${field}'), id) WHERE collection = '${name}'`,
    );
  }
  for (const fields of unique) {
    // A document without the field, or with null in it, claims no value. A single field also serves searches.
    const columns = fields.map((field) => `(body->'${field}')`).join(', ');
    const present = fields.map(isPresent).join(' ');
    await tx.execute(
      `CREATE UNIQUE INDEX IF NOT EXISTS "${indexName('unique', name, fields)}" ON documents (${columns}) WHERE collection = '${name}' ${present}`,
    );
  }
}

function isPresent(field: string): string {
  return `AND coalesce(body->'${field}', 'null') <> 'null'`;
}

function indexName(kind: 'by' | 'unique', collection: string, fields: readonly string[]): string {
  const name = `documents_${collection}_${kind}_${fields.join('_')}`;
  if (Buffer.byteLength(name) <= nameBytesMax) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.slice(0, nameBytesMax - 17)}_${digest}`;
}

function assertDefined(schema: Schema, collection: string): ReadonlySet<string> {
  const indexed = schema.indexed.get(collection);
  if (indexed === undefined) throw new Error(`the collection ${collection} is not defined`);
  return indexed;
}

/** Turns an outage into the port's own fault, and leaves what can be tried again to `retrying`. */
async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SqlFault)) throw error;
    if (error.kind === 'commit_unknown') throw new DocumentFault('commit_unknown', error.message, '', { cause: error });
    if (error.kind !== 'unavailable') throw error;
    throw new DocumentFault('unavailable', 'the documents do not answer', '', { cause: error });
  }
}

function asDocumentFault(schema: Schema, error: unknown): DocumentFault {
  if (error instanceof DocumentFault) return error;
  if (!(error instanceof SqlFault) || error.kind === 'retryable') throw error;
  if (error.kind !== 'unique') return new DocumentFault('other', error.message, '', { cause: error });
  const fields = schema.unique.get(error.constraint);
  const field = fields?.join(',') ?? 'id';
  return new DocumentFault('exists', `another document has this ${field}`, field, { cause: error });
}
