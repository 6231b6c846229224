/**
 * How an order is placed, whoever wants one: prices, coupon, tax, events. Also from inside, for renewals and gifts.
 */
import { isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type OrdersSurroundings, recordEvents } from './change.ts';
import { discountOfCoupon, takeCoupon } from './coupons.ts';
import {
  type Billing,
  type CaptureMethod,
  decide,
  evolve,
  type Order,
  type OrderCoupon,
  type OrderCredit,
  type OrderEvent,
  type OrderLine,
  type Supply,
} from './order.ts';
import { type DraftLine, type PricedLine, priceLines, supplyTo } from './price.ts';
import { stateOf } from './seller.ts';
import { sellerNow } from './sellers.ts';
import { type LoadedOrder, readStream } from './store.ts';

export interface OrderToPlace {
  readonly buyerId: string;
  /** At least one, all in `currency`. */
  readonly currency: string;
  readonly lines: readonly DraftLine[];
  readonly couponCode?: string;
  readonly billing?: Billing;
  /** Default: automatic. */
  readonly captureMethod?: CaptureMethod;
  /** Default: a new one. With an id of an order that exists, that order is answered and nothing is placed. */
  readonly orderId?: string;
  /** Default: in 30 minutes. */
  readonly expiresAtMs?: number;
  readonly credit?: OrderCredit;
  readonly cause?: EventCause;
}

/** What an order costs. */
export interface Quote {
  readonly lines: readonly PricedLine[];
  readonly supply: Supply;
  readonly coupon?: OrderCoupon;
}

/** The sums of placing it now, without any effect. Refuses as the coupon does. */
export async function quoteFor(executor: SqlExecutor, wanted: OrderToPlace, nowMs: number): Promise<Quote | Refusal> {
  const seller = await sellerNow(executor);
  const supply = supplyTo(wanted.billing, stateOf(seller));
  const taken = await discountOfCoupon(executor, wanted, nowMs);
  if (isRefusal(taken)) return taken;
  const discounts = taken?.discounts ?? wanted.lines.map(() => 0n);
  const lines = priceLines(wanted.lines, discounts, { currency: wanted.currency, supply, policy: seller });
  return { lines, supply, ...(taken === undefined ? {} : { coupon: taken.coupon }) };
}

/**
 * Places an order within the caller's transaction, and reserves a use of its coupon. An order that costs nothing is paid
 * at once. `placed` writes what belongs to its lines before anything follows from it. Refuses as the coupon and `placed` do. Throws `retryable` when its number is taken: the transaction is to begin again.
 */
export async function placeOrderFor(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  wanted: OrderToPlace,
  placed?: (order: Order) => Promise<Refusal | undefined>,
): Promise<LoadedOrder | Refusal> {
  const { world } = surroundings;
  const orderId = wanted.orderId ?? world.id('ord');
  if (wanted.orderId !== undefined) {
    const before = await readStream(tx, orderId);
    if (before !== undefined) return before;
  }
  const atMs = world.now();
  const held = await takeCoupon(tx, wanted, orderId, atMs);
  if (isRefusal(held)) return held;
  const quote = await quoteFor(tx, wanted, atMs);
  if (isRefusal(quote)) return quote;
  const lines: OrderLine[] = quote.lines.map((line) => ({ id: world.id('line'), ...line }));
  const { buyerId, currency, billing, captureMethod = 'automatic', expiresAtMs, credit } = wanted;
  const events = decide(
    {
      kind: 'place',
      orderId,
      number: orderNumber(world.secret(5)),
      buyerId,
      currency,
      lines,
      supply: quote.supply,
      captureMethod,
      ...(billing === undefined ? {} : { billing }),
      ...(quote.coupon === undefined ? {} : { coupon: quote.coupon }),
      ...(credit === undefined ? {} : { credit }),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      atMs,
    },
    undefined,
  );
  if (isRefusal(events)) return events;
  // Before the events that follow from it are told: a free gift is paid in the same breath.
  const refused = await placed?.(fold(events));
  if (refused !== undefined) return refused;
  return recordEvents(surroundings, tx, orderId, undefined, events, wanted.cause);
}

function fold(events: readonly OrderEvent[]): Order {
  let order: Order | undefined;
  for (const event of events) order = evolve(order, event);
  if (order === undefined) throw new Error('an order of no events');
  return order;
}

const numberAlphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `SU-7K3M-Q9TX` from 40 random bits: short enough to say on the telephone, and tells nobody how much is sold. */
export function orderNumber(random: Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(random).toString('hex')}`);
  let text = '';
  for (let i = 0; i < 8; i += 1) {
    text = numberAlphabet[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return `SU-${text.slice(0, 4)}-${text.slice(4)}`;
}
