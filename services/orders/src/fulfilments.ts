/** Whether what was bought is open, by the word of the service that opens it, and when an order is at its end. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Envelope } from '@suuupra/contracts/gen/suuupra/common/v1/envelope_pb.ts';
import type { EnrolmentGranted } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_events_pb.ts';
import { isRefusal } from '@suuupra/platform/rpc/rpc';
import type { SqlExecutor, SqlTransaction } from '@suuupra/platform/sql/sql';
import { backOffMs } from '@suuupra/platform/stream/bell';
import type { EventCause } from '@suuupra/platform/stream/outbox';
import { type AfterEvent, changeOrder, type OrdersSurroundings } from './change.ts';
import { passedOn } from './items.ts';
import { fulfillmentOf, type Order, type OrderLine, waitingLines } from './order.ts';
import { accessAskedMs } from './order-view.ts';
import { dropTimer, readStream, setTimer, type Timer } from './store.ts';

/** An answer to the first question may take so long before anybody is to be troubled. */
const unopenedMs = 60_000;
const askAgainMostMs = 3_600_000;
/** From this question on an order that is paid and not open is said in the log each time. */
const triesUnremarkable = 5;

/**
 * Learning has opened a course to somebody by an order. It says so only when access began by it: access that was there
 * already is asked about by `followUp`. Access by an order that is none of ours (an older database) is nobody's here.
 */
export async function confirmOpened(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  { orderId, userId, courseId }: EnrolmentGranted,
  { time }: Pick<Envelope, 'time'>,
  cause: EventCause,
): Promise<void> {
  const opened = time === undefined ? {} : { openedAtMs: timestampMs(time) };
  const atMs = surroundings.world.now();
  const command = { kind: 'confirm_access', of: { userId, courseId }, ...opened, atMs } as const;
  await changeOrder(surroundings, tx, orderId, command, cause);
}

/**
 * From captured money to opened access, measured once a line, where both were told: by payments' clock and by learning's,
 * so clocks that differ make it longer or shorter. What was open before, or cost nothing, was not opened by money.
 */
export const measureOpening: AfterEvent = async ({ openedAfter }, tx, { order }, event, cause) => {
  if (event.type !== 'AccessConfirmed' || event.openedAtMs === undefined || order.capturedAtMs === undefined) return;
  const seconds = Math.max(0, event.openedAtMs - order.capturedAtMs) / 1_000;
  tx.afterCommit(() => openedAfter(seconds, cause?.traceparent ?? ''));
};

/** How many orders are paid and not open although that was asked about; counted up to a bound. */
export async function countUnopened(executor: SqlExecutor, nowMs: number): Promise<number> {
  const [row] = await executor.query<{ unopened: number }>(
    `SELECT count(*)::int AS unopened FROM (
       SELECT 1 FROM orders WHERE follow_up_at < $1 AND details ->> 'fulfillment' = 'pending' LIMIT 1000) AS waiting`,
    [new Date(nowMs - unopenedMs)],
  );
  return row?.unopened ?? 0;
}

/** Asks whether the access of a paid order is open, or completes it when its time has come. */
export async function followUp(surroundings: OrdersSurroundings, timer: Timer): Promise<void> {
  const { sql, world, log } = surroundings;
  const loaded = await readStream(sql, timer.orderId);
  if (loaded === undefined) return dropTimer(sql, timer);
  const lineIds = fulfillmentOf(loaded.order) === 'pending' ? await openLines(surroundings, loaded.order) : undefined;
  const isSettled = await sql.transaction(async (tx) => {
    const atMs = world.now();
    const command =
      lineIds === undefined
        ? ({ kind: 'complete', atMs } as const)
        : ({ kind: 'confirm_access', of: { lineIds }, atMs } as const);
    const changed = await changeOrder(surroundings, tx, timer.orderId, command);
    if (isRefusal(changed)) throw new Error(`the order ${timer.orderId} is gone`);
    if (waitingLines(changed.order).length > 0) return false;
    await dropTimer(tx, timer);
    return true;
  });
  if (isSettled) return;
  await setTimer(sql, timer, world.now() + backOffMs(timer.tries, accessAskedMs, askAgainMostMs, world.random));
  if (timer.tries >= triesUnremarkable)
    log.warn('what is paid is not open', { orderId: timer.orderId, tries: timer.tries });
}

/** Those of the waiting lines that learning says are open. */
async function openLines(surroundings: OrdersSurroundings, order: Order): Promise<string[]> {
  const open: string[] = [];
  for (const line of waitingLines(order)) {
    const courseIds = line.kind === 'subscription' ? await coursesBy(surroundings.sql, line) : [line.courseId];
    const answers = await Promise.all(courseIds.map((courseId) => isOpen(surroundings, order.buyerId, courseId)));
    if (answers.every(Boolean)) open.push(line.id);
  }
  return open;
}

async function isOpen({ clients }: OrdersSurroundings, userId: string, courseId: string): Promise<boolean> {
  const answer = await clients.learning.checkAccess({ userId, courseId });
  if (!isRefusal(answer)) return answer.entitled;
  // Not known now is not open: it is asked again.
  passedOn(answer);
  return false;
}

/** The courses that a subscription opens now; at most a plan's. */
async function coursesBy(executor: SqlExecutor, line: OrderLine): Promise<string[]> {
  const rows = await executor.query<{ course_id: string }>(
    "SELECT course_id FROM entitlements WHERE source = 'subscription' AND source_id = $1 AND ended_at IS NULL",
    [line.reference],
  );
  return rows.map((row) => row.course_id);
}
