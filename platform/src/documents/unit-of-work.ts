/** One try at a unit of work on MongoDB: what it has read for update and what it would change, until it is committed. */
import { envelopeOf } from '../stream/outbox.ts';
import type { World } from '../world.ts';
import {
  DocumentFault,
  type DocumentOf,
  type DocumentReader,
  type DocumentTransaction,
  type FindOptions,
} from './documents.ts';
import { asDocument, assertDefined, type Definitions, findQuery, storedReader } from './mongodb-reader.ts';
import type { Change, KeptDocument, UnitEvent, UnitLog } from './mongodb-units.ts';
import { bodyOf, claimedFields, type StoredValue, storedValue } from './stored-document.ts';

/** Another unit of work changed what this one stands on. */
export class Overtaken extends Error {
  constructor(options?: ErrorOptions) {
    super('another unit of work was faster', options);
    this.name = 'Overtaken';
  }
}

interface Surroundings {
  readonly log: UnitLog;
  readonly definitions: Definitions;
  readonly owner: string;
  readonly world: World;
}

/** A document as this unit sees it. */
interface Held {
  /** Number of the unit that it was read from; 0 when it was not there. */
  readonly seen: number;
  readonly value: StoredValue | undefined;
  readonly isChanged: boolean;
}

type Where = Readonly<Record<string, string | number | boolean>>;

const describedPerPage = 200;

export class UnitOfWork implements DocumentTransaction {
  readonly publish: DocumentTransaction['publish'];
  readonly #log: UnitLog;
  readonly #definitions: Definitions;
  readonly #reader: DocumentReader;
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #events: UnitEvent[] = [];
  #clash: DocumentFault | undefined;

  constructor({ log, definitions, owner, world }: Surroundings) {
    this.#log = log;
    this.#definitions = definitions;
    this.#reader = storedReader(log, definitions);
    this.publish = async (schema, event, cause) => {
      this.#events.push(envelopeOf({ owner, world }, schema, event, cause));
    };
  }

  async get<T>(collection: string, id: string): Promise<DocumentOf<T> | undefined> {
    const known = this.#heldOf(collection).get(id);
    return known === undefined ? this.#reader.get<T>(collection, id) : documentOf<T>(id, known);
  }

  async getMany<T>(collection: string, ids: readonly string[]): Promise<DocumentOf<T>[]> {
    const mine = this.#heldOf(collection);
    const others = ids.filter((id) => !mine.has(id));
    const found = await this.#reader.getMany<T>(collection, others);
    const own = [...new Set(ids)].flatMap((id) => documentOf<T>(id, mine.get(id)) ?? []);
    return [...found, ...own].sort((a, b) => compareIds(a.id, b.id));
  }

