import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { orderQuery } from '../api/orders.ts';
import { syncPayment } from '../api/payments-desk.ts';
import type { Order, RefundCase } from '../api/types.ts';
import { sentence } from '../lib/words.ts';
import { Money, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { QueryView } from '../ui/states.tsx';
import { ActButton, Facts, Simulated, StateBadge } from './finance-desk.tsx';
import { isRefundable } from './refund-dialog.tsx';

/** What the platform itself says; every other code is the provider's own word. */
const failures: Readonly<Record<string, string>> = {
  reversed: 'The provider took it back after it had succeeded',
  refund_exceeds_captured: 'More than is left of the payment',
  expired_or_canceled_card: 'The card has expired or was cancelled',
  lost_or_stolen_card: 'The card was lost or stolen',
  insufficient_funds: 'The provider does not hold enough of our money',
};

export function failureWords(code: string): string {
  return failures[code] ?? sentence(code);
}

interface RefundCaseProps {
  refund: RefundCase;
  /** The order is to be refunded once more. */
  onAgain: (order: Order) => void;
  onClose: () => void;
}

/** All of one refund: why it was asked for, how the provider names it, what went wrong, and what can be done now. */
export function RefundCaseDialog({ refund, onAgain, onClose }: RefundCaseProps) {
  const order = useQuery(orderQuery(refund.orderId));
  return (
    <Dialog title="One refund" isOpen onClose={onClose}>
      <div className="form">
        <WhatNow refund={refund} />
        <RefundFacts refund={refund} />
        <QueryView query={order}>{(found) => <OfOrder refund={refund} order={found} />}</QueryView>
        <div className="button-row button-row-end">
          <ActButton
            act={() => syncPayment(refund.paymentId).then(onClose)}
            said="The provider was asked. This is how it stands now."
          >
            Ask the provider
          </ActButton>
          {canGoAgain(refund, order.data) && order.data && (
            <Button look="primary" onPress={() => onAgain(order.data)}>
              Refund again
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}

/** A failed refund gave its amount back to the order: it is made again as a new one. The platform sends all others. */
function canGoAgain(refund: RefundCase, order: Order | undefined): boolean {
  // Finance is not bound by the buyer's time, so none of it counts as passed.
  return refund.status === 'failed' && !refund.late && order !== undefined && isRefundable(order, 0);
}

function WhatNow({ refund }: { refund: RefundCase }) {
  if (refund.status === 'failed') {
    return (
      <Notice tone="danger" title={failureWords(refund.failureCode)}>
        <p>The payer has not got this money. Its amount counts as not refunded, and can be refunded again.</p>
      </Notice>
    );
  }
  if (refund.status === 'succeeded') return null;
  return (
    <Notice
      tone="warn"
      title={refund.sentAt ? 'The provider has not said how it ended' : 'Not sent to the provider yet'}
    >
      <p>It is sent again by itself under the same name, so it never goes out twice.</p>
    </Notice>
  );
}

function RefundFacts({ refund }: { refund: RefundCase }) {
  return (
    <Facts
      rows
      items={[
        [
          'State',
          <span key="state" className="badge-row">
            <StateBadge state={refund.status} />
            {refund.simulated && <Simulated />}
          </span>,
        ],
        ['Amount', <Money key="amount" value={refund.amount} />],
        ['Asked', <Time key="asked" at={refund.createdAt} />],
        ['First sent', <Time key="sent" at={refund.sentAt} />],
        ['Ended', <Time key="ended" at={refund.settledAt} />],
        ['Provider', sentence(refund.provider)],
        ['Named by the provider', refund.providerReference ? <code key="ref">{refund.providerReference}</code> : '–'],
        ['Refund', <code key="id">{refund.id}</code>],
        ['Payment', <code key="payment">{refund.paymentId}</code>],
      ]}
    />
  );
}

function OfOrder({ refund, order }: { refund: RefundCase; order: Order }) {
  const reason = order.refunds.find((one) => one.id === refund.id)?.reason;
  return (
    <Facts
      rows
      items={[
        ['Why', refund.late ? 'The money came when nobody wanted it any more' : sentence(reason ?? '') || '–'],
        [
          'Order',
          <Link key="order" to="/finance/orders/$orderId" params={{ orderId: order.id }}>
            {order.number}
          </Link>,
        ],
        [
          'Refunded so far',
          <span key="refunded">
            <Money value={order.refunded} /> of <Money value={order.total} />
          </span>,
        ],
      ]}
    />
  );
}
