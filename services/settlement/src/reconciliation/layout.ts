/**
 * Layouts of delimited files, as data: another provider's file is another entry here and no code. The layout of a file
 * is the one whose columns its header has.
 */
import type { FileFormat, LineKind } from './file-item.ts';

export interface Layout {
  /** The sender's own name for it, with its version: another version is another entry. */
  readonly name: string;
  readonly formats: readonly FileFormat[];
  /** Whose account the lines are of. */
  readonly provider: string;
  readonly columns: {
    readonly kind: string;
    /** The most telling first. */
    readonly references: readonly string[];
    /** References whose columns a file may lack, such as metadata that has to be asked for; they are more telling. */
    readonly referencesIfThere?: readonly string[];
    /** What names the movement at the provider. */
    readonly own: string;
    /** Absent: `currencyAlways`. */
    readonly currency?: string;
    readonly gross: string;
    /** Absent: nothing is kept. */
    readonly fee?: string;
    /** Tax on the fee; kept with it. */
    readonly tax?: string;
    /** Absent: gross less fee and tax. */
    readonly net?: string;
    /** Where the net is written as what is taken from us and what comes to us, instead of one signed amount. */
    readonly debit?: string;
    readonly credit?: string;
    readonly settlement: string;
    /** What the bank will show; absent: the settlement's own name. */
    readonly bankReference?: string;
    readonly date: string;
    /**
     * What the customer paid, where that may be in another currency than the settlement's: without a sign, or with the
     * gross amount's. A file may lack these columns and leave their cells empty. Without a rate the amounts say it.
     */
    readonly presented?: { readonly currency: string; readonly amount: string; readonly rate?: string };
    readonly description?: string;
    /** In a total: how many lines it is of. */
    readonly count?: string;
  };
  readonly currencyAlways?: string;
  readonly amounts: 'major' | 'minor';
  readonly dates: 'iso' | 'day_first' | 'iso_or_day_first';
  /** signed: the amount's own sign is money to us or from us. unsigned: the kind says which. by_column: credit or debit. */
  readonly signs: 'signed' | 'unsigned' | 'by_column';
  /** The fee of a dispute is a line of its own, as it is expected and booked; else it is kept with its line. */
  readonly disputeFeesApart?: boolean;
  /**
   * A settlement stands whole in one file: a second file with it is refused, whatever its bytes, for it would book its fees
   * again. It is known by its name, or, where names come again each day, by that and its transfer.
   */
  readonly settlementsOnce: 'by_name' | 'by_transfer';
  /** What the file calls each kind; `total` closes a settlement with the sum of its net amounts. */
  readonly kinds: Readonly<Record<string, LineKind | 'total'>>;
}

/** docs.stripe.com/reports/reporting-categories, as of `report-source-stripe.fixture.ts`. What is not here refuses the file. */
const stripeKinds: Layout['kinds'] = {
  charge: 'payment',
  refund: 'refund',
  refund_failure: 'adjustment',
  partial_capture_reversal: 'adjustment',
  dispute: 'dispute',
  dispute_reversal: 'dispute_reversal',
  fee: 'fee',
  network_cost: 'fee',
  tax: 'fee',
  other_adjustment: 'adjustment',
  payout_reversal: 'adjustment',
  payout_minimum_balance_hold: 'adjustment',
  payout_minimum_balance_release: 'adjustment',
  risk_reserved_funds: 'adjustment',
  topup: 'adjustment',
  topup_reversal: 'adjustment',
};

/** The `type` of razorpay.com/docs/api/settlements/fetch-recon, as of `report-source-razorpay.fixture.ts`. */
const razorpayKinds: Layout['kinds'] = {
  payment: 'payment',
  refund: 'refund',
  dispute: 'dispute',
  dispute_reversal: 'dispute_reversal',
  adjustment: 'adjustment',
  transfer: 'adjustment',
  transfer_reversal: 'adjustment',
};

