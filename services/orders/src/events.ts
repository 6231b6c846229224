/** What the service does when payments and learning tell it something. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { EnrolmentGrantedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentAuthorizedSchema,
  PaymentSucceededSchema,
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type EventHandler, on } from '@suuupra/platform/service';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { confirmOpened } from './fulfilments.ts';
import { type OrderCommand, OrderContradiction } from './order.ts';
import { settleRefund } from './refunds.ts';
import { lockNumbering, lockNumberingAndBuyerOf } from './store.ts';

/** A fact that contradicts the order throws, and so ends in the dead letters, where somebody looks. */
export function eventHandlers(surroundings: OrdersSurroundings): EventHandler[] {
  return [
    on(PaymentAuthorizedSchema, async ({ event, tx, cause }) => {
      const { orderId, paymentId } = event;
      const { currency = '', amountMinor = 0n } = event.amount ?? {};
      const command = { kind: 'authorize', paymentId, currency, amountMinor, atMs: surroundings.world.now() } as const;
      await changeKnown(surroundings, tx, orderId, command, cause);
    }),
    on(PaymentSucceededSchema, async ({ event, tx, cause }) => {
      const { orderId, paymentId, provider } = event;
      const { currency = '', amountMinor = 0n } = event.amount ?? {};
      // Two orders of one buyer that are paid at once: the second sees what the first has.
      await lockNumberingAndBuyerOf(tx, orderId);
      const atMs = surroundings.world.now();
      const captured = event.succeededAt === undefined ? {} : { capturedAtMs: timestampMs(event.succeededAt) };
      const command = { kind: 'pay', paymentId, provider, currency, amountMinor, ...captured, atMs } as const;
      await changeKnown(surroundings, tx, orderId, command, cause);
    }),
    on(DisputeOpenedSchema, async ({ event, tx, cause }) => {
      const { orderId, paymentId, disputeId } = event;
      const amountMinor = event.amount?.amountMinor ?? 0n;
      const atMs = surroundings.world.now();
      const command = { kind: 'open_dispute', disputeId, paymentId, amountMinor, atMs } as const;
      await changeKnown(surroundings, tx, orderId, command, cause);
    }),
    on(DisputeClosedSchema, async ({ event, tx, cause }) => {
      const { orderId, paymentId, disputeId, outcome } = event;
      if (outcome !== 'won' && outcome !== 'lost')
        throw new OrderContradiction(`the dispute ${disputeId} ended in an unknown way`);
      // What is lost gets a credit note.
      if (outcome === 'lost') await lockNumbering(tx);
      const amountMinor = event.amount?.amountMinor ?? 0n;
      const atMs = surroundings.world.now();
      const command = { kind: 'close_dispute', disputeId, paymentId, outcome, amountMinor, atMs } as const;
      await changeKnown(surroundings, tx, orderId, command, cause);
    }),
    on(RefundSucceededSchema, async ({ event: { orderId, refundId }, tx, cause }) => {
      await lockNumbering(tx);
      await settleRefund(surroundings, tx, { orderId, refundId, outcome: 'succeeded', code: '' }, cause);
    }),
    on(EnrolmentGrantedSchema, async ({ event, envelope, tx, cause }) => {
      await confirmOpened(surroundings, tx, event, envelope, cause);
    }),
    on(RefundFailedSchema, async ({ event: { orderId, refundId, code }, tx, cause }) => {
      await settleRefund(surroundings, tx, { orderId, refundId, outcome: 'failed', code }, cause);
    }),
  ];
}

async function changeKnown(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  orderId: string,
  command: OrderCommand & { readonly paymentId: string },
  cause: EventCause,
): Promise<void> {
  const changed = await changeOrder(surroundings, tx, orderId, command, cause);
  if (isRefusal(changed))
    throw new OrderContradiction(`the payment ${command.paymentId} is of the unknown order ${orderId}`);
}
