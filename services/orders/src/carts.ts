/** What the service does with carts: look, change, and make an order of one. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type AddCartItemRequest,
  type CartSchema,
  type ChangeCartItemRequest,
  type CheckOutCartRequest,
  CheckOutCartRequestSchema,
  type CheckOutCartResponse,
  CheckOutCartResponseSchema,
  type MergeCartRequest,
} from '@suuupra/contracts/gen/suuupra/orders/v1/carts_pb.ts';
import type { OrderItem } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { amountText } from '@suuupra/platform/money';
import { type CallContext, isRefusal, Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, type IdempotentCall, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { signedIn } from './access-parts.ts';
import { replayed } from './caller.ts';
import { type Cart, type CartOffer, cleared, merged, withItem, withQuantity } from './cart.ts';
import { lockCart, noteCheckout, orderOfCart, readCart, writeCart } from './cart-rows.ts';
import { cartMessage, orderItemsOf, previewCart } from './cart-view.ts';
import type { OrdersSurroundings } from './change.ts';
import { type DraftedOrder, readBilling, readItems, refuseForms } from './items.ts';
import { totalMinor } from './order.ts';
import { orderMessage, viewOf } from './order-view.ts';
import { placeDrafted } from './orders.ts';
import type { OrderToPlace } from './placing.ts';
import { finishRemembered, lookAnswer, rememberedPreview } from './recall.ts';
import { findView } from './store.ts';

export type CartAnswer = Promise<{ readonly cart: MessageInitShape<typeof CartSchema> } | Refusal>;

export async function getCart(surroundings: OrdersSurroundings, context: CallContext): CartAnswer {
  const ownerId = signedIn(context);
  return shown(surroundings, ownerId, await readCart(surroundings.sql, ownerId), context);
}

async function shown(surroundings: OrdersSurroundings, ownerId: string, cart: Cart, context: CallContext): CartAnswer {
  context.answer.etag = etagOf(cart.version);
  const preview = await rememberedPreview(surroundings, ownerId, cart, surroundings.world.now(), () =>
    previewCart(surroundings, ownerId, cart, context),
  );
  return { cart: cartMessage(cart, preview) };
}

/** Changes the cart under its lock. Refuses as the change does, and `stale_etag` by If-Match. */
export async function changeCart(
  surroundings: OrdersSurroundings,
  context: CallContext,
  change: (cart: Cart) => Cart | Refusal,
): CartAnswer {
  const { sql, world } = surroundings;
  const ownerId = signedIn(context);
  const after = await refusableTransaction(sql, async (tx) => {
    const cart = await lockCart(tx, ownerId, world.now());
    const stale = refuseStale(context.ifMatch, cart.version);
    if (stale !== undefined) return stale;
    const changed = change(cart);
    if (isRefusal(changed) || changed.version === cart.version) return changed;
    await writeCart(tx, ownerId, changed, world.now());
    return changed;
  });
  return isRefusal(after) ? after : shown(surroundings, ownerId, after, context);
}

export async function addCartItem(
  surroundings: OrdersSurroundings,
  request: AddCartItemRequest,
  context: CallContext,
): CartAnswer {
  const items = request.item === undefined ? [] : [request.item];
  const refused = refuseForms(surroundings, items);
  if (refused !== undefined) return asItem(refused);
  const [offer] = items.map(offerOf);
  if (offer === undefined) throw new Error('an item that is required was let through');
  return changeCart(surroundings, context, (cart) => withItem(cart, offer));
}

export async function changeCartItem(
  surroundings: OrdersSurroundings,
  { id, quantity }: ChangeCartItemRequest,
  context: CallContext,
): CartAnswer {
  return changeCart(surroundings, context, (cart) => withQuantity(cart, id, quantity));
}

export async function mergeCart(
  surroundings: OrdersSurroundings,
  { items, couponCode }: MergeCartRequest,
  context: CallContext,
): CartAnswer {
  const refused = items.length === 0 ? undefined : refuseForms(surroundings, items);
  if (refused !== undefined) return refused;
  return changeCart(surroundings, context, (cart) => merged(cart, { items: items.map(offerOf), couponCode }));
}

function offerOf({ courseId, bundleId, cohortId, quantity, gift }: OrderItem): CartOffer {
  const offer = { courseId, bundleId, cohortId, quantity };
  if (gift === undefined) return offer;
  const { recipientEmail, recipientName, message } = gift;
  return { ...offer, gift: { recipientEmail, recipientName, message } };
}

/** The refusal of a list of one, of the one. */
function asItem({ code, detail, errors }: Refusal): Refusal {
  const named = (text: string) => text.replace('items[0]', 'item').replace(/^items$/, 'item');
  return new Refusal(
    code,
    named(detail),
    errors.map((error) => ({ ...error, field: named(error.field) })),
  );
}

/**
 * Makes an order of a version of the cart, once: the unique row of the checkout decides, and whoever comes later gets its
 * order. Refuses as placing the items does, `stale_etag` for another version than the present one, `cart_empty`, and
 * `price_changed` with nothing ordered.
 */
