/**
 * One order: what it is, and what may become of it. Pure: `decide` says which events a command leads to, `evolve` what
 * the order is after an event. All amounts are minor units of the order's one currency; prices are frozen when placed.
 */
import { amountText } from '@suuupra/platform/money';
import { isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import { allocate } from './allocation.ts';
import {
  leftMinor,
  type RefundableLine,
  type RefundPart,
  spreadRefund,
  type TaxShare,
  wholeLines,
} from './refund-split.ts';

/** An order that nobody pays is cancelled after this time. */
export const payableMs = 30 * 60_000;
/** The buyer may have the whole order refunded by themselves for this long after paying. */
export const refundWindowMs = 14 * 24 * 3_600_000;
/** Refunds of one order, failed ones included: bounds its stream and the work of reading it. */
export const refundsMax = 100;

/**
 * What a line sells. `course`: access for the buyer. The others grant nothing by themselves; who has access by them comes
 * as EntitlementGranted.
 */
export type LineKind = (typeof lineKinds)[number];
export const lineKinds = ['course', 'gift', 'seats', 'cohort', 'subscription'] as const;

/** A part of the tax of a line. The parts add up to it. */
export interface LineTax {
  readonly kind: 'cgst' | 'sgst' | 'igst';
  /** Hundredths of a percent of the net. */
  readonly rateBasisPoints: number;
  readonly amountMinor: bigint;
}

export interface OrderLine {
  readonly id: string;
  readonly kind: LineKind;
  readonly courseId: string;
  readonly courseSlug: string;
  readonly title: string;
  readonly instructorId: string;
  readonly release: number;
  /** Of seats; one of everything else. */
  readonly quantity: number;
  /** What one costs by its price list. */
  readonly unitPriceMinor: bigint;
  /** What the buyer pays before a discount, tax included. */
  readonly priceMinor: bigint;
  readonly discountMinor: bigint;
  /** The tax inside price - discount. */
  readonly taxMinor: bigint;
  /** Empty where nothing is taxed, and for what was sold before the parts were kept. */
  readonly taxes: readonly LineTax[];
  /** The bundle that the line came with; else empty. */
  readonly bundleId: string;
  readonly cohortId: string;
  /** What the kind of the line calls its own, e.g. a subscription's id; else empty. */
  readonly reference: string;
}

/** Who is billed, as given; empty fields were not. */
export interface Billing {
  readonly name: string;
  readonly address: string;
  readonly stateCode: string;
  readonly country: string;
  readonly gstin: string;
}

/** Where the supply was made, as it was when placed. */
export interface Supply {
  readonly sellerStateCode: string;
  /** GST state code; empty outside India. */
  readonly stateCode: string;
  readonly country: string;
  readonly isExport: boolean;
}

export interface OrderCoupon {
  readonly id: string;
  readonly code: string;
}

/** What lines of another order give towards this one. */
export interface OrderCredit {
  readonly orderId: string;
  /** The exchange, which is a refund of the other order. */
  readonly exchangeId: string;
  readonly amountMinor: bigint;
}

export type CaptureMethod = 'automatic' | 'manual';

/** What is fixed about an order when it is placed, beside its lines. */
export interface OrderTerms {
  readonly billing?: Billing;
  readonly supply?: Supply;
  readonly coupon?: OrderCoupon;
  readonly credit?: OrderCredit;
  readonly captureMethod: CaptureMethod;
}

export interface OrderDispute {
  readonly id: string;
  readonly paymentId: string;
  readonly state: 'opened' | 'won' | 'lost';
  readonly amountMinor: bigint;
}

/** superseded: the buyer has paid another order of the same course. unpaid: its last charge to a mandate failed. */
export type CancelReason = 'buyer' | 'expired' | 'superseded' | 'unpaid';
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
  /** The order whose payment has the money: another one for what was paid by an exchange. */
  readonly fundedBy?: string;
  /** The order that the parts pay for: nothing is asked of payments. */
  readonly exchangeFor?: string;
}

