/** The payments service: how money comes in and goes back. */

import { OrdersService } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { PaymentsDeskService } from '@suuupra/contracts/gen/suuupra/payments/v1/desk_pb.ts';
import { DisputesService } from '@suuupra/contracts/gen/suuupra/payments/v1/disputes_pb.ts';
import { MandatesService } from '@suuupra/contracts/gen/suuupra/payments/v1/mandates_pb.ts';
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
import { RiskService } from '@suuupra/contracts/gen/suuupra/payments/v1/risk_pb.ts';
import { RoutingService } from '@suuupra/contracts/gen/suuupra/payments/v1/routing_pb.ts';
import type { Keys } from '@suuupra/platform/keys/keys';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { defineService } from '@suuupra/platform/service';
import { readShardSettings } from '@suuupra/platform/shards/places';
import { openOneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import { type CountedFact, counted, countFacts, minorUnits } from '@suuupra/platform/telemetry/facts';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { paymentsMigrations, paymentsStores } from './adapters.ts';
import { doorTo, type PaymentsDoor } from './door.ts';
import type { Provider } from './provider.ts';
import { openRazorpay } from './provider-razorpay.ts';
import { openSandbox } from './provider-sandbox.ts';
import { type ProviderSettings, readProviderSettings } from './provider-settings.ts';
import { openStripe } from './provider-stripe.ts';
import { implementationsOf } from './rpc.ts';
import { readSandboxSettings } from './sandbox-settings.ts';
import { openShards } from './shards.ts';
import type { PaymentsSurroundings } from './surroundings.ts';
import { sweepOf } from './sweep.ts';
import { inboundRoute, webhookRoute } from './webhooks.ts';

/** The loops look at least this often for what other processes have left. */
const idleMsMax = 30_000;
/** Nearly all that a payment nudges for is due much later, so a few rounds a second do for all. */
const everyMsMin = 250;

export const payments = defineService({
  name: 'payments',
  provides: [
    PaymentsService,
    PaymentsChargingService,
    PaymentsDeskService,
    DisputesService,
    MandatesService,
    RiskService,
    RoutingService,
  ],
  calls: { orders: OrdersService },
  engines: ['sql', 'keys', 'stream'],
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
  routes: [inboundRoute],
  migrations: paymentsMigrations,
  check: (env, { demo }) => {
    readSandboxSettings(env);
    readProviderSettings(env, demo);
    readShardSettings('payments', env);
  },
  start: async ({ engines: { sql, keys, stream }, clients, publishIn: publish, world, telemetry, settings }) => {
    const publishIn = countFacts(publish, moneyFacts(telemetry));
    const counted = telemetry.counter('suuupra_payments_events_total', 'What became of payments, by event', ['event']);
    const { sandbox: sandboxStore, ...stores } = paymentsStores(sql);
    const loops: Loop[] = [];
    const nudge = () => {
      for (const loop of loops) loop.nudge();
    };
    const sandboxSettings = readSandboxSettings(process.env);
    const sandboxNamed = async (name: string, cardBasisPoints: number) =>
      openSandbox({
        name,
        sql,
        store: sandboxStore,
        world,
        settings: sandboxSettings,
        cardBasisPoints,
        publicUrl: settings.publicUrl,
        secrets: await webhookSecrets(keys, name),
        // The same function that the route calls, with the same bytes: only the socket is left out.
        deliver: async (headers, body) => (await payments.door.receive(name, headers, body)).status,
        nudge,
      });
    const providerSettings = readProviderSettings(process.env, settings.demo);
    const sandboxes = providerSettings.sandbox
      ? [await sandboxNamed('sandbox', 200), await sandboxNamed('sandbox_b', 180)]
      : [];
    const [first, ...others] = [...sandboxes, ...companies(providerSettings, world, settings.publicUrl)];
    if (first === undefined) throw new Error('there is no payment provider');
    const same = {
      log: telemetry.log,
      orders: clients.orders,
      providers: [first, ...others] as const,
      riskSecret: await keys.secret('payments.risk'),
      methodSecret: await keys.secret('payments.method'),
      publishIn,
      count: (event: string) => counted.inc({ event }),
    };
    const shardSettings = readShardSettings('payments', process.env);
    const payments: OpenPayments =
      shardSettings === undefined
        ? openOne({ ...same, sql, ...stores, world, nudge, running: openOneAtATime(sql) })
        : await openShards({ own: sql, settings: shardSettings, stream, world, telemetry, surroundings: same });
    const loopOf = (name: string, round: () => Promise<number | undefined>) =>
      startLoop({
        round,
        now: world.now,
        idleMsMax,
        everyMsMin,
        failed: (error) => telemetry.log.error(`the ${name} of payments failed`, { error }),
      });
    return {
      implementations: implementationsOf(payments.door),
      routes: [webhookRoute(payments.door.receive)],
      begin: async () => {
        payments.begin?.();
        if (payments.sweep !== undefined) loops.push(loopOf('sweep', payments.sweep));
        for (const sandbox of sandboxes) loops.push(loopOf(sandbox.name, sandbox.round));
      },
      stop: async () => {
        await Promise.all(loops.map((loop) => loop.stop()));
        await payments.stop();
      },
    };
  },
});

/** The payments as the doors see them: the only ones, or many shards. */
interface OpenPayments {
  readonly door: PaymentsDoor;
  /** What is due of the only ones; shards have loops of their own, which `begin` starts. */
  readonly sweep?: () => Promise<number | undefined>;
  begin?(): void;
  stop(): Promise<void>;
}

function openOne(surroundings: PaymentsSurroundings): OpenPayments {
  return {
    door: doorTo(surroundings),
    sweep: sweepOf(surroundings),
    stop: () => surroundings.running.close(),
  };
}

/** The companies that we have keys of. Their tokens and the sandbox's are told apart by their form. */
function companies({ stripe, razorpay }: ProviderSettings, world: World, publicUrl: string): Provider[] {
  return [
    ...(stripe === undefined ? [] : [openStripe({ ...stripe, returnUrl: `${publicUrl}/orders`, world })]),
    ...(razorpay === undefined ? [] : [openRazorpay({ ...razorpay, world })]),
  ];
}

/** Two live secrets, so that one can be replaced while the other signs. */
async function webhookSecrets(keys: Keys, name: string): Promise<[Uint8Array, Uint8Array]> {
  return [await keys.secret(`payments.webhook.${name}.1`), await keys.secret(`payments.webhook.${name}.2`)];
}

/** Money in and out, in the minor units of each currency. A currency is one of the few that a provider settles in. */
function moneyFacts({ counter }: Telemetry): CountedFact[] {
  const revenue = counter('suuupra_revenue_minor_total', 'Captured, in minor units of the currency', ['currency']);
  const refunded = counter('suuupra_refunded_minor_total', 'Refunded, in minor units of the currency', ['currency']);
  const refunds = counter('suuupra_refunds_total', 'Refunds that reached the payer', ['currency']);
  const failed = counter('suuupra_payments_failed_total', 'Payments that failed');
  const count = (
    metric: typeof revenue,
    money: Parameters<typeof minorUnits>[0] & { currency?: string },
    by?: number,
  ) => metric.inc({ currency: money.currency ?? '' }, by ?? minorUnits(money));
  return [
    counted(PaymentSucceededSchema, ({ amount }) => amount && count(revenue, amount)),
    counted(RefundSucceededSchema, ({ amount }) => {
      if (amount === undefined) return;
      count(refunded, amount);
      count(refunds, amount, 1);
    }),
    counted(PaymentFailedSchema, () => failed.inc()),
  ];
}
