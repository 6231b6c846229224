/** L18: journals as a stream, by way of a route in this process and of one in another. */
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openFront, type Reach } from '@suuupra/platform/http/raw.contract';
import { openRawCaller } from '@suuupra/platform/http/raw-remote';
import type { RawRoute } from '@suuupra/platform/http/route';
import { openRemoteTarget } from '@suuupra/platform/rpc/remote-target';
import type { Principal } from '@suuupra/platform/rpc/rpc';
import { serveService } from '@suuupra/platform/rpc/serve-service';
import { openTestAuthority, type TestAuthority } from '@suuupra/platform/testing-certificates';
import { type ServiceUnderTest, startServiceForTest, userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld } from '@suuupra/platform/world';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ledgerStores } from './adapters.ts';
import { LineCutter, lineBytesMax } from './journal-lines.ts';
import { ledger } from './service.ts';
import { verifyLedger } from './verify.ts';

/** Lines of the long run; a hundred thousand behind SUUUPRA_SEEDS. */
const manyLines = Number(process.env['SUUUPRA_SEEDS'] ?? 0) > 0 ? 100_000 : 12_000;
/** The lines of the long run are several times as many bytes, their results too. */
const heapGrowthMax = 6 * 1024 * 1024;

const finance = userPrincipal('usr_f', 'finance');

let authority: TestAuthority;
beforeAll(async () => {
  authority = await openTestAuthority();
});
afterAll(() => authority.close());

const here: Reach = async (routes) => ({ routes, close: async () => {} });

const elsewhere: Reach = async (routes) => {
  const world = realWorld();
  const certificates = [await authority.open('ledger')];
  const where = { host: '127.0.0.1', port: 0, certificates, world };
  const door = await serveService({ ...where, served: [], routes, mayCall: () => true });
  const addresses = [`127.0.0.1:${door.port}`];
  const own = await authority.open('gateway');
  const target = openRemoteTarget({ service: 'ledger', addresses, certificates: own, world });
  const raw = openRawCaller(target);
  return {
    routes: routes.map(({ handle: _handle, ...declaration }) => raw.route(declaration)),
    close: async () => {
      await raw.close();
      target.close();
      await door.close(0);
    },
  };
};

const journal = (number: number | string, amountMinor = '5') =>
  `${JSON.stringify({
    ...{ id: `j${number}`, kind: 'provider_settled', reference: 'file:1', description: 'Settled', currency: 'INR' },
    transfers: [{ debit: '1000', credit: '1100', amountMinor }],
  })}\n`;

interface Got {
  readonly status: number;
  readonly lines: readonly Record<string, unknown>[];
}

