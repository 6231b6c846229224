/** What every part of payouts works with. */
import type { TextSeal } from '@suuupra/platform/mail/sealed-text';
import type { SettlementParts } from '../area.ts';
import type { Bank } from './bank.ts';

export interface PayoutSurroundings
  extends Pick<SettlementParts, 'sql' | 'ledger' | 'payments' | 'publishIn' | 'world'> {
  readonly log: SettlementParts['telemetry']['log'];
  readonly bank: Bank;
  /** For account numbers, PANs and files: only this service's key opens them. */
  readonly seal: TextSeal;
  /** Something may be due earlier than the loop knows. */
  nudge(): void;
}
