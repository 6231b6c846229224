/**
 * Documents on a MongoDB-speaking server that is durable and is treated badly: the server and its writers are killed in the
 * middle of units of work, and connections are cut at the commit. After it a unit of work is there whole with its event, or
 * not at all; what was acknowledged is there.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { type MongodbDocuments, openMongodbDocuments } from '@suuupra/platform/documents/documents-mongodb';
import { openUnitLog } from '@suuupra/platform/documents/mongodb-units';
import { storedValue } from '@suuupra/platform/documents/stored-document';
import { startRelay } from '@suuupra/platform/stream/outbox-relay';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { openCuttingProxy } from '@suuupra/platform/testing-proxy';
import { realWorld } from '@suuupra/platform/world';
import { MongoClient } from 'mongodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunningEngine } from '../engine.ts';
import { startMongodb } from '../mongodb.ts';
import { type CounterBody, collections, counterId, whatIsThere } from './writing.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const crashes = Number(process.env['SUUUPRA_CRASHES'] ?? '3');
/** The commit of a unit of work as it goes over the wire: { insert: "_units" }. */
const commitCommand = 'insert\0\u0007\0\0\0_units';
const opened: MongodbDocuments[] = [];
let server: RunningEngine;

beforeAll(async () => {
  const started = await startMongodb({ mayInstall: false, durable: true });
  if (typeof started === 'string') throw new Error(started);
  server = started;
}, 60_000);
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(() => server.stop());

async function open(database: string, url = server.url): Promise<MongodbDocuments> {
  const options = { url, database, owner: 'identity', world: realWorld(), telemetry, notify: () => {} };
  const documents = await openMongodbDocuments(options);
  opened.push(documents);
  await documents.define(collections);
  return documents;
}

async function freshDatabase(): Promise<{ database: string; documents: MongodbDocuments }> {
  const database = `documents_${randomUUID().slice(0, 8)}`;
  const documents = await open(database);
  await documents.transaction((tx) => tx.insert('counters', counterId, { count: 0 }));
  return { database, documents };
}

interface Writer {
  readonly acknowledged: string[];
  /** Resolves when so many units are acknowledged. */
  reached(count: number): Promise<void>;
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
}

function startWriter(database: string, name: string): Writer {
  const program = path.join(import.meta.dirname, 'writer.ts');
  const child = spawn(process.execPath, [program, server.url, database, name], { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const acknowledged: string[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    acknowledged.push(line);
    for (const one of waiting) if (acknowledged.length >= one.count) one.resolve();
  });
  const reached = (count: number) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ count, resolve });
      if (acknowledged.length >= count) resolve();
      void gone.then(() => reject(new Error(`the writer ended after ${acknowledged.length} units`)));
    });
  return { acknowledged, reached, child, gone };
}

async function expectWhole(documents: MongodbDocuments, acknowledged: readonly string[]): Promise<void> {
  const written = await whatIsThere(documents);
  expect(written.torn).toEqual([]);
  expect(acknowledged.filter((unit) => !written.whole.has(unit))).toEqual([]);
  expect(written.counted).toBe(written.whole.size);
  expect(written.told.toSorted()).toEqual([...written.whole].sort());
}

describe('documents on a server that is killed', () => {
  it('keeps each unit of work whole when writers are killed in the middle of it', async () => {
    const { database, documents } = await freshDatabase();
    const acknowledged: string[] = [];
    for (let crash = 0; crash < crashes; crash += 1) {
      const writers = [startWriter(database, `w${crash}x`), startWriter(database, `w${crash}y`)];
      await Promise.all(writers.map((writer) => writer.reached(5 + crash * 3)));
      for (const { child } of writers) child.kill('SIGKILL');
      await Promise.all(writers.map(({ gone }) => gone));
      acknowledged.push(...writers.flatMap((writer) => writer.acknowledged));
    }
    await expectWhole(documents, acknowledged);
  }, 120_000);

  it('keeps each unit of work whole when the server is killed under load', async () => {
    const { database, documents } = await freshDatabase();
    const acknowledged: string[] = [];
    for (let crash = 0; crash < crashes; crash += 1) {
      const writer = startWriter(database, `s${crash}`);
      await writer.reached(8 + crash * 5);
      await server.crash();
      writer.child.kill('SIGKILL');
      await writer.gone;
      acknowledged.push(...writer.acknowledged);
      await server.restart();
    }
    await expectWhole(documents, acknowledged);
  }, 180_000);

  it('says that it is away, and goes on when it is back', async () => {
    const { documents } = await freshDatabase();
    await server.crash();
    try {
      await expect(documents.get('counters', counterId)).rejects.toMatchObject({ kind: 'unavailable' });
    } finally {
      await server.restart();
    }
    expect(await documents.get('counters', counterId)).toMatchObject({ version: 1 });
  }, 60_000);
});

