/** A command as what it would write: transfers, holds, what it resolves or reverses; or why it may not. Pure. */
import {
  type AccountState,
  amountMax,
  balanceOf,
  isBeyond,
  type Monitor,
  monitorsPerAccountMax,
  netLimits,
  roomOn,
  withinLimits,
} from './account.ts';
import * as chart from './chart.ts';
import type {
  AccountOrder,
  Accounts,
  BookOrder,
  ExchangeOrder,
  ExpireOrder,
  Fact,
  KnownJournal,
  LedgerCommand,
  LedgerOrder,
  MonitorOrder,
  ResolveOrder,
  RevaluationOrder,
  ReversalOrder,
  TransferOrder,
} from './command.ts';
import { detailsText, pairKey, type Rejection, requestOf } from './command.ts';
import { exchangeKinds, followsRate, isRate } from './exchange.ts';
import type { SoldLine, Transfer } from './journals.ts';
import * as templates from './journals.ts';
import { balancesKept, revaluationKinds, valuationRefused } from './revaluation.ts';
import { accountNow, markedOf, nextSequence, type Working } from './state.ts';

/** What one journal is to be. */
export interface Drawn {
  readonly kind: string;
  readonly template: string;
  readonly currency: string;
  readonly transfers: readonly Transfer[];
  readonly holds: readonly Transfer[];
  /** What is held no more. */
  readonly released: readonly Transfer[];
  readonly expiresAtUs: bigint;
  /** Absent: the command's own. */
  readonly effectiveAtUs?: bigint;
  readonly details: string;
  readonly lines: readonly SoldLine[];
  readonly resolves?: { readonly journal: KnownJournal; readonly as: NonNullable<KnownJournal['resolvedAs']> };
  readonly reverses?: KnownJournal;
  /** An account whose state or limits it changes. */
  readonly account?: { readonly code: string; readonly state: AccountState };
}

export interface DrawnNo {
  readonly reason: Rejection;
  readonly detail: string;
}

export function no(reason: Rejection, detail: string): DrawnNo {
  return { reason, detail };
}

export function isNo(drawn: object | string): drawn is DrawnNo {
  return typeof drawn === 'object' && 'reason' in drawn;
}

/** The accounts that a command names by itself. */
export function accountsNamed(command: LedgerCommand): Accounts {
  const { currency } = command;
  const inCurrency = (...codes: string[]): Accounts => codes.map((code) => [code, currency]);
  switch (command.type) {
    case undefined:
      return inCurrency(...factAccounts(command));
    case 'book':
    case 'reverse':
      return inCurrency(...command.transfers.flatMap(({ debit, credit }) => [debit, credit]));
    case 'exchange': {
      const { from, to } = command;
      return [...inCurrency(from.account, chart.exchange), [to.account, to.currency], [chart.exchange, to.currency]];
    }
    case 'revaluation':
      return inCurrency(chart.exchange, chart.unrealisedDifference);
    case 'account':
    case 'monitor':
      return inCurrency(command.account);
    default:
      return [];
  }
}

const lineAccounts = [
  chart.receivable,
  chart.feeRevenue,
  chart.taxPayable,
  chart.centralTax,
  chart.stateTax,
  chart.integratedTax,
];

function factAccounts(fact: Fact): string[] {
  switch (fact.kind) {
    case 'order_paid':
      return [...lineAccounts, ...fact.lines.map((line) => chart.instructorAccount(line.instructorId))];
    case 'order_refunded':
      return lineAccounts;
    case 'dispute_opened':
      return [chart.disputed, chart.receivable];
    case 'dispute_closed':
      return [chart.disputed, chart.receivable, chart.disputeLosses];
    default:
      return [chart.receivable, chart.refundsPayable];
  }
}

