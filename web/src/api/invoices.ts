/** Tax invoices and credit notes. */
import { listQuery } from './lists.ts';
import type { ListInvoicesResponse } from './types.ts';

/** Mine; of one order, when it is named. */
export const invoicesQuery = (asked: { orderId?: string } = {}) =>
  listQuery<ListInvoicesResponse>(['invoices', asked], '/invoices', asked);

/** The document itself, as a file the browser opens. */
export const invoicePdfPath = (id: string) => `/api/v1/invoices/${encodeURIComponent(id)}/pdf`;

export interface AllInvoicesAsked {
  readonly kind?: string | undefined;
  /** RFC 3339: issued from, and before. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
}

/** Everybody's, for finance. */
export const allInvoicesQuery = (asked: AllInvoicesAsked) =>
  listQuery<ListInvoicesResponse>(['finance', 'invoices', asked], '/invoices', { all: true, ...asked });
