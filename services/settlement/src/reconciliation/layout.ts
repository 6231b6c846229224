/**
 * Layouts of delimited files, as data: another provider's file is another entry here and no code. The layout of a file
 * is the one whose columns its header has.
 */
import type { FileFormat, LineKind } from './file-item.ts';

export interface Layout {
  readonly name: string;
  readonly formats: readonly FileFormat[];
  /** Whose account the lines are of. */
  readonly provider: string;
  readonly columns: {
    readonly kind: string;
    /** The most telling first. */
    readonly references: readonly string[];
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
    readonly settlement: string;
    /** What the bank will show; absent: the settlement's own name. */
    readonly bankReference?: string;
    readonly date: string;
    readonly description?: string;
    /** In a total: how many lines it is of. */
    readonly count?: string;
  };
  readonly currencyAlways?: string;
  readonly amounts: 'major' | 'minor';
  readonly dates: 'iso' | 'day_first';
  /** signed: the amount's own sign is money to us or from us. unsigned: the kind says which. */
  readonly signs: 'signed' | 'unsigned';
  /** What the file calls each kind; `total` closes a settlement with the sum of its net amounts. */
  readonly kinds: Readonly<Record<string, LineKind | 'total'>>;
}

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
    },
    amounts: 'major',
    dates: 'iso',
    signs: 'signed',
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
  return Object.values(layout.columns).flatMap((column) => (typeof column === 'string' ? [column] : column));
}
