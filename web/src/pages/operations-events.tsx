import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useDeferredValue, useState } from 'react';
import { eventsQuery } from '../api/operations.ts';
import type { LoggedEvent } from '../api/types.ts';
import { Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/fields.tsx';
import { EmptyState, QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Facts } from './finance-desk.tsx';
import { OperationsRoom, Silent } from './operations-room.tsx';

export function OperationsEventsPage() {
  return (
    <OperationsRoom
      title="Event log"
      lead="The newest facts that services told each other. Amounts, states, times and ids are shown; what may be personal is left out."
    >
      <Events />
    </OperationsRoom>
  );
}

function Events() {
  const [text, setText] = useState('');
  const [open, setOpen] = useState<LoggedEvent>();
  const query = useQuery({ ...eventsQuery(useDeferredValue(text.trim())), placeholderData: (before) => before });
  return (
    <>
      <TextField label="Find by type, topic or subject" type="search" value={text} onChange={setText} maxLength={100} />
      <QueryView query={query}>
        {({ events, silent }) => (
          <>
            <Silent names={silent} />
            {events.length === 0 ? (
              <EmptyState icon="search" title="No event of the newest matches" />
            ) : (
              <Table caption="Events" columns={columnsWith(setOpen)} rows={events} rowKey={(event) => event.id} />
            )}
          </>
        )}
      </QueryView>
      {open && <EventDialog event={open} onClose={() => setOpen(undefined)} />}
    </>
  );
}

function nameOf(event: LoggedEvent): string {
  return event.type.split('.').at(-1) || 'Not readable';
}

function columnsWith(show: (event: LoggedEvent) => void): readonly Column<LoggedEvent>[] {
  return [
    { name: 'Event', render: (event) => nameOf(event) },
    { name: 'Subject', render: (event) => <code>{event.subject || '–'}</code> },
    { name: 'When', render: (event) => <Time at={event.time} style="ago" /> },
    { name: 'Consumers', render: (event) => event.consumers.join(', ') || 'Nobody' },
    { name: 'Place', render: (event) => `${event.topic} ${event.partition}/${event.position}` },
    {
      name: 'Body',
      render: (event) => (
        <Button small aria-label={`Show ${nameOf(event)} of ${event.subject}`} onPress={() => show(event)}>
          Show
        </Button>
      ),
    },
  ];
}

function EventDialog({ event, onClose }: { event: LoggedEvent; onClose: () => void }) {
  return (
    <Dialog title={nameOf(event)} isOpen onClose={onClose}>
      <div className="form">
        <Facts
          items={[
            ['Id', <code key="id">{event.id}</code>],
            ['Time', <Time key="time" at={event.time} />],
            ['Request', <code key="request">{event.correlationId || '–'}</code>],
            [
              'Trace',
              event.traceId === '' ? (
                '–'
              ) : (
                <Link key="trace" to="/operations/traces/$traceId" params={{ traceId: event.traceId }}>
                  {event.traceId.slice(0, 8)}
                </Link>
              ),
            ],
          ]}
        />
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1). */}
        <pre className="event-body" tabIndex={0}>
          {event.body || 'There is nothing to show.'}
        </pre>
        {event.withheld.length > 0 && <p className="field-hint">Left out: {event.withheld.join(', ')}.</p>}
        <div className="button-row button-row-end">
          <Button look="primary" onPress={onClose}>
            Close
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
