import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { adjustmentsQuery, approveAdjustment, rejectAdjustment } from '../api/ledger-reports.ts';
import type { Adjustment, AdjustmentStatus, Revaluation } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { sentence } from '../lib/words.ts';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import type { Column } from '../ui/table.tsx';
import { ProposeDialog } from './finance-adjustment-dialog.tsx';
import { ActDialog, FilterChips, FinanceRoom, ListPart, Minor, oneOf, StateBadge, Who } from './finance-desk.tsx';
import { ExchangeDialog } from './finance-exchange-dialog.tsx';
import { ValuationDialog } from './finance-valuation-dialog.tsx';

const route = getRouteApi('/finance/adjustments');
const statuses: readonly AdjustmentStatus[] = ['proposed', 'booked', 'rejected'];

export function FinanceAdjustmentsPage() {
  const [proposing, setProposing] = useState<'adjustment' | 'exchange' | 'valuation'>();
  const end = () => setProposing(undefined);
  return (
    <FinanceRoom
      title="Adjustments"
      lead="Correcting journals, exchanges of currencies and what is left of them at the end of a period. One person proposes, another approves; nothing moves before."
      actions={
        <>
          <Button onPress={() => setProposing('valuation')}>Propose a valuation</Button>
          <Button onPress={() => setProposing('exchange')}>Propose an exchange</Button>
          <Button onPress={() => setProposing('adjustment')}>Propose an adjustment</Button>
        </>
      }
    >
      <Adjustments />
      {proposing === 'adjustment' && <ProposeDialog onClose={end} />}
      {proposing === 'exchange' && <ExchangeDialog onClose={end} />}
      {proposing === 'valuation' && <ValuationDialog onClose={end} />}
    </FinanceRoom>
  );
}

interface Decision {
  readonly adjustment: Adjustment;
  readonly act: 'approve' | 'reject';
}

function Adjustments() {
  const status = oneOf(statuses, route.useSearch().status);
  const query = useInfiniteQuery(adjustmentsQuery({ status }));
  const [deciding, setDeciding] = useState<Decision>();
  return (
    <>
      <FilterChips
        label="Filter adjustments by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({ to: '/finance/adjustments', search: { status: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.adjustments}
        caption="Adjustments"
        columns={columnsWith(setDeciding)}
        rowKey={(one) => one.id}
        icon="outline"
        nothing="No adjustments here"
      />
      {deciding && <DecideDialog decision={deciding} onClose={() => setDeciding(undefined)} />}
    </>
  );
}

function columnsWith(decide: (decision: Decision) => void): readonly Column<Adjustment>[] {
  return [
    { name: 'Why', render: (one) => one.reason },
    { name: 'State', render: (one) => <StateBadge state={one.status} /> },
    { name: 'What moves', wide: true, render: (one) => <Moves adjustment={one} /> },
    { name: 'About', render: (one) => one.reference || '–' },
    {
      name: 'Proposed',
      render: (one) => (
        <>
          <Time at={one.proposedAt} />
          <span className="list-note list-note-below">
            by <Who id={one.proposedBy} />
          </span>
        </>
      ),
    },
    {
      name: 'Decided',
      render: (one) =>
        one.decidedBy ? (
          <>
            <Time at={one.decidedAt} />
            <span className="list-note list-note-below">
              by <Who id={one.decidedBy} />
              {one.decisionNote && `: ${one.decisionNote}`}
            </span>
          </>
        ) : (
          <Decide adjustment={one} decide={decide} />
        ),
    },
  ];
}

function Moves({ adjustment }: { adjustment: Adjustment }) {
  if (adjustment.reversesJournalId) {
    return (
      <>
        Undoes journal <code>{adjustment.reversesJournalId}</code>
      </>
    );
  }
  const { exchange } = adjustment;
  if (exchange) {
    return (
      <>
        <Minor currency={adjustment.currency} minor={exchange.fromMinor} /> from <code>{exchange.fromAccount}</code>{' '}
        becomes <Minor currency={exchange.toCurrency} minor={exchange.toMinor} /> on <code>{exchange.toAccount}</code>
        <span className="list-note list-note-below">
          at {exchange.rate} {exchange.toCurrency} for 1 {adjustment.currency}, {exchange.source}
        </span>
      </>
    );
  }
  if (adjustment.revaluation) return <Valued adjustment={adjustment} revaluation={adjustment.revaluation} />;
  return adjustment.transfers.map((transfer) => (
    <span key={`${transfer.debit}.${transfer.credit}.${transfer.amountMinor}`} className="list-note-below">
      <Minor currency={adjustment.currency} minor={transfer.amountMinor} />: debit <code>{transfer.debit}</code>, credit{' '}
      <code>{transfer.credit}</code>
    </span>
  ));
}

/** The debit side of 1800 is what was given away: what adds up above zero is a loss. */
function Valued({ adjustment: { currency, effectiveAt }, revaluation }: ValuedProps) {
  const difference = BigInt(revaluation.differenceMinor);
  const amount = (difference < 0n ? -difference : difference).toString();
  return (
    <>
      <Minor currency={currency} minor={amount} /> unrealised {difference < 0n ? 'gain' : 'loss'} on <code>1800</code>
      {effectiveAt && (
        <>
          {' '}
          at the end of the period, <Time at={effectiveAt} />
        </>
      )}
      {revaluation.balances.map((one) => (
        <span key={one.currency} className="list-note list-note-below">
          <Minor currency={one.currency} minor={one.balanceMinor} /> at {one.rate} {currency} for 1 {one.currency},{' '}
          {one.source}: <Minor currency={currency} minor={one.valueMinor} />
        </span>
      ))}
    </>
  );
}

interface ValuedProps {
  readonly adjustment: Adjustment;
  readonly revaluation: Revaluation;
}

function Decide({ adjustment, decide }: { adjustment: Adjustment; decide: (decision: Decision) => void }) {
  const me = useMe();
  const own = adjustment.proposedBy === me.user?.id;
  return (
    <span className={own ? undefined : 'button-row'}>
      {own ? (
        <span className="list-note list-note-below">Waits for a second person.</span>
      ) : (
        <Button
          small
          aria-label={`Approve: ${adjustment.reason}`}
          onPress={() => decide({ adjustment, act: 'approve' })}
        >
          Approve
        </Button>
      )}
      <Button
        small
        look="quiet"
        aria-label={`${own ? 'Withdraw' : 'Reject'}: ${adjustment.reason}`}
        onPress={() => decide({ adjustment, act: 'reject' })}
      >
        {own ? 'Withdraw' : 'Reject'}
      </Button>
    </span>
  );
}

function DecideDialog({ decision: { adjustment, act }, onClose }: { decision: Decision; onClose: () => void }) {
  const approves = act === 'approve';
  return (
    <ActDialog
      title={`${sentence(act)} the adjustment`}
      note={{ label: 'Note', field: 'note', charsMax: 300, optional: true }}
      confirm={approves ? 'Approve and book' : 'Reject'}
      look={approves ? 'primary' : 'danger'}
      act={(note) => (approves ? approveAdjustment(adjustment.id, note) : rejectAdjustment(adjustment.id, note))}
      said={approves ? 'The adjustment is booked.' : 'The adjustment is rejected.'}
      onClose={onClose}
    >
      <p>{adjustment.reason}</p>
      <p>
        <Moves adjustment={adjustment} />
      </p>
    </ActDialog>
  );
}
