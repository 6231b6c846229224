/**
 * What the services have written about money, held against each other: each fact has its counterparts, once, with the
 * same amount. Pure.
 *
 *     capture (payments) = order paid (orders) = sale in the book (ledger) = expectation (settlement) = invoice
 *     refund, dispute, late payment: the same, and access (learning) follows the order
 */
import type { Journal, MoneyFacts, OrderFacts } from './money-facts.ts';

export interface Finding {
  /** Which of the checks found it. */
  readonly check: string;
  /** What it is about; ids of both sides. */
  readonly ids: readonly string[];
  readonly says: string;
}

export interface Check {
  readonly name: string;
  /** How many things it looks at in these facts. */
  readonly count: (facts: MoneyFacts) => number;
  readonly find: (facts: MoneyFacts) => readonly Omit<Finding, 'check'>[];
}

/** All findings, in the order of the checks. */
export function checkMoney(facts: MoneyFacts): readonly Finding[] {
  return checks.flatMap(({ name, find }) => find(facts).map((finding) => ({ check: name, ...finding })));
}

type Found = Omit<Finding, 'check'>[];

const paidStatuses: readonly string[] = ['paid', 'partially_refunded', 'refunded'];

/** What an order's payment had to bring: its total less what lines of another order gave. */
function dueOf(order: OrderFacts): bigint {
  return order.totalMinor - (order.credit?.amountMinor ?? 0n);
}

const minorOf = (amountMinor: bigint, currency: string) => `${amountMinor} minor units of ${currency}`;

/** Each captured intent has its paid order of the same amount, and each order that a payment paid its captured intent. */
function capturesAndOrders({ intents, orders }: MoneyFacts): Found {
  const found: Found = [];
  const orderOf = new Map(orders.map((order) => [order.id, order]));
  const captured = intents.filter(({ status }) => status === 'captured');
  for (const intent of captured) {
    const ids = [intent.orderId, intent.paymentId];
    const order = orderOf.get(intent.orderId);
    const [attempt] = intent.succeeded;
    if (intent.succeeded.length !== 1 || attempt?.paymentId !== intent.paymentId)
      found.push({ ids, says: `it is captured, and ${intent.succeeded.length} of its attempts have succeeded` });
    else if (attempt.capturedMinor !== intent.capturedMinor)
      found.push({ ids, says: `the attempt took ${attempt.capturedMinor}, the intent has ${intent.capturedMinor}` });
    if (order === undefined || !paidStatuses.includes(order.status) || order.paymentId !== intent.paymentId)
      found.push({ ids, says: `it is captured, and its order is ${order?.status ?? 'not there'}` });
    else if (dueOf(order) !== intent.capturedMinor || order.currency !== intent.currency)
      found.push({
        ids,
        says: `captured ${minorOf(intent.capturedMinor, intent.currency)}, the order was for ${minorOf(dueOf(order), order.currency)}`,
      });
  }
  const capturedIds = new Set(captured.map(({ paymentId }) => paymentId));
  for (const order of orders.filter(isPaidByPayment)) {
    if (capturedIds.has(order.paymentId)) continue;
    found.push({ ids: [order.id, order.paymentId], says: `it is ${order.status}, and its payment is not captured` });
  }
  for (const { orderId, succeeded } of intents.filter(({ status }) => status !== 'captured')) {
    const wanted = succeeded.map(({ paymentId }) => paymentId);
    if (wanted.length > 0) found.push({ ids: [orderId, ...wanted], says: 'it is not captured, and an attempt has' });
  }
  return found;
}

function isPaidByPayment(order: OrderFacts): boolean {
  return paidStatuses.includes(order.status) && order.paymentId !== '' && order.paymentId !== order.credit?.exchangeId;
}

/** An order is paid by a payment, by an exchange, or costs nothing. */
function isSale(order: OrderFacts): boolean {
  return paidStatuses.includes(order.status) && order.totalMinor > 0n;
}

interface Wanted {
  readonly cause: string;
  readonly reference: string;
  readonly currency: string;
  readonly totalMinor: bigint;
  /** What it must add to 1100. */
  readonly receivableMinor: bigint;
}

