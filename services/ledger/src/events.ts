/**
 * What the ledger hears, as commands. Each journal commits in the transaction that records its event as applied.
 *
 * A fact that cannot be booked (it goes back on more than was sold, its parts do not add up) is a fault: it is tried
 * again, then set aside with its reason for a person to look at. It is never booked by halves.
 */

import type { DescMessage } from '@bufbuild/protobuf';
import type { Money } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';
import { JournalPostedSchema } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_events_pb.ts';
import {
  type OrderPaid,
  OrderPaidSchema,
  type OrderRefunded,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  type DisputeOpened,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { type Applied, type EventHandler, on } from '@suuupra/platform/service';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { LedgerCommand } from './ledger.ts';
import type { LedgerWriter } from './ledger-writer.ts';
import { microsecondsOf } from './time.ts';

export function eventHandlers(writer: LedgerWriter, publishIn: (tx: SqlTransaction) => Publish): EventHandler[] {
  const book = async (applied: Applied<DescMessage>, command: LedgerCommand): Promise<void> => {
    const [result] = await writer.post(applied.tx, [command]);
    if (result === undefined || result.kind === 'rejected')
      throw new Error(`${command.kind} of ${command.cause} cannot be booked: ${result?.reason ?? 'no result'}`);
    if (result.kind !== 'posted') return;
    const { id, reference, kind, sequence } = result.journal;
    await publishIn(applied.tx)(JournalPostedSchema, { journalId: id, reference, kind, sequence }, applied.cause);
  };
  return [
    on(OrderPaidSchema, async (applied) => {
      // An order that costs nothing has no payment and moves no money.
      if (applied.event.paymentId !== '') await book(applied, saleCommand(applied.event));
    }),
    on(OrderRefundedSchema, async (applied) => {
      if (applied.event.lines.some((line) => line.gross?.amountMinor !== 0n))
        await book(applied, refundCommand(applied.event));
    }),
    on(DisputeOpenedSchema, (applied) => book(applied, disputeCommand(applied.event, heardAtUs(applied)))),
    on(LatePaymentReceivedSchema, (applied) =>
      book(applied, lateCommand('late_payment_received', applied.event, heardAtUs(applied))),
    ),
    on(LatePaymentReturnedSchema, (applied) =>
      book(applied, lateCommand('late_payment_returned', applied.event, heardAtUs(applied))),
    ),
  ];
}

function saleCommand(event: OrderPaid): LedgerCommand {
  const currency = currencyOf(event.total);
  return {
    kind: 'order_paid',
    cause: `payment:${event.paymentId}`,
    reference: `order:${event.orderId}`,
    description: `Order ${event.number || event.orderId} paid through ${event.provider}`,
    currency,
    effectiveAtUs: timeOf(event.paidAt),
    orderId: event.orderId,
    lines: event.lines.map((line) => ({
      lineId: line.lineId,
      courseId: line.courseId,
      courseTitle: line.title,
      instructorId: line.instructorId,
      gross: amountOf(line.gross, currency),
      tax: amountOf(line.tax, currency),
      net: amountOf(line.net, currency),
    })),
  };
}

function refundCommand(event: OrderRefunded): LedgerCommand {
  const currency = currencyOf(event.amount);
  return {
    kind: 'order_refunded',
    cause: `refund:${event.refundId}`,
    reference: `order:${event.orderId}`,
    description: `Refund of order ${event.number || event.orderId} through ${event.provider}`,
    currency,
    effectiveAtUs: timeOf(event.refundedAt),
    orderId: event.orderId,
    lines: event.lines.map((line) => ({
      lineId: line.lineId,
      gross: amountOf(line.gross, currency),
      tax: amountOf(line.tax, currency),
      net: amountOf(line.net, currency),
    })),
  };
}

function disputeCommand(event: DisputeOpened, effectiveAtUs: bigint): LedgerCommand {
  const currency = currencyOf(event.amount);
  return {
    kind: 'dispute_opened',
    cause: `dispute:${event.disputeId}`,
    reference: `order:${event.orderId}`,
    description: `Dispute of payment ${event.paymentId}: ${event.provider} holds the money back`,
    currency,
    effectiveAtUs,
    amount: amountOf(event.amount, currency),
  };
}

interface LatePayment {
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount?: Money | undefined;
  readonly provider: string;
}

function lateCommand(
  kind: 'late_payment_received' | 'late_payment_returned',
  event: LatePayment,
  effectiveAtUs: bigint,
): LedgerCommand {
  const currency = currencyOf(event.amount);
  const what = kind === 'late_payment_received' ? 'arrived late and is owed back' : 'that came late was sent back';
  return {
    kind,
    cause: `payment:${event.paymentId}`,
    reference: `order:${event.orderId}`,
    description: `Payment ${event.paymentId} through ${event.provider} ${what}`,
    currency,
    effectiveAtUs,
    amount: amountOf(event.amount, currency),
  };
}

/** For events that carry no time of their own: when they were told. */
function heardAtUs(applied: Applied<DescMessage>): bigint {
  return timeOf(applied.envelope.time);
}

function timeOf(timestamp: Parameters<typeof microsecondsOf>[0] | undefined): bigint {
  if (timestamp === undefined) throw new Error('the event does not say when it happened');
  return microsecondsOf(timestamp);
}

function currencyOf(money: Money | undefined): string {
  if (money === undefined) throw new Error('the event names no amount');
  return money.currency;
}

function amountOf(money: Money | undefined, currency: string): bigint {
  if (money === undefined || (money.currency !== currency && money.amountMinor !== 0n))
    throw new Error(`the event has an amount that is not in ${currency}`);
  return money.amountMinor;
}
