/** The one way in which an order changes: its events, its row, its timers and what others are told, all in one transaction. */

import type { ContentService } from '@suuupra/contracts/gen/suuupra/content/v1/content_pb.ts';
import type { LearningService } from '@suuupra/contracts/gen/suuupra/learning/v1/learning_pb.ts';
import type { OrderItem } from '@suuupra/contracts/gen/suuupra/orders/v1/orders_pb.ts';
import type { PaymentsService } from '@suuupra/contracts/gen/suuupra/payments/v1/payments_pb.ts';
import { type CallContext, type Client, isRefusal, type Refusal } from '@suuupra/platform/rpc/rpc';
import type { OneAtATime } from '@suuupra/platform/sql/one-at-a-time';
import type { Sql, SqlTransaction } from '@suuupra/platform/sql/sql';
import type { EventCause, Publish } from '@suuupra/platform/stream/outbox';
import type { Log } from '@suuupra/platform/telemetry/telemetry';
import type { World } from '@suuupra/platform/world';
import { publishFact } from './facts.ts';
import { type CaptureMethod, decide, type Order, type OrderCommand, type OrderEvent, type OrderLine } from './order.ts';
import type { DraftLine } from './price.ts';
import type { Recall } from './recall.ts';
import {
  appendEvents,
  dropTimer,
  dropTimers,
  type LoadedOrder,
  lockOrder,
  noteFundedRefund,
  setTimer,
} from './store.ts';

export type LoopName = 'janitor' | 'sales' | 'access';

export interface OrdersSurroundings {
  readonly sql: Sql;
  readonly world: World;
  readonly log: Log;
  /** May be empty or fail at any moment. */
  readonly cache: Recall;
  readonly clients: {
    readonly content: Pick<Client<typeof ContentService>, 'getOffers'>;
    readonly learning: Pick<Client<typeof LearningService>, 'checkAccess'>;
    readonly payments: Pick<Client<typeof PaymentsService>, 'refundPayment' | 'cancelIntent' | 'reviseIntent'>;
  };
  publishIn(tx: SqlTransaction): Publish;
  /** Counts what became of orders, by event. */
  count(event: OrderEvent['type']): void;
  /** Measures how long after its capture a line was opened. */
  openedAfter(seconds: number, traceparent: string): void;
  /** Something may be due earlier than this loop knows. Each nudge costs the loop's questions to the database. */
  nudge(loop: LoopName): void;
  /** What belongs to an event of an order beside its row and the fact; in its transaction, in this order. */
  readonly afterEvents: readonly AfterEvent[];
  /** How items that are no plain courses and bundles become lines. */
  readonly itemKinds: readonly ItemKind[];
  /** Idempotency keys under way, in whichever process. */
  readonly running: OneAtATime;
}

/**
 * Does what belongs to an event, in the transaction of the event; `loaded` is the order after all events of the change. It
 * may change other orders by `changeOrder`, and must call nobody.
 */
export type AfterEvent = (
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  loaded: LoadedOrder,
  event: OrderEvent,
  cause: EventCause | undefined,
) => Promise<void>;

/** Items of one kind: who knows them, and what lines they make. */
export interface ItemKind {
  isOne(item: OrderItem): boolean;
  /** Reads what it needs, outside any transaction. Names fields of the item below `path`, e.g. `items[0]`. */
  draft(
    surroundings: OrdersSurroundings,
    item: OrderItem,
    asked: { readonly buyerId: string; readonly path: string; readonly context: CallContext },
  ): Promise<DraftedItem | Refusal>;
}

export interface DraftedItem {
  readonly currency: string;
  readonly lines: readonly DraftLine[];
  /** Default: automatic. */
  readonly captureMethod?: CaptureMethod;
  /** Called with the item's own lines when the order is placed, in its transaction; a refusal rolls all of it back. */
  placed?(tx: SqlTransaction, order: Order, lines: readonly OrderLine[]): Promise<Refusal | undefined>;
}

/** A refund that its own request does not finish (a crash, a lost answer) is sent again after this time. */
const refundResendMs = 30_000;

/** Decides the command on the locked order and carries it out. Refuses as `decide` does, `not_found` for an unknown order. */
export async function changeOrder(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  orderId: string,
  command: OrderCommand,
  cause?: EventCause,
): Promise<LoadedOrder | Refusal> {
  const loaded = await lockOrder(tx, orderId);
  const events = decide(command, loaded?.order);
  if (isRefusal(events)) return events;
  if (events.length === 0 && loaded !== undefined) return loaded;
  return recordEvents(surroundings, tx, orderId, loaded, events as readonly OrderEvent[], cause);
}

/** Appends what was decided. */
export async function recordEvents(
  surroundings: OrdersSurroundings,
  tx: SqlTransaction,
  orderId: string,
  before: LoadedOrder | undefined,
  events: readonly OrderEvent[],
  cause?: EventCause,
): Promise<LoadedOrder> {
  const after = await appendEvents(tx, orderId, before, events);
  const { order } = after;
  const publish = surroundings.publishIn(tx);
  for (const event of events) {
    await moveTimers(tx, order, event);
    await publishFact(publish, order, event, cause);
    tx.afterCommit(() => surroundings.count(event.type));
    for (const follow of surroundings.afterEvents) await follow(surroundings, tx, after, event, cause);
  }
  for (const loop of loopsOf(order, events)) tx.afterCommit(() => surroundings.nudge(loop));
  return after;
}

/** Whose round these events may make due. Timers that are due later than an idle loop looks wake nobody. */
function loopsOf(order: Order, events: readonly OrderEvent[]): LoopName[] {
  const loops: LoopName[] = [];
  if (events.some(({ type }) => type === 'OrderPaid' || type === 'RefundSucceeded')) loops.push('sales');
  if (events.some(({ type }) => type === 'RefundRequested')) loops.push('janitor');
  if (order.lines.some(({ kind }) => kind === 'subscription' || kind === 'seats')) loops.push('access');
  return loops;
}

async function moveTimers(tx: SqlTransaction, order: Order, event: OrderEvent): Promise<void> {
  const orderId = order.id;
  switch (event.type) {
    case 'OrderPlaced':
      if (order.state === 'awaiting_payment')
        await setTimer(tx, { orderId, kind: 'expiry', subject: '' }, order.expiresAtMs);
      return;
    case 'OrderPaid':
    case 'OrderCancelled':
      await dropTimers(tx, orderId, ['expiry', 'cancel']);
      return;
    case 'OrderAuthorized':
    case 'OrderReduced':
    case 'DisputeOpened':
    case 'DisputeClosed':
    case 'OrderEdited':
    case 'AccessConfirmed':
    case 'OrderFulfilled':
    case 'OrderCompleted':
      return;
    case 'RefundRequested':
      // What pays for another order is settled by that order, and asked of nobody.
      if (event.exchangeFor !== undefined) return;
      if (event.fundedBy !== undefined) await noteFundedRefund(tx, event.refundId, orderId);
      await setTimer(tx, { orderId, kind: 'refund', subject: event.refundId }, event.atMs + refundResendMs);
      return;
    case 'RefundSucceeded':
    case 'RefundFailed':
      await dropTimer(tx, { orderId, kind: 'refund', subject: event.refundId });
      return;
  }
}
