import { isRefusal } from '@suuupra/platform/rpc/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Cart,
  type CartOffer,
  cartItemId,
  cartItemsMax,
  cleared,
  emptyCart,
  merged,
  withCoupon,
  withItem,
  withoutItem,
  withQuantity,
} from './cart.ts';

const course = (courseId: string, more: Partial<CartOffer> = {}): CartOffer => ({
  courseId,
  bundleId: '',
  cohortId: '',
  quantity: 0,
  ...more,
});
const gift = (recipientEmail: string) => ({ recipientEmail, recipientName: 'Dev', message: '' });

function of(cart: Cart | ReturnType<typeof withItem>): Cart {
  if (isRefusal(cart)) throw new Error(cart.code);
  return cart as Cart;
}

const offers = fc.oneof(
  fc.constantFrom('a', 'b', 'c').map((id) => course(id)),
  fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 9 })).map(([id, quantity]) => course(id, { quantity })),
  fc
    .tuple(fc.constantFrom('a', 'b'), fc.constantFrom('dev@example.test', 'Dev@Example.test', 'eva@example.test'))
    .map(([id, email]) => course(id, { gift: gift(email) })),
  fc.constantFrom('x', 'y').map((bundleId) => course('', { bundleId })),
);

describe('a cart', () => {
  it('takes the same offer once, and its new quantity', () => {
    const five = of(withItem(emptyCart, course('a', { quantity: 5 })));
    const seven = of(withItem(five, course('a', { quantity: 7 })));
    expect(seven.items).toEqual([course('a', { quantity: 7 })]);
    expect(of(withItem(seven, course('a'))).items).toHaveLength(2);
    const [seats] = seven.items;
    expect(of(withQuantity(seven, cartItemId(seats ?? course('')), 2)).items[0]?.quantity).toBe(2);
  });

  it('knows one gift a recipient, however the address is written', () => {
    const id = (email: string) => cartItemId(course('a', { gift: gift(email) }));
    expect(id(' Dev@Example.test')).toBe(id('dev@example.test'));
    expect(id('eva@example.test')).not.toBe(id('dev@example.test'));
    expect(id('dev@example.test')).not.toBe(cartItemId(course('a')));
  });

  it('gives a quantity to seats alone, and to what is there', () => {
    const cart = of(withItem(emptyCart, course('a')));
    expect(withQuantity(cart, cartItemId(course('a')), 3)).toMatchObject({ code: 'invalid_request' });
    expect(withQuantity(cart, 'itm_none', 3)).toMatchObject({ code: 'not_found' });
  });

  it('has an end', () => {
    let cart: Cart = emptyCart;
    for (let n = 0; n < cartItemsMax; n += 1) cart = of(withItem(cart, course(`c${n}`)));
    expect(withItem(cart, course('more'))).toMatchObject({ code: 'limit_reached' });
    expect(merged(cart, { items: [course('more')], couponCode: '' })).toMatchObject({ code: 'limit_reached' });
    expect(withItem(cart, course('c0'))).toBe(cart);
  });

  it('has a new version after each change, and the old one after none', () => {
    fc.assert(
      fc.property(fc.array(offers, { maxLength: 8 }), offers, (before, offer) => {
        const cart = of(merged(emptyCart, { items: before, couponCode: 'ten' }));
        const steps = [
          withItem(cart, offer),
          withoutItem(cart, cartItemId(offer)),
          withCoupon(cart, ' ten '),
          cleared(cart),
        ];
        for (const after of steps.map(of)) {
          const isSame = JSON.stringify({ ...after, version: 0 }) === JSON.stringify({ ...cart, version: 0 });
          expect(after.version).toBe(cart.version + (isSame ? 0 : 1));
        }
      }),
    );
  });

  it('merges another one once, whichever way and however often', () => {
    fc.assert(
      fc.property(fc.array(offers, { maxLength: 6 }), fc.array(offers, { maxLength: 6 }), (mine, other) => {
        const cart = of(merged(emptyCart, { items: mine, couponCode: '' }));
        const once = of(merged(cart, { items: other, couponCode: 'other' }));
        expect(of(merged(once, { items: other, couponCode: 'other' }))).toBe(once);
        const ids = once.items.map(cartItemId);
        expect(new Set(ids).size).toBe(ids.length);
        expect(new Set(ids)).toEqual(new Set([...mine, ...other].map(cartItemId)));
        for (const item of once.items) {
          const quantities = [...mine, ...other].filter((each) => cartItemId(each) === cartItemId(item));
          expect(item.quantity).toBe(Math.max(...quantities.map((each) => each.quantity)));
        }
      }),
    );
  });
});
