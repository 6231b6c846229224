/** Every command in every state of an order (M30): its events, a refusal, a contradiction, or nothing when it is already so. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { describe, expect, it } from 'vitest';
import { decide, evolve, type Order, type OrderCommand, OrderContradiction, type OrderLine } from './order.ts';

const line: OrderLine = {
  ...{ id: 'a', kind: 'course', quantity: 1, unitPriceMinor: 11_800n, priceMinor: 11_800n, discountMinor: 0n },
  ...{ taxMinor: 1_800n, taxes: [], bundleId: '', cohortId: '', reference: '', courseId: 'crs_a', courseSlug: 'a' },
  ...{ title: 'A', instructorId: 'usr_teacher', release: 1 },
};
const place: OrderCommand = {
  ...{ kind: 'place', orderId: 'ord_1', number: 'SU-1', buyerId: 'usr_1', currency: 'INR', lines: [line] },
  ...{ captureMethod: 'automatic', atMs: 1_000 },
};
const money = { currency: 'INR', amountMinor: 11_800n, atMs: 2_000 } as const;
const dispute = { disputeId: 'dsp_1', paymentId: 'pay_1', amountMinor: 11_800n, atMs: 3_000 } as const;
const settle = { kind: 'settle_refund', refundId: 'rfd_1', code: 'x', atMs: 4_000 } as const;

const commands = {
  authorize: { kind: 'authorize', paymentId: 'pay_1', ...money },
  'authorize less': { kind: 'authorize', paymentId: 'pay_1', ...money, amountMinor: 11_799n },
  pay: { kind: 'pay', paymentId: 'pay_1', provider: 'sandbox', ...money },
  'pay again by another': { kind: 'pay', paymentId: 'pay_2', provider: 'sandbox', ...money },
  'pay less': { kind: 'pay', paymentId: 'pay_1', provider: 'sandbox', ...money, amountMinor: 11_799n },
  'pay more': { kind: 'pay', paymentId: 'pay_1', provider: 'sandbox', ...money, amountMinor: 11_801n },
  cancel: { kind: 'cancel', because: 'buyer', atMs: 2_000 },
  refund: {
    ...{ kind: 'request_refund', refundId: 'rfd_1', requestedBy: 'usr_fin', byBuyer: false, items: [], reason: 'r' },
    ...{ amount: { currency: 'INR', amountMinor: 5_000n }, atMs: 3_000 },
  },
  'refund made': { ...settle, outcome: 'succeeded' },
  'refund failed': { ...settle, outcome: 'failed' },
  dispute: { kind: 'open_dispute', ...dispute },
  'dispute of another payment': { kind: 'open_dispute', ...dispute, disputeId: 'dsp_2', paymentId: 'pay_2' },
  'dispute won': { kind: 'close_dispute', ...dispute, outcome: 'won' },
  'dispute lost': { kind: 'close_dispute', ...dispute, outcome: 'lost' },
} as const satisfies Record<string, OrderCommand>;
type Name = keyof typeof commands;

/** How each state is come to. */
const states = {
  placed: [],
  authorized: ['authorize'],
  paid: ['pay'],
  cancelled: ['cancel'],
  refunding: ['pay', 'refund'],
  refunded: ['pay', 'refund', 'refund made'],
  'refund that failed': ['pay', 'refund', 'refund failed'],
  disputed: ['pay', 'dispute'],
  'dispute that was won': ['pay', 'dispute', 'dispute won'],
  'dispute that was lost': ['pay', 'dispute', 'dispute lost'],
} as const satisfies Record<string, readonly Name[]>;
type State = keyof typeof states;

const wrong = 'contradiction';
const same = 'nothing';
const notPaid = {
  'refund made': wrong,
  'refund failed': wrong,
  dispute: wrong,
  'dispute won': wrong,
  'dispute lost': wrong,
};
const unpaid = { ...notPaid, refund: 'order_not_paid', 'dispute of another payment': wrong };
const wrongMoney = { 'authorize less': wrong, 'pay less': wrong, 'pay more': wrong };
const payable = { pay: 'OrderPaid', 'pay again by another': 'OrderPaid', cancel: 'OrderCancelled' };
const paid = {
  ...{ authorize: same, 'authorize less': same, pay: same, 'pay less': same, 'pay more': same },
  ...{ 'pay again by another': wrong, cancel: 'order_not_cancellable', refund: 'RefundRequested' },
  ...{ dispute: 'DisputeOpened', 'dispute of another payment': wrong },
  ...{ 'dispute won': 'DisputeClosed', 'dispute lost': 'DisputeClosed' },
};
const unasked = { 'refund made': wrong, 'refund failed': wrong };

const table: Readonly<Record<State, Readonly<Record<Name, string>>>> = {
  placed: { ...unpaid, ...wrongMoney, ...payable, authorize: 'OrderAuthorized' },
  authorized: { ...unpaid, ...wrongMoney, ...payable, authorize: same, 'authorize less': same },
  cancelled: {
    ...{ ...unpaid, authorize: same, 'authorize less': same, cancel: same },
    ...{ pay: wrong, 'pay again by another': wrong, 'pay less': wrong, 'pay more': wrong },
  },
  paid: { ...paid, ...unasked },
  refunding: { ...paid, 'refund made': 'RefundSucceeded', 'refund failed': 'RefundFailed' },
  refunded: { ...paid, 'refund made': same, 'refund failed': wrong },
  'refund that failed': { ...paid, 'refund made': wrong, 'refund failed': same },
  disputed: { ...paid, ...unasked, dispute: same },
  'dispute that was won': { ...paid, ...unasked, dispute: same, 'dispute won': same, 'dispute lost': wrong },
  'dispute that was lost': {
    ...{ ...paid, ...unasked, dispute: same, 'dispute won': wrong, 'dispute lost': same },
    refund: 'refund_exceeds_captured',
  },
};

function orderIn(state: State): Order {
  let order: Order | undefined;
  for (const command of [place, ...states[state].map((name) => commands[name])]) {
    const events = decide(command, order);
    if (isRefusal(events)) throw new Error(events.code);
    for (const event of events) order = evolve(order, event);
  }
  if (order === undefined) throw new Error('no order');
  return order;
}

function outcomeOf(command: OrderCommand, order: Order): string {
  try {
    const decided = decide(command, order);
    if (isRefusal(decided)) return decided.code;
    return decided.length === 0 ? same : decided.map((event) => event.type).join(' ');
  } catch (error) {
    if (error instanceof OrderContradiction) return wrong;
    throw error;
  }
}

describe('M30: an order that is', () => {
  it.each(Object.keys(states) as State[])('%s', (state) => {
    const order = orderIn(state);
    const before = structuredClone(order);
    const outcomes = Object.fromEntries(
      Object.entries(commands).map(([name, command]) => [name, outcomeOf(command, order)]),
    );
    expect(outcomes).toEqual(table[state]);
    expect(order).toEqual(before);
  });

  it('any: the same command again right away has no event and is no error', () => {
    for (const state of Object.keys(states) as State[])
      for (const [name, command] of Object.entries(commands)) {
        const order = orderIn(state);
        const decided =
          outcomeOf(command, order).includes('Refund') && name === 'refund' ? [] : decideQuietly(command, order);
        const after = decided.reduce<Order>((folded, event) => evolve(folded, event), order);
        if (decided.length > 0) expect([state, name, outcomeOf(command, after)]).toEqual([state, name, same]);
      }
  });
});

function decideQuietly(command: OrderCommand, order: Order) {
  try {
    const decided = decide(command, order);
    return isRefusal(decided) ? [] : decided;
  } catch {
    return [];
  }
}
