import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { disputesQuery } from '../api/disputes.ts';
import { paymentsQuery } from '../api/orders.ts';
import { capturePayment, syncPayment, voidPayment } from '../api/payments-desk.ts';
import type { DisputeCase, Payment, Refund } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActButton, ActDialog, Deadline, Part, Simulated, StateBadge } from './finance-desk.tsx';
import { RaiseDialog } from './finance-raise-dialog.tsx';

/** The payments of an order, what can be done about them, and the disputes about them. */
export function OrderPayments({ orderId }: { orderId: string }) {
  const query = useQuery(paymentsQuery(orderId));
  const [doing, setDoing] = useState<Doing>();
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ['payments', orderId] });
  return (
    <Part title="Payments">
      <QueryView query={query}>
        {(payments) =>
          payments.length === 0 ? (
            <p>None was tried.</p>
          ) : (
            <Table
              caption="Payments"
              columns={paymentColumns(setDoing, refresh)}
              rows={payments}
              rowKey={(payment) => payment.id}
            />
          )
        }
      </QueryView>
      <Disputes orderId={orderId} />
      {doing?.act === 'raise' ? (
        <RaiseDialog payment={doing.payment} refresh={refresh} onClose={() => setDoing(undefined)} />
      ) : (
        doing && <PaymentDialog doing={doing} refresh={refresh} onClose={() => setDoing(undefined)} />
      )}
    </Part>
  );
}

interface Doing {
  readonly act: 'capture' | 'raise' | 'release';
  readonly payment: Payment;
}

function paymentColumns(act: (doing: Doing) => void, refresh: () => Promise<void>): readonly Column<Payment>[] {
  return [
    { name: 'Payment', render: (payment) => <code>{payment.id}</code> },
    { name: 'Made', render: (payment) => <Time at={payment.createdAt} /> },
    {
      name: 'State',
      render: (payment) => (
        <>
          <span className="badge-row">
            <StateBadge state={payment.status} /> {payment.simulated && <Simulated />}
          </span>
          {payment.failure && <span className="list-note list-note-below">{sentence(payment.failure.code)}</span>}
        </>
      ),
    },
    { name: 'Amount', numeric: true, render: (payment) => <Money value={payment.amount} /> },
    { name: 'To capture', numeric: true, render: (payment) => <Money value={payment.capturable} /> },
    {
      name: 'Do',
      render: (payment) => (
        <span className="button-row">
          {payment.status === 'requires_capture' && (
            <>
              <Button small onPress={() => act({ act: 'capture', payment })}>
                Capture
              </Button>
              <Button small onPress={() => act({ act: 'raise', payment })}>
                Hold more
              </Button>
              <Button small onPress={() => act({ act: 'release', payment })}>
                Release
              </Button>
            </>
          )}
          <ActButton
            small
            act={() => syncPayment(payment.id).then(refresh)}
            said="The provider was asked."
            label={`Ask the provider about ${payment.id}`}
          >
            Ask the provider
          </ActButton>
        </span>
      ),
    },
  ];
}

interface PaymentDialogProps {
  doing: Doing;
  refresh: () => Promise<void>;
  onClose: () => void;
}

function PaymentDialog({ doing: { act, payment }, refresh, onClose }: PaymentDialogProps) {
  const captures = act === 'capture';
  return (
    <ActDialog
      title={captures ? 'Capture this payment' : 'Release this payment'}
      confirm={captures ? 'Capture' : 'Release'}
      look={captures ? 'primary' : 'danger'}
      act={() => (captures ? capturePayment(payment.id) : voidPayment(payment.id)).then(refresh)}
      said={captures ? 'The payment is captured.' : 'The payment is released.'}
      onClose={onClose}
    >
      <p>
        {captures ? 'The payer is charged ' : 'The payer is not charged: '}
        <Money value={payment.capturable ?? payment.amount} />.
      </p>
    </ActDialog>
  );
}

function Disputes({ orderId }: { orderId: string }) {
  const query = useInfiniteQuery(disputesQuery({ orderId }));
  const disputes = query.data?.pages.flatMap((page) => page.disputes) ?? [];
  if (disputes.length === 0) return null;
  return <Table caption="Disputes" columns={disputeColumns} rows={disputes} rowKey={(dispute) => dispute.id} />;
}

const disputeColumns: readonly Column<DisputeCase>[] = [
  {
    name: 'Dispute',
    render: (dispute) => (
      <Link to="/finance/disputes/$disputeId" params={{ disputeId: dispute.id }}>
        {sentence(dispute.reason)}
      </Link>
    ),
  },
  { name: 'State', render: (dispute) => <StateBadge state={dispute.status} /> },
  { name: 'Amount', numeric: true, render: (dispute) => <Money value={dispute.amount} /> },
  {
    name: 'Evidence due',
    render: (dispute) => <Deadline at={dispute.evidenceDueAt} counts={dispute.status === 'opened'} />,
  },
];

/** The refunds of an order, those that failed among them. */
export function OrderRefunds({ orderId, refunds }: { orderId: string; refunds: readonly Refund[] }) {
  if (refunds.length === 0) return null;
  return (
    <Part
      title="Refunds"
      actions={
        <ButtonLink
          small
          to="/finance/refunds"
          search={{ status: undefined, order: orderId, from: undefined, until: undefined }}
        >
          At the provider
        </ButtonLink>
      }
    >
      <Table caption="Refunds" columns={refundColumns} rows={refunds} rowKey={(refund) => refund.id} />
    </Part>
  );
}

const refundColumns: readonly Column<Refund>[] = [
  { name: 'Refund', render: (refund) => <code>{refund.id}</code> },
  { name: 'Asked', render: (refund) => <Time at={refund.createdAt} /> },
  { name: 'Why', render: (refund) => sentence(refund.reason) },
  { name: 'State', render: (refund) => <StateBadge state={refund.status} /> },
  { name: 'Amount', numeric: true, render: (refund) => <Money value={refund.amount} /> },
];
