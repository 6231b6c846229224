/**
 * Lines of a paid order given for other courses. The new courses are an order of their own, which the given lines pay for:
 * so each order keeps its frozen prices, its invoice and its refunds, and the exchange happens exactly when the new order
 * is paid. What the lines are worth beyond it is an ordinary refund.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ExchangeLinesRequest,
  ExchangeLinesRequestSchema,
  ExchangeLinesResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/quotes_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { isFinance, replayed, userIdOf } from './caller.ts';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { type DraftedOrder, readItems } from './items.ts';
import { leftOfLinesMinor, type Order, payableMinor, totalOfLineMinor } from './order.ts';
import { orderMessage, viewOf } from './order-view.ts';
import { visibleOrder } from './orders.ts';
import { placeOrderFor, quoteFor } from './placing.ts';
import { finishRemembered, lookAnswer } from './recall.ts';
import { type LoadedOrder, lockBuyerOf, lockOrder, setTimer } from './store.ts';

/**
 * Refuses as placing the items does, and `order_not_paid`, `order_not_editable`, `refund_window_closed`. Lines of which
 * nothing is left are given without effect when there are no items.
 */
export async function exchangeLines(
  surroundings: OrdersSurroundings,
  request: ExchangeLinesRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof ExchangeLinesResponseSchema> | Refusal> {
  const call = {
    scope: idempotencyScope(context),
    method: 'ExchangeLines',
    key: context.idempotencyKey,
    input: ExchangeLinesRequestSchema,
    request,
    output: ExchangeLinesResponseSchema,
    claimant: surroundings.world.id('call'),
  };
  const seen = await lookAnswer(surroundings, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;
  const view = await visibleOrder(surroundings, request.orderId, context);
  if (isRefusal(view)) return view;
  const wanted = request.items.length === 0 ? undefined : await itemsWanted(surroundings, request, view, context);
  if (isRefusal(wanted)) return wanted;
  return refusableTransaction(surroundings.sql, async (tx) => {
    const claim = await beginIdempotent(tx, call);
    if (claim.kind === 'answered') return replayed(context, claim.answer);
    if (claim.kind === 'refused') return claim.refusal;
    const exchanged = await exchangeInTransaction(surroundings, tx, request, wanted, context);
    if (isRefusal(exchanged)) return exchanged;
    const answer = create(ExchangeLinesResponseSchema, exchanged);
    await finishRemembered(surroundings, tx, call, answer);
    return answer;
  });
}

async function itemsWanted(
  surroundings: OrdersSurroundings,
  request: ExchangeLinesRequest,
  view: { readonly buyerId: string; readonly currency: string },
  context: CallContext,
): Promise<DraftedOrder | Refusal> {
  const special = request.items.findIndex(
    (item) => item.courseId === '' || item.quantity > 0 || item.gift !== undefined,
  );
  if (special !== -1)
    return refuse('invalid_request', 'Lines are exchanged for plain courses.', [
      { field: `items[${special}]`, code: 'not_allowed', detail: 'is not a plain course' },
    ]);
  const drafted = await readItems(surroundings, request.items, view.buyerId, context);
  if (isRefusal(drafted) || drafted.currency === view.currency) return drafted;
  return refuse('mixed_currencies', `The order was paid in ${view.currency}.`);
}

type Exchanged = MessageInitShape<typeof ExchangeLinesResponseSchema>;

async function exchangeInTransaction(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  request: ExchangeLinesRequest,
  wanted: DraftedOrder | undefined,
  context: CallContext,
): Promise<Exchanged | Refusal> {
  const { world } = surroundings;
  // Before the order, as everybody does who locks both.
  await lockBuyerOf(tx, request.orderId);
  const loaded = await lockOrder(tx, request.orderId);
  if (loaded === undefined) return refuse('not_found', 'There is no such order.');
  const { order } = loaded;
  const worthMinor = leftOfLinesMinor(order, request.lineIds);
  if (wanted !== undefined && worthMinor === 0n && order.paidAtMs !== undefined && hasAll(order, request.lineIds))
    return refuse('refund_exceeds_captured', 'Nothing is left of these lines to exchange.');
  const about = {
    buyerId: order.buyerId,
    currency: order.currency,
    ...(order.billing === undefined ? {} : { billing: order.billing }),
  };
  const newTotal = wanted === undefined ? 0n : await totalOf(surroundings, tx, { ...about, lines: wanted.lines });
  if (isRefusal(newTotal)) return newTotal;
  const creditMinor = newTotal < worthMinor ? newTotal : worthMinor;
  const newOrderId = world.id('ord');
  const exchangeId = world.id('exc');
  const refundId = world.id('rfd');
  const given = await changeOrder(
    surroundings,
    tx,
    order.id,
    {
      kind: 'request_exchange',
      exchangeId,
      orderId: newOrderId,
      lineIds: request.lineIds,
      creditMinor,
      refundId,
      requestedBy: userIdOf(context) ?? '',
      byBuyer: !isFinance(context),
      atMs: world.now(),
    },
    context,
  );
  if (isRefusal(given)) return given;
  const refund = given.order.refunds.find((each) => each.id === refundId);
  // The janitor asks payments for it, at once.
  if (refund !== undefined) await setTimer(tx, { orderId: order.id, kind: 'refund', subject: refundId }, world.now());
  if (wanted === undefined) return answerOf(given, undefined, refund?.amountMinor ?? 0n, context);
  const credit = { orderId: order.id, exchangeId, amountMinor: creditMinor };
  const { lines } = wanted;
  const placed = await placeOrderFor(surroundings, tx, {
    ...about,
    lines,
    orderId: newOrderId,
    credit,
    cause: context,
  });
  if (isRefusal(placed)) return placed;
  // Paid at once, it has settled its part of the first order by now.
  const after = (await lockOrder(tx, order.id)) ?? given;
  return answerOf(after, placed, refund?.amountMinor ?? 0n, context);
}

function hasAll(order: Order, lineIds: readonly string[]): boolean {
  return lineIds.every((lineId) => order.lines.some((line) => line.id === lineId));
}

async function totalOf(
  { world }: OrdersSurroundings,
  tx: SqlTransaction,
  wanted: Parameters<typeof quoteFor>[1],
): Promise<bigint | Refusal> {
  const quote = await quoteFor(tx, wanted, world.now());
  if (isRefusal(quote)) return quote;
  return quote.lines.reduce((sum, line) => sum + totalOfLineMinor({ id: '', ...line }), 0n);
}

function answerOf(
  first: LoadedOrder,
  second: LoadedOrder | undefined,
  refundMinor: bigint,
  context: CallContext,
): Exchanged {
  const { currency } = first.order;
  const message = (loaded: LoadedOrder) => orderMessage(viewOf(loaded.order, loaded.version), isFinance(context));
  const isDue = second !== undefined && second.order.state === 'awaiting_payment';
  return {
    order: message(first),
    ...(second === undefined ? {} : { exchangeOrder: message(second) }),
    due: { currency, amountMinor: isDue ? payableMinor(second.order) : 0n },
    refund: { currency, amountMinor: refundMinor },
  };
}
