import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { OrderCancelledSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { prepareServiceDatabase } from '../sql/service-tables.ts';
import type { Sql } from '../sql/sql.ts';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { testWorld } from '../world.ts';
import { outboxPublisher } from './outbox.ts';
import { type Relay, startRelay } from './outbox-relay.ts';
import { sqlOutbox } from './outbox-sql.ts';
import { collector } from './stream.contract.ts';
import type { Stream } from './stream.ts';
import { openEmbeddedStream } from './stream-embedded.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' }).forService('test');
const world = testWorld();

let url: string;
let sql: Sql;
let streamSql: Sql;
let stream: Stream;
const relays: Relay[] = [];

beforeAll(async () => {
  streamSql = await openTestSql(await freshDatabaseUrl('postgres'));
  stream = await openEmbeddedStream({ sql: streamSql, telemetry, world });
  url = await freshDatabaseUrl();
  sql = await openTestSql(url);
  await Promise.all([prepareServiceDatabase(sql), prepareServiceDatabase(sql)]);
});
afterAll(async () => {
  await stream.close();
  await streamSql.close();
  await sql.close();
});
afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.stop();
  await sql.execute('DELETE FROM outbox');
});

function start(database: Sql, to: Pick<Stream, 'append' | 'system'> = stream): Relay {
  const relay = startRelay({ outbox: sqlOutbox(database), stream: to, telemetry });
  relays.push(relay);
  return relay;
}

function publishing(database: Sql, relay?: Relay) {
  return (userId: string) =>
    database.transaction(async (tx) => {
      const publish = outboxPublisher(tx, { owner: 'identity', world, notify: () => relay?.nudge() });
      await publish(UserRegisteredSchema, { userId });
    });
}

async function waiting(): Promise<number> {
  return (await sql.query('SELECT 1 FROM outbox')).length;
}

/** The newest subjects on the stream, oldest first. */
async function subjects(count: number): Promise<string[]> {
  return (await stream.latest(count)).map((record) => record.envelope.subject).reverse();
}

describe('the outbox', () => {
  it('keeps an event with its transaction, and loses it with a rollback', async () => {
    let told = 0;
    const add = (fail: boolean) =>
      sql.transaction(async (tx) => {
        const publish = outboxPublisher(tx, { owner: 'identity', world, notify: () => (told += 1) });
        await publish(UserRegisteredSchema, { userId: 'usr_1' });
        if (fail) throw new Error('no');
      });
    await expect(add(true)).rejects.toThrow('no');
    expect([await waiting(), told]).toEqual([0, 0]);
    await add(false);
    expect([await waiting(), told]).toEqual([1, 1]);
  });

  it('wraps the event in an envelope that says where it comes from', async () => {
    const relay = start(sql);
    await sql.transaction(async (tx) => {
      const publish = outboxPublisher(tx, { owner: 'identity', world, notify: relay.nudge });
      const cause = { requestId: 'req_7', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
      await publish(UserRegisteredSchema, { userId: 'usr_wrapped' }, cause);
    });
    await relay.drain();
    const [record] = await stream.latest(1);
    expect(record?.topic).toBe('identity');
    expect(record?.envelope).toMatchObject({
      source: '/services/identity',
      type: 'suuupra.identity.v1.UserRegistered',
      subject: 'usr_wrapped',
      correlationId: 'req_7',
      traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/),
    });
    expect(record?.envelope.id).toMatch(/^evt_/);
    expect(record?.envelope.time && timestampMs(record.envelope.time)).toBe(world.now());
    expect(fromBinary(UserRegisteredSchema, record?.envelope.data ?? new Uint8Array()).userId).toBe('usr_wrapped');
  });

  it('takes only what the service owns, with a key', async () => {
    await sql.transaction(async (tx) => {
      const publish = outboxPublisher(tx, { owner: 'identity', world, notify: () => {} });
      await expect(publish(OrderCancelledSchema, { orderId: 'ord_1' })).rejects.toThrow('gives it to orders');
      await expect(publish(UserRegisteredSchema, {})).rejects.toThrow('key field user_id');
      await expect(publish(UserRegisteredSchema, { userId: 'x'.repeat(1_048_577) })).rejects.toThrow('at most 1048576');
    });
    expect(await waiting()).toBe(0);
  });
});