export interface Order extends OrderTerms {
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
  /** The buyer's bank holds the amount; nothing is captured yet. */
  readonly authorizedAtMs?: number;
  readonly disputes: readonly OrderDispute[];
  /** When the money was captured, by payments' clock; when it says. */
  readonly capturedAtMs?: number;
  /** Lines whose access the receiving service has confirmed. */
  readonly openedLineIds: readonly string[];
  readonly fulfilledAtMs?: number;
  readonly completedAtMs?: number;
}

/** What a final capture below the order's total takes off a line. */
export interface ReducedLine {
  readonly lineId: string;
  readonly amountMinor: bigint;
  /** The tax and its parts in what remains. */
  readonly taxMinor: bigint;
  readonly taxes: readonly LineTax[];
}

export type OrderEvent =
  | ({
      readonly type: 'OrderPlaced';
      readonly orderId: string;
      readonly number: string;
      readonly buyerId: string;
      readonly currency: string;
      readonly lines: readonly OrderLine[];
      readonly expiresAtMs: number;
      readonly atMs: number;
    } & OrderTerms)
  | { readonly type: 'OrderAuthorized'; readonly paymentId: string; readonly atMs: number }
  | { readonly type: 'OrderReduced'; readonly lines: readonly ReducedLine[]; readonly atMs: number }
  | {
      readonly type: 'DisputeOpened';
      readonly disputeId: string;
      readonly paymentId: string;
      readonly amountMinor: bigint;
      readonly atMs: number;
    }
  | {
      readonly type: 'DisputeClosed';
      readonly disputeId: string;
      readonly paymentId: string;
      readonly outcome: 'won' | 'lost';
      readonly amountMinor: bigint;
      readonly atMs: number;
    }
  | {
      readonly type: 'OrderPaid';
      readonly paymentId: string;
      readonly provider: string;
      readonly capturedAtMs?: number;
      readonly atMs: number;
    }
  | {
      readonly type: 'OrderEdited';
      readonly lines: readonly OrderLine[];
      readonly supply: Supply;
      /** Absent: none any more. */
      readonly coupon?: OrderCoupon;
      readonly atMs: number;
    }
  | {
      readonly type: 'AccessConfirmed';
      readonly lineIds: readonly string[];
      /** When they were opened, where that was told; absent where it was asked. */
      readonly openedAtMs?: number;
      readonly atMs: number;
    }
  | { readonly type: 'OrderFulfilled'; readonly atMs: number }
  | { readonly type: 'OrderCompleted'; readonly atMs: number }
  | { readonly type: 'OrderCancelled'; readonly because: CancelReason; readonly atMs: number }
  | {
      readonly type: 'RefundRequested';
      readonly refundId: string;
      readonly amountMinor: bigint;
      readonly parts: readonly RefundPart[];
      readonly reason: string;
      readonly requestedBy: string;
      readonly fundedBy?: string;
      readonly exchangeFor?: string;
      readonly atMs: number;
    }
  | { readonly type: 'RefundSucceeded'; readonly refundId: string; readonly atMs: number }
  | { readonly type: 'RefundFailed'; readonly refundId: string; readonly code: string; readonly atMs: number };

export interface PlaceOrder extends OrderTerms {
  readonly kind: 'place';
  readonly orderId: string;
  readonly number: string;
  readonly buyerId: string;
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  /** Default: in 30 minutes. */
  readonly expiresAtMs?: number;
  readonly atMs: number;
}

export interface AuthorizeOrder {
  readonly kind: 'authorize';
  readonly paymentId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly atMs: number;
}

export interface PayOrder {
  readonly kind: 'pay';
  readonly paymentId: string;
  readonly provider: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly capturedAtMs?: number;
  readonly atMs: number;
}

/** Other lines, or another coupon, with all prices anew. */
export interface EditOrder {
  readonly kind: 'edit';
  readonly lines: readonly OrderLine[];
  readonly supply: Supply;
  readonly coupon?: OrderCoupon;
  readonly atMs: number;
}

/** The receiving service says that lines are open to who is to have them: these, or those of a course for somebody. */
export interface ConfirmAccess {
  readonly kind: 'confirm_access';
  readonly of: { readonly lineIds: readonly string[] } | { readonly userId: string; readonly courseId: string };
  /** By the clock of who opened them. */
  readonly openedAtMs?: number;
  readonly atMs: number;
}

