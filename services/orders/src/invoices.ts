/** Invoices and credit notes: issued in the transaction of the event they are of, read by the buyer and finance. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type {
  GetInvoiceRequest,
  GetInvoiceResponseSchema,
  InvoiceSchema,
  ListInvoicesRequest,
  ListInvoicesResponseSchema,
} from '@suuupra/contracts/gen/suuupra/orders/v1/invoices_pb.ts';
import { InvoiceIssuedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { pageToken, readPage } from '@suuupra/platform/rpc/paging';
import { type CallContext, hasRole, isRefusal, type Refusal, refuse } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlRow, SqlTransaction, SqlValue } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import type { AfterEvent, OrdersSurroundings } from './change.ts';
import {
  creditNoteOf,
  financialYearOf,
  type Given,
  type InvoiceContents,
  invoiceNumber,
  invoiceOf,
} from './invoice.ts';
import { disputedParts, type Order, type OrderEvent, totalMinor } from './order.ts';
import { taxMessage } from './order-view.ts';
import { sellerMessage, sellerNow } from './sellers.ts';
import { jsonOf, withAmounts } from './stored-event.ts';

/** An invoice for what is paid, a credit note for what goes back; none for what cost nothing. */
export const issueInvoices: AfterEvent = async (surroundings, tx, { order }, event, cause) => {
  const { atMs } = event;
  if (event.type === 'OrderPaid' && totalMinor(order) > 0n) {
    const contents = invoiceOf(order, await sellerNow(tx), atMs);
    await issue(surroundings, tx, { order, subject: order.id, contents, atMs }, cause);
  }
  const given = givenBy(order, event);
  if (given === undefined || given.parts.length === 0) return;
  const invoice = await findBySubject(tx, order.id);
  // Orders from before there were invoices have nothing to correct.
  if (invoice === undefined) return;
  const { id: invoiceId, number, issuedAt, contents: invoiced } = invoice;
  const corrects = { invoiceId, number, issuedAtMs: issuedAt.getTime(), contents: invoiced };
  await issue(surroundings, tx, { order, ...given, contents: creditNoteOf(order, given, corrects), atMs }, cause);
};

/** What an event takes back of the supply, and what it is called by. */
function givenBy(order: Order, event: OrderEvent): (Given & { readonly subject: string }) | undefined {
  if (event.type === 'DisputeClosed' && event.outcome === 'lost') {
    const parts = disputedParts(order, event.disputeId);
    return { subject: event.disputeId, parts, reason: 'dispute_lost' };
  }
  if (event.type !== 'RefundSucceeded') return undefined;
  const refund = order.refunds.find((each) => each.id === event.refundId);
  return refund === undefined ? undefined : { subject: refund.id, parts: refund.parts, reason: refund.reason };
}

interface ToIssue {
  readonly order: Order;
  readonly subject: string;
  readonly contents: InvoiceContents;
  readonly atMs: number;
}

/**
 * The number comes from the series' one row, which stays locked until the transaction ends: no number is given twice, and
 * one that is not used is given again, so there is no gap.
 */