describe('documents behind a connection that is cut at the commit', () => {
  const register = (documents: MongodbDocuments, unit: string) =>
    documents.transaction(async (tx) => {
      const counter = await tx.getForUpdate<CounterBody>('counters', counterId);
      for (const part of ['a', 'b', 'c']) await tx.insert('parts', `${unit}-${part}`, { unit });
      await tx.replace('counters', counterId, counter?.version ?? 0, { count: (counter?.body.count ?? 0) + 1 });
      await tx.publish(UserRegisteredSchema, { userId: unit });
    });
  const cuttingProxy = async () => {
    const proxy = await openCuttingProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) }, commitCommand);
    return { proxy, url: `mongodb://127.0.0.1:${proxy.address.port}/` };
  };

  it('commits once, and knows it, when the answer was lost', async () => {
    const { database, documents } = await freshDatabase();
    const { proxy, url } = await cuttingProxy();
    const through = await open(database, url);
    proxy.arm();
    await register(through, 'lost');
    await proxy.cut;
    await register(through, 'after');
    await expectWhole(documents, ['lost', 'after']);
    await through.close();
    await proxy.close();
  }, 60_000);

  it('is carried over by the next reader when its writer never comes back, who hears that he has to look', async () => {
    const { database, documents } = await freshDatabase();
    const { proxy, url } = await cuttingProxy();
    const through = await open(database, url);
    proxy.arm();
    const writing = register(through, 'orphan').catch((error: unknown) => error);
    await proxy.cut;
    await proxy.close();
    await expectWhole(documents, ['orphan']);
    expect(await writing).toMatchObject({ kind: 'commit_unknown' });
  }, 60_000);
});