/** Ends the life of an order of which nothing changes by itself any more; before that it has no effect. */
export interface CompleteOrder {
  readonly kind: 'complete';
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
  /** Instead of amount and items: a part of one line, at most what is left of it. */
  readonly ofLine?: { readonly lineId: string; readonly amountMinor: bigint };
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

/** Gives whole lines to another order that is paid by them. */
export interface RequestExchange {
  readonly kind: 'request_exchange';
  readonly exchangeId: string;
  /** The order that the lines pay for. */
  readonly orderId: string;
  readonly lineIds: readonly string[];
  /** At most what is left of the lines; the rest of them is to be refunded by `refundId`. */
  readonly creditMinor: bigint;
  readonly refundId: string;
  readonly requestedBy: string;
  readonly byBuyer: boolean;
  readonly atMs: number;
}

export interface OpenDispute {
  readonly kind: 'open_dispute';
  readonly disputeId: string;
  readonly paymentId: string;
  readonly amountMinor: bigint;
  readonly atMs: number;
}

export interface CloseDispute {
  readonly kind: 'close_dispute';
  readonly disputeId: string;
  readonly paymentId: string;
  readonly outcome: 'won' | 'lost';
  readonly amountMinor: bigint;
  readonly atMs: number;
}

export type OrderCommand =
  | PlaceOrder
  | AuthorizeOrder
  | PayOrder
  | CancelOrder
  | EditOrder
  | ConfirmAccess
  | CompleteOrder
  | RequestRefund
  | RequestExchange
  | SettleRefund
  | OpenDispute
  | CloseDispute;

/** Facts that contradict the order. Never a caller's mistake: somebody has to look. */
export class OrderContradiction extends Error {}

/**
 * What the command leads to: events to append, none when it is already so (repeating is no error), or a refusal. Throws
 * OrderContradiction when another service tells what cannot be.
 */
export function decide(command: OrderCommand, order: Order | undefined): readonly OrderEvent[] | Refusal {
  const events = decideItself(command, order);
  return isRefusal(events) ? events : withFulfilment(events as readonly OrderEvent[], order, command);
}

/** Whatever it came by: a paid order of which no line waits for its access any more is fulfilled, once. */
function withFulfilment(
  events: readonly OrderEvent[],
  before: Order | undefined,
  { kind, atMs }: OrderCommand,
): readonly OrderEvent[] {
  let after = before;
  for (const event of events) after = evolve(after, event);
  if (after === undefined || after.fulfilledAtMs !== undefined || !isAllOpen(after)) return events;
  return events.length > 0 || kind === 'confirm_access' ? [...events, { type: 'OrderFulfilled', atMs }] : events;
}

function isAllOpen(order: Order): boolean {
  return order.state === 'paid' && statusOf(order) !== 'refunded' && waitingLines(order).length === 0;
}

/**
 * Lines that were paid, not given back, and not confirmed open yet. What a gift and seats give is the code and the pool,
 * which are ours and there with the payment.
 */
export function waitingLines(order: Order): readonly OrderLine[] {
  if (order.state !== 'paid') return [];
  return order.lines.filter(
    (line) =>
      ['course', 'cohort', 'subscription'].includes(line.kind) &&
      !order.openedLineIds.includes(line.id) &&
      !isLineRefunded(order, line),
  );
}

function decideItself(command: OrderCommand, order: Order | undefined): readonly OrderEvent[] | Refusal {
  if (command.kind === 'place') return place(command, order);
  if (order === undefined) return refuse('not_found', 'There is no such order.');
  switch (command.kind) {
    case 'authorize':
      return authorize(command, order);
    case 'pay':
      return pay(command, order);
    case 'cancel':
      return cancel(command, order);
    case 'edit':
      return edit(command, order);
    case 'confirm_access':
      return confirmAccess(command, order);
    case 'complete':
      return complete(command, order);
    case 'request_refund':
      return requestRefund(command, order);
    case 'request_exchange':
      return requestExchange(command, order);
    case 'settle_refund':
      return settleRefund(command, order);
    case 'open_dispute':
      return openDispute(command, order);
    case 'close_dispute':
      return closeDispute(command, order);
  }
}

function place(command: PlaceOrder, order: Order | undefined): readonly OrderEvent[] {
  if (order !== undefined) throw new OrderContradiction(`the order ${order.id} is placed twice`);
  const { kind: _, ...placed } = command;
  const events: OrderEvent[] = [{ type: 'OrderPlaced', expiresAtMs: command.atMs + payableMs, ...placed }];
  // What costs nothing, or is paid by an exchange, needs no payment.
  if (payableMinor(command) === 0n)
    events.push({
      type: 'OrderPaid',
      paymentId: command.credit?.exchangeId ?? '',
      provider: command.credit === undefined ? '' : exchangeProvider,
      atMs: command.atMs,
    });
  return events;
}

/** What the ledger and others see as the provider of an order that lines of another one paid for wholly. */
export const exchangeProvider = 'exchange';

function authorize(command: AuthorizeOrder, order: Order): readonly OrderEvent[] {
  // The authorization of a payment that is captured already, or of an order that is gone: its capture decides, not this.
  if (order.state !== 'awaiting_payment' || order.authorizedAtMs !== undefined) return [];
  if (command.currency !== order.currency || command.amountMinor !== payableMinor(order))
    throw new OrderContradiction(
      `the authorization ${command.paymentId} is not of the amount of the order ${order.id}`,
    );
  return [{ type: 'OrderAuthorized', paymentId: command.paymentId, atMs: command.atMs }];
}

function pay(command: PayOrder, order: Order): readonly OrderEvent[] {
  if (order.state === 'paid' && order.paymentId === command.paymentId) return [];
  if (order.state !== 'awaiting_payment')
    throw new OrderContradiction(
      `the payment ${command.paymentId} came for the order ${order.id}, which is ${order.state}`,
    );
  const missingMinor = payableMinor(order) - command.amountMinor;
  const isReduced = missingMinor > 0n && order.captureMethod === 'manual' && command.amountMinor > 0n;
  if (command.currency !== order.currency || (missingMinor !== 0n && !isReduced))
    throw new OrderContradiction(`the payment ${command.paymentId} does not have the amount of the order ${order.id}`);
  const { paymentId, provider, capturedAtMs, atMs } = command;
  const captured = capturedAtMs === undefined ? {} : { capturedAtMs };
  const paid: OrderEvent = { type: 'OrderPaid', paymentId, provider, ...captured, atMs };
  return isReduced ? [{ type: 'OrderReduced', lines: reduce(order, missingMinor), atMs }, paid] : [paid];
}

/** Spreads what was not captured over the lines, the tax in proportion, so that the lines add up to what was. */
function reduce(order: Order, missingMinor: bigint): ReducedLine[] {
  const shares = allocate(missingMinor, order.lines.map(totalOfLineMinor));
  return order.lines.map((line, index) => {
    const amountMinor = shares[index] ?? 0n;
    const totalMinor = totalOfLineMinor(line);
    const keeps = (part: bigint) => (totalMinor === 0n ? 0n : (part * (totalMinor - amountMinor)) / totalMinor);
    const taxMinor = keeps(line.taxMinor);
    const first = line.taxes.length < 2 ? taxMinor : keeps(line.taxes[0]?.amountMinor ?? 0n);
    const taxes = line.taxes.map((tax, part) => ({ ...tax, amountMinor: part === 0 ? first : taxMinor - first }));
    return { lineId: line.id, amountMinor, taxMinor, taxes };
  });
}

function cancel(command: CancelOrder, order: Order): readonly OrderEvent[] | Refusal {
  if (order.state === 'cancelled') return [];
  if (order.state === 'paid') return refuse('order_not_cancellable', 'The order is paid; ask for a refund instead.');
  if (command.because === 'expired' && command.atMs < order.expiresAtMs)
    throw new OrderContradiction(`the order ${order.id} has not expired yet`);
  return [{ type: 'OrderCancelled', because: command.because, atMs: command.atMs }];
}

function edit(command: EditOrder, order: Order): readonly OrderEvent[] | Refusal {
  const refused = refuseEdit(order, command.atMs);
  if (refused !== undefined) return refused;
  const { kind: _, ...edited } = command;
  const event: OrderEvent = { type: 'OrderEdited', ...edited };
  // What costs nothing any more needs no payment.
  return totalMinor(command) > 0n
    ? [event]
    : [event, { type: 'OrderPaid', paymentId: '', provider: '', atMs: command.atMs }];
}

/**
 * Whether other lines may still be put into the order. A payment under way is not known here; what is authorized follows
 * the new price or refuses it (payments' ReviseIntent).
 */
export function refuseEdit(order: Order, atMs: number): Refusal | undefined {
  if (order.state === 'paid')
    return refuse('order_not_editable', 'The order is paid; return or exchange lines instead.');
  if (order.state === 'cancelled') return refuse('order_not_editable', 'The order is cancelled.');
  if (atMs >= order.expiresAtMs) return refuse('order_not_editable', 'The order has expired; order again.');
  const isBound = order.credit !== undefined || order.lines.some((line) => line.kind === 'subscription');
  return isBound
    ? refuse('order_not_editable', 'An order of an exchange or a subscription is paid as it is, or cancelled.')
    : undefined;
}

function confirmAccess({ of, openedAtMs, atMs }: ConfirmAccess, order: Order): readonly OrderEvent[] {
  if (order.paidAtMs === undefined)
    throw new OrderContradiction(`access is said to be open by the order ${order.id}, which is ${order.state}`);
  const isMeant = (line: OrderLine) =>
    'lineIds' in of
      ? of.lineIds.includes(line.id)
      : line.kind !== 'subscription' && order.buyerId === of.userId && line.courseId === of.courseId;
  const lineIds = waitingLines(order)
    .filter(isMeant)
    .map((line) => line.id);
  return lineIds.length === 0
    ? []
    : [{ type: 'AccessConfirmed', lineIds, ...(openedAtMs === undefined ? {} : { openedAtMs }), atMs }];
}

function complete({ atMs }: CompleteOrder, order: Order): readonly OrderEvent[] {
  const dueAtMs = completesAtMs(order);
  return dueAtMs === undefined || atMs < dueAtMs ? [] : [{ type: 'OrderCompleted', atMs }];
}

/**
 * From when on nothing of the order changes by itself: the buyer's time for returning it is over, and no refund and no
 * dispute is under way. Undefined while something is, before it is fulfilled, when all of it went back, and afterwards.
 * Finance may still refund it, and a bank dispute it: that changes its status and not that it was completed.
 */
export function completesAtMs(order: Order): number | undefined {
  if (order.fulfilledAtMs === undefined || order.completedAtMs !== undefined) return undefined;
  const isMoving =
    order.refunds.some((refund) => refund.state === 'pending') ||
    order.disputes.some((dispute) => dispute.state === 'opened');
  return isMoving || statusOf(order) === 'refunded' ? undefined : refundableUntilMs(order) + 1;
}

function requestRefund(command: RequestRefund, order: Order): readonly OrderEvent[] | Refusal {
  if (order.paidAtMs === undefined) return refuse('order_not_paid', 'Only what was paid can be refunded.');
  if (order.refunds.length >= refundsMax)
    return refuse('limit_reached', `An order can have at most ${refundsMax} refunds.`);
  if (hasLostDispute(order))
    return refuse('refund_exceeds_captured', "The buyer's bank has given the money back already.");
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
  return fundedParts(order, lines, parts).map((part, index) => ({
    type: 'RefundRequested',
    refundId: index === 0 ? refundId : `${refundId}_2`,
    amountMinor: sumOf(part.parts),
    parts: part.parts,
    reason,
    requestedBy,
    ...(part.fundedBy === undefined ? {} : { fundedBy: part.fundedBy }),
    atMs,
  }));
}

/**
 * An order that was partly paid by an exchange gives back its own payment first, and the rest through the payment of the
 * order whose lines it was exchanged for. Each payment so gives back at most what it took.
 */
function fundedParts(
  order: Order,
  lines: readonly RefundableLine[],
  parts: readonly RefundPart[],
): { readonly parts: readonly RefundPart[]; readonly fundedBy?: string }[] {
  const { credit } = order;
  if (credit === undefined || credit.amountMinor === 0n) return [{ parts }];
  const live = order.refunds.filter((refund) => refund.state !== 'failed' && refund.fundedBy === undefined);
  const ownLeft = payableMinor(order) - live.reduce((sum, refund) => sum + refund.amountMinor, 0n);
  const amountMinor = sumOf(parts);
  if (ownLeft <= 0n) return [{ parts, fundedBy: credit.orderId }];
  if (amountMinor <= ownLeft) return [{ parts }];
  const chosen = lines.filter((line) => parts.some((part) => part.lineId === line.lineId));
  const capped = chosen.map((line) => ({ ...line, grossMinor: line.takenGrossMinor + grossIn(parts, line.lineId) }));
  const shares = allocate(ownLeft, capped.map(leftMinor));
  const own = chosen.flatMap((line, index) => spreadRefund([line], shares[index] ?? 0n));
  const after = chosen.map((line) => withTaken(line, own));
  const rest = after.flatMap((line) => spreadRefund([line], grossIn(parts, line.lineId) - grossIn(own, line.lineId)));
  return [{ parts: own }, { parts: rest, fundedBy: credit.orderId }];
}

function grossIn(parts: readonly RefundPart[], lineId: string): bigint {
  return sumOf(parts.filter((part) => part.lineId === lineId));
}

function withTaken(line: RefundableLine, parts: readonly RefundPart[]): RefundableLine {
  const mine = parts.filter((part) => part.lineId === line.lineId);
  return {
    ...line,
    takenGrossMinor: line.takenGrossMinor + sumOf(mine),
    takenTaxMinor: line.takenTaxMinor + mine.reduce((sum, part) => sum + part.taxMinor, 0n),
    taxes: (line.taxes ?? []).map((tax) => ({ ...tax, takenMinor: tax.takenMinor + taxOfKind(mine, tax.kind) })),
  };
}

function requestExchange(command: RequestExchange, order: Order): readonly OrderEvent[] | Refusal {
  if (order.paidAtMs === undefined) return refuse('order_not_paid', 'Only what was paid can be exchanged.');
  if (command.byBuyer && command.atMs > refundableUntilMs(order))
    return refuse('refund_window_closed', 'Lines can be exchanged within 14 days of paying; write to us instead.');
  if (order.credit !== undefined || hasLostDispute(order))
    return refuse('order_not_editable', 'An order that came of an exchange, or lost a dispute, cannot be exchanged.');
  if (order.refunds.length + 2 > refundsMax)
    return refuse('limit_reached', `An order can have at most ${refundsMax} refunds.`);
  const lines = linesToGive(command.lineIds, order);
  if (!Array.isArray(lines)) return lines as Refusal;
  const left = lines.reduce((sum, line) => sum + leftMinor(line), 0n);
  // Nothing due either way: repeating it, or giving what is given back already, has no effect.
  if (left === 0n) return [];
  const { atMs, requestedBy, creditMinor } = command;
  if (creditMinor > left)
    return refuse('refund_exceeds_captured', `At most ${amountText(order.currency, left)} is left of the lines.`);
  const given = spreadRefund(lines, creditMinor);
  const rest = wholeLines(lines.map((line) => withTaken(line, given)));
  const about = { type: 'RefundRequested', reason: 'exchange', requestedBy, atMs } as const;
  const events: OrderEvent[] = [];
  if (creditMinor > 0n)
    events.push({
      ...about,
      refundId: command.exchangeId,
      amountMinor: creditMinor,
      parts: given,
      exchangeFor: command.orderId,
    });
  if (rest.length > 0) events.push({ ...about, refundId: command.refundId, amountMinor: sumOf(rest), parts: rest });
  return events;
}

function linesToGive(lineIds: readonly string[], order: Order): RefundableLine[] | Refusal {
  const all = refundableLines(order);
  const chosen: RefundableLine[] = [];
  for (const [index, lineId] of lineIds.entries()) {
    const line = all.find((each) => each.lineId === lineId);
    if (line === undefined) return itemsWrong(`lineIds[${index}]`, 'is not in this order');
    if (chosen.includes(line)) return itemsWrong(`lineIds[${index}]`, 'is named twice');
    chosen.push(line);
  }
  return chosen;
}

/** What is left of lines, for whoever wants to exchange them. */
export function leftOfLinesMinor(order: Order, lineIds: readonly string[]): bigint {
  return refundableLines(order)
    .filter((line) => lineIds.includes(line.lineId))
    .reduce((sum, line) => sum + leftMinor(line), 0n);
}

function openDispute(command: OpenDispute, order: Order): readonly OrderEvent[] {
  const { disputeId, paymentId, amountMinor, atMs } = command;
  if (order.disputes.some((dispute) => dispute.id === disputeId)) return [];
  if (order.paymentId !== paymentId)
    throw new OrderContradiction(`the dispute ${disputeId} is of a payment that the order ${order.id} does not have`);
  return [{ type: 'DisputeOpened', disputeId, paymentId, amountMinor, atMs }];
}

function closeDispute(command: CloseDispute, order: Order): readonly OrderEvent[] {
  const { disputeId, paymentId, outcome, amountMinor, atMs } = command;
  const known = order.disputes.find((dispute) => dispute.id === disputeId);
  if (known?.state === outcome) return [];
  if (known !== undefined && known.state !== 'opened')
    throw new OrderContradiction(`the dispute ${disputeId} was ${known.state} and is now said to be ${outcome}`);
  if (order.paymentId !== paymentId)
    throw new OrderContradiction(`the dispute ${disputeId} is of a payment that the order ${order.id} does not have`);
  return [{ type: 'DisputeClosed', disputeId, paymentId, outcome, amountMinor, atMs }];
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
  if (command.ofLine !== undefined) return partsOfLine(command.ofLine, lines);
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
    return refuse('refund_exceeds_captured', `At most ${amountText(order.currency, left)} is left to refund.`);
  return spreadRefund(lines, amountMinor);
}

function partsOfLine(
  { lineId, amountMinor }: NonNullable<RequestRefund['ofLine']>,
  lines: readonly RefundableLine[],
): readonly RefundPart[] | Refusal {
  const chosen = lines.filter((line) => line.lineId === lineId && amountMinor <= leftMinor(line));
  if (chosen.length === 0) return refuse('refund_exceeds_captured', 'Not so much is left to refund of this line.');
  return spreadRefund(chosen, amountMinor);
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
      disputes: [],
      openedLineIds: [],
    };
  }
  if (order === undefined) throw new OrderContradiction(`a stream begins with ${event.type}`);
  switch (event.type) {
    case 'OrderPaid': {
      const { type: _, atMs: paidAtMs, ...paid } = event;
      return { ...order, ...paid, state: 'paid', paidAtMs };
    }
    case 'OrderEdited': {
      const { coupon: _, ...rest } = order;
      const { lines, supply, coupon } = event;
      return { ...rest, lines, supply, ...(coupon === undefined ? {} : { coupon }) };
    }
    case 'AccessConfirmed':
      return { ...order, openedLineIds: [...order.openedLineIds, ...event.lineIds] };
    case 'OrderFulfilled':
      return { ...order, fulfilledAtMs: event.atMs };
    case 'OrderCompleted':
      return { ...order, completedAtMs: event.atMs };
    case 'OrderCancelled':
      return { ...order, state: 'cancelled', cancelledBecause: event.because };
    case 'RefundRequested': {
      const { type: _, refundId: id, atMs: requestedAtMs, ...rest } = event;
      const refund: OrderRefund = { id, state: 'pending', ...rest, requestedAtMs };
      return { ...order, refunds: [...order.refunds, refund] };
    }
    case 'RefundSucceeded':
      return withRefund(order, event.refundId, { state: 'succeeded', settledAtMs: event.atMs });
    case 'RefundFailed':
      return withRefund(order, event.refundId, { state: 'failed', settledAtMs: event.atMs });
    case 'OrderAuthorized':
      return { ...order, authorizedAtMs: event.atMs };
    case 'OrderReduced':
      return { ...order, lines: order.lines.map((line) => reducedLine(line, event.lines)) };
    case 'DisputeOpened':
      return withDispute(order, event, 'opened');
    case 'DisputeClosed':
      return withDispute(order, event, event.outcome);
  }
}