describe.each([
  ['in this process', here],
  ['in another process', elsewhere],
] as const)('journals as a stream, %s', (_, reach) => {
  let under: ServiceUnderTest;
  let handled: Promise<unknown>[];
  const closing: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    under = await startServiceForTest(ledger, { quiet: true });
    handled = [];
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    await under.stop();
  });

  async function open(principal: Principal = finance) {
    const [route] = under.routes.filter(({ method }) => method === 'POST');
    if (route === undefined) throw new Error('there is no such route');
    const watched: RawRoute = {
      ...route,
      handle: (...given) => {
        const done = route.handle(...given);
        handled.push(done.catch((error: unknown) => error));
        return done;
      },
    };
    const reached = await reach([watched]);
    const front = await openFront(reached.routes, principal);
    closing.push(reached.close, front.close);
    return front;
  }

  function begin(port: number, query: string, type = 'application/x-ndjson'): ClientRequest {
    const headers = { 'content-type': type };
    return httpRequest({ port, host: '127.0.0.1', path: `/${query}`, method: 'POST', headers, agent: false });
  }

  async function answerTo(sent: ClientRequest): Promise<Got> {
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const texts: string[] = [];
    for await (const line of createInterface({ input: answer })) texts.push(line);
    return { status: answer.statusCode ?? 0, lines: texts.map((text) => JSON.parse(text) as Record<string, unknown>) };
  }

  async function post(port: number, query: string, body: string | Buffer, type?: string): Promise<Got> {
    const sent = begin(port, query, type);
    sent.end(body);
    return answerTo(sent);
  }

  const outcomes = ({ lines }: Got) => lines.slice(0, -1).map((line) => line['outcome']);
  const countOf = async () => (await under.sql.query<{ n: bigint }>('SELECT count(*) AS n FROM journals'))[0]?.n;

  const refusedByBook = journal(3, '0');
  const brokenJson = '{"id":"j3","kind":\n';
  const unknownField = `${JSON.stringify({ id: 'j3', colour: 'red' })}\n`;
  const twoPeople = journal(3).replace('provider_settled', 'adjustment');
  it.each([
    ['the book refuses', refusedByBook, 'invalid_amount', 'j3'],
    ['is no JSON', brokenJson, 'invalid_request', ''],
    ['has an unknown field', unknownField, 'invalid_request', 'j3'],
    ['needs two people', twoPeople, 'invalid_request', 'j3'],
    ['is too long', `"${'x'.repeat(lineBytesMax)}"\n`, 'invalid_request', ''],
  ])('line 3 of 5 %s: the mode says what becomes of the others', async (_what, bad, reason, id) => {
    const { port } = await open();
    const body = [1, 2, bad, 4, 5].map((each) => (typeof each === 'number' ? journal(each) : each)).join('');
    const atomic = await post(port, '?mode=atomic', body);
    expect([atomic.status, outcomes(atomic)]).toEqual([200, ['skipped', 'skipped', 'rejected', 'skipped', 'skipped']]);
    expect(await countOf()).toBe(0n);
    const stop = await post(port, '?mode=stop', body);
    expect(outcomes(stop)).toEqual(['posted', 'posted', 'rejected', 'skipped', 'skipped']);
    const each = await post(port, '?mode=continue', body);
    expect(outcomes(each)).toEqual(['duplicate', 'duplicate', 'rejected', 'posted', 'posted']);
    expect(each.lines[2]).toMatchObject({ id, outcome: 'rejected', reason });
    expect(each.lines.at(-1)).toEqual({ end: { posted: 2, duplicate: 2, rejected: 1, skipped: 0, sequence: '4' } });
    expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true, journals: 4n });
  });

  it('asks for its mode, its media type and the role, and bounds what is booked all or none', async () => {
    const front = await open();
    expect(await post(front.port, '', journal(1))).toMatchObject({ status: 400, lines: [{ code: 'invalid_request' }] });
    expect((await post(front.port, '?mode=some', journal(1))).status).toBe(400);
    expect((await post(front.port, '?mode=stop', journal(1), 'application/json')).status).toBe(415);
    const many = Array.from({ length: 1_001 }, (_none, index) => journal(index)).join('');
    expect((await post(front.port, '?mode=atomic', many)).status).toBe(413);
    const learner = await open(userPrincipal('usr_l', 'learner'));
    expect((await post(learner.port, '?mode=stop', journal(1))).status).toBe(403);
    expect(await countOf()).toBe(0n);
    const all = await post(front.port, '?mode=atomic', many.slice(0, many.lastIndexOf('\n', many.length - 2)));
    expect(new Set(outcomes(all))).toEqual(new Set(['posted']));
    expect(await countOf()).toBe(1_000n);
  });

  it('answers each line as it comes, also when the next waits for it', async () => {
    const { port } = await open();
    const sent = begin(port, '?mode=continue');
    sent.write(journal(0));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let asked = 0;
    const seen: unknown[] = [];
    for await (const line of createInterface({ input: answer })) {
      seen.push((JSON.parse(line) as { id?: string }).id);
      asked += 1;
      if (asked < 4) sent.write(journal(asked));
      if (asked === 4) sent.end();
    }
    expect(seen).toEqual(['j0', 'j1', 'j2', 'j3', undefined]);
  });

  it('a line may name the journal of a line before it', async () => {
    const { port } = await open();
    const hold = journal('h').replace('"currency"', '"pending":true,"currency"');
    const postIt = `${JSON.stringify({
      ...{ id: 'p', kind: 'post_pending', reference: 'file:1', description: 'Post', currency: 'INR', targetId: 'jh' },
    })}\n`;
    const got = await post(port, '?mode=stop', journal(1) + hold + postIt + journal(2));
    expect(outcomes(got)).toEqual(['posted', 'posted', 'posted', 'posted']);
  });

  it('a caller that goes away leaves whole journals, none begun after it; sent again each is there once', async () => {
    const { port } = await open();
    const texts = Array.from({ length: 30_000 }, (_none, index) => journal(index));
    const sent = begin(port, '?mode=continue');
    sent.on('error', () => {});
    sent.write(texts.slice(0, 3_000).join(''));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.on('error', () => {});
    sent.write(texts.slice(3_000).join(''));
    await once(answer, 'data');
    sent.destroy();
    await Promise.all(handled);
    const booked = Number(await countOf());
    expect(booked).toBeGreaterThan(0);
    expect(booked).toBeLessThan(texts.length / 2);
    // Nothing is begun by a handler that has ended.
    expect(handled).toHaveLength(1);
    const again = await post(port, '?mode=continue', texts.slice(0, booked + 500).join(''));
    const places = outcomes(again).map((outcome) => outcome === 'duplicate');
    expect(places).toHaveLength(booked + 500);
    expect([places.lastIndexOf(true), places.indexOf(false)]).toEqual([booked - 1, booked]);
    expect(await verifyLedger(ledgerStores(under.sql).store)).toMatchObject({ intact: true });
  });

  it('books no more than a few groups ahead of a caller that does not read its results', async () => {
    const { port } = await open();
    const sent = begin(port, '?mode=continue');
    sent.on('error', () => {});
    const closed = once(sent, 'close');
    let flowing = 0;
    const fill = async () => {
      for (; flowing < 400_000 && !sent.destroyed; flowing += 500) {
        const part = Array.from({ length: 500 }, (_none, index) => journal(flowing + index)).join('');
        if (!sent.write(part)) await Promise.race([once(sent, 'drain'), closed]);
      }
    };
    const filling = fill().catch(() => {});
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.on('error', () => {});
    answer.pause();
    let before = -1;
    await expect
      .poll(
        async () => {
          const now = flowing;
          const isStill = now === before && now > 0;
          before = now;
          return isStill;
        },
        { timeout: 30_000, interval: 1_000 },
      )
      .toBe(true);
    // What sockets on the way hold of results and of lines (some 10 MB a hop, by the kernel), and the groups under way.
    expect(flowing).toBeLessThan(250_000);
    sent.destroy();
    await filling;
    await Promise.all(handled);
  }, 60_000);

  it(`${manyLines} lines need no more memory than a few`, { timeout: 300_000 }, async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    };
    const { port } = await open();
    const sent = begin(port, '?mode=continue');
    const writing = (async () => {
      for (let from = 0; from < manyLines; from += 200) {
        const part = Array.from({ length: 200 }, (_none, index) => journal(from + index)).join('');
        if (!sent.write(part)) await once(sent, 'drain');
      }
      sent.end();
    })();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const sizes: number[] = [];
    let seen = 0;
    let last = '';
    for await (const line of createInterface({ input: answer })) {
      last = line;
      if (seen % (manyLines / 4) === manyLines / 8) sizes.push(heap());
      if (seen < manyLines) expect(line.startsWith(`{"id":"j${seen}",`)).toBe(true);
      seen += 1;
    }
    await writing;
    expect(seen).toBe(manyLines + 1);
    expect(JSON.parse(last)).toMatchObject({ end: { posted: manyLines, rejected: 0 } });
    expect(Math.max(...sizes) - Number(sizes[0])).toBeLessThan(heapGrowthMax);
  });
});

describe('lines of bytes', () => {
  const cut = (chunks: readonly Buffer[]) => {
    const cutter = new LineCutter();
    const lines = [...chunks.flatMap((chunk) => cutter.push(chunk)), ...cutter.end()];
    return lines.map((line) => (line === 'too long' ? line : line.toString()));
  };
  const text = Buffer.from('{"ü":1}\r\n\n  \n{"b":2}\nlast');

  it('are the same however the bytes come', () => {
    const whole = cut([text]);
    expect(whole).toEqual(['{"ü":1}\r', '{"b":2}', 'last']);
    for (let at = 0; at <= text.length; at += 1) expect(cut([text.subarray(0, at), text.subarray(at)])).toEqual(whole);
    expect(cut([...text].map((byte) => Buffer.of(byte)))).toEqual(whole);
  });

  it('that are too long are told and passed over', () => {
    const long = Buffer.alloc(lineBytesMax + 1, 0x61);
    expect(cut([Buffer.from('a\n'), long, long, Buffer.from('\nb\n')])).toEqual(['a', 'too long', 'b']);
    expect(cut([long])).toEqual(['too long']);
    expect(cut([long.subarray(1), Buffer.from('\n')])).toEqual(['a'.repeat(lineBytesMax)]);
  });
});