/** Journals of a kind and the facts they are of, each once. */
function compareJournals(kind: string, journals: readonly Journal[], wanted: readonly Wanted[]): Found {
  const found: Found = [];
  const booked = new Map(journals.filter((journal) => journal.kind === kind).map((each) => [each.cause, each]));
  for (const { cause, reference, currency, totalMinor, receivableMinor } of wanted) {
    const journal = booked.get(cause);
    booked.delete(cause);
    const ids = [cause, reference, ...(journal === undefined ? [] : [journal.id])];
    if (journal === undefined) found.push({ ids, says: `the book has no ${kind} of it` });
    else if (
      journal.reference !== reference ||
      journal.currency !== currency ||
      journal.totalMinor !== totalMinor ||
      journal.receivableMinor !== receivableMinor
    )
      found.push({
        ids,
        says: `${kind} is of ${journal.reference} over ${minorOf(journal.totalMinor, journal.currency)} with ${journal.receivableMinor} on 1100; it should be ${minorOf(totalMinor, currency)} with ${receivableMinor}`,
      });
  }
  for (const { cause, id, reference } of booked.values())
    found.push({ ids: [cause, reference, id], says: `the book has a ${kind} that nothing else knows of` });
  return found;
}

function salesInTheBook({ orders, journals }: MoneyFacts): Found {
  const wanted = orders.filter(isSale).map(({ id, currency, totalMinor, paymentId }) => ({
    ...{ cause: `payment:${paymentId}`, reference: `order:${id}` },
    ...{ currency, totalMinor, receivableMinor: totalMinor },
  }));
  return compareJournals('order_paid', journals, wanted);
}

function refundsInTheBook({ orders, journals }: MoneyFacts): Found {
  const wanted = orders.flatMap(({ id, currency, refunds }) =>
    refunds
      .filter(({ state, amountMinor }) => state === 'succeeded' && amountMinor > 0n)
      .map(({ id: refundId, amountMinor }) => ({
        ...{ cause: `refund:${refundId}`, reference: `order:${id}` },
        ...{ currency, totalMinor: amountMinor, receivableMinor: -amountMinor },
      })),
  );
  return compareJournals('order_refunded', journals, wanted);
}

function disputesInTheBook({ disputes, journals }: MoneyFacts): Found {
  const wanted = (closed: boolean) =>
    disputes
      .filter(({ isClosed }) => isClosed || !closed)
      .map(({ id, orderId, currency, amountMinor, feeMinor, isWon }) => ({
        ...{ cause: `dispute:${id}`, reference: `order:${orderId}`, currency },
        totalMinor: closed ? amountMinor + feeMinor : amountMinor,
        receivableMinor: closed ? (isWon ? amountMinor : 0n) - feeMinor : -amountMinor,
      }));
  return [
    ...compareJournals('dispute_opened', journals, wanted(false)),
    ...compareJournals('dispute_closed', journals, wanted(true)),
  ];
}

/** What came when nobody wanted it any more, and that it went back. */
function latePayments({ refunds, journals }: MoneyFacts): Found {
  const found: Found = [];
  for (const kind of ['late_payment_received', 'late_payment_returned'] as const) {
    const late = refunds.filter(
      ({ isLate, status }) => isLate && (kind === 'late_payment_received' || status === 'succeeded'),
    );
    const booked = new Map(journals.filter((journal) => journal.kind === kind).map((each) => [each.cause, each]));
    for (const { id, paymentId, amountMinor } of late) {
      const journal = booked.get(`payment:${paymentId}`);
      booked.delete(`payment:${paymentId}`);
      if (journal?.totalMinor !== amountMinor)
        found.push({
          ids: [paymentId, id],
          says: `${amountMinor} came late, and ${kind} has ${journal?.totalMinor ?? 'nothing'}`,
        });
    }
    for (const { id, cause } of booked.values())
      found.push({ ids: [cause, id], says: `the book has a ${kind} that payments does not know of` });
  }
  return found;
}