function reducedLine(line: OrderLine, reductions: readonly ReducedLine[]): OrderLine {
  const reduced = reductions.find((each) => each.lineId === line.id);
  if (reduced === undefined) return line;
  const { amountMinor, taxMinor, taxes } = reduced;
  return { ...line, discountMinor: line.discountMinor + amountMinor, taxMinor, taxes };
}

function withDispute(
  order: Order,
  event: { readonly disputeId: string; readonly paymentId: string; readonly amountMinor: bigint },
  state: OrderDispute['state'],
): Order {
  const { disputeId: id, paymentId, amountMinor } = event;
  const others = order.disputes.filter((dispute) => dispute.id !== id);
  return { ...order, disputes: [...others, { id, paymentId, state, amountMinor }] };
}

function withRefund(order: Order, refundId: string, change: Partial<OrderRefund>): Order {
  return { ...order, refunds: order.refunds.map((each) => (each.id === refundId ? { ...each, ...change } : each)) };
}

export type OrderStatusWord = 'awaiting_payment' | 'paid' | 'cancelled' | 'partially_refunded' | 'refunded';

export function statusOf(order: Order): OrderStatusWord {
  if (order.state !== 'paid') return order.state;
  // The buyer has the money back, from their bank: as if it had been refunded.
  if (hasLostDispute(order)) return 'refunded';
  const refunded = refundedMinor(order);
  if (refunded === 0n) return 'paid';
  return refunded === totalMinor(order) ? 'refunded' : 'partially_refunded';
}

