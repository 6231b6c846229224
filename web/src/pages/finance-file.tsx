import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { discardFile, fileLinesQuery, fileQuery } from '../api/settlement.ts';
import type { FileLine, FileStatement, SettlementFile } from '../api/types.ts';
import { backOffMs, pollAttemptsMax } from '../lib/interval.ts';
import { plural, sentence } from '../lib/words.ts';
import { Money, Notice, Time } from '../ui/bits.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActButton, Facts, FinanceRoom, ListPart, Minor, Part, Simulated, StateBadge, Who } from './finance-desk.tsx';
import { formatWords, refusalOf } from './finance-files.tsx';

const route = getRouteApi('/finance/files/$fileId');

export function FinanceFilePage() {
  return (
    <FinanceRoom title="One file" crumbs={[{ label: 'Files', link: { to: '/finance/files' } }, { label: 'One file' }]}>
      <OneFile />
    </FinanceRoom>
  );
}

const isUnderWay = (file: SettlementFile | undefined) => file?.status === 'pending' || file?.status === 'processing';

function OneFile() {
  const { fileId } = route.useParams();
  const query = useQuery({
    ...fileQuery(fileId),
    refetchInterval: ({ state }) =>
      isUnderWay(state.data?.file) && state.dataUpdateCount < pollAttemptsMax
        ? backOffMs(state.dataUpdateCount)
        : false,
  });
  return (
    <QueryView query={query}>
      {({ file, statements }) => (
        <>
          {file.status === 'failed' && (
            <Notice tone="danger" title="The whole file was refused">
              <p>{refusalOf(file)}</p>
            </Notice>
          )}
          <FileFacts file={file} />
          {(file.status === 'pending' || file.status === 'failed') && (
            <div className="button-row">
              <ActButton act={() => discardFile(file.id)} said="The file is set aside.">
                Set the file aside
              </ActButton>
            </div>
          )}
          {statements.length > 0 && (
            <Part title="Statements in it">
              <Table
                caption="Statements"
                columns={statementColumns}
                rows={statements}
                rowKey={(one) => `${one.side}.${one.account}.${one.reference}.${one.sequence}.${one.page}`}
              />
            </Part>
          )}
          {file.status === 'processed' && <Lines fileId={file.id} />}
        </>
      )}
    </QueryView>
  );
}

function FileFacts({ file }: { file: SettlementFile }) {
  return (
    <Facts
      items={[
        ['Name', file.fileName || '–'],
        ['State', <StateBadge key="state" state={file.status} />],
        ['Format', formatWords[file.format] ?? file.format],
        [
          'From',
          <span key="from" className="badge-row">
            {sentence(file.source)} {file.simulated && <Simulated />}
          </span>,
        ],
        ['Uploaded by', <Who key="who" id={file.uploadedBy} />],
        ['Arrived', <Time key="arrived" at={file.createdAt} />],
        ['Read', <Time key="read" at={file.processedAt} />],
        ['Lines', `${file.lines}: ${file.linesMatched} matched, ${file.linesInBreaks} in breaks`],
        [
          'Journals',
          `${plural(Number(file.journalsBooked), 'booked', 'booked')}, ${file.journalsWaiting} waiting, ${file.journalsRefused} refused`,
        ],
        [
          'SHA-256 of the file',
          <code key="sha" className="breaking">
            {file.sha256}
          </code>,
        ],
        [
          'SHA-256 of what it became',
          <code key="out" className="breaking">
            {file.outputSha256 || '–'}
          </code>,
        ],
      ]}
    />
  );
}

const statementColumns: readonly Column<FileStatement>[] = [
  { name: 'Account', render: (one) => one.account },
  { name: 'Reference', render: (one) => one.reference || '–' },
  { name: 'Number', render: (one) => (one.page === '0' ? one.sequence : `${one.sequence}, page ${one.page}`) },
  { name: 'Lines', numeric: true, render: (one) => one.lines },
  { name: 'Opening', numeric: true, render: (one) => <Minor currency={one.currency} minor={one.openingMinor} /> },
  { name: 'Closing', numeric: true, render: (one) => <Minor currency={one.currency} minor={one.closingMinor} /> },
];

function Lines({ fileId }: { fileId: string }) {
  const query = useInfiniteQuery(fileLinesQuery(fileId));
  return (
    <Part title="Lines">
      <ListPart
        query={query}
        rowsOf={(page) => page.lines}
        caption="Lines of the file"
        columns={placedColumns}
        rowKey={(line) => line.id}
        icon="outline"
        nothing="The file has no lines"
      />
    </Part>
  );
}

/** What came of it in the currency that the sender settles in, and at which rate where it was changed. */
function settledWords({ amount, settled, exchangeRate, exchangeSource }: FileLine) {
  if (settled === undefined) return <Money value={amount} />;
  return (
    <>
      <Money value={settled} />
      <span className="choice-hint" title={`Rate of ${exchangeSource}`}>
        at {exchangeRate}
      </span>
    </>
  );
}

/** What a line says by itself. */
export const lineColumns: readonly Column<FileLine>[] = [
  { name: 'Line', render: (line) => line.lineNumber },
  { name: 'Kind', render: (line) => sentence(line.kind) },
  { name: 'Value date', render: (line) => line.valueDate || '–' },
  { name: 'References', render: (line) => line.references.join(', ') || line.description || '–' },
  { name: 'Amount', numeric: true, render: (line) => <Money value={line.amount} /> },
  { name: 'Settled', numeric: true, render: settledWords },
  { name: 'Fee', numeric: true, render: (line) => <Money value={line.fee} /> },
];

const placedColumns: readonly Column<FileLine>[] = [
  ...lineColumns,
  {
    name: 'State',
    render: (line) =>
      line.breakId ? (
        <Link to="/finance/breaks/$breakId" params={{ breakId: line.breakId }}>
          In a break
        </Link>
      ) : (
        <StateBadge state={line.state} />
      ),
  },
];
