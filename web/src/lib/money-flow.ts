/** A journal as a picture: what was debited on the left, what was credited on the right, ribbons of money between. */
import type { Entry, Leg } from '../api/types.ts';

export interface FlowNode {
  readonly account: string;
  readonly name: string;
  readonly amountMinor: bigint;
  readonly y: number;
  readonly height: number;
}

export interface Ribbon {
  readonly from: number;
  readonly to: number;
  readonly amountMinor: bigint;
  readonly fromY: number;
  readonly toY: number;
  readonly height: number;
}

export interface Flow {
  readonly currency: string;
  readonly left: readonly FlowNode[];
  readonly right: readonly FlowNode[];
  readonly ribbons: readonly Ribbon[];
  readonly height: number;
}

const moneyHeight = 170;
const nodeHeightMin = 14;
const gap = 34;

/** One flow for each currency of the journal. Debits equal credits, so every ribbon finds both its ends. */
export function flowsOf(entry: Entry): Flow[] {
  const currencies = [...new Set(entry.legs.map((leg) => (leg.debit ?? leg.credit)?.currency ?? ''))].filter(Boolean);
  return currencies.map((currency) => flowIn(currency, entry.legs));
}

function flowIn(currency: string, legs: readonly Leg[]): Flow {
  const debits = gather(legs, 'debit', currency);
  const credits = gather(legs, 'credit', currency);
  const total = debits.reduce((sum, one) => sum + one.amountMinor, 0n) || 1n;
  const left = place(debits, total);
  const right = place(credits, total);
  const end = (nodes: readonly FlowNode[]) => nodes.reduce((bottom, node) => Math.max(bottom, node.y + node.height), 0);
  return { currency, left, right, ribbons: ribbonsOf(left, right), height: Math.max(end(left), end(right)) + gap };
}

interface Sum {
  readonly account: string;
  readonly name: string;
  readonly amountMinor: bigint;
}

function gather(legs: readonly Leg[], side: 'debit' | 'credit', currency: string): Sum[] {
  const sums = new Map<string, Sum>();
  for (const leg of legs) {
    const money = leg[side];
    if (!money || money.currency !== currency || BigInt(money.amountMinor) === 0n) continue;
    const before = sums.get(leg.account)?.amountMinor ?? 0n;
    sums.set(leg.account, {
      account: leg.account,
      name: leg.accountName || leg.account,
      amountMinor: before + BigInt(money.amountMinor),
    });
  }
  return [...sums.values()].sort((a, b) =>
    a.amountMinor < b.amountMinor ? 1 : a.amountMinor > b.amountMinor ? -1 : a.account.localeCompare(b.account),
  );
}

function place(sums: readonly Sum[], total: bigint): FlowNode[] {
  let y = gap / 2;
  return sums.map((sum) => {
    const height = Math.max(nodeHeightMin, share(sum.amountMinor, total) * moneyHeight);
    const node = { ...sum, y, height };
    y += height + gap;
    return node;
  });
}

function share(part: bigint, whole: bigint): number {
  return Number((part * 10_000n) / whole) / 10_000;
}

function ribbonsOf(left: readonly FlowNode[], right: readonly FlowNode[]): Ribbon[] {
  const ribbons: Ribbon[] = [];
  const leftOver = right.map((node) => node.amountMinor);
  let to = 0;
  for (const [from, node] of left.entries()) {
    let rest = node.amountMinor;
    while (rest > 0n && to < right.length) {
      const room = leftOver[to] ?? 0n;
      const amountMinor = rest < room ? rest : room;
      if (amountMinor > 0n)
        ribbons.push(ribbon({ left, right, from, to, amountMinor, out: node.amountMinor - rest, into: room }));
      rest -= amountMinor;
      leftOver[to] = room - amountMinor;
      if (leftOver[to] === 0n) to += 1;
    }
  }
  return ribbons;
}

interface RibbonParts {
  left: readonly FlowNode[];
  right: readonly FlowNode[];
  from: number;
  to: number;
  amountMinor: bigint;
  out: bigint;
  into: bigint;
}

function ribbon({ left, right, from, to, amountMinor, out, into }: RibbonParts): Ribbon {
  const start = left[from] as FlowNode;
  const end = right[to] as FlowNode;
  const height = Math.min(
    share(amountMinor, start.amountMinor) * start.height,
    share(amountMinor, end.amountMinor) * end.height,
  );
  return {
    from,
    to,
    amountMinor,
    fromY: start.y + share(out, start.amountMinor) * start.height,
    toY: end.y + share(end.amountMinor - into, end.amountMinor) * end.height,
    height: Math.max(2, height),
  };
}
