import { useInfiniteQuery } from '@tanstack/react-query';
import { invoicePdfPath, invoicesQuery } from '../api/invoices.ts';
import type { Invoice, Order } from '../api/types.ts';
import { backOffMs } from '../lib/interval.ts';
import { Badge, Money, Time } from '../ui/bits.tsx';

/** Opens the document in a tab of its own. */
export function InvoiceLink({ invoice }: { invoice: Invoice }) {
  return (
    <a href={invoicePdfPath(invoice.id)} target="_blank" rel="noreferrer">
      {invoice.number} <span className="list-note">(PDF)</span>
    </a>
  );
}

/** An invoice follows its payment by a moment; it is asked for that long. */
const asksMax = 8;

export function OrderInvoices({ order }: { order: Order }) {
  const isPaid = order.paidAt !== undefined;
  const { data } = useInfiniteQuery({
    ...invoicesQuery({ orderId: order.id }),
    enabled: isPaid,
    refetchInterval: ({ state }) =>
      state.data?.pages[0]?.invoices.length === 0 && state.dataUpdateCount < asksMax
        ? backOffMs(state.dataUpdateCount)
        : false,
  });
  const invoices = data?.pages.flatMap((page) => page.invoices) ?? [];
  if (invoices.length === 0) return null;
  return (
    <section className="receipt-part no-print" aria-label="Invoices">
      <h2 className="section-title">Invoices</h2>
      <ul className="list">
        {invoices.map((invoice) => (
          <li key={invoice.id} className="list-row">
            <div className="list-main">
              <span className="list-title">
                <InvoiceLink invoice={invoice} />
              </span>
              <span className="list-note">
                <Time at={invoice.issuedAt} style="date" />
                {invoice.seller?.demonstration && ', of a demonstration: no tax document'}
              </span>
            </div>
            <Badge tone={invoice.kind === 'credit_note' ? 'info' : 'neutral'}>
              {invoice.kind === 'credit_note' ? 'Credit note' : 'Tax invoice'}
            </Badge>
            <Money value={invoice.total} />
          </li>
        ))}
      </ul>
    </section>
  );
}
