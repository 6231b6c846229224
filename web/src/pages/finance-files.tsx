import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { reportSourcesQuery } from '../api/payout-banks.ts';
import { fileFormats, filesQuery, uploadFile } from '../api/settlement.ts';
import type { ReportSource, SettlementFile } from '../api/types.ts';
import { FilePick } from '../forms/file-pick.tsx';
import { Form } from '../forms/form.tsx';
import { plural, sentence } from '../lib/words.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Select } from '../ui/select.tsx';
import { QueryView, Skeleton } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { FilterChips, FinanceRoom, Hash, ListPart, Part, Simulated, StateBadge, useAct } from './finance-desk.tsx';

const route = getRouteApi('/finance/files');
const statuses = ['pending', 'processing', 'processed', 'failed', 'discarded'] as const;

export const formatWords: Readonly<Record<string, string>> = {
  settlement_csv: 'Settlement report, CSV',
  settlement_tsv: 'Settlement report, TSV',
  camt053: 'Bank statement, CAMT.053',
  mt940: 'Bank statement, MT940',
  npci_csv: 'UPI settlement, NPCI CSV',
};

export function FinanceFilesPage() {
  return (
    <FinanceRoom
      title="Provider and bank files"
      lead="A file is taken whole or refused whole. The same bytes are never taken twice."
    >
      <Upload />
      <ReportSources />
      <Files />
    </FinanceRoom>
  );
}

function Upload() {
  const navigate = useNavigate();
  const [format, setFormat] = useState<string>(fileFormats[0]);
  const [file, setFile] = useState<File>();
  const [isMissing, setMissing] = useState(false);
  const upload = useAct(
    (chosen: File) => uploadFile(chosen, format),
    'The file is here and is being read.',
    (answer) => void navigate({ to: '/finance/files/$fileId', params: { fileId: answer.file.id } }),
  );
  const submit = () => {
    setMissing(!file);
    if (file) upload.mutate(file);
  };
  return (
    <Part title="Upload a file">
      <div className="panel panel-form">
        <Form label="Upload a file" onSubmit={submit} error={upload.error} fields={[]}>
          <Select
            label="Format"
            value={format}
            onChange={setFormat}
            options={fileFormats.map((value) => ({ value, label: formatWords[value] ?? value }))}
          />
          <FilePick
            label="File"
            hint={isMissing && !file ? 'Choose a file first.' : 'As the provider or the bank made it, unchanged.'}
            accept={['.csv', '.tsv', '.txt', '.xml', '.sta', '.940', '.mt940']}
            onPick={setFile}
          />
          <div className="button-row">
            <Button type="submit" look="primary" isPending={upload.isPending}>
              Upload
            </Button>
          </div>
        </Form>
      </div>
    </Part>
  );
}

const providerWords: Readonly<Record<string, string>> = { stripe: 'Stripe', razorpay: 'Razorpay' };

/** A pull is made by the platform, once an hour; nobody starts it. */
function ReportSources() {
  const query = useQuery(reportSourcesQuery);
  return (
    <Part title="Reports that are pulled">
      <QueryView query={query} skeleton={<Skeleton lines={2} label="Loading the sources" />}>
        {(sources) => (
          <Table caption="Sources of reports" columns={sourceColumns} rows={sources} rowKey={(source) => source.name} />
        )}
      </QueryView>
    </Part>
  );
}

const sourceColumns: readonly Column<ReportSource>[] = [
  {
    name: 'Provider',
    render: (source) => (
      <span className="badge-row">
        {providerWords[source.name] ?? sentence(source.name)}{' '}
        {source.simulated && <Badge tone="accent">Test mode</Badge>}
      </span>
    ),
  },
  { name: 'State', render: (source) => <PullState source={source} /> },
  { name: 'Last pulled', render: (source) => <Time at={source.succeededAt} /> },
  { name: 'Complete until', render: (source) => <Time at={source.completeUntil} /> },
  { name: 'Reports', numeric: true, render: (source) => source.reportsPulled },
];

function PullState({ source }: { source: ReportSource }) {
  if (!source.hasKeys) {
    return (
      <>
        <Badge>Not set up</Badge>
        <span className="list-note list-note-below">It has no keys: upload its reports by hand.</span>
      </>
    );
  }
  if (source.failedAt) {
    return (
      <>
        <Badge tone="danger">Failing</Badge>
        <span className="list-note list-note-below">
          <Time at={source.failedAt} />: {source.failure}
        </span>
      </>
    );
  }
  return source.succeededAt ? <Badge tone="good">Pulled</Badge> : <Badge tone="warn">Not pulled yet</Badge>;
}

function Files() {
  const { status } = route.useSearch();
  const query = useInfiniteQuery(filesQuery({ status }));
  return (
    <Part title="Files">
      <FilterChips
        label="Filter files by state"
        value={status}
        values={statuses}
        placeOf={(value) => ({ to: '/finance/files', search: { status: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.files}
        caption="Files"
        columns={columns}
        rowKey={(file) => file.id}
        icon="text"
        nothing="No files here"
      />
    </Part>
  );
}

/** Why and where a file was refused, in one line. */
export function refusalOf(file: SettlementFile): string {
  const line = file.reasonLine === '0' ? '' : `, line ${file.reasonLine}`;
  return `${sentence(file.reason)}${line}: ${file.reasonDetail}`;
}

const columns: readonly Column<SettlementFile>[] = [
  {
    name: 'File',
    render: (file) => (
      <Link to="/finance/files/$fileId" params={{ fileId: file.id }}>
        {file.fileName || file.id}
      </Link>
    ),
  },
  { name: 'Format', render: (file) => formatWords[file.format] ?? file.format },
  {
    name: 'From',
    render: (file) => (
      <span className="badge-row">
        {sentence(file.source)} {file.simulated && <Simulated />}
      </span>
    ),
  },
  { name: 'Arrived', render: (file) => <Time at={file.createdAt} /> },
  {
    name: 'State',
    render: (file) => (
      <>
        <StateBadge state={file.status} />
        {file.status === 'failed' && <span className="list-note list-note-below">{refusalOf(file)}</span>}
      </>
    ),
  },
  { name: 'Lines', numeric: true, render: (file) => file.lines },
  {
    name: 'In breaks',
    numeric: true,
    render: (file) => (file.linesInBreaks === '0' ? '–' : plural(Number(file.linesInBreaks), 'line')),
  },
  { name: 'Output hash', render: (file) => <Hash value={file.outputSha256} /> },
];
