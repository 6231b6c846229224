/** The streams: expected versions, snapshots, one order of all events that nobody misses one of, and what follows them. */
import { QuotesService } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { openSql } from '@suuupra/platform/sql/open-sql';
import { retrying, type SqlTransaction } from '@suuupra/platform/sql/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeOrder } from './change.ts';
import { type FedEvent, type FeedPlace, feedLag, feedStart, readFeed } from './event-feed.ts';
import { refundsMax } from './order.ts';
import { ProjectionDiffers, rebuildOrders, swapOrders } from './rebuild.ts';
import { beginRebuild, followSales, salesLag, switchSales } from './sales.ts';
import { appendEvents, readStream, readStreamWhole } from './store.ts';
import { asha, finance, learner, openSchool, orderOf, type School, teacher } from './testing.ts';

let school: School;
beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

const sql = () => school.service.sql;

/** Other databases of the cluster hold the feed back too, for as long as their transactions take. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 1; !(await isSo()); tries += 1) if (tries > 5_000) throw new Error('it never came to be');
}

const caughtUp = () =>
  eventually(async () => {
    await followSales(sql());
    return (await salesLag(sql())) === 0;
  });

/** Begins a transaction and holds it open. */
async function holding(work: (tx: SqlTransaction) => Promise<unknown>) {
  const written = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const done = sql().transaction(async (tx) => {
    await work(tx);
    written.resolve();
    await release.promise;
  });
  await written.promise;
  return {
    end: async () => {
      release.resolve();
      await done;
    },
  };
}

describe('a stream', () => {
  it('that somebody else has written to is read and decided anew, not written over (O8)', async () => {
    const order = orderOf(await school.place(learner(), ['crs_events']));
    const stale = await readStream(sql(), order.id);
    const cancelled = { type: 'OrderCancelled', because: 'buyer', atMs: 1 } as const;
    await sql().transaction((tx) => appendEvents(tx, order.id, stale, [cancelled]));
    const late = () => sql().transaction((tx) => appendEvents(tx, order.id, stale, [cancelled]));
    await expect(late()).rejects.toMatchObject({ kind: 'retryable' });
    let tries = 0;
    const decided = await retrying(() =>
      sql().transaction(async (tx) => {
        tries += 1;
        if (tries === 1) return appendEvents(tx, order.id, stale, [cancelled]);
        return changeOrder(school.surroundings, tx, order.id, { kind: 'cancel', because: 'buyer', atMs: 2 });
      }),
    );
    expect([tries, isRefusal(decided) ? 0 : decided.version]).toEqual([2, 2]);
  });

  it('that is long is read from a snapshot, to the same order (O8)', async () => {
    const order = await school.buy(learner(), ['crs_events', 'crs_ledger']);
    for (let refund = 0; refund < 30; refund += 1) await school.refund(finance, order.id, { amountMinor: 7n });
    const [kept] = await sql().query<{ version: number }>('SELECT version FROM order_snapshots WHERE stream_id = $1', [
      order.id,
    ]);
    expect(kept?.version).toBeGreaterThanOrEqual(40);
    expect(refundsMax).toBeGreaterThan(30);
    expect(await readStream(sql(), order.id)).toEqual(await readStreamWhole(sql(), order.id));
    // A snapshot of another shape of the program is not believed.
    await sql().execute("UPDATE order_snapshots SET shape = 0, data = '{}' WHERE stream_id = $1", [order.id]);
    expect(await readStream(sql(), order.id)).toEqual(await readStreamWhole(sql(), order.id));
  });
});

