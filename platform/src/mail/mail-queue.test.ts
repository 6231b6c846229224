import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Sql } from '../sql/sql.ts';
import { openTelemetry } from '../telemetry/telemetry-process.ts';
import { openTestSql } from '../testing.ts';
import { realWorld, type TestWorld, testWorld } from '../world.ts';
import type { Mail, MailMessage } from './mail.ts';
import { type MailQueue, openMailQueue } from './mail-queue.ts';
import { openSmtp } from './mail-smtp.ts';
import { startSmtpServer } from './testing-smtp.ts';

const secret = new Uint8Array(32).fill(7);
const soon = { interval: 5, timeout: 5_000 };

describe('mail queue', () => {
  let sql: Sql;
  const lines: string[] = [];
  const process_ = openTelemetry({
    logLevel: 'debug',
    traceShare: 0,
    otlpEndpoint: '',
    logTo: { write: (line) => lines.push(line) },
  });
  const telemetry = process_.forService('test');

  beforeAll(async () => {
    sql = await openTestSql();
    await sql.execute(
      'CREATE TABLE mail_queue (id text PRIMARY KEY, recipient text NOT NULL, subject text NOT NULL, body text NOT NULL, due_at timestamptz NOT NULL, tries int NOT NULL DEFAULT 0)',
    );
  });
  afterAll(async () => {
    await sql.close();
    await process_.close();
  });
  beforeEach(() => sql.execute('TRUNCATE mail_queue'));

  const message: MailMessage = { id: 'mail_1', to: 'asha@example.org', subject: 'Hello', text: 'the secret link' };
  const enqueue = (queue: MailQueue, one = message) => sql.transaction((tx) => queue.enqueue(tx, one));
  const waiting = () => sql.query<{ body: string; tries: number }>('SELECT body, tries FROM mail_queue');

  /** A server that takes what `take` lets through. */
  function server(take: () => void = () => {}): Mail & { readonly got: MailMessage[] } {
    const got: MailMessage[] = [];
    return {
      got,
      send: async (mail) => {
        take();
        got.push(mail);
      },
      ping: async () => 0,
    };
  }

  it('sends what was committed, once, and nothing of what was rolled back', async () => {
    const mail = server();
    const queue = openMailQueue({ sql, mail, world: realWorld(), telemetry });
    await sql
      .transaction(async (tx) => {
        await queue.enqueue(tx, { ...message, id: 'mail_0' });
        throw new Error('rolled back');
      })
      .catch(() => {});
    await enqueue(queue);
    await enqueue(queue);
    queue.start();
    await vi.waitFor(() => expect(mail.got).toEqual([message]), soon);
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), soon);
    await queue.stop();
  });

  it('sends at once what comes while it waits', async () => {
    const mail = server();
    const queue = openMailQueue({ sql, mail, world: realWorld(), telemetry });
    queue.start();
    for (let i = 0; i < 5; i += 1) {
      await enqueue(queue, { ...message, id: `mail_${i}` });
      await vi.waitFor(() => expect(mail.got).toHaveLength(i + 1), { interval: 2, timeout: 1_000 });
    }
    await queue.stop();
  });

  it('keeps a sealed text unreadable while it waits', async () => {
    const mail = server();
    const queue = openMailQueue({ sql, mail, world: realWorld(), telemetry, sealedWith: secret });
    await enqueue(queue);
    expect((await waiting())[0]?.body).not.toContain('secret');
    queue.start();
    await vi.waitFor(() => expect(mail.got).toEqual([message]), soon);
    await queue.stop();
  });

  it('tries a refused mail again later, and logs no address', async () => {
    const world: TestWorld = testWorld();
    let refusals = 1;
    const mail = server(() => {
      refusals -= 1;
      if (refusals >= 0) throw new Error('550 no such person asha@example.org');
    });
    const queue = openMailQueue({ sql, mail, world, telemetry });
    await enqueue(queue);
    queue.start();
    await vi.waitFor(async () => expect((await waiting())[0]?.tries).toBe(1), soon);
    await queue.stop();
    expect(mail.got).toEqual([]);
    world.advance(30_000);
    queue.start();
    await vi.waitFor(() => expect(mail.got).toEqual([message]), soon);
    await queue.stop();
    expect(lines.join('')).toContain('a mail could not be sent');
    expect(lines.join('')).not.toContain('asha');
  });

  it('sends each mail once from two processes by a server that is slower than a claim lasts', async () => {
    const leaseMs = 150;
    const slow = await startSmtpServer(2 * leaseMs);
    const clients = [1, 2].map(() => openSmtp({ url: slow.url, from: 'Suuupra <no-reply@suuupra.test>' }));
    const queues = clients.map((mail) => openMailQueue({ sql, mail, world: realWorld(), telemetry, leaseMs }));
    const ids = Array.from({ length: 8 }, (_, n) => `mail_slow_${n}`);
    await sql.transaction((tx) =>
      (queues[0] as MailQueue).enqueueAll(
        tx,
        ids.map((id) => ({ ...message, id })),
      ),
    );
    for (const queue of queues) queue.start();
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), { interval: 20, timeout: 10_000 });
    await Promise.all(queues.map((queue) => queue.stop()));
    expect(slow.received).toHaveLength(ids.length);
    for (const client of clients) await client.close();
    await slow.close();
  });

  it('leaves what waits behind a slow mail to another process', async () => {
    const holding = Promise.withResolvers<void>();
    const stuck: Mail = { send: () => holding.promise, ping: async () => 0 };
    const free = server();
    const slow = openMailQueue({ sql, mail: stuck, world: realWorld(), telemetry });
    const other = openMailQueue({ sql, mail: free, world: realWorld(), telemetry });
    await sql.transaction((tx) => slow.enqueueAll(tx, [message, { ...message, id: 'mail_2' }]));
    slow.start();
    await vi.waitFor(async () => expect((await waiting()).map(({ tries }) => tries).sort()).toEqual([0, 1]), soon);
    other.start();
    await vi.waitFor(() => expect(free.got.map(({ id }) => id)).toEqual(['mail_2']), soon);
    holding.resolve();
    await Promise.all([slow.stop(), other.stop()]);
  });
});
