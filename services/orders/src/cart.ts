/**
 * A cart: what somebody means to buy, and how it changes. Pure. It reserves nothing and holds no price. A change that
 * changes nothing gives the same cart, and with it the same version.
 */
import { createHash } from 'node:crypto';
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';

/** As many as an order has. */
export const cartItemsMax = 20;

export interface CartGift {
  readonly recipientEmail: string;
  readonly recipientName: string;
  readonly message: string;
}

/** One offer; its form is checked by whoever reads it from outside. Ids that do not apply are empty. */
export interface CartOffer {
  readonly courseId: string;
  readonly bundleId: string;
  readonly cohortId: string;
  /** Of seats; 0 of everything else. */
  readonly quantity: number;
  readonly gift?: CartGift;
}

export interface Cart {
  /** 0: nothing was ever in it. */
  readonly version: number;
  readonly items: readonly CartOffer[];
  readonly couponCode: string;
}

export const emptyCart: Cart = { version: 0, items: [], couponCode: '' };

/** The same for the same offer. Two gifts of one course to two people are two offers; ten seats and five are one. */
export function cartItemId(offer: CartOffer): string {
  const { courseId, bundleId, cohortId, gift } = offer;
  const kind = gift === undefined ? (offer.quantity > 0 ? 'seats' : 'one') : 'gift';
  const parts = [kind, courseId, bundleId, cohortId, gift?.recipientEmail.trim().toLowerCase() ?? ''];
  return `itm_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 20)}`;
}

/** Refuses `limit_reached` when there is no room. */
export function withItem(cart: Cart, offer: CartOffer): Cart | Refusal {
  const id = cartItemId(offer);
  const isThere = cart.items.some((each) => cartItemId(each) === id);
  const items = isThere ? cart.items.map((each) => (cartItemId(each) === id ? offer : each)) : [...cart.items, offer];
  if (items.length > cartItemsMax)
    return refuse('limit_reached', `A cart holds at most ${cartItemsMax} items; order them first.`);
  return changed(cart, { items });
}

/** Refuses `not_found`, and `invalid_request` for what is not seats. */
export function withQuantity(cart: Cart, id: string, quantity: number): Cart | Refusal {
  const item = cart.items.find((each) => cartItemId(each) === id);
  if (item === undefined) return refuse('not_found', 'There is no such item in your cart.');
  if (item.gift !== undefined || item.quantity === 0)
    return refuse('invalid_request', 'Only of seats there are several.', [
      { field: 'quantity', code: 'not_allowed', detail: 'is for seats only' },
    ]);
  return changed(cart, { items: cart.items.map((each) => (each === item ? { ...each, quantity } : each)) });
}

export function withoutItem(cart: Cart, id: string): Cart {
  return changed(cart, { items: cart.items.filter((each) => cartItemId(each) !== id) });
}

export function withCoupon(cart: Cart, couponCode: string): Cart {
  return changed(cart, { couponCode: couponCode.trim() });
}

export function cleared(cart: Cart): Cart {
  return changed(cart, { items: [], couponCode: '' });
}

/**
 * The cart with what another one has beside it. Merging the same again changes nothing: of seats the larger quantity
 * stays, and a coupon that is there. Refuses `limit_reached` when not all of it has room.
 */
export function merged(cart: Cart, other: Pick<Cart, 'items' | 'couponCode'>): Cart | Refusal {
  const items = [...cart.items];
  for (const offer of other.items) {
    const at = items.findIndex((each) => cartItemId(each) === cartItemId(offer));
    const mine = items[at];
    if (mine === undefined) items.push(offer);
    else items[at] = { ...mine, quantity: Math.max(mine.quantity, offer.quantity) };
  }
  if (items.length > cartItemsMax)
    return refuse('limit_reached', `A cart holds at most ${cartItemsMax} items; take some out first.`);
  return changed(cart, { items, couponCode: cart.couponCode || other.couponCode.trim() });
}

function changed(cart: Cart, to: Partial<Pick<Cart, 'items' | 'couponCode'>>): Cart {
  const { items = cart.items, couponCode = cart.couponCode } = to;
  const isSame = couponCode === cart.couponCode && JSON.stringify(items) === JSON.stringify(cart.items);
  return isSame ? cart : { version: cart.version + 1, items, couponCode };
}