export function draw(working: Working, command: LedgerCommand): readonly Drawn[] | 'nothing' | DrawnNo {
  switch (command.type) {
    case undefined:
      return drawFact(working, command);
    case 'book':
      return one(drawBook(working, command));
    case 'resolve':
      return one(drawResolve(working, command));
    case 'expire':
      return one(drawExpire(working, command));
    case 'reverse':
      return one(drawReversal(working, command));
    case 'exchange':
      return drawExchange(command);
    case 'revaluation':
      return drawRevaluation(command);
    case 'account':
      return one(drawAccount(working, command));
    case 'monitor':
      return one(drawMonitor(working, command));
  }
}

function one(drawn: Drawn | DrawnNo): readonly Drawn[] | DrawnNo {
  return isNo(drawn) ? drawn : [drawn];
}

function plain(command: LedgerCommand, template: string): Drawn {
  const { kind, currency } = command;
  return { kind, template, currency, transfers: [], holds: [], released: [], expiresAtUs: 0n, details: '', lines: [] };
}

/** Of commands whose contents the journal's columns do not show: kept, to compare with what comes under the same id. */
function withRequest(order: LedgerOrder, more: Readonly<Record<string, unknown>> = {}): string {
  return detailsText({ ...more, request: requestOf(order) });
}

function drawFact(working: Working, fact: Fact): readonly Drawn[] | 'nothing' | DrawnNo {
  const drawn = factTransfers(working, fact);
  if (isNo(drawn)) return drawn;
  if (drawn.transfers.length === 0) return 'nothing';
  const template = `${fact.kind}@${templates.templateVersions[fact.kind] ?? 1}`;
  return [{ ...plain(fact, template), ...drawn }];
}

type FactDrawn = Pick<Drawn, 'transfers' | 'lines'> & { readonly details?: string };

function factTransfers(working: Working, fact: Fact): FactDrawn | DrawnNo {
  switch (fact.kind) {
    case 'order_paid':
      return drawSale(fact, nextSequence(working));
    case 'order_refunded':
      return drawRefund(working, fact);
    case 'dispute_opened':
      return drawAmounts([fact.amount], () => templates.disputeOpened(fact.amount));
    case 'dispute_closed':
      return drawAmounts([fact.amount, fact.fee], () => templates.disputeClosed(fact.outcome, fact.amount, fact.fee));
    case 'late_payment_received':
      return drawAmounts([fact.amount], () => templates.latePaymentReceived(fact.amount));
    case 'late_payment_returned':
      return drawAmounts([fact.amount], () => templates.latePaymentReturned(fact.amount));
  }
}

function drawAmounts(amounts: readonly bigint[], template: () => Transfer[]): FactDrawn | DrawnNo {
  if (amounts.some((amount) => amount < 0n)) return no('amounts_differ', 'an amount is below zero');
  return { transfers: template(), lines: [] };
}

/** Lines without a price are no sale and leave no trace. */
function drawSale(command: Fact & { kind: 'order_paid' }, soldBy: bigint): FactDrawn | DrawnNo {
  const wrong = command.lines.find((line) => !addsUp(line));
  if (wrong !== undefined) return no('amounts_differ', `the amounts of line ${wrong.lineId} do not add up`);
  const none = { tax: 0n, net: 0n, fee: 0n, share: 0n };
  const lines = command.lines
    .filter((line) => line.gross > 0n)
    .map((line) => ({
      ...line,
      ...templates.splitNet(line.net),
      orderId: command.orderId,
      currency: command.currency,
      soldBy,
      soldAtUs: command.effectiveAtUs,
      refunded: none,
    }));
  return { transfers: templates.orderPaid(command.lines), lines, details: linesKept(lines, 1n) };
}

function drawRefund(working: Working, command: Fact & { kind: 'order_refunded' }): FactDrawn | DrawnNo {
  const wrong = command.lines.find((line) => !addsUp(line));
  if (wrong !== undefined) return no('amounts_differ', `the amounts of line ${wrong.lineId} do not add up`);
  const transfers: Transfer[] = [];
  const lines = new Map<string, SoldLine>();
  const split: SplitLine[] = [];
  for (const refund of command.lines.filter((line) => line.gross > 0n)) {
    const { lineId } = refund;
    const sold = lines.get(lineId) ?? working.lines.get(lineId) ?? working.state.lines.get(lineId);
    if (sold === undefined || sold.currency !== command.currency || sold.orderId !== command.orderId)
      return no('unknown_line', `line ${lineId} was not sold in this order and currency`);
    const parts = templates.refundParts(sold, refund);
    if (parts === undefined) return no('refund_exceeds_line', `more of line ${lineId} would go back than was sold`);
    transfers.push(...templates.lineRefunded(parts));
    lines.set(lineId, parts.line);
    split.push({ lineId, tax: parts.tax, fee: parts.fee, share: parts.share });
  }
  return { transfers, lines: [...lines.values()], details: linesKept(split, -1n) };
}

