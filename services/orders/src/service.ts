/** The orders service: what was bought, at which price, and what became of it. */

import { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import { EmailVerifiedSchema } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_events_pb.ts';
import { IdentityService } from '@suuupra/contracts/gen/suuupra/identity/v1/identity_pb.ts';
import { EnrolmentGrantedSchema } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
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
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import { counted, countFacts } from '@suuupra/platform/telemetry/facts';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import { accessEffects } from './access-effects.ts';
import { accessItemKinds } from './access-items.ts';
import type { AccessSurroundings } from './access-parts.ts';
import { accessHandlers, accessRound, accessRpc, accessServices } from './access-rpc.ts';
import type { LoopName } from './change.ts';
import { commerceImplementations, commerceServices } from './commerce-rpc.ts';
import { editOrder } from './edits.ts';
import { commerceEffects } from './effects.ts';
import { eventHandlers } from './events.ts';
import { countUnopened } from './fulfilments.ts';
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
/** What happens in this time is read together. */
const everyMsMin = 250;

const unopenedCountedMs = 15_000;
/** Around the target of two seconds, and as far as what is worth a look. */
const openedBuckets = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300];

/** True at most once in a time: for figures that nobody needs with every purchase. */
function atMostEvery(ms: number, now: () => number): () => boolean {
  let nextMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() < nextMs) return false;
    nextMs = now() + ms;
    return true;
  };
}

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
  engines: ['sql', 'cache'],
  consumes: [
    PaymentAuthorizedSchema,
    PaymentSucceededSchema,
    RefundSucceededSchema,
    RefundFailedSchema,
    DisputeOpenedSchema,
    DisputeClosedSchema,
    EmailVerifiedSchema,
    EnrolmentGrantedSchema,
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
    const { publishIn, opened, unopened, events, lag } = figuresOf(telemetry, publish);
    const loops: Partial<Record<LoopName, Loop>> = {};
    const surroundings: AccessSurroundings = {
      sql: engines.sql,
      cache: engines.cache,
      world,
      log: telemetry.log,
      clients,
      publishIn,
      count: (event) => events.inc({ event }),
      openedAfter: (seconds, traceparent) => opened.observe({}, seconds, traceparent),
      nudge: (loop) => loops[loop]?.nudge(),
      running: openOneAtATime(engines.sql),
      afterEvents: [...commerceEffects, ...accessEffects],
      itemKinds: accessItemKinds,
    };
    await rebuildWhenOutdated(engines.sql);
    await prepareSales(engines.sql);
    return {
      implementations: [
        implement(OrdersService, {
          placeOrder: (request, context) => placeOrder(surroundings, request, context),
          getOrder: (request, context) => getOrder(surroundings, request, context),
          listOrders: (request, context) => listOrders(surroundings, request, context),
          cancelOrder: (request, context) => cancelOrder(surroundings, request, context),
          editOrder: (request, context) => editOrder(surroundings, request, context),
          createRefund: (request, context) => createRefund(surroundings, request, context),
          getOrderForPayment: (request) => getOrderForPayment(surroundings, request),
        }),
        ...commerceImplementations(surroundings),
        ...accessRpc(surroundings),
      ],
      routes: invoiceRoutes(surroundings),
      handlers: [...eventHandlers(surroundings), ...accessHandlers(surroundings)],
      begin: async () => {
        const { janitor, sales, access } = roundsOf(surroundings, unopened, lag);
        const { now } = world;
        const say = (message: string) => (error: unknown) => telemetry.log.error(message, { error });
        loops.janitor = startLoop({
          round: janitor,
          now,
          idleMsMax,
          everyMsMin,
          failed: say('the janitor of orders failed'),
        });
        const unseen = say('subscriptions and seats are not looked after');
        loops.access = startLoop({ round: access, now, idleMsMax, everyMsMin, failed: unseen });
        const behind = say('the sales do not follow the orders');
        loops.sales = startLoop({ round: sales, now, idleMsMax: followMsMax, everyMsMin, failed: behind });
      },
      stop: async () => {
        await loops.janitor?.stop();
        await loops.sales?.stop();
        await loops.access?.stop();
        await surroundings.running.close();
      },
    };
  },
});

/** What is counted and measured of orders. */
function figuresOf(telemetry: Telemetry, publish: (tx: SqlTransaction) => Publish) {
  const paid = telemetry.counter('suuupra_orders_paid_total', 'Orders paid, by currency', ['currency']);
  const publishIn = countFacts(publish, [
    counted(OrderPaidSchema, ({ total }) => paid.inc({ currency: total?.currency ?? '' })),
  ]);
  const opens = 'From captured money to opened access, a line';
  return {
    publishIn,
    opened: telemetry.durations('suuupra_orders_opened_after_seconds', opens, [], openedBuckets),
    unopened: telemetry.gauge('suuupra_orders_unopened', 'Orders paid and not open, up to 1000'),
    events: telemetry.counter('suuupra_orders_events_total', 'What became of orders, by event', ['event']),
    lag: telemetry.gauge('suuupra_orders_projection_lag_events', 'Events that the sales have not read yet'),
  };
}

type Gauge = ReturnType<Telemetry['gauge']>;
type Round = () => Promise<number | undefined>;

/** What each loop does in a round; gives when something is due next. */
function roundsOf(surroundings: AccessSurroundings, unopened: Gauge, lag: Gauge): Record<LoopName, Round> {
  const { sql, world, log } = surroundings;
  const isTimeToCount = atMostEvery(unopenedCountedMs, world.now);
  const isTimeToLook = atMostEvery(followMsMax, world.now);
  return {
    janitor: async () => {
      const dueAtMs = await janitorRound(surroundings);
      if (isTimeToCount()) unopened.set(await countUnopened(sql, world.now()));
      return dueAtMs;
    },
    access: () => accessRound(surroundings),
    sales: async () => {
      await followSales(sql);
      if (!isTimeToLook()) return undefined;
      if ((await switchSales(sql)) === 'differs')
        log.error('the sales built anew differ from those that serve, which stay');
      lag.set(await salesLag(sql));
      return undefined;
    },
  };
}
