import { type Cart, CartsService } from '@suuupra/contracts/gen/suuupra/orders/v1/carts_pb.ts';
import { CouponScope, CouponsService } from '@suuupra/contracts/gen/suuupra/orders/v1/coupons_pb.ts';
import { OrderCancelledSchema, OrderPlacedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { Order } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { QuotesService } from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import { isRefusal, type Principal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finance, learner, openSchool, type School } from './testing.ts';

let school: School;

beforeAll(async () => {
  school = await openSchool();
});
afterAll(() => school.service.stop());

const carts = () => school.service.client(CartsService);

function cartIn(answer: { cart?: Cart | undefined } | Refusal): Cart {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  if (answer.cart === undefined) throw new Error('no cart');
  return answer.cart;
}

async function filled(principal: Principal, ...courseIds: string[]): Promise<Cart> {
  let cart = cartIn(await carts().getCart({}, { principal }));
  for (const courseId of courseIds) cart = cartIn(await carts().addCartItem({ item: { courseId } }, { principal }));
  return cart;
}

async function checkOut(
  principal: Principal,
  cartVersion: number,
  key = school.world.id('key'),
  expectedMinor?: bigint,
): Promise<Order | Refusal> {
  const expectedTotal =
    expectedMinor === undefined ? {} : { expectedTotal: { currency: 'INR', amountMinor: expectedMinor } };
  const answer = await carts().checkOutCart({ cartVersion, ...expectedTotal }, { principal, idempotencyKey: key });
  if (isRefusal(answer)) return answer;
  if (answer.order === undefined) throw new Error('no order');
  return answer.order;
}

async function ordersOf(userId: string): Promise<number> {
  const [row] = await school.service.sql.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM orders WHERE buyer_id = $1',
    [userId],
  );
  return row?.n ?? 0;
}

const idOf = (principal: Principal) => (principal.kind === 'user' ? principal.userId : '');

async function coupon(percent: number): Promise<string> {
  const code = `cart-${school.world.id('x').slice(2, 14)}`;
  const made = await school.service
    .client(CouponsService)
    .createCoupon(
      { code, percentBasisPoints: percent * 100, scope: CouponScope.ALL },
      { principal: finance, idempotencyKey: school.world.id('key') },
    );
  if (isRefusal(made)) throw new Error(made.code);
  return code;
}

describe('a cart', () => {
  it('costs what a quote of its items costs, and what its order then does', async () => {
    const who = learner();
    const couponCode = await coupon(15);
    await filled(who, 'crs_events', 'crs_ledger');
    const cart = cartIn(await carts().setCartCoupon({ couponCode }, { principal: who }));
    const items = [{ courseId: 'crs_events' }, { courseId: 'crs_ledger' }];
    const quote = await school.service.client(QuotesService).quoteOrder({ items, couponCode }, { principal: who });
    if (isRefusal(quote)) throw new Error(quote.code);
    const sums = ({ subtotal, discount, tax, total }: Pick<Order, 'subtotal' | 'discount' | 'tax' | 'total'>) => ({
      subtotal,
      discount,
      tax,
      total,
    });
    expect(sums(cart)).toEqual(sums(quote));
    expect(cart.items.map((item) => item.lines.map((line) => line.courseId))).toEqual([['crs_events'], ['crs_ledger']]);
    const order = await checkOut(who, cart.version);
    expect(isRefusal(order) ? order.code : sums(order)).toEqual(sums(quote));
  });

  it('is the same on every device, and nobody else sees it', async () => {
    const who = learner();
    const cart = await filled(who, 'crs_events');
    expect(cartIn(await carts().getCart({}, { principal: who }))).toMatchObject({ version: cart.version, items: [{}] });
    expect(cartIn(await carts().getCart({}, { principal: learner() })).items).toEqual([]);
    expect(await carts().getCart({})).toMatchObject({ code: 'unauthenticated' });
  });

  it('says which item cannot be ordered, and which coupon does not apply', async () => {
    const who = learner();
    await school.buy(who, ['crs_events']);
    const owned = await filled(who, 'crs_ledger', 'crs_events');
    expect(owned.items.map((item) => item.problem?.code)).toEqual([undefined, 'already_enrolled']);
    expect(owned.total).toBeUndefined();
    const several = await filled(who, 'crs_gone', 'crs_free');
    expect(several.items.map((item) => item.problem?.code)).toEqual([
      undefined,
      'already_enrolled',
      'course_not_available',
      undefined,
    ]);
    expect(several.problem).toBeUndefined();
    const mixed = await filled(learner(), 'crs_events', 'crs_usd');
    expect(mixed.problem?.code).toBe('mixed_currencies');
    const other = learner();
    await filled(other, 'crs_events');
    const odd = cartIn(await carts().setCartCoupon({ couponCode: 'no-such' }, { principal: other }));
    expect(odd).toMatchObject({ couponProblem: { code: 'coupon_not_found' }, total: { amountMinor: 49_900n } });
    expect(await checkOut(other, odd.version)).toMatchObject({ code: 'coupon_not_found' });
    expect(cartIn(await carts().getCart({}, { principal: other })).items).toHaveLength(1);
  });

  it('refuses what is no offer, and a change of what somebody else has changed', async () => {
    const principal = learner();
    expect(await carts().addCartItem({ item: {} }, { principal })).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'item.courseId' }],
    });
    const cart = await filled(principal, 'crs_events');
    const ifMatch = `"v${cart.version}"`;
    const first = await carts().addCartItem({ item: { courseId: 'crs_ledger' } }, { principal, ifMatch });
    expect(isRefusal(first)).toBe(false);
    expect(await carts().clearCart({}, { principal, ifMatch })).toMatchObject({ code: 'stale_etag' });
    expect(cartIn(await carts().getCart({}, { principal })).items).toHaveLength(2);
  });

  it('takes what was put together before signing in, once', async () => {
    const principal = learner();
    await carts().addCartItem({ item: { courseId: 'crs_ledger', quantity: 3 } }, { principal });
    const items = [{ courseId: 'crs_ledger', quantity: 2 }, { courseId: 'crs_events' }];
    const merged = cartIn(await carts().mergeCart({ items }, { principal }));
    expect(merged.items.map(({ item }) => [item?.courseId, item?.quantity])).toEqual([
      ['crs_ledger', 3],
      ['crs_events', 0],
    ]);
    expect(cartIn(await carts().mergeCart({ items }, { principal })).version).toBe(merged.version);
  });

  it('loses no change of many at once', async () => {
    const principal = learner();
    const items = Array.from({ length: 12 }, (_, n) => ({ courseId: `crs_${n}` }));
    await Promise.all(items.map((item) => carts().addCartItem({ item }, { principal })));
    const cart = cartIn(await carts().getCart({}, { principal }));
    expect(cart).toMatchObject({ version: 12 });
    expect(new Set(cart.items.map(({ item }) => item?.courseId))).toEqual(new Set(items.map((item) => item.courseId)));
  });
});