type SplitLine = Pick<SoldLine, 'lineId' | 'tax' | 'fee' | 'share'>;

/** What each line came to in this journal, less than zero for what went back: an instructor's statement is made of it. */
function linesKept(lines: readonly SplitLine[], sign: bigint): string {
  const text = (amount: bigint) => String(sign * amount);
  return detailsText({
    lines: lines.map(({ lineId, tax, fee, share }) => ({ lineId, tax: text(tax), fee: text(fee), share: text(share) })),
  });
}

function addsUp(line: { gross: bigint; tax: bigint; net: bigint; taxes?: readonly templates.TaxPart[] | undefined }) {
  const { gross, tax, net, taxes } = line;
  return net >= 0n && tax >= 0n && net + tax === gross && templates.taxesAddUp(tax, taxes);
}

function drawBook(working: Working, order: BookOrder): Drawn | DrawnNo {
  const { kind, reference, hold, transfers } = order;
  if (exchangeKinds.has(kind)) return no('pair_not_allowed', `${kind} is half of an exchange: give the whole`);
  if (revaluationKinds.has(kind)) return no('pair_not_allowed', `${kind} is half of a valuation: give the whole`);
  for (const { debit, credit, amount } of transfers) {
    const refused = chart.pairRefused(kind, debit, credit, reference);
    if (refused !== undefined) return no('pair_not_allowed', refused);
    if (amount <= 0n || amount > amountMax) return no('invalid_amount', `${amount} is not an amount to move`);
  }
  if (transfers.length === 0) return no('invalid_amount', 'there is nothing to move');
  const version = chart.journalKinds.get(kind)?.version ?? 1;
  const drawn = plain(order, `${kind}@${version}`);
  const { moves, details } = transfers.some((transfer) => transfer.upTo === true)
    ? upToMoves(working, order)
    : { moves: transfers.map(({ debit, credit, amount }) => ({ debit, credit, amount })), details: '' };
  if (hold === undefined) return { ...drawn, transfers: moves, details };
  // What came to nothing holds nothing, so nothing of it expires: the store keeps the time with what is held.
  const expiresAtUs = hold.timeoutUs === 0n || moves.length === 0 ? 0n : working.recordedAtUs + hold.timeoutUs;
  return { ...drawn, holds: moves, expiresAtUs, details: order.crossing === undefined ? details : crossingKept(order) };
}

/** What is to be done in the other shard is in the journal itself: whoever finds the hold can finish it. */
function crossingKept(order: BookOrder): string {
  const { to = 0, transfers = [] } = order.crossing ?? {};
  const kept = transfers.map(({ debit, credit, amount }) => ({ debit, credit, amount: String(amount) }));
  return withRequest(order, { crossing: { to, transfers: kept } });
}

function upToMoves(working: Working, order: BookOrder): { moves: Transfer[]; details: string } {
  const amounts = resolveUpTo(working, order);
  const moves = order.transfers.flatMap(({ debit, credit }, index) => {
    const amount = amounts[index] ?? 0n;
    return amount === 0n ? [] : [{ debit, credit, amount }];
  });
  return { moves, details: withRequest(order, { resolved: amounts.map(String) }) };
}

