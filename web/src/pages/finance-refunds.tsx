import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { syncPayment } from '../api/payments-desk.ts';
import { refundsQuery } from '../api/refunds.ts';
import type { Order, RefundCase, RefundCaseStatus } from '../api/types.ts';
import { Form } from '../forms/form.tsx';
import { sentence } from '../lib/words.ts';
import { Badge, Money, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import {
  ActButton,
  FilterChips,
  FinanceRoom,
  instantOf,
  ListPart,
  localInput,
  oneOf,
  Simulated,
  StateBadge,
} from './finance-desk.tsx';
import { failureWords, RefundCaseDialog } from './finance-refund-dialog.tsx';
import { RefundDialog } from './refund-dialog.tsx';

const route = getRouteApi('/finance/refunds');
const statuses: readonly RefundCaseStatus[] = ['pending', 'succeeded', 'failed'];

export function FinanceRefundsPage() {
  return (
    <FinanceRoom
      title="Refunds"
      lead="Money on its way back to payers, newest first. What is pending is sent again by itself until the provider says how it ended."
      actions={
        <ButtonLink to="/finance/orders" search={{ status: 'paid' }}>
          Refund a paid order
        </ButtonLink>
      }
    >
      <Refunds />
    </FinanceRoom>
  );
}

/** What is refunded once more: the same amount of the same order. */
interface Again {
  readonly refund: RefundCase;
  readonly order: Order;
}

function Refunds() {
  const { order, from, until, ...asked } = route.useSearch();
  const status = oneOf(statuses, asked.status);
  const query = useInfiniteQuery(refundsQuery({ status, orderId: order, from, until }));
  const [shown, setShown] = useState<RefundCase>();
  const [again, setAgain] = useState<Again>();
  return (
    <>
      <NarrowForm />
      <FilterChips
        label="Filter refunds by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({ to: '/finance/refunds', search: { order, from, until, status: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.refunds}
        caption="Refunds"
        columns={columnsWith(setShown)}
        rowKey={(one) => one.id}
        icon="refund"
        nothing={status === 'failed' ? 'No refund has failed' : 'No refunds here'}
      >
        <p>A refund is made from its order, and stands here as soon as it is asked for.</p>
      </ListPart>
      {shown && (
        <RefundCaseDialog
          refund={shown}
          onAgain={(order) => {
            setShown(undefined);
            setAgain({ refund: shown, order });
          }}
          onClose={() => setShown(undefined)}
        />
      )}
      {again && (
        <RefundDialog
          order={again.order}
          staff
          amountMinor={again.refund.amount?.amountMinor}
          onClose={() => setAgain(undefined)}
        />
      )}
    </>
  );
}

function NarrowForm() {
  const { status, order, from, until } = route.useSearch();
  const navigate = useNavigate();
  const submit = (values: Readonly<Record<string, string>>) =>
    void navigate({
      to: '/finance/refunds',
      search: {
        status,
        order: values.order?.trim() || undefined,
        from: startOf(values.from),
        until: startOf(values.until),
      },
    });
  return (
    <div className="filter-form">
      <Form
        key={`${order}.${from}.${until}`}
        label="Narrow the refunds"
        onSubmit={submit}
        error={undefined}
        fields={[]}
      >
        <TextField label="Order id" name="order" defaultValue={order ?? ''} maxLength={64} />
        <TextField label="Asked from" name="from" type="date" defaultValue={localInput(from).slice(0, 10)} />
        <TextField label="And before" name="until" type="date" defaultValue={localInput(until).slice(0, 10)} />
        <Button type="submit">Show</Button>
        {(order || from || until) && (
          <ButtonLink
            to="/finance/refunds"
            search={{ status, order: undefined, from: undefined, until: undefined }}
            look="quiet"
          >
            Show all
          </ButtonLink>
        )}
      </Form>
    </div>
  );
}

/** Midnight at the reader's place. */
const startOf = (day: string | undefined) => (day ? instantOf(`${day}T00:00`) : undefined);

const columnsWith = (show: (refund: RefundCase) => void): readonly Column<RefundCase>[] => [
  { name: 'Asked', render: (one) => <Time at={one.createdAt} /> },
  {
    name: 'State',
    render: (one) => (
      <>
        <span className="badge-row">
          <StateBadge state={one.status} />
          {one.late && <Badge tone="info">Late payment</Badge>}
          {one.simulated && <Simulated />}
        </span>
        {one.failureCode && <span className="list-note list-note-below">{failureWords(one.failureCode)}</span>}
      </>
    ),
  },
  { name: 'Amount', numeric: true, render: (one) => <Money value={one.amount} /> },
  { name: 'Provider', render: (one) => sentence(one.provider) },
  { name: 'Ended', render: (one) => <Time at={one.settledAt} /> },
  {
    name: 'Order',
    render: (one) => (
      <Link to="/finance/orders/$orderId" params={{ orderId: one.orderId }}>
        The order’s money
      </Link>
    ),
  },
  {
    name: 'Do',
    render: (one) => (
      <span className="button-row">
        <Button small aria-label={`Show the refund ${one.id}`} onPress={() => show(one)}>
          Show
        </Button>
        {one.status === 'pending' && (
          <ActButton
            small
            look="quiet"
            act={() => syncPayment(one.paymentId)}
            said="The provider was asked."
            label={`Ask the provider about the refund ${one.id}`}
          >
            Ask the provider
          </ActButton>
        )}
      </span>
    ),
  },
];
