/**
 * Matching: which lines are what was expected. The answer follows from the set of lines, expectations and rules alone,
 * never from the order they are given in. No I/O.
 */
import { byText, inOrder, type Rule } from './rule.ts';

export interface LineToMatch {
  readonly id: string;
  readonly kind: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Undefined when it is in another currency than what was paid. */
  readonly feeMinor: bigint | undefined;
  /** Days since the epoch. */
  readonly day: number;
  /** Keys of its references, the most telling first. */
  readonly keys: readonly string[];
  /** Key of its description, where a reference may stand inside. */
  readonly text: string;
}

export interface ExpectationToMatch {
  readonly id: string;
  readonly kind: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  /** Undefined when nobody said what the provider would keep. */
  readonly feeMinor: bigint | undefined;
  readonly day: number;
  readonly keys: readonly string[];
}

export interface Match {
  readonly ruleId: string;
  readonly lines: readonly LineToMatch[];
  readonly expectations: readonly ExpectationToMatch[];
  /** Lines less expectations: within the rule's tolerance. */
  readonly differenceMinor: bigint;
}

export interface Matched {
  readonly matches: readonly Match[];
  readonly lines: readonly LineToMatch[];
  readonly expectations: readonly ExpectationToMatch[];
}

/** Shorter names are found in texts by chance. */
const namedCharsMin = 6;
/** The search for a subset looks at so many candidates and sums, then gives up; the rest is for people. */
const candidatesMax = 24;
const sumsMax = 20_000;

export function match(
  lines: readonly LineToMatch[],
  expectations: readonly ExpectationToMatch[],
  rules: readonly Rule[],
): Matched {
  let rest: Rest = { lines: sorted(lines), expectations: sorted(expectations) };
  const matches: Match[] = [];
  for (const rule of inOrder(rules)) {
    const found = applyRule(rule, rest);
    const taken = new Set(found.flatMap((each) => [...each.lines, ...each.expectations].map(({ id }) => id)));
    matches.push(...found);
    rest = {
      lines: rest.lines.filter(({ id }) => !taken.has(id)),
      expectations: rest.expectations.filter(({ id }) => !taken.has(id)),
    };
  }
  return { matches, ...rest };
}

interface Rest {
  readonly lines: readonly LineToMatch[];
  readonly expectations: readonly ExpectationToMatch[];
}

/** By day, then id: whatever order the database gave them in. */
function sorted<T extends { readonly id: string; readonly day: number }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => a.day - b.day || byText(a.id, b.id));
}

function applyRule(rule: Rule, rest: Rest): Match[] {
  switch (rule.shape) {
    case 'one_to_one':
      return pairs(rule, rest);
    case 'one_to_many':
      return oneLine(rule, rest);
    case 'many_to_one':
      return oneExpectation(rule, rest);
    case 'many_to_many':
      return groups(rule, rest);
  }
}

/** Of all pairs that fit the nearest first: by reference, amount, day, then ids. */
function pairs(rule: Rule, { lines, expectations }: Rest): Match[] {
  const fitting = lines.flatMap((line) =>
    expectations.flatMap((expectation) => {
      if (!fits(rule, line, expectation) || !feeFits(line, expectation)) return [];
      if (!sumsFit(rule, line.amountMinor, expectation.amountMinor)) return [];
      return [{ line, expectation, rank: rankOf(line, expectation), apart: apart(line, expectation) }];
    }),
  );
  fitting.sort(
    (a, b) =>
      a.rank - b.rank ||
      compare(a.apart.amount, b.apart.amount) ||
      a.apart.days - b.apart.days ||
      a.expectation.day - b.expectation.day ||
      byText(a.expectation.id, b.expectation.id) ||
      a.line.day - b.line.day ||
      byText(a.line.id, b.line.id),
  );
  const taken = new Set<string>();
  return fitting.flatMap(({ line, expectation }) => {
    if (taken.has(line.id) || taken.has(expectation.id)) return [];
    taken.add(line.id).add(expectation.id);
    return [matchOf(rule, [line], [expectation])];
  });
}

