/** The settlement service: what providers and the bank say about our money, held against the book, and what we pay out. */
import { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import {
  DisputeClosedSchema,
  DisputeOpenedSchema,
  LatePaymentReceivedSchema,
  LatePaymentReturnedSchema,
  PaymentSucceededSchema,
  RefundSucceededSchema,
} from '@suuupra/contracts/gen/suuupra/payments/v1/payments_events_pb.ts';
import { PayoutsService } from '@suuupra/contracts/gen/suuupra/settlement/v1/payouts_pb.ts';
import { ReconciliationService } from '@suuupra/contracts/gen/suuupra/settlement/v1/reconciliation_pb.ts';
import {
  InstructorTransferBookedSchema,
  PayoutPaidSchema,
  PayoutReturnedSchema,
} from '@suuupra/contracts/gen/suuupra/settlement/v1/settlement_events_pb.ts';
import { defineService } from '@suuupra/platform/service';
import type { World } from '@suuupra/platform/world';
import type { SettlementArea, SettlementParts } from './area.ts';
import { fileRouteDeclarations } from './payouts/file-routes.ts';
import { payouts } from './payouts/payouts.ts';
import { uploadRoute } from './reconciliation/file-route.ts';
import { reconciliation } from './reconciliation/reconciliation.ts';
import type { ReportSource } from './reconciliation/report-source.ts';
import { openRazorpayReports } from './reconciliation/report-source-razorpay.ts';
import { type ReportSourceSettings, readReportSourceSettings } from './reconciliation/report-source-settings.ts';
import { openStripeReports } from './reconciliation/report-source-stripe.ts';

export const settlement = defineService({
  name: 'settlement',
  provides: [PayoutsService, ReconciliationService],
  calls: { ledger: LedgerBookingService, payments: PaymentsChargingService },
  engines: ['sql', 'keys'],
  consumes: [
    PaymentSucceededSchema,
    RefundSucceededSchema,
    LatePaymentReceivedSchema,
    LatePaymentReturnedSchema,
    DisputeOpenedSchema,
    DisputeClosedSchema,
  ],
  publishes: [PayoutPaidSchema, PayoutReturnedSchema, InstructorTransferBookedSchema],
  routes: [uploadRoute, ...fileRouteDeclarations],
  migrations: new URL('../migrations/', import.meta.url),
  check: (env) => {
    readReportSourceSettings(env);
  },
  start: async ({ engines: { sql, keys }, clients: { ledger, payments }, publishIn, world, telemetry, settings }) => {
    const parts: SettlementParts = { sql, ledger, payments, publishIn, world, telemetry, settings };
    const reportSources = openReportSources(readReportSourceSettings(process.env), world);
    const collecting: { soon?: () => void } = {};
    const paying = await payouts({ ...parts, keys, statementsMade: () => collecting.soon?.() });
    const reconciling = reconciliation({ ...parts, reportSources }, paying.bank);
    collecting.soon = reconciling.collectSoon;
    const areas: readonly SettlementArea[] = [reconciling, paying];
    return {
      implementations: areas.flatMap((area) => area.implementations),
      routes: areas.flatMap((area) => area.routes),
      handlers: areas.flatMap((area) => area.handlers),
      begin: async () => {
        for (const area of areas) await area.begin();
      },
      stop: async () => {
        await Promise.all(areas.map((area) => area.stop()));
      },
    };
  },
});

function openReportSources({ stripe, razorpay }: ReportSourceSettings, { now }: Pick<World, 'now'>): ReportSource[] {
  return [
    ...(stripe === undefined ? [] : [openStripeReports(stripe)]),
    ...(razorpay === undefined ? [] : [openRazorpayReports({ ...razorpay, now })]),
  ];
}