export async function checkOutCart(
  surroundings: OrdersSurroundings,
  request: CheckOutCartRequest,
  context: CallContext,
): Promise<CheckOutCartResponse | Refusal> {
  const buyerId = signedIn(context);
  const call = checkoutCall(surroundings, request, context);
  const seen = await lookAnswer(surroundings, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;
  const billing = readBilling(request.billing);
  if (isRefusal(billing)) return billing;
  const drafted = await draftCheckout(surroundings, buyerId, request.cartVersion, context);
  if (isRefusal(drafted)) return drafted;
  return refusableTransaction(surroundings.sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'answered') return replayed(context, claim.answer);
    if (claim.kind === 'refused') return claim.refusal;
    const about = { buyerId, cause: context, ...(billing === undefined ? {} : { billing }) };
    const ordered = await checkOutOnce(surroundings, tx, request, drafted, about);
    if (isRefusal(ordered)) return ordered;
    await finishRemembered(surroundings, tx, call, ordered);
    return ordered;
  });
}

type CheckoutCall = IdempotentCall<typeof CheckOutCartRequestSchema, typeof CheckOutCartResponseSchema>;

function checkoutCall({ world }: OrdersSurroundings, request: CheckOutCartRequest, context: CallContext): CheckoutCall {
  return {
    scope: idempotencyScope(context),
    method: 'CheckOutCart',
    key: context.idempotencyKey,
    input: CheckOutCartRequestSchema,
    request,
    output: CheckOutCartResponseSchema,
    claimant: world.id('call'),
  };
}

interface DraftedCart {
  readonly cart: Cart;
  readonly drafted: DraftedOrder;
}

/** What is to be ordered, read outside any transaction; undefined when this version was ordered already. */
async function draftCheckout(
  surroundings: OrdersSurroundings,
  buyerId: string,
  version: number,
  context: CallContext,
): Promise<DraftedCart | Refusal | undefined> {
  const { sql } = surroundings;
  if ((await orderOfCart(sql, buyerId, version)) !== undefined) return undefined;
  const cart = await readCart(sql, buyerId);
  const drafted =
    refuseCheckout(cart, version) ?? (await readItems(surroundings, orderItemsOf(cart), buyerId, context));
  if (!isRefusal(drafted)) return { cart, drafted };
  // Another checkout of it may have come first while this one looked: then its own order is why it was refused.
  return (await orderOfCart(sql, buyerId, version)) === undefined ? drafted : undefined;
}

function refuseCheckout(cart: Cart, version: number): Refusal | undefined {
  if (cart.version !== version) return staleCart();
  return cart.items.length === 0 ? refuse('cart_empty', 'There is nothing in your cart.') : undefined;
}

async function checkOutOnce(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  request: CheckOutCartRequest,
  drafted: DraftedCart | undefined,
  about: Pick<OrderToPlace, 'buyerId' | 'billing' | 'cause'>,
): Promise<CheckOutCartResponse | Refusal> {
  const { buyerId } = about;
  const nowMs = surroundings.world.now();
  const cart = await lockCart(tx, buyerId, nowMs);
  const first = await orderOfCart(tx, buyerId, request.cartVersion);
  if (first !== undefined) {
    const view = await findView(tx, first);
    if (view === undefined) throw new Error(`the order ${first} of a cart is gone`);
    return create(CheckOutCartResponseSchema, { order: orderMessage(view, false) });
  }
  if (drafted === undefined || cart.version !== request.cartVersion) return staleCart();
  const wanted = { ...about, ...drafted.drafted, couponCode: cart.couponCode };
  const placed = await placeDrafted(surroundings, tx, wanted, drafted.drafted);
  if (isRefusal(placed)) return placed;
  const { order, version } = placed;
  const changed = refusePrice(request.expectedTotal, order.currency, totalMinor(order));
  if (changed !== undefined) return changed;
  await noteCheckout(tx, buyerId, cart.version, order.id);
  await writeCart(tx, buyerId, cleared(cart), nowMs);
  return create(CheckOutCartResponseSchema, { order: orderMessage(viewOf(order, version), false) });
}

/** Refuses `price_changed` when the buyer was shown another total. */
export function refusePrice(
  expected: { readonly currency: string; readonly amountMinor: bigint } | undefined,
  currency: string,
  amountMinor: bigint,
): Refusal | undefined {
  if (expected === undefined || (expected.currency === currency && expected.amountMinor === amountMinor))
    return undefined;
  return refuse('price_changed', `It comes to ${amountText(currency, amountMinor)} now; look at it again.`);
}

function staleCart(): Refusal {
  return refuse('stale_etag', 'Your cart was changed since you looked at it: look again, then order.', [
    { field: 'cartVersion', code: 'differs', detail: 'is not the version of your cart now' },
  ]);
}

function etagOf(version: number): string {
  return `"v${version}"`;
}

/** When If-Match names versions and the present one is not among them. */
function refuseStale(ifMatch: string, version: number): Refusal | undefined {
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (ifMatch.trim() === '' || tags.includes('*') || tags.includes(etagOf(version))) return undefined;
  return refuse('stale_etag', 'Your cart was changed since you read it: read it again, then repeat your change.');
}