/** What each transfer comes to, the ones before it counted. */
function resolveUpTo(working: Working, { transfers, currency, hold }: BookOrder): bigint[] {
  const accounts = new Map<string, AccountState>();
  const now = (code: string) => accounts.get(code) ?? accountNow(working, code, currency);
  return transfers.map(({ debit, credit, amount, upTo }) => {
    const room = [amount, roomOn(debit, 'debit', now(debit)), roomOn(credit, 'credit', now(credit))];
    const moved = upTo === true ? room.reduce((least, each) => (each < least ? each : least)) : amount;
    const [d, c] = [now(debit), now(credit)];
    accounts.set(
      debit,
      hold === undefined ? { ...d, debit: d.debit + moved } : { ...d, pendingDebit: d.pendingDebit + moved },
    );
    accounts.set(
      credit,
      hold === undefined ? { ...c, credit: c.credit + moved } : { ...c, pendingCredit: c.pendingCredit + moved },
    );
    return moved;
  });
}

/** What the transfers of a journal came to, in the order in which they were asked for. */
export function movedBy(journal: Pick<KnownJournal, 'transfers' | 'holds' | 'details'>): bigint[] {
  const { transfers, holds = [], details = '' } = journal;
  const kept = details === '' ? undefined : (JSON.parse(details) as { resolved?: string[] }).resolved;
  return kept?.map(BigInt) ?? (holds.length > 0 ? holds : transfers).map((transfer) => transfer.amount);
}

function findTarget(
  working: Working,
  target: string,
  fits: (journal: KnownJournal) => boolean,
): KnownJournal | DrawnNo {
  const found = [...(working.state.targets.get(target) ?? []), ...(working.fresh?.get(target) ?? [])];
  if (found.length === 0) return no('unknown_target', `there is no journal ${target}`);
  const fitting = found.filter(fits);
  if (fitting.length > 1)
    return no('target_ambiguous', `${target} means ${fitting.length} journals; give a journal's id`);
  const [journal = found[0]] = fitting;
  return journal === undefined ? no('unknown_target', `there is no journal ${target}`) : markedOf(working, journal);
}

function findHold(working: Working, order: ResolveOrder | ExpireOrder): KnownJournal | DrawnNo {
  const target = findTarget(working, order.target, holdsSomething);
  if (isNo(target)) return target;
  if (!holdsSomething(target) || target.currency !== order.currency)
    return no('not_a_hold', `${order.target} holds nothing in ${order.currency}`);
  if (target.resolvedAs !== undefined) return no(target.resolvedAs, `the hold ${order.target} is resolved`);
  return target;
}

function holdsSomething(journal: KnownJournal): boolean {
  return (journal.holds ?? []).length > 0;
}

function drawResolve(working: Working, order: ResolveOrder): Drawn | DrawnNo {
  const target = findHold(working, order);
  if (isNo(target)) return target;
  const expiresAtUs = target.expiresAtUs ?? 0n;
  if (expiresAtUs !== 0n && working.recordedAtUs >= expiresAtUs)
    return no('expired', `the hold ${order.target} expired`);
  const holds = target.holds ?? [];
  const drawn = { ...plain(order, `${order.kind}@1`), released: holds, details: withRequest(order) };
  if (order.kind === 'void_pending') return { ...drawn, resolves: { journal: target, as: 'already_voided' } };
  const resolves = { journal: target, as: 'already_posted' } as const;
  if (order.amount === 0n) return { ...drawn, resolves, transfers: holds };
  const [hold] = holds;
  if (hold === undefined || holds.length > 1)
    return no('partial_of_many', 'a hold of several transfers is posted whole');
  if (order.amount < 0n) return no('invalid_amount', `${order.amount} is not an amount to move`);
  if (order.amount > hold.amount) return no('exceeds_pending_amount', `${hold.amount} is held`);
  return { ...drawn, resolves, transfers: [{ ...hold, amount: order.amount }] };
}

function drawExpire(working: Working, order: ExpireOrder): Drawn | DrawnNo {
  const target = findHold(working, order);
  if (isNo(target)) return target;
  const expiresAtUs = target.expiresAtUs ?? 0n;
  if (expiresAtUs === 0n || working.recordedAtUs < expiresAtUs) return no('not_expired', 'its time has not come');
  return {
    ...plain(order, `${order.kind}@1`),
    released: target.holds ?? [],
    resolves: { journal: target, as: 'expired' },
    details: withRequest(order),
  };
}

