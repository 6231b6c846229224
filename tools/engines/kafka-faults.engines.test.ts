/** Kafka treated badly: brokers killed under load, members killed in a batch, foreign records, lost answers, slow handlers. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { ConfigError } from '@suuupra/platform/config';
import { on } from '@suuupra/platform/service';
import { prepareServiceDatabase } from '@suuupra/platform/sql/service-tables';
import type { Sql } from '@suuupra/platform/sql/sql';
import { forgetApplied, subscribe } from '@suuupra/platform/stream/inbox';
import { outboxPublisher } from '@suuupra/platform/stream/outbox';
import { startRelay } from '@suuupra/platform/stream/outbox-relay';
import { sqlOutbox } from '@suuupra/platform/stream/outbox-sql';
import { checkByContracts } from '@suuupra/platform/stream/record-check';
import type { Consumer as Member, Stream } from '@suuupra/platform/stream/stream';
import { collector, testCheck, testEnvelope } from '@suuupra/platform/stream/stream.contract';
import { kafkaBroker, openOtherProcess, openTestKafka } from '@suuupra/platform/stream/testing-kafka';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { freshDatabaseUrl, openTestSql } from '@suuupra/platform/testing';
import { openCuttingProxy } from '@suuupra/platform/testing-proxy';
import { realWorld } from '@suuupra/platform/world';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort, type RunningEngine } from './engine.ts';
import { startKafka } from './kafka.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const types = new Set(['test.v1.Happened']);
const closing: (() => Promise<void>)[] = [];
let topicPrefix: string;

beforeEach(() => {
  topicPrefix = `f${randomBytes(4).toString('hex')}.`;
  return async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
});

async function open(...args: Partial<Parameters<typeof openTestKafka>>): Promise<Stream> {
  const stream = await openTestKafka(args[0] ?? testCheck, args[1] ?? topicPrefix, args[2]);
  closing.push(() => stream.close());
  return stream;
}

async function service(): Promise<{ readonly sql: Sql; readonly url: string }> {
  const url = await freshDatabaseUrl('postgres');
  const sql = await openTestSql(url);
  closing.push(() => sql.close());
  await prepareServiceDatabase(sql);
  await sql.execute(
    'CREATE TABLE heard (seq bigint GENERATED ALWAYS AS IDENTITY, subject text, event_id text, process int)',
  );
  return { sql, url };
}

const hear = on(UserRegisteredSchema, async ({ event, envelope, tx }) => {
  await tx.execute('INSERT INTO heard (subject, event_id, process) VALUES ($1, $2, $3)', [
    event.userId,
    envelope.id,
    process.pid,
  ]);
});

function listen(stream: Stream, sql: Sql): Promise<Member> {
  return subscribe({ stream, sql, group: 'notifications', handlers: [hear], telemetry });
}

let made = 0;
const run = randomBytes(4).toString('hex');

function registered(userId: string): Envelope {
  made += 1;
  return create(EnvelopeSchema, {
    id: `evt_${run}_${String(made).padStart(8, '0')}`,
    source: '/services/identity',
    type: UserRegisteredSchema.typeName,
    subject: userId,
    data: toBinary(UserRegisteredSchema, create(UserRegisteredSchema, { userId })),
  });
}

/** What was heard of each user, in the order of hearing. */
async function heardOf(sql: Sql): Promise<Map<string, string[]>> {
  const rows = await sql.query<{ subject: string; event_id: string }>(
    'SELECT subject, event_id FROM heard ORDER BY seq',
  );
  const heard = new Map<string, string[]>();
  for (const row of rows) heard.set(row.subject, [...(heard.get(row.subject) ?? []), row.event_id]);
  return heard;
}

function byUser(envelopes: readonly Envelope[]): Map<string, string[]> {
  const groups = Map.groupBy(envelopes, (envelope) => envelope.subject);
  return new Map([...groups].map(([user, ofUser]) => [user, ofUser.map(({ id }) => id)]));
}

async function untilPassed(stream: Stream, topic: string): Promise<void> {
  await vi.waitUntil(async () => (await stream.lag('notifications', [topic])) === 0n, {
    timeout: 60_000,
    interval: 20,
  });
}

