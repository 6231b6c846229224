/**
 * The `documents` port on MongoDB (4.4 or later: one server, a replica set or a sharded cluster).
 *
 * Library: `mongodb`. A unit of work is committed by inserting one document into a log (mongodb-units.ts), so it needs no
 * transactions of MongoDB and is the same on a single server. It holds no locks: it notes what it has read for update or
 * changes, and when another unit was faster `work` runs again. The price: the units of one service commit one after the
 * other, and each read first asks whether a unit waits to be carried over.
 *
 * Pitfalls met here: a query for a value also matches arrays that hold it; a unique index counts null as a value; names with
 * $ or a dot mean something (stored-document.ts); a primary that was cut off answers reads from before the cut, so reads
 * ask for what the majority has; the driver repeats a write only on replica sets, so the commit repeats itself. FerretDB 1
 * is refused: it reads and writes a document in two statements, and of two changes at once it keeps either.
 */
import { randomUUID } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { ConfigError } from '../config.ts';
import type { OutboxStore } from '../stream/outbox-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { World } from '../world.ts';
import { type CollectionDefinition, DocumentFault, type DocumentReader, type Documents } from './documents.ts';
import { mongodbOutbox } from './mongodb-outbox.ts';
import { assertDefined, type Definitions, findQuery, runFind, storedReader } from './mongodb-reader.ts';
import { changesMax, eventsBytesMax, isLostAnswer, openUnitLog, type UnitLog } from './mongodb-units.ts';
import { mendWhenStuck } from './mongodb-watch.ts';
import { searchableFields } from './stored-document.ts';
import { Overtaken, UnitOfWork } from './unit-of-work.ts';

export interface MongodbDocumentsOptions {
  /** mongodb:// or mongodb+srv://. */
  readonly url: string;
  /** The service's own. */
  readonly database: string;
  /** The service that publishes (see stream/outbox.ts). */
  readonly owner: string;
  readonly world: World;
  readonly telemetry: Telemetry;
  /** Called after each commit that published: the relay's `nudge`. */
  readonly notify: () => void;
}

export interface MongodbDocuments extends Documents {
  /** For the relay: what was published and is not on the stream. */
  readonly outbox: OutboxStore;
  close(): Promise<void>;
}

