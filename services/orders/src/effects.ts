/** What follows from events of orders, in the transaction of the event. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EntitlementEndedSchema } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import { type AfterEvent, changeOrder } from './change.ts';
import { giveCouponBack } from './coupons.ts';
import { measureOpening } from './fulfilments.ts';
import { issueInvoices } from './invoices.ts';
import { isLineRefunded, type Order, OrderContradiction } from './order.ts';
import { isForBuyer } from './order-view.ts';
import { openOrders, ownedCourses, setTimer } from './store.ts';

/** An exchange happens when the order that it pays for is paid, and not at all when that is cancelled. */
const settleExchange: AfterEvent = async (surroundings, tx, { order }, event, cause) => {
  if (order.credit === undefined || (event.type !== 'OrderPaid' && event.type !== 'OrderCancelled')) return;
  const { orderId, exchangeId: refundId } = order.credit;
  const outcome = event.type === 'OrderPaid' ? 'succeeded' : 'failed';
  const command = { kind: 'settle_refund', refundId, outcome, code: 'not_paid', atMs: event.atMs } as const;
  const changed = await changeOrder(surroundings, tx, orderId, command, cause);
  if (isRefusal(changed)) throw new OrderContradiction(`the order ${order.id} is paid by the unknown order ${orderId}`);
};

/** Orders of the same course that wait for a payment are not needed any more: the janitor closes and cancels them. */
const supersede: AfterEvent = async ({ world, nudge }, tx, { order }, event) => {
  if (event.type !== 'OrderPaid') return;
  const courses = coursesFor(order);
  for (const other of await openOrders(tx, order.buyerId)) {
    const isSame = other.lines.some((line) => isForBuyer(line.kind) && courses.has(line.courseId));
    // What has left the stage of waiting is decided by its payment.
    if (!isSame || other.id === order.id) continue;
    await setTimer(tx, { orderId: other.id, kind: 'cancel', subject: 'superseded' }, world.now());
    tx.afterCommit(() => nudge('janitor'));
  }
};

/** What the buyer owns already and has paid once more goes back by itself. */
const returnDuplicates: AfterEvent = async (surroundings, tx, { order }, event, cause) => {
  if (event.type !== 'OrderPaid') return;
  const owned = await ownedCourses(tx, order.buyerId, [...coursesFor(order)], order.id);
  const items = order.lines
    .filter((line) => isForBuyer(line.kind) && owned.has(line.courseId) && line.priceMinor > line.discountMinor)
    .map((line) => ({ lineId: line.id, courseId: line.courseId }));
  if (items.length === 0) return;
  const refundId = surroundings.world.id('rfd');
  const command = { kind: 'request_refund', refundId, requestedBy: '', byBuyer: false, items } as const;
  const about = { reason: 'already_owned', atMs: event.atMs };
  const changed = await changeOrder(surroundings, tx, order.id, { ...command, ...about }, cause);
  if (isRefusal(changed)) throw new OrderContradiction(`the order ${order.id} cannot give back what is paid twice`);
  await setTimer(tx, { orderId: order.id, kind: 'refund', subject: refundId }, event.atMs);
};

function coursesFor(order: Order): ReadonlySet<string> {
  return new Set(order.lines.filter((line) => isForBuyer(line.kind)).map((line) => line.courseId));
}

/**
 * The buyer's bank took the money back: access by the lines ends, once. The ledger books the dispute by payments' own
 * event, so no money is told of here. Lines of other kinds end theirs by themselves.
 */
const endDisputedAccess: AfterEvent = async ({ publishIn }, tx, { order }, event, cause) => {
  if (event.type !== 'DisputeClosed' || event.outcome !== 'lost') return;
  const publish = publishIn(tx);
  const before = { ...order, disputes: order.disputes.filter((dispute) => dispute.id !== event.disputeId) };
  for (const line of order.lines) {
    // Given back before, its access ended then.
    if (line.kind !== 'course' || isLineRefunded(before, line)) continue;
    const ended = { entitlementId: line.id, userId: order.buyerId, courseId: line.courseId, because: 'dispute_lost' };
    await publish(EntitlementEndedSchema, { ...ended, endedAt: timestampFromMs(event.atMs) }, cause);
  }
};

export const commerceEffects: readonly AfterEvent[] = [
  giveCouponBack,
  issueInvoices,
  settleExchange,
  supersede,
  returnDuplicates,
  endDisputedAccess,
  measureOpening,
];