describe('members', () => {
  it('loses nothing and applies nothing twice when a process is killed in the middle of a batch', async () => {
    const { sql, url } = await service();
    const stream = await open(checkByContracts);
    const doomed = await openOtherProcess(topicPrefix);
    closing.push(doomed.kill);
    const sent = Array.from({ length: 400 }, (_, index) => registered(`usr_${index % 20}`));
    await stream.append('identity', sent.slice(0, 200));
    await doomed.hearUntil({
      databaseUrl: url,
      group: 'notifications',
      type: UserRegisteredSchema.typeName,
      holdAt: 30,
    });
    const survivor = await listen(stream, sql);
    await stream.append('identity', sent.slice(200));
    await doomed.kill();
    await untilPassed(stream, 'identity');
    await survivor.stop();
    expect(await heardOf(sql)).toEqual(byUser(sent));
  });

  it('keeps a member whose handler takes longer than its session', async () => {
    const stream = await open();
    const other = await open();
    const taken = collector();
    const session = 3_000;
    const slow = { group: 'slow', topics: ['slow'], types };
    const member = await stream.consume({
      ...slow,
      handle: async (records) => {
        await delay(session * 1.5);
        await taken.take(records);
      },
    });
    await stream.append('slow', [testEnvelope('one')]);
    await taken.reached(1);
    await member.stop();
    expect(await other.lag('slow', ['slow'])).toBe(0n);
    expect(taken.records).toHaveLength(1);
  });

  it('harms nothing by the late position of a batch whose partition was given away', async () => {
    const [stream, other] = [await open(), await open()];
    const entered = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const options = { group: 'late', topics: ['late'], types };
    const first = await stream.consume({
      ...options,
      handle: async () => {
        entered.resolve();
        await goOn.promise;
      },
    });
    // All partitions have something, so that the newcomer takes over some that are being handled.
    const subjects = Array.from({ length: 40 }, (_, index) => `s${index}`);
    await stream.append(
      'late',
      subjects.map((subject) => testEnvelope(subject)),
    );
    await entered.promise;
    const taken = collector();
    const second = await other.consume({ ...options, handle: taken.take });
    await stream.append(
      'late',
      subjects.map((subject) => testEnvelope(subject)),
    );
    // The newcomer is through with a partition that the first one still has in hand, and its position is written.
    const inPartition = (partition: number) =>
      2 * subjects.filter((one) => stream.partitionOf(one) === partition).length;
    const through = () =>
      [...Map.groupBy(taken.records, ({ partition }) => partition)].some(
        ([partition, records]) => records.length >= inPartition(partition),
      );
    await vi.waitUntil(through, { timeout: 30_000, interval: 5 });
    await other.lag('late', ['late']);
    goOn.resolve();
    await vi.waitUntil(async () => (await other.lag('late', ['late'])) === 0n, { timeout: 30_000, interval: 20 });
    await first.stop();
    await second.stop();
    expect(await other.lag('late', ['late'])).toBe(0n);
  });
});

describe('replay', () => {
  it('gives the same state when a group begins again', async () => {
    const { sql } = await service();
    const stream = await open(checkByContracts);
    await stream.append(
      'identity',
      Array.from({ length: 300 }, (_, index) => registered(`usr_${index % 11}`)),
    );
    const state = async () => {
      const member = await listen(stream, sql);
      await untilPassed(stream, 'identity');
      await member.stop();
      const all = [...(await heardOf(sql))].sort(([a], [b]) => (a < b ? -1 : 1));
      return createHash('sha256').update(JSON.stringify(all)).digest('hex');
    };
    const before = await state();
    await sql.transaction(async (tx) => {
      await forgetApplied(tx, 'notifications');
      await tx.execute('DELETE FROM heard');
    });
    await stream.rewind('notifications', ['identity']);
    expect(await state()).toBe(before);
    expect((await heardOf(sql)).size).toBe(11);
  });
});

