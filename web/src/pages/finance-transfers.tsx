/** Money moved from one instructor's account to another's, and back. One person asks, another approves. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { decideTransfer, transfersQuery } from '../api/payout-banks.ts';
import type { InstructorTransfer } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { Badge, Money, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import type { Column } from '../ui/table.tsx';
import { ActDialog, FilterChips, FinanceRoom, ListPart, oneOf, StateBadge, Who } from './finance-desk.tsx';
import { AskTransferDialog, ReverseDialog } from './finance-transfer-dialogs.tsx';
import { PersonCell, PersonName } from './person-name.tsx';

const route = getRouteApi('/finance/transfers');
const statuses = ['requested', 'approved', 'rejected'] as const;

export function FinanceTransfersPage() {
  const [asking, setAsking] = useState(false);
  return (
    <FinanceRoom
      title="Transfers between instructors"
      lead="What is owed to one instructor is owed to another instead. It stands on both statements."
      actions={
        <Button look="primary" onPress={() => setAsking(true)}>
          Ask for a transfer
        </Button>
      }
    >
      <Transfers />
      {asking && <AskTransferDialog onClose={() => setAsking(false)} />}
    </FinanceRoom>
  );
}

type Act = 'approve' | 'reject' | 'reverse';
interface Doing {
  readonly transfer: InstructorTransfer;
  readonly act: Act;
}

/** The ledger books what was approved a moment later. */
const refreshMs = 3_000;
const isUnderWay = ({ status, journalState }: InstructorTransfer) =>
  status === 'approved' && journalState === 'waiting';

function Transfers() {
  const me = useMe();
  const status = oneOf(statuses, route.useSearch().status);
  const query = useInfiniteQuery({
    ...transfersQuery({ status }),
    refetchInterval: ({ state }) =>
      state.data?.pages.some(({ transfers }) => transfers.some(isUnderWay)) ? refreshMs : false,
  });
  const [doing, setDoing] = useState<Doing>();
  const close = () => setDoing(undefined);
  return (
    <>
      <FilterChips
        label="Filter transfers by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({ to: '/finance/transfers', search: { status: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.transfers}
        caption="Transfers"
        columns={columnsWith(me.user?.id ?? '', setDoing)}
        rowKey={(transfer) => transfer.id}
        icon="refund"
        nothing="No transfers here"
      />
      {doing?.act === 'reverse' && <ReverseDialog transfer={doing.transfer} onClose={close} />}
      {doing && doing.act !== 'reverse' && <DecideDialog transfer={doing.transfer} act={doing.act} onClose={close} />}
    </>
  );
}

function columnsWith(myId: string, onAct: (doing: Doing) => void): readonly Column<InstructorTransfer>[] {
  return [
    { name: 'From', render: (transfer) => <PersonCell id={transfer.fromInstructorId} /> },
    { name: 'To', render: (transfer) => <PersonCell id={transfer.toInstructorId} /> },
    { name: 'Amount', numeric: true, render: (transfer) => <Money value={transfer.amount} /> },
    {
      name: 'Why',
      render: (transfer) => (
        <>
          {transfer.reason}
          {transfer.reversesId && (
            <span className="badge-row">
              <Badge tone="info">Reversal</Badge>
            </span>
          )}
        </>
      ),
    },
    { name: 'State', render: (transfer) => <TransferState transfer={transfer} /> },
    {
      name: 'Asked for',
      render: (transfer) => (
        <>
          <Who id={transfer.requestedBy} />
          <span className="list-note list-note-below">
            <Time at={transfer.createdAt} />
          </span>
        </>
      ),
    },
    {
      name: 'Decided',
      render: (transfer) =>
        transfer.status === 'requested' ? (
          '–'
        ) : (
          <>
            <Who id={transfer.decidedBy} />
            <span className="list-note list-note-below">
              <Time at={transfer.decidedAt} />
            </span>
          </>
        ),
    },
    {
      name: 'To do',
      render: (transfer) => <Acts transfer={transfer} own={transfer.requestedBy === myId} onAct={onAct} />,
    },
  ];
}

function TransferState({ transfer }: { transfer: InstructorTransfer }) {
  switch (transfer.journalState) {
    case 'booked':
      return <StateBadge state="booked" />;
    case 'refused':
      return (
        <>
          <StateBadge state="refused" />
          <span className="list-note list-note-below">The ledger refused it.</span>
        </>
      );
    default:
      return (
        <>
          <StateBadge state={transfer.status} />
          {isUnderWay(transfer) && <span className="list-note list-note-below">It waits for the ledger.</span>}
        </>
      );
  }
}

interface ActsProps {
  transfer: InstructorTransfer;
  own: boolean;
  onAct: (doing: Doing) => void;
}

/** Turning down is for anybody; approving is for a second person. What was booked can go back. */
function Acts({ transfer, own, onAct }: ActsProps) {
  const button = (act: Act, words: string) => (
    <Button small aria-label={`${words}: ${transfer.reason}`} onPress={() => onAct({ transfer, act })}>
      {words}
    </Button>
  );
  if (transfer.status === 'requested') {
    return (
      <>
        <span className="button-row">
          {!own && button('approve', 'Approve')}
          {button('reject', 'Turn down')}
        </span>
        {own && <span className="list-note list-note-below">Waits for a second person.</span>}
      </>
    );
  }
  const canReverse = transfer.reversesId === '' && transfer.journalState === 'booked';
  return canReverse ? button('reverse', 'Reverse') : '–';
}

const decisions = {
  approve: { title: 'Approve this transfer', confirm: 'Approve and book', said: 'The transfer is approved.' },
  reject: { title: 'Turn this transfer down', confirm: 'Turn it down', said: 'The transfer is turned down.' },
} as const;

function DecideDialog({ transfer, act, onClose }: Doing & { act: 'approve' | 'reject'; onClose: () => void }) {
  const { title, confirm, said } = decisions[act];
  return (
    <ActDialog
      title={title}
      confirm={confirm}
      look={act === 'approve' ? 'primary' : 'danger'}
      act={() => decideTransfer(transfer.id, act)}
      said={said}
      onClose={onClose}
    >
      <p>
        {act === 'approve' ? (
          <>
            <Money value={transfer.amount} /> goes from <PersonName id={transfer.fromInstructorId} /> to{' '}
            <PersonName id={transfer.toInstructorId} />, and stands on both statements as “{transfer.reason}”. If less
            than that is owed to the one it comes from, nothing is paid out to them until it is earned again.
          </>
        ) : (
          'Nothing is moved. It can be asked for again.'
        )}
      </p>
    </ActDialog>
  );
}
