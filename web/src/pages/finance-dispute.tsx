import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { acceptDispute, challengeDispute, disputeQuery } from '../api/disputes.ts';
import { orderQuery, paymentQuery } from '../api/orders.ts';
import type { DisputeCase, DisputeChange } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog, Deadline, Facts, FinanceRoom, Part, Simulated, StateBadge } from './finance-desk.tsx';
import { OrderBadge } from './order-badge.tsx';

const route = getRouteApi('/finance/disputes/$disputeId');

export function FinanceDisputePage() {
  return (
    <FinanceRoom
      title="One dispute"
      crumbs={[{ label: 'Disputes', link: { to: '/finance/disputes' } }, { label: 'One dispute' }]}
    >
      <Dispute />
    </FinanceRoom>
  );
}

/** The bank decides in its own time; an open dispute is asked for again while somebody looks at it. */
const refreshMs = 5_000;

function Dispute() {
  const { disputeId } = route.useParams();
  const query = useQuery({
    ...disputeQuery(disputeId),
    refetchInterval: ({ state }) => (state.data?.dispute.closedAt ? false : refreshMs),
  });
  return (
    <QueryView query={query}>
      {(dispute) => (
        <>
          <Facts
            items={[
              ['State', <StateBadge key="state" state={dispute.status} />],
              ['Amount', <Money key="amount" value={dispute.amount} />],
              ['Fee of the provider', <Money key="fee" value={dispute.fee} />],
              ['Reason', sentence(dispute.reason)],
              ['Stage', sentence(dispute.stage ?? '')],
              ['Evidence due', <Deadline key="due" at={dispute.evidenceDueAt} counts={dispute.status === 'opened'} />],
              ['Opened', <Time key="opened" at={dispute.openedAt} />],
              ['Closed', <Time key="closed" at={dispute.closedAt} />],
              [
                'Provider',
                <span key="provider" className="badge-row">
                  {dispute.provider} <code>{dispute.providerReference}</code> {dispute.simulated && <Simulated />}
                </span>,
              ],
            ]}
          />
          {dispute.status === 'opened' && <Answer dispute={dispute} />}
          {dispute.evidence && (
            <Part title="Evidence that was sent">
              <p className="panel quoted">{dispute.evidence}</p>
            </Part>
          )}
          <OrderOf dispute={dispute} />
          <PaymentOf dispute={dispute} />
          <Part title="What happened">
            <Table caption="History of the dispute" columns={changeColumns} rows={dispute.history} rowKey={changeKey} />
          </Part>
        </>
      )}
    </QueryView>
  );
}

const changeKey = (change: DisputeChange) => `${change.at}.${change.status}`;
const changeColumns: readonly Column<DisputeChange>[] = [
  { name: 'When', render: (change) => <Time at={change.at} /> },
  { name: 'State', render: (change) => <StateBadge state={change.status} /> },
  { name: 'Because of', render: (change) => sentence(change.because) },
];

function Answer({ dispute }: { dispute: DisputeCase }) {
  const [doing, setDoing] = useState<'challenge' | 'accept'>();
  const close = () => setDoing(undefined);
  return (
    <div className="button-row">
      <Button look="primary" onPress={() => setDoing('challenge')}>
        Send evidence
      </Button>
      <Button onPress={() => setDoing('accept')}>Accept the dispute</Button>
      {doing === 'challenge' && (
        <ActDialog
          title="Send evidence"
          note={{
            label: 'What speaks for us',
            field: 'evidence',
            charsMax: 4_000,
            hint: dispute.simulated
              ? 'The sandbox’s bank lets us win for the word winning_evidence in the text; every other text loses.'
              : 'Access records, messages with the buyer, the refund policy they agreed to. No card numbers.',
          }}
          confirm="Send the evidence"
          act={(evidence) => challengeDispute(dispute.id, evidence)}
          said="The evidence is sent. The bank decides."
          onClose={close}
        >
          <p>The provider takes evidence once. After it is sent it cannot be changed.</p>
        </ActDialog>
      )}
      {doing === 'accept' && (
        <ActDialog
          title="Accept the dispute"
          confirm="Accept the dispute"
          look="danger"
          act={() => acceptDispute(dispute.id)}
          said="The dispute is accepted."
          onClose={close}
        >
          <p>
            <Money value={dispute.amount} /> and the fee go to the payer and the provider, and access to what was bought
            ends. It cannot be taken back.
          </p>
        </ActDialog>
      )}
    </div>
  );
}

function OrderOf({ dispute }: { dispute: DisputeCase }) {
  const query = useQuery(orderQuery(dispute.orderId));
  return (
    <Part title="The order">
      <QueryView query={query}>
        {(order) => (
          <Facts
            items={[
              [
                'Order',
                <Link key="order" to="/finance/orders/$orderId" params={{ orderId: order.id }}>
                  {order.number}
                </Link>,
              ],
              ['State', <OrderBadge key="state" order={order} />],
              ['Courses', order.lines.map((line) => line.title).join(', ')],
              ['Total', <Money key="total" value={order.total} />],
              ['Refunded', <Money key="refunded" value={order.refunded} />],
              ['Placed', <Time key="placed" at={order.placedAt} />],
            ]}
          />
        )}
      </QueryView>
    </Part>
  );
}

function PaymentOf({ dispute }: { dispute: DisputeCase }) {
  const query = useQuery(paymentQuery(dispute.paymentId));
  return (
    <Part title="The payment">
      <QueryView query={query}>
        {(payment) => (
          <Facts
            items={[
              ['Payment', <code key="id">{payment.id}</code>],
              ['State', <StateBadge key="state" state={payment.status} />],
              ['Amount', <Money key="amount" value={payment.amount} />],
              ['Captured', <Money key="captured" value={payment.captured} />],
              ['Method', payment.methodType === 'upi' ? 'UPI' : sentence(payment.methodType ?? '')],
              ['Settled', <Time key="settled" at={payment.settledAt} />],
            ]}
          />
        )}
      </QueryView>
    </Part>
  );
}
