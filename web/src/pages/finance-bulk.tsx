import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bookJournals, tryJournals } from '../api/ledger-desk.ts';
import { generalLedgerPath } from '../api/ledger-reports.ts';
import type { BalanceAfter, BookedJournal, BulkMode } from '../api/types.ts';
import { FilePick } from '../forms/file-pick.tsx';
import { Form } from '../forms/form.tsx';
import { type BookedFile, readBooked, readJournals, totalsOf, unbooked } from '../lib/journal-file.ts';
import { plural, sentence } from '../lib/words.ts';
import { Notice } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/fields.tsx';
import { Select } from '../ui/select.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog, FinanceRoom, instantOf, Minor, Part, StateBadge } from './finance-desk.tsx';

/** The page holds the file and the whole answer; what is larger goes to the same route from a program. */
const fileBytesMax = 16 * 1024 * 1024;
/** So many lines are read by a person; the download holds all. */
const shownMax = 100;

const modes: readonly { readonly value: BulkMode; readonly label: string }[] = [
  { value: 'atomic', label: 'All or none (at most 1,000)' },
  { value: 'continue', label: 'Book the others' },
  { value: 'stop', label: 'Stop at the first refused' },
];

export function FinanceBulkPage() {
  return (
    <FinanceRoom
      title="Journals in bulk"
      lead="A file of journals is tried or booked; each happens once by its id, however often it is sent."
    >
      <Book />
      <Export />
    </FinanceRoom>
  );
}

interface Outcome extends BookedFile {
  readonly isDryRun: boolean;
  readonly balances: readonly BalanceAfter[];
}

function Book() {
  const [file, setFile] = useState<File>();
  const [wrong, setWrong] = useState<string>();
  const [mode, setMode] = useState<BulkMode>('atomic');
  const [isBooking, setBooking] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const client = useQueryClient();
  const attempt = useMutation({
    mutationFn: (journals: readonly unknown[]) => tryJournals({ journals, mode }),
    onSuccess: ({ results, balances }) => setOutcome({ isDryRun: true, results, balances, totals: totalsOf(results) }),
  });
  const pick = (chosen: File) => {
    setFile(chosen);
    setOutcome(undefined);
    setWrong(chosen.size > fileBytesMax ? 'It is larger than 16 MiB: send it to the API from a program.' : undefined);
  };
  const tryIt = async () => {
    if (!file) return setWrong('Choose a file first.');
    if (wrong !== undefined) return;
    const read = readJournals(await file.text());
    if ('wrong' in read) setWrong(read.wrong);
    else attempt.mutate(read.journals);
  };
  const book = async () => {
    if (!file) return;
    setOutcome({ isDryRun: false, balances: [], ...readBooked(await bookJournals({ file, mode })) });
    for (const key of ['entries', 'trial-balance']) await client.invalidateQueries({ queryKey: [key] });
  };
  return (
    <Part title="Book a file">
      <div className="panel panel-form">
        <Form label="Book a file" onSubmit={() => void tryIt()} error={attempt.error} fields={[]}>
          <FilePick
            label="File of journals"
            hint={wrong ?? 'One JSON object a line (NDJSON), as the bulk route takes them; at most 16 MiB.'}
            accept={['.ndjson', '.jsonl']}
            onPick={pick}
          />
          <Select
            label="When one is refused"
            value={mode}
            options={modes}
            onChange={(value) => setMode(modes.find((one) => one.value === value)?.value ?? 'atomic')}
          />
          <div className="button-row">
            <Button type="submit" look="primary" isPending={attempt.isPending}>
              Try it, book nothing
            </Button>
            <Button onPress={() => (file ? setBooking(true) : setWrong('Choose a file first.'))}>Book it</Button>
          </div>
        </Form>
      </div>
      {isBooking && file && wrong === undefined && (
        <ActDialog
          title="Book these journals"
          confirm="Book them"
          act={book}
          said="The file was answered."
          onClose={() => setBooking(false)}
        >
          <p>
            Every journal of <strong>{file.name}</strong> that the book takes is booked. A booked journal is never
            changed; it can only be reversed.
          </p>
          <p>What was booked from it before is not booked twice.</p>
        </ActDialog>
      )}
      {outcome && <OutcomeView outcome={outcome} />}
    </Part>
  );
}

function OutcomeView({ outcome }: { outcome: Outcome }) {
  const { results, totals, balances, isDryRun } = outcome;
  const left = unbooked(results);
  return (
    <>
      {totals ? (
        <Notice
          tone={left.length > 0 ? 'warn' : 'good'}
          title={`${plural(totals.posted, 'journal')} ${isDryRun ? 'would be' : totals.posted === 1 ? 'is' : 'are'} booked`}
          live
        >
          <p>
            {totals.duplicate} there already, {totals.rejected} refused, {totals.skipped} not looked at.
          </p>
        </Notice>
      ) : (
        <Notice tone="danger" title="The answer broke off" live>
          <p>Send the same file again: what is booked already is not booked twice.</p>
        </Notice>
      )}
      {left.length > 0 && (
        <Table
          caption="Journals not booked"
          columns={resultColumns}
          rows={left.slice(0, shownMax)}
          rowKey={(one) => `${one.id}.${one.outcome}.${one.detail}`}
        />
      )}
      {left.length > shownMax && <p>The first {shownMax} of them; the download holds every result.</p>}
      {balances.length > 0 && (
        <Table
          caption="Balances as they would be"
          columns={balanceColumns}
          rows={balances}
          rowKey={(one) => `${one.account}.${one.currency}`}
        />
      )}
      <div className="button-row">
        <Button small onPress={() => save(results)}>
          Download the results
        </Button>
      </div>
    </>
  );
}

const resultColumns: readonly Column<BookedJournal>[] = [
  { name: 'Journal', render: (one) => (one.id ? <code>{one.id}</code> : 'Without an id') },
  { name: 'Outcome', render: (one) => <StateBadge state={one.outcome} /> },
  {
    name: 'Why',
    wide: true,
    render: (one) => [sentence(one.reason ?? ''), one.detail].filter(Boolean).join(': ') || '–',
  },
];

const balanceColumns: readonly Column<BalanceAfter>[] = [
  { name: 'Account', render: (one) => <code>{one.account}</code> },
  {
    name: 'It would stand at',
    numeric: true,
    render: (one) => <Minor currency={one.currency} minor={one.balanceMinor} />,
  },
];

/** Gives the browser a file to keep. */
function save(results: readonly BookedJournal[]): void {
  const text = results.map((one) => `${JSON.stringify(one)}\n`).join('');
  const address = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = 'journal-results.ndjson';
  link.click();
  URL.revokeObjectURL(address);
}

function Export() {
  const [from, setFrom] = useState('');
  const [until, setUntil] = useState('');
  const [account, setAccount] = useState('');
  const asked = { from: instantOf(from), to: instantOf(until), ...(account.trim() && { account: account.trim() }) };
  return (
    <Part title="Take out the general ledger">
      <p>Every line by when it happened, with exact amounts, as CSV that spreadsheets read.</p>
      <div className="filter-form">
        <Form label="Lines of the general ledger" onSubmit={() => undefined} error={undefined} fields={[]}>
          <TextField label="From" type="datetime-local" value={from} onChange={setFrom} />
          <TextField label="Until" type="datetime-local" value={until} onChange={setUntil} />
          <TextField label="Account code (empty: all)" value={account} onChange={setAccount} maxLength={100} />
          <a className="button button-secondary" href={generalLedgerPath(asked)} download>
            Download the CSV
          </a>
        </Form>
      </div>
    </Part>
  );
}