async function issue(
  { world, publishIn }: OrdersSurroundings,
  tx: SqlTransaction,
  { order, subject, contents, atMs }: ToIssue,
  cause: EventCause | undefined,
): Promise<void> {
  const { seller, kind } = contents;
  const series = kind === 'invoice' ? seller.series : `${seller.series}C`;
  const year = financialYearOf(atMs);
  const [row] = await tx.query<{ last: number }>(
    `INSERT INTO invoice_series (entity, series, financial_year, last) VALUES ($1, $2, $3, 1)
     ON CONFLICT (entity, series, financial_year) DO UPDATE SET last = invoice_series.last + 1 RETURNING last`,
    [seller.gstin, series, year],
  );
  if (row === undefined) throw new Error('a series gave no number');
  const id = world.id('inv');
  const number = invoiceNumber(series, year, row.last);
  await tx.execute(
    `INSERT INTO invoices (id, kind, entity, series, financial_year, sequence, number, order_id, subject, buyer_id,
       issued_at, contents)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      id,
      kind,
      seller.gstin,
      series,
      year,
      row.last,
      number,
      order.id,
      subject,
      order.buyerId,
      new Date(atMs),
      jsonOf(contents),
    ],
  );
  const total = { currency: order.currency, amountMinor: contents.totalMinor };
  const told = { invoiceId: id, number, kind, orderId: order.id, buyerId: order.buyerId, total };
  await publishIn(tx)(InvoiceIssuedSchema, { ...told, issuedAt: timestampFromDate(new Date(atMs)) }, cause);
}

export interface Invoice {
  readonly id: string;
  readonly number: string;
  readonly orderId: string;
  readonly buyerId: string;
  readonly issuedAt: Date;
  readonly contents: InvoiceContents;
}

interface InvoiceRow extends SqlRow {
  id: string;
  number: string;
  order_id: string;
  buyer_id: string;
  issued_at: Date;
  contents: unknown;
}

const columns = 'id, number, order_id, buyer_id, issued_at, contents';

function invoiceFrom(row: InvoiceRow): Invoice {
  return {
    id: row.id,
    number: row.number,
    orderId: row.order_id,
    buyerId: row.buyer_id,
    issuedAt: row.issued_at,
    contents: withAmounts(row.contents) as InvoiceContents,
  };
}

async function findBySubject(executor: SqlExecutor, subject: string): Promise<Invoice | undefined> {
  const [row] = await executor.query<InvoiceRow>(`SELECT ${columns} FROM invoices WHERE subject = $1`, [subject]);
  return row === undefined ? undefined : invoiceFrom(row);
}

/** The invoice when the caller may see it: the buyer, finance. To others it does not exist. */
export async function visibleInvoice(
  executor: SqlExecutor,
  id: string,
  context: CallContext,
): Promise<Invoice | Refusal> {
  const [row] = /^[a-z0-9_]{1,64}$/.test(id)
    ? await executor.query<InvoiceRow>(`SELECT ${columns} FROM invoices WHERE id = $1`, [id])
    : [];
  const isMine = context.principal.kind === 'user' && row?.buyer_id === context.principal.userId;
  const isVisible = row !== undefined && (isMine || hasRole(context.principal, 'finance'));
  return isVisible ? invoiceFrom(row) : refuse('not_found', 'There is no such invoice.');
}

export async function getInvoice(
  { sql }: OrdersSurroundings,
  request: GetInvoiceRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof GetInvoiceResponseSchema> | Refusal> {
  const invoice = await visibleInvoice(sql, request.id, context);
  return isRefusal(invoice) ? invoice : { invoice: invoiceMessage(invoice, hasRole(context.principal, 'finance')) };
}

/** How old finance's list of everybody's invoices may be; it is a report of what others did. */
const staleMsMax = 5_000;

/** A buyer sees their own at once; everybody's, for finance, is at most `staleMsMax` old and may come from a replica. */
export async function listInvoices(
  { sql }: OrdersSurroundings,
  request: ListInvoicesRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof ListInvoicesResponseSchema> | Refusal> {
  const page = readPage(request, ['time', 'text'], filterOf(request));
  if (isRefusal(page)) return page;
  const isFinance = hasRole(context.principal, 'finance');
  if (request.all && !isFinance) return refuse('permission_denied', "Everybody's invoices are for finance only.");
  if (!['', 'invoice', 'credit_note'].includes(request.kind))
    return refuse('invalid_request', 'kind is invoice or credit_note.', [
      { field: 'kind', code: 'not_allowed', detail: 'invoice or credit_note' },
    ]);
  const values: SqlValue[] = [page.limit + 1];
  const given = (value: SqlValue) => `$${values.push(value)}`;
  const conditions = ['true'];
  const [time, id] = page.after;
  const buyerId = context.principal.kind === 'user' ? context.principal.userId : '';
  if (!request.all) conditions.push(`buyer_id = ${given(buyerId)}`);
  if (request.kind !== '') conditions.push(`kind = ${given(request.kind)}`);
  if (request.orderId !== '') conditions.push(`order_id = ${given(request.orderId)}`);
  if (request.from !== undefined) conditions.push(`issued_at >= ${given(timestampDate(request.from))}`);
  if (request.until !== undefined) conditions.push(`issued_at < ${given(timestampDate(request.until))}`);
  if (time !== undefined && id !== undefined)
    conditions.push(`(issued_at, id) < (${given(new Date(time))}, ${given(id)})`);
  const reader = request.all ? sql.staleReader(staleMsMax) : sql;
  const rows = await reader.query<InvoiceRow>(
    `SELECT ${columns} FROM invoices WHERE ${conditions.join(' AND ')} ORDER BY issued_at DESC, id DESC LIMIT $1`,
    values,
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    invoices: shown.map((row) => invoiceMessage(invoiceFrom(row), isFinance)),
    nextPageToken:
      rows.length > page.limit && last !== undefined
        ? pageToken([last.issued_at.toISOString(), last.id], page.filter)
        : '',
  };
}

/** What the list is narrowed by, for its page tokens. */
function filterOf({ all, kind, orderId, from, until }: ListInvoicesRequest): string[] {
  const times = [from, until].map((time) => (time === undefined ? '' : timestampDate(time).toISOString()));
  return [String(all), kind, orderId, ...times];
}

function invoiceMessage(invoice: Invoice, toFinance: boolean): MessageInitShape<typeof InvoiceSchema> {
  const { contents } = invoice;
  const { currency, kind, corrects } = contents;
  const money = (amountMinor: bigint) => ({ currency, amountMinor });
  return {
    id: invoice.id,
    number: invoice.number,
    kind,
    orderId: invoice.orderId,
    orderNumber: contents.orderNumber,
    invoiceId: corrects?.invoiceId ?? '',
    invoiceNumber: corrects?.number ?? '',
    issuedAt: timestampFromDate(invoice.issuedAt),
    seller: sellerMessage(contents.seller),
    recipient: contents.recipient,
    placeOfSupply: contents.placeOfSupply,
    reverseCharge: false,
    export: contents.isExport,
    lines: contents.lines.map((line) => ({
      lineId: line.lineId,
      description: line.description,
      sac: line.sac,
      quantity: line.quantity,
      value: money(line.valueMinor),
      discount: money(line.discountMinor),
      taxable: money(line.taxableMinor),
      taxes: line.taxes.map((tax) => taxMessage(tax, currency)),
      total: money(line.totalMinor),
    })),
    taxable: money(contents.taxableMinor),
    tax: money(contents.taxMinor),
    total: money(contents.totalMinor),
    buyerId: toFinance ? invoice.buyerId : '',
  };
}
