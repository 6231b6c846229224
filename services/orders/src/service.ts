/** The orders service: what was bought, at which price, and what became of it. */
import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import {
  EntitlementEndedSchema,
  EntitlementGrantedSchema,
  GiftBoughtSchema,
  InvoiceIssuedSchema,
  OrderCancelledSchema,
  OrderPaidSchema,
  OrderPlacedSchema,
  OrderRefundedSchema,
  SubscriptionChangedSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  PaymentSucceededSchema,
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { implement } from '@suuupra/platform/rpc/rpc';
import { defineService } from '@suuupra/platform/service';
import type { OrdersSurroundings } from './change.ts';
import { eventHandlers } from './events.ts';
import { janitorRound } from './janitor.ts';
import { cancelOrder, getOrder, getOrderForPayment, listOrders, placeOrder } from './orders.ts';
import { rebuildWhenOutdated } from './rebuild.ts';
import { createRefund } from './refunds.ts';

/** The janitor looks at least this often for what other processes have left. */
const idleMsMax = 30_000;

export const orders = defineService({
  name: 'orders',
  provides: [OrdersService],
  calls: { content: ContentService, learning: LearningService, payments: PaymentsService },
  engines: ['sql'],
  consumes: [PaymentSucceededSchema, RefundSucceededSchema, RefundFailedSchema],
  publishes: [
    OrderPlacedSchema,
    OrderPaidSchema,
    OrderCancelledSchema,
    OrderRefundedSchema,
    EntitlementGrantedSchema,
    EntitlementEndedSchema,
    InvoiceIssuedSchema,
    SubscriptionChangedSchema,
    GiftBoughtSchema,
  ],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, clients, publishIn, world, telemetry }) => {
    const events = telemetry.counter('suuupra_orders_events_total', 'What became of orders, by event', ['event']);
    let janitor: Loop | undefined;
    const surroundings: OrdersSurroundings = {
      sql: engines.sql,
      world,
      log: telemetry.log,
      clients,
      publishIn,
      count: (event) => events.inc({ event }),
      nudge: () => janitor?.nudge(),
      running: new Set(),
    };
    await rebuildWhenOutdated(engines.sql);
    return {
      implementations: [
        implement(OrdersService, {
          placeOrder: (request, context) => placeOrder(surroundings, request, context),
          getOrder: (request, context) => getOrder(surroundings, request, context),
          listOrders: (request, context) => listOrders(surroundings, request, context),
          cancelOrder: (request, context) => cancelOrder(surroundings, request, context),
          createRefund: (request, context) => createRefund(surroundings, request, context),
          getOrderForPayment: (request) => getOrderForPayment(surroundings, request),
        }),
      ],
      handlers: eventHandlers(surroundings),
      begin: async () => {
        janitor = startLoop({
          round: () => janitorRound(surroundings),
          now: world.now,
          idleMsMax,
          failed: (error) => telemetry.log.error('the janitor of orders failed', { error }),
        });
      },
      stop: async () => {
        await janitor?.stop();
      },
    };
  },
});
