import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { closePeriod, generalLedgerPath, periodsQuery } from '../api/ledger-reports.ts';
import type { Period } from '../api/types.ts';
import { Form, fieldError } from '../forms/form.tsx';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import type { Column } from '../ui/table.tsx';
import { FinanceRoom, Hash, instantOf, ListPart, useAct, Who } from './finance-desk.tsx';

export function FinancePeriodsPage() {
  const [closing, setClosing] = useState(false);
  return (
    <FinanceRoom
      title="Periods"
      lead="A closed period keeps its trial balance and the head of the hash chain. Nothing is booked into it any more."
      actions={<Button onPress={() => setClosing(true)}>Close the books up to a time</Button>}
    >
      <Periods />
      <p>
        <a href={generalLedgerPath({})} download>
          The whole general ledger as CSV
        </a>
      </p>
      {closing && <CloseDialog onClose={() => setClosing(false)} />}
    </FinanceRoom>
  );
}

function Periods() {
  const query = useInfiniteQuery(periodsQuery);
  return (
    <ListPart
      query={query}
      rowsOf={(page) => page.periods}
      caption="Closed periods"
      columns={columns}
      rowKey={(period) => period.number}
      icon="lock"
      nothing="No period is closed yet"
    />
  );
}

const columns: readonly Column<Period>[] = [
  { name: 'Number', render: (period) => period.number },
  { name: 'From', render: (period) => (period.from ? <Time at={period.from} /> : 'The beginning') },
  {
    name: 'Until',
    render: (period) => (
      <Link to="/finance" search={{ at: period.until }}>
        <Time at={period.until} />
      </Link>
    ),
  },
  { name: 'Closed', render: (period) => <Time at={period.sealedAt} /> },
  { name: 'By', render: (period) => <Who id={period.sealedBy} /> },
  { name: 'Note', render: (period) => period.note || '–' },
  { name: 'Up to journal', numeric: true, render: (period) => period.sequence },
  { name: 'Chain head', render: (period) => <Hash value={period.chainHead} /> },
  {
    name: 'General ledger',
    render: (period) => (
      <a
        href={generalLedgerPath({ from: period.from, to: period.until })}
        download
        aria-label={`General ledger of period ${period.number} as CSV`}
      >
        CSV
      </a>
    ),
  },
];

function CloseDialog({ onClose }: { onClose: () => void }) {
  const close = useAct(closePeriod, 'The period is closed.', onClose);
  const [isMissing, setMissing] = useState(false);
  const submit = (values: Readonly<Record<string, string>>) => {
    const until = instantOf(values.until);
    setMissing(until === undefined);
    if (until !== undefined) close.mutate({ until, note: values.note?.trim() ?? '' });
  };
  return (
    <Dialog title="Close the books" isOpen onClose={onClose} busy={close.isPending}>
      <Form label="Close the books" onSubmit={submit} error={close.error} fields={['until', 'note']}>
        <p>
          Everything that happened before this time is closed for good. What people book into it later is refused; facts
          that arrive late are booked in the open period with a reference.
        </p>
        <TextField
          label="Until"
          name="until"
          type="datetime-local"
          error={isMissing ? 'Give a moment in the past.' : fieldError(close.error, 'until')}
        />
        <TextField label="Note (optional)" name="note" maxLength={300} error={fieldError(close.error, 'note')} />
        <div className="button-row button-row-end">
          <Button onPress={onClose} isDisabled={close.isPending}>
            Not now
          </Button>
          <Button type="submit" look="danger" isPending={close.isPending}>
            Close the period
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
