import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { riskBlocksQuery, riskDecisionsQuery, riskRulesQuery } from '../api/payments-desk.ts';
import type { RiskBlock, RiskDecision, RiskOutcome, RiskRule } from '../api/types.ts';
import { formatDuration } from '../lib/time.ts';
import { plural, sentence } from '../lib/words.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { FilterChips, FinanceRoom, ListPart, oneOf, Part, StateBadge } from './finance-desk.tsx';
import { RiskScore } from './finance-risk-score.tsx';

const route = getRouteApi('/finance/risk');
const outcomes: readonly RiskOutcome[] = ['allow', 'challenge', 'review', 'block'];

export function FinanceRiskPage() {
  return (
    <FinanceRoom
      title="Risk"
      lead="What decides whether a payment is let through, and every decision with its reasons."
    >
      <Decisions />
      <RiskScore />
      <Rules />
      <Blocks />
    </FinanceRoom>
  );
}

function Decisions() {
  const outcome = oneOf(outcomes, route.useSearch().outcome);
  const query = useInfiniteQuery(riskDecisionsQuery({ outcome }));
  return (
    <Part title="Decisions">
      <FilterChips
        label="Filter decisions by outcome"
        value={outcome}
        values={outcomes}
        placeOf={(value) => ({ to: '/finance/risk', search: { outcome: value } })}
      />
      <ListPart
        query={query}
        rowsOf={(page) => page.decisions}
        caption="Risk decisions"
        columns={decisionColumns}
        rowKey={(decision) => decision.id}
        icon="shield"
        nothing="No decisions here"
      />
    </Part>
  );
}

const decisionColumns: readonly Column<RiskDecision>[] = [
  { name: 'When', render: (one) => <Time at={one.at} /> },
  { name: 'Outcome', render: (one) => <StateBadge state={one.outcome} /> },
  {
    name: 'Score',
    numeric: true,
    render: (one) => <span title={contributionsOf(one)}>{one.score}</span>,
  },
  {
    name: 'Because of',
    render: (one) =>
      one.findings.length === 0
        ? 'Nothing stood against it'
        : one.findings
            .map((finding) =>
              finding.dimension === undefined
                ? `${finding.rule}: ${finding.count} (${contributionsOf(one)}), ${finding.outcome ?? '?'}`
                : `${finding.rule}: ${finding.count} by ${finding.dimension}, ${finding.outcome ?? '?'}`,
            )
            .join('; '),
  },
  {
    name: 'Order',
    render: (one) => (
      <Link to="/finance/orders/$orderId" params={{ orderId: one.orderId }}>
        The order’s money
      </Link>
    ),
  },
  { name: 'Payment', render: (one) => (one.paymentId ? <code>{one.paymentId}</code> : 'None was made') },
];

/** The factors that added something. */
function contributionsOf({ contributions }: RiskDecision): string {
  const added = contributions.filter(({ points }) => points !== 0);
  return added.length === 0 ? 'nothing added to it' : added.map((one) => `${one.factor} ${one.points}`).join(', ');
}

function Rules() {
  const query = useQuery(riskRulesQuery);
  return (
    <Part title="Rules">
      <QueryView query={query}>
        {({ rules }) => <Table caption="Risk rules" columns={ruleColumns} rows={rules} rowKey={(rule) => rule.name} />}
      </QueryView>
    </Part>
  );
}

const ruleColumns: readonly Column<RiskRule>[] = [
  { name: 'Rule', render: (rule) => <code>{rule.name}</code> },
  {
    name: 'State',
    render: (rule) => <Badge tone={rule.enabled ? 'good' : 'neutral'}>{rule.enabled ? 'On' : 'Off'}</Badge>,
  },
  {
    name: 'When',
    render: (rule) =>
      `more than ${rule.countMax} ${rule.counted ?? ''} by one ${rule.dimension ?? ''} within ${formatDuration(rule.windowSeconds)}`,
  },
  {
    name: 'Of at least, in minor units',
    numeric: true,
    render: (rule) => (rule.amountAtLeastMinor === '0' ? 'Any amount' : rule.amountAtLeastMinor),
  },
  { name: 'Then', render: (rule) => <StateBadge state={rule.outcome} /> },
];

function Blocks() {
  const query = useInfiniteQuery(riskBlocksQuery);
  const count = query.data?.pages.flatMap((page) => page.blocks).length ?? 0;
  return (
    <Part title="Blocklist" actions={count > 0 && <Badge>{plural(count, 'block')}</Badge>}>
      <ListPart
        query={query}
        rowsOf={(page) => page.blocks}
        caption="Blocklist"
        columns={blockColumns}
        rowKey={(block) => block.id}
        icon="lock"
        nothing="Nobody is blocked"
      />
    </Part>
  );
}

const blockColumns: readonly Column<RiskBlock>[] = [
  { name: 'What', render: (block) => sentence(block.dimension ?? '') },
  { name: 'Hash of the value', render: (block) => <code>{block.valueHash}</code> },
  { name: 'Why', render: (block) => block.reason },
  { name: 'Since', render: (block) => <Time at={block.createdAt} /> },
  { name: 'Until', render: (block) => (block.until ? <Time at={block.until} /> : 'For good') },
];