/** A refund is the same in payments and in orders, and orders adds up what has gone back. */
function refundsOfPayments({ orders, refunds }: MoneyFacts): Found {
  const found: Found = [];
  const asked = new Map(refunds.filter(({ isLate }) => !isLate).map((refund) => [refund.id, refund]));
  const exchanged = new Map(
    orders.flatMap(({ id, status, credit }) =>
      credit !== undefined && paidStatuses.includes(status)
        ? [[credit.exchangeId, { orderId: id, amountMinor: credit.amountMinor }] as const]
        : [],
    ),
  );
  for (const order of orders) {
    let returned = 0n;
    for (const { id, state, amountMinor } of order.refunds) {
      const ids = [order.id, id];
      if (state === 'succeeded') returned += amountMinor;
      const exchange = exchanged.get(id);
      const refund = asked.get(id);
      asked.delete(id);
      exchanged.delete(id);
      if (exchange !== undefined) {
        if (exchange.amountMinor !== amountMinor || state !== 'succeeded')
          found.push({
            ids: [...ids, exchange.orderId],
            says: `the exchange gives ${amountMinor} (${state}), the new order took ${exchange.amountMinor}`,
          });
        continue;
      }
      if (state === 'succeeded' && refund?.status !== 'succeeded')
        found.push({ ids, says: `orders has it succeeded, payments ${refund?.status ?? 'does not know it'}` });
      if (refund?.status === 'succeeded' && (state !== 'succeeded' || refund.amountMinor !== amountMinor))
        found.push({ ids, says: `payments returned ${refund.amountMinor}, orders has ${amountMinor} ${state}` });
    }
    if (returned !== order.refundedMinor)
      found.push({ ids: [order.id], says: `its refunds add up to ${returned}, it says ${order.refundedMinor}` });
  }
  for (const { id, paymentId, status } of asked.values())
    if (status === 'succeeded')
      found.push({ ids: [id, paymentId], says: 'payments returned it, and no order knows of it' });
  for (const [id, { orderId }] of exchanged)
    found.push({ ids: [id, orderId], says: 'it is paid by an exchange that no order has' });
  return found;
}

function disputesOfOrders({ orders, disputes }: MoneyFacts): Found {
  const known = new Map(orders.flatMap((order) => order.disputes.map((dispute) => [dispute.id, dispute] as const)));
  const found: Found = [];
  for (const { id, orderId, isClosed, isWon, amountMinor } of disputes) {
    const wanted = isClosed ? (isWon ? 'won' : 'lost') : 'opened';
    const seen = known.get(id);
    known.delete(id);
    if (seen?.state !== wanted || seen.amountMinor !== amountMinor)
      found.push({
        ids: [id, orderId],
        says: `payments has it ${wanted} over ${amountMinor}, its order ${seen?.state ?? 'does not know it'}`,
      });
  }
  for (const { id } of known.values())
    found.push({ ids: [id], says: 'an order has a dispute that payments does not know' });
  return found;
}

/** Who may study follows from what is paid: by the line of a course, or by an entitlement that orders granted. */
function accessFollows({ orders, entitlements, access }: MoneyFacts): Found {
  const found: Found = [];
  const wanted = new Map<string, { readonly orderId: string; readonly isEnded: boolean }>();
  for (const { id: orderId, status, lines, disputes } of orders) {
    const isLost = disputes.some(({ state }) => state === 'lost');
    if (!paidStatuses.includes(status)) continue;
    for (const { id, totalMinor, refundedMinor } of lines.filter((line) => line.kind === 'course'))
      wanted.set(id, {
        orderId,
        isEnded: isLost || (totalMinor > 0n ? refundedMinor === totalMinor : status === 'refunded'),
      });
  }
  for (const { id, orderId, isEnded } of entitlements) wanted.set(id, { orderId, isEnded });
  for (const [id, { orderId, isEnded }] of wanted) {
    if (!access.granted.has(id)) found.push({ ids: [id, orderId], says: 'it is paid, and learning has not opened it' });
    if (access.ended.has(id) !== isEnded)
      found.push({
        ids: [id, orderId],
        says: isEnded ? 'it is over, and learning has it open' : 'it is good, and learning has ended it',
      });
  }
  for (const id of new Set([...access.granted, ...access.ended]))
    if (!wanted.has(id)) found.push({ ids: [id], says: 'learning was told of it, and orders has granted nothing' });
  const paid = new Set(orders.filter(({ status }) => paidStatuses.includes(status)).map(({ id }) => id));
  for (const { id, orderId, isEnded } of entitlements)
    if (!isEnded && orderId !== '' && !paid.has(orderId))
      found.push({ ids: [id, orderId], says: 'it is open, and its order is not paid' });
  return found;
}