describe('a checkout', () => {
  it('makes one order of one version, whoever comes at once and with whichever key (M26)', async () => {
    for (let round = 0; round < 5; round += 1) {
      const who = learner();
      const { version } = await filled(who, 'crs_events', 'crs_ledger');
      const all = await Promise.all(Array.from({ length: 16 }, () => checkOut(who, version)));
      expect(new Set(all.map((each) => (isRefusal(each) ? each.code : each.id))).size).toBe(1);
      expect(await ordersOf(idOf(who))).toBe(1);
      const told = await school.service.published(OrderPlacedSchema);
      expect(told.filter((event) => event.buyerId === idOf(who))).toHaveLength(1);
    }
  });

  it('observes the first order for ever, as it is by then', async () => {
    const who = learner();
    const { version } = await filled(who, 'crs_free');
    const first = await checkOut(who, version, 'first');
    const again = await checkOut(who, version, 'second');
    expect(again).toMatchObject({ id: isRefusal(first) ? '' : first.id });
    expect(await checkOut(who, version, 'first')).toEqual(first);
    // The next cart is another one, and its version another order or refusal.
    expect(await checkOut(who, version + 1)).toMatchObject({ code: 'cart_empty' });
    const next = await filled(who, 'crs_ledger');
    expect(next.items).toHaveLength(1);
    expect(await checkOut(who, next.version)).not.toMatchObject({ id: isRefusal(first) ? '' : first.id });
  });

  it('empties the cart, and only when the order is there', async () => {
    const who = learner();
    const { version } = await filled(who, 'crs_events');
    expect(await checkOut(who, version, 'k', 1n)).toMatchObject({ code: 'price_changed' });
    expect(await ordersOf(idOf(who))).toBe(0);
    expect(cartIn(await carts().getCart({}, { principal: who }))).toMatchObject({ version, items: [{}] });
    expect(await checkOut(who, version, 'k', 49_900n)).toMatchObject({ total: { amountMinor: 49_900n } });
    expect(cartIn(await carts().getCart({}, { principal: who }))).toMatchObject({ version: version + 1, items: [] });
  });

  it('of a version that was changed since orders nothing', async () => {
    const who = learner();
    const { version } = await filled(who, 'crs_events');
    await filled(who, 'crs_ledger');
    expect(await checkOut(who, version)).toMatchObject({ code: 'stale_etag', errors: [{ field: 'cartVersion' }] });
    expect(await ordersOf(idOf(who))).toBe(0);
  });

  it('and a change at once: the order has what was ordered, and the cart what came after', async () => {
    for (let round = 0; round < 8; round += 1) {
      const who = learner();
      const { version } = await filled(who, 'crs_events');
      const [order, added] = await Promise.all([
        checkOut(who, version),
        carts().addCartItem({ item: { courseId: 'crs_ledger' } }, { principal: who }),
      ]);
      const left = cartIn(await carts().getCart({}, { principal: who })).items.map(({ item }) => item?.courseId);
      expect(isRefusal(added)).toBe(false);
      if (isRefusal(order)) expect([order.code, left]).toEqual(['stale_etag', ['crs_events', 'crs_ledger']]);
      else expect([order.lines.map((line) => line.courseId), left]).toEqual([['crs_events'], ['crs_ledger']]);
    }
  });

  it('freezes the price: what the cart held before is not asked again', async () => {
    const who = learner();
    const couponCode = await coupon(50);
    await filled(who, 'crs_events');
    const cart = cartIn(await carts().setCartCoupon({ couponCode }, { principal: who }));
    const order = await checkOut(who, cart.version);
    if (isRefusal(order)) throw new Error(order.code);
    await school.service.sql.execute('UPDATE coupons SET withdrawn = true WHERE code = $1', [couponCode]);
    expect((await school.order(order.id)).total?.amountMinor).toBe(24_950n);
    expect(await school.service.published(OrderCancelledSchema)).toEqual([]);
  });
});
