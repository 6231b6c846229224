/** The document of an invoice over HTTP. */

import type { ServerResponse } from 'node:http';
import { sendProblem } from '@suuupra/platform/http/problem';
import type { RawContext, RawRoute, RawRouteDeclaration } from '@suuupra/platform/http/route';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { OrdersSurroundings } from './change.ts';
import { invoicePdf } from './invoice-pdf.ts';
import { visibleInvoice } from './invoices.ts';

export const invoiceRoute: RawRouteDeclaration = {
  method: 'GET',
  path: '/api/v1/invoices/{id}/pdf',
  summary: 'An invoice or credit note as a PDF',
  access: 'signed_in',
  refusals: ['not_found'],
  bodyBytesMax: 0,
};

export function invoiceRoutes(surroundings: OrdersSurroundings): RawRoute[] {
  return [{ ...invoiceRoute, handle: (_, response, context) => sendInvoice(surroundings, response, context) }];
}

async function sendInvoice({ sql }: OrdersSurroundings, response: ServerResponse, context: RawContext): Promise<void> {
  const invoice = await visibleInvoice(sql, context.params.id ?? '', context);
  if (isRefusal(invoice)) return sendProblem(response, invoice, context);
  const bytes = await invoicePdf(invoice);
  response.writeHead(200, {
    'content-type': 'application/pdf',
    'content-length': bytes.length,
    'content-disposition': `inline; filename="${invoice.number.replaceAll('/', '-')}.pdf"`,
    // A document of one person, which never changes.
    'cache-control': 'private, max-age=86400, immutable',
    'x-content-type-options': 'nosniff',
  });
  response.end(bytes);
}
