/** Money from its purchases to its disputes, in the order in which the whole of it is played. */
import assert from 'node:assert/strict';
import { eventually, refund } from '../client.ts';
import {
  asBundle,
  asGift,
  asSeats,
  asSubscription,
  bought,
  boughtCourse,
  captured,
  exchangedForLess,
  exchangedForMore,
  withCoupon,
} from './money-purchases.ts';
import { get, listAll, type MoneyStage, orderIs, post } from './money-stage.ts';
import { courseAndBuyer, rupees } from './stage.ts';

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

/** What the sandbox settles in rupees in this run; set for the platform that the scenarios play on. */
export const settledAbroad = 'USD:INR@83.25,JPY:INR@0.5563,KWD:INR@271.4';

/** Sold in other currencies than the provider settles in; what of each was not given back, in minor units. */
export async function abroad(stage: MoneyStage): Promise<ReadonlyMap<string, bigint>> {
  const sell = async (currency: string, amountMinor: number, back: number) => {
    const price = { currency, amountMinor: String(amountMinor) };
    const { course, buyer } = await courseAndBuyer(stage, `Sold in ${currency}`, price);
    const { order } = await bought(buyer, { items: [{ courseId: course.id }] });
    assert.deepEqual(order.total, price);
    if (back > 0) {
      await refund(stage.finance, order.id, { amount: { currency, amountMinor: String(back) } });
      await orderIs(buyer, order.id, back === amountMinor ? 'refunded' : 'partially_refunded');
    }
    return [currency, BigInt(amountMinor - back)] as const;
  };
  // Cents, yen without decimals, dinars with three.
  return new Map(await Promise.all([sell('USD', 4_999, 1_250), sell('JPY', 5_800, 0), sell('KWD', 12_345, 12_345)]));
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
