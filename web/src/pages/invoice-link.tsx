import { useInfiniteQuery } from '@tanstack/react-query';
import { invoicePdfPath, invoicesQuery } from '../api/invoices.ts';
import type { Invoice, Order } from '../api/types.ts';
import { type Receiver, receiverWords } from '../lib/gift-words.ts';
import { backOffMs } from '../lib/interval.ts';
import { Badge, Money, Time } from '../ui/bits.tsx';
import { useReceivers } from './use-receivers.ts';

/** Opens the document in a tab of its own. */
export function InvoiceLink({ invoice }: { invoice: Invoice }) {
  return (
    <a href={invoicePdfPath(invoice.id)} target="_blank" rel="noreferrer">
      {invoice.number} <span className="list-note">(PDF)</span>
    </a>
  );
}

interface GiftsProps {
  invoice: Invoice;
  receiverOf: (orderId: string, lineId: string) => Receiver | undefined;
}

/** The document itself names its buyer alone; who gets a gift of it is said beside it. */
export function InvoicedGifts({ invoice, receiverOf }: GiftsProps) {
  const gifts = invoice.lines.flatMap((line) => {
    const receiver = receiverOf(invoice.orderId, line.lineId);
    return receiver ? [{ line, receiver }] : [];
  });
  return gifts.map(({ line, receiver }) => (
    <span key={line.lineId} className="list-note list-note-below">
      {line.description}, for {receiverWords(receiver)}
    </span>
  ));
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
  const receiverOf = useReceivers(isPaid && order.lines.some((line) => line.kind === 'gift') ? [order.id] : []);
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
              <InvoicedGifts invoice={invoice} receiverOf={receiverOf} />
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
