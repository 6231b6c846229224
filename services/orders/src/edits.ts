/**
 * Editing an order that is placed and not paid. Payments is told the new amount before the order has it: from then on an
 * attempt by the old amount is refused there, and one that is under way refuses the edit. So nothing is ever captured
 * that is not the order's total (M29). A request that dies in between leaves a timer, which tells payments the order's
 * own amount again.
 */
import { create } from '@bufbuild/protobuf';
import {
  type EditOrderRequest,
  EditOrderRequestSchema,
  type EditOrderResponse,
  EditOrderResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { type CallContext, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { beginIdempotent, type IdempotentCall, idempotencyScope } from '@suuupra/platform/sql/idempotency';
import { refusableTransaction } from '@suuupra/platform/sql/refusable';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import { isFinance, replayed } from './caller.ts';
import { refusePrice } from './carts.ts';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { releaseUse, takeCoupon } from './coupons.ts';
import { asEdited, draftsOf, type EditPlan, idsOf, planEdit } from './edit.ts';
import { passedOn, readItems } from './items.ts';
import { type Order, payableMinor, refuseEdit } from './order.ts';
import { orderMessage, viewOf } from './order-view.ts';
import { visibleOrder } from './orders.ts';
import { type OrderToPlace, type Quote, quoteFor } from './placing.ts';
import { finishRemembered, lookAnswer } from './recall.ts';
import { dropTimer, type LoadedOrder, lockOrder, readStream, setTimer, type Timer } from './store.ts';

/** An edit whose request died after payments heard of it is undone there after this time. */
const reviseAgainMs = 10_000;

type EditCall = IdempotentCall<typeof EditOrderRequestSchema, typeof EditOrderResponseSchema>;

/**
 * Refuses as placing the items does; `stale_etag` when the order is not of the expected version; `payment_in_progress`,
 * and `order_not_editable` for what is paid, cancelled, or bound to an exchange or a subscription.
 */
export async function editOrder(
  surroundings: OrdersSurroundings,
  request: EditOrderRequest,
  context: CallContext,
): Promise<EditOrderResponse | Refusal> {
  const call: EditCall = {
    scope: idempotencyScope(context),
    method: 'EditOrder',
    key: context.idempotencyKey,
    input: EditOrderRequestSchema,
    request,
    output: EditOrderResponseSchema,
    claimant: surroundings.world.id('call'),
  };
  const ran = await surroundings.running.run(nameOf(request.id), () => editOnce(surroundings, call, context));
  return ran === undefined ? refuse('idempotency_in_progress', 'Another edit of the order is under way.') : ran.done;
}

/** Edits of one order are made one at a time: each leaves payments with the amount that the order has then. */
function nameOf(orderId: string): string {
  return `edit ${orderId}`;
}

async function editOnce(
  surroundings: OrdersSurroundings,
  call: EditCall,
  context: CallContext,
): Promise<EditOrderResponse | Refusal> {
  const { sql, world } = surroundings;
  const seen = await lookAnswer(surroundings, call);
  if (seen.kind === 'answered') return replayed(context, seen.answer);
  if (seen.kind === 'refused') return seen.refusal;
  const drafted = await draftEdit(surroundings, call.request, context);
  if (isRefusal(drafted)) return drafted;
  const timer = { orderId: drafted.order.id, kind: 'revise', subject: call.claimant } as const;
  await setTimer(sql, timer, world.now() + reviseAgainMs);
  const refused = await revise(surroundings, drafted.order, drafted.totalMinor, context);
  const edited =
    refused ??
    (await refusableTransaction(sql, async (tx) => {
      const done = await editInTransaction(surroundings, tx, call, drafted, context);
      if (!isRefusal(done)) await dropTimer(tx, timer);
      return done;
    }));
  // Payments may have heard of an amount that the order does not get.
  if (isRefusal(edited)) await tellAmount(surroundings, timer);
  return edited;
}

interface DraftedEdit {
  readonly order: Order;
  readonly plan: EditPlan;
  readonly wanted: OrderToPlace;
  /** What it comes to by the prices of now. */
  readonly totalMinor: bigint;
}

/** The order as it is to be, read outside any transaction. */
async function draftEdit(
  surroundings: OrdersSurroundings,
  request: EditOrderRequest,
  context: CallContext,
): Promise<DraftedEdit | Refusal> {
  const view = await visibleOrder(surroundings, request.id, context);
  if (isRefusal(view)) return view;
  const loaded = await readStream(surroundings.sql, view.id);
  const { order } = loaded ?? {};
  if (loaded === undefined || order === undefined) throw new Error(`the stream of the order ${view.id} is gone`);
  const refused = refuseVersion(loaded, request) ?? refuseEdit(order, surroundings.world.now());
  if (refused !== undefined) return refused;
  const plan = planEdit(order, request.removeLineIds, request.addItems);
  if (isRefusal(plan)) return plan;
  const { buyerId, id: editedId } = order;
  const anew =
    plan.items.length === 0 ? undefined : await readItems(surroundings, plan.items, buyerId, context, editedId);
  if (isRefusal(anew)) return asEdited(anew, plan);
  if (anew !== undefined && anew.currency !== order.currency)
    return refuse('mixed_currencies', `The order is in ${order.currency}; order what has another currency by itself.`);
  const wanted = wantedOf(order, plan, anew?.lines ?? [], request.couponCode);
  const quote = await quoteFor(surroundings.sql, wanted, surroundings.world.now());
  if (isRefusal(quote)) return quote;
  const totalMinor = totalOf(quote);
  const changed = refusePrice(request.expectedTotal, order.currency, totalMinor);
  return changed ?? { order, plan, wanted, totalMinor };
}

function refuseVersion({ version }: LoadedOrder, { expectedVersion }: EditOrderRequest): Refusal | undefined {
  return version === expectedVersion
    ? undefined
    : refuse('stale_etag', 'The order was changed since you read it: read it again, then repeat your change.', [
        { field: 'expectedVersion', code: 'differs', detail: `the order is at version ${version}` },
      ]);
}

function wantedOf(
  order: Order,
  plan: EditPlan,
  anew: OrderToPlace['lines'],
  couponCode = order.coupon?.code ?? '',
): OrderToPlace {
  const { buyerId, currency, billing } = order;
  const lines = draftsOf(plan, anew);
  return { buyerId, currency, lines, couponCode, ...(billing === undefined ? {} : { billing }) };
}

function totalOf(quote: Quote): bigint {
  return quote.lines.reduce((sum, line) => sum + line.priceMinor - line.discountMinor, 0n);
}

/** Undefined when only `amountMinor` can be paid from now on. */
async function revise(
  { clients }: OrdersSurroundings,
  order: Order,
  amountMinor: bigint,
  context?: CallContext,
): Promise<Refusal | undefined> {
  const { id: orderId, buyerId, number: orderNumber, currency, captureMethod } = order;
  // What the buyer's bank holds for the order follows its price.
  const extend = order.authorizedAtMs !== undefined;
  const asked = { orderId, buyerId, orderNumber, amount: { currency, amountMinor }, captureMethod, extend };
  const answer = await clients.payments.reviseIntent(asked, context === undefined ? {} : { context });
  if (!isRefusal(answer)) return undefined;
  if (answer.code === 'already_captured') return refuse('order_not_editable', 'The order has just been paid.');
  if (answer.code === 'order_not_payable') return refuse('order_not_editable', 'The order is being cancelled.');
  return answer.code === 'payment_in_progress' ? answer : passedOn(answer);
}

async function editInTransaction(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  call: EditCall,
  drafted: DraftedEdit,
  context: CallContext,
): Promise<EditOrderResponse | Refusal> {
  const claim = await beginIdempotent(tx, call);
  if (claim.kind === 'answered') return replayed(context, claim.answer);
  if (claim.kind === 'refused') return claim.refusal;
  const loaded = await lockOrder(tx, drafted.order.id);
  if (loaded === undefined) return refuse('not_found', 'There is no such order.');
  const stale = refuseVersion(loaded, call.request);
  if (stale !== undefined) return stale;
  const atMs = surroundings.world.now();
  const { order } = loaded;
  await releaseUse(tx, order);
  const held = await takeCoupon(tx, drafted.wanted, order.id, atMs);
  if (isRefusal(held)) return held;
  const quote = await quoteFor(tx, drafted.wanted, atMs);
  if (isRefusal(quote)) return quote;
  // Payments takes only the amount that it was told.
  if (totalOf(quote) !== drafted.totalMinor)
    return refuse('price_changed', 'The price has changed this very moment; look at it again.');
  const ids = idsOf(order, drafted.wanted.lines, () => surroundings.world.id('line'));
  const lines = quote.lines.map((line, index) => ({ ...line, id: ids[index] ?? '' }));
  const coupon = quote.coupon === undefined ? {} : { coupon: quote.coupon };
  const command = { kind: 'edit', lines, supply: quote.supply, ...coupon, atMs } as const;
  const changed = await changeOrder(surroundings, tx, order.id, command, context);
  if (isRefusal(changed)) return changed;
  const message = orderMessage(viewOf(changed.order, changed.version), isFinance(context));
  const answer = create(EditOrderResponseSchema, { order: message });
  await finishRemembered(surroundings, tx, call, answer);
  return answer;
}

type ReviseTimer = Pick<Timer, 'orderId' | 'kind' | 'subject'>;

/** For the janitor: an edit that did not end. While another one is under way, that one tells the amount. */
export async function reviseToOrder(surroundings: OrdersSurroundings, timer: Timer): Promise<void> {
  await surroundings.running.run(nameOf(timer.orderId), () => tellAmount(surroundings, timer));
}

/** Only what the order costs can be paid. What is paid or cancelled by now, or being paid, has its amount. */
async function tellAmount(surroundings: OrdersSurroundings, timer: ReviseTimer): Promise<void> {
  const loaded = await readStream(surroundings.sql, timer.orderId);
  const refused =
    loaded?.order.state === 'awaiting_payment'
      ? await revise(surroundings, loaded.order, payableMinor(loaded.order))
      : undefined;
  const isOver = refused === undefined || ['order_not_editable', 'payment_in_progress'].includes(refused.code);
  if (isOver) await dropTimer(surroundings.sql, timer);
}
