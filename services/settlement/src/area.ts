/** What the two halves of the service, reconciliation and payouts, get and give. */
import type { LedgerBookingService } from '@suuupra/contracts/gen/suuupra/ledger/v1/booking_pb.ts';
import type { PaymentsChargingService } from '@suuupra/contracts/gen/suuupra/payments/v1/charging_pb.ts';
import type { Client } from '@suuupra/platform/rpc/rpc';
import type { RunningService, ServiceSettings } from '@suuupra/platform/service';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { Publish } from '@suuupra/platform/stream/outbox';
import type { Telemetry } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import type { ReportSource } from './reconciliation/report-source.ts';

export interface SettlementParts {
  readonly sql: Sql;
  readonly ledger: Client<typeof LedgerBookingService>;
  readonly payments: Client<typeof PaymentsChargingService>;
  readonly publishIn: (tx: SqlTransaction) => Publish;
  readonly world: World;
  readonly telemetry: Telemetry;
  readonly settings: ServiceSettings;
  /** The providers whose reports are pulled; absent: none. */
  readonly reportSources?: readonly ReportSource[];
}

/** One half as it runs. */
export type SettlementArea = Required<RunningService>;