describe('all events in one order', () => {
  it('hold back what an open transaction may still come before (O8, M14)', async () => {
    const [first, second] = [
      orderOf(await school.place(learner(), ['crs_events'])),
      orderOf(await school.place(learner(), ['crs_events'])),
    ];
    let place = feedStart;
    const readOn = async () => {
      const fed = await readFeed(sql(), place, 1_000);
      place = fed.at(-1)?.place ?? place;
      return fed.map((each) => each.orderId);
    };
    await eventually(async () => (await readOn()).length === 0 && (await feedLag(sql(), place, 1)) === 0);
    const cancel = (tx: SqlTransaction, id: string) =>
      changeOrder(school.surroundings, tx, id, { kind: 'cancel', because: 'buyer', atMs: 1 });
    const slow = await holding((tx) => cancel(tx, first.id));
    await sql().transaction((tx) => cancel(tx, second.id));
    // The second is committed; the first, which began before, is not.
    const early = await readOn();
    await slow.end();
    expect(early).toEqual([]);
    const read: string[] = [];
    await eventually(async () => read.push(...(await readOn())) === 2);
    expect(read).toEqual([first.id, second.id]);
  });

  it('reach a reader each once and in the order of each stream, whoever writes meanwhile (M14)', async () => {
    const seen: FedEvent[] = [];
    let place = feedStart;
    let isWriting = true;
    const reading = (async () => {
      for (;;) {
        const last = !isWriting;
        const fed = await readFeed(sql(), place, 7);
        seen.push(...fed);
        place = fed.at(-1)?.place ?? place;
        if (last && (await feedLag(sql(), place, 1)) === 0) return;
      }
    })();
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const order = await school.buy(learner(), ['crs_events']);
        await school.refund(finance, order.id, { amountMinor: 5n });
      }),
    );
    isWriting = false;
    await reading;
    const [row] = await sql().query<{ count: number }>('SELECT count(*)::int AS count FROM order_events');
    expect(seen).toHaveLength(row?.count ?? 0);
    const versions = new Map<string, number>();
    for (const { orderId, version } of seen) {
      expect(version).toBe((versions.get(orderId) ?? 0) + 1);
      versions.set(orderId, version);
    }
  });
});

describe('sixty-four writers, each of whose commits takes its own time', () => {
  const writers = 64;
  const rounds = 4;
  /** Seconds between the last event of a transaction and its commit; the same in each run. */
  const delay = (writer: number, round: number) => ((writer * 7 + round * 13) % 29) / 1_000;

  it('two readers see every event once, in the order of places, and each stream in its own (M14, C13)', async () => {
    const databaseUrl = school.service.databaseUrl;
    const many = await openSql({ url: databaseUrl, connectionsMax: writers, durability: 'not needed' });
    const before = await placeNow();
    const orders: string[] = [];
    for (let writer = 0; writer < writers; writer += 1)
      orders.push(orderOf(await school.place(learner(), ['crs_events'])).id);
    let isWriting = true;
    const readers = [5, 17].map((atOnce) => readAll(before, atOnce, () => isWriting));
    const written = await Promise.all(
      orders.map(async (orderId, writer) => {
        const seen: string[] = [];
        for (let round = 0; round < rounds; round += 1) {
          // What a writer that dies leaves behind is nothing.
          const isLost = (writer + round) % 5 === 0;
          const work = many.transaction(async (tx) => {
            const loaded = await readStream(tx, orderId);
            const event = { type: 'AccessConfirmed', lineIds: [], atMs: round } as const;
            const after = await appendEvents(tx, orderId, loaded, [event]);
            await tx.query('SELECT pg_sleep($1)', [delay(writer, round)]);
            if (isLost) throw new Error('dies before its commit');
            return after.version;
          });
          await work.then(
            (version) => seen.push(`${orderId} ${version}`),
            () => {},
          );
        }
        return seen;
      }),
    );
    isWriting = false;
    for (const fed of await Promise.all(readers)) {
      const appended = fed.filter(({ event }) => event.type === 'AccessConfirmed');
      expect(appended.map(({ orderId, version }) => `${orderId} ${version}`).sort()).toEqual(written.flat().sort());
      const places = fed.map(({ place }) => place);
      expect(places.every((place, index) => index === 0 || isAfter(place, places[index - 1]))).toBe(true);
      const versions = new Map<string, number>();
      for (const { orderId, version } of fed) {
        expect(version).toBe((versions.get(orderId) ?? 0) + 1);
        versions.set(orderId, version);
      }
    }
    await many.close();
  });

  async function placeNow(): Promise<FeedPlace> {
    let place = feedStart;
    await eventually(async () => {
      const fed = await readFeed(sql(), place, 500);
      place = fed.at(-1)?.place ?? place;
      return fed.length === 0 && (await feedLag(sql(), place, 1)) === 0;
    });
    return place;
  }

  async function readAll(from: FeedPlace, atOnce: number, isWriting: () => boolean): Promise<FedEvent[]> {
    const seen: FedEvent[] = [];
    let place = from;
    for (;;) {
      const last = !isWriting();
      const fed = await readFeed(sql(), place, atOnce);
      seen.push(...fed);
      place = fed.at(-1)?.place ?? place;
      if (last && fed.length === 0 && (await feedLag(sql(), place, 1)) === 0) return seen;
    }
  }

  function isAfter(place: FeedPlace, before: FeedPlace | undefined): boolean {
    if (before === undefined) return true;
    const [xid, earlier] = [BigInt(place.xid), BigInt(before.xid)];
    return xid > earlier || (xid === earlier && place.position > before.position);
  }
});

