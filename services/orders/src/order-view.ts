/**
 * The read model of an order: one denormalised row, a function of the order's events alone, and what the API shows of it.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  OrderLineSchema,
  OrderSchema,
  RefundSchema,
  TaxPartSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { Fulfillment, OrderStatus, RefundStatus } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  type Billing,
  type CaptureMethod,
  completesAtMs,
  type FulfillmentWord,
  fulfillmentOf,
  isLineRefunded,
  type LineKind,
  type LineTax,
  type Order,
  type OrderCredit,
  type OrderDispute,
  type OrderStatusWord,
  type RefundState,
  refundedMinor,
  refundedOfLineMinor,
  refundWindowMs,
  statusOf,
  totalMinor,
  totalOfLineMinor,
} from './order.ts';

/** Raise it with every change of `viewOf`: the rows are rebuilt from the events at the next start. */
export const viewVersion = 3;

/** Access that nobody has confirmed is asked about after this time. */
export const accessAskedMs = 60_000;

export interface LineView {
  readonly id: string;
  readonly courseId: string;
  readonly title: string;
  readonly courseSlug: string;
  readonly priceMinor: bigint;
  readonly discountMinor: bigint;
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  readonly totalMinor: bigint;
  readonly refundedMinor: bigint;
  readonly kind: LineKind;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
  readonly taxes: readonly LineTax[];
  readonly bundleId: string;
  readonly cohortId: string;
  readonly reference: string;
}

/** What is not asked for by columns. */
export interface DetailsView {
  readonly billing?: Billing;
  readonly couponCode: string;
  readonly credit?: OrderCredit;
  readonly captureMethod: CaptureMethod;
  readonly isAuthorized: boolean;
  readonly disputes: readonly OrderDispute[];
  readonly fulfillment: FulfillmentWord;
  readonly fulfilledAtMs?: number;
  readonly completedAtMs?: number;
}

export interface RefundView {
  readonly id: string;
  readonly state: RefundState;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly requestedAtMs: number;
}

export interface OrderView {
  readonly id: string;
  readonly version: number;
  readonly number: string;
  readonly buyerId: string;
  readonly status: OrderStatusWord;
  readonly currency: string;
  readonly subtotalMinor: bigint;
  readonly discountMinor: bigint;
  readonly taxMinor: bigint;
  readonly totalMinor: bigint;
  readonly refundedMinor: bigint;
  readonly lines: readonly LineView[];
  readonly refunds: readonly RefundView[];
  readonly ownedCourseIds: readonly string[];
  readonly paymentId: string;
  readonly cancelledBecause: string;
  readonly placedAt: Date;
  readonly paidAt: Date | null;
  readonly expiresAt: Date;
  readonly details: DetailsView;
  /** When somebody is to look whether its access is open, or whether it is completed. */
  readonly followUpAt: Date | null;
}

export function viewOf(order: Order, version: number): OrderView {
  const lines = order.lines.map((line) => ({
    id: line.id,
    courseId: line.courseId,
    title: line.title,
    courseSlug: line.courseSlug,
    priceMinor: line.priceMinor,
    discountMinor: line.discountMinor,
    netMinor: totalOfLineMinor(line) - line.taxMinor,
    taxMinor: line.taxMinor,
    totalMinor: totalOfLineMinor(line),
    refundedMinor: refundedOfLineMinor(order, line.id),
    kind: line.kind,
    quantity: line.quantity,
    unitPriceMinor: line.unitPriceMinor,
    taxes: line.taxes,
    bundleId: line.bundleId,
    cohortId: line.cohortId,
    reference: line.reference,
  }));
  const discountMinor = sum(lines.map((line) => line.discountMinor));
  return {
    id: order.id,
    version,
    number: order.number,
    buyerId: order.buyerId,
    status: statusOf(order),
    currency: order.currency,
    // Net of tax and before the discount, so that total = subtotal - discount + tax.
    subtotalMinor: sum(lines.map((line) => line.netMinor)) + discountMinor,
    discountMinor,
    taxMinor: sum(lines.map((line) => line.taxMinor)),
    totalMinor: totalMinor(order),
    refundedMinor: refundedMinor(order),
    lines,
    refunds: order.refunds.map(({ id, state, amountMinor, reason, requestedAtMs }) => ({
      id,
      state,
      amountMinor,
      reason,
      requestedAtMs,
    })),
    ownedCourseIds:
      order.state === 'paid'
        ? order.lines
            .filter((line) => isForBuyer(line.kind) && !isLineRefunded(order, line))
            .map((line) => line.courseId)
        : [],
    paymentId: order.paymentId,
    cancelledBecause: order.cancelledBecause ?? '',
    placedAt: new Date(order.placedAtMs),
    paidAt: order.paidAtMs === undefined ? null : new Date(order.paidAtMs),
    expiresAt: new Date(order.expiresAtMs),
    details: {
      ...(order.billing === undefined ? {} : { billing: order.billing }),
      couponCode: order.coupon?.code ?? '',
      ...(order.credit === undefined ? {} : { credit: order.credit }),
      captureMethod: order.captureMethod,
      isAuthorized: order.state === 'awaiting_payment' && order.authorizedAtMs !== undefined,
      disputes: order.disputes,
      fulfillment: fulfillmentOf(order),
      ...(order.fulfilledAtMs === undefined ? {} : { fulfilledAtMs: order.fulfilledAtMs }),
      ...(order.completedAtMs === undefined ? {} : { completedAtMs: order.completedAtMs }),
    },
    followUpAt: followUpAt(order),
  };
}