const connectionsMax = 10;
const connectMsMax = 5_000;
const answerMsMax = 30_000;
const heartbeatMs = 10_000;
/** Beyond what the driver itself gives a look at the server. */
const lookGraceMs = 3_000;
/** Each lost race means that another unit of work was committed. */
const attemptsMax = 200;
const pauseMsMax = 20;
const trimEveryMs = 60_000;
const namePattern = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Throws ConfigError when the server cannot keep what the port promises. */
export async function openMongodbDocuments(options: MongodbDocumentsOptions): Promise<MongodbDocuments> {
  const client = new MongoClient(options.url, {
    appName: `suuupra ${options.owner}`,
    maxPoolSize: connectionsMax,
    ...{ serverSelectionTimeoutMS: connectMsMax, connectTimeoutMS: connectMsMax, socketTimeoutMS: answerMsMax },
    waitQueueTimeoutMS: answerMsMax,
    heartbeatFrequencyMS: heartbeatMs,
    promoteBuffers: true,
    readPreference: 'primary',
    readConcern: { level: 'majority' },
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: answerMsMax },
  });
  const lookMsMax = connectMsMax + lookGraceMs;
  const limits = { lookMsMax, awaitedMsMax: lookMsMax + heartbeatMs };
  const unwatch = mendWhenStuck(client, limits, options.telemetry.log);
  const close = async () => {
    unwatch();
    await client.close();
  };
  try {
    return await openOn(client, options, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openOn(
  client: MongoClient,
  options: MongodbDocumentsOptions,
  close: () => Promise<void>,
): Promise<MongodbDocuments> {
  const { telemetry } = options;
  const db = client.db(options.database);
  await guarded(async () => refuseUnfit(await db.admin().buildInfo()));
  const log = await guarded(() => openUnitLog(db));
  const definitions = new Map<string, CollectionDefinition>();
  const trim = () =>
    void log
      .trim(options.world.now())
      .catch((error: unknown) => telemetry.log.warn('old units of work stay for now', { error }));
  const timer = setInterval(trim, trimEveryMs);
  timer.unref();
  const running = openLane();
  const transaction: Documents['transaction'] = (work) =>
    guarded(() => inUnitOfWork({ log, definitions, options, lane: running }, work));
  return {
    ...committedReader(log, definitions),
    transaction,
    async define(collections) {
      for (const collection of collections) {
        checkNames(collection);
        definitions.set(collection.name, collection);
      }
      await guarded(() => Promise.all(collections.map((one) => createIndexes(log, one))));
      for (const { name } of collections) {
        await guarded(() => describeAgain(log, definitions, name, { log, definitions, options, lane: running }));
      }
    },
    ping: async () => {
      const startedMs = performance.now();
      await guarded(() => db.command({ ping: 1 }));
      return performance.now() - startedMs;
    },
    outbox: mongodbOutbox({ db, log, world: options.world }),
    close: async () => {
      clearInterval(timer);
      await close();
    },
  };
}

function refuseUnfit(server: Record<string, unknown>): void {
  const ferret = server['ferretdbVersion'];
  if (typeof ferret !== 'string' || !/^v?1\./.test(ferret)) return;
  throw new ConfigError(
    `SUUUPRA_MONGODB_URL leads to FerretDB ${ferret}, which can lose one of two changes to a document; give it MongoDB 4.4 or later.`,
  );
}

interface Surroundings {
  readonly log: UnitLog;
  readonly definitions: Definitions;
  readonly options: MongodbDocumentsOptions;
  readonly lane: Lane;
}

/**
 * Runs `work` until it commits without having been overtaken. After a lost race one at a time within this process, those
 * that come meanwhile behind it: else they would overtake it again and again.
 */
async function inUnitOfWork<T>(surroundings: Surroundings, work: (unit: UnitOfWork) => Promise<T>): Promise<T> {
  const { lane } = surroundings;
  let leave = lane.isTaken() ? await lane.enter() : undefined;
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await attemptUnit(surroundings, work);
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
        if (attempt >= attemptsMax) {
          throw new DocumentFault('other', `the unit of work lost ${attemptsMax} races`, '', { cause: error });
        }
        leave ??= await lane.enter();
        await new Promise((resolve) => setTimeout(resolve, surroundings.options.world.random() * pauseMsMax));
      }
    }
  } finally {
    leave?.();
  }
}

async function attemptUnit<T>(
  { log, definitions, options }: Surroundings,
  work: (unit: UnitOfWork) => Promise<T>,
): Promise<T> {
  await log.catchUp();
  const unit = new UnitOfWork({ log, definitions, owner: options.owner, world: options.world });
  let result: T;
  try {
    result = await work(unit);
  } catch (error) {
    // What it failed at may be what another unit did to what it had locked, of which only a part is carried over yet.
    await assertHolds(log, unit, error);
    throw error;
  }
  // Caught by the work or not: nobody shall believe that the unit was kept.
  if (unit.clash !== undefined) throw unit.clash;
  if (unit.changes().length + unit.events.length > 0) await commit(log, unit, options);
  // It answers by what it had locked.
  else await assertHolds(log, unit);
  return result;
}

/** By all that is committed: what is in the log and carried over in part counts. */
async function assertHolds(log: UnitLog, unit: UnitOfWork, cause?: unknown): Promise<void> {
  await log.catchUp();
  if (!(await unit.stillHolds())) throw new Overtaken({ cause });
}

