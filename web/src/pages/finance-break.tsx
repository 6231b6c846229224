import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { actOnBreak, assignBreak, type BreakAct, breakQuery } from '../api/settlement.ts';
import type { BreakEvent, ReconciliationBreak } from '../api/types.ts';
import { useMe } from '../lib/use-me.ts';
import { sentence } from '../lib/words.ts';
import { Notice, Time } from '../ui/bits.tsx';
import { Button, type Look } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { MatchDialog } from './finance-break-match.tsx';
import { Differences } from './finance-breaks.tsx';
import { ActButton, ActDialog, Facts, FinanceRoom, Part, StateBadge, Who } from './finance-desk.tsx';
import { expectationColumns } from './finance-expectations.tsx';
import { lineColumns } from './finance-file.tsx';

const route = getRouteApi('/finance/breaks/$breakId');

export function FinanceBreakPage() {
  return (
    <FinanceRoom
      title="One break"
      crumbs={[{ label: 'Breaks', link: { to: '/finance/breaks' } }, { label: 'One break' }]}
    >
      <OneBreak />
    </FinanceRoom>
  );
}

function OneBreak() {
  const { breakId } = route.useParams();
  const query = useQuery(breakQuery(breakId));
  return (
    <QueryView query={query}>
      {(one) => (
        <>
          <Facts
            items={[
              ['Type', sentence(one.type)],
              ['State', <StateBadge key="state" state={one.status} />],
              ['Side', sentence(one.side)],
              ['Difference', <Differences key="difference" of={one} />],
              ['Opened', <Time key="opened" at={one.openedAt} />],
              ['Age in days', one.age || '–'],
              ['Closed', <Time key="closed" at={one.closedAt} />],
              ['Owner', <Who key="owner" id={one.ownerId} />],
              ['Write-off asked by', <Who key="asked" id={one.writeOffRequestedBy} />],
              ['Write-off approved by', <Who key="approved" id={one.writeOffApprovedBy} />],
            ]}
          />
          <BreakActs one={one} />
          <Part title="What the files say">
            {one.lines.length === 0 ? (
              <p>No file has a line for it.</p>
            ) : (
              <Table caption="Lines" columns={lineColumns} rows={one.lines} rowKey={idOf} />
            )}
          </Part>
          <Part title="What was expected">
            {one.expectations.length === 0 ? (
              <p>Nothing like it was expected.</p>
            ) : (
              <Table caption="Expectations" columns={expectationColumns} rows={one.expectations} rowKey={idOf} />
            )}
          </Part>
          <Part title="What happened">
            <Table caption="History" columns={eventColumns} rows={one.history} rowKey={eventKey} />
          </Part>
        </>
      )}
    </QueryView>
  );
}

const idOf = (item: { id: string }) => item.id;
const eventKey = (event: BreakEvent) => `${event.at}.${event.what}.${event.note}`;
const eventColumns: readonly Column<BreakEvent>[] = [
  { name: 'When', render: (event) => <Time at={event.at} /> },
  { name: 'What', render: (event) => sentence(event.what) },
  { name: 'Who', render: (event) => <Who id={event.actor} /> },
  { name: 'Note', render: (event) => event.note || '–' },
];

interface Act {
  readonly button: string;
  readonly explains: string;
  readonly said: string;
  readonly look?: Look;
  readonly optional?: boolean;
}

const acts: Readonly<Record<BreakAct, Act>> = {
  note: { button: 'Add a note', explains: 'It stays in the history of the break.', said: 'The note is kept.' },
  'request-write-off': {
    button: 'Ask for a write-off',
    explains: 'The difference is booked as a loss or a gain once somebody else of finance approves it.',
    said: 'The write-off waits for a second person.',
  },
  'approve-write-off': {
    button: 'Approve the write-off',
    explains: 'The difference is booked and the break is closed. Nobody approves what they asked for themselves.',
    said: 'The difference is written off.',
    look: 'danger',
    optional: true,
  },
  'reject-write-off': {
    button: 'Turn the write-off down',
    explains: 'The break is open again.',
    said: 'The write-off is turned down.',
    optional: true,
  },
};

function BreakActs({ one }: { one: ReconciliationBreak }) {
  const me = useMe();
  const [doing, setDoing] = useState<BreakAct | 'match'>();
  const isOpen = one.status === 'open';
  const isAsked = one.status === 'write_off_requested';
  const own = isAsked && one.writeOffRequestedBy === me.user?.id;
  const offered: readonly BreakAct[] = [
    'note',
    ...(isOpen ? (['request-write-off'] as const) : []),
    ...(isAsked && !own ? (['approve-write-off'] as const) : []),
    ...(isAsked ? (['reject-write-off'] as const) : []),
  ];
  const close = () => setDoing(undefined);
  return (
    <>
      {own && (
        <Notice tone="warn" title="A second person is needed">
          <p>You asked for this write-off. Somebody else of finance approves it.</p>
        </Notice>
      )}
      <div className="button-row">
        {isOpen && <Owner one={one} />}
        {(isOpen || isAsked) && <Button onPress={() => setDoing('match')}>Match by hand</Button>}
        {offered.map((act) => (
          <Button key={act} onPress={() => setDoing(act)}>
            {acts[act].button}
          </Button>
        ))}
      </div>
      {doing === 'match' && <MatchDialog one={one} onClose={close} />}
      {doing !== undefined && doing !== 'match' && <BreakDialog id={one.id} act={doing} onClose={close} />}
    </>
  );
}

function Owner({ one }: { one: ReconciliationBreak }) {
  const me = useMe();
  const mine = one.ownerId !== '' && one.ownerId === me.user?.id;
  return (
    <ActButton
      act={() => assignBreak(one.id, mine ? '' : (me.user?.id ?? ''))}
      said={mine ? 'The break has no owner.' : 'The break is yours.'}
    >
      {mine ? 'Give it back' : 'Make it mine'}
    </ActButton>
  );
}

function BreakDialog({ id, act, onClose }: { id: string; act: BreakAct; onClose: () => void }) {
  const { button, explains, said, look, optional = false } = acts[act];
  return (
    <ActDialog
      title={button}
      note={{ label: 'Note', field: 'note', charsMax: 2_000, optional }}
      confirm={button}
      {...(look && { look })}
      act={(note) => actOnBreak(id, act, note)}
      said={said}
      onClose={onClose}
    >
      <p>{explains}</p>
    </ActDialog>
  );
}
