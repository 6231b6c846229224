/**
 * A tax invoice or a credit note: what it has to say, frozen when it is issued. Pure. All amounts are minor units of the
 * order's currency.
 *
 * Source: CGST Rules 2017, rule 46 (tax invoice; export of services) and rule 53 (credit note); CGST Act, section 34.
 */
import { stateNames } from './gstin.ts';
import { type Billing, type LineTax, type Order, type OrderLine, totalOfLineMinor } from './order.ts';
import type { RefundPart } from './refund-split.ts';
import { educationSac, type SellerDetails, sacOf, stateOf } from './seller.ts';

export interface InvoiceLineContents {
  readonly lineId: string;
  readonly description: string;
  readonly sac: string;
  readonly quantity: number;
  /** Before the discount, without tax. */
  readonly valueMinor: bigint;
  readonly discountMinor: bigint;
  /** value - discount. */
  readonly taxableMinor: bigint;
  readonly taxes: readonly LineTax[];
  /** taxable + taxes. */
  readonly totalMinor: bigint;
}

/** The invoice that a credit note is of. */
export interface InvoiceToCorrect {
  readonly invoiceId: string;
  readonly number: string;
  readonly issuedAtMs: number;
  readonly contents: InvoiceContents;
}

export interface InvoiceContents {
  readonly kind: 'invoice' | 'credit_note';
  readonly orderNumber: string;
  readonly seller: SellerDetails;
  readonly recipient: Billing;
  readonly placeOfSupply: string;
  readonly isExport: boolean;
  readonly currency: string;
  readonly lines: readonly InvoiceLineContents[];
  readonly taxableMinor: bigint;
  readonly taxMinor: bigint;
  readonly totalMinor: bigint;
  /** Of a credit note. */
  readonly corrects?: { readonly invoiceId: string; readonly number: string; readonly issuedAtMs: number };
  readonly reason: string;
}

/** Under the accounting codes of the day in India that it is issued on. */
export function invoiceOf(order: Order, seller: SellerDetails, atMs: number): InvoiceContents {
  const lines = order.lines
    .filter((line) => totalOfLineMinor(line) > 0n)
    .map((line) => lineInvoiced(line, sacOf(seller, line.kind, indiaDay(atMs))));
  return { ...headOf(order, seller), kind: 'invoice', lines, ...sumsOf(lines), reason: '' };
}

/** What goes back: by a refund, or by a dispute that was lost. */
export interface Given {
  readonly parts: readonly RefundPart[];
  readonly reason: string;
}

/** Under the accounting codes, and by whoever issued, the invoice that it corrects. */
export function creditNoteOf(
  order: Order,
  given: Given,
  { contents: invoiced, ...corrects }: InvoiceToCorrect,
): InvoiceContents {
  const { seller } = invoiced;
  const lines = given.parts.flatMap((part) => {
    const line = order.lines.find((each) => each.id === part.lineId);
    if (line === undefined) return [];
    const taxableMinor = part.grossMinor - part.taxMinor;
    const taxes = line.taxes.map((tax) => ({
      ...tax,
      amountMinor: part.taxes?.find((each) => each.kind === tax.kind)?.amountMinor ?? 0n,
    }));
    const credited = { valueMinor: taxableMinor, discountMinor: 0n, taxableMinor, taxes, totalMinor: part.grossMinor };
    const sac = invoiced.lines.find((each) => each.lineId === line.id)?.sac ?? educationSac;
    return [{ ...describe(line, sac), ...credited }];
  });
  return { ...headOf(order, seller), kind: 'credit_note', lines, ...sumsOf(lines), corrects, reason: given.reason };
}

function headOf(order: Order, seller: SellerDetails) {
  const recipient = order.billing ?? { name: '', address: '', stateCode: '', country: 'IN', gstin: '' };
  const supply = order.supply ?? { stateCode: stateOf(seller), country: 'IN', isExport: false };
  const isExport = supply.isExport || order.currency !== 'INR';
  const state = stateNames.get(supply.stateCode);
  return {
    orderNumber: order.number,
    seller,
    recipient,
    placeOfSupply: state === undefined ? supply.country : `${supply.stateCode} ${state}`,
    isExport,
    currency: order.currency,
  };
}

function lineInvoiced(line: OrderLine, sac: string): InvoiceLineContents {
  const totalMinor = totalOfLineMinor(line);
  const taxableMinor = totalMinor - line.taxMinor;
  // The discount without the tax in it, so that the value is what the net would have been.
  const discountMinor = totalMinor === 0n ? 0n : line.discountMinor - (line.discountMinor * line.taxMinor) / totalMinor;
  return {
    ...describe(line, sac),
    valueMinor: taxableMinor + discountMinor,
    discountMinor,
    taxableMinor,
    taxes: line.taxes,
    totalMinor,
  };
}

const kindTitles: Readonly<Record<OrderLine['kind'], string>> = {
  course: 'Online course',
  gift: 'Online course, as a gift',
  seats: 'Online course, seats',
  cohort: 'Online course with a cohort',
  subscription: 'Subscription',
};

function describe(line: OrderLine, sac: string) {
  const description = `${kindTitles[line.kind]}: ${line.title}`;
  return { lineId: line.id, description, sac, quantity: line.quantity };
}

function sumsOf(lines: readonly InvoiceLineContents[]) {
  const sum = (of: (line: InvoiceLineContents) => bigint) => lines.reduce((total, line) => total + of(line), 0n);
  const taxableMinor = sum((line) => line.taxableMinor);
  const totalMinor = sum((line) => line.totalMinor);
  return { taxableMinor, taxMinor: totalMinor - taxableMinor, totalMinor };
}

/** India has no summer time: its clock is UTC + 5:30. */
const indiaAheadMs = 330 * 60_000;

/** `26-27` for any moment from 1 April 2026 to 31 March 2027, India time. */
export function financialYearOf(atMs: number): string {
  const day = new Date(atMs + indiaAheadMs);
  const first = day.getUTCFullYear() - (day.getUTCMonth() < 3 ? 1 : 0);
  return `${twoDigits(first)}-${twoDigits(first + 1)}`;
}

/** The day in India as 2026-11-22. */
export function indiaDay(atMs: number): string {
  return new Date(atMs + indiaAheadMs).toISOString().slice(0, 10);
}

function twoDigits(year: number): string {
  return String(year % 100).padStart(2, '0');
}

/** At most 16 characters, as rule 46 (b) wants: `SU/26-27/000001`, `SUC/26-27/000001`. */
export function invoiceNumber(series: string, financialYear: string, sequence: number): string {
  return `${series}/${financialYear}/${String(sequence).padStart(6, '0')}`;
}
