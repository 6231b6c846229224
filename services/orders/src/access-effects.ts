/** What events of orders mean for gifts, seats, cohorts and subscriptions; in the transaction of the event. */
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type AfterEvent, changeOrder, type OrdersSurroundings } from './change.ts';
import { placesReleased, placesReturned, placesSold } from './cohorts.ts';
import { giftsBought, giftsTakenBack } from './gifts.ts';
import { isLineRefunded, type LineKind, type Order, statusOf } from './order.ts';
import { poolsBought, poolsTakenBack, seatRefundSettled } from './seats.ts';
import { billCancelled, billPaid, periodTakenBack } from './subscriptions.ts';

/** Opens what was paid for, frees what was not, and takes back what was refunded: each once (M27). */
const moveAccess: AfterEvent = async (surroundings, tx, { order }, event, cause) => {
  switch (event.type) {
    case 'OrderPaid':
      return open(surroundings, tx, order, cause);
    case 'OrderCancelled':
      if (has(order, 'cohort')) await placesReleased(tx, order.id);
      if (has(order, 'subscription')) await billCancelled(surroundings, tx, order, event.because, cause);
      return;
    case 'RefundSucceeded':
      await seatRefundSettled(tx, event.refundId, 'succeeded');
      return takeBack(surroundings, tx, order, 'refunded', cause);
    case 'RefundFailed':
      return seatRefundSettled(tx, event.refundId, 'failed');
    case 'DisputeClosed':
      if (event.outcome === 'lost') await takeBack(surroundings, tx, order, 'dispute_lost', cause);
      return;
    default:
      return;
  }
};

export const accessEffects: readonly AfterEvent[] = [moveAccess];

/** Only such an order has anything in the tables of that kind. */
function has(order: Order, kind: LineKind): boolean {
  return order.lines.some((line) => line.kind === kind);
}

async function open(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  cause?: EventCause,
): Promise<void> {
  await giftsBought(surroundings, tx, order, cause);
  await poolsBought(surroundings, tx, order);
  const lost = has(order, 'cohort') ? await placesSold(surroundings, tx, order, cause) : [];
  if (lost.length > 0) await refundByItself(surroundings, tx, order, lost, 'no place was left', cause);
  if (!has(order, 'subscription') || (await billPaid(surroundings, tx, order, cause))) return;
  const lineIds = order.lines.map((line) => line.id);
  await refundByItself(surroundings, tx, order, lineIds, 'the subscription had ended', cause);
}

/** Money that came for what is gone goes back without anybody asking; the janitor sends it (M21). */
async function refundByItself(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  lineIds: readonly string[],
  reason: string,
  cause?: EventCause,
): Promise<void> {
  const command = {
    kind: 'request_refund',
    refundId: surroundings.world.id('rfd'),
    requestedBy: '',
    byBuyer: false,
    items: lineIds.map((lineId) => ({ lineId, courseId: '' })),
    reason,
    atMs: surroundings.world.now(),
  } as const;
  const changed = await changeOrder(surroundings, tx, order.id, command, cause);
  if (isRefusal(changed)) surroundings.log.warn('nothing to give back', { orderId: order.id, code: changed.code });
}

async function takeBack(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  order: Order,
  because: 'refunded' | 'dispute_lost',
  cause?: EventCause,
): Promise<void> {
  const lineIds = order.lines.filter((line) => isLineRefunded(order, line)).map((line) => line.id);
  if (lineIds.length === 0) return;
  const taken = { orderId: order.id, lineIds, because };
  await giftsTakenBack(surroundings, tx, taken, cause);
  await poolsTakenBack(surroundings, tx, taken, cause);
  await placesReturned(surroundings, tx, taken, cause);
  if (statusOf(order) === 'refunded' || because === 'dispute_lost')
    await periodTakenBack(surroundings, tx, order.id, because, cause);
}