/** One invoice for each paid order, one credit note for each refund, of its amount; and numbers without a gap (M31). */
function invoicesFollow({ orders, invoices, series }: MoneyFacts): Found {
  const found: Found = [];
  const issued = new Map(invoices.map((invoice) => [invoice.subject, invoice]));
  const expect = (subject: string, kind: string, totalMinor: bigint) => {
    const invoice = issued.get(subject);
    issued.delete(subject);
    if (invoice?.kind !== kind || invoice.totalMinor !== totalMinor)
      found.push({
        ids: [subject, ...(invoice === undefined ? [] : [invoice.number])],
        says: `${kind} over ${totalMinor}: ${invoice === undefined ? 'there is none' : `${invoice.kind} over ${invoice.totalMinor}`}`,
      });
  };
  for (const order of orders.filter(isSale)) {
    expect(order.id, 'invoice', order.totalMinor);
    for (const { id, state, amountMinor } of order.refunds)
      if (state === 'succeeded' && amountMinor > 0n) expect(id, 'credit_note', amountMinor);
    // A dispute that was lost before these had credit notes has none. It takes at most what refunds had left then.
    for (const { id, state, amountMinor } of order.disputes) {
      const note = issued.get(id);
      if (state === 'lost' && note !== undefined)
        expect(id, 'credit_note', note.totalMinor < amountMinor ? note.totalMinor : amountMinor);
    }
  }
  for (const { subject, number } of issued.values())
    found.push({ ids: [subject, number], says: 'it was issued for nothing that was paid or refunded' });
  const bySeries = Map.groupBy(invoices, (invoice) => invoice.series);
  for (const name of new Set([...bySeries.keys(), ...series.keys()])) {
    const numbers = (bySeries.get(name) ?? []).map(({ sequence }) => sequence).sort((a, b) => a - b);
    const gap = numbers.findIndex((number, index) => number !== index + 1);
    const last = series.get(name) ?? 0;
    if (gap !== -1) found.push({ ids: [name], says: `number ${gap + 1} is missing or double` });
    else if (numbers.length !== last)
      found.push({ ids: [name], says: `it has ${numbers.length} numbers, and ${last} were given` });
  }
  return found;
}

/** Settlement waits for each movement at the provider, once, with its amount. */
function expectationsFollow({ intents, refunds, disputes, expectations }: MoneyFacts): Found {
  const found: Found = [];
  const open = new Map(expectations.map((each) => [`${each.kind} ${each.about}`, each]));
  const expect = (kind: string, about: string, currency: string, amountMinor: bigint) => {
    if (amountMinor === 0n) return;
    const seen = open.get(`${kind} ${about}`);
    open.delete(`${kind} ${about}`);
    if (seen?.amountMinor !== amountMinor || seen.currency !== currency)
      found.push({
        ids: [about, ...(seen === undefined ? [] : [seen.id])],
        says: `settlement expects ${seen === undefined ? 'nothing' : minorOf(seen.amountMinor, seen.currency)} as ${kind}; it should be ${minorOf(amountMinor, currency)}`,
      });
  };
  for (const { status, paymentId, currency, capturedMinor } of intents)
    if (status === 'captured') expect('payment', paymentId, currency, capturedMinor);
  for (const { id, isLate, paymentId, currency, amountMinor, status } of refunds) {
    if (isLate) expect('late_payment', paymentId, currency, amountMinor);
    if (status !== 'succeeded') continue;
    if (isLate) expect('late_payment_return', paymentId, currency, -amountMinor);
    else expect('refund', id, currency, -amountMinor);
  }
  for (const { id, currency, amountMinor, feeMinor, isClosed, isWon } of disputes) {
    expect('dispute', id, currency, -amountMinor);
    if (isClosed && isWon) expect('dispute_reversal', id, currency, amountMinor);
    if (isClosed) expect('dispute_fee', id, currency, -feeMinor);
  }
  for (const { id, about, kind } of open.values())
    found.push({ ids: [about, id], says: `settlement expects a ${kind} that payments does not know of` });
  return found;
}

const saleKinds: ReadonlySet<string> = new Set([
  ...['order_paid', 'order_refunded', 'dispute_opened', 'dispute_closed'],
  ...['late_payment_received', 'late_payment_returned'],
]);

