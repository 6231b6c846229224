/** The cache makes answers faster and no answer different (M34, C17). */
import { type Cart, CartsService } from '@suuupra/contracts/gen/suuupra/orders/v1/carts_pb.ts';
import { CouponScope, CouponsService } from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { openEmbeddedCache } from '@suuupra/platform/cache/cache-embedded';
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { userPrincipal } from '@suuupra/platform/testing-service';
import { realWorld } from '@suuupra/platform/world';
import { afterEach, describe, expect, it } from 'vitest';
import { emptyCart } from './cart.ts';
import { previewKeptMs, rememberedPreview } from './recall.ts';
import { finance, openSchool, type School, type TestCache } from './testing.ts';

let school: School | undefined;
afterEach(() => school?.service.stop());

/** What a buyer sees of a whole purchase, step by step, with nothing in it that differs from run to run. */
async function purchase(cache: TestCache): Promise<unknown[]> {
  school = await openSchool({ cache });
  const { service } = school;
  const who = userPrincipal('usr_buyer');
  const seen: unknown[] = [];
  const ids = new Map<string, string>();
  const see = (what: string, answer: unknown) => {
    const text = JSON.stringify(answer, (key, value) => {
      if (typeof value === 'bigint') return value.toString();
      if (['number', 'placedAt', 'paidAt', 'expiresAt', 'pricedAt', 'refundableUntil', 'createdAt'].includes(key))
        return '';
      return value;
    }).replace(/"(ord|line|rfd|pay)_[a-z0-9_]+"/g, (id) => {
      ids.set(id, ids.get(id) ?? `"id ${ids.size}"`);
      return ids.get(id) ?? '';
    });
    seen.push(`${what}: ${text}`);
  };
  const carts = service.client(CartsService);
  const as = (idempotencyKey = '') => ({ principal: who, idempotencyKey });
  const look = async (what: string) => see(what, await carts.getCart({}, as()));
  const coupon = { code: 'tenth', percentBasisPoints: 1_000, scope: CouponScope.ALL };
  const made = await service.client(CouponsService).createCoupon(coupon, { principal: finance, idempotencyKey: 'c' });
  await carts.addCartItem({ item: { courseId: 'crs_events' } }, as());
  await carts.addCartItem({ item: { courseId: 'crs_ledger', quantity: 3 } }, as());
  await look('two items');
  await look('two items again');
  await carts.setCartCoupon({ couponCode: 'tenth' }, as());
  await look('with a coupon');
  await service
    .client(CouponsService)
    .withdrawCoupon({ id: isRefusal(made) ? '' : (made.coupon?.id ?? '') }, { principal: finance });
  await look('the coupon was withdrawn a moment ago');
  await carts.setCartCoupon({ couponCode: '' }, as());
  await school.buy(who, ['crs_events']);
  await look('one of it was bought by another order a moment ago');
  const [owned] = ((await carts.getCart({}, as())) as { cart: Cart }).cart.items;
  await carts.removeCartItem({ id: owned?.id ?? '' }, as());
  await look('without it');
  const version = ((await carts.getCart({}, as())) as { cart: Cart }).cart.version;
  see('checked out', await carts.checkOutCart({ cartVersion: version }, as('checkout')));
  await look('emptied');
  see('again', await carts.checkOutCart({ cartVersion: version }, as('checkout')));
  see('by another key', await carts.checkOutCart({ cartVersion: version }, as('other')));
  see('the key for another', await carts.checkOutCart({ cartVersion: version + 1 }, as('checkout')));
  see('refused', await carts.checkOutCart({ cartVersion: version + 1 }, as('nothing')));
  const orders = service.client(OrdersService);
  see('placed', await orders.placeOrder({ items: [{ courseId: 'crs_free' }] }, as('place')));
  see('placed again', await orders.placeOrder({ items: [{ courseId: 'crs_free' }] }, as('place')));
  see('another under the key', await orders.placeOrder({ items: [{ courseId: 'crs_usd' }] }, as('place')));
  see(
    'of somebody else',
    await orders.placeOrder(
      { items: [{ courseId: 'crs_usd' }] },
      { principal: userPrincipal('usr_2'), idempotencyKey: 'place' },
    ),
  );
  see('orders', await orders.listOrders({}, as()));
  const [row] = await service.sql.query<{ n: number }>('SELECT count(*)::int AS n FROM orders');
  see('so many', row?.n);
  return seen;
}

describe('whatever becomes of the cache', () => {
  it('a purchase is answered alike at every step', async () => {
    const answers: unknown[][] = [];
    for (const cache of ['kept', 'absent', 'flushed', 'failing'] as const) {
      answers.push(await purchase(cache));
      await school?.service.stop();
      school = undefined;
    }
    const [kept, ...others] = answers;
    expect(kept).toHaveLength(18);
    for (const other of others) expect(other).toEqual(kept);
  });

  it('nothing is answered from what it garbles', async () => {
    const cache = openEmbeddedCache({ world: realWorld() });
    const garbled = { ...cache, get: async () => Buffer.from('{"no":"answer"}') };
    school = await openSchool({ cache: garbled });
    const who = userPrincipal('usr_buyer');
    const first = await school.place(who, ['crs_events'], 'key');
    expect(await school.place(who, ['crs_events'], 'key')).toEqual(first);
  });
});

describe('a cache that keeps', () => {
  it('answers a repeated request without the database, and never another one', async () => {
    school = await openSchool({ cache: 'kept' });
    const who = userPrincipal('usr_buyer');
    const first = await school.place(who, ['crs_events'], 'key');
    // What only the cache has by now shows who answers.
    await school.service.sql.execute("DELETE FROM idempotency_keys WHERE method = 'PlaceOrder'");
    expect(await school.place(who, ['crs_events'], 'key')).toEqual(first);
    expect(await school.place(userPrincipal('usr_other'), ['crs_events'], 'key')).not.toMatchObject({
      id: (first as { id?: string }).id,
    });
  });

  it('remembers no answer of what was rolled back', async () => {
    school = await openSchool({ cache: 'kept' });
    const who = userPrincipal('usr_buyer');
    const refused = (await school.place(who, ['crs_events', 'crs_none'], 'key')) as Refusal;
    expect(refused.code).toBe('course_not_available');
    expect(await school.place(who, ['crs_events'], 'key')).toMatchObject({ buyerId: '' });
  });

  it('asks nobody for a cart that was looked at a moment ago, and asks again when that is over', async () => {
    school = await openSchool({ cache: 'kept' });
    const { sql, log } = school.surroundings;
    let asked = 0;
    let nowMs = 1_000_000;
    const parts = { sql, log, cache: openEmbeddedCache({ world: { now: () => nowMs } }) };
    const cart = { ...emptyCart, version: 1, items: [{ courseId: 'crs_a', bundleId: '', cohortId: '', quantity: 0 }] };
    const look = (changed = cart) =>
      rememberedPreview(parts, 'usr_1', changed, nowMs, async () => {
        asked += 1;
        return { currency: 'INR', lines: [], itemProblems: [], pricedAtMs: nowMs };
      });
    await look();
    await look();
    expect(asked).toBe(1);
    await look({ ...cart, version: 2 });
    expect(asked).toBe(2);
    nowMs += previewKeptMs;
    await look();
    expect(asked).toBe(3);
    // Places in cohorts are never remembered.
    const places = { ...cart, version: 3, items: [{ courseId: '', bundleId: '', cohortId: 'coh_a', quantity: 0 }] };
    await look(places);
    await look(places);
    expect(asked).toBe(5);
  });
});