describe('records', () => {
  it('are CloudEvents in binary mode that a foreign consumer can read', async () => {
    const stream = await open();
    await stream.append('open', [testEnvelope('subject ä', 'données')]);
    const reader = new Consumer({
      bootstrapBrokers: [kafkaBroker()],
      clientId: 'foreign',
      groupId: `${topicPrefix}foreign`,
    });
    closing.push(() => reader.close(true));
    const records = await reader.consume({ topics: [`${topicPrefix}open`], mode: 'earliest' });
    for await (const { key, value, headers } of records) {
      expect([String(key), String(value)]).toEqual(['subject ä', 'données']);
      const texts = Object.fromEntries([...headers].map(([name, text]) => [String(name), String(text)]));
      expect(texts).toMatchObject({
        ce_specversion: '1.0',
        ce_id: expect.stringMatching(/^evt_\d+$/),
        ce_source: '/services/test',
        ce_type: 'test.v1.Happened',
        ce_subject: 'subject ä',
        ce_time: '2025-06-15T15:06:40Z',
        'content-type': 'application/protobuf',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      });
      break;
    }
  });

  it('of others that are no events go to the dead letters, and the group goes on', async () => {
    const stream = await open();
    await stream.append('foreign', [testEnvelope('one')]);
    const producer = new Producer({ bootstrapBrokers: [kafkaBroker()], clientId: 'foreign' });
    closing.push(() => producer.close());
    const partition = stream.partitionOf('one');
    const value = Buffer.from('{"not":"an event"}');
    await producer.send({ messages: [{ topic: `${topicPrefix}foreign`, partition, value }], acks: -1 });
    const last = testEnvelope('one');
    await stream.append('foreign', [last]);
    const taken = collector();
    const member = await stream.consume({ group: 'g', topics: ['foreign'], types, handle: taken.take });
    await taken.reached(2);
    await member.stop();
    expect(taken.records[1]?.envelope.id).toBe(last.id);
    const [dead] = await stream.deadLetters(1);
    expect(dead).toMatchObject({ group: 'g', topic: 'foreign', partition, position: 2n });
    expect(dead?.error).toContain('no CloudEvents');
    expect(String(Buffer.from(dead?.envelope.data ?? []))).toBe('{"not":"an event"}');
  });

  it('are looked at by all that was asked for, also when they are large', async () => {
    const stream = await open();
    const large = Array.from({ length: 12 }, () => testEnvelope('one', 'x'.repeat(1_000_000)));
    await stream.append('large', large);
    const ids = large.map(({ id }) => id);
    expect((await stream.latest(12)).map(({ envelope }) => envelope.id)).toEqual(ids.toReversed());
    const taken = collector();
    const member = await stream.consume({ group: 'g', topics: ['large'], types, handle: taken.take });
    await taken.reached(12);
    await member.stop();
    expect(taken.records.map(({ envelope }) => envelope.id)).toEqual(ids);
  });
});

describe('a cluster that cannot keep the promises', () => {
  it('is refused at the start with a sentence', async () => {
    await (await openTestKafka(testCheck, topicPrefix, { topics: ['settled'] })).close();
    const start = (options: Parameters<typeof openTestKafka>[2]) => openTestKafka(testCheck, topicPrefix, options);
    await expect(start({ topics: ['settled'], partitions: 4 })).rejects.toThrow(
      /has 8 partitions and the setting says 4/,
    );
    await expect(start({ topics: ['more'], replication: 3 })).rejects.toThrow(/too few brokers for 3 replicas/);
    await expect(start({ brokers: [`127.0.0.1:${await freePort()}`] })).rejects.toThrow(
      /cannot be used: connect ECONNREFUSED/,
    );
    const admin = new Admin({ bootstrapBrokers: [kafkaBroker()], clientId: 'foreign' });
    await admin.createTopics({ topics: [`${topicPrefix}weak`], partitions: 8, replicas: 1 });
    await admin.close();
    await expect(start({ topics: ['weak'] })).rejects.toThrow(ConfigError);
    await expect(
      start({ topics: [], security: { sasl: { mechanism: 'PLAIN', username: 'u', password: 'p' } } }),
    ).rejects.toThrow(/in the clear/);
  });
});

