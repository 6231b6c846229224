/** The rates of tax withheld from instructors. One person asks for others from a day on, another approves them. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ListWithholdingVersionsResponse, WithholdingTerms, WithholdingVersion } from '../api/types.ts';
import { decideVersion, withholdingVersionsQuery } from '../api/withholding.ts';
import { useMe } from '../lib/use-me.ts';
import { differences, rateWords, thresholdWords } from '../lib/withholding-draft.ts';
import { sentence } from '../lib/words.ts';
import { Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ActDialog, FinanceRoom, Part, StateBadge, Who } from './finance-desk.tsx';
import { ChangeRateDialog, EndRuleDialog } from './finance-withholding-dialogs.tsx';

export function FinanceWithholdingPage() {
  return (
    <FinanceRoom
      title="Tax withheld"
      lead="What is kept back from instructors for the tax office. Every settlement keeps the rates it was made with; others begin after the last day that is settled, once a second person has approved them."
    >
      <Versions />
    </FinanceRoom>
  );
}

function Versions() {
  const query = useInfiniteQuery(withholdingVersionsQuery);
  return (
    <>
      <QueryView query={query}>{(data) => <Shown pages={data.pages} />}</QueryView>
      {query.hasNextPage && (
        <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}

function Shown({ pages }: { pages: readonly ListWithholdingVersionsResponse[] }) {
  const versions = pages.flatMap((page) => page.versions);
  const active = versions.find(({ status }) => status === 'active');
  const waiting = versions.find(({ status }) => status === 'requested');
  return (
    <>
      {waiting && active && <Waiting waiting={waiting} active={active} />}
      {active && <InForce active={active} settledUntil={pages[0]?.settledUntil ?? ''} />}
      <Part title="Versions">
        <Table caption="Versions" columns={versionColumns} rows={versions} rowKey={(version) => version.id} />
      </Part>
    </>
  );
}

function Changes({ from, to }: { from: WithholdingVersion; to: WithholdingVersion }) {
  const said = differences(from.rules, to.rules);
  if (said.length === 0) return <p>It changes nothing.</p>;
  return (
    <ul>
      {said.map((each) => (
        <li key={each}>{each}</li>
      ))}
    </ul>
  );
}

function Waiting({ waiting, active }: { waiting: WithholdingVersion; active: WithholdingVersion }) {
  const me = useMe();
  const [act, setAct] = useState<'approve' | 'reject'>();
  const own = waiting.requestedBy === me.user?.id;
  return (
    <Part title="Waits for a second person">
      <Notice tone="info" title={`Version ${waiting.version}: ${waiting.reason}`}>
        <Changes from={active} to={waiting} />
        <p>
          Asked for by <Who id={waiting.requestedBy} />, <Time at={waiting.requestedAt} />.
        </p>
      </Notice>
      {own && <p>You asked for it, so somebody else approves it.</p>}
      <div className="button-row">
        {!own && (
          <Button look="primary" onPress={() => setAct('approve')}>
            Approve these rates
          </Button>
        )}
        <Button onPress={() => setAct('reject')}>{own ? 'Take it back' : 'Turn it down'}</Button>
      </div>
      {act && <DecideDialog act={act} waiting={waiting} active={active} onClose={() => setAct(undefined)} />}
    </Part>
  );
}

interface DecideProps {
  act: 'approve' | 'reject';
  waiting: WithholdingVersion;
  active: WithholdingVersion;
  onClose: () => void;
}

function DecideDialog({ act, waiting, active, onClose }: DecideProps) {
  const approves = act === 'approve';
  return (
    <ActDialog
      title={approves ? `Approve version ${waiting.version}` : `Turn version ${waiting.version} down`}
      confirm={approves ? 'Put it in force' : 'Turn it down'}
      look={approves ? 'danger' : 'primary'}
      act={() => decideVersion(waiting.id, act)}
      said={approves ? `Version ${waiting.version} is in force.` : `Version ${waiting.version} is turned down.`}
      onClose={onClose}
    >
      {approves ? (
        <>
          <p>
            Settlements that start from now on are made with it. Compare it with the law, not with what you were told.
          </p>
          <Changes from={active} to={waiting} />
        </>
      ) : (
        <p>Version {active.version} stays in force. Who asked sees that it was turned down.</p>
      )}
    </ActDialog>
  );
}

interface Doing {
  readonly rule: WithholdingTerms;
  readonly act: 'change' | 'end';
}

function InForce({ active, settledUntil }: { active: WithholdingVersion; settledUntil: string }) {
  const [doing, setDoing] = useState<Doing>();
  const props = { active, settledUntil, onClose: () => setDoing(undefined) };
  return (
    <Part title={`In force: version ${active.version}`}>
      <Table
        caption="Rates in force"
        columns={ruleColumns(settledUntil, setDoing)}
        rows={active.rules.toSorted((a, b) => (a.validFrom < b.validFrom ? 1 : -1))}
        rowKey={(rule) => rule.id}
      />
      {settledUntil && <p className="list-note">Settled up to {settledUntil}, by the day in India.</p>}
      {doing?.act === 'change' && <ChangeRateDialog rule={doing.rule} {...props} />}
      {doing?.act === 'end' && <EndRuleDialog rule={doing.rule} {...props} />}
    </Part>
  );
}

const ruleColumns = (settledUntil: string, onAct: (doing: Doing) => void): readonly Column<WithholdingTerms>[] => [
  {
    name: 'Tax',
    render: (rule) => (
      <>
        {rule.kind.toUpperCase()}
        <span className="list-note list-note-below">{rule.source}</span>
      </>
    ),
  },
  { name: 'Rate', render: rateWords },
  { name: 'Of', render: (rule) => sentence(rule.base) },
  { name: 'Threshold', render: thresholdWords },
  { name: 'From', render: (rule) => <span className="day">{rule.validFrom}</span> },
  { name: 'To', render: (rule) => <span className="day">{rule.validUntil || 'No end'}</span> },
  {
    name: 'To do',
    render: (rule) =>
      rule.validUntil !== '' && rule.validUntil <= settledUntil ? (
        'Over'
      ) : (
        <span className="button-row">
          <Button
            small
            aria-label={`Change the rate: ${rule.kind.toUpperCase()}, ${rule.source}`}
            onPress={() => onAct({ rule, act: 'change' })}
          >
            Change
          </Button>
          <Button
            small
            aria-label={`End: ${rule.kind.toUpperCase()}, ${rule.source}`}
            onPress={() => onAct({ rule, act: 'end' })}
          >
            End
          </Button>
        </span>
      ),
  },
];

const versionColumns: readonly Column<WithholdingVersion>[] = [
  { name: 'Version', render: (one) => <span className="tabular">{one.version}</span> },
  { name: 'State', render: (one) => <StateBadge state={one.status} /> },
  { name: 'Why', render: (one) => one.reason || 'Came with the platform' },
  { name: 'Asked for', render: (one) => <PersonAndTime id={one.requestedBy} at={one.requestedAt} /> },
  { name: 'Decided', render: (one) => <PersonAndTime id={one.decidedBy} at={one.decidedAt} /> },
];

function PersonAndTime({ id, at }: { id: string; at: string | undefined }) {
  if (!id) return '–';
  return (
    <>
      <Who id={id} />
      <span className="list-note list-note-below">
        <Time at={at} />
      </span>
    </>
  );
}