/** Beside what became of the money: what became of what was bought. */
export type FulfillmentWord = 'none' | 'pending' | 'fulfilled' | 'completed';

export function fulfillmentOf(order: Order): FulfillmentWord {
  if (order.state !== 'paid') return 'none';
  if (order.completedAtMs !== undefined) return 'completed';
  return order.fulfilledAtMs === undefined ? 'pending' : 'fulfilled';
}

export function totalOfLineMinor(line: OrderLine): bigint {
  return line.priceMinor - line.discountMinor;
}

export function totalMinor(order: Pick<Order, 'lines'>): bigint {
  return order.lines.reduce((sum, line) => sum + totalOfLineMinor(line), 0n);
}

/** What a payment has to be made of: the total without what an exchange gives. */
export function payableMinor(order: Pick<Order, 'lines' | 'credit'>): bigint {
  return totalMinor(order) - (order.credit?.amountMinor ?? 0n);
}

export function hasLostDispute(order: Order): boolean {
  return order.disputes.some((dispute) => dispute.state === 'lost');
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
  if (hasLostDispute(order)) return true;
  const total = totalOfLineMinor(line);
  return total === 0n ? statusOf(order) === 'refunded' : refundedOfLineMinor(order, line.id) === total;
}

/**
 * What a lost dispute takes of each line: its amount over what no refund has taken, nor a dispute that was lost before.
 */
