/** The ledger: where every paisa went. It hears of money and books it; it changes nothing for anybody who calls. */
import { JournalPostedSchema } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_events_pb.ts';
import { LedgerService } from '@suuupra/contracts/gen/suuupra/ledger/v1/ledger_pb.ts';
import { OrderPaidSchema, OrderRefundedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import {
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { defineService } from '@suuupra/platform/service';
import { eventHandlers } from './events.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import { ledgerRpc } from './rpc.ts';
import { postgresLedger } from './store-postgres.ts';

export const ledger = defineService({
  name: 'ledger',
  provides: [LedgerService],
  calls: {},
  engines: ['sql'],
  consumes: [
    OrderPaidSchema,
    OrderRefundedSchema,
    DisputeOpenedSchema,
    LatePaymentReceivedSchema,
    LatePaymentReturnedSchema,
  ],
  publishes: [JournalPostedSchema],
  migrations: new URL('../migrations/', import.meta.url),
  start: async ({ engines, publishIn, world }) => {
    const store = postgresLedger(engines.sql);
    return {
      implementations: [ledgerRpc(store, world)],
      handlers: eventHandlers(createLedgerWriter(store, world), publishIn),
    };
  },
});
