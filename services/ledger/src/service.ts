/** The ledger: where every paisa went. It hears of money and books it; it changes nothing for anybody who calls. */

import { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import {
  BalanceCrossedSchema,
  JournalPostedSchema,
  JournalsPostedSchema,
} from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_events_pb.ts';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { LedgerReportsService } from '@suuupra/contracts/gen/suuupra/ledger/v1/reports_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { ConfigError } from '@suuupra/platform/config';
import { type Loop, startLoop } from '@suuupra/platform/loop';
import { defineService } from '@suuupra/platform/service';
import { ledgerStores } from './adapters.ts';
import { startAnchors } from './anchors.ts';
import { tellBooked } from './booked.ts';
import { ledgerBookingRpc } from './booking.ts';
import { eventHandlers } from './events.ts';
import { exportRoute, generalLedgerRoute } from './general-ledger-route.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { bookingReads } from './movements-rpc.ts';
import { ledgerReportsRpc } from './reports-rpc.ts';
import { ledgerRpc } from './rpc.ts';
import type { LedgerStore } from './store.ts';

/** Holds that another process made are found at the latest after this time. */
const expiryIdleMsMax = 30_000;

export const ledger = defineService({
  name: 'ledger',
  provides: [LedgerService, LedgerBookingService, LedgerReportsService],
  calls: {},
  engines: ['sql', 'objects'],
  consumes: [
    OrderPaidSchema,
    OrderRefundedSchema,
    DisputeOpenedSchema,
    DisputeClosedSchema,
    LatePaymentReceivedSchema,
    LatePaymentReturnedSchema,
  ],
  publishes: [JournalPostedSchema, JournalsPostedSchema, BalanceCrossedSchema],
  routes: [exportRoute],
  migrations: {
    postgres: new URL('../migrations/', import.meta.url),
    mysql: new URL('../migrations-mysql/', import.meta.url),
  },
  start: async ({ engines, publishIn, world, telemetry }) => {
    const stores = ledgerStores(engines.sql);
    const { store } = stores;
    await refuseVolatile(store);
    const writer = createLedgerWriter(store, world, {
      tell: (tx, written) => tellBooked(publishIn, tx, written),
      noticed: (what, error) => telemetry.log.warn(`the writer went on after: ${what}`, { error }),
    });
    const desk = {
      sql: engines.sql,
      store,
      desk: stores.desk,
      writer,
      world,
      claimant: world.id('ledger'),
    };
    const { objects } = engines;
    let expiry: Loop | undefined;
    let anchors: Loop | undefined;
    return {
      implementations: [ledgerRpc(store, world), ledgerBookingRpc(writer, bookingReads(store)), ledgerReportsRpc(desk)],
      routes: [generalLedgerRoute(store)],
      handlers: eventHandlers(writer),
      begin: async () => {
        anchors = startAnchors({
          ...{ objects, store, world },
          failed: (error) => telemetry.log.warn('the head of the chain could not be anchored', { error }),
        });
        expiry = startLoop({
          round: () => writer.expireDue(),
          now: () => world.now(),
          idleMsMax: expiryIdleMsMax,
          failed: (error) => telemetry.log.warn('holds could not be let go', { error }),
        });
      },
      stop: async () => {
        await anchors?.stop();
        await expiry?.stop();
        await writer.stop();
      },
    };
  },
});

/** For tests alone, whose databases are thrown away: tools/test-setup.ts sets it. */
const volatileSetting = 'SUUUPRA_VOLATILE_DATABASE';
const volatileAccepted = 'for-tests-only';

/** A book that may lose what it acknowledged is no book. */
async function refuseVolatile(store: LedgerStore): Promise<void> {
  if (process.env[volatileSetting] === volatileAccepted) return;
  const gap = await store.durabilityGap();
  if (gap !== undefined)
    throw new ConfigError(`${gap}; the ledger starts on a database that keeps what it acknowledges.`);
}