function drawReversal(working: Working, order: ReversalOrder): Drawn | DrawnNo {
  const target = findTarget(working, order.target, (journal) => journal.transfers.length > 0);
  if (isNo(target)) return target;
  // What events book is taken back by events, which also keep the sold lines right.
  const isOurs = target.kind !== 'reversal' && templates.templateVersions[target.kind] === undefined;
  if (target.transfers.length === 0 || !isOurs || target.currency !== order.currency)
    return no('not_reversible', `${target.kind} ${order.target} cannot be reversed in ${order.currency}`);
  if (exchangeKinds.has(target.kind))
    return no('not_reversible', `${order.target} is half of an exchange: change the money back, at the rate of then`);
  if (revaluationKinds.has(target.kind))
    return no('not_reversible', `${order.target} is half of a valuation: value the same end again, at the right rates`);
  if (target.transfers.some((transfer) => Object.values(transfer).includes(chart.betweenShards)))
    return no('not_reversible', `${order.target} went from one shard to another: book it the other way round`);
  const left = leftOf(target);
  const transfers = order.transfers.length === 0 ? turnedRound(left) : order.transfers;
  if (transfers.length === 0) return no('already_reversed', `all of ${order.target} was reversed`);
  const wrong = exceeds(left, transfers);
  if (wrong !== undefined) return wrong;
  const moves = transfers.map(({ debit, credit, amount }) => ({ debit, credit, amount }));
  return { ...plain(order, 'reversal@1'), transfers: moves, reverses: target, details: withRequest(order) };
}

/** What of each pair of a journal was not taken back yet. */
function leftOf(target: KnownJournal): Map<string, Transfer> {
  const left = new Map<string, Transfer>();
  for (const { debit, credit, amount } of target.transfers) {
    const before = left.get(pairKey(debit, credit))?.amount ?? 0n;
    left.set(pairKey(debit, credit), { debit, credit, amount: before + amount });
  }
  for (const [key, amount] of target.reversed) {
    const transfer = left.get(key);
    if (transfer !== undefined) left.set(key, { ...transfer, amount: transfer.amount - amount });
  }
  return left;
}

function turnedRound(left: ReadonlyMap<string, Transfer>): Transfer[] {
  return [...left.values()]
    .filter((transfer) => transfer.amount > 0n)
    .map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount }));
}

function exceeds(left: ReadonlyMap<string, Transfer>, transfers: readonly TransferOrder[]): DrawnNo | undefined {
  const sums = new Map<string, bigint>();
  for (const { debit, credit, amount, upTo } of transfers) {
    if (amount <= 0n || upTo === true) return no('invalid_amount', `${amount} is not an amount to take back`);
    const key = pairKey(credit, debit);
    const sum = (sums.get(key) ?? 0n) + amount;
    sums.set(key, sum);
    const rest = left.get(key)?.amount ?? 0n;
    if (rest === 0n && left.has(key)) return no('already_reversed', `${credit} to ${debit} was reversed`);
    if (sum > rest) return no('exceeds_original', `${rest} is left of ${credit} to ${debit}`);
  }
  return undefined;
}

function drawExchange(order: ExchangeOrder): readonly Drawn[] | DrawnNo {
  const { from, to, currency, rate, source, reference } = order;
  const refused =
    chart.pairRefused('exchange_sold', chart.exchange, from.account, reference) ??
    chart.pairRefused('exchange_bought', to.account, chart.exchange, reference);
  if (refused !== undefined) return no('pair_not_allowed', refused);
  if (currency === to.currency) return no('pair_not_allowed', `${currency} is not changed into itself`);
  if ([from.amount, to.amount].some((amount) => amount <= 0n || amount > amountMax))
    return no('invalid_amount', 'both amounts are above zero');
  if (!isRate(rate)) return no('invalid_rate', `${rate} is not a rate: a decimal above zero, e.g. 83.125`);
  const exchange = { sold: { currency, amount: from.amount }, bought: to, rate, source };
  if (!followsRate(exchange))
    return no(
      'amounts_differ',
      `${from.amount} ${currency} at ${rate} are not ${to.amount} ${to.currency}, in minor units`,
    );
  const { sold, bought } = templates.exchanged(from, to);
  const details = withRequest(order, { rate, source });
  const first = { ...plain(order, 'exchange_sold@1'), details };
  return [
    { ...first, transfers: sold },
    { ...first, kind: 'exchange_bought', template: 'exchange_bought@1', currency: to.currency, transfers: bought },
  ];
}

