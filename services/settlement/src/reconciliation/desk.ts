/** What the parts of reconciliation work with. */
import type { SettlementParts } from '../area.ts';
import type { ReportSource } from './report-source.ts';

export interface Desk extends Pick<SettlementParts, 'sql' | 'ledger' | 'payments' | 'world'> {
  readonly log: SettlementParts['telemetry']['log'];
  /** The providers whose reports are pulled: those that have keys. */
  readonly reportSources: readonly ReportSource[];
  /** Lines that one transaction takes in. */
  readonly linesInChunk: number;
  /** Says that there is a file, or something is expected. */
  nudge(): void;
  /** Says that journals wait. */
  nudgeBooking(): void;
}