describe('the relay', () => {
  it('brings what is committed to the stream in order, and empties the outbox', async () => {
    const relay = start(sql);
    const publish = publishing(sql, relay);
    for (let n = 0; n < 20; n += 1) await publish('usr_same');
    await relay.drain();
    expect(await waiting()).toBe(0);
    const positions = (await stream.latest(20)).map((record) => Number(record.position));
    expect(positions).toEqual(positions.toSorted((a, b) => b - a));
    expect(new Set((await stream.latest(20)).map((record) => record.envelope.id)).size).toBe(20);
  });

  it('brings what was left in the outbox by a process that is gone, more than one batch of it', async () => {
    await sql.transaction(async (tx) => {
      const publish = outboxPublisher(tx, { owner: 'identity', world, notify: () => {} });
      for (let n = 0; n < 1_203; n += 1) await publish(UserRegisteredSchema, { userId: `usr_left_${n % 3}` });
    });
    const before = await stream.lag('nobody', ['identity']);
    await start(sql).drain();
    expect((await stream.lag('nobody', ['identity'])) - before).toBe(1_203n);
    expect(await waiting()).toBe(0);
  });

  it('does not double an event when it dies between the append and the removal', async () => {
    let deaths = 0;
    const relay = start(sql, {
      system: 'suuupra_stream',
      append: async (topic, envelopes) => {
        await stream.append(topic, envelopes);
        deaths += 1;
        if (deaths <= 2) throw new Error('killed after the append');
      },
    });
    const before = await stream.lag('nobody', ['identity']);
    await publishing(sql, relay)('usr_once');
    await relay.drain();
    expect(deaths).toBe(3);
    expect((await stream.lag('nobody', ['identity'])) - before).toBe(1n);
  });

  it('waits for a stream that is away, and loses nothing', async () => {
    let away = 3;
    const relay = start(sql, {
      system: 'suuupra_stream',
      append: async (topic, envelopes) => {
        away -= 1;
        if (away >= 0) throw new Error('the stream is away');
        await stream.append(topic, envelopes);
      },
    });
    await publishing(sql, relay)('usr_patient');
    await relay.drain();
    expect(await subjects(1)).toEqual(['usr_patient']);
  });

  it('has one leader; the others tell it, and one of them takes over when it goes', async () => {
    const appended = collector();
    const appends: string[] = [];
    const named = (name: string): Pick<Stream, 'append' | 'system'> => ({
      system: 'suuupra_stream',
      append: async (topic, envelopes) => {
        await stream.append(topic, envelopes);
        appends.push(...envelopes.map((envelope) => `${name} ${envelope.subject}`));
        await appended.take(envelopes.map((envelope) => ({ topic, partition: 0, position: 0n, envelope, tries: 0 })));
      },
    });
    const other = await openTestSql(url);
    try {
      const leader = start(sql, named('leader'));
      await publishing(sql, leader)('usr_1');
      await appended.reached(1);
      const follower = start(other, named('follower'));
      const startedMs = performance.now();
      for (let count = 2; count <= 16; count += 1) {
        await publishing(other, follower)('usr_2');
        await appended.reached(count);
      }
      // Found by looking once a second these would take 15 seconds; the bound leaves a slow machine room.
      expect(performance.now() - startedMs).toBeLessThan(7_000);
      await leader.stop();
      await publishing(other, follower)('usr_3');
      await appended.reached(17);
      await follower.stop();
      expect(new Set(appends)).toEqual(new Set(['leader usr_1', 'leader usr_2', 'follower usr_3']));
    } finally {
      await other.close();
    }
  });
});
