/** What the service does when payments tells it something. */
import {
  PaymentSucceededSchema,
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type EventHandler, on } from '@suuupra/platform/service';
import { changeOrder, type OrdersSurroundings } from './change.ts';
import { OrderContradiction } from './order.ts';
import { settleRefund } from './refunds.ts';

/** A fact that contradicts the order throws, and so ends in the dead letters, where somebody looks. */
export function eventHandlers(surroundings: OrdersSurroundings): EventHandler[] {
  return [
    on(PaymentSucceededSchema, async ({ event, tx, cause }) => {
      const { orderId, paymentId, provider } = event;
      const { currency = '', amountMinor = 0n } = event.amount ?? {};
      const atMs = surroundings.world.now();
      const command = { kind: 'pay', paymentId, provider, currency, amountMinor, atMs } as const;
      const changed = await changeOrder(surroundings, tx, orderId, command, cause);
      if (isRefusal(changed))
        throw new OrderContradiction(`the payment ${paymentId} is of the unknown order ${orderId}`);
    }),
    on(RefundSucceededSchema, async ({ event: { orderId, refundId }, tx, cause }) => {
      await settleRefund(surroundings, tx, { orderId, refundId, outcome: 'succeeded', code: '' }, cause);
    }),
    on(RefundFailedSchema, async ({ event: { orderId, refundId, code }, tx, cause }) => {
      await settleRefund(surroundings, tx, { orderId, refundId, outcome: 'failed', code }, cause);
    }),
  ];
}
