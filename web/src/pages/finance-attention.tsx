import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { attentionQuery, closeAttention, syncPayment } from '../api/payments-desk.ts';
import type { Attention } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import type { Column } from '../ui/table.tsx';
import { ActButton, ActDialog, FilterChips, FinanceRoom, ListPart, Who } from './finance-desk.tsx';

const route = getRouteApi('/finance/attention');

export function FinanceAttentionPage() {
  return (
    <FinanceRoom title="Waiting for a person" lead="Payments and refunds that no machine can settle, oldest first.">
      <Waiting />
    </FinanceRoom>
  );
}

const because: Readonly<Record<string, string>> = {
  unresolved: 'The outcome is not known',
  success_taken_back: 'A success was taken back',
  refund_reversed: 'A refund came back',
  refund_stuck: 'A refund does not end',
  void_stuck: 'A release does not end',
  contradiction: 'The provider contradicts itself',
  webhook_given_up: 'A message of the provider could not be taken',
};

function Waiting() {
  const closed = route.useSearch().status === 'closed';
  const [closing, setClosing] = useState<Attention>();
  const query = useInfiniteQuery(attentionQuery({ closed }));
  return (
    <>
      <FilterChips
        label="Filter by state"
        value={closed ? 'closed' : undefined}
        values={['closed']}
        placeOf={(status) => ({ to: '/finance/attention', search: { status } })}
        allWords="Waiting"
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.items}
        caption="Waiting for a person"
        columns={closed ? closedColumns : waitingColumns(setClosing)}
        rowKey={(item) => item.id}
        icon="check"
        nothing={closed ? 'Nothing has been seen to yet' : 'Nothing waits'}
      />
      {closing && (
        <ActDialog
          title="Say that it was seen to"
          note={{ label: 'What was done', field: 'note', charsMax: 500 }}
          confirm="It was seen to"
          act={(note) => closeAttention(closing.id, note)}
          said="It no longer waits."
          onClose={() => setClosing(undefined)}
        >
          <p>This changes nothing about the payment; it takes it off this list, with your note.</p>
        </ActDialog>
      )}
    </>
  );
}

const columns: readonly Column<Attention>[] = [
  { name: 'What', render: (item) => because[item.because] ?? sentence(item.because) },
  { name: 'Since', render: (item) => <Time at={item.since} /> },
  {
    name: 'Order',
    render: (item) => (
      <Link to="/finance/orders/$orderId" params={{ orderId: item.orderId }}>
        The order’s money
      </Link>
    ),
  },
  { name: 'Payment', render: (item) => <code>{item.paymentId}</code> },
  { name: 'About', render: (item) => (item.subjectId ? <code>{item.subjectId}</code> : 'The payment itself') },
];

const closedColumns: readonly Column<Attention>[] = [
  ...columns,
  { name: 'Seen to', render: (item) => <Time at={item.closedAt} /> },
  { name: 'By', render: (item) => <Who id={item.closedBy} /> },
  { name: 'Note', render: (item) => item.note },
];

const waitingColumns = (close: (item: Attention) => void): readonly Column<Attention>[] => [
  ...columns,
  {
    name: 'Do',
    render: (item) => (
      <span className="button-row">
        <ActButton
          small
          act={() => syncPayment(item.paymentId)}
          said="The provider was asked."
          label={`Ask the provider about ${item.paymentId}`}
        >
          Ask the provider
        </ActButton>
        <Button small aria-label={`Say that ${item.paymentId} was seen to`} onPress={() => close(item)}>
          Seen to
        </Button>
      </span>
    ),
  },
];
