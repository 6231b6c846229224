import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { allInvoicesQuery } from '../api/invoices.ts';
import type { Invoice } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { Badge, Money, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { FilterChips, FinanceRoom, instantOf, ListPart, localInput, oneOf } from './finance-desk.tsx';
import { InvoiceLink } from './invoice-link.tsx';
import { PersonCell } from './person-name.tsx';

const route = getRouteApi('/finance/invoices');
const kinds = ['invoice', 'credit_note'] as const;

export function FinanceInvoicesPage() {
  return (
    <FinanceRoom title="Invoices of all buyers" lead="Tax invoices and credit notes, as they were issued.">
      <Invoices />
    </FinanceRoom>
  );
}

function Invoices() {
  const asked = route.useSearch();
  const kind = oneOf(kinds, asked.kind);
  const query = useInfiniteQuery(allInvoicesQuery({ ...asked, kind }));
  return (
    <>
      <PeriodForm />
      <FilterChips
        label="Filter documents by kind"
        value={kind}
        values={kinds}
        placeOf={(value) => ({ to: '/finance/invoices', search: { ...asked, kind: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.invoices}
        caption="Invoices and credit notes"
        columns={columns}
        rowKey={(invoice) => invoice.id}
        icon="receipt"
        nothing="None was issued in this time"
      />
    </>
  );
}

function PeriodForm() {
  const asked = route.useSearch();
  const navigate = useNavigate();
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({
      to: '/finance/invoices',
      search: { ...asked, from: startOf(values.from), until: startOf(values.until) },
    });
  return (
    <div className="filter-form">
      <Form key={`${asked.from}.${asked.until}`} label="Time of issue" onSubmit={submit} error={undefined} fields={[]}>
        <TextField label="Issued from" name="from" type="date" defaultValue={localInput(asked.from).slice(0, 10)} />
        <TextField label="And before" name="until" type="date" defaultValue={localInput(asked.until).slice(0, 10)} />
        <Button type="submit">Show</Button>
      </Form>
    </div>
  );
}

/** Midnight at the reader's place. */
const startOf = (day: string | undefined) => (day ? instantOf(`${day}T00:00`) : undefined);

const columns: readonly Column<Invoice>[] = [
  {
    name: 'Number',
    render: (one) => (
      <>
        <InvoiceLink invoice={one} />
        <Marks invoice={one} />
      </>
    ),
  },
  { name: 'Kind', render: (one) => (one.kind === 'credit_note' ? `Credit note to ${one.invoiceNumber}` : 'Invoice') },
  { name: 'Issued', render: (one) => <Time at={one.issuedAt} style="date" /> },
  {
    name: 'Order',
    render: (one) => (
      <Link to="/finance/orders/$orderId" params={{ orderId: one.orderId }}>
        {one.orderNumber}
      </Link>
    ),
  },
  { name: 'To', render: (one) => one.recipient?.name || <PersonCell id={one.buyerId} /> },
  { name: 'Place of supply', render: (one) => one.placeOfSupply },
  { name: 'Taxable', numeric: true, render: (one) => <Money value={one.taxable} /> },
  { name: 'Tax', numeric: true, render: (one) => <Money value={one.tax} /> },
  { name: 'Total', numeric: true, render: (one) => <Money value={one.total} /> },
];

function Marks({ invoice }: { invoice: Invoice }) {
  return (
    <span className="badge-row">
      {invoice.seller?.demonstration && <Badge tone="accent">Demonstration</Badge>}
      {invoice.export && <Badge tone="info">Export</Badge>}
      {invoice.reverseCharge && <Badge tone="info">Reverse charge</Badge>}
    </span>
  );
}
