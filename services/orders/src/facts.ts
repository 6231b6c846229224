/** What the service tells the others when something became of an order. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  OrderCancelledSchema,
  type OrderLineFactSchema,
  OrderPaidSchema,
  OrderPlacedSchema,
  OrderRefundedSchema,
  type RefundedLineFactSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import type { EventCause, Publish } from '@suuupra/platform/stream/outbox';
import {
  isLineRefunded,
  type Order,
  type OrderEvent,
  type OrderLine,
  statusOf,
  totalMinor,
  totalOfLineMinor,
} from './order.ts';

/** Publishes what an event of the order tells the others; `order` is the order after it. */
export async function publishFact(
  publish: Publish,
  order: Order,
  event: OrderEvent,
  cause: EventCause | undefined,
): Promise<void> {
  const about = { orderId: order.id, buyerId: order.buyerId };
  const total = { currency: order.currency, amountMinor: totalMinor(order) };
  const lines = order.lines.map((line) => lineFact(order, line));
  switch (event.type) {
    case 'OrderPlaced':
      return publish(
        OrderPlacedSchema,
        { ...about, lines, total, expiresAt: timestampFromMs(order.expiresAtMs) },
        cause,
      );
    case 'OrderPaid': {
      const { paymentId, provider, atMs } = event;
      const paid = { lines, total, paymentId, provider, paidAt: timestampFromMs(atMs), number: order.number };
      return publish(OrderPaidSchema, { ...about, ...paid }, cause);
    }
    case 'OrderCancelled':
      return publish(OrderCancelledSchema, { ...about, because: event.because }, cause);
    case 'RefundSucceeded':
      return publish(OrderRefundedSchema, refundedFact(order, event.refundId, event.atMs), cause);
    case 'OrderAuthorized':
    case 'OrderReduced':
    case 'DisputeOpened':
    case 'DisputeClosed':
    case 'RefundRequested':
    case 'RefundFailed':
    case 'OrderEdited':
    case 'AccessConfirmed':
    case 'OrderFulfilled':
    case 'OrderCompleted':
      // Nothing moved: told by nobody.
      return;
  }
}

function lineFact(order: Order, line: OrderLine): MessageInitShape<typeof OrderLineFactSchema> {
  const gross = totalOfLineMinor(line);
  return {
    lineId: line.id,
    courseId: line.courseId,
    instructorId: line.instructorId,
    title: line.title,
    release: line.release,
    gross: { currency: order.currency, amountMinor: gross },
    tax: { currency: order.currency, amountMinor: line.taxMinor },
    net: { currency: order.currency, amountMinor: gross - line.taxMinor },
    kind: line.kind,
    quantity: line.quantity,
    taxes: line.taxes.map(({ kind, amountMinor }) => ({ kind, amount: { currency: order.currency, amountMinor } })),
  };
}

function refundedFact(order: Order, refundId: string, atMs: number): MessageInitShape<typeof OrderRefundedSchema> {
  const refund = order.refunds.find((each) => each.id === refundId);
  if (refund === undefined) throw new Error(`the order ${order.id} has no refund ${refundId}`);
  const isWhole = statusOf(order) === 'refunded';
  const lines: MessageInitShape<typeof RefundedLineFactSchema>[] = [];
  for (const line of order.lines) {
    const part = refund.parts.find((each) => each.lineId === line.id);
    // A line that cost nothing goes back with the last of the money.
    if (part === undefined && !(isWhole && totalOfLineMinor(line) === 0n)) continue;
    const grossMinor = part?.grossMinor ?? 0n;
    const taxMinor = part?.taxMinor ?? 0n;
    lines.push({
      lineId: line.id,
      courseId: line.courseId,
      instructorId: line.instructorId,
      gross: { currency: order.currency, amountMinor: grossMinor },
      tax: { currency: order.currency, amountMinor: taxMinor },
      net: { currency: order.currency, amountMinor: grossMinor - taxMinor },
      wholeLineRefunded: isLineRefunded(order, line),
      kind: line.kind,
      taxes: (part?.taxes ?? []).map(({ kind, amountMinor }) => ({
        kind,
        amount: { currency: order.currency, amountMinor },
      })),
    });
  }
  return {
    orderId: order.id,
    buyerId: order.buyerId,
    refundId,
    paymentId: order.paymentId,
    provider: order.provider,
    amount: { currency: order.currency, amountMinor: refund.amountMinor },
    lines,
    wholeOrderRefunded: isWhole,
    refundedAt: timestampFromMs(atMs),
    number: order.number,
  };
}