export const layouts: readonly Layout[] = [
  {
    name: 'sandbox settlement',
    formats: ['settlement_csv', 'settlement_tsv'],
    provider: 'sandbox',
    columns: {
      kind: 'type',
      references: ['merchant_reference', 'provider_reference'],
      own: 'provider_reference',
      currency: 'currency',
      gross: 'gross',
      fee: 'fee',
      tax: 'tax',
      net: 'net',
      settlement: 'settlement_id',
      bankReference: 'utr',
      date: 'settlement_date',
      presented: { currency: 'presentment_currency', amount: 'presentment_gross', rate: 'exchange_rate' },
    },
    amounts: 'major',
    dates: 'iso',
    signs: 'signed',
    settlementsOnce: 'by_name',
    kinds: {
      capture: 'payment',
      refund: 'refund',
      refund_reversed: 'adjustment',
      dispute: 'dispute',
      dispute_won: 'dispute_reversal',
      dispute_fee: 'dispute_fee',
      payout: 'total',
    },
  },
  {
    name: 'Stripe payout_reconciliation.itemized.5',
    formats: ['settlement_csv'],
    provider: 'stripe',
    columns: {
      kind: 'reporting_category',
      referencesIfThere: ['refund_metadata[refund_id]', 'payment_metadata[attempt_id]', 'payment_intent_id'],
      references: ['source_id', 'balance_transaction_id'],
      own: 'balance_transaction_id',
      currency: 'currency',
      gross: 'gross',
      fee: 'fee',
      net: 'net',
      settlement: 'automatic_payout_id',
      date: 'automatic_payout_effective_at',
      presented: { currency: 'customer_facing_currency', amount: 'customer_facing_amount' },
      description: 'description',
    },
    amounts: 'major',
    dates: 'iso',
    signs: 'signed',
    disputeFeesApart: true,
    settlementsOnce: 'by_name',
    kinds: stripeKinds,
  },
  {
    // As `report-source-stripe.ts` writes it: Stripe's field names and minor units, and the payout as the total.
    name: 'Stripe balance transactions of a payout, API',
    formats: ['settlement_csv'],
    provider: 'stripe',
    columns: {
      kind: 'reporting_category',
      references: ['refund_id', 'attempt_id', 'payment_intent', 'source', 'id'],
      own: 'id',
      currency: 'currency',
      gross: 'amount',
      fee: 'fee',
      net: 'net',
      settlement: 'payout',
      bankReference: 'trace_id',
      date: 'arrival_date',
      presented: { currency: 'presented_currency', amount: 'presented_amount', rate: 'exchange_rate' },
      count: 'transactions',
    },
    amounts: 'minor',
    dates: 'iso',
    signs: 'signed',
    disputeFeesApart: true,
    settlementsOnce: 'by_name',
    kinds: { ...stripeKinds, total: 'total' },
  },
  {
    // The combined recon of a settlement as `report-source-razorpay.ts` writes it, and the settlement as the total. `tax` is
    // a part of `fee`, so only `fee` is kept.
    name: 'Razorpay settlements/recon/combined, API v1',
    formats: ['settlement_csv'],
    provider: 'razorpay',
    columns: {
      kind: 'type',
      references: ['refund_id', 'order_receipt', 'attempt_id', 'payment_id', 'order_id', 'dispute_id', 'entity_id'],
      own: 'entity_id',
      currency: 'currency',
      gross: 'amount',
      fee: 'fee',
      debit: 'debit',
      credit: 'credit',
      settlement: 'settlement_id',
      bankReference: 'settlement_utr',
      date: 'settled_at',
      count: 'entities',
    },
    amounts: 'minor',
    dates: 'iso',
    signs: 'by_column',
    disputeFeesApart: true,
    settlementsOnce: 'by_name',
    kinds: { ...razorpayKinds, total: 'total' },
  },
  {
    // The same columns as a CSV that was downloaded and uploaded by hand: rupees, and no total.
    name: 'Razorpay settlement recon report',
    formats: ['settlement_csv'],
    provider: 'razorpay',
    columns: {
      kind: 'type',
      references: ['order_receipt', 'payment_id', 'order_id', 'dispute_id', 'entity_id'],
      own: 'entity_id',
      currency: 'currency',
      gross: 'amount',
      fee: 'fee',
      debit: 'debit',
      credit: 'credit',
      settlement: 'settlement_id',
      bankReference: 'settlement_utr',
      date: 'settled_at',
    },
    amounts: 'major',
    dates: 'iso_or_day_first',
    signs: 'by_column',
    disputeFeesApart: true,
    settlementsOnce: 'by_name',
    kinds: razorpayKinds,
  },
  {
    name: 'NPCI-style',
    formats: ['npci_csv'],
    provider: 'npci',
    columns: {
      kind: 'RECORD_TYPE',
      references: ['UPI_TXN_ID', 'RRN', 'ORDER_REF'],
      own: 'RRN',
      gross: 'AMOUNT_PAISE',
      settlement: 'SETTLEMENT_CYCLE',
      bankReference: 'UTR',
      date: 'TXN_DATE',
      count: 'RECORD_COUNT',
    },
    currencyAlways: 'INR',
    amounts: 'minor',
    dates: 'day_first',
    signs: 'unsigned',
    settlementsOnce: 'by_transfer',
    kinds: { CR: 'payment', DR: 'refund', CB: 'dispute', T: 'total' },
  },
];

/** Money that goes from us. */
export const outgoingKinds: ReadonlySet<string> = new Set(['refund', 'dispute', 'dispute_fee', 'fee']);

/** The layout whose columns the header has; undefined when none fits. */
export function layoutOf(format: FileFormat, header: readonly string[]): Layout | undefined {
  const has = new Set(header);
  return layouts.find(
    (layout) => layout.formats.includes(format) && columnsOf(layout).every((column) => has.has(column)),
  );
}

export function columnsOf(layout: Layout): string[] {
  const { referencesIfThere: _, presented: __, ...columns } = layout.columns;
  return Object.values(columns).flatMap((column) => (typeof column === 'string' ? [column] : column));
}
