import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useDeferredValue, useState } from 'react';
import { tracesQuery } from '../api/operations.ts';
import type { TraceSummary } from '../api/types.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { milliseconds, OperationsRoom, Silent } from './operations-room.tsx';

export function OperationsTracesPage() {
  return (
    <OperationsRoom
      title="Traces"
      lead="What requests set going, from the gateway through services and events. A share of all requests is kept, in memory, while a process lives."
    >
      <Traces />
    </OperationsRoom>
  );
}

function Traces() {
  const [name, setName] = useState('');
  const query = useQuery({ ...tracesQuery(useDeferredValue(name.trim())), placeholderData: (before) => before });
  return (
    <>
      <TextField
        label="Find by the name of the request"
        type="search"
        value={name}
        onChange={setName}
        maxLength={100}
      />
      <QueryView query={query}>
        {({ traces, silent }) => (
          <>
            <Silent names={silent} />
            {traces.length === 0 ? (
              <EmptyState icon="search" title="No trace is kept that matches" />
            ) : (
              <Table caption="Traces" columns={columns} rows={traces} rowKey={(trace) => trace.traceId} />
            )}
          </>
        )}
      </QueryView>
    </>
  );
}

const columns: readonly Column<TraceSummary>[] = [
  {
    name: 'Request',
    render: (trace) => (
      <Link to="/operations/traces/$traceId" params={{ traceId: trace.traceId }}>
        {trace.name}
      </Link>
    ),
  },
  {
    name: 'Result',
    render: (trace) => (trace.failed ? <Badge tone="danger">Failed</Badge> : <Badge tone="good">Good</Badge>),
  },
  { name: 'Took', numeric: true, render: (trace) => milliseconds(trace.durationMs) },
  { name: 'Steps', numeric: true, render: (trace) => trace.spanCount },
  { name: 'Services', render: (trace) => trace.services.join(', ') },
  { name: 'When', render: (trace) => <Time at={trace.startedAt} style="ago" /> },
];
