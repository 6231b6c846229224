import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { invoicesQuery } from '../api/invoices.ts';
import type { Invoice } from '../api/types.ts';
import { type Receiver, receiverWords } from '../lib/gift-words.ts';
import { useTitle } from '../lib/use-title.ts';
import { Money, PageHead, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { InvoiceLink } from './invoice-link.tsx';
import { RequireUser } from './require-user.tsx';
import { useReceivers } from './use-receivers.ts';

export function InvoicesPage() {
  useTitle('Invoices');
  return <RequireUser>{() => <Invoices />}</RequireUser>;
}

function Invoices() {
  const query = useInfiniteQuery(invoicesQuery());
  return (
    <div className="page">
      <PageHead title="Invoices and credit notes" />
      <QueryView query={query}>
        {(data) => <InvoiceTable invoices={data.pages.flatMap((page) => page.invoices)} />}
      </QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show older invoices
        </Button>
      )}
    </div>
  );
}

const columnsWith = (receiverOf: ReturnType<typeof useReceivers>): readonly Column<Invoice>[] => [
  { name: 'Number', render: (one) => <InvoiceLink invoice={one} /> },
  {
    name: 'Kind',
    render: (one) => (one.kind === 'credit_note' ? `Credit note to ${one.invoiceNumber}` : 'Invoice'),
  },
  { name: 'Issued', render: (one) => <Time at={one.issuedAt} style="date" /> },
  {
    name: 'Order',
    render: (one) => (
      <Link to="/orders/$orderId" params={{ orderId: one.orderId }}>
        {one.orderNumber}
      </Link>
    ),
  },
  {
    name: 'For',
    render: (one) => (
      <>
        {one.lines.map((line) => (
          <span key={line.lineId} className="invoice-line">
            {line.description}
            <ReceiverNote receiver={receiverOf(one.orderId, line.lineId)} />
          </span>
        ))}
      </>
    ),
  },
  { name: 'Place of supply', render: (one) => one.placeOfSupply || '–' },
  { name: 'Before tax', numeric: true, render: (one) => <Money value={one.taxable} /> },
  { name: 'Tax', numeric: true, render: (one) => <Money value={one.tax} /> },
  { name: 'Total', numeric: true, render: (one) => <Money value={one.total} /> },
];

function ReceiverNote({ receiver }: { receiver: Receiver | undefined }) {
  return receiver && <span className="list-note list-note-below">for {receiverWords(receiver)}</span>;
}

function InvoiceTable({ invoices }: { invoices: readonly Invoice[] }) {
  const receiverOf = useReceivers([...new Set(invoices.map(({ orderId }) => orderId))]);
  if (invoices.length === 0) {
    return (
      <EmptyState
        icon="receipt"
        title="No invoices yet"
        action={<ButtonLink to="/courses">See the courses</ButtonLink>}
      >
        <p>Each paid order has a tax invoice here, and each refund a credit note.</p>
      </EmptyState>
    );
  }
  return (
    <Table
      caption="Your invoices and credit notes"
      columns={columnsWith(receiverOf)}
      rows={invoices}
      rowKey={(one) => one.id}
    />
  );
}