export function disputedParts(order: Order, disputeId: string): RefundPart[] {
  let lines = refundableLines(order);
  for (const { id, state, amountMinor } of order.disputes) {
    if (state !== 'lost') continue;
    const left = lines.reduce((sum, line) => sum + leftMinor(line), 0n);
    const parts = spreadRefund(lines, amountMinor < left ? amountMinor : left);
    if (id === disputeId) return parts.filter((part) => part.grossMinor > 0n);
    lines = lines.map((line) => withTaken(line, parts));
  }
  return [];
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
      taxes: line.taxes.map(({ kind, amountMinor }) => ({ kind, amountMinor, takenMinor: taxOfKind(taken, kind) })),
    };
  });
}

function partsIn(order: Order, lineId: string, states: readonly RefundState[]): RefundPart[] {
  return order.refunds
    .filter((refund) => states.includes(refund.state))
    .flatMap((refund) => refund.parts.filter((part) => part.lineId === lineId));
}

function taxOfKind(parts: readonly RefundPart[], kind: TaxShare['kind']): bigint {
  return parts
    .flatMap((part) => part.taxes ?? [])
    .reduce((sum, tax) => (tax.kind === kind ? sum + tax.amountMinor : sum), 0n);
}

function sumOf(parts: readonly RefundPart[]): bigint {
  return parts.reduce((sum, part) => sum + part.grossMinor, 0n);
}
