/** The orders service: what was bought, at which price, and what became of it. */

import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { EmailVerifiedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
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
import { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  PaymentAuthorizedSchema,
  PaymentSucceededSchema,
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { implement } from '@suuupra/platform/rpc/rpc';
import { defineService } from '@suuupra/platform/service';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { counted, countFacts } from '@suuupra/platform/telemetry/facts';
import { accessEffects } from './access-effects.ts';
import { accessItemKinds } from './access-items.ts';
import type { AccessSurroundings } from './access-parts.ts';
import { accessHandlers, accessRound, accessRpc, accessServices } from './access-rpc.ts';
import { commerceImplementations, commerceServices } from './commerce-rpc.ts';
import { commerceEffects } from './effects.ts';
import { eventHandlers } from './events.ts';
import { invoiceRoute, invoiceRoutes } from './invoice-routes.ts';
import { janitorRound } from './janitor.ts';
import { cancelOrder, getOrder, getOrderForPayment, listOrders, placeOrder } from './orders.ts';
import { rebuildWhenOutdated } from './rebuild.ts';
import { createRefund } from './refunds.ts';
import { followSales, prepareSales, salesLag, switchSales } from './sales.ts';

/** The janitor looks at least this often for what other processes have left. */
const idleMsMax = 30_000;
/** Projections look at least this often: events become readable a moment after their commit. */
const followMsMax = 2_000;

export const orders = defineService({
  name: 'orders',
  provides: [OrdersService, ...commerceServices, ...accessServices],
  calls: {
    content: ContentService,
    learning: LearningService,
    payments: PaymentsService,
    charging: PaymentsChargingService,
    identity: IdentityService,
  },
  engines: ['sql'],
  consumes: [
    PaymentAuthorizedSchema,
    PaymentSucceededSchema,
    RefundSucceededSchema,
    RefundFailedSchema,
    DisputeOpenedSchema,
    DisputeClosedSchema,
    EmailVerifiedSchema,
  ],
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
  routes: [invoiceRoute],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, clients, publishIn: publish, world, telemetry }) => {
    const paid = telemetry.counter('suuupra_orders_paid_total', 'Orders paid, by currency', ['currency']);
    const publishIn = countFacts(publish, [
      counted(OrderPaidSchema, ({ total }) => paid.inc({ currency: total?.currency ?? '' })),
    ]);
    const events = telemetry.counter('suuupra_orders_events_total', 'What became of orders, by event', ['event']);
    const lag = telemetry.gauge('suuupra_orders_projection_lag_events', 'Events that the sales have not read yet');
    let janitor: Loop | undefined;
    let follower: Loop | undefined;
    let access: Loop | undefined;
    const surroundings: AccessSurroundings = {
      sql: engines.sql,
      world,
      log: telemetry.log,
      clients,
      publishIn,
      count: (event) => events.inc({ event }),
      nudge: () => {
        janitor?.nudge();
        follower?.nudge();
        access?.nudge();
      },
      running: openOneAtATime(engines.sql),
      afterEvents: [...commerceEffects, ...accessEffects],
      itemKinds: accessItemKinds,
    };
    await rebuildWhenOutdated(engines.sql);
    await prepareSales(engines.sql);
    const follow = async () => {
      await followSales(engines.sql);
      if ((await switchSales(engines.sql)) === 'differs')
        telemetry.log.error('the sales built anew differ from those that serve, which stay');
      lag.set(await salesLag(engines.sql));
      return undefined;
    };
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
        ...commerceImplementations(surroundings),
        ...accessRpc(surroundings),
      ],
      routes: invoiceRoutes(surroundings),
      handlers: [...eventHandlers(surroundings), ...accessHandlers(surroundings)],
      begin: async () => {
        janitor = startLoop({
          round: () => janitorRound(surroundings),
          now: world.now,
          idleMsMax,
          failed: (error) => telemetry.log.error('the janitor of orders failed', { error }),
        });
        access = startLoop({
          round: () => accessRound(surroundings),
          now: world.now,
          idleMsMax,
          failed: (error) => telemetry.log.error('subscriptions and seats are not looked after', { error }),
        });
        follower = startLoop({
          round: follow,
          now: world.now,
          idleMsMax: followMsMax,
          failed: (error) => telemetry.log.error('the sales do not follow the orders', { error }),
        });
      },
      stop: async () => {
        await janitor?.stop();
        await follower?.stop();
        await access?.stop();
        await surroundings.running.close();
      },
    };
  },
});
