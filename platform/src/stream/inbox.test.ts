import { create, toBinary } from '@bufbuild/protobuf';
import { type Envelope, EnvelopeSchema } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import { UserRegisteredSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { OrderCancelledSchema, OrderPaidSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EventHandler, on } from '../service.ts';
import { prepareServiceDatabase, pruneServiceDatabase } from '../sql/service-tables.ts';
import type { Sql } from '../sql/sql.ts';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { freshDatabaseUrl, openTestSql } from '../testing.ts';
import { applyOnce, forgetApplied, subscribe } from './inbox.ts';
import type { Stream, StreamRecord } from './stream.ts';
import { openEmbeddedStream } from './stream-embedded.ts';

const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 1, otlpEndpoint: '' }).forService('test');
let sql: Sql;
let streamSql: Sql;
let stream: Stream;

beforeAll(async () => {
  sql = await openTestSql();
  streamSql = await openTestSql(await freshDatabaseUrl('postgres'));
  await prepareServiceDatabase(sql);
  const sequence = { postgres: 'GENERATED ALWAYS AS IDENTITY', mysql: 'AUTO_INCREMENT' }[sql.dialect];
  await sql.execute(`CREATE TABLE heard (seq bigint ${sequence} PRIMARY KEY, user_id text, request text)`);
  stream = await openEmbeddedStream({
    sql: streamSql,
    telemetry,
    world: { random: () => 0 },
    retry: { firstMs: 1, mostMs: 5 },
  });
});
afterAll(async () => {
  await stream.close();
  await sql.close();
  await streamSql.close();
});
beforeEach(async () => {
  await sql.execute('DELETE FROM heard');
});

let made = 0;

function registered(userId: string): Envelope {
  made += 1;
  return create(EnvelopeSchema, {
    id: `evt_inbox_${made}`,
    type: UserRegisteredSchema.typeName,
    subject: userId,
    data: toBinary(UserRegisteredSchema, create(UserRegisteredSchema, { userId })),
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    correlationId: `req_${userId}`,
  });
}

function records(...envelopes: Envelope[]): StreamRecord[] {
  return envelopes.map((envelope, index) => ({
    topic: 'identity',
    partition: 0,
    position: BigInt(index + 1),
    envelope,
    tries: 0,
  }));
}

const hear = on(UserRegisteredSchema, async ({ event, tx, cause }) => {
  const values = { postgres: '$1, $2', mysql: '?, ?' }[tx.dialect];
  await tx.execute(`INSERT INTO heard (user_id, request) VALUES (${values})`, [event.userId, cause.requestId]);
});

function table(...handlers: EventHandler[]): Map<string, EventHandler> {
  return new Map(handlers.map((handler) => [handler.schema.typeName, handler]));
}

async function heard(): Promise<unknown[]> {
  return (await sql.query('SELECT user_id FROM heard ORDER BY seq')).map((row) => row['user_id']);
}

