import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { RawContext } from '@suuupra/platform/http/route';
import type { Sql } from '@suuupra/platform/sql/sql';
import { openTelemetry } from '@suuupra/platform/telemetry/telemetry-process';
import { openTestSql } from '@suuupra/platform/testing';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { testWorld } from '@suuupra/platform/world';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { addNotifications } from './feeds.ts';
import { openStreams, type StreamLimits, type Streams, streamLimits } from './streams.ts';

/** One block of the stream: its fields, or its comment. */
interface Block {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  readonly comment?: string;
}

interface Browser {
  readonly headers: IncomingMessage['headers'];
  /** The next notification's title; undefined when the stream has ended. */
  title(): Promise<string | undefined>;
  /** The next block of any kind; undefined when the stream has ended. */
  next(): Promise<Block | undefined>;
  leave(): void;
}

describe('streams', () => {
  const world = testWorld();
  const telemetry = openTelemetry({ logLevel: 'silent', traceShare: 0, otlpEndpoint: '' });
  let sql: Sql;
  let server: Server;
  let sessions: AbortController;
  const opened: { leave(): void }[] = [];
  const running: Streams[] = [];
  let streams: Streams;

  beforeAll(async () => {
    sql = await openTestSql();
    await sql.migrate(fileURLToPath(new URL('../migrations/', import.meta.url)));
    server = createServer((request, response) => {
      const leaving = AbortSignal.any([sessions.signal]);
      const context = { principal: userPrincipal(request.url?.slice(1) ?? ''), signal: leaving };
      void streams.route.handle(request, response, context as unknown as RawContext);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await sql.close();
    await telemetry.close();
  });
  beforeEach(async () => {
    sessions = new AbortController();
    await sql.execute('TRUNCATE feeds, notifications');
    streams = await begin();
  });
  afterEach(async () => {
    for (const browser of opened.splice(0)) browser.leave();
    for (const one of running.splice(0)) await one.stop();
  });

  async function begin(limits: Partial<StreamLimits> = {}, processId = world.id('prc')): Promise<Streams> {
    const begun = openStreams({
      sql,
      world,
      telemetry: telemetry.forService('notifications'),
      // No heartbeat but where it is what is tested: it would hide a wake-up that never comes.
      limits: { ...streamLimits, heartbeatMs: 600_000, ...limits },
      processId,
    });
    running.push(begun);
    await begun.start();
    return begun;
  }

  /** Commits a notification; whoever is to hear of it is woken by the test. */
  const add = (userId: string, title: string) =>
    sql.transaction((tx) =>
      addNotifications(tx, world, [{ userId, notice: { kind: 'welcome', title, body: 'a\nb', link: '/' } }]),
    );

  async function open(userId: string, lastEventId?: string): Promise<Browser> {
    const { port } = server.address() as AddressInfo;
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const request = get({ host: '127.0.0.1', port, path: `/${userId}`, headers, agent: false });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    const blocks = readBlocks(response);
    const browser: Browser = {
      headers: response.headers,
      next: async () => (await blocks.next()).value ?? undefined,
      title: async () => {
        for (;;) {
          const block = (await blocks.next()).value;
          if (block === undefined) return undefined;
          if (block.event === 'notification') return (JSON.parse(block.data ?? '') as { title: string }).title;
        }
      },
      leave: () => request.destroy(),
    };
    opened.push(browser);
    // The first block, by which the stream has begun.
    expect((await browser.next())?.retry).toBe('3000');
    return browser;
  }

  async function* readBlocks(response: IncomingMessage): AsyncGenerator<Block, undefined> {
    let text = '';
    try {
      for await (const chunk of response.setEncoding('utf8')) {
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const lines = text.slice(0, end).split('\n');
          text = text.slice(end + 2);
          yield Object.fromEntries(lines.map((line) => [line.split(': ')[0] || 'comment', line.replace(/^\w*: /, '')]));
        }
      }
    } catch {
      // The connection was cut: the end, like any other.
    }
    return undefined;
  }

  const tell = async (userId: string, title: string, by = streams) => {
    await add(userId, title);
    by.wake([userId]);
  };

  it('send what is new, with its number, and nothing of others', async () => {
    await add('asha', 'old');
    const browser = await open('asha');
    expect(browser.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const other = await open('meera');
    await tell('meera', 'for meera');
    expect(await other.title()).toBe('for meera');
    await tell('asha', 'new');
    const block = await browser.next();
    expect(block).toMatchObject({ id: '2', event: 'notification' });
    expect(JSON.parse(block?.data ?? '')).toMatchObject({ title: 'new', kind: 'welcome', body: 'a\nb', link: '/' });
  });

  it('send everything that comes at once, once and in order', async () => {
    const browser = await open('asha', '0');
    const titles = Array.from({ length: 20 }, (_, n) => `n${n}`);
    for (const title of titles) await tell('asha', title);
    const seen: (string | undefined)[] = [];
    for (const _ of titles) seen.push(await browser.title());
    expect(seen).toEqual(titles);
  });

  it('send what was missed since Last-Event-ID, the newest of it when it is much', async () => {
    for (let n = 1; n <= 6; n += 1) await add('asha', `n${n}`);
    const back = await open('asha', '4');
    expect([await back.title(), await back.title()]).toEqual(['n5', 'n6']);
    streams = await begin({ missedMax: 2 });
    const late = await open('asha', '1');
    expect([await late.title(), await late.title()]).toEqual(['n5', 'n6']);
  });

  it.each(['99', 'made-up', '-1', ''])('take the id %j, which is none of theirs, for a first visit', async (id) => {
    await add('asha', 'old');
    const browser = await open('asha', id);
    await tell('asha', 'new');
    expect(await browser.title()).toBe('new');
  });

  it('hear of what another process commits', async () => {
    const elsewhere = await begin();
    const browser = await open('asha', '0');
    await tell('asha', 'from elsewhere', elsewhere);
    expect(await browser.title()).toBe('from elsewhere');
  });

  it('make a lost wake-up good with the heartbeat, which shows that the line is alive', async () => {
    streams = await begin({ heartbeatMs: 20 });
    const browser = await open('asha', '0');
    expect((await browser.next())?.comment).toBe('still here');
    await add('asha', 'nobody was woken');
    expect(await browser.title()).toBe('nobody was woken');
  });

  it('of one person are five; the oldest gives way and is told not to come back at once', async () => {
    const browsers: Browser[] = [];
    for (let n = 0; n < 6; n += 1) browsers.push(await open('asha', '0'));
    const [oldest, second] = browsers;
    expect(await oldest?.next()).toEqual({ retry: '300000' });
    expect(await oldest?.next()).toBeUndefined();
    const other = await open('meera', '0');
    await tell('asha', 'hello');
    await tell('meera', 'hello meera');
    expect(await second?.title()).toBe('hello');
    expect(await other.title()).toBe('hello meera');
  });

  it('of all people together are bounded, too', async () => {
    streams = await begin({ inAllMax: 2 });
    const [first, second, third] = [await open('a', '0'), await open('b', '0'), await open('c', '0')];
    expect(await first.next()).toEqual({ retry: '300000' });
    for (const [userId, browser] of [
      ['b', second],
      ['c', third],
    ] as const) {
      await tell(userId, userId);
      expect(await browser.title()).toBe(userId);
    }
  });

  it('give their place back when the browser leaves', async () => {
    streams = await begin({ inAllMax: 2 });
    const stays = await open('a', '0');
    for (let n = 0; n < 3; n += 1) {
      const visitor = await open('b', '0');
      expect(await openCount()).toBe(2);
      visitor.leave();
      await vi.waitFor(async () => expect(await openCount()).toBe(1), { interval: 5 });
    }
    await tell('a', 'still there');
    expect(await stays.title()).toBe('still there');
  });

  it('of a reader who stopped reading are closed at the heartbeat', async () => {
    streams = await begin({ heartbeatMs: 30 });
    const { port } = server.address() as AddressInfo;
    const stuck = get({ host: '127.0.0.1', port, path: '/asha', headers: { 'last-event-id': '0' }, agent: false });
    opened.push({ leave: () => stuck.destroy() });
    const response = await new Promise<IncomingMessage>((resolve) => stuck.once('response', resolve));
    response.pause();
    expect(await openCount()).toBe(1);
    // Far more than the buffers of both ends hold.
    await sql.execute("INSERT INTO feeds VALUES ('asha', 100)");
    await sql.execute(
      `INSERT INTO notifications (user_id, seq, id, kind, title, body, link, created_at)
       SELECT 'asha', n, n::text, '', '', repeat('x', 200000), '', now() FROM generate_series(1, 100) n`,
    );
    await vi.waitFor(async () => expect(await openCount()).toBe(0), { interval: 5, timeout: 5_000 });
  });

  async function openCount(): Promise<number> {
    const [, count] = /^suuupra_notification_streams (\d+)$/m.exec(await telemetry.metricsText()) ?? [];
    return Number(count);
  }

  it('end with the session', async () => {
    const browser = await open('asha', '0');
    sessions.abort();
    expect(await browser.next()).toBeUndefined();
  });

  it('end with the session that ended elsewhere, heard by whichever process, and no others', async () => {
    const elsewhere = await begin();
    const [mine, theirs] = [await open('asha', '0'), await open('meera', '0')];
    elsewhere.endSession('ses_asha');
    expect(await mine.next()).toEqual({ retry: '3000' });
    expect(await mine.next()).toBeUndefined();
    await tell('meera', 'still there');
    expect(await theirs.title()).toBe('still there');
    streams.endSession('ses_meera');
    expect(await theirs.title()).toBeUndefined();
  });

  it('last an hour at most, so that who came has to show who they are again', async () => {
    streams = await begin({ heartbeatMs: 10 });
    const browser = await open('asha', '0');
    expect((await browser.next())?.comment).toBe('still here');
    world.advance(3_600_000);
    let block = await browser.next();
    while (block?.comment !== undefined) block = await browser.next();
    expect(block).toEqual({ retry: '3000' });
    expect(await browser.next()).toBeUndefined();
  });

  it('end when the process stops, with the time to come back', async () => {
    const browser = await open('asha', '0');
    await streams.stop();
    expect(await browser.next()).toEqual({ retry: '3000' });
    expect(await browser.next()).toBeUndefined();
  });
});
