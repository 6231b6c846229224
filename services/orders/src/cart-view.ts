/** What a cart would cost now, and why it could not be ordered; by the code that prices orders. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { CartSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/carts_pb.ts';
import { type OrderItem, OrderItemSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { type CallContext, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import { type Cart, type CartOffer, cartItemId } from './cart.ts';
import type { OrdersSurroundings } from './change.ts';
import { refuseCouponOf } from './coupons.ts';
import { type DraftedOrder, readItems } from './items.ts';
import { type LineView, lineMessage } from './order-view.ts';
import { quotedLines } from './orders.ts';
import { type Quote, quoteFor } from './placing.ts';

interface Problem {
  readonly code: string;
  readonly detail: string;
}

/** What is said of a cart beside what is in it. Holds nothing that the owner typed. */
export interface CartPreview {
  readonly currency: string;
  /** Item by item; empty when they have no price now. */
  readonly lines: readonly (readonly LineView[])[];
  readonly itemProblems: readonly (Problem | undefined)[];
  readonly couponProblem?: Problem;
  readonly problem?: Problem;
  readonly pricedAtMs: number;
}

export function orderItemsOf(cart: Cart): OrderItem[] {
  return cart.items.map(({ gift, ...offer }) =>
    create(OrderItemSchema, { ...offer, ...(gift === undefined ? {} : { gift }) }),
  );
}

/** Never refuses: what a checkout would be refused for is said as a problem. */
export async function previewCart(
  surroundings: OrdersSurroundings,
  buyerId: string,
  cart: Cart,
  context: CallContext,
): Promise<CartPreview> {
  const pricedAtMs = surroundings.world.now();
  const nothing = { currency: '', lines: [], itemProblems: [], pricedAtMs };
  if (cart.items.length === 0) return nothing;
  const read = (items: readonly OrderItem[]) => readItems(surroundings, items, buyerId, context);
  const items = orderItemsOf(cart);
  const drafted = await read(items);
  if (isRefusal(drafted)) return { ...nothing, ...(await problemsOf(items, drafted, read)) };
  const wanted = { buyerId, currency: drafted.currency, lines: drafted.lines };
  const { quote, couponProblem } = await quoteOf(surroundings, wanted, cart.couponCode, pricedAtMs);
  return {
    ...nothing,
    currency: drafted.currency,
    lines: linesByItem(drafted, quote),
    ...(couponProblem === undefined ? {} : { couponProblem }),
  };
}

async function quoteOf(
  { sql }: OrdersSurroundings,
  wanted: Pick<DraftedOrder, 'currency' | 'lines'> & { readonly buyerId: string },
  couponCode: string,
  nowMs: number,
): Promise<{ readonly quote: Quote; readonly couponProblem?: Problem }> {
  const withCoupon = { ...wanted, couponCode };
  const discounted = await quoteFor(sql, withCoupon, nowMs);
  const refused = isRefusal(discounted) ? discounted : await refuseCouponOf(sql, withCoupon);
  if (!isRefusal(discounted) && refused === undefined) return { quote: discounted };
  const quote = await quoteFor(sql, wanted, nowMs);
  if (isRefusal(quote)) throw new Error(`a quote without a coupon was refused: ${quote.code}`);
  return { quote, ...(refused === undefined ? {} : { couponProblem: problemOf(refused) }) };
}

function linesByItem(drafted: DraftedOrder, quote: Quote): LineView[][] {
  const lines = quotedLines(quote);
  return drafted.items.map(({ drafted: item, firstLine }) => lines.slice(firstLine, firstLine + item.lines.length));
}

/**
 * What stands against each item, and against what is left of the cart without those. A refusal names one reason: what it
 * names is set aside and the rest is looked at again, so at most once for each item.
 */
async function problemsOf(
  items: readonly OrderItem[],
  first: Refusal,
  read: (items: readonly OrderItem[]) => Promise<DraftedOrder | Refusal>,
): Promise<Pick<CartPreview, 'itemProblems' | 'problem'>> {
  const itemProblems: (Problem | undefined)[] = items.map(() => undefined);
  let left = items.map((item, index) => ({ item, index }));
  let refused: DraftedOrder | Refusal = first;
  while (isRefusal(refused)) {
    const wrong = itemsNamedIn(refused);
    const kept = left.filter((_, position) => !wrong.has(position));
    if (kept.length === left.length) return { itemProblems, problem: problemOf(refused) };
    for (const position of wrong) {
      const at = left[position]?.index;
      if (at !== undefined) itemProblems[at] = problemOf(refused);
    }
    left = kept;
    if (left.length === 0) break;
    refused = await read(left.map(({ item }) => item));
  }
  return { itemProblems };
}

/** Positions among what was read. */
function itemsNamedIn({ errors }: Refusal): ReadonlySet<number> {
  return new Set(errors.flatMap(({ field }) => /^items\[(\d+)\]/.exec(field)?.[1] ?? []).map(Number));
}

function problemOf({ code, detail }: Refusal): Problem {
  return { code, detail };
}

export function cartMessage(cart: Cart, preview: CartPreview): MessageInitShape<typeof CartSchema> {
  const { currency, couponProblem, problem } = preview;
  const all = preview.lines.flat();
  const money = (of: (line: LineView) => bigint) => ({
    currency,
    amountMinor: all.reduce((sum, line) => sum + of(line), 0n),
  });
  return {
    version: cart.version,
    items: cart.items.map((offer, index) => itemMessage(offer, index, preview)),
    couponCode: cart.couponCode,
    ...(all.length === 0
      ? {}
      : {
          subtotal: money((line) => line.netMinor + line.discountMinor),
          discount: money((line) => line.discountMinor),
          tax: money((line) => line.taxMinor),
          total: money((line) => line.totalMinor),
        }),
    ...(couponProblem === undefined ? {} : { couponProblem }),
    ...(problem === undefined ? {} : { problem }),
    pricedAt: timestampFromMs(preview.pricedAtMs),
  };
}

function itemMessage(offer: CartOffer, index: number, { lines, itemProblems, currency }: CartPreview) {
  const problem = itemProblems[index];
  return {
    id: cartItemId(offer),
    item: { ...offer },
    lines: (lines[index] ?? []).map((line) => lineMessage(line, currency)),
    ...(problem === undefined ? {} : { problem }),
  };
}