async function commit(log: UnitLog, unit: UnitOfWork, options: MongodbDocumentsOptions): Promise<void> {
  const { telemetry } = options;
  const changes = [...unit.changes(), ...unit.locks()];
  const { events } = unit;
  if (changes.length > changesMax)
    throw new DocumentFault('other', `a unit of work changes at most ${changesMax} documents`);
  const eventBytes = events.reduce((sum, { envelope }) => sum + envelope.byteLength, 0);
  if (eventBytes > eventsBytesMax)
    throw new DocumentFault('other', `events of a unit of work have at most ${eventsBytesMax} bytes`);
  const token = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    // In this order: whatever is committed after the head was read will be in the way of the next number.
    const head = await log.head();
    await assertHolds(log, unit);
    if (await log.commit(head + 1, { token, at: new Date(options.world.now()), changes, events })) break;
    if (attempt >= attemptsMax) throw new DocumentFault('other', `the commit lost ${attemptsMax} races`);
  }
  if (events.length > 0) options.notify();
  await log.catchUp().catch((error: unknown) => {
    telemetry.log.debug('a committed unit of work is left for the next reader to carry over', { error });
  });
}

/** One after the other, in the order of arrival. */
interface Lane {
  isTaken(): boolean;
  /** Resolves with what leaves it. */
  enter(): Promise<() => void>;
}

function openLane(): Lane {
  let last: Promise<void> = Promise.resolve();
  let inside = 0;
  return {
    isTaken: () => inside > 0,
    async enter() {
      const { promise, resolve } = Promise.withResolvers<void>();
      const before = last;
      last = before.then(() => promise);
      inside += 1;
      await before;
      return () => {
        inside -= 1;
        resolve();
      };
    },
  };
}

/** Reads outside of a unit of work: first what is committed is carried over. */
function committedReader(log: UnitLog, definitions: Definitions): DocumentReader {
  const reader = storedReader(log, definitions);
  const after = <T>(read: () => Promise<T>) =>
    guarded(async () => {
      await log.catchUp();
      return read();
    });
  return {
    get: async (collection, id) => {
      assertDefined(definitions, collection);
      return after(() => reader.get(collection, id));
    },
    getMany: async (collection, ids) => {
      assertDefined(definitions, collection);
      return after(() => reader.getMany(collection, ids));
    },
    find: async (collection, where, options) => {
      const query = findQuery(definitions, collection, where, options);
      return after(() => runFind(log, collection, query, options));
    },
  };
}

function checkNames({ name, indexed, unique = [] }: CollectionDefinition): void {
  for (const word of [name, ...indexed, ...unique.flat()]) {
    if (!namePattern.test(word))
      throw new Error(`"${word}" cannot name a collection or a field: letters, digits and _ only`);
  }
}

async function createIndexes(log: UnitLog, definition: CollectionDefinition): Promise<void> {
  const documents = log.documents(definition.name);
  for (const field of searchableFields(definition)) await documents.createIndex({ [`keys.${field}`]: 1, _id: 1 });
  if ((definition.unique ?? []).length > 0) await documents.createIndex({ claims: 1 });
}

/** Documents that were written under an older definition are described by the new one, page by page, as units of work. */
async function describeAgain(
  log: UnitLog,
  definitions: Definitions,
  collection: string,
  surroundings: Surroundings,
): Promise<void> {
  const definition = assertDefined(definitions, collection);
  const described = describedBy(definition);
  if ((await log.description(collection)) === described) return;
  for (let afterId: string | undefined; ; ) {
    const next = await inUnitOfWork(surroundings, (unit) => unit.describe(collection, afterId));
    if (next === undefined) break;
    afterId = next;
  }
  await log.noteDescription(collection, described);
}

function describedBy(definition: CollectionDefinition): string {
  const unique = (definition.unique ?? []).map(String).sort();
  return `${[...searchableFields(definition)].sort()};${unique.join(';')}`;
}

/** Turns what the driver throws into the port's own faults. */
async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!isLostAnswer(error)) throw error;
    throw new DocumentFault('unavailable', 'the documents do not answer', '', { cause: error });
  }
}