describe('the read model', () => {
  const rows = () => sql().query('SELECT id, o::text AS row FROM orders AS o ORDER BY id');

  it('is swapped for one built anew while orders go on, and nothing is lost (O9, M13)', async () => {
    const order = await school.buy(asha, ['crs_events']);
    await Promise.all([
      ...Array.from({ length: 12 }, () => school.refund(finance, order.id, { amountMinor: 100n })),
      swapOrders(sql()),
      ...Array.from({ length: 6 }, () => school.place(learner(), ['crs_ledger'])),
    ]);
    expect((await school.order(order.id)).refunded?.amountMinor).toBe(1_200n);
    const swapped = await rows();
    await rebuildOrders(sql());
    expect(await rows()).toEqual(swapped);
    // The second swap finds its names free, and a number that is taken is still known as such.
    await swapOrders(sql());
    expect(await rows()).toEqual(swapped);
    const named = await sql().query("SELECT 1 FROM pg_constraint WHERE conname = 'orders_number_unique'");
    expect(named).toHaveLength(1);
  });

  it('stays when the one built anew tells of other money', async () => {
    const order = await school.buy(learner(), ['crs_events']);
    await sql().execute('UPDATE orders SET refunded_minor = 1 WHERE id = $1', [order.id]);
    await expect(swapOrders(sql())).rejects.toThrow(ProjectionDiffers);
    expect((await school.order(order.id)).refunded?.amountMinor).toBe(1n);
    await rebuildOrders(sql());
    await swapOrders(sql());
    expect((await school.order(order.id)).refunded?.amountMinor).toBe(0n);
  });
});

describe('sales', () => {
  const totals = async () => {
    const answer = await school.service.client(QuotesService).listSales({ pageSize: 100 }, { principal: teacher });
    if (isRefusal(answer)) throw new Error(answer.code);
    const [events] = answer.sales.filter((sale) => sale.courseId === 'crs_events');
    return {
      sold: events?.sold ?? 0,
      givenBack: events?.givenBack ?? 0,
      gross: events?.gross?.amountMinor ?? 0n,
      refunded: events?.refunded?.amountMinor ?? 0n,
    };
  };

  it('follow the orders by course and day, each once, with several followers at once (O9)', async () => {
    await caughtUp();
    const { sold, givenBack, gross, refunded } = await totals();
    const order = await school.buy(learner(), ['crs_events']);
    await school.refund(finance, order.id, { amountMinor: 900n });
    expect(await salesLag(sql())).toBeGreaterThan(0);
    await Promise.all([followSales(sql()), followSales(sql()), followSales(sql())]);
    await caughtUp();
    expect(await totals()).toEqual({
      sold: sold + 1,
      givenBack: givenBack + 1,
      gross: gross + 49_900n,
      refunded: refunded + 900n,
    });
    const other = await school.service.client(QuotesService).listSales({}, { principal: learner() });
    expect(isRefusal(other) && other.code).toBe('permission_denied');
  });

  it('are built anew beside those that serve, verified, and switched (O9, M13)', async () => {
    await caughtUp();
    const before = await totals();
    await beginRebuild(sql());
    expect(await switchSales(sql())).toBe('behind');
    expect(await totals()).toEqual(before);
    await sql().execute('UPDATE sales SET sold = sold + 1 WHERE generation = 1');
    let switched = 'behind';
    await eventually(async () => {
      await followSales(sql());
      switched = await switchSales(sql());
      return switched !== 'behind';
    });
    expect(switched).toBe('differs');
    await sql().execute('UPDATE sales SET sold = sold - 1 WHERE generation = 1');
    expect(await switchSales(sql())).toBe('switched');
    expect(await switchSales(sql())).toBe('nothing_to_switch');
    expect(await totals()).toEqual(before);
  });

  it('are listed page by page, each day once', async () => {
    await school.buy(learner(), ['crs_usd']);
    await school.buy(learner(), ['crs_ledger']);
    await caughtUp();
    const list = school.service.client(QuotesService).listSales;
    const seen: string[] = [];
    let pageToken = '';
    do {
      const answer = await list({ pageSize: 1, pageToken }, { principal: finance });
      if (isRefusal(answer)) throw new Error(answer.code);
      seen.push(...answer.sales.map((sale) => sale.courseId));
      pageToken = answer.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(['crs_usd', 'crs_ledger', 'crs_events']);
    for (const [field, value] of [
      ['fromDay', '2026-1-1'],
      ['untilDay', '2026-99-99'],
    ]) {
      const answer = await list({ [field ?? '']: value }, { principal: finance });
      expect(isRefusal(answer) && answer.errors[0]?.field).toBe(field);
    }
  });
});
