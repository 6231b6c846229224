/** The settlement service: what providers and the bank say about our money, held against the book, and what we pay out. */
import { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import { defineService } from '@suuupra/platform/service';

export const settlement = defineService({
  name: 'settlement',
  provides: [],
  calls: { ledger: LedgerBookingService, payments: PaymentsChargingService },
  engines: ['sql'],
  consumes: [],
  publishes: [],
  migrations: new URL('../migrations/', import.meta.url),
  start: async () => ({ implementations: [] }),
});
