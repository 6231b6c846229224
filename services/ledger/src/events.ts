/**
 * What the ledger hears, as commands. Each is on disk before its event is recorded as applied, and happens once by its own
 * id, so that an event that comes again changes nothing. Events of one delivery, and of all partitions, share batches.
 *
 * A fact that cannot be booked (it goes back on more than was sold, its parts do not add up) is a fault: it is tried
 * again, then set aside with its reason for a person to look at. It is never booked by halves.
 */

import type { DescMessage } from '@bufbuild/protobuf';
import type { Money } from '@suuupra/contracts/gen/suuupra/common/v1/money_pb.ts';
import {
  type OrderPaid,
  OrderPaidSchema,
  type OrderRefunded,
  OrderRefundedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  type DisputeClosed,
  DisputeClosedSchema,
  type DisputeOpened,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type EventHandler, type Heard, onAhead } from '@suuupra/platform/service';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import type { TaxPart } from './journals.ts';
import type { CommandResult, LedgerCommand } from './ledger.ts';
import type { LedgerWriter } from './ledger-writer.ts';
import { microsecondsOf } from './time.ts';

export function eventHandlers(writer: LedgerWriter): EventHandler[] {
  const book = async ({ cause }: { readonly cause: EventCause }, command: LedgerCommand): Promise<void> => {
    const submitted = await writer.submit([command], { cause });
    if (isRefusal(submitted)) throw new Error(`${command.kind} of ${command.cause} has to wait: ${submitted.detail}`);
    const [result] = submitted.results;
    if (result === undefined || result.kind === 'rejected' || result.kind === 'skipped')
      throw new Error(`${command.kind} of ${command.cause} cannot be booked: ${refusedText(result)}`);
  };
  return [
    onAhead(OrderPaidSchema, async (heard) => {
      // An order that costs nothing has no payment and moves no money.
      if (heard.event.paymentId !== '') await book(heard, saleCommand(heard.event));
    }),
    onAhead(OrderRefundedSchema, async (heard) => {
      if (heard.event.lines.some((line) => line.gross?.amountMinor !== 0n))
        await book(heard, refundCommand(heard.event));
    }),
    onAhead(DisputeOpenedSchema, (heard) => book(heard, disputeCommand(heard.event, heardAtUs(heard)))),
    onAhead(DisputeClosedSchema, (heard) => book(heard, disputeEndCommand(heard.event, heardAtUs(heard)))),
    onAhead(LatePaymentReceivedSchema, (heard) =>
      book(heard, lateCommand('late_payment_received', heard.event, heardAtUs(heard))),
    ),
    onAhead(LatePaymentReturnedSchema, (heard) =>
      book(heard, lateCommand('late_payment_returned', heard.event, heardAtUs(heard))),
    ),
  ];
}

function refusedText(result: CommandResult | undefined): string {
  return result?.kind === 'rejected' ? `${result.reason}, ${result.detail}` : 'no result';
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
      ...taxesOf(line.taxes, currency),
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
      instructorId: line.instructorId,
      gross: amountOf(line.gross, currency),
      tax: amountOf(line.tax, currency),
      net: amountOf(line.net, currency),
      ...taxesOf(line.taxes, currency),
    })),
  };
}

/** The parts of a tax as the fact names them; nothing when it names none. */
function taxesOf(
  taxes: readonly { readonly kind: string; readonly amount?: Money | undefined }[],
  currency: string,
): { taxes?: readonly TaxPart[] } {
  if (taxes.length === 0) return {};
  return { taxes: taxes.map(({ kind, amount }) => ({ kind, amount: amountOf(amount, currency) })) };
}

function disputeCommand(event: DisputeOpened, heardUs: bigint): LedgerCommand {
  const currency = currencyOf(event.amount);
  return {
    kind: 'dispute_opened',
    cause: `dispute:${event.disputeId}`,
    reference: `order:${event.orderId}`,
    description: `Dispute of payment ${event.paymentId}: ${event.provider} holds the money back`,
    currency,
    effectiveAtUs: event.openedAt === undefined ? heardUs : microsecondsOf(event.openedAt),
    amount: amountOf(event.amount, currency),
  };
}

function disputeEndCommand(event: DisputeClosed, heardUs: bigint): LedgerCommand {
  const currency = currencyOf(event.amount);
  const { outcome } = event;
  if (outcome !== 'won' && outcome !== 'lost') throw new Error(`a dispute ends won or lost, not ${outcome}`);
  return {
    kind: 'dispute_closed',
    cause: `dispute:${event.disputeId}`,
    reference: `order:${event.orderId}`,
    description: `Dispute of payment ${event.paymentId} through ${event.provider} was ${outcome}`,
    currency,
    effectiveAtUs: event.closedAt === undefined ? heardUs : microsecondsOf(event.closedAt),
    outcome,
    amount: amountOf(event.amount, currency),
    fee: event.fee === undefined ? 0n : amountOf(event.fee, currency),
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
function heardAtUs(heard: Heard<DescMessage>): bigint {
  return timeOf(heard.envelope.time);
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
