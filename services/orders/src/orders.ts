/** What the service does with orders, in the order of a purchase's life: place, look, cancel. Refunds are in refunds.ts. */
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type CancelOrderRequest,
  type CancelOrderResponseSchema,
  type GetOrderForPaymentRequest,
  type GetOrderForPaymentResponseSchema,
  type GetOrderRequest,
  type GetOrderResponseSchema,
  type ListOrdersRequest,
  type ListOrdersResponseSchema,
  OrderStatus,
  type PlaceOrderRequest,
  PlaceOrderRequestSchema,
  type PlaceOrderResponse,
  PlaceOrderResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import type {
  QuoteOrderRequest,
  QuoteOrderResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, type IdempotentCall, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { isFinance, replayed, userIdOf } from './caller.ts';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { refuseCouponOf } from './coupons.ts';
import { type DraftedOrder, passedOn, readBilling, readItems } from './items.ts';
import type { CancelReason } from './order.ts';
import { type LineView, lineMessage, type OrderView, orderMessage, statusNumbers, viewOf } from './order-view.ts';
import { type OrderToPlace, placeOrderFor, type Quote, quoteFor } from './placing.ts';
import { finishRemembered, lookAnswer } from './recall.ts';
import { dropTimer, findView, type LoadedOrder, listViews, setTimer } from './store.ts';

type Answer<O extends DescMessage> = Promise<MessageInitShape<O> | Refusal>;

/** A cancellation whose request died between payments and us is finished by the janitor after this time. */
const cancelAgainMs = 10_000;

export async function placeOrder(
  surroundings: OrdersSurroundings,
  request: PlaceOrderRequest,
  context: CallContext,
): Answer<typeof PlaceOrderResponseSchema> {
  const buyerId = userIdOf(context);
  if (buyerId === undefined) return refuse('unauthenticated', 'Sign in to order.');
  const call = placeCall(surroundings, request, context);
  const seen = await lookAnswer(surroundings, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;

  const billing = readBilling(request.billing);
  if (isRefusal(billing)) return billing;
  const drafted = await readItems(surroundings, request.items, buyerId, context);
  if (isRefusal(drafted)) return earlierAnswer(surroundings, call, drafted, context);
  const wanted = {
    buyerId,
    ...drafted,
    couponCode: request.couponCode,
    cause: context,
    ...(billing === undefined ? {} : { billing }),
  };
  return refusableTransaction(surroundings.sql, (tx) =>
    placeInTransaction(surroundings, tx, { call, wanted, drafted }, context),
  );
}

/** The same call may have placed the order while this one looked: then its own order is why it was refused. */
async function earlierAnswer(
  surroundings: OrdersSurroundings,
  call: PlaceCall,
  refused: Refusal,
  context: CallContext,
): Answer<typeof PlaceOrderResponseSchema> {
  const seen = await lookAnswer(surroundings, call);
  return seen.kind === 'answered' ? replayed(context, seen.answer) : refused;
}

/** The sums of placing it now; nothing is kept of it. */
export async function quoteOrder(
  surroundings: OrdersSurroundings,
  request: QuoteOrderRequest,
  context: CallContext,
): Answer<typeof QuoteOrderResponseSchema> {
  const buyerId = userIdOf(context);
  if (buyerId === undefined) return refuse('unauthenticated', 'Sign in to order.');
  const billing = readBilling(request.billing);
  if (isRefusal(billing)) return billing;
  const drafted = await readItems(surroundings, request.items, buyerId, context);
  if (isRefusal(drafted)) return drafted;
  const { currency, lines } = drafted;
  const wanted = { buyerId, currency, lines, couponCode: request.couponCode };
  const used = await refuseCouponOf(surroundings.sql, wanted);
  const nowMs = surroundings.world.now();
  const quote = await quoteFor(surroundings.sql, billing === undefined ? wanted : { ...wanted, billing }, nowMs);
  if (isRefusal(quote)) return quote;
  if (used !== undefined) return used;
  return quoteMessage(quote, currency);
}

/** The lines of a quote as an order would show them; without ids. */
export function quotedLines(quote: Quote): LineView[] {
  return quote.lines.map((line) => ({
    ...line,
    id: '',
    netMinor: line.priceMinor - line.discountMinor - line.taxMinor,
    totalMinor: line.priceMinor - line.discountMinor,
    refundedMinor: 0n,
  }));
}

function quoteMessage(quote: Quote, currency: string): MessageInitShape<typeof QuoteOrderResponseSchema> {
  const views = quotedLines(quote);
  const money = (of: (line: (typeof views)[number]) => bigint) => ({
    currency,
    amountMinor: views.reduce((sum, line) => sum + of(line), 0n),
  });
  return {
    lines: views.map((line) => lineMessage(line, currency)),
    subtotal: money((line) => line.netMinor + line.discountMinor),
    discount: money((line) => line.discountMinor),
    tax: money((line) => line.taxMinor),
    total: money((line) => line.totalMinor),
    couponCode: quote.coupon?.code ?? '',
  };
}

type PlaceCall = IdempotentCall<typeof PlaceOrderRequestSchema, typeof PlaceOrderResponseSchema>;

function placeCall(surroundings: OrdersSurroundings, request: PlaceOrderRequest, context: CallContext): PlaceCall {
  return {
    scope: idempotencyScope(context),
    method: 'PlaceOrder',
    key: context.idempotencyKey,
    input: PlaceOrderRequestSchema,
    request,
    output: PlaceOrderResponseSchema,
    claimant: surroundings.world.id('call'),
  };
}

interface Placing {
  readonly call: PlaceCall;
  readonly wanted: OrderToPlace;
  readonly drafted: DraftedOrder;
}

async function placeInTransaction(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  { call, wanted, drafted }: Placing,
  context: CallContext,
): Promise<PlaceOrderResponse | Refusal> {
  const claim = await beginIdempotent(tx, call);
  if (claim.kind === 'answered') return replayed(context, claim.answer);
  if (claim.kind === 'refused') return claim.refusal;
  const placed = await placeDrafted(surroundings, tx, wanted, drafted);
  if (isRefusal(placed)) return placed;
  const answer = create(PlaceOrderResponseSchema, {
    order: orderMessage(viewOf(placed.order, placed.version), false),
  });
  await finishRemembered(surroundings, tx, call, answer);
  return answer;
}

/** Places what was drafted, with what each kind of item keeps beside its lines. Refuses as `placeOrderFor` does. */
export async function placeDrafted(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  wanted: OrderToPlace,
  drafted: DraftedOrder,
): Promise<LoadedOrder | Refusal> {
  return placeOrderFor(surroundings, tx, wanted, async (order) => {
    for (const { drafted: item, firstLine } of drafted.items) {
      const lines = order.lines.slice(firstLine, firstLine + item.lines.length);
      const refused = await item.placed?.(tx, order, lines);
      if (refused !== undefined) return refused;
    }
    return undefined;
  });
}

export async function getOrder(
  surroundings: OrdersSurroundings,
  request: GetOrderRequest,
  context: CallContext,
): Answer<typeof GetOrderResponseSchema> {
  const view = await visibleOrder(surroundings, request.id, context);
  return isRefusal(view) ? view : { order: orderMessage(view, isFinance(context)) };
}

/** The order when the caller may see it: the buyer, finance. To others it does not exist. */
export async function visibleOrder(
  { sql }: OrdersSurroundings,
  orderId: string,
  context: CallContext,
): Promise<OrderView | Refusal> {
  const view = isId(orderId) ? await findView(sql, orderId) : undefined;
  const isVisible = view !== undefined && (view.buyerId === userIdOf(context) || isFinance(context));
  return isVisible ? view : refuse('not_found', 'There is no such order.');
}

/** The form of every id of ours. What else comes in a path is no id, and asks the database nothing. */
function isId(text: string): boolean {
  return /^[a-z0-9_]{1,64}$/.test(text);
}

export async function listOrders(
  { sql }: OrdersSurroundings,
  request: ListOrdersRequest,
  context: CallContext,
): Answer<typeof ListOrdersResponseSchema> {
  const page = readPage(request, ['time', 'text'], [String(request.all), String(request.status)]);
  if (isRefusal(page)) return page;
  if (request.all && !isFinance(context))
    return refuse('permission_denied', "Everybody's orders are for finance only.");
  const status = statusWord(request.status);
  const [time, id] = page.after;
  const rows = await listViews(sql, {
    buyerId: request.all ? undefined : userIdOf(context),
    status,
    after: time === undefined || id === undefined ? undefined : { placedAt: new Date(time), id },
    limit: page.limit + 1,
  });
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const isMore = rows.length > page.limit && last !== undefined;
  return {
    orders: shown.map((view) => orderMessage(view, isFinance(context))),
    nextPageToken: isMore ? pageToken([last.placedAt.toISOString(), last.id], page.filter) : '',
  };
}

function statusWord(status: OrderStatus): keyof typeof statusNumbers | undefined {
  if (status === OrderStatus.UNSPECIFIED) return undefined;
  const found = Object.entries(statusNumbers).find(([, number]) => number === status);
  return found?.[0] as keyof typeof statusNumbers | undefined;
}

/** Closes the payment's intent first, so that nothing can be captured on a cancelled order; then cancels. */
export async function cancelOrder(
  surroundings: OrdersSurroundings,
  request: CancelOrderRequest,
  context: CallContext,
): Answer<typeof CancelOrderResponseSchema> {
  const view = await visibleOrder(surroundings, request.id, context);
  if (isRefusal(view)) return view;
  if (view.status === 'awaiting_payment') {
    const timer = { orderId: view.id, kind: 'cancel', subject: '' } as const;
    // If we die on the way, the janitor finishes what the buyer was told nothing of yet.
    await setTimer(surroundings.sql, timer, surroundings.world.now() + cancelAgainMs);
    const closed = await closeIntent(surroundings, view.id, 'buyer', context);
    if (closed !== undefined) {
      await dropTimer(surroundings.sql, timer);
      return closed;
    }
  }
  const command = { kind: 'cancel', because: 'buyer', atMs: surroundings.world.now() } as const;
  const cancelled = await refusableTransaction(surroundings.sql, (tx) =>
    changeOrder(surroundings, tx, view.id, command, context),
  );
  if (isRefusal(cancelled)) return cancelled;
  return { order: orderMessage(viewOf(cancelled.order, cancelled.version), isFinance(context)) };
}

/** Undefined when nothing can be captured on the order any more; else why it cannot be cancelled now. */
export async function closeIntent(
  { clients }: OrdersSurroundings,
  orderId: string,
  because: CancelReason,
  context?: CallContext,
): Promise<Refusal | undefined> {
  const answer = await clients.payments.cancelIntent({ orderId, because }, context === undefined ? {} : { context });
  if (!isRefusal(answer)) return undefined;
  if (answer.code === 'already_captured') return refuse('order_not_cancellable', 'The order has just been paid.');
  return answer.code === 'payment_in_progress' ? answer : passedOn(answer);
}

/** For payments, which checks the buyer and the status itself. */
export async function getOrderForPayment(
  { sql }: OrdersSurroundings,
  request: GetOrderForPaymentRequest,
): Answer<typeof GetOrderForPaymentResponseSchema> {
  const view = isId(request.orderId) ? await findView(sql, request.orderId) : undefined;
  if (view === undefined) return refuse('not_found', 'There is no such order.');
  return {
    orderId: view.id,
    buyerId: view.buyerId,
    status: statusNumbers[view.status],
    // Without what an exchange gives towards it.
    total: { currency: view.currency, amountMinor: view.totalMinor - (view.details.credit?.amountMinor ?? 0n) },
    number: view.number,
    captureMethod: view.details.captureMethod,
    expiresAt: timestampFromDate(view.expiresAt),
  };
}
