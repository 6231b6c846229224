import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import {
  approveBatch,
  payoutBatchQuery,
  payoutFilePath,
  payoutsQuery,
  rejectBatch,
  resubmitBatch,
} from '../api/settlement.ts';
import type { Payout, PayoutBatch, PayoutFile } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { plural, sentence } from '../lib/words.ts';
import { Money, Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog, Facts, FinanceRoom, ListPart, Part, Simulated, StateBadge, Who } from './finance-desk.tsx';
import { BankAnswers, fileWords, HandOverDialog } from './finance-payout-hand-over.tsx';
import { PersonCell } from './person-name.tsx';

const route = getRouteApi('/finance/payouts/$batchId');

export function FinancePayoutBatchPage() {
  return (
    <FinanceRoom
      title="One payout batch"
      crumbs={[{ label: 'Payouts', link: { to: '/finance/payouts' } }, { label: 'One payout batch' }]}
    >
      <OneBatch />
    </FinanceRoom>
  );
}

/** The bank answers on its own time. */
const refreshMs = 5_000;
const hasEnded = (batch: PayoutBatch | undefined) => batch?.status === 'closed' || batch?.status === 'rejected';

function OneBatch() {
  const { batchId } = route.useParams();
  const query = useQuery({
    ...payoutBatchQuery(batchId),
    refetchInterval: ({ state }) => (hasEnded(state.data?.payoutBatch) ? false : refreshMs),
  });
  return (
    <QueryView query={query}>
      {(batch) => (
        <>
          <BatchFacts batch={batch} />
          <BatchActs batch={batch} />
          <Part title="Files for the bank">
            <Table caption="Files" columns={fileColumns(batch)} rows={batch.files} rowKey={(file) => file.format} />
          </Part>
          {batch.byFile && <BankAnswers batch={batch} />}
          <Payouts batch={batch} />
        </>
      )}
    </QueryView>
  );
}

function BatchFacts({ batch }: { batch: PayoutBatch }) {
  return (
    <Facts
      items={[
        [
          'State',
          <span key="state" className="badge-row">
            <StateBadge state={batch.status} /> {batch.simulated && <Simulated />}
          </span>,
        ],
        ['Payouts', batch.payouts],
        ['Total', <Money key="total" value={batch.total} />],
        ['Made by', <Who key="maker" id={batch.makerId} />],
        ['Made', <Time key="made" at={batch.createdAt} />],
        ['Approved by', <Who key="approver" id={batch.approverId} />],
        ['Approved', <Time key="approved" at={batch.approvedAt} />],
        ['Bank', batch.byFile ? batch.bank : 'The sandbox bank'],
        ...(batch.legalEntity ? ([['Paid by', batch.legalEntity]] as const) : []),
        [batch.byFile ? 'Given to the bank' : 'Sent to the bank', <Time key="sent" at={batch.submittedAt} />],
        [batch.byFile ? 'Times given' : 'Times sent', batch.submissions],
        ...(batch.handedOverBy ? ([['Given by', <Who key="given" id={batch.handedOverBy} />]] as const) : []),
        [
          'Run',
          <Link key="run" to="/finance/runs/$runId" params={{ runId: batch.runId }}>
            What everybody was settled with
          </Link>,
        ],
      ]}
    />
  );
}