function oneLine(rule: Rule, { lines, expectations }: Rest): Match[] {
  const taken = new Set<string>();
  return lines.flatMap((line) => {
    const candidates = expectations.filter((each) => !taken.has(each.id) && fits(rule, line, each));
    const chosen = subset(rule, candidates, (sum) => sumsFit(rule, line.amountMinor, sum));
    for (const { id } of chosen) taken.add(id);
    return chosen.length === 0 ? [] : [matchOf(rule, [line], chosen)];
  });
}

function oneExpectation(rule: Rule, { lines, expectations }: Rest): Match[] {
  const taken = new Set<string>();
  return expectations.flatMap((expectation) => {
    const candidates = lines.filter((each) => !taken.has(each.id) && fits(rule, each, expectation));
    const chosen = subset(rule, candidates, (sum) => sumsFit(rule, sum, expectation.amountMinor));
    for (const { id } of chosen) taken.add(id);
    return chosen.length === 0 ? [] : [matchOf(rule, chosen, [expectation])];
  });
}

/** Whole groups that share their first reference, when their sums fit. */
function groups(rule: Rule, { lines, expectations }: Rest): Match[] {
  const lineGroups = grouped(lines);
  const expectationGroups = grouped(expectations);
  return [...lineGroups].flatMap(([key, ours]) => {
    const theirs = expectationGroups.get(key) ?? [];
    if (ours.length < 2 || theirs.length < 2 || ours.length > rule.groupMax || theirs.length > rule.groupMax) return [];
    const daysFit = ours.every((line) => theirs.every((each) => apart(line, each).days <= rule.daysApartMax));
    return daysFit && sumsFit(rule, sumOf(ours), sumOf(theirs)) ? [matchOf(rule, ours, theirs)] : [];
  });
}

function grouped<T extends { readonly keys: readonly string[]; readonly currency: string }>(
  items: readonly T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const [first] = item.keys;
    if (first === undefined) continue;
    const key = `${item.currency} ${first}`;
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return new Map([...groups].sort(([a], [b]) => byText(a, b)));
}

/**
 * At least two of the candidates whose sum fits: all of them, else the smallest number, and of those the first in order.
 * Bounded: gives up after `sumsMax` sums.
 */
function subset<T extends { readonly amountMinor: bigint }>(
  rule: Rule,
  candidates: readonly T[],
  fitsSum: (sum: bigint) => boolean,
): readonly T[] {
  if (candidates.length < 2) return [];
  if (candidates.length <= rule.groupMax && fitsSum(sumOf(candidates))) return candidates;
  const bounded = candidates.slice(0, candidatesMax);
  const budget = { sums: sumsMax };
  for (let size = 2; size < bounded.length && size <= rule.groupMax && budget.sums > 0; size += 1) {
    const found = choose(bounded, size, 0, 0n, fitsSum, budget);
    if (found !== undefined) return found;
  }
  return [];
}

function choose<T extends { readonly amountMinor: bigint }>(
  items: readonly T[],
  size: number,
  from: number,
  sum: bigint,
  fitsSum: (sum: bigint) => boolean,
  budget: { sums: number },
): T[] | undefined {
  if (size === 0) {
    budget.sums -= 1;
    return fitsSum(sum) ? [] : undefined;
  }
  for (let index = from; index <= items.length - size && budget.sums > 0; index += 1) {
    const item = items[index];
    if (item === undefined) return undefined;
    const rest = choose(items, size - 1, index + 1, sum + item.amountMinor, fitsSum, budget);
    if (rest !== undefined) return [item, ...rest];
  }
  return undefined;
}

function matchOf(rule: Rule, lines: readonly LineToMatch[], expectations: readonly ExpectationToMatch[]): Match {
  return { ruleId: rule.id, lines, expectations, differenceMinor: sumOf(lines) - sumOf(expectations) };
}

function fits(rule: Rule, line: LineToMatch, expectation: ExpectationToMatch): boolean {
  return (
    line.currency === expectation.currency &&
    kindsFit(line.kind, expectation.kind) &&
    apart(line, expectation).days <= rule.daysApartMax &&
    referencesFit(rule, line, expectation)
  );
}

