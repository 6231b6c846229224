/**
 * The port to a payment provider's own settlement reports.
 *
 * Adapters: report-source-stripe.ts, report-source-razorpay.ts. Both are written from the providers' public documentation.
 */

/** A settlement as the provider lists it: what it has paid, or will pay, to our bank. */
export interface ListedSettlement {
  /** The provider's, e.g. `po_…`, `setl_…`. */
  readonly id: string;
  readonly madeAtMs: number;
  /** ready: its lines can be read. later: they cannot yet. never: it was given up, or has no lines that could be read. */
  readonly state: 'ready' | 'later' | 'never';
}

export interface ReportSource {
  readonly name: 'stripe' | 'razorpay';
  /** True with keys of the provider's test mode: no real money. */
  readonly simulated: boolean;
  /** All settlements made at or after this time, oldest first. Throws SourceFault. */
  settlementsSince(atMs: number): Promise<readonly ListedSettlement[]>;
  /**
   * The report of one settlement, whole, as a CSV of one of the layouts in layout.ts with the settlement as its total. The
   * same settlement gives the same bytes. Undefined while the provider has not all of its lines. Throws SourceFault.
   */
  report(settlement: ListedSettlement): Promise<Uint8Array | undefined>;
}

/** The provider did not answer, or not as it is documented. The sentence holds no key and nothing of what was answered. */
export class SourceFault extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SourceFault';
  }
}

/** What a provider lists for one round; more means that the pulling has not run for years. */
export const settlementsMax = 2_000;
/** Of one settlement. */
export const reportLinesMax = 100_000;
