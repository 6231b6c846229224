/** What the parts of reconciliation work with. */
import type { SettlementParts } from '../area.ts';

export interface Desk extends Pick<SettlementParts, 'sql' | 'ledger' | 'payments' | 'world'> {
  readonly log: SettlementParts['telemetry']['log'];
  /** Lines that one transaction takes in. */
  readonly linesInChunk: number;
  /** Says that there is a file, or something is expected. */
  nudge(): void;
  /** Says that journals wait. */
  nudgeBooking(): void;
}