function referencesFit(rule: Rule, line: LineToMatch, expectation: ExpectationToMatch): boolean {
  if (rule.reference === 'any') return true;
  if (sharesKey(line, expectation)) return true;
  if (rule.reference === 'equals') return false;
  const [name = ''] = expectation.keys;
  return name.length >= namedCharsMin && [line.text, ...line.keys].some((text) => text.includes(name));
}

/**
 * The first reference of one is among those of the other. A shared second one is not enough: two refunds of a payment
 * share the payment and are not each other.
 */
export function sharesKey(line: LineToMatch, expectation: ExpectationToMatch): boolean {
  const [lineName] = line.keys;
  const [expectedName] = expectation.keys;
  return (
    (lineName !== undefined && expectation.keys.includes(lineName)) ||
    (expectedName !== undefined && line.keys.includes(expectedName))
  );
}

/** What lines of a kind may be of; a bank's entry may be of anything. */
const expectedAs: Readonly<Record<string, readonly string[]>> = {
  payment: ['payment', 'late_payment'],
  refund: ['refund', 'late_payment_return'],
};

export function kindsFit(lineKind: string, expectationKind: string): boolean {
  return lineKind === 'entry' || (expectedAs[lineKind] ?? [lineKind]).includes(expectationKind);
}

export function feeFits(line: LineToMatch, expectation: ExpectationToMatch): boolean {
  return expectation.feeMinor === undefined || line.feeMinor === undefined || expectation.feeMinor === line.feeMinor;
}

/** Both go the same way, and are apart by no more than the rule allows. */
function sumsFit(rule: Rule, linesMinor: bigint, expectedMinor: bigint): boolean {
  if (linesMinor > 0n !== expectedMinor > 0n) return false;
  const share = (absolute(expectedMinor) * BigInt(rule.amountToleranceBps)) / 10_000n;
  const most = share > rule.amountToleranceMinor ? share : rule.amountToleranceMinor;
  return absolute(linesMinor - expectedMinor) <= most;
}

/** How telling the reference is that both have: 0 when it is the first of each. */
function rankOf(line: LineToMatch, expectation: ExpectationToMatch): number {
  const ranks = line.keys.flatMap((key, index) => {
    const at = expectation.keys.indexOf(key);
    return at < 0 ? [] : [index + at];
  });
  return ranks.length === 0 ? Number.MAX_SAFE_INTEGER : Math.min(...ranks);
}

function apart(line: LineToMatch, expectation: ExpectationToMatch): { amount: bigint; days: number } {
  return {
    amount: absolute(line.amountMinor - expectation.amountMinor),
    days: Math.abs(line.day - expectation.day),
  };
}

function sumOf(items: readonly { readonly amountMinor: bigint }[]): bigint {
  return items.reduce((total, { amountMinor }) => total + amountMinor, 0n);
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export type BreakType = 'missing_here' | 'missing_there' | 'amount' | 'currency' | 'duplicate' | 'late' | 'fee';

/** What is wrong with a line that nothing matches, and which expectation it speaks of, if any. */
export function breakOf(
  line: LineToMatch,
  expectations: readonly ExpectationToMatch[],
): { readonly type: BreakType; readonly expectation?: ExpectationToMatch } {
  const [expectation] = expectations
    .filter((each) => kindsFit(line.kind, each.kind) && sharesKey(line, each) && sameWay(line, each))
    .sort((a, b) => rankOf(line, a) - rankOf(line, b) || a.day - b.day || byText(a.id, b.id));
  if (expectation === undefined) return { type: line.kind === 'fee' ? 'fee' : 'missing_here' };
  if (expectation.currency !== line.currency) return { type: 'currency', expectation };
  if (expectation.amountMinor !== line.amountMinor) return { type: 'amount', expectation };
  if (!feeFits(line, expectation)) return { type: 'fee', expectation };
  // Equal in all but the day or the rules of finance: it came, at a time at which nobody waited for it.
  return { type: 'late', expectation };
}

function sameWay(line: LineToMatch, expectation: ExpectationToMatch): boolean {
  return line.amountMinor > 0n === expectation.amountMinor > 0n;
}