  async find<T>(collection: string, where: Where, options: FindOptions): Promise<DocumentOf<T>[]> {
    const query = findQuery(this.#definitions, collection, where, options);
    const mine = this.#heldOf(collection);
    const direction = options.order === 'id_ascending' ? 1 : -1;
    const found = await this.#log
      .documents(collection)
      .find(mine.size === 0 ? query : { $and: [query, { _id: { $nin: [...mine.keys()] } }] })
      .sort({ _id: direction })
      .limit(options.limit)
      .toArray();
    const own = [...mine].flatMap(([id, one]) =>
      isFound(id, one, where, options) ? (documentOf<T>(id, one) ?? []) : [],
    );
    return [...found.map((one) => asDocument<T>(one)), ...own]
      .sort((a, b) => compareIds(a.id, b.id) * direction)
      .slice(0, options.limit);
  }

  async insert(collection: string, id: string, body: unknown): Promise<void> {
    const value = storedValue(assertDefined(this.#definitions, collection), 1, body);
    const before = await this.#hold(collection, id);
    if (before.value !== undefined) throw this.#clashes('id');
    await this.#change(collection, id, before.seen, value);
  }

  async replace(collection: string, id: string, version: number, body: unknown): Promise<boolean> {
    const value = storedValue(assertDefined(this.#definitions, collection), version + 1, body);
    // Without a lock what is there now decides whether the writer knows the version.
    const before = this.#heldOf(collection).get(id) ?? (await this.#look(collection, id));
    if (before.value?.version !== version) return false;
    await this.#change(collection, id, before.seen, value);
    return true;
  }

  async delete(collection: string, id: string): Promise<void> {
    const { seen, value } = await this.#hold(collection, id);
    if (value !== undefined) this.#heldOf(collection).set(id, { seen, value: undefined, isChanged: true });
  }

  async getForUpdate<T>(collection: string, id: string): Promise<DocumentOf<T> | undefined> {
    return documentOf<T>(id, await this.#hold(collection, id));
  }

  /** Writes a page of documents again under today's definition; gives where to go on. */
  async describe(collection: string, afterId: string | undefined): Promise<string | undefined> {
    const definition = assertDefined(this.#definitions, collection);
    const page = await this.#log
      .documents(collection)
      .find({ gone: false, ...(afterId === undefined ? {} : { _id: { $gt: afterId } }) })
      .sort({ _id: 1 })
      .limit(describedPerPage)
      .toArray();
    for (const one of page) {
      const value = storedValue(definition, one.version, bodyOf(one.stored ?? {}));
      await this.#change(collection, one._id, one.unit, value);
    }
    return page.at(-1)?._id;
  }

  /** Whether all it has locked or changes is as it was seen, and what it claims is free. */
  async stillHolds(): Promise<boolean> {
    for (const [collection, documents] of this.#held) {
      if (documents.size === 0) continue;
      const found = await this.#log
        .documents(collection)
        .find({ _id: { $in: [...documents.keys()] }, gone: false }, { projection: { unit: 1 } })
        .toArray();
      const units = new Map(found.map(({ _id, unit }) => [_id, unit]));
      for (const [id, { seen }] of documents) if ((units.get(id) ?? 0) !== seen) return false;
      const claims = changesOf(documents).flatMap(([, { value }]) => value?.claims ?? []);
      if ((await this.#holderOf(collection, claims)) !== null) return false;
    }
    return true;
  }

  /** The first clash with another document. */
  get clash(): DocumentFault | undefined {
    return this.#clash;
  }

  get events(): readonly UnitEvent[] {
    return this.#events;
  }

  changes(): Change[] {
    return [...this.#held].flatMap(([collection, documents]) =>
      changesOf(documents).map(([id, { value }]) => ({ collection, id, value: value ?? ('gone' as const) })),
    );
  }

  /** What it has locked and leaves as it was. */
  locks(): Change[] {
    return [...this.#held].flatMap(([collection, documents]) =>
      [...documents].flatMap(([id, { value, isChanged }]) =>
        isChanged || value === undefined ? [] : [{ collection, id, value: 'locked' as const }],
      ),
    );
  }

  #heldOf(collection: string): Map<string, Held> {
    assertDefined(this.#definitions, collection);
    const known = this.#held.get(collection) ?? new Map<string, Held>();
    this.#held.set(collection, known);
    return known;
  }

  async #hold(collection: string, id: string): Promise<Held> {
    const known = this.#heldOf(collection).get(id);
    if (known !== undefined) return known;
    const taken = await this.#look(collection, id);
    this.#heldOf(collection).set(id, taken);
    return taken;
  }

  async #look(collection: string, id: string): Promise<Held> {
    const found = await this.#log.documents(collection).findOne({ _id: id, gone: false });
    if (found === null) return { seen: 0, value: undefined, isChanged: false };
    const { version, stored = {}, keys, claims } = found;
    return { seen: found.unit, value: { version, stored, keys, claims }, isChanged: false };
  }

  async #change(collection: string, id: string, seen: number, value: StoredValue): Promise<void> {
    const taken = await this.#takenClaim(collection, id, value.claims);
    if (taken !== undefined) throw this.#clashes(claimedFields(taken));
    this.#heldOf(collection).set(id, { seen, value, isChanged: true });
  }

  /** The first of the claims that another document has. */
  async #takenClaim(collection: string, id: string, claims: readonly string[]): Promise<string | undefined> {
    for (const [other, { value, isChanged }] of this.#heldOf(collection)) {
      const shared = other === id || !isChanged ? undefined : value?.claims.find((claim) => claims.includes(claim));
      if (shared !== undefined) return shared;
    }
    const holder = await this.#holderOf(collection, claims, id);
    return holder === null ? undefined : claims.find((claim) => holder.claims.includes(claim));
  }

  /** A document that has one of the claims and is not changed here. */
  async #holderOf(collection: string, claims: readonly string[], butNot?: string): Promise<KeptDocument | null> {
    if (claims.length === 0) return null;
    const changed = changesOf(this.#heldOf(collection)).map(([id]) => id);
    const own = butNot === undefined ? changed : [...changed, butNot];
    return this.#log.documents(collection).findOne({ claims: { $in: [...claims] }, gone: false, _id: { $nin: own } });
  }

  #clashes(field: string): DocumentFault {
    const fault = new DocumentFault('exists', `another document has this ${field}`, field);
    this.#clash ??= fault;
    return fault;
  }
}

function changesOf(documents: ReadonlyMap<string, Held>): [string, Held][] {
  return [...documents].filter(([, { isChanged }]) => isChanged);
}

function documentOf<T>(id: string, held: Held | undefined): DocumentOf<T> | undefined {
  if (held?.value === undefined) return undefined;
  return { id, version: held.value.version, body: bodyOf(held.value.stored) as T };
}

function isFound(id: string, { value }: Held, where: Where, { order, afterId }: FindOptions): boolean {
  if (value === undefined) return false;
  if (afterId !== undefined && compareIds(id, afterId) * (order === 'id_ascending' ? 1 : -1) <= 0) return false;
  return Object.entries(where).every(([field, wanted]) => value.keys[field] === wanted);
}

/** As MongoDB sorts text: by its bytes. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
