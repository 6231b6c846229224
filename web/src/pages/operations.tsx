import { useQuery } from '@tanstack/react-query';
import { deadLettersQuery, healthQuery } from '../api/operations.ts';
import type { DeadLetter, GetHealthResponse, ProcessHealth } from '../api/types.ts';
import { plural } from '../lib/words.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Facts, Part } from './finance-desk.tsx';
import { milliseconds, OperationsRoom, Silent } from './operations-room.tsx';

export function OperationsPage() {
  return (
    <OperationsRoom
      title="Operations"
      lead="Every part of the platform, as it is now. This page asks again every five seconds."
    >
      <Health />
    </OperationsRoom>
  );
}

function Health() {
  const query = useQuery(healthQuery);
  return <QueryView query={query}>{(health) => <Parts health={health} />}</QueryView>;
}

function Parts({ health }: { health: GetHealthResponse }) {
  const { processes } = health;
  const answered = processes.filter((one) => one.answered);
  const silent = processes.filter((one) => !one.answered).map((one) => one.instance);
  const parts = answered.flatMap((one) => one.parts.map((part) => ({ ...part, process: one.instance })));
  const down = parts.filter((part) => part.state !== 'up').length + silent.length;
  return (
    <>
      <Silent names={silent} />
      <Facts
        items={[
          [
            'Parts',
            down === 0 ? (
              <Badge key="parts" tone="good" icon="check">
                All up
              </Badge>
            ) : (
              <Badge key="parts" tone="danger" icon="warning">
                {plural(down, 'part')} down
              </Badge>
            ),
          ],
          ['Processes', `${answered.length} of ${processes.length} answer`],
          ['Dead letters', `${health.deadLetterCount}${health.deadLetterCountExact ? '' : ' or more'}`],
        ]}
      />
      <Part title="Processes">
        <Table caption="Processes" columns={processColumns} rows={processes} rowKey={(one) => one.instance} />
      </Part>
      <Part title="Parts">
        <Table caption="Parts" columns={partColumns} rows={parts} rowKey={(part) => `${part.process} ${part.name}`} />
      </Part>
      <Part title="What waits">
        <Table caption="What waits" columns={waitColumns} rows={waitsOf(answered)} rowKey={(row) => row.service} />
      </Part>
      <DeadLetters />
    </>
  );
}

const processColumns: readonly Column<ProcessHealth>[] = [
  { name: 'Process', render: (one) => one.instance },
  {
    name: 'State',
    render: (one) => (one.answered ? <Badge tone="good">Answers</Badge> : <Badge tone="danger">Silent</Badge>),
  },
  { name: 'Services', render: (one) => one.services.join(', ') || '–' },
  { name: 'Answer', numeric: true, render: (one) => (one.answered ? milliseconds(one.latencyMs) : '–') },
  { name: 'Memory', numeric: true, render: (one) => (one.answered ? megabytes(one.memoryBytes) : '–') },
  { name: 'Started', render: (one) => <Time at={one.startedAt} /> },
  { name: 'Version', render: (one) => one.version || '–' },
];

function megabytes(bytes: string): string {
  return `${Math.round(Number(bytes) / 1_048_576)} MB`;
}

type PartRow = ProcessHealth['parts'][number] & { readonly process: string };

const partColumns: readonly Column<PartRow>[] = [
  { name: 'Part', render: (part) => part.name },
  {
    name: 'State',
    render: (part) => (part.state === 'up' ? <Badge tone="good">Up</Badge> : <Badge tone="danger">Down</Badge>),
  },
  { name: 'Latency', numeric: true, render: (part) => milliseconds(part.latencyMs) },
  { name: 'Seen from', render: (part) => part.process },
];

interface WaitRow {
  readonly service: string;
  /** Undefined where the service consumes nothing, or keeps no outbox. */
  readonly lag?: number;
  readonly waiting?: number;
  readonly oldestSeconds?: number;
}

/** Several processes of a service tell of the same: the largest is taken. */
function waitsOf(processes: readonly ProcessHealth[]): WaitRow[] {
  const rows = new Map<string, { service: string; lag?: number; waiting?: number; oldestSeconds?: number }>();
  const rowOf = (service: string) => {
    const row = rows.get(service) ?? { service };
    rows.set(service, row);
    return row;
  };
  for (const { lags, outboxes } of processes) {
    for (const { group, events } of lags) {
      const row = rowOf(group);
      row.lag = Math.max(row.lag ?? 0, Number(events));
    }
    for (const { service, waiting, oldestSeconds } of outboxes) {
      const row = rowOf(service);
      row.waiting = Math.max(row.waiting ?? 0, Number(waiting));
      row.oldestSeconds = Math.max(row.oldestSeconds ?? 0, oldestSeconds);
    }
  }
  return [...rows.values()].sort((a, b) => a.service.localeCompare(b.service));
}

const waitColumns: readonly Column<WaitRow>[] = [
  { name: 'Service', render: (row) => row.service },
  { name: 'Events not applied', numeric: true, render: (row) => row.lag ?? '–' },
  { name: 'Events in the outbox', numeric: true, render: (row) => row.waiting ?? '–' },
  {
    name: 'Oldest in the outbox',
    numeric: true,
    render: (row) => (row.oldestSeconds ? milliseconds(row.oldestSeconds * 1_000) : '–'),
  },
];

function DeadLetters() {
  const query = useQuery(deadLettersQuery);
  return (
    <Part title="Dead letters">
      <QueryView query={query}>
        {({ deadLetters, silent }) => (
          <>
            <Silent names={silent} />
            {deadLetters.length === 0 ? (
              <EmptyState icon="check" good title="No consumer gave up on an event" />
            ) : (
              <Table
                caption="Dead letters"
                columns={deadColumns}
                rows={deadLetters}
                rowKey={(letter) => `${letter.group} ${letter.event?.id}`}
              />
            )}
          </>
        )}
      </QueryView>
    </Part>
  );
}

const deadColumns: readonly Column<DeadLetter>[] = [
  { name: 'Event', render: (letter) => letter.event?.type.split('.').at(-1) || 'Not readable' },
  { name: 'Consumer', render: (letter) => letter.group },
  { name: 'Subject', render: (letter) => <code>{letter.event?.subject || '–'}</code> },
  { name: 'What it said', render: (letter) => letter.error },
  { name: 'Given up', render: (letter) => <Time at={letter.at} /> },
];
