/**
 * One order: what it is, and what may become of it. Pure: `decide` says which events a command leads to, `evolve` what
 * the order is after an event. All amounts are minor units of the order's one currency; prices are frozen when placed.
 */
import { type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { leftMinor, type RefundableLine, type RefundPart, spreadRefund, wholeLines } from './refund-split.ts';

/** An order that nobody pays is cancelled after this time. */
export const payableMs = 30 * 60_000;
/** The buyer may have the whole order refunded by themselves for this long after paying. */
export const refundWindowMs = 14 * 24 * 3_600_000;
/** Refunds of one order, failed ones included: bounds its stream and the work of reading it. */
export const refundsMax = 100;

export interface OrderLine {
  readonly id: string;
  readonly courseId: string;
  readonly courseSlug: string;
  readonly title: string;
  readonly instructorId: string;
  readonly release: number;
  /** What the buyer pays before a discount, tax included. */
  readonly priceMinor: bigint;
  readonly discountMinor: bigint;
  /** The tax inside price - discount. */
  readonly taxMinor: bigint;
}

export type CancelReason = 'buyer' | 'expired';
export type RefundState = 'pending' | 'succeeded' | 'failed';

export interface OrderRefund {
  readonly id: string;
  readonly state: RefundState;
  readonly amountMinor: bigint;
  readonly parts: readonly RefundPart[];
  readonly reason: string;
  readonly requestedBy: string;
  readonly requestedAtMs: number;
  readonly settledAtMs?: number;
}

export interface Order {
  readonly id: string;
  readonly number: string;
  readonly buyerId: string;
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  readonly state: 'awaiting_payment' | 'paid' | 'cancelled';
  readonly placedAtMs: number;
  readonly expiresAtMs: number;
  readonly paidAtMs?: number;
  /** Empty for an order that cost nothing. */
  readonly paymentId: string;
  readonly provider: string;
  readonly cancelledBecause?: CancelReason;
  readonly refunds: readonly OrderRefund[];
}

export type OrderEvent =
  | {
      readonly type: 'OrderPlaced';
      readonly orderId: string;
      readonly number: string;
      readonly buyerId: string;
      readonly currency: string;
      readonly lines: readonly OrderLine[];
      readonly expiresAtMs: number;
      readonly atMs: number;
    }
  | { readonly type: 'OrderPaid'; readonly paymentId: string; readonly provider: string; readonly atMs: number }
  | { readonly type: 'OrderCancelled'; readonly because: CancelReason; readonly atMs: number }
  | {
      readonly type: 'RefundRequested';
      readonly refundId: string;
      readonly amountMinor: bigint;
      readonly parts: readonly RefundPart[];
      readonly reason: string;
      readonly requestedBy: string;
      readonly atMs: number;
    }
  | { readonly type: 'RefundSucceeded'; readonly refundId: string; readonly atMs: number }
  | { readonly type: 'RefundFailed'; readonly refundId: string; readonly code: string; readonly atMs: number };

export interface PlaceOrder {
  readonly kind: 'place';
  readonly orderId: string;
  readonly number: string;
  readonly buyerId: string;
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  readonly atMs: number;
}

export interface PayOrder {
  readonly kind: 'pay';
  readonly paymentId: string;
  readonly provider: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly atMs: number;
}

export interface CancelOrder {
  readonly kind: 'cancel';
  readonly because: CancelReason;
  readonly atMs: number;
}

export interface RequestRefund {
  readonly kind: 'request_refund';
  readonly refundId: string;
  readonly requestedBy: string;
  /** The buyer, who may only have the whole order back; else finance. */
  readonly byBuyer: boolean;
  readonly amount?: { readonly currency: string; readonly amountMinor: bigint };
  /** Whole lines, each by its id or its course. */
  readonly items: readonly { readonly lineId: string; readonly courseId: string }[];
  readonly reason: string;
  readonly atMs: number;
}

export interface SettleRefund {
  readonly kind: 'settle_refund';
  readonly refundId: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly code: string;
  readonly atMs: number;
}

export type OrderCommand = PlaceOrder | PayOrder | CancelOrder | RequestRefund | SettleRefund;

/** Facts that contradict the order. Never a caller's mistake: somebody has to look. */
export class OrderContradiction extends Error {}

/**
 * What the command leads to: events to append, none when it is already so (repeating is no error), or a refusal. Throws
 * OrderContradiction when another service tells what cannot be.
 */
export function decide(command: OrderCommand, order: Order | undefined): readonly OrderEvent[] | Refusal {
  if (command.kind === 'place') return place(command, order);
  if (order === undefined) return refuse('not_found', 'There is no such order.');
  switch (command.kind) {
    case 'pay':
      return pay(command, order);
    case 'cancel':
      return cancel(command, order);
    case 'request_refund':
      return requestRefund(command, order);
    case 'settle_refund':
      return settleRefund(command, order);
  }
}

function place(command: PlaceOrder, order: Order | undefined): readonly OrderEvent[] {
  if (order !== undefined) throw new OrderContradiction(`the order ${order.id} is placed twice`);
  const { kind: _, ...placed } = command;
  const events: OrderEvent[] = [{ type: 'OrderPlaced', ...placed, expiresAtMs: command.atMs + payableMs }];
  // What costs nothing needs no payment.
  if (command.lines.every((line) => totalOfLineMinor(line) === 0n))
    events.push({ type: 'OrderPaid', paymentId: '', provider: '', atMs: command.atMs });
  return events;
}

function pay(command: PayOrder, order: Order): readonly OrderEvent[] {
  if (order.state === 'paid' && order.paymentId === command.paymentId) return [];
  if (order.state !== 'awaiting_payment')
    throw new OrderContradiction(
      `the payment ${command.paymentId} came for the order ${order.id}, which is ${order.state}`,
    );
  if (command.currency !== order.currency || command.amountMinor !== totalMinor(order))
    throw new OrderContradiction(`the payment ${command.paymentId} does not have the amount of the order ${order.id}`);
  return [{ type: 'OrderPaid', paymentId: command.paymentId, provider: command.provider, atMs: command.atMs }];
}

function cancel(command: CancelOrder, order: Order): readonly OrderEvent[] | Refusal {
  if (order.state === 'cancelled') return [];
  if (order.state === 'paid') return refuse('order_not_cancellable', 'The order is paid; ask for a refund instead.');
  if (command.because === 'expired' && command.atMs < order.expiresAtMs)
    throw new OrderContradiction(`the order ${order.id} has not expired yet`);
  return [{ type: 'OrderCancelled', because: command.because, atMs: command.atMs }];
}

function requestRefund(command: RequestRefund, order: Order): readonly OrderEvent[] | Refusal {
  if (order.paidAtMs === undefined) return refuse('order_not_paid', 'Only what was paid can be refunded.');
  if (order.refunds.length >= refundsMax)
    return refuse('limit_reached', `An order can have at most ${refundsMax} refunds.`);
  const lines = refundableLines(order);
  const left = lines.reduce((sum, line) => sum + leftMinor(line), 0n);
  if (left === 0n) return refuse('refund_exceeds_captured', 'Nothing of this order is left to refund.');
  const parts = partsOf(command, order, lines, left);
  if (!Array.isArray(parts)) return parts as Refusal;
  const amountMinor = sumOf(parts);
  if (command.byBuyer) {
    const refusal = refuseBuyer(command, order, amountMinor === left);
    if (refusal !== undefined) return refusal;
  }
  const { refundId, reason, requestedBy, atMs } = command;
  return [{ type: 'RefundRequested', refundId, amountMinor, parts, reason, requestedBy, atMs }];
}

function refuseBuyer(command: RequestRefund, order: Order, isWhole: boolean): Refusal | undefined {
  if (command.atMs > refundableUntilMs(order))
    return refuse('refund_window_closed', 'An order can be returned within 14 days of paying; write to us instead.');
  return isWhole
    ? undefined
    : refuse('permission_denied', 'You can return the whole order; parts of it only finance can.');
}

function partsOf(
  command: RequestRefund,
  order: Order,
  lines: readonly RefundableLine[],
  left: bigint,
): readonly RefundPart[] | Refusal {
  if (command.items.length > 0) return partsOfItems(command, order, lines);
  if (command.amount === undefined) return wholeLines(lines);
  const { currency, amountMinor } = command.amount;
  if (currency !== order.currency)
    return refuse('amount_invalid', `The order was paid in ${order.currency}.`, [
      { field: 'amount.currency', code: 'not_allowed', detail: `must be ${order.currency}` },
    ]);
  if (amountMinor <= 0n)
    return refuse('amount_invalid', 'A refund is more than nothing.', [
      { field: 'amount.amountMinor', code: 'out_of_range', detail: 'at least 1' },
    ]);
  if (amountMinor > left)
    return refuse('refund_exceeds_captured', `At most ${left} minor units of ${order.currency} are left to refund.`);
  return spreadRefund(lines, amountMinor);
}

function partsOfItems(
  command: RequestRefund,
  order: Order,
  lines: readonly RefundableLine[],
): readonly RefundPart[] | Refusal {
  if (command.amount !== undefined) return itemsWrong('amount', 'give an amount or items, not both');
  const chosen: RefundableLine[] = [];
  for (const [index, item] of command.items.entries()) {
    const at = `items[${index}].${item.lineId === '' ? 'courseId' : 'lineId'}`;
    const line = order.lines.find((each) =>
      item.lineId === '' ? each.courseId === item.courseId : each.id === item.lineId,
    );
    if (line === undefined || (item.courseId !== '' && line.courseId !== item.courseId))
      return itemsWrong(at, 'is not in this order');
    const refundable = lines.find((each) => each.lineId === line.id);
    if (refundable === undefined || chosen.includes(refundable)) return itemsWrong(at, 'is named twice');
    if (leftMinor(refundable) === 0n)
      return refuse('refund_exceeds_captured', `Nothing is left to refund of "${line.title}".`);
    chosen.push(refundable);
  }
  return wholeLines(chosen);
}

function itemsWrong(field: string, detail: string): Refusal {
  return refuse('invalid_request', `${field} ${detail}.`, [{ field, code: 'not_allowed', detail }]);
}

function settleRefund(command: SettleRefund, order: Order): readonly OrderEvent[] {
  const refund = order.refunds.find((each) => each.id === command.refundId);
  if (refund === undefined)
    throw new OrderContradiction(`the order ${order.id} never asked for the refund ${command.refundId}`);
  if (refund.state === command.outcome) return [];
  if (refund.state !== 'pending')
    throw new OrderContradiction(`the refund ${refund.id} ${refund.state} and is now said to have ${command.outcome}`);
  const { refundId, atMs } = command;
  return command.outcome === 'succeeded'
    ? [{ type: 'RefundSucceeded', refundId, atMs }]
    : [{ type: 'RefundFailed', refundId, code: command.code, atMs }];
}

/** The order after an event. Events were decided before, so nothing is checked again. */
export function evolve(order: Order | undefined, event: OrderEvent): Order {
  if (event.type === 'OrderPlaced') {
    const { type: _, orderId, atMs, ...rest } = event;
    return {
      ...rest,
      id: orderId,
      state: 'awaiting_payment',
      placedAtMs: atMs,
      paymentId: '',
      provider: '',
      refunds: [],
    };
  }
  if (order === undefined) throw new OrderContradiction(`a stream begins with ${event.type}`);
  switch (event.type) {
    case 'OrderPaid':
      return { ...order, state: 'paid', paidAtMs: event.atMs, paymentId: event.paymentId, provider: event.provider };
    case 'OrderCancelled':
      return { ...order, state: 'cancelled', cancelledBecause: event.because };
    case 'RefundRequested': {
      const { refundId: id, amountMinor, parts, reason, requestedBy, atMs: requestedAtMs } = event;
      const refund: OrderRefund = { id, state: 'pending', amountMinor, parts, reason, requestedBy, requestedAtMs };
      return { ...order, refunds: [...order.refunds, refund] };
    }
    case 'RefundSucceeded':
      return withRefund(order, event.refundId, { state: 'succeeded', settledAtMs: event.atMs });
    case 'RefundFailed':
      return withRefund(order, event.refundId, { state: 'failed', settledAtMs: event.atMs });
  }
}

function withRefund(order: Order, refundId: string, change: Partial<OrderRefund>): Order {
  return { ...order, refunds: order.refunds.map((each) => (each.id === refundId ? { ...each, ...change } : each)) };
}

export type OrderStatusWord = 'awaiting_payment' | 'paid' | 'cancelled' | 'partially_refunded' | 'refunded';

export function statusOf(order: Order): OrderStatusWord {
  if (order.state !== 'paid') return order.state;
  const refunded = refundedMinor(order);
  if (refunded === 0n) return 'paid';
  return refunded === totalMinor(order) ? 'refunded' : 'partially_refunded';
}

export function totalOfLineMinor(line: OrderLine): bigint {
  return line.priceMinor - line.discountMinor;
}

export function totalMinor(order: Pick<Order, 'lines'>): bigint {
  return order.lines.reduce((sum, line) => sum + totalOfLineMinor(line), 0n);
}

export function refundedMinor(order: Order): bigint {
  return order.refunds.reduce((sum, refund) => sum + (refund.state === 'succeeded' ? refund.amountMinor : 0n), 0n);
}

/** What of a line was given back. */
export function refundedOfLineMinor(order: Order, lineId: string): bigint {
  return sumOf(partsIn(order, lineId, ['succeeded']));
}

export function refundableUntilMs(order: Order): number {
  return (order.paidAtMs ?? 0) + refundWindowMs;
}

/** Nothing of the line remains paid. A line that cost nothing goes with the whole order. */
export function isLineRefunded(order: Order, line: OrderLine): boolean {
  const total = totalOfLineMinor(line);
  return total === 0n ? statusOf(order) === 'refunded' : refundedOfLineMinor(order, line.id) === total;
}

function refundableLines(order: Order): RefundableLine[] {
  return order.lines.map((line) => {
    const taken = partsIn(order, line.id, ['pending', 'succeeded']);
    return {
      lineId: line.id,
      grossMinor: totalOfLineMinor(line),
      taxMinor: line.taxMinor,
      takenGrossMinor: sumOf(taken),
      takenTaxMinor: taken.reduce((sum, part) => sum + part.taxMinor, 0n),
    };
  });
}

function partsIn(order: Order, lineId: string, states: readonly RefundState[]): RefundPart[] {
  return order.refunds
    .filter((refund) => states.includes(refund.state))
    .flatMap((refund) => refund.parts.filter((part) => part.lineId === lineId));
}

function sumOf(parts: readonly RefundPart[]): bigint {
  return parts.reduce((sum, part) => sum + part.grossMinor, 0n);
}