/** In each currency 1100 was moved by sales as much as the provider is expected to settle. */
function receivableAgrees({ journals, expectations }: MoneyFacts): Found {
  const sums = new Map<string, { booked: bigint; expected: bigint }>();
  const of = (currency: string) => {
    const sum = sums.get(currency) ?? { booked: 0n, expected: 0n };
    sums.set(currency, sum);
    return sum;
  };
  for (const { kind, currency, receivableMinor } of journals)
    if (saleKinds.has(kind)) of(currency).booked += receivableMinor;
  for (const { currency, amountMinor } of expectations) of(currency).expected += amountMinor;
  return [...sums]
    .filter(([, { booked, expected }]) => booked !== expected)
    .map(([currency, { booked, expected }]) => ({
      ids: [`1100 ${currency}`],
      says: `the book moved it by ${booked}, and settlement expects ${expected}`,
    }));
}

/** Journals of settlement are in the book, each line is in one place, and matches add up. */
function settlementAddsUp({ bookings, journals, homelessLines, crookedMatches }: MoneyFacts): Found {
  const known = new Set(journals.map(({ id }) => id));
  return [
    ...bookings
      .filter(({ state }) => state === 'refused')
      .map(({ id }) => ({ ids: [id], says: 'the book refused this journal of settlement' })),
    ...bookings
      .filter(({ state, journalId }) => state === 'booked' && !known.has(journalId))
      .map(({ id, journalId }) => ({
        ids: [id, journalId],
        says: 'settlement has it booked, and the book has it not',
      })),
    ...homelessLines.map((id) => ({ ids: [id], says: 'this line is in no match and in no break' })),
    ...crookedMatches.map((id) => ({ ids: [id], says: 'this match does not differ by what it says' })),
  ];
}

const underWay: ReadonlySet<string> = new Set(['created', 'approved', 'submitted']);

/** A payout is what its statement says, and what is on its way stands in 2260. */
function payoutsAddUp({ payouts, inTransit, crookedStatements, bookings }: MoneyFacts): Found {
  const found: Found = crookedStatements.map((id) => ({
    ids: [id],
    says: 'this statement does not add up from its lines',
  }));
  for (const { id, amountMinor, settledMinor } of payouts)
    if (amountMinor !== settledMinor)
      found.push({ ids: [id], says: `it pays ${amountMinor}, its statement says ${settledMinor}` });
  // Until the journals are booked the book is behind.
  if (bookings.some(({ state }) => state === 'waiting')) return found;
  const accounts = new Set([...inTransit.keys(), ...payouts.map(({ account }) => account)]);
  for (const account of accounts) {
    const theirs = payouts.filter((payout) => payout.account === account && underWay.has(payout.status));
    const wanted = theirs.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
    const balance = inTransit.get(account) ?? 0n;
    if (wanted !== balance)
      found.push({
        ids: [account, ...theirs.map(({ id }) => id)],
        says: `the book has ${balance} on its way, payouts ${wanted}`,
      });
  }
  return found;
}

function nothingSetAside({ deadLetters }: MoneyFacts): Found {
  return deadLetters.map((id) => ({ ids: [id], says: 'a service could not apply this event, and set it aside' }));
}

/** In the order in which they are told. */
export const checks: readonly Check[] = [
  { name: 'captures and orders', count: ({ intents }) => intents.length, find: capturesAndOrders },
  { name: 'sales in the book', count: ({ orders }) => orders.filter(isSale).length, find: salesInTheBook },
  { name: 'refunds in the book', count: ({ refunds }) => refunds.length, find: refundsInTheBook },
  { name: 'refunds of payments and orders', count: ({ refunds }) => refunds.length, find: refundsOfPayments },
  { name: 'disputes in the book', count: ({ disputes }) => disputes.length, find: disputesInTheBook },
  { name: 'disputes of payments and orders', count: ({ disputes }) => disputes.length, find: disputesOfOrders },
  { name: 'late payments', count: ({ refunds }) => refunds.filter(({ isLate }) => isLate).length, find: latePayments },
  { name: 'access', count: ({ access }) => access.granted.size, find: accessFollows },
  { name: 'invoices', count: ({ invoices }) => invoices.length, find: invoicesFollow },
  { name: 'expectations', count: ({ expectations }) => expectations.length, find: expectationsFollow },
  { name: 'receivable', count: ({ journals }) => journals.length, find: receivableAgrees },
  { name: 'settlement', count: ({ bookings }) => bookings.length, find: settlementAddsUp },
  { name: 'payouts', count: ({ payouts }) => payouts.length, find: payoutsAddUp },
  { name: 'events set aside', count: () => 1, find: nothingSetAside },
];
