/**
 * The log of units of work: how several documents and events change together on a MongoDB of which no more is asked than
 * that it changes one document atomically.
 *
 * A unit of work is one document of `_units`, numbered without gaps. Inserting it is the commit: whoever inserts number n
 * has seen what 1 … n−1 left, because another unit n would have been in the way. What it changes is then carried over into
 * the collections, by whoever finds it first: each document keeps the number of its last unit and never goes back, so it
 * does not matter who carries over, how often and how late. Its events wait in it for the relay. (Pat Helland, "Immutability
 * Changes Everything", CIDR 2015; Fowler's event log; it takes the place of MongoDB's own transactions.)
 *
 * Units that are carried over and told are removed but for the newest `keptUnits`; `_marks.floor` is raised first, so that a
 * writer that slept meanwhile and finds its number free again sees that it came too late.
 */
import { type Collection, type Db, type Filter, MongoError, MongoServerError } from 'mongodb';
import { DocumentFault } from './documents.ts';
import { bytesOf, type StoredBody, type StoredValue } from './stored-document.ts';

export interface Change {
  readonly collection: string;
  readonly id: string;
  /** 'gone': deleted. 'locked': as it was, and whoever has locked it too is overtaken. */
  readonly value: StoredValue | 'gone' | 'locked';
}

export interface UnitEvent {
  readonly topic: string;
  readonly envelope: Uint8Array;
}

/** A change in the log; a large body is kept apart, in `_parts`. */
interface LoggedChange {
  readonly collection: string;
  readonly id: string;
  readonly value: Omit<StoredValue, 'stored'> | 'gone' | 'locked';
  readonly stored?: StoredBody;
  readonly part?: string;
}

export interface Unit {
  readonly _id: number;
  /** Tells a unit from another that wanted the same number. */
  readonly token: string;
  readonly at: Date;
  readonly applied: boolean;
  readonly told: boolean;
  readonly changes: readonly LoggedChange[];
  readonly events: readonly UnitEvent[];
}

/** A document of a collection. A gone one stays as a mark, so that a late hand does not bring it back. */
export interface KeptDocument {
  readonly _id: string;
  /** The number of the unit that left it so. */
  readonly unit: number;
  readonly gone: boolean;
  readonly version: number;
  readonly stored?: StoredBody;
  readonly keys: StoredValue['keys'];
  readonly claims: readonly string[];
}

interface Part {
  readonly _id: string;
  readonly token: string;
  readonly at: Date;
  readonly stored: StoredBody;
}

/** `floor`: the number up to which units were removed. `collection:<name>`: the definition its documents are described by. */
interface Mark {
  readonly _id: string;
  readonly number?: number;
  readonly described?: string;
}

export interface NewUnit {
  readonly token: string;
  readonly at: Date;
  readonly changes: readonly Change[];
  readonly events: readonly UnitEvent[];
}

/** More of them in one unit of work are a mistake, and MongoDB's 16 MB would end it with a worse sentence. */
export const changesMax = 20_000;
export const eventsBytesMax = 8_000_000;
/** Bodies beyond this, counted over the unit, go into documents of their own. */
const inlineBytesMax = 2_000_000;
/** Nobody sleeps between two statements while so many units are committed, and if so, it is told. */
const keptUnits = 1_000;
const batchMax = 50;
/** Of carrying over, by one reader: there would have to be that many batches, or one that cannot be carried over. */
const roundsMax = 200;
const settleMsMax = 15_000;
const settleEveryMs = 100;
/** Parts of units that were never committed. */
const orphanMs = 86_400_000;
const duplicateKey = 11_000;

export async function openUnitLog(db: Db): Promise<UnitLog> {
  const log = new UnitLog(db);
  await log.createIndexes();
  return log;
}

export class UnitLog {
  readonly #db: Db;
  readonly #units: Collection<Unit>;
  readonly #parts: Collection<Part>;
  readonly #marks: Collection<Mark>;

  constructor(db: Db) {
    this.#db = db;
    this.#units = db.collection('_units');
    this.#parts = db.collection('_parts');
    this.#marks = db.collection('_marks');
  }

  async createIndexes(): Promise<void> {
    await Promise.all([
      this.#units.createIndex({ applied: 1, _id: 1 }, { partialFilterExpression: { applied: false } }),
      this.#units.createIndex({ told: 1, _id: 1 }, { partialFilterExpression: { told: false } }),
      this.#parts.createIndex({ token: 1 }),
      this.#parts.createIndex({ at: 1 }),
    ]);
  }

  documents(collection: string): Collection<KeptDocument> {
    return this.#db.collection(collection);
  }

