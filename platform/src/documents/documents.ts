/**
 * The `documents` port: JSON documents by collection and id, with a unit of work that takes events along.
 *
 * Adapters: documents-embedded.ts (JSONB in the service's own PostgreSQL), documents-mongodb.ts (MongoDB by URL). Nothing
 * here asks for more than both can keep: equality on indexed top-level fields, one sort order, no joins.
 *
 * A read sees every unit of work that was committed before the read began, whole. One that commits while the read is under
 * way may be seen in some documents of the answer and not yet in others, and in none of them half. A unit of work reads its
 * own writes, and what it has locked stays as it was read; all else it reads may change under it.
 */
import type { Publish } from '../stream/outbox.ts';

export interface Document {
  readonly id: string;
  /** Counts up with each change; the ETag is made of it. */
  readonly version: number;
  readonly body: unknown;
}

export interface DocumentOf<T> {
  readonly id: string;
  readonly version: number;
  readonly body: T;
}

/** Of one document as JSON in UTF-8: what MongoDB's 16 MB hold however it is stored. More is a DocumentFault `other`. */
export const bodyBytesMax = 8_000_000;

export interface CollectionDefinition {
  readonly name: string;
  /** Top-level fields that can be searched for equality. */
  readonly indexed: readonly string[];
  /**
   * Top-level fields (or groups of them) whose value no two documents share. A document without the field, or with null
   * in it, claims no value. A single unique field can be searched for, too.
   */
  readonly unique?: readonly (readonly string[])[];
}

export interface FindOptions {
  /** Newest first (ids sort by creation) by default. */
  readonly order?: 'id_ascending' | 'id_descending';
  /** Continue after this id in the order. */
  readonly afterId?: string;
  /** At most 1,000. */
  readonly limit: number;
}

export interface DocumentReader {
  get<T>(collection: string, id: string): Promise<DocumentOf<T> | undefined>;
  getMany<T>(collection: string, ids: readonly string[]): Promise<DocumentOf<T>[]>;
  /** Documents whose indexed top-level fields equal the given values. */
  find<T>(
    collection: string,
    where: Readonly<Record<string, string | number | boolean>>,
    options: FindOptions,
  ): Promise<DocumentOf<T>[]>;
}

export interface DocumentTransaction extends DocumentReader {
  /** Throws DocumentFault `exists` when the id or a unique field is taken. */
  insert(collection: string, id: string, body: unknown): Promise<void>;
  /** Replaces the body if the version is still this one; false otherwise. */
  replace(collection: string, id: string, version: number, body: unknown): Promise<boolean>;
  delete(collection: string, id: string): Promise<void>;
  /** Reads and locks, so that two transactions cannot both go on from the same version. */
  getForUpdate<T>(collection: string, id: string): Promise<DocumentOf<T> | undefined>;
  readonly publish: Publish;
}

export interface Documents extends DocumentReader {
  /**
   * Commits when `work` resolves. `work` runs again when it lost a deadlock or a race for what it had locked or changed, so
   * it has no effects outside. A DocumentFault ends the unit of work, also when `work` passes over it. A commit whose
   * answer was lost for good throws `commit_unknown`: the caller must look before it repeats.
   */
  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T>;
  /** Makes the indexes that are missing; to be called at each start, before anything else. */
  define(collections: readonly CollectionDefinition[]): Promise<void>;
  ping(): Promise<number>;
}

export class DocumentFault extends Error {
  readonly kind: 'exists' | 'unavailable' | 'commit_unknown' | 'other';
  /** The unique fields that clash, comma-separated; 'id' for the id itself. */
  readonly field: string;
  constructor(kind: DocumentFault['kind'], message: string, field = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'DocumentFault';
    this.kind = kind;
    this.field = field;
  }
}
