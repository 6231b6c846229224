/** Carts as they are kept, and which order each version of them became. */
import type { SqlExecutor, SqlRow, SqlTransaction } from '@suuupra/platform/sql/sql';
import { type Cart, type CartOffer, emptyCart } from './cart.ts';
import { jsonOf } from './stored-event.ts';

interface CartRow extends SqlRow {
  version: number;
  items: CartOffer[];
  coupon_code: string;
}

function cartFrom(row: CartRow | undefined): Cart {
  if (row === undefined) return emptyCart;
  return { version: row.version, items: row.items.map(offerFrom), couponCode: row.coupon_code };
}

/** In the order of our own fields, whatever the database makes of it: equal offers are equal texts. */
function offerFrom({ courseId, bundleId, cohortId, quantity, gift }: CartOffer): CartOffer {
  const offer = { courseId, bundleId, cohortId, quantity };
  if (gift === undefined) return offer;
  const { recipientEmail, recipientName, message } = gift;
  return { ...offer, gift: { recipientEmail, recipientName, message } };
}

export async function readCart(executor: SqlExecutor, ownerId: string): Promise<Cart> {
  const [row] = await executor.query<CartRow>('SELECT version, items, coupon_code FROM carts WHERE owner_id = $1', [
    ownerId,
  ]);
  return cartFrom(row);
}

/** The cart, locked until the transaction ends, also one that was never changed yet. */
export async function lockCart(tx: SqlTransaction, ownerId: string, nowMs: number): Promise<Cart> {
  const [row] = await tx.query<CartRow>(
    `INSERT INTO carts (owner_id, version, items, changed_at) VALUES ($1, 0, '[]', $2)
     ON CONFLICT (owner_id) DO UPDATE SET owner_id = EXCLUDED.owner_id RETURNING version, items, coupon_code`,
    [ownerId, new Date(nowMs)],
  );
  return cartFrom(row);
}

/** Of a locked cart. */
export async function writeCart(tx: SqlTransaction, ownerId: string, cart: Cart, nowMs: number): Promise<void> {
  await tx.execute('UPDATE carts SET version = $2, items = $3, coupon_code = $4, changed_at = $5 WHERE owner_id = $1', [
    ownerId,
    cart.version,
    jsonOf(cart.items),
    cart.couponCode,
    new Date(nowMs),
  ]);
}

/** The order that a version of the cart became. */
export async function orderOfCart(
  executor: SqlExecutor,
  ownerId: string,
  version: number,
): Promise<string | undefined> {
  const [row] = await executor.query<{ order_id: string }>(
    'SELECT order_id FROM cart_checkouts WHERE owner_id = $1 AND cart_version = $2',
    [ownerId, version],
  );
  return row?.order_id;
}

export async function noteCheckout(
  tx: SqlTransaction,
  ownerId: string,
  version: number,
  orderId: string,
): Promise<void> {
  await tx.execute('INSERT INTO cart_checkouts (owner_id, cart_version, order_id) VALUES ($1, $2, $3)', [
    ownerId,
    version,
    orderId,
  ]);
}