describe('the log of units of work', () => {
  it('commits more than one document of MongoDB holds', async () => {
    const { documents } = await freshDatabase();
    const text = 'x'.repeat(500_000);
    await documents.transaction(async (tx) => {
      for (let n = 0; n < 45; n += 1) await tx.insert('parts', `large-${n}`, { unit: 'large', text });
    });
    const found = await documents.find<{ text: string }>('parts', { unit: 'large' }, { limit: 100 });
    expect(found.map(({ body }) => body.text.length)).toEqual(Array.from({ length: 45 }, () => 500_000));
  }, 60_000);

  it('forgets old units, and takes nothing from a writer that slept until its number was free again', async () => {
    const { database, documents } = await freshDatabase();
    const client = new MongoClient(server.url);
    const db = client.db(database);
    const units = db.collection<{ _id: number }>('_units');
    const log = await openUnitLog(db);
    const first = await log.head();
    const done = { at: new Date(), applied: true, told: true, changes: [], events: [] };
    const numbers = Array.from({ length: 1_200 }, (_, index) => first + 1 + index);
    await units.insertMany(numbers.map((number) => ({ _id: number, token: `t${number}`, ...done })));
    await log.trim(Date.now());
    expect([await units.countDocuments(), await log.head()]).toEqual([1_000, first + 1_200]);

    const value = storedValue({ name: 'parts', indexed: ['unit'] }, 1, { unit: 'slept' });
    const late = { ...done, changes: [{ collection: 'parts', id: 'slept-a', value }] };
    expect(await log.commit(first + 1, { ...late, token: 'slept' })).toBe(false);
    // One that dies before it looks leaves its unit behind: nobody carries it over.
    const gone = { collection: 'counters', id: counterId, value: 'gone' };
    await units.insertOne({
      _id: first + 2,
      ...done,
      token: 'died',
      applied: false,
      told: false,
      changes: [gone],
    } as never);
    expect((await whatIsThere(documents)).whole.size).toBe(0);
    expect(await documents.get('counters', counterId)).toBeDefined();
    await log.trim(Date.now());
    expect(await units.countDocuments()).toBe(1_000);
    await client.close();
  });

  it('is tried again when it fails at a unit of which only a part is carried over', async () => {
    const { database, documents } = await freshDatabase();
    await documents.transaction((tx) => tx.insert('parts', 'one', { unit: 'first' }));
    const client = new MongoClient(server.url);
    const db = client.db(database);
    const log = await openUnitLog(db);
    const value = storedValue({ name: 'parts', indexed: ['unit'] }, 2, { unit: 'faster' });
    const changes = [
      { collection: 'parts', id: 'one', value },
      { collection: 'counters', id: counterId, value: 'locked' as const },
    ];
    const overtake = async () => {
      const unit = (await log.head()) + 1;
      expect(await log.commit(unit, { token: 'faster', at: new Date(), changes, events: [] })).toBe(true);
      // Whoever carries it over has come to the change, and not yet to the lock.
      await db.collection<{ _id: string }>('parts').replaceOne({ _id: 'one' }, { unit, gone: false, ...value });
    };
    let tries = 0;
    await documents.transaction(async (tx) => {
      tries += 1;
      await tx.getForUpdate('counters', counterId);
      const before = await tx.get('parts', 'one');
      if (tries === 1) await overtake();
      if (!(await tx.replace('parts', 'one', before?.version ?? 0, { unit: 'second' })))
        throw new Error('changed under the lock');
    });
    expect(tries).toBe(2);
    expect(await documents.get('parts', 'one')).toMatchObject({ version: 3, body: { unit: 'second' } });
    await client.close();
  });

  it('searches and keeps unique what was stored before it was told to', async () => {
    const { database, documents } = await freshDatabase();
    await documents.transaction(async (tx) => {
      for (let n = 0; n < 450; n += 1) await tx.insert('parts', `old-${n}`, { unit: 'old', slug: `s${n}` });
    });
    const wider = [{ name: 'parts', indexed: ['unit'], unique: [['slug']] }];
    const later = await open(database);
    await later.define(wider);
    expect((await later.find('parts', { slug: 's399' }, { limit: 2 })).map(({ id, version }) => [id, version])).toEqual(
      [['old-399', 1]],
    );
    const again = later.transaction((tx) => tx.insert('parts', 'new', { slug: 's449' }));
    await expect(again).rejects.toMatchObject({ kind: 'exists', field: 'slug' });
  }, 60_000);

  it('is brought to the stream by one relay in the order of the commits; another takes over', async () => {
    const { database, documents } = await freshDatabase();
    const other = await open(database);
    const appended: string[] = [];
    let told: { count: number; resolve: () => void } | undefined;
    const reached = (count: number) =>
      new Promise<void>((resolve) => {
        told = { count, resolve };
        if (appended.length >= count) resolve();
      });
    const relayOf = (name: string, { outbox }: MongodbDocuments) =>
      startRelay({
        outbox,
        telemetry,
        stream: {
          system: 'kafka',
          append: async (_topic, envelopes) => {
            appended.push(...envelopes.map(({ subject }) => `${name} ${subject}`));
            if (told !== undefined && appended.length >= told.count) told.resolve();
          },
        },
      });
    const tell = (through: MongodbDocuments, userId: string) =>
      through.transaction((tx) => tx.publish(UserRegisteredSchema, { userId }));
    const first = relayOf('first', documents);
    await tell(documents, 'usr_1');
    await reached(1);
    const second = relayOf('second', other);
    for (let n = 2; n <= 5; n += 1) await tell(other, `usr_${n}`);
    await second.drain();
    await first.stop();
    await tell(documents, 'usr_6');
    await reached(6);
    await second.stop();
    expect(appended).toEqual([1, 2, 3, 4, 5].map((n) => `first usr_${n}`).concat('second usr_6'));
  });
});
