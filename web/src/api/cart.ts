/** The cart of who is signed in. Its changes name what is to be true after them, so the last one wins on every device. */
import { type QueryClient, queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import { withIntent } from './intent.ts';
import type { Cart, CartItem, Order, OrderItemInput } from './types.ts';

interface Answer {
  readonly cart: Cart;
}

export const cartKey = ['cart'] as const;

export const cartQuery = queryOptions({
  queryKey: cartKey,
  queryFn: ({ signal }) => call<Answer>('GET', '/cart', { signal }),
  select: (answer) => answer.cart,
  staleTime: 0,
});

/** Shows the cart that a change answered with; one that was asked for before the change must not take its place. */
export async function showCart(client: QueryClient, answer: Answer): Promise<void> {
  await client.cancelQueries({ queryKey: cartKey });
  client.setQueryData(cartKey, answer);
}

/** The same offer again changes nothing but its quantity. */
export const addToCart = (item: OrderItemInput) => call<Answer>('POST', '/cart/items', { body: { item } });

/** Adds what is not there yet; the same again changes nothing. */
export const mergeCart = (items: readonly OrderItemInput[]) => call<Answer>('POST', '/cart:merge', { body: { items } });

export const changeSeats = (id: string, quantity: number) =>
  call<Answer>('PATCH', `/cart/items/${encodeURIComponent(id)}`, { body: { quantity } });

export const removeFromCart = (item: CartItem) => call<Answer>('DELETE', `/cart/items/${encodeURIComponent(item.id)}`);

/** Empty: none. */
export const setCartCoupon = (couponCode: string) => call<Answer>('PUT', '/cart/coupon', { body: { couponCode } });

/** Orders the version that was looked at, for the total that was seen; another total is refused as price_changed. */
export const checkOutCart = (cart: Cart) => {
  const { version: cartVersion, total: expectedTotal } = cart;
  const body = { cartVersion, ...(expectedTotal && { expectedTotal }) };
  return withIntent(`cart.${cartVersion}.${expectedTotal?.amountMinor ?? ''}`, (idempotencyKey) =>
    call<{ order: Order }>('POST', '/cart:checkout', { body, idempotencyKey }),
  );
};