function followUpAt(order: Order): Date | null {
  const isOpening = fulfillmentOf(order) === 'pending' && statusOf(order) !== 'refunded';
  const dueAtMs = isOpening ? (order.paidAtMs ?? 0) + accessAskedMs : completesAtMs(order);
  return dueAtMs === undefined ? null : new Date(dueAtMs);
}

/** Lines by which the buyer gets the course for themselves. */
export function isForBuyer(kind: LineKind): boolean {
  return kind === 'course' || kind === 'cohort';
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

export const statusNumbers: Record<OrderStatusWord, OrderStatus> = {
  awaiting_payment: OrderStatus.AWAITING_PAYMENT,
  paid: OrderStatus.PAID,
  cancelled: OrderStatus.CANCELLED,
  partially_refunded: OrderStatus.PARTIALLY_REFUNDED,
  refunded: OrderStatus.REFUNDED,
};

const fulfillmentNumbers: Record<FulfillmentWord, Fulfillment> = {
  none: Fulfillment.NONE,
  pending: Fulfillment.PENDING,
  fulfilled: Fulfillment.FULFILLED,
  completed: Fulfillment.COMPLETED,
};

const refundStatusNumbers: Record<RefundState, RefundStatus> = {
  pending: RefundStatus.PENDING,
  succeeded: RefundStatus.SUCCEEDED,
  failed: RefundStatus.FAILED,
};

/** What the API shows of an order; the buyer's id only to finance. */
export function orderMessage(view: OrderView, toFinance: boolean): MessageInitShape<typeof OrderSchema> {
  const money = (amountMinor: bigint) => ({ currency: view.currency, amountMinor });
  const isReturnable = view.paidAt !== null && view.refundedMinor < view.totalMinor;
  return {
    id: view.id,
    number: view.number,
    status: statusNumbers[view.status],
    lines: view.lines.map((line) => lineMessage(line, view.currency)),
    subtotal: money(view.subtotalMinor),
    discount: money(view.discountMinor),
    tax: money(view.taxMinor),
    total: money(view.totalMinor),
    refunded: money(view.refundedMinor),
    placedAt: timestampFromDate(view.placedAt),
    ...(view.paidAt === null ? {} : { paidAt: timestampFromDate(view.paidAt) }),
    ...(view.status === 'awaiting_payment' ? { expiresAt: timestampFromDate(view.expiresAt) } : {}),
    ...(isReturnable ? { refundableUntil: timestampFromMs(view.paidAt.getTime() + refundWindowMs) } : {}),
    paymentId: view.paymentId,
    refunds: view.refunds.map((refund) => refundMessage(refund, view.currency)),
    cancelledBecause: view.cancelledBecause,
    buyerId: toFinance ? view.buyerId : '',
    version: view.version,
    ...detailsMessage(view),
  };
}

function detailsMessage({ details, currency }: OrderView) {
  const { billing, credit, disputes, couponCode, fulfilledAtMs, completedAtMs } = details;
  const money = (amountMinor: bigint) => ({ currency, amountMinor });
  return {
    couponCode,
    fulfillment: fulfillmentNumbers[details.fulfillment],
    ...(fulfilledAtMs === undefined ? {} : { fulfilledAt: timestampFromMs(fulfilledAtMs) }),
    ...(completedAtMs === undefined ? {} : { completedAt: timestampFromMs(completedAtMs) }),
    disputes: disputes.map(({ id, state, amountMinor }) => ({ id, status: state, amount: money(amountMinor) })),
    ...(billing === undefined ? {} : { billing }),
    ...(credit === undefined ? {} : { credit: { orderId: credit.orderId, amount: money(credit.amountMinor) } }),
  };
}

export function lineMessage(line: LineView, currency: string): MessageInitShape<typeof OrderLineSchema> {
  const money = (amountMinor: bigint) => ({ currency, amountMinor });
  return {
    id: line.id,
    courseId: line.courseId,
    title: line.title,
    courseSlug: line.courseSlug,
    price: money(line.priceMinor),
    discount: money(line.discountMinor),
    net: money(line.netMinor),
    tax: money(line.taxMinor),
    total: money(line.totalMinor),
    refunded: money(line.refundedMinor),
    kind: line.kind,
    quantity: line.quantity,
    unitPrice: money(line.unitPriceMinor),
    taxes: line.taxes.map((tax) => taxMessage(tax, currency)),
    bundleId: line.bundleId,
    cohortId: line.cohortId,
  };
}

export function taxMessage(tax: LineTax, currency: string): MessageInitShape<typeof TaxPartSchema> {
  const { kind, rateBasisPoints, amountMinor } = tax;
  return { kind, rateBasisPoints, amount: { currency, amountMinor } };
}

export function refundMessage(refund: RefundView, currency: string): MessageInitShape<typeof RefundSchema> {
  return {
    id: refund.id,
    status: refundStatusNumbers[refund.state],
    amount: { currency, amountMinor: refund.amountMinor },
    reason: refund.reason,
    createdAt: timestampFromMs(refund.requestedAtMs),
  };
}
