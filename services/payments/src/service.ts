/** The payments service: how money comes in and goes back. */
import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
  MandateChangedSchema,
  PaymentAuthorizedSchema,
  PaymentFailedSchema,
  PaymentSucceededSchema,
  RefundFailedSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import type { Keys } from '@suuupra/platform/keys/keys';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { implement } from '@suuupra/platform/rpc/rpc';
import { defineService } from '@suuupra/platform/service';
import { cancelIntent, confirmPayment, createPayment, getPayment, listPayments } from './payments.ts';
import { openSandbox } from './provider-sandbox.ts';
import { refundPayment } from './refunds.ts';
import { postgresStore } from './store-postgres.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { sweepOf } from './sweep.ts';
import { receiveWebhook, webhookRoute } from './webhooks.ts';

/** The loops look at least this often for what other processes have left. */
const idleMsMax = 30_000;

export const payments = defineService({
  name: 'payments',
  provides: [PaymentsService],
  calls: { orders: OrdersService },
  engines: ['sql', 'keys'],
  consumes: [],
  publishes: [
    PaymentSucceededSchema,
    PaymentFailedSchema,
    LatePaymentReceivedSchema,
    LatePaymentReturnedSchema,
    RefundSucceededSchema,
    RefundFailedSchema,
    DisputeOpenedSchema,
    PaymentAuthorizedSchema,
    DisputeClosedSchema,
    MandateChangedSchema,
  ],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines: { sql, keys }, clients, publishIn, world, telemetry, settings }) => {
    const counted = telemetry.counter('suuupra_payments_events_total', 'What became of payments, by event', ['event']);
    const loops: { sweep?: Loop; sandbox?: Loop } = {};
    const sandbox = openSandbox({
      sql,
      world,
      publicUrl: settings.publicUrl,
      secrets: await webhookSecrets(keys),
      // The same function that the route calls, with the same bytes: only the socket is left out.
      deliver: async (headers, body) => (await receiveWebhook(surroundings, 'sandbox', headers, body)).status,
      nudge: () => loops.sandbox?.nudge(),
    });
    const surroundings: PaymentsSurroundings = {
      sql,
      store: postgresStore,
      world,
      log: telemetry.log,
      orders: clients.orders,
      provider: sandbox,
      publishIn,
      count: (event) => counted.inc({ event }),
      nudge: () => loops.sweep?.nudge(),
      running: new Set(),
    };
    const loopOf = (name: string, round: () => Promise<number | undefined>) =>
      startLoop({
        round,
        now: world.now,
        idleMsMax,
        failed: (error) => telemetry.log.error(`the ${name} of payments failed`, { error }),
      });
    return {
      implementations: [
        implement(PaymentsService, {
          createPayment: (request, context) => createPayment(surroundings, request, context),
          listPayments: (request, context) => listPayments(surroundings, request, context),
          getPayment: (request, context) => getPayment(surroundings, request, context),
          confirmPayment: (request, context) => confirmPayment(surroundings, request, context),
          refundPayment: (request, context) => refundPayment(surroundings, request, context),
          cancelIntent: (request) => cancelIntent(surroundings, request),
        }),
      ],
      routes: [webhookRoute(surroundings)],
      begin: async () => {
        loops.sweep = loopOf('sweep', sweepOf(surroundings));
        loops.sandbox = loopOf('sandbox', sandbox.round);
      },
      stop: async () => {
        await Promise.all([loops.sweep?.stop(), loops.sandbox?.stop()]);
      },
    };
  },
});

/** Two live secrets, so that one can be replaced while the other signs. */
async function webhookSecrets(keys: Keys): Promise<[Uint8Array, Uint8Array]> {
  return [await keys.secret('payments.webhook.sandbox.1'), await keys.secret('payments.webhook.sandbox.2')];
}