function BatchActs({ batch }: { batch: PayoutBatch }) {
  const me = useMe();
  const [doing, setDoing] = useState<'approve' | 'reject' | 'resubmit' | 'hand-over'>();
  const close = () => setDoing(undefined);
  const own = batch.makerId === me.user?.id;
  const looked = batch.files.find((file) => file.format === 'pain_001')?.sha256 ?? '';
  return (
    <>
      {batch.status === 'created' && own && (
        <Notice tone="warn" title="A second person is needed">
          <p>You made this batch. Somebody else of finance approves it.</p>
        </Notice>
      )}
      {batch.byFile && batch.status === 'approved' && <HandOverNotice batch={batch} own={own} />}
      <div className="button-row">
        {batch.status === 'created' && !own && (
          <Button look="primary" onPress={() => setDoing('approve')}>
            {approveWords(batch)}
          </Button>
        )}
        {batch.byFile && !own && (batch.status === 'approved' || batch.status === 'submitted') && (
          <Button look={batch.status === 'approved' ? 'primary' : 'secondary'} onPress={() => setDoing('hand-over')}>
            {batch.status === 'approved' ? 'Hand over to the bank' : 'Hand over again'}
          </Button>
        )}
        {(batch.status === 'created' || batch.status === 'approved') && (
          <Button onPress={() => setDoing('reject')}>Reject</Button>
        )}
        {batch.status === 'submitted' && !batch.byFile && (
          <Button onPress={() => setDoing('resubmit')}>Send again</Button>
        )}
      </div>
      {doing === 'hand-over' && <HandOverDialog batch={batch} onClose={close} />}
      {doing === 'approve' && (
        <ActDialog
          title="Approve this batch"
          confirm={approveWords(batch)}
          act={() => approveBatch(batch.id, looked)}
          said={batch.byFile ? 'The batch is approved.' : 'The batch is approved and goes to the bank.'}
          onClose={close}
        >
          <p>
            <Money value={batch.total} /> in {plural(Number(batch.payouts), 'payout')}{' '}
            {batch.byFile
              ? `may then be handed over to ${batch.bank}, as a file that a person carries.`
              : `goes to the ${batch.simulated ? 'simulated ' : ''}bank.`}{' '}
            If the file has changed since this page was read, nothing is approved.
          </p>
        </ActDialog>
      )}
      {doing === 'reject' && (
        <ActDialog
          title="Reject this batch"
          note={{ label: 'Why', field: 'reason', charsMax: 200 }}
          confirm="Reject"
          look="danger"
          act={(reason) => rejectBatch(batch.id, reason)}
          said="The batch is rejected."
          onClose={close}
        >
          <p>Nothing is sent. Every payout of it fails and goes back to what is owed.</p>
        </ActDialog>
      )}
      {doing === 'resubmit' && (
        <ActDialog
          title="Send this batch again"
          confirm="Send again"
          act={() => resubmitBatch(batch.id)}
          said="The batch is sent again."
          onClose={close}
        >
          <p>It goes under the same ids, and the bank pays each id once.</p>
        </ActDialog>
      )}
    </>
  );
}

/** A bank that takes files is sent nothing. */
const approveWords = (batch: PayoutBatch) => (batch.byFile ? 'Approve' : 'Approve and send');

function HandOverNotice({ batch, own }: { batch: PayoutBatch; own: boolean }) {
  return (
    <Notice tone="info" title={`${batch.bank} takes files`}>
      <p>
        {own
          ? 'You made this batch, so somebody else of finance gives its file to the bank.'
          : 'Download the file, give it to the bank, and note here that it has it.'}
      </p>
    </Notice>
  );
}

const methodWords: Readonly<Record<string, string>> = { bank_in: 'Bank account', upi: 'UPI', iban: 'IBAN' };

function fileColumns(batch: PayoutBatch): readonly Column<PayoutFile>[] {
  return [
    {
      name: 'File',
      render: (file) => (
        <a href={payoutFilePath(batch.id, file.format)} download={file.fileName}>
          {file.fileName}
        </a>
      ),
    },
    { name: 'Format', render: (file) => fileWords[file.format] ?? file.format },
    { name: 'Bytes', numeric: true, render: (file) => Number(file.sizeBytes).toLocaleString('en') },
    {
      name: 'SHA-256',
      render: (file) => (
        <>
          <code>{file.sha256}</code>
          {file.sha256 === batch.handedOverSha256 && (
            <span className="list-note list-note-below">This one was given to the bank.</span>
          )}
        </>
      ),
    },
  ];
}

function Payouts({ batch }: { batch: PayoutBatch }) {
  const query = useInfiniteQuery({
    ...payoutsQuery({ payoutBatchId: batch.id }),
    refetchInterval: hasEnded(batch) ? false : refreshMs,
  });
  return (
    <Part title="Payouts">
      <ListPart
        query={query}
        rowsOf={(page) => page.payouts}
        caption="Payouts of the batch"
        columns={payoutColumns}
        rowKey={(payout) => payout.id}
        icon="card"
        nothing="No payouts are in it any more"
      />
    </Part>
  );
}

const payoutColumns: readonly Column<Payout>[] = [
  { name: 'Instructor', render: (payout) => <PersonCell id={payout.instructorId} /> },
  { name: 'To', render: (payout) => `${methodWords[payout.method] ?? payout.method}: ${payout.maskedAccount}` },
  { name: 'Amount', numeric: true, render: (payout) => <Money value={payout.amount} /> },
  {
    name: 'State',
    render: (payout) => (
      <>
        <StateBadge state={payout.status} />
        {payout.reason && <span className="list-note list-note-below">{sentence(payout.reason)}</span>}
      </>
    ),
  },
  { name: 'The bank’s reference', render: (payout) => payout.bankReference || '–' },
  { name: 'Paid', render: (payout) => <Time at={payout.paidAt} /> },
];
