/** One journal, to be looked at; the same figures stand in the table beneath it. */
import type { Entry, Leg } from '../api/types.ts';
import { formatMoney } from '../lib/money.ts';
import { type Flow, type FlowNode, flowsOf, type Ribbon } from '../lib/money-flow.ts';
import { journalWords, sentence } from '../lib/words.ts';
import { Money, Time } from '../ui/bits.tsx';
import { type Column, Table } from '../ui/table.tsx';

export function Journal({ entry }: { entry: Entry }) {
  const name = journalWords[entry.kind] ?? sentence(entry.kind);
  return (
    <section className="journal" aria-label={name}>
      <header className="journal-head">
        <h2 className="section-title">{name}</h2>
        <p className="list-note">
          <Time at={entry.effectiveAt ?? entry.at} />, journal {entry.sequence}
          {entry.description && `, ${entry.description}`}
        </p>
      </header>
      {flowsOf(entry).map((flow) => (
        <Picture key={flow.currency} flow={flow} name={name} />
      ))}
      <Table
        caption={`Legs of the journal “${name}”`}
        columns={columns}
        rows={entry.legs.map((leg, index) => ({ ...leg, index }))}
        rowKey={(leg) => String(leg.index)}
      />
    </section>
  );
}

const columns: readonly Column<Leg & { index: number }>[] = [
  { name: 'Account', render: (leg) => leg.accountName || leg.account },
  { name: 'Code', render: (leg) => <code>{leg.account}</code> },
  { name: 'Debit', numeric: true, render: (leg) => (leg.debit ? <Money value={leg.debit} /> : '') },
  { name: 'Credit', numeric: true, render: (leg) => (leg.credit ? <Money value={leg.credit} /> : '') },
];

const leftX = 236;
const rightX = 484;
const nodeWidth = 10;

function Picture({ flow, name }: { flow: Flow; name: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="picture-scroll" tabIndex={0} aria-label={`Picture of the journal “${name}”`}>
      <svg className="picture" viewBox={`0 0 720 ${flow.height}`} role="img" aria-label={describe(flow)}>
        {flow.ribbons.map((ribbon) => (
          <path
            key={`${ribbon.from}-${ribbon.to}`}
            className={`ribbon ribbon-${(flow.right.length > 1 ? ribbon.to : ribbon.from) % 5}`}
            d={ribbonPath(ribbon)}
          />
        ))}
        {flow.left.map((node, index) => (
          <Node
            key={node.account}
            node={node}
            currency={flow.currency}
            side="left"
            tone={flow.left.length > 1 ? index : 0}
          />
        ))}
        {flow.right.map((node, index) => (
          <Node key={node.account} node={node} currency={flow.currency} side="right" tone={index} />
        ))}
      </svg>
    </section>
  );
}

function Node({
  node,
  currency,
  side,
  tone,
}: {
  node: FlowNode;
  currency: string;
  side: 'left' | 'right';
  tone: number;
}) {
  const x = side === 'left' ? leftX - nodeWidth : rightX;
  const textX = side === 'left' ? leftX - nodeWidth - 10 : rightX + nodeWidth + 10;
  const middle = node.y + node.height / 2;
  const anchor = side === 'left' ? 'end' : 'start';
  return (
    <g>
      <rect
        className={`flow-node flow-node-${tone % 5}`}
        x={x}
        y={node.y}
        width={nodeWidth}
        height={node.height}
        rx={3}
      />
      <text className="flow-name" x={textX} y={middle - 3} textAnchor={anchor}>
        {shortened(node.name)}
      </text>
      <text className="flow-amount" x={textX} y={middle + 14} textAnchor={anchor}>
        {formatMoney({ currency, amountMinor: node.amountMinor.toString() })}
      </text>
    </g>
  );
}

const nameCharsMax = 32;

function shortened(name: string): string {
  return name.length > nameCharsMax ? `${name.slice(0, nameCharsMax - 1)}…` : name;
}

function ribbonPath({ fromY, toY, height }: Ribbon): string {
  const middle = (leftX + rightX) / 2;
  const down = `M${leftX} ${fromY}C${middle} ${fromY} ${middle} ${toY} ${rightX} ${toY}`;
  return `${down}V${toY + height}C${middle} ${toY + height} ${middle} ${fromY + height} ${leftX} ${fromY + height}Z`;
}

function describe(flow: Flow): string {
  const side = (nodes: readonly FlowNode[]) =>
    nodes
      .map(
        (node) => `${node.name} ${formatMoney({ currency: flow.currency, amountMinor: node.amountMinor.toString() })}`,
      )
      .join(', ');
  return `Debited: ${side(flow.left)}. Credited: ${side(flow.right)}.`;
}