function drawRevaluation(order: RevaluationOrder): readonly Drawn[] | 'nothing' | DrawnNo {
  const { revaluation, currency, effectiveAtUs } = order;
  const refused = valuationRefused(currency, revaluation);
  if (refused !== undefined) return no('amounts_differ', refused);
  const { valued, takenBack } = templates.revalued(revaluation.differenceMinor);
  const [{ amount = 0n } = {}] = valued;
  if (amount === 0n) return 'nothing';
  if (amount > amountMax) return no('invalid_amount', `${amount} is not an amount to move`);
  const details = withRequest(order, { balances: balancesKept(revaluation) });
  const version = chart.journalKinds.get(order.kind)?.version ?? 1;
  const first = { ...plain(order, `revaluation@${version}`), details };
  const second = { kind: 'revaluation_reversed', template: `revaluation_reversed@${version}` };
  return [
    { ...first, transfers: valued },
    { ...first, ...second, transfers: takenBack, effectiveAtUs: effectiveAtUs + 1n },
  ];
}

function drawAccount(working: Working, order: AccountOrder): Drawn | DrawnNo {
  const { account: code, currency } = order;
  if (chart.accountKind(code) === undefined) return no('unknown_account', `${code} is not an account of the chart`);
  const state = changedAccount(order, accountNow(working, code, currency));
  if (isNo(state)) return state;
  return { ...plain(order, `${order.kind}@1`), account: { code, state }, details: withRequest(order) };
}

function changedAccount(order: AccountOrder, before: AccountState): AccountState | DrawnNo {
  const name = `${order.account} ${order.currency}`;
  switch (order.kind) {
    case 'account_frozen':
      return before.status === 'closed' ? no('account_closed', `${name} is closed`) : { ...before, status: 'frozen' };
    case 'account_reopened':
      return { ...before, status: 'open' };
    case 'account_closed':
      if (before.pendingDebit + before.pendingCredit > 0n) return no('account_has_holds', `${name} has live holds`);
      if (before.debit !== before.credit)
        return no('account_not_empty', `${name} stands at ${balanceOf(order.account, before)}`);
      return { ...before, status: 'closed' };
    case 'account_limited': {
      const limited = { ...before, ...netLimits(order.account, order.floor, order.ceiling) };
      return withinLimits(limited) ? limited : no('limit_already_crossed', `${name} is beyond that already`);
    }
  }
}

function drawMonitor(working: Working, order: MonitorOrder): Drawn | DrawnNo {
  const { account: code, currency, monitorId: id, direction, threshold, hysteresis } = order;
  if (chart.accountKind(code) === undefined) return no('unknown_account', `${code} is not an account of the chart`);
  if (hysteresis < 0n) return no('invalid_amount', 'the hysteresis is at least zero');
  const before = accountNow(working, code, currency);
  const others = before.monitors.filter((monitor) => monitor.id !== id);
  if (order.kind === 'monitor_set' && others.length >= monitorsPerAccountMax)
    return no('too_many_monitors', `${code} ${currency} has ${monitorsPerAccountMax} monitors`);
  const fresh: Monitor = { id, direction, threshold, hysteresis, isBeyond: false };
  const set = { ...fresh, isBeyond: isBeyond(fresh, balanceOf(code, before)) };
  const state = { ...before, monitors: order.kind === 'monitor_set' ? [...others, set] : others };
  return { ...plain(order, `${order.kind}@1`), account: { code, state }, details: withRequest(order) };
}