  /** Number of the newest unit; 0 when there is none. */
  async head(): Promise<number> {
    return (await numberOf(this.#units, {}, -1)) ?? 0;
  }

  /** Carries over every committed unit that is not yet. */
  async catchUp(): Promise<void> {
    for (let round = 0; round < roundsMax; round += 1) {
      const found = await this.#units.find({ applied: false }).sort({ _id: 1 }).limit(batchMax).toArray();
      if (found.length === 0) return;
      const floor = await this.#floor();
      for (const unit of found) {
        if (unit._id > floor) await this.#carryOver(unit);
        // Its writer slept until its number was free again; it was never committed.
        else await this.#units.deleteOne({ _id: unit._id, token: unit.token });
      }
    }
    throw new DocumentFault('other', `units of work are still not carried over after ${roundsMax} rounds`);
  }

  /** Commits under this number. False when another unit has it. Throws `commit_unknown` when nobody answered in time. */
  async commit(number: number, unit: NewUnit): Promise<boolean> {
    const logged = await logChanges(this.#parts, unit);
    const record: Unit = {
      _id: number,
      ...{ token: unit.token, at: unit.at, changes: logged, events: unit.events },
      ...{ applied: logged.length === 0, told: unit.events.length === 0 },
    };
    const isOurs = await insertOnce(this.#units, record);
    if (isOurs && (await this.#floor()) < number) return true;
    if (isOurs) await this.#units.deleteOne({ _id: number, token: unit.token });
    return false;
  }

  /** Events of the oldest units that have some which are not told, in the order of the commits; whole units only. */
  async untold(eventsMax: number): Promise<{ readonly unit: number; readonly events: readonly UnitEvent[] }[]> {
    const found = await this.#units
      .find({ told: false }, { projection: { _id: 1, events: 1 } })
      .sort({ _id: 1 })
      .limit(batchMax)
      .toArray();
    const floor = found.length === 0 ? 0 : await this.#floor();
    const taken: { unit: number; events: readonly UnitEvent[] }[] = [];
    let count = 0;
    for (const { _id, events } of found) {
      if (_id <= floor) continue;
      if (count >= eventsMax) break;
      taken.push({ unit: _id, events });
      count += events.length;
    }
    return taken;
  }

  async noteTold(units: readonly number[]): Promise<void> {
    await this.#units.updateMany({ _id: { $in: [...units] } }, { $set: { told: true } });
  }

  /** Number of the newest unit with events that are not told. */
  newestUntold(): Promise<number | undefined> {
    return numberOf(this.#units, { told: false }, -1);
  }

  /** Whether this unit, or one before it, has events that are not told. */
  async isUntold(unit: number): Promise<boolean> {
    return (await numberOf(this.#units, { told: false, _id: { $lte: unit } }, 1)) !== undefined;
  }

  /** The definition by which the documents of the collection were last described; '' when none was. */
  async description(collection: string): Promise<string> {
    return (await this.#marks.findOne({ _id: `collection:${collection}` }))?.described ?? '';
  }

  async noteDescription(collection: string, described: string): Promise<void> {
    await this.#marks.updateOne({ _id: `collection:${collection}` }, { $set: { described } }, { upsert: true });
  }

  /** Removes what nobody needs any more at this time (of the clock that units are dated by). Any number of processes may do it. */
  async trim(nowMs: number): Promise<void> {
    // What stands below the floor is left from an earlier trim, or from a writer that slept (see above).
    await this.#units.deleteMany({ _id: { $lte: await this.#floor() } });
    const needed = [
      (await this.head()) - keptUnits + 1,
      await numberOf(this.#units, { applied: false }, 1),
      await numberOf(this.#units, { told: false }, 1),
    ];
    const top = Math.min(...needed.filter((number) => number !== undefined)) - 1;
    if (top > 0) {
      await this.#marks.updateOne({ _id: 'floor' }, { $max: { number: top } }, { upsert: true });
      await this.#units.deleteMany({ _id: { $lte: top } });
    }
    await removeOrphans(this.#units, this.#parts, new Date(nowMs - orphanMs));
  }

  async #floor(): Promise<number> {
    return (await this.#marks.findOne({ _id: 'floor' }))?.number ?? 0;
  }

  async #carryOver(unit: Unit): Promise<void> {
    for (const [name, changes] of Map.groupBy(unit.changes, ({ collection }) => collection)) {
      for (let at = 0; at < changes.length; at += batchMax) {
        const batch = changes.slice(at, at + batchMax);
        const bodies = await bodiesOf(this.#parts, batch);
        // The parts go when all was carried over: then another hand was faster.
        if (bodies === undefined) return;
        await write(this.documents(name), unit._id, batch, bodies);
      }
    }
    await this.#units.updateOne({ _id: unit._id, token: unit.token }, { $set: { applied: true } });
    if (unit.changes.some(({ part }) => part !== undefined)) await this.#parts.deleteMany({ token: unit.token });
  }
}

/** The lowest or highest number among these units. */
async function numberOf(units: Collection<Unit>, which: Filter<Unit>, direction: 1 | -1): Promise<number | undefined> {
  const [found] = await units
    .find(which, { projection: { _id: 1 } })
    .sort({ _id: direction })
    .limit(1)
    .toArray();
  return found?._id;
}

/** Parts that no unit of the log names: their writer died before the commit. */
async function removeOrphans(units: Collection<Unit>, parts: Collection<Part>, before: Date): Promise<void> {
  const old = await parts
    .find({ at: { $lt: before } }, { projection: { token: 1 } })
    .limit(batchMax)
    .toArray();
  for (const token of new Set(old.map((part) => part.token))) {
    if ((await units.findOne({ token, applied: false })) === null) await parts.deleteMany({ token });
  }
}

/** Large bodies are written before the commit, which then names them. */
async function logChanges(parts: Collection<Part>, unit: NewUnit): Promise<LoggedChange[]> {
  let inline = 0;
  let apart: Part[] = [];
  let apartBytes = 0;
  const flush = async () => {
    if (apart.length > 0) await parts.insertMany(apart);
    apart = [];
    apartBytes = 0;
  };
  // A repeated try may have left its own behind.
  await parts.deleteMany({ token: unit.token });
  const logged: LoggedChange[] = [];
  for (const [index, { collection, id, value }] of unit.changes.entries()) {
    if (value === 'gone' || value === 'locked') {
      logged.push({ collection, id, value });
      continue;
    }
    const { stored, ...rest } = value;
    const size = bytesOf(value);
    if (inline + size <= inlineBytesMax) {
      inline += size;
      logged.push({ collection, id, value: rest, stored });
      continue;
    }
    const part = `${unit.token}/${index}`;
    apart.push({ _id: part, token: unit.token, at: unit.at, stored });
    apartBytes += size;
    logged.push({ collection, id, value: rest, part });
    if (apart.length >= batchMax || apartBytes > inlineBytesMax) await flush();
  }
  await flush();
  return logged;
}

async function bodiesOf(
  parts: Collection<Part>,
  changes: readonly LoggedChange[],
): Promise<ReadonlyMap<string, StoredBody> | undefined> {
  const names = changes.flatMap(({ part }) => (part === undefined ? [] : [part]));
  if (names.length === 0) return new Map();
  const found = await parts.find({ _id: { $in: names } }).toArray();
  return found.length === names.length ? new Map(found.map(({ _id, stored }) => [_id, stored])) : undefined;
}

const tombstone = { gone: true, version: 0, keys: {}, claims: [] };

/** A document that a later unit has changed already is not found by the filter, and its id is in the way of the upsert. */
async function write(
  collection: Collection<KeptDocument>,
  unit: number,
  changes: readonly LoggedChange[],
  bodies: ReadonlyMap<string, StoredBody>,
): Promise<void> {
  const operations = changes.map(({ id, value, stored, part }) => {
    const filter = { _id: id, unit: { $lt: unit } };
    if (value === 'locked') return { updateOne: { filter, update: { $set: { unit } } } };
    if (value === 'gone') return { replaceOne: { filter, replacement: { ...tombstone, unit }, upsert: true } };
    const body = part === undefined ? stored : bodies.get(part);
    const replacement = { unit, gone: false, ...value, ...(body === undefined ? {} : { stored: body }) };
    return { replaceOne: { filter, replacement, upsert: true } };
  });
  try {
    await collection.bulkWrite(operations, { ordered: false });
  } catch (error) {
    const { writeErrors } = error as { writeErrors?: unknown };
    const faults = [writeErrors ?? error].flat() as { code?: unknown }[];
    if (faults.some(({ code }) => code !== duplicateKey)) throw error;
  }
}

/**
 * Inserts the unit, and again the very same when the answer was lost, until it is known who has the number: a first try
 * that arrives late finds it taken.
 */
async function insertOnce(units: Collection<Unit>, record: Unit): Promise<boolean> {
  const untilMs = Date.now() + settleMsMax;
  let isRepeated = false;
  for (;;) {
    try {
      await units.insertOne(record);
      return true;
    } catch (error) {
      if (error instanceof MongoServerError && error.code === duplicateKey) {
        if (!isRepeated) return false;
        return await isHeldBy(units, record, untilMs);
      }
      if (!isLostAnswer(error)) throw error;
      isRepeated = true;
      if (Date.now() > untilMs) {
        throw new DocumentFault('commit_unknown', 'the connection was lost during the commit', '', { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, settleEveryMs));
    }
  }
}

async function isHeldBy(units: Collection<Unit>, { _id, token }: Unit, untilMs: number): Promise<boolean> {
  for (;;) {
    try {
      const holder = await units.findOne({ _id }, { projection: { token: 1 } });
      if (holder !== null) return holder.token === token;
      throw new DocumentFault('commit_unknown', 'the unit of work was removed before its commit was known');
    } catch (error) {
      if (!isLostAnswer(error) || Date.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, settleEveryMs));
    }
  }
}

/** What the driver lets through as the socket said it, when a connection breaks while it is being written to. */
const brokenSocket = new Set(['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ERR_STREAM_DESTROYED']);

/** The server is away, or the answer got lost on the way: not its word about the statement. */
export function isLostAnswer(error: unknown): boolean {
  if (error instanceof Error && 'code' in error && brokenSocket.has(String(error.code))) return true;
  if (!(error instanceof MongoError)) return false;
  if (!(error instanceof MongoServerError)) return true;
  // A primary that steps down, or a write that its majority did not confirm in time.
  return error.hasErrorLabel('RetryableWriteError') || error.code === 64 || error.code === 91 || error.code === 11_600;
}