describe('the inbox', () => {
  it('applies an event once, however often it comes, also within one batch and from two members at once', async () => {
    const first = registered('usr_1');
    const second = registered('usr_2');
    const twice = records(first, second, first);
    expect(await applyOnce(sql, 'notifications', twice, table(hear), telemetry)).toBe(2);
    expect(await applyOnce(sql, 'notifications', records(second, first), table(hear), telemetry)).toBe(0);
    const third = records(registered('usr_3'), registered('usr_4'));
    const counts = await Promise.all(
      Array.from({ length: 6 }, () => applyOnce(sql, 'notifications', third, table(hear), telemetry)),
    );
    expect(counts.toSorted()).toEqual([0, 0, 0, 0, 0, 2]);
    expect(await heard()).toEqual(['usr_1', 'usr_2', 'usr_3', 'usr_4']);
  });

  it('applies an event once for each group', async () => {
    const one = records(registered('usr_each'));
    expect(await applyOnce(sql, 'a', one, table(hear), telemetry)).toBe(1);
    expect(await applyOnce(sql, 'b', one, table(hear), telemetry)).toBe(1);
  });

  it('keeps nothing of a batch in which a handler throws, so all of it comes again', async () => {
    const batch = records(registered('usr_good'), registered('usr_bad'));
    const picky = on(UserRegisteredSchema, async (applied) => {
      await hear.apply(applied as never);
      if (applied.event.userId === 'usr_bad') throw new Error('refused');
    });
    await expect(applyOnce(sql, 'notifications', batch, table(picky), telemetry)).rejects.toThrow('refused');
    expect(await heard()).toEqual([]);
    expect(await applyOnce(sql, 'notifications', batch, table(hear), telemetry)).toBe(2);
  });

  it('takes what a batch changes in one order, so batches that meet run once and never in a ring', async () => {
    await sql.execute('CREATE TABLE counted (user_id varchar(40) PRIMARY KEY, times int NOT NULL)');
    const people = Array.from({ length: 12 }, (_, index) => `usr_met_${index}`);
    for (const id of people) await sql.execute(`INSERT INTO counted VALUES ('${id}', 0)`);
    const oneOf = { postgres: '= $1', mysql: '= ?' }[sql.dialect];
    const anyOf = { postgres: '= ANY($1)', mysql: 'IN (?)' }[sql.dialect];
    let tries = 0;
    const add = on(
      UserRegisteredSchema,
      async ({ event, tx }) => {
        tries += 1;
        await tx.execute(`UPDATE counted SET times = times + 1 WHERE user_id ${oneOf}`, [event.userId]);
      },
      {
        keyOf: ({ userId }) => userId,
        take: async (tx, ids) => {
          await tx.query(`SELECT 1 FROM counted WHERE user_id ${anyOf} ORDER BY user_id FOR UPDATE`, [ids]);
        },
      },
    );
    const batches = Array.from({ length: 12 }, (_, index) => {
      const turned = [...people.slice(index), ...people.slice(0, index)];
      return records(...(index % 2 === 0 ? turned : turned.reverse()).map(registered));
    });
    await Promise.all(batches.map((batch) => applyOnce(sql, 'notifications', batch, table(add), telemetry)));
    expect(tries).toBe(batches.length * people.length);
    expect(await sql.query('SELECT DISTINCT times FROM counted')).toEqual([{ times: batches.length }]);
  });

  it('carries the request and the trace on', async () => {
    let cause: { requestId: string; traceparent: string } | undefined;
    const look = on(UserRegisteredSchema, async (applied) => {
      cause = applied.cause;
    });
    await applyOnce(sql, 'notifications', records(registered('usr_trace')), table(look), telemetry);
    expect(cause?.requestId).toBe('req_usr_trace');
    expect(cause?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
  });

  it('applies again what a group was made to forget', async () => {
    const one = records(registered('usr_again'));
    await applyOnce(sql, 'rebuilt', one, table(hear), telemetry);
    await sql.transaction((tx) => forgetApplied(tx, 'rebuilt'));
    expect(await applyOnce(sql, 'rebuilt', one, table(hear), telemetry)).toBe(1);
  });

  it('forgets after a month, in bounded batches', async () => {
    for (const statement of oldRows[sql.dialect]) await sql.execute(statement);
    const [before] = await sql.query('SELECT count(*) AS n FROM inbox');
    expect(await pruneServiceDatabase(sql)).toBe(2_501);
    const [after] = await sql.query('SELECT count(*) AS n FROM inbox');
    expect((before?.['n'] as bigint) - (after?.['n'] as bigint)).toBe(2_500n);
  });
});

describe('a subscription', () => {
  it('applies each event exactly once in effect, though the stream gives some again', async () => {
    const users = Array.from({ length: 60 }, (_, index) => `usr_sub_${index}`);
    let failures = 0;
    const done = Promise.withResolvers<void>();
    const flaky = on(UserRegisteredSchema, async (applied) => {
      await hear.apply(applied as never);
      failures += 1;
      if (failures % 7 === 0) throw new Error('now and then');
      if (failures > 400) done.reject(new Error('it does not end'));
    });
    const counting = { ...sql, transaction: countingTransaction(60, done.resolve) };
    const consumer = await subscribe({ stream, sql: counting, group: 'notifications', handlers: [flaky], telemetry });
    await stream.append('identity', users.map(registered));
    await done.promise;
    await consumer.stop();
    expect((await heard()).toSorted()).toEqual(users.toSorted());
    await stream.rewind('notifications', ['identity']);
    const again = await subscribe({ stream, sql, group: 'notifications', handlers: [hear], telemetry });
    while ((await stream.lag('notifications', ['identity'])) > 0n);
    await again.stop();
    expect((await heard()).length).toBe(60);
  });

  it('is refused what the table of events does not give to the group, and two handlers of one event', async () => {
    const of = (group: string, handlers: EventHandler[]) => subscribe({ stream, sql, group, handlers, telemetry });
    const nothing = async () => {};
    await expect(of('learning', [on(OrderCancelledSchema, nothing)])).rejects.toThrow('does not name it as a consumer');
    await expect(of('ledger', [on(OrderPaidSchema, nothing), on(OrderPaidSchema, nothing)])).rejects.toThrow(
      'two handlers',
    );
    await (await of('ledger', [])).stop();
  });
});

/** The real transactions; tells when the rows that they leave behind have reached the count. */
function countingTransaction(count: number, reached: () => void): Sql['transaction'] {
  return async (work, options) => {
    const result = await sql.transaction(work, options);
    if ((await heard()).length >= count) reached();
    return result;
  };
}

/** 2,500 rows of the inbox and one key, all 31 days old. */
const oldRows = {
  postgres: [
    "INSERT INTO inbox SELECT 'old', 'evt_old_' || n, now() - interval '31 days' FROM generate_series(1, 2500) n",
    `INSERT INTO idempotency_keys (scope, method, key, request, claimant, created_at)
     VALUES ('s', 'm', 'k', '', 'c', now() - interval '31 days')`,
  ],
  mysql: [
    `INSERT INTO inbox (consumer, event_id, claim, applied_at)
     WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
     SELECT 'old', CONCAT('evt_old_', n, '_', k), '', NOW(3) - INTERVAL 31 DAY
     FROM numbers, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3) AS copies WHERE k < 3 OR n <= 500`,
    `INSERT INTO idempotency_keys (scope, method, \`key\`, request, claimant, created_at)
     VALUES ('s', 'm', 'k', '', 'c', NOW(3) - INTERVAL 31 DAY)`,
  ],
};
