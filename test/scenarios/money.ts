/** Money from its purchases to its disputes, in the order in which the whole of it is played. */
import assert from 'node:assert/strict';
import { eventually, refund } from '../client.ts';
import {
  asBundle,
  asGift,
  asSeats,
  asSubscription,
  boughtCourse,
  captured,
  exchangedForLess,
  exchangedForMore,
  withCoupon,
} from './money-purchases.ts';
import { get, listAll, type MoneyStage, orderIs, post } from './money-stage.ts';
import { rupees } from './stage.ts';

export async function purchases(stage: MoneyStage): Promise<void> {
  await Promise.all([
    boughtCourse(stage, 'By card'),
    boughtCourse(stage, 'By card with a challenge', { token: 'tok_requires_3ds' }),
    boughtCourse(stage, 'By UPI', { token: 'success@sandbox', type: 'upi' }),
    boughtCourse(stage, 'By a UPI app', { token: 'tok_processing', type: 'upi' }),
    withCoupon(stage),
    asBundle(stage),
    asGift(stage),
    asSeats(stage),
    captured(stage),
    asSubscription(stage),
    exchangedForLess(stage),
    exchangedForMore(stage),
  ]);
}

export async function refunds(stage: MoneyStage): Promise<void> {
  const [whole, parts] = await Promise.all([
    boughtCourse(stage, 'Given back', { price: 777 }),
    boughtCourse(stage, 'Given back in parts', { price: 1_003 }),
  ]);
  await refund(whole.buyer, whole.order.id);
  await orderIs(whole.buyer, whole.order.id, 'refunded');
  for (const amount of [rupees(100), rupees(333)]) {
    await refund(stage.finance, parts.order.id, { amount });
    await orderIs(parts.buyer, parts.order.id, 'partially_refunded');
  }
}

interface Dispute {
  readonly id: string;
  readonly orderId: string;
  readonly status: string;
}

/** One that we win by evidence, and one that we give up. */
export async function disputes(stage: MoneyStage): Promise<void> {
  const [won, lost] = await Promise.all([
    boughtCourse(stage, 'Disputed and won', { token: 'tok_chargeback', price: 640 }),
    boughtCourse(stage, 'Disputed and lost', { token: 'tok_chargeback', price: 860 }),
  ]);
  const wonId = await disputeOf(stage, won.order.id);
  const lostId = await disputeOf(stage, lost.order.id);
  await post(stage.finance, `/disputes/${wonId}:challenge`, { evidence: 'winning_evidence: they studied it' }, 200);
  await post(stage.finance, `/disputes/${lostId}:accept`, {}, 200);
  await ends(stage, wonId, ['won']);
  await ends(stage, lostId, ['lost', 'accepted']);
}

async function disputeOf(stage: MoneyStage, orderId: string): Promise<string> {
  const found = await eventually(
    `a dispute of ${orderId}`,
    () => listAll<Dispute>(stage.finance, `/disputes?orderId=${orderId}`, 'disputes'),
    (disputes) => disputes.length === 1,
  );
  return found[0]?.id ?? '';
}

async function ends(stage: MoneyStage, id: string, statuses: readonly string[]): Promise<void> {
  await eventually(
    `dispute ${id} is ${statuses.join(' or ')}`,
    () => get<{ dispute: Dispute & { closedAt?: string } }>(stage.finance, `/disputes/${id}`),
    ({ dispute }) => statuses.includes(dispute.status) && dispute.closedAt !== undefined,
  );
}

/** In each series of a year the numbers run from one without a gap. */
export async function invoicesAreGapless(stage: MoneyStage): Promise<void> {
  const invoices = await listAll<{ number: string; kind: string }>(stage.finance, '/invoices?all=true', 'invoices');
  assert(invoices.length > 0);
  const bySeries = Map.groupBy(invoices, ({ number }) => number.replace(/\d+$/, ''));
  for (const [series, theirs] of bySeries) {
    const numbers = theirs.map(({ number }) => Number(/\d+$/.exec(number)?.[0])).sort((a, b) => a - b);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      `series ${series}`,
    );
  }
}