describe('a broker of its own', () => {
  let broker: RunningEngine;
  let port: number;
  let proxy: Awaited<ReturnType<typeof openCuttingProxy>>;
  beforeAll(async () => {
    port = await freePort();
    proxy = await openCuttingProxy({ host: '127.0.0.1', port }, 'cut me here');
    const started = await startKafka({
      mayInstall: false,
      durable: true,
      port,
      advertisedPort: proxy.address.port,
    });
    if (typeof started === 'string') throw new Error(started);
    broker = started;
  }, 90_000);
  afterAll(async () => {
    await proxy.close();
    await broker.stop();
  });
  const onIt = () => ({ brokers: [kafkaBroker(broker.url)] });

  it('appends once, in order, though the answer to an append is lost', async () => {
    const stream = await open(testCheck, topicPrefix, onIt());
    await stream.append('cut', [testEnvelope('one', 'before')]);
    proxy.arm();
    await stream.append('cut', [testEnvelope('one', 'cut me here')]);
    await proxy.cut;
    await stream.append('cut', [testEnvelope('one', 'after')]);
    const texts = (await stream.latest(100)).map(({ envelope }) => String(Buffer.from(envelope.data)));
    expect(texts).toEqual(['after', 'cut me here', 'before']);
  });

  it('killed under load loses nothing that was acknowledged, and nothing is applied twice', async () => {
    const { sql } = await service();
    const publisher = await service();
    const [stream, other] = [
      await open(checkByContracts, topicPrefix, onIt()),
      await open(checkByContracts, topicPrefix, onIt()),
    ];
    const members = [await listen(stream, sql), await listen(other, sql)];
    const relay = startRelay({ outbox: sqlOutbox(publisher.sql), stream, telemetry });
    closing.push(() => relay.stop());
    const world = realWorld();
    const sent: string[] = [];
    const publishSome = async () => {
      for (let count = 0; count < 200; count += 1) {
        const userId = `usr_${sent.length % 16}`;
        await publisher.sql.transaction(async (tx) => {
          await outboxPublisher(tx, { owner: 'identity', world, notify: relay.nudge })(UserRegisteredSchema, {
            userId,
          });
        });
        sent.push(userId);
      }
    };
    for (let crash = 0; crash < 2; crash += 1) {
      const publishing = publishSome();
      await vi.waitUntil(async () => (await heardOf(sql)).size > 0, { timeout: 30_000, interval: 5 });
      await broker.crash();
      await publishing;
      await broker.restart();
      await publishSome();
    }
    await relay.drain(60_000);
    await untilPassed(stream, 'identity');
    for (const member of members) await member.stop();
    const heard = await heardOf(sql);
    const counts = new Map([...Map.groupBy(sent, (user) => user)].map(([user, all]) => [user, all.length]));
    expect(new Map([...heard].map(([user, ids]) => [user, ids.length]))).toEqual(counts);
    // Ids of one publisher rise with time, to the millisecond; within one they are at random.
    for (const ids of heard.values()) {
      const times = ids.map((id) => id.slice(0, 'evt_'.length + 10));
      expect(times).toEqual(times.toSorted());
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  it('that is away makes an append fail within its time, and is found again by those who read', async () => {
    const stream = await open(testCheck, topicPrefix, { ...onIt(), appendMsMax: 2_000 });
    const taken = collector();
    const member = await stream.consume({ group: 'g', topics: ['away'], types, handle: taken.take });
    await stream.append('away', [testEnvelope('one')]);
    await taken.reached(1);
    await broker.crash();
    const startedMs = performance.now();
    const lost = testEnvelope('one');
    await expect(stream.append('away', [lost])).rejects.toThrow();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    await broker.restart();
    const next = testEnvelope('one');
    await vi.waitUntil(
      () =>
        stream.append('away', [next]).then(
          () => true,
          () => false,
        ),
      { timeout: 60_000, interval: 50 },
    );
    await vi.waitUntil(() => taken.records.some(({ envelope }) => envelope.id === next.id), {
      timeout: 60_000,
      interval: 20,
    });
    await member.stop();
  });
});
